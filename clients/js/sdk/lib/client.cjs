// `TajoClient`: a running Tajo Customer Sync, for programs.
'use strict';

const { DEFAULT_URL, accountMark, checkKey, checkUrl } = require('./address.cjs');
const { Caller } = require('./calls.cjs');
const { SettingsWrong } = require('./errors.cjs');
const { Listing } = require('./listing.cjs');
const parts = require('./parts.cjs');
const { version } = require('../package.json');

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** A running Tajo Customer Sync. `index.d.cts` says what each option means. */
class TajoClient {
  #caller;

  constructor({ apiKey, brevoApiKey, baseUrl, timeoutMs = 30_000, tries = 5, allowHttp = false } = {}) {
    const { env } = process;
    const url = checkUrl(baseUrl || env.TAJO_URL || DEFAULT_URL, allowHttp);
    const key = checkKey(apiKey ?? env.TAJO_API_KEY ?? '', 'apiKey');
    const brevoKey = checkKey(brevoApiKey ?? env.BREVO_API_KEY ?? '', 'brevoApiKey');
    if (!key) {
      throw new SettingsWrong(
        'There is no API key.',
        'Give apiKey, or set TAJO_API_KEY. A service that made its own key keeps it in `.tajo/api.key`.',
      );
    }
    if (!(timeoutMs > 0 && tries >= 1 && tries <= 10)) {
      throw new SettingsWrong('timeoutMs or tries is out of range.', 'timeoutMs is above 0, tries is 1 to 10.');
    }
    const headers = { 'User-Agent': `tajo-js/${version} (Node ${process.versions.node})` };
    if (brevoKey) headers['Tajo-Brevo-Account'] = accountMark(key, brevoKey);
    this.#caller = new Caller({ url, timeoutMs, tries }, key, headers);
    this.skills = new parts.Skills(this.#caller);
    this.connectors = new parts.Connectors(this.#caller);
    this.contacts = new parts.Contacts(this.#caller);
    this.runs = new parts.Runs(this.#caller);
    this.parked = new parts.Parked(this.#caller);
    this.events = new parts.Events(this.#caller);
    this.receipts = new parts.Receipts(this.#caller);
    this.notices = new parts.Notices(this.#caller);
  }

  /** Return the figures of the overview, and all that is found, the worst first. */
  status() {
    return this.#caller.do({ method: 'GET', path: '/status' });
  }

  /** Return what a person should know, the newest first. */
  alerts(filters) {
    return new Listing(this.#caller, { method: 'GET', path: '/alerts' }, filters);
  }

  /** Return what imports may do in the Brevo account, and why. */
  imports() {
    return this.#caller.do({ method: 'GET', path: '/imports' });
  }

  [INSPECT]() {
    return `TajoClient(${this.#caller.url})`;
  }
}

module.exports = { TajoClient };
