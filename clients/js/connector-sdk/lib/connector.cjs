// `ConnectorSDK`: what a connector is called, where it reads, how its webhooks become events.
'use strict';

const { faultsOf } = require('./check.cjs');
const { ConnectorFaults, WebhookRefused } = require('./errors.cjs');
const { find } = require('./paths.cjs');

class ConnectorSDK {
  constructor(description) {
    const faults = faultsOf(description);
    if (faults.length > 0) throw new ConnectorFaults(faults);
    const { name, version, auth, resources, webhooks = {} } = structuredClone(description);
    Object.assign(this, { name, version, auth, resources, webhooks });
    deepFreeze(this);
  }

  /** Return a webhook as the event that it is. */
  toEvent(path, body) {
    const [event, hook] = this.#hookAt(path);
    const resource = this.resources[hook.resource];
    if (resource === undefined) {
      throw new WebhookRefused(
        `${this.name}: the event ${event} has no resource.`,
        `Describe one under resources, with a mapping, and name it in webhooks.${event}.resource.`,
      );
    }
    const content = parsed(body);
    const record = hook.record === undefined ? content : find(content, hook.record);
    const fields = Object.entries(resource.mapping).map(([field, at]) => [field, find(record, at)]);
    const inexact = fields.filter(([, value]) => isInexact(value)).map(([field]) => field);
    if (inexact.length > 0) {
      throw new WebhookRefused(
        `${this.name}: ${inexact.join(', ')} of ${event}: a number that JavaScript cannot hold exactly.`,
        'Let the platform send it as a text, or parse the body with a parser that keeps large numbers.',
      );
    }
    const data = Object.fromEntries(fields.filter(([, value]) => value !== undefined));
    if (Object.keys(data).length === 0) {
      throw new WebhookRefused(
        `${this.name}: the body of ${event} has none of the fields that resources.${hook.resource}.mapping names.`,
        `Compare its paths, and webhooks.${event}.record, with what the platform sends.`,
      );
    }
    return { event, data, ...given('id', content, hook.eventId), ...given('timestamp', content, hook.occurredAt) };
  }

  /** Send a webhook as an event, and return what the service answered. */
  async handleWebhook(path, body, { client } = {}) {
    if (typeof client?.events?.send !== 'function') {
      throw new TypeError('handleWebhook needs { client }: a TajoClient of @tajo/sdk.');
    }
    return client.events.send(this.toEvent(path, body));
  }

  /** Return the description with every short form written out, in the spelling of a connector file. */
  toJSON() {
    const { type, authorizationUrl, tokenUrl, scopes } = this.auth;
    const addresses = { authorization_url: authorizationUrl, token_url: tokenUrl, scopes };
    const events = Object.keys(this.webhooks).map((event) => {
      const { path, resource, record, eventId, occurredAt } = this.#hook(event);
      return [event, { path, resource, record, event_id: eventId, occurred_at: occurredAt, fetch: 'never' }];
    });
    const found = {
      name: this.name,
      version: this.version,
      auth: { type, ...(type === 'oauth2' ? addresses : {}) },
      resources: this.resources,
      webhooks: { events: Object.fromEntries(events) },
    };
    return JSON.parse(JSON.stringify(found)); // leaves out what is undefined, and shares nothing with the connector
  }

  #hookAt(path) {
    const route = String(path).split(/[?#]/, 1)[0].replace(/(?<=.)\/+$/, '');
    const event = Object.keys(this.webhooks).find((one) => this.#hook(one).path === route);
    if (event === undefined) {
      const there = Object.keys(this.webhooks).map((one) => this.#hook(one).path);
      throw new WebhookRefused(
        `${this.name}: no webhook has the path ${route}.`,
        `Call one of these, or describe it: ${there.join(', ') || 'none is described'}.`,
      );
    }
    return [event, this.#hook(event)];
  }

  /** Return a webhook with its short forms written out. */
  #hook(event) {
    const short = this.webhooks[event];
    const hook = typeof short === 'string' ? { path: short } : short;
    return { ...hook, resource: hook.resource ?? this.#resourceOf(event) };
  }

  /** `customer_created` is about `customers`, where there is such a resource. */
  #resourceOf(event) {
    const word = event.split('_', 1)[0];
    return [`${word}s`, word].find((one) => Object.hasOwn(this.resources, one));
  }
}

function parsed(body) {
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) return body;
  try {
    return JSON.parse(typeof body === 'string' ? body : new TextDecoder().decode(body), exact);
  } catch {
    throw new WebhookRefused('The body is not JSON.', 'Hand over the body as it came, or parsed.');
  }
}

/** Keep a whole number as its text where JavaScript cannot hold it, and the runtime tells the text (Node 21 and newer). */
function exact(_, value, context) {
  return isInexact(value) && /^-?\d+$/.test(context?.source ?? '') ? context.source : value;
}

function isInexact(value) {
  return Number.isInteger(value) && !Number.isSafeInteger(value);
}

function given(key, content, path) {
  const found = path === undefined ? undefined : find(content, path);
  return found === undefined ? {} : { [key]: String(found) };
}

function deepFreeze(value) {
  for (const one of Object.values(value)) {
    if (one !== null && typeof one === 'object') deepFreeze(one);
  }
  return Object.freeze(value);
}

module.exports = { ConnectorSDK };
