/** Where the platform's customers are read, and how a connector shows that it may: OAuth 2.0. */
export interface OAuth2 {
  type: 'oauth2';
  /** Where a person agrees: an https address. */
  authorizationUrl: string;
  /** Where tokens are given: an https address. */
  tokenUrl: string;
  scopes?: string[];
}

/** No sign-in at all, for platforms that only send webhooks. */
export interface NoAuth {
  type: 'none';
}

/**
 * Where a value stands in a record: names joined by dots, `[0]` for the place in a list: `contact.emails[0].value`.
 * Of several paths the first that leads to a value counts.
 */
export type Path = string | string[];

/** One kind of record of the platform. */
export interface Resource {
  /** Below the platform's address: `/api/customers`. */
  endpoint: string;
  /** Field as Tajo calls it (`email`, `firstName`, `id`, or one of your own) → where it stands in a record. */
  mapping: Record<string, Path>;
}

/** One webhook. A text alone is its path. */
export interface Webhook {
  /** Below the address that you give to the platform: `/webhooks/customer`. */
  path: string;
  /** Which resource's mapping reads it; without it the one that the event's name begins with: `customer_…` → `customers`. */
  resource?: string;
  /** Where the record stands in the body; without it the body is the record. */
  record?: Path;
  /** Where the platform's id of this delivery stands: a repeated delivery is then one event. */
  eventId?: Path;
  /** Where the time of the change stands, ISO 8601; without it the time of arrival counts. */
  occurredAt?: Path;
}

export interface ConnectorDescription {
  /** Lower-case letters, digits and dashes: `my-platform`. */
  name: string;
  /** Three numbers: `1.0.0`. */
  version: string;
  auth: OAuth2 | NoAuth;
  resources: Record<string, Resource>;
  /** Event → its webhook. */
  webhooks?: Record<string, string | Webhook>;
}

/** One thing that is wrong with a description. */
export interface ConnectorFault {
  path: string;
  detail: string;
  found?: unknown;
  choices?: string[];
}

/** A description is wrong; `errors` has all that is wrong with it. */
export declare class ConnectorFaults extends TypeError {
  readonly errors: ConnectorFault[];
}

/** A webhook cannot become an event: no webhook has its path, or its body has no record. `remedy` says what to do. */
export declare class WebhookRefused extends Error {
  readonly remedy: string;
}

/** An event as `POST /api/v1/events` takes it. */
export interface ConnectorEvent {
  event: string;
  data: Record<string, unknown>;
  id?: string;
  timestamp?: string;
}

/** What sends events: a `TajoClient` of `@tajo/sdk`. */
export interface EventSender<Answer = unknown> {
  events: { send(event: ConnectorEvent): Promise<Answer> };
}

/** A connector: what it is called, where it reads, how its webhooks become events. */
export declare class ConnectorSDK {
  /** @throws ConnectorFaults the description is wrong */
  constructor(description: ConnectorDescription);
  readonly name: string;
  readonly version: string;
  readonly auth: Readonly<OAuth2 | NoAuth>;
  readonly resources: Readonly<Record<string, Resource>>;
  readonly webhooks: Readonly<Record<string, string | Webhook>>;
  /**
   * Return a webhook as the event that it is.
   * @param path as the platform called it
   * @param body the body, parsed or as JSON text
   * @throws WebhookRefused it cannot become one
   */
  toEvent(path: string, body: unknown): ConnectorEvent;
  /**
   * Send a webhook as an event, and return what the service answered. Check the platform's signature before.
   * @param options `client` sends it
   */
  handleWebhook<Answer>(path: string, body: unknown, options: { client: EventSender<Answer> }): Promise<Answer>;
  /** Return the description with every short form written out, in the spelling of a connector file. */
  toJSON(): Record<string, unknown>;
}

export { ConnectorSDK as default };
