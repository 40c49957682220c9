// What the service answers, as types. Made from its OpenAPI document by `make format`.
// Nothing is converted: an answer is the JSON as it came, and a newer service may add to it.

/** What was taken; workers do the rest. */
export interface Accepted {
  accepted: number;
  /** The events' ids in the ledger, in the order of the body. */
  ids: Array<string>;
  /** Fields that could not be read and are left out, with where and why. */
  left_out: Array<string>;
}

/** What a person should know. */
export interface Alert {
  at: string;
  text: string;
  remedy: string;
}

/** What came of asking a source for one of the person's records. */
export interface AskedSource {
  source: string;
  id: string | null;
  /** `gone`: it is there no more, and counts as deleted. */
  result: "read" | "gone" | "not_asked" | "failed";
  /** Why it was not asked, or what failed. */
  why: string;
}

/** How a source's customers and what is known here differ. */
export interface AtSource {
  in_sync: number | null;
  read: number;
  customers: number;
  equal: number;
  differ: number;
  by_field: Record<string, number>;
  missing_here: number;
  gone_at_source: number;
  harmful: number;
  healed: number;
  refused: Record<string, number>;
  notes: Array<string>;
}

/** What Brevo has, as it last accepted it. */
export interface BrevoHas {
  /** null: there is no contact. */
  email: string | null;
  at: string | null;
  blocked: boolean;
  sms_blocked: boolean;
  lists: Array<number>;
  /** What the next delivery would do. */
  next: string;
  /** Why it would do nothing, where it would. */
  why: string;
}

/** Calls to Brevo: made, and not needed. */
export interface Calls {
  made: number;
  merged: number;
  unchanged: number;
  saved: number;
}

/** What a person allows on one channel. */
export interface ChannelConsent {
  channel: string;
  state: string;
  why: string;
  /** What decides. */
  evidence: Evidence | null;
  /** What else is on record. */
  losing: Array<Evidence>;
}

/** What the look at Brevo gave. */
export interface ComparedContact {
  /** `differs`: it is being mended, unless `why` says why not; `waits`: changes wait, which come first. */
  result: "equal" | "differs" | "waits" | "absent" | "not_asked" | "failed";
  fields: Array<string>;
  why: string;
}

/** The sources, the platforms, and the connectors that cannot be loaded (platform → why). */
export interface ConnectorList {
  items: Array<Source>;
  platforms: Array<Platform>;
  broken: Record<string, string>;
}

/** All that is known of a person: where each value comes from, what was decided and why, what waits. */
export interface Contact {
  /** The address that was asked for. */
  email: string;
  person: string | null;
  /** The address that is explained; it differs for a former one. */
  address: string | null;
  erased_at: string | null;
  values: Array<Value>;
  consents: Array<ChannelConsent>;
  /** Attribute → why it is left out. */
  refused: Record<string, string> | null;
  brevo: BrevoHas | null;
  waiting: Waiting | null;
  /** null: no totals are made of orders. */
  totals: Totals | null;
  links: Array<Link>;
  /** Where the person left in Brevo: what the platforms were told. */
  write_backs: Array<WriteBack>;
  parked: Array<string>;
  events: Array<ContactEvent>;
}

/** One of the person's newest events. */
export interface ContactEvent {
  event_id: string;
  source: string;
  kind: string;
  topic: string;
  state: string;
  person: string;
  at: string | null;
  settled_at: string | null;
  note: string;
  steps: Array<ContactStep>;
}

/** One state of an event. */
export interface ContactStep {
  state: string;
  at: string | null;
  note: string;
}

/** What imports may do beside creating contacts, or may not. */
export interface Door {
  name: "updates" | "phones" | "lists";
  is_open: boolean;
  /** A code: open, trusted, or why it is closed. */
  why: string;
  /** The same for people. */
  text: string;
  remedy: string;
}

/** What one door is about in a run. */
export interface DoorCost {
  door: "updates" | "phones" | "lists";
  /** Whether imports may do this in the account. */
  is_open: boolean;
  /** A code: open, trusted, or why it is closed. */
  why: string;
  /** Whom it is about. */
  people: number;
  calls: number;
  seconds: number | null;
  /** About how many calls it takes where the door is open; null where no proof can open it. */
  proven_calls: number | null;
  proven_seconds: number | null;
  text: string;
}

/** How many people differ in one thing, and the numbers of the first few. */
export interface Drift {
  count: number;
  people: Array<string>;
}

/** How many parked things are gone for good. */
export interface Dropped {
  dropped: number;
}

/** What an erasure did here. The contact in Brevo is deleted by a worker. */
export interface ErasureReport {
  /** Whether anybody was known by the address. */
  was_known: boolean;
  /** Whether the contact in Brevo is gone already; `erased_at` of the contact tells when it is. */
  is_done: boolean;
  asked_at: string;
  removed: Removed;
}

/** An event of the ledger. */
export interface Event {
  id: string;
  source: string;
  /** What happened, in our word; empty for a request that could not be read. */
  kind: string;
  /** The platform's word for it. */
  topic: string;
  /** Where it changed several lanes, the worst of them. */
  state: EventState;
  /** The number of the person; empty when nobody was found. */
  person: string;
  /** When it was read. */
  at: string;
  /** When it reached its state. */
  settled_at: string;
  note: string;
}

/** An event with every state that it was in. */
export interface EventDetail {
  id: string;
  source: string;
  /** What happened, in our word; empty for a request that could not be read. */
  kind: string;
  /** The platform's word for it. */
  topic: string;
  /** Where it changed several lanes, the worst of them. */
  state: EventState;
  /** The number of the person; empty when nobody was found. */
  person: string;
  /** When it was read. */
  at: string;
  /** When it reached its state. */
  settled_at: string;
  note: string;
  steps: Array<Step>;
}

/** The one state an event is in; ledger, metrics and dashboard use these six words. */
export type EventState = "ignored" | "repeated" | "pending" | "delivered" | "retrying" | "parked";

/** Something on record about a channel's consent: where it stands, and the state that it stands for. */
export interface Evidence {
  register: string;
  says: string;
  source: string;
  at: string | null;
  method: string;
  of: "record" | "address";
}

/** The doors, and the proof that runs. */
export interface Imports {
  doors: Array<Door>;
  /** How many contacts an import may change that is allowed to. */
  most_rows: number;
  /** When imports were proven last; null: never. */
  proven_at: string | null;
  /** null: none is under way. */
  proof: Proof | null;
}

/** What became of a source's webhooks. */
export interface Installed {
  source: string;
  address: string;
  kept: Array<string>;
  created: Array<string>;
  /** Topic → what was wrong. */
  repaired: Record<string, string>;
  /** Topic → why it could not be made. */
  failed: Record<string, string>;
  removed: Array<string>;
  /** Whether the first call of a new webhook did not arrive. */
  is_unheard: boolean;
  /** Whether events may have been missed; a run brings them. */
  was_deaf: boolean;
  /** What to do next; empty where nothing is. */
  next: string;
}

/** How long events took to Brevo's yes. */
export interface Latency {
  average_s: number | null;
  p50_s: number | null;
  p99_s: number | null;
  events: number;
}

/** One rate limit. */
export interface Limit {
  bucket: string;
  /** 0: there is none; null: not known. */
  rate_per_s: number | null;
  hour_headroom: number | null;
  destination: string;
  /** What calls wait for now: the rate, the next hour, the reset after a refusal, nothing. */
  holds: "" | "rate" | "hour" | "refused";
}

/** One customer record of the person. */
export interface Link {
  source: string;
  /** The platform's id; null for a buyer without an account. */
  id: string | null;
  state: "living" | "displaced" | "deleted";
}

/** The figures of one source on both sides. */
export interface OfSource {
  in_sync: number | null;
  in_brevo: number | null;
  compared: number;
  equal: number;
  source: AtSource | null;
}

/** One order of the person. */
export interface Order {
  source: string;
  /** The platform's id of the order. */
  id: string;
  /** What people call it. */
  number: string;
  /** draft, placed, paid, refunded, cancelled or deleted; null: hardly known. */
  state: string | null;
  currency: string | null;
  /** What is left of it after edits and refunds; null: no amount was told. */
  worth: number | null;
  /** When it was placed, as the platform wrote it. */
  created: string | null;
  /** Whether it is in the sums. */
  counts: boolean;
  /** Why it is not in the sums; empty where it is. */
  why: string;
}

/** How many calls a run takes, door by door, and how many a proof can save. */
export interface Outlook {
  /** About how many calls to Brevo it takes as things are now. */
  calls: number;
  /** About how long they take; null where no limit holds them up. */
  seconds: number | null;
  /** The calls a second that Brevo allows; 0: no limit. */
  rate_per_s: number;
  /** Whether Brevo has not told that yet. */
  rate_is_assumed: boolean;
  doors: Array<DoorCost>;
}

/** A parked thing, without what it holds of people. */
export interface Parked {
  id: string;
  /** A request as it came, or the changes of one target. */
  what: "inbound" | "item";
  /** The source; of an item its lane. */
  source: string;
  /** The platform's word; of an item the sources behind it. */
  topic: string;
  person: string;
  reason: string;
  remedy: string;
  at: string;
  size_bytes: number;
}

/** A parked thing, with what it holds where that was asked for. */
export interface ParkedDetail {
  id: string;
  /** A request as it came, or the changes of one target. */
  what: "inbound" | "item";
  /** The source; of an item its lane. */
  source: string;
  /** The platform's word; of an item the sources behind it. */
  topic: string;
  person: string;
  reason: string;
  remedy: string;
  at: string;
  size_bytes: number;
  /** null unless `reveal=1`. Of a request `headers`, `path`, `query`, and `body` or `body_base64`; of an item `fields`. */
  content: Record<string, unknown> | null;
}

/** A lane that waits. */
export interface Pause {
  lane: string;
  kind: "unavailable" | "config";
  reason: string;
  remedy: string;
  since: string;
  destination: string;
}

/** A platform that there is a connector for. */
export interface Platform {
  platform: string;
  title: string;
  /** What the connector reads. */
  resources: Array<string>;
  /** The platform's words that it acts on. */
  topics: Array<string>;
  /** The keys of a source in tajo.yaml, required ones first. */
  keys: Array<string>;
  secret_keys: Array<string>;
  /** What can be read without a webhook. */
  pulls: Array<string>;
  /** The channels in which it takes an opt-out back. */
  writes: Array<string>;
  shares_addresses: boolean;
  origin: string;
  /** How calls to it prove who makes them. */
  auth: string;
  /** How its webhooks prove who sends them. */
  proof: string;
  /** What judged the stand-in that the connector is tested with. */
  judges: string;
}

/** A proof that is under way. */
export interface Proof {
  begun_at: string;
  stages: Array<Stage>;
  /** In how many seconds its next step is due. */
  wait_s: number;
  /** What holds it up; empty when nothing does. */
  trouble: string;
  /** Calls to Brevo so far. */
  calls: number;
}

/** One line of waiting work. */
export interface Queue {
  name: string;
  waiting: number;
  oldest_age_s: number | null;
  /** How many are for a later time, such as carts that may still be bought: no lag. */
  later: number;
}

/** What ended in a span of time. */
export interface Rates {
  success_rate: number | null;
  error_rate: number | null;
  delivered: number;
  failed: number;
}

/** One comparison of both sides: what differed and what was mended. */
export interface Receipt {
  id: string;
  started: string | null;
  ended: string | null;
  sources: Array<string>;
  /** Whether what differed was to be mended. */
  heal: boolean;
  /** Why nothing was mended; empty when the brake did not act. */
  stopped: string;
  /** The worst of all sources on both sides, before anything was mended, 0 to 1; null when nobody was compared. */
  in_sync: number | null;
  worst: Worst | null;
  totals: Record<string, number>;
  /** Channel → who withdrew and is still mailable. */
  mailable_though_withdrawn: Record<string, Drift>;
  /** Channel → who is blocked in Brevo, or left a list. */
  left_in_brevo_since: Record<string, Drift>;
  /** What differs → how many people. */
  by_field: Record<string, Drift>;
  deleted_in_brevo: Drift;
  /** Why something that differs is not mended → how many people. */
  refused: Record<string, number>;
  /** Why people have no contact → how many. */
  not_in_brevo: Record<string, number>;
  by_source: Record<string, OfSource>;
  calls: number;
  notes: Array<string>;
}

/** How Redis is. */
export interface Redis {
  is_up: boolean;
  /** null: not told to this user of Redis. */
  memory_bytes: number | null;
  /** 0: no limit. */
  memory_limit_bytes: number;
  aof: "on" | "off" | "failing" | "unknown";
  /** Why it cannot be used although it answers. */
  reason: string;
  remedy: string;
  /** It can never be used. */
  is_wrong: boolean;
}

/** What was removed, in numbers. */
export interface Removed {
  inbox: number;
  spool: number;
  parked: number;
  ledger: number;
  /** Parked requests that tell of other people too: a person must look at them. */
  shared: Array<string>;
}

/** How many parked things go through the line again. */
export interface Replayed {
  replayed: number;
}

/** One run, as it stands. */
export interface Run {
  id: string;
  source: string;
  resource: string;
  kind: RunKind;
  state: RunState;
  /** Who started it: cli, api, dashboard, schedule, webhooks. */
  by: string;
  dry_run: boolean;
  /** Whether the brake on mass changes is off. */
  forced: boolean;
  /** Whether the brake stopped it: what it holds back waits for a person. */
  braked: boolean;
  /** Only what changed since; null reads everything. */
  since: string | null;
  /** How many records there are, where the platform tells. */
  total: number | null;
  /** read: records that the source gave; changed: records whose changes went into the lane; unchanged: records that changed nothing; refused: records that could not be understood; disputed: records that say something else than is known here, and are older by their time; creates: contacts that are new to Brevo, at most: a customer of whom several pages tell counts on each; updates: contacts that change; record_creates: records of orders, products and carts, one for each skill, that are new or waited for; record_updates: records of orders, products and carts that change; phones: of the contacts that are new: those with a phone or another value that only one contact may have; joins: of the contacts that are new: those that go onto a list; phone_updates: of the contacts that change: those of which such a value is new or another; join_updates: of the contacts that change: those that go onto a list; blocks: contacts that are blocked; unlists: contacts that leave a list; deletes: contacts that are deleted; empties: contacts of which a field is emptied; harmed: contacts to which at least one of these four happens; held: records with such a change that wait until the run has read and counted everything; sent: contacts and records that Brevo accepted; same: contacts and records that needed no call in the end; failed: contacts and records that were parked; retried: deliveries that must be tried again; pages: pages read */
  counts: Record<string, number>;
  /** Field → in how many of the disputed records it differs. */
  differing: Record<string, number>;
  rate_per_s: number;
  /** How much is read, then how much of it is delivered, 0 to 1; null when nobody can know. */
  share: number | null;
  /** Seconds of reading, then of delivering, left at this rate; null when nobody can know. */
  left_s: number | null;
  phase: string;
  reason: string;
  remedy: string;
  notes: Array<string>;
  /** What is ahead; of a run that is over, what the same again would take. null: it changes no contact. */
  outlook: Outlook | null;
  started_at: string;
  updated_at: string;
  ended_at: string | null;
}

/** What a run reads. */
export type RunKind = "full" | "incremental" | "compare";

/** The state of a run. All but the last three hold the lock of the source. */
export type RunState = "running" | "paused" | "stopped" | "delivering" | "done" | "cancelled";

/** What a target answered to a test. */
export interface SentTest {
  target: string;
  is_taken: boolean;
  /** What it answered, or why there was no answer. */
  answer: string;
  remedy: string;
  /** The id of the notice: `webhook-id`, or in the `Message-ID` of a mail. */
  id: string;
  seconds: number;
}

/** What all tested targets answered. */
export interface SentTests {
  items: Array<SentTest>;
}

/** One skill, as it is now. */
export interface Skill {
  name: string;
  /** What it does. */
  summary: string;
  /** What it needs of a source beside customers. */
  resources: Array<string>;
  /** `built-in`, the package that brings it, or the file in your folder of skills. */
  origin: string;
  /** Of the program, where the skill is built in; else null. */
  version: string | null;
  /** Whether it acts on events. */
  enabled: boolean;
  /** Who says so: tajo.yaml, or a call (which wins). */
  set_by: "file" | "api";
  /** The sources whose events it acts on. */
  acts_on: Array<string>;
  /** What a source that it acts on does not give of what it needs. */
  lacking: Array<string>;
  /** Its own keys, as they are read; they win over those of a source. */
  config: Record<string, unknown>;
  /** What is allowed but wants a look. */
  warnings: Array<string>;
}

/** Every skill, and those that cannot be used (skill → why, and what to do). */
export interface SkillList {
  items: Array<Skill>;
  broken: Record<string, string>;
}

/** What came of a skill's mails since it was first on. */
export interface SkillReport {
  skill: string;
  /** Carts that counted as left. */
  carts_left: number;
  /** Why series of such carts ended → how many. */
  ended: Record<string, number>;
  variants: Array<SkillVariant>;
}

/** What the carts of one variant brought in one currency; amounts of two currencies are never added. */
export interface SkillRevenue {
  currency: string;
  /** Orders that were counted as recoveries. */
  orders: number;
  /** Their sum. */
  total: number;
  /** For each cart that was mailed, those that bought nothing included. */
  mean_per_cart: number;
  /** Of that mean; null where fewer than two carts were mailed. */
  standard_error: number | null;
  /** The true mean lies from here, 95 times of 100, where orders are many. */
  low: number | null;
  /** The true mean lies up to here. */
  high: number | null;
}

/** One variant of a skill's test of mails. */
export interface SkillVariant {
  /** Null for mails without a test. */
  name: string | null;
  /** Carts that were mailed at least once; single mails count as carts. */
  carts: number;
  /** Step → mails that went. */
  mails: Record<string, number>;
  /** Mails of which nobody knows whether they went; they are not sent again. */
  in_doubt: number;
  /** Carts that were bought after a mail. */
  recovered: number;
  /** Of the carts that were mailed. */
  recovered_share: number | null;
  revenue: Array<SkillRevenue>;
}

/** One source, and how it does. */
export interface Source {
  name: string;
  platform: string | null;
  state: "healthy" | "quiet" | "look" | "down" | "disabled" | "stands still";
  why: string;
  /** `by keys`, `in a browser`, `no`, or `-` where nothing is to be connected. */
  connected: string;
  /** What the last look at its webhooks found. */
  webhooks: string;
  /** When that was; null: never. */
  webhooks_at: string | null;
  /** Where its webhooks go; only the path where no address is known, null for none. */
  webhook_url: string | null;
  /** `waits`: its first full run waits for a person's word; `waits: orders`: that of its orders does. */
  first_sync: string;
  last_event_at: string | null;
  /** How many requests were refused at its door. */
  refused: number;
  /** State → how many of its events are in it. */
  events: Record<string, number>;
  /** The codes of what is wrong. */
  findings: Array<string>;
}

/** A part of a proof. */
export interface Stage {
  name: string;
  state: "done" | "now" | "waits";
  text: string;
}

/** The figures of the whole installation. */
export interface Status {
  at: string;
  /** The first of the findings. */
  verdict: Verdict;
  /** All that is wrong or waits, the worst first. */
  findings: Array<Verdict>;
  /** Delivered events of delivered and parked ones, 0 to 1. */
  success_rate: number | null;
  /** Parked events of delivered and parked ones, 0 to 1. */
  error_rate: number | null;
  /** Span (hour, day, ever) → what ended in it; replayed and dropped ones are parked no more. */
  rates: Record<string, Rates>;
  /** Of events that came by webhook. */
  latency: Latency;
  /** Of records that runs read, from the reading on. */
  pulled_latency: Latency;
  waiting: number;
  oldest_age_s: number | null;
  queues: Array<Queue>;
  /** State → how many events ever reached it. */
  events: Record<string, number>;
  /** Source → the same; `brevo`: what the account told, `tajo`: what was asked for here, as erasures. */
  sources: Record<string, Record<string, number>>;
  parked: number;
  people: number;
  limits: Array<Limit>;
  pauses: Array<Pause>;
  calls: Calls;
  /** While it is away only the spool is known; the rest here is empty. */
  redis: Redis;
  /** Source → the share of its customers in sync when both sides were compared last. */
  in_sync: Record<string, number>;
  /** The worst of these; null before the first comparison. */
  in_sync_ratio: number | null;
  /** When the source was compared that was compared first. */
  compared_at: string | null;
  /** Seconds since a worker was seen; null when none was. */
  worker_seen_s: number | null;
  brevo: "sandbox" | "account";
  /** When the account was looked at; null: not yet. */
  brevo_looked_at: string | null;
  alerts: Array<Alert>;
}

/** A state that an event was in. */
export interface Step {
  state: EventState;
  at: string;
  note: string;
}

/** What was asked, and what was found; workers send what differs. */
export interface Synced {
  person: string;
  sources: Array<AskedSource>;
  brevo: ComparedContact;
}

/** One receiver of notices. */
export interface Target {
  name: string;
  kind: "webhook" | "slack" | "email";
  /** Where it is; the rest of the address may hold a secret. */
  host: string;
  /** Which notices it gets. */
  events: Array<string>;
  /** ready: it took the last one. new: nothing was sent yet. failing: it did not take the last one, which is tried again. paused: it gets none, until its address changes or a test succeeds. */
  state: "ready" | "new" | "failing" | "paused";
  /** How many notices wait for it. */
  waiting: number;
  /** When it took one last. */
  taken_at: string | null;
  /** What that was. */
  taken_type: string | null;
  /** Since when it takes none. */
  failing_since: string | null;
  /** What it answered, where it takes none. */
  why: string;
  /** What to do about that. */
  remedy: string;
}

/** All receivers of notices. */
export interface TargetList {
  items: Array<Target>;
}

/** One total of the person: the sum over the orders, and what a platform tells, which wins. */
export interface Total {
  field: string;
  attribute: string;
  /** A number, or a day; null: the orders come to nothing. */
  sum: number | string | null;
  /** null: no platform tells it. */
  platform: number | string | null;
  /** The source that tells it; empty where none does. */
  source: string;
  /** The sum less what the platform tells. */
  difference: number | null;
}

/** What the person's orders come to. */
export interface Totals {
  /** The currency that Brevo shows amounts in; null: not known. */
  currency: string | null;
  /** How many orders are known. */
  known: number;
  /** The newest hundred of them, the newest first. */
  orders: Array<Order>;
  /** Each total that a mapping asks for. */
  totals: Array<Total>;
}

/** One value that is known of a person. */
export interface Value {
  /** The Brevo attribute, or `status`. */
  field: string;
  value: unknown;
  /** Who said so. */
  source: string;
  /** When it was set at the source. */
  at: string | null;
  /** The event that brought it; null when the history no longer tells. */
  event: string | null;
  /** Whether it is not delivered yet. */
  waits: boolean;
}

/** Something that was found: that all is well, or what is wrong. */
export interface Verdict {
  level: "ok" | "busy" | "look" | "down";
  text: string;
  remedy: string;
  /** What it is, for programs: worker_gone, webhooks_refused, ... */
  code: string;
  /** The source that it is about; empty for the whole installation. */
  source: string;
  /** The destination or target of notices that it is about; empty where there is none. */
  about: string;
}

/** What waits to be delivered. */
export interface Waiting {
  changes: number;
  since_at: string | null;
  due_at: string | null;
  tries: number;
  paused: string;
}

/** Whose figure the one of a comparison is. */
export interface Worst {
  /** Empty: everybody. */
  source: string;
  side: "at the source" | "in Brevo";
  equal: number;
  compared: number;
  in_sync: number;
}

/** What became of the person's opt-out at the platform of one record. */
export interface WriteBack {
  source: string;
  /** The platform's id; null for a buyer without an account. */
  id: string | null;
  /** owed, waits or parked: no result yet; else written, unchanged, gone, newer, lifted, unsupported, no_account, no_keys or off. */
  state: string;
  /** When the person left. */
  said_at: string | null;
  /** When the result came; null without one. */
  at: string | null;
  why: string;
  tries: number;
  /** Whether the platform may still have the consent from before. */
  is_open: boolean;
}
