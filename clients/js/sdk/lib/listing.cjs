// Lists of the service: one page after the other, each asked for when it is reached.
'use strict';

const { NotTajo } = require('./errors.cjs');

// How many things one page has, where the caller wants more than that.
const PAGE = 200;

/** The things of a list, newest first, for `for await`. Each walk over it asks the service anew. */
class Listing {
  #caller;
  #call;
  #query;
  #limit;

  /** @param {object} filters which things are meant; what is undefined is left out, and a Date becomes a text */
  constructor(caller, call, { limit, ...filters } = {}) {
    this.#caller = caller;
    this.#call = call;
    this.#limit = checkedLimit(limit ?? Infinity);
    const given = Object.entries(filters).filter(([, value]) => value != null);
    this.#query = Object.fromEntries(given.map(([name, value]) => [name, written(value)]));
  }

  async *[Symbol.asyncIterator]() {
    let left = this.#limit;
    if (left <= 0) return;
    for await (const page of this.pages()) {
      for (const one of page) {
        yield one;
        left -= 1;
        if (left <= 0) return;
      }
    }
  }

  /** Yield one page after the other, as the service cuts them. */
  async *pages() {
    const limit = String(Math.max(1, Math.min(PAGE, this.#limit)));
    let cursor;
    do {
      const query = { ...this.#query, limit, ...(cursor ? { cursor } : {}) };
      const answer = await this.#caller.do(this.#call, { query });
      yield answer.items;
      if (cursor && answer.next_cursor === cursor) {
        throw new NotTajo('The service gave the same page twice.', 'Tell whoever runs it: the list has no end.');
      }
      cursor = answer.next_cursor;
    } while (cursor);
  }

  /** Return all of them as an array. */
  async all() {
    const found = [];
    for await (const one of this) found.push(one);
    return found;
  }
}

function checkedLimit(limit) {
  if (limit === Infinity || (Number.isInteger(limit) && limit >= 0)) return limit;
  throw new TypeError(`limit must be a whole number, 0 or more, not ${JSON.stringify(limit) ?? typeof limit}.`);
}

function written(value) {
  return value instanceof Date ? value.toISOString() : String(value);
}

module.exports = { Listing };
