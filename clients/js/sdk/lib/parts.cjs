// The parts of the client: one class for each thing that the service has, one method for each call.
'use strict';

const { randomUUID } = require('node:crypto');
const clock = require('./clock.cjs');
const { NotReached } = require('./errors.cjs');
const { Listing } = require('./listing.cjs');

// A run that is in one of these states goes on by itself.
const AT_WORK = new Set(['running', 'delivering']);
// So many of the states that `tail` has told are remembered.
const REMEMBERED = 20_000;

/** One part of the client. It hides how the service is called: what users see are the calls. */
class Part {
  #caller;

  constructor(caller) {
    this.#caller = caller;
  }

  static callerOf(part) {
    return part.#caller;
  }
}
const { callerOf } = Part;

function get(part, path, places, query) {
  return callerOf(part).do({ method: 'GET', path }, { places, query });
}

/** A call that changes something; `once` says that doing it twice is not the same as doing it once. */
function post(part, path, places, body = {}, { once = false } = {}) {
  return callerOf(part).do({ method: 'POST', path, once }, { places, body });
}

function remove(part, path, places, { once = false } = {}) {
  return callerOf(part).do({ method: 'DELETE', path, once }, { places });
}

function listing(part, path, filters) {
  return new Listing(callerOf(part), { method: 'GET', path }, filters);
}

class Skills extends Part {
  async list() {
    return (await get(this, '/skills')).items;
  }

  get(name) {
    return get(this, '/skills/{}', [name]);
  }

  report(name) {
    return get(this, '/skills/{}/report', [name]);
  }

  reset(name) {
    return post(this, '/skills/{}/reset', [name]);
  }

  enable(name, config = {}) {
    return post(this, '/skills/{}/enable', [name], config);
  }

  disable(name) {
    return post(this, '/skills/{}/disable', [name]);
  }

  async trigger(name, payload) {
    return post(this, '/skills/{}/trigger', [name], withId(payload));
  }
}

class Connectors extends Part {
  async list() {
    return (await get(this, '/connectors')).items;
  }

  async platforms() {
    return (await get(this, '/connectors')).platforms;
  }

  get(source) {
    return get(this, '/connectors/{}', [source]);
  }

  sync(source, { full = false, compare = false, dryRun = false, force = false } = {}) {
    const body = { full, compare, dry_run: dryRun, force };
    return post(this, '/connectors/{}/sync', [source], body, { once: true });
  }

  install(source) {
    return post(this, '/connectors/{}/install', [source]);
  }
}

class Contacts extends Part {
  explain(address) {
    return get(this, '/contacts/{}', [address]);
  }

  sync(address) {
    return post(this, '/contacts/{}/sync', [address]);
  }

  erase(address) {
    return remove(this, '/contacts/{}', [address]);
  }
}

class Runs extends Part {
  list(filters) {
    return listing(this, '/runs', filters);
  }

  get(number) {
    return get(this, '/runs/{}', [number]);
  }

  start(source, { kind = 'incremental', dryRun = false, force = false } = {}) {
    return post(this, '/runs', [], { source, kind, dry_run: dryRun, force }, { once: true });
  }

  pause(number) {
    return post(this, '/runs/{}/pause', [number], {}, { once: true });
  }

  resume(number, { force = false } = {}) {
    return post(this, '/runs/{}/resume', [number], force ? { force } : {}, { once: true });
  }

  cancel(number) {
    return post(this, '/runs/{}/cancel', [number], {}, { once: true });
  }

  async wait(number, { timeoutMs = Infinity, everyMs = 2000 } = {}) {
    const endsAt = performance.now() + timeoutMs;
    for (;;) {
      const run = await this.get(number);
      if (!AT_WORK.has(run.state)) return run;
      if (performance.now() >= endsAt) {
        const text = `Run ${number} is ${run.state} after ${timeoutMs / 1000} s.`;
        throw new NotReached(text, 'Wait longer, or cancel it.');
      }
      await clock.pause(everyMs);
    }
  }
}

class Parked extends Part {
  list(filters) {
    return listing(this, '/parked', filters);
  }

  get(id, { reveal = false } = {}) {
    return get(this, '/parked/{}', [id], reveal ? { reveal: '1' } : undefined);
  }

  async replay(which) {
    if (typeof which === 'string') {
      return (await post(this, '/parked/{}/replay', [which], {}, { once: true })).replayed;
    }
    const { reason, source } = which ?? {};
    if (reason === undefined && source === undefined) {
      throw new TypeError('Name one parked thing, or else a reason, a source, or both.');
    }
    return (await post(this, '/parked/replay', [], { reason, source })).replayed;
  }

  async drop(id) {
    await remove(this, '/parked/{}', [id], { once: true });
  }
}

class Events extends Part {
  list(filters) {
    return listing(this, '/events', filters);
  }

  get(id, { source } = {}) {
    return get(this, '/events/{}', [id], source === undefined ? undefined : { source });
  }

  async send(events) {
    const isMany = typeof events?.[Symbol.iterator] === 'function';
    return post(this, '/events', [], isMany ? { events: Array.from(events, (one) => withId(one)) } : withId(events));
  }

  async *tail({ everyMs = 1000, ...filters } = {}) {
    const told = new Set();
    const [newest] = await this.list({ limit: 1 }).all();
    const chosen = { ...filters };
    if (newest && filters.since === undefined) {
      chosen.since = newest.at;
      // others may have come in the same millisecond
      for await (const one of this.list(chosen)) told.add(`${one.state} ${one.id}`);
    }
    for (;;) {
      yield* await this.#fresh(told, chosen);
      await clock.pause(everyMs);
    }
  }

  /** Return what was not told yet, the newest last; a page without any ends the search. */
  async #fresh(told, filters) {
    const found = [];
    for await (const page of this.list(filters).pages()) {
      const fresh = page.filter((one) => !told.has(`${one.state} ${one.id}`));
      if (fresh.length === 0) break;
      found.push(...fresh);
    }
    found.reverse();
    for (const one of found) told.add(`${one.state} ${one.id}`);
    for (const one of told) {
      if (told.size <= REMEMBERED) break;
      told.delete(one);
    }
    return found;
  }
}

class Receipts extends Part {
  list(filters) {
    return listing(this, '/receipts', filters);
  }

  get(id) {
    return get(this, '/receipts/{}', [id]);
  }
}

class Notices extends Part {
  async list() {
    return (await get(this, '/notices')).items;
  }

  async test(target) {
    return (await post(this, '/notices/test', [], target === undefined ? {} : { target }, { once: true })).items;
  }
}

// An event without an id gets one, so that a call that is tried again counts once.
function withId(event) {
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    const kind = event === null ? 'null' : Array.isArray(event) ? 'array' : typeof event;
    throw new TypeError(`An event has the keys event and data: give one, or several in an array, not ${kind}.`);
  }
  return { ...event, id: event.id || randomUUID() };
}

module.exports = { Connectors, Contacts, Events, Notices, Parked, Receipts, Runs, Skills };
