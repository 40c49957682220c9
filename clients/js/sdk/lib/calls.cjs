// How a call travels: one request, tried again where that is safe, its answer read or turned into an error.
'use strict';

const { API } = require('./address.cjs');
const clock = require('./clock.cjs');
const { NotReached, NotTajo, TooManyCalls, TooOld, byStatus } = require('./errors.cjs');

// The oldest service that this client speaks with.
const OLDEST = '0.1.0';
// The header in which each answer of the service tells its version.
const VERSION_HEADER = 'Tajo-Version';
// The first wait before another try, and the longest, in seconds; each time twice as long, of which a part by chance:
// see Brooker, "Exponential Backoff and Jitter" (2015).
const FIRST_WAIT_S = 0.5;
const LONGEST_WAIT_S = 8;
// Where a service asks for a longer wait than this, in seconds, the caller is told at once.
const LONGEST_PATIENCE_S = 60;
// The service, or a proxy before it, says that it cannot now: another try may help.
const AWAY = new Set([502, 503, 504]);
// The service did nothing yet, whatever the call is.
const NOT_BEGUN = new Set([429]);
// What a route that there is not answers, as its kind of problem.
const UNKNOWN_CALLS = ['urn:tajo:problem:no-such-call', 'urn:tajo:problem:method-not-allowed'];
// What to do where nobody knows whether a call was done.
const LOOK_FIRST = 'Look how things stand before you call again.';
// Parts of a path that would lead to another call.
const ELSEWHERE = new Set(['', '.', '..']);
// Faults that came before the service could hear anything.
const NOT_SENT = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const CERTIFICATE = /CERT|SIGNATURE|ERR_TLS|ERR_SSL/;

/** Makes calls. */
class Caller {
  #apiKey;
  #headers;

  /** @param {object} reach `url` without a slash at the end, `timeoutMs` of one try, `tries` */
  constructor({ url, timeoutMs, tries }, apiKey, headers) {
    this.url = url;
    this.timeoutMs = timeoutMs;
    this.tries = tries;
    this.#apiKey = apiKey;
    this.#headers = headers;
  }

  /**
   * Make a call and return the JSON of its answer, null where the answer is empty.
   *
   * @param {object} call `method`, `path` below `/api/v1` with `{}` for each part that varies, `once`: not repeatable
   * @param {object} [what] `places`: what stands in the `{}`; `query`; `body`
   */
  async do(call, { places = [], query, body } = {}) {
    const rest = [...places];
    const path = call.path.replace(/\{\}/g, () => partOfPath(rest.shift()));
    const search = query ? `?${new URLSearchParams(query)}` : '';
    const content = body === undefined ? undefined : JSON.stringify(body, checked);
    let found;
    for (let attempt = 1; attempt <= this.tries; attempt += 1) {
      found = await this.#try(call, path + search, content);
      if (found.status && !AWAY.has(found.status) && !NOT_BEGUN.has(found.status)) break;
      const waitS = attempt === this.tries ? null : this.#waitS(found, call, attempt);
      if (waitS === null) break;
      await clock.pause(waitS * 1000);
    }
    if (!found.status) throw this.#notReached(found, call);
    return this.#read(found, call);
  }

  async #try(call, path, content) {
    const headers = { Accept: 'application/json', ...this.#headers, Authorization: `Bearer ${this.#apiKey}` };
    if (content !== undefined) headers['Content-Type'] = 'application/json';
    const init = { method: call.method, headers, body: content, redirect: 'manual' };
    try {
      const answer = await fetch(this.url + API + path, { ...init, signal: AbortSignal.timeout(this.timeoutMs) });
      return { status: answer.status, headers: answer.headers, text: await answer.text() };
    } catch (error) {
      return { code: error.name === 'TimeoutError' ? 'TIMEOUT' : String(error.cause?.code ?? error.code ?? '') };
    }
  }

  /** Return how long to wait before the next try, in seconds; null: there is none. */
  #waitS(found, call, attempt) {
    const waitS = Math.random() * Math.min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (attempt - 1));
    if (!found.status) {
      return !CERTIFICATE.test(found.code) && (!call.once || NOT_SENT.has(found.code)) ? waitS : null;
    }
    if (call.once && !NOT_BEGUN.has(found.status)) return null;
    const afterS = retryAfterS(found.headers);
    if (afterS === null) return waitS;
    return afterS > LONGEST_PATIENCE_S ? null : afterS + waitS / 4;
  }

  #notReached({ code }, call) {
    if (CERTIFICATE.test(code)) {
      return new NotReached(`The certificate of ${this.url} was not accepted.`, 'Mend it, or correct the address.');
    }
    if (call.once && !NOT_SENT.has(code)) {
      return new NotReached(
        `${this.url} was called, and the connection ended before the answer: it may have been done or not.`,
        LOOK_FIRST,
      );
    }
    const happened = code === 'TIMEOUT' ? `did not answer within ${this.timeoutMs / 1000} seconds` : 'is not reached';
    return new NotReached(
      `${this.url} ${happened}, ${this.tries} tries in all.`,
      'Start it with `tajo run`, or correct the address (baseUrl, TAJO_URL).',
    );
  }

  #read({ status, headers, text }, call) {
    this.#checkService(status, headers);
    let body;
    try {
      body = text ? JSON.parse(text) : null;
    } catch {
      body = undefined;
    }
    if (status < 400) {
      if (body === undefined) throw this.#notTajo('its answer is not JSON');
      return body;
    }
    const problem = body && typeof body === 'object' && !Array.isArray(body) ? body : {};
    const name = `${call.method} ${API}${call.path}`;
    if (UNKNOWN_CALLS.includes(problem.type)) {
      const version = headers.get(VERSION_HEADER);
      const detail = `${this.url} is version ${version} and does not know ${name}.`;
      throw new TooOld(detail, 'Upgrade the service.', { status, kind: problem.type });
    }
    const Kind = byStatus(status);
    let detail = problem.detail || problem.title || `${name} was answered with the status ${status}.`;
    let remedy = problem.remedy ?? '';
    if (AWAY.has(status) && call.once) {
      detail = `${detail} It may have been done or not.`;
      remedy = `${remedy} ${LOOK_FIRST}`.trim();
    } else if (AWAY.has(status) && !remedy) {
      remedy = 'Call again later; if it stays so, look whether the service and what stands before it run.';
    }
    const more = Kind === TooManyCalls ? { afterS: retryAfterS(headers) } : {};
    throw new Kind(detail, remedy, {
      errors: problem.errors ?? [],
      status,
      kind: problem.type ?? '',
      ...more,
    });
  }

  #checkService(status, headers) {
    if (status >= 300 && status < 400) {
      throw this.#notTajo('it sends on to another address; use that one, if you trust it');
    }
    const version = headers.get(VERSION_HEADER);
    if (version === null) {
      if (AWAY.has(status) || NOT_BEGUN.has(status)) return; // these may come from a proxy before it
      throw this.#notTajo(`the header ${VERSION_HEADER} is missing`);
    }
    if (compare(numbers(version), numbers(OLDEST)) < 0) {
      const detail = `${this.url} is version ${version}; this client needs ${OLDEST} or newer.`;
      throw new TooOld(detail, 'Upgrade the service.', { status });
    }
  }

  #notTajo(why) {
    return new NotTajo(
      `${this.url} answers, but not as Tajo Customer Sync ${OLDEST} or newer does: ${why}.`,
      'Correct the address (baseUrl, TAJO_URL), or upgrade the service there.',
    );
  }
}

/** Return a name or a number as it stands in a path. */
function partOfPath(place) {
  if (typeof place !== 'string' && typeof place !== 'number') {
    const kind = place === null ? 'null' : typeof place;
    throw new TypeError(`A name or an id must be a text, not ${kind}; nothing was sent.`);
  }
  if (ELSEWHERE.has(String(place))) {
    throw new TypeError(`'${place}' is no name or id: say which one is meant; nothing was sent.`);
  }
  return encodeURIComponent(String(place));
}

/** Refuse numbers that JSON has not, which would be sent as null. */
function checked(key, value) {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new TypeError(`${key} is ${value}, which cannot be sent as JSON; nothing was sent.`);
  }
  return value;
}

/** Return how long an answer asks to wait, in seconds; a date counts from the time of the answer itself. */
function retryAfterS(headers) {
  const text = (headers.get('Retry-After') ?? '').trim();
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const waitMs = Date.parse(text) - Date.parse(headers.get('Date') ?? '');
  return Number.isNaN(waitMs) ? null : Math.max(0, waitMs / 1000);
}

function numbers(version) {
  const match = /^(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(version);
  return match ? match.slice(1).map((one) => Number(one ?? 0)) : [0, 0, 0];
}

function compare(one, other) {
  const at = one.findIndex((number, place) => number !== other[place]);
  return at < 0 ? 0 : one[at] - other[at];
}

module.exports = { Caller };
