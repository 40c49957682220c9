import type * as answers from './answers.cjs';

export type { answers };

export interface TajoClientOptions {
  /** Opens the service; without it `TAJO_API_KEY` of the environment. */
  apiKey?: string;
  /**
   * The key of the Brevo account that you mean. It is never sent: the service only learns whether it is its own, and
   * refuses every call where it is not. Without it `BREVO_API_KEY`; '' leaves the check out.
   */
  brevoApiKey?: string;
  /** Where the service is; without it `TAJO_URL`, and without that `http://127.0.0.1:8000`. */
  baseUrl?: string;
  /** How long one try may take, in milliseconds; 30,000 where nothing is said. */
  timeoutMs?: number;
  /** How often a call is tried, 1 to 10; 5 where nothing is said. Only what can be done twice without harm is tried again. */
  tries?: number;
  /** Let the key travel without TLS to another machine. Only for a network that you trust. */
  allowHttp?: boolean;
}

/** A running Tajo Customer Sync. */
export declare class TajoClient {
  /** @throws SettingsWrong one of the options cannot be worked with */
  constructor(options?: TajoClientOptions);
  readonly skills: Skills;
  readonly connectors: Connectors;
  readonly contacts: Contacts;
  readonly runs: Runs;
  readonly parked: Parked;
  readonly events: Events;
  readonly receipts: Receipts;
  readonly notices: Notices;
  /** The figures of the overview, and all that is found, the worst first. */
  status(): Promise<answers.Status>;
  /** What a person should know, the newest first. */
  alerts(filters?: Filters): Listing<answers.Alert>;
  /** What imports may do in the Brevo account, and why. */
  imports(): Promise<answers.Imports>;
}
export { TajoClient as default };

/** The things of a list, newest first. Each walk over it asks the service anew, page by page. */
export interface Listing<T> extends AsyncIterable<T> {
  /** One page after the other, as the service cuts them. */
  pages(): AsyncGenerator<T[], void, undefined>;
  /** All of them as an array. */
  all(): Promise<T[]>;
}

/** A time with its zone, or the same as text: ISO 8601. */
export type When = Date | string;

/** Which things of a list are meant: those of a source, of a time or later, before a time; `limit` at most. */
export interface Filters {
  source?: string;
  since?: When;
  until?: When;
  limit?: number;
}
export interface RunFilters extends Filters {
  state?: string;
  kind?: answers.RunKind;
}
export interface ParkedFilters extends Filters {
  reason?: string;
}
/** `person` is an e-mail address or the number of a person. */
export interface EventFilters extends Filters {
  state?: string;
  kind?: string;
  person?: string;
}

/** An event as the documents show it. Without an `id` it gets one, so that a call that is tried again counts once. */
export interface EventBody {
  event: string;
  data: Record<string, unknown>;
  timestamp?: string;
  id?: string;
}

/** What `tajo.yaml` may hold below a skill's name, in either spelling. */
export type SkillConfig = Record<string, unknown>;

export interface Skills {
  list(): Promise<answers.Skill[]>;
  get(name: string): Promise<answers.Skill>;
  report(name: string): Promise<answers.SkillReport>;
  /** Let a skill work, from now on and after every restart; without a config it keeps the one that it has. */
  enable(name: string, config?: SkillConfig): Promise<answers.Skill>;
  /** Let a skill rest. What happens meanwhile is not caught up when it works again. */
  disable(name: string): Promise<answers.Skill>;
  /** Let `tajo.yaml` say again whether a skill works, and with what config. */
  reset(name: string): Promise<answers.Skill>;
  /** Give one event to a skill, as a webhook would. */
  trigger(name: string, payload: EventBody): Promise<answers.Accepted>;
}

export interface Connectors {
  list(): Promise<answers.Source[]>;
  platforms(): Promise<answers.Platform[]>;
  get(source: string): Promise<answers.Source>;
  /** Start a run that reads the source: what changed since the last one, where nothing else is said. */
  sync(
    source: string,
    how?: { full?: boolean; compare?: boolean; dryRun?: boolean; force?: boolean },
  ): Promise<answers.Run>;
  /** Make the source's webhooks, or repair them. */
  install(source: string): Promise<answers.Installed>;
}

export interface Contacts {
  /** Where each value comes from, what the person allows and why, and what Brevo has. */
  explain(address: string): Promise<answers.Contact>;
  /** Read the person again at every source, and send what differs. */
  sync(address: string): Promise<answers.Synced>;
  /** Remove the person everywhere, Brevo included; there is no way back. */
  erase(address: string): Promise<answers.ErasureReport>;
}

export interface Runs {
  list(filters?: RunFilters): Listing<answers.Run>;
  get(number: string | number): Promise<answers.Run>;
  start(
    source: string,
    how?: { kind?: answers.RunKind; dryRun?: boolean; force?: boolean },
  ): Promise<answers.Run>;
  pause(number: string | number): Promise<answers.Run>;
  /** `force` takes off the brake that stops a run before mass changes. */
  resume(number: string | number, how?: { force?: boolean }): Promise<answers.Run>;
  /** End a run. What it sent stays. */
  cancel(number: string | number): Promise<answers.Run>;
  /** Wait until a run does not go on by itself: done, cancelled, paused, or stopped with a reason. */
  wait(number: string | number, how?: { timeoutMs?: number; everyMs?: number }): Promise<answers.Run>;
}

export interface Parked {
  list(filters?: ParkedFilters): Listing<answers.Parked>;
  /** `reveal` adds what it holds, personal data too, which the service logs. */
  get(id: string, how?: { reveal?: boolean }): Promise<answers.ParkedDetail>;
  /** Send again one thing, or all with a reason, from a source, or both; returns how many. */
  replay(which: string | { reason?: string; source?: string }): Promise<number>;
  /** Forget one parked thing for good. */
  drop(id: string): Promise<void>;
}

export interface Events {
  list(filters?: EventFilters): Listing<answers.Event>;
  /** `source` is needed where several sources have an event with this id. */
  get(id: string, how?: { source?: string }): Promise<answers.EventDetail>;
  /** Send one event, or up to 1,000 at once: all of them are taken, or none. */
  send(events: EventBody | Iterable<EventBody>): Promise<answers.Accepted>;
  /** Each event that comes from now on, and again when its state has changed; it never ends. */
  tail(filters?: EventFilters & { everyMs?: number }): AsyncGenerator<answers.Event, void, undefined>;
}

export interface Receipts {
  list(filters?: Filters): Listing<answers.Receipt>;
  get(id: string): Promise<answers.Receipt>;
}

export interface Notices {
  list(): Promise<answers.Target[]>;
  /** Send a notice that says it is a test, to one target or to all; tells what each answered. */
  test(target?: string): Promise<answers.SentTest[]>;
}

/** One thing that is wrong with what was sent: where, what, what was found there, what is allowed. */
export interface Fault {
  path: string;
  detail: string;
  found?: unknown;
  choices?: unknown[];
}

/** A call that was not done. Its message says what happened and what to do, and holds neither a key nor an address. */
export declare class TajoError extends Error {
  readonly detail: string;
  readonly remedy: string;
  /** Every single fault of what was sent, where that is the reason. */
  readonly errors: Fault[];
  /** The HTTP status of the answer; 0 without one. */
  readonly status: number;
  /** The kind of problem, as `urn:tajo:problem:...`. */
  readonly kind: string;
}
/** The client was given, or found in the environment, what it cannot work with; nothing was sent. */
export declare class SettingsWrong extends TajoError {}
/** The service did not answer, and trying again did not help. */
export declare class NotReached extends TajoError {}
/** Something answered at the address, but no service that this client can speak with. */
export declare class NotTajo extends TajoError {}
/** The service is older than this client, and must be upgraded first. */
export declare class TooOld extends NotTajo {}
/** The service says that the call is wrong; `errors` has all that is wrong with it. */
export declare class Refused extends TajoError {}
/** The key is not one of the service's. */
export declare class KeyRefused extends TajoError {}
/** The key may read only, and the call changes something. */
export declare class RoleRefused extends TajoError {}
/** There is no such thing: it never was, or it is gone by now. */
export declare class NotFound extends TajoError {}
/** The call does not fit how things stand: a run is under way already, or the Brevo account is another one. */
export declare class Conflict extends TajoError {}
/** The key has used up its calls for now; `afterS` says when there are some again, in seconds, null if nobody said. */
export declare class TooManyCalls extends TajoError {
  readonly afterS: number | null;
}
/** The service cannot do the call now: a fault in it, or something that it needs is away. */
export declare class ServiceFault extends TajoError {}
