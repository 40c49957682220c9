// Where the service is and who calls it: checked before anything is sent.
'use strict';

const { createHmac } = require('node:crypto');
const { SettingsWrong } = require('./errors.cjs');

// Where `tajo run` listens.
const DEFAULT_URL = 'http://127.0.0.1:8000';
// What all calls stand below.
const API = '/api/v1';
const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

// The host as it was written: a URL reads 127.1 and 0x7f.1 as 127.0.0.1, which is not what everybody reads.
const WRITTEN = /^[a-z]+:\/\/(\[[^\]]*\]|[^/:?#]*)/i;

/** Return the address of a service without a slash at its end; `/api/v1` at its end is left out. */
function checkUrl(text, allowHttp) {
  let url;
  try {
    url = new URL(String(text).trim());
  } catch {
    throw notAnAddress();
  }
  if (!['http:', 'https:'].includes(url.protocol) || url.search || url.hash) throw notAnAddress();
  if (url.username || url.password) {
    throw new SettingsWrong('The address holds a user or a password.', 'Give the key as apiKey instead.');
  }
  if (url.protocol === 'http:' && !allowHttp && !isLoopback(url, String(text).trim())) {
    throw new SettingsWrong(
      `${url.hostname} would be called without TLS: everybody on the way could read the key and the customers.`,
      'Use its https address; inside of a network that you trust, allowHttp: true lets it pass.',
    );
  }
  const path = url.pathname.replace(/\/+$/, '');
  return (url.origin + (path.endsWith(API) ? path.slice(0, -API.length) : path)).replace(/\/+$/, '');
}

function isLoopback(url, text) {
  const isAsWritten = url.hostname.startsWith('[') || WRITTEN.exec(text)?.[1].toLowerCase() === url.hostname;
  return LOOPBACK.test(url.hostname) && isAsWritten;
}

/** Return a key without the blanks around it; the error for one that no header can carry does not show it. */
function checkKey(key, name) {
  const found = String(key).trim();
  if (!/^[\x21-\x7e]*$/.test(found)) {
    throw new SettingsWrong(
      `${name} holds blanks, line breaks or characters outside of ASCII.`,
      'Copy the key again, and only the key.',
    );
  }
  return found;
}

/** Return what proves which Brevo account is meant, without telling its key. */
function accountMark(apiKey, brevoApiKey) {
  return createHmac('sha256', apiKey).update(brevoApiKey).digest('hex');
}

function notAnAddress() {
  return new SettingsWrong(
    'The address of the service is not one.',
    `Write baseUrl (or TAJO_URL) like ${DEFAULT_URL} or https://sync.example.com.`,
  );
}

module.exports = { API, DEFAULT_URL, accountMark, checkKey, checkUrl };
