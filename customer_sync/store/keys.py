"""Every key in Redis, with its meaning. No key and no hash field holds personal data: fingerprints stand for people.

| key | type | holds |
|---|---|---|
| `format` | string | the version of the stored forms that this Redis was begun with |
| `salt` | hash | `key`: the key of the fingerprints, see `customer_sync.store.salt` |
| `clocks` | hash | host whose clock is wrong → `seconds ahead of Redis|when it was measured (s)` |
| `inbox` | stream | webhook requests that wait to be read, group `workers` |
| `inbox:tries` | hash | entry → how often it was taken up again after a crash |
| `told:<ref or fingerprint>` | string, 50 h | the id of a customer of whom a program told with an address |
| `wake:<what>` | string, ≤ 1 min | a wake-up was sent, none is needed for so many ms; `wake:sweep`: a worker sweeps |
| `clock` | string | the time of the last sweep, in ms: a sweep that is earlier tells that the clock was set back |
| `seen:<hash>` | string, 50 h | an event id that was handled |
| `seq` | counter | the next person |
| `em:<letters>` | hash | fingerprint of an address, without these two letters → person |
| `ref:<letters>` | hash | ref, likewise → `person|since (ms)|seen (µs)` or `person|since (s)+µs`; or `=`, ref, when |
| `split` | set | the hashes `em` and `ref` that were full: what was in them is in those of three letters |
| `left` | hash | person → which records led there before, until when (ms): `ref:until,...` |
| `formers` | hash | ref → whose address it had before, until when (ms): `person:until,...` |
| `from:<lane>`, `to:<lane>` | hash | person of a new address → person of the old one whose contact it gets, and back |
| `cut:<lane>` | hash | leased person → the refs that moved away during the lease |
| `wants` | hash | fingerprint of a value that another contact has → the persons that want it: `person:when,...` |
| `tomb` | hash | an erased address, ref or person → when, and the newest withdrawal there: `ms|ms` |
| `p:<person>` | string | what is known of a person and what Brevo has; see `customer_sync.store.forms` |
| `imprint:<thousands>` | string | person → what a full run read of them, see `customer_sync.store.imprints` |
| `rules` | string | the rules that were in force last, and their number: `number|digest` |
| `rec:<lane>:<target>` | string | what a lane keeps of a record of its own |
| `attribute:names` | hash | attribute → its number in `p:<person>` |
| `q:<lane>:<priority>` | sorted set | target → due time in ms |
| `tokens` | counter | the next token of a lease, and the next import |
| `lease:<lane>` | sorted set | target → when the lease ends, in ms |
| `tok:<lane>` | hash | target → `token|changes taken` of the lease; where the bulk gear has it, its place, too |
| `looked:<lane>` | hash | priority → up to which due time the bulk gear has looked |
| `loaded:<lane>` | string, 20 s | the bulk gear has loads that wait for the import before them |
| `useless:<lane>` | string, 10 s | the bulk gear gave nearly all of a backlog back: it is left to single calls |
| `mark:<lane>` | hash | target → the last import that it was in: `import|address, lists, when, attributes` |
| `imports` | sorted set | import under way → when it is to be looked at, in ms |
| `import:<import>` | hash | what is known of an import: state, lists, rows, process |
| `import:<import>:rows` | list | its rows with what is to be stored, compressed; gone once it is over |
| `import:<import>:watched` | set | people of an import that updates of whom urgent news came while it ran |
| `import:<import>:joined` | set | its people who were put on lists after it, or are about to be |
| `import:<import>:before` | hash | person → the mark that counts again if this import is not sent |
| `import:<import>:again` | hash | who was blocked when its last row was seen, and is once more at the end → the mark |
| `imports:pace:<kind>` | hash | how long the last import took: `ms`, `rows` |
| `imports:slots`, `imports:rest:<slot>` | hash, string | slot → the import that has it; slots not used for a while |
| `imports:lists` | hash | slot → the technical list at Brevo |
| `imports:asked` | string, 10 min | when Brevo's processes were last asked for: the age is read from the key's TTL |
| `proof` | hash | what was proven of imports: `proof`, `step`, `closed:<door>`; see `customer_sync.store.proofs` |
| `proof:run` | string | the proof that is under way, as JSON; see `customer_sync.brevo.proof.course` |
| `proof:turn` | string, 2 min | the token of the process that advances it |
| `proof:import` | string, ≤ 20 min | an import of the proof runs: no other import may begin |
| `proof:owner` | string | what tells our canaries from those of another Tajo on the account |
| `proof:receipts` | list | what the newest proofs found, as JSON, newest first |
| `proof:canaries` | set | the fingerprints of all addresses that a proof used: what Brevo tells of them is no news |
| `read` | hash | reads of all contacts: `at`, `last`, `progress`, `begun_last`, `never:<way>`; see `store.reads` |
| `read:bits` | bitmap, 2 h | people whom the last whole read of Brevo's contacts showed unblocked |
| `read:shown`, `read:otherwise` | bitmap | people whom the read under way showed unblocked so far, and otherwise |
| `read:turn` | string, 30 s | the token of the worker that reads |
| `imports:follower` | string, 20 s | the token of the worker that follows the imports |
| `imports:follower:last` | string | the token of the worker that had that turn last |
| `prio:<lane>` | hash | target → priority, where it is not live |
| `tries:<lane>` | hash | target → failed tries |
| `since:<lane>` | sorted set | target → since when it waits; every waiting or leased target is here |
| `c:<lane>:<target>` | list | the waiting changes |
| `lanes` | hash | every lane → what it is, in letters: p keeps people, r records, g has a bulk gear, t makes totals |
| `served:<lane>` | string, 20 s | a running worker delivers the lane |
| `brk:<lane>` | hash | breaker: failures, open until, reason and remedy of a pause |
| `suspects` | hash | lane → the item that failed alone before the pause; `!` behind it once other items succeeded |
| `lim:<bucket>` | hash | what is known of a rate limit |
| `parked`, `parked:at` | hash, sorted set | parked requests and items, and when they were parked |
| `parked:brief` | hash | parked thing → what lists show of it, as JSON, once somebody has read it |
| `ledger` | stream, capped | the short history of events |
| `ledger:index` | hash | the index of the ledger: last row, parts, lanes; see `store.ledger_index` |
| `ledger:index:<n>` | string | some thousand records of it, 32 bytes each: fingerprints of events, rows, persons |
| `vault:<source>` | string | a source's credentials, encrypted; see `customer_sync.store.vault` |
| `vaultlock:<source>` | string, 30 s | the process that renews the credentials |
| `connect:<state>` | string, 10 min | an attempt to connect a source in a browser, as JSON |
| `ticket:<ticket>` | string, 10 min | what opens the attempt's first page → its state |
| `connect:<state>:begun` | string, 10 min | which browser began the attempt |
| `connect:<state>:used` | string, 10 min | the attempt was answered |
| `connect:<state>:outcome` | string, 10 min | what came of the attempt |
| `signedout:<session>` | string, 7 days | the sign-in to the dashboard was ended: its cookie opens nothing |
| `signin:<hash of the link>` | string, an hour | a link that signs one browser in, until it is used |
| `wrongkeys:<caller>` | counter, 1 min | wrong API keys of a caller, by its fingerprint, and of `all` |
| `wrongkeystold` | string, 1 day | a person was told of too many wrong keys |
| `calls:<caller>` | counter, 1 min | calls of our API with one key, by the name of the key |
| `alerts` | stream, capped | what a person should know: text and remedy |
| `metrics` | hash | counters: `name|label=value|...` → number |
| `ended:<s>:<n>` | hash, a day | events that ended in slot n of s seconds: `delivered`, `parked` (and not taken out) |
| `run:<n>` | hash | one run: state, cursor, version, counts (`n.<count>`) |
| `run:<n>:lease` | string, 4 s | who pulls for it |
| `run:<n>:seen` | bitmap | people whom a compare run saw |
| `run:<n>:held` | list | changes that harm somebody, held back until the run has counted; see `batch.held` |
| `run:seq` | counter | the next run |
| `walks` | hash | schedule of a skill → how far its walk through all people is, as JSON; see `store.walks` |
| `runs`, `runs:open` | sorted set, hash | every run kept; `source/resource` (`…/dry`) → its open run (the lock) |
| `reconcile:due` | set | sources whose compare with Brevo is due; `?` before one: it only looks |
| `later:<lane>` | hash | when a leased item of a lane is due once its lease is over, 0 for at once |
| `moved:<lane>` | hash | target → the time of the change that moved its due time last, in ms |
| `was_bulk:<lane>` | set | waiting targets that came with a run and became more urgent since |
| `put_off:<lane>` | set | waiting targets that were taken and put off, by a limit, before they were tried |
| `report:<skill>` | hash | what was counted of a skill's mails, see `customer_sync.brevo.mail.counts` |
| `of:<whom>` | set | the records of other lanes that are somebody's, as `lane|target`: an erasure forgets them |
| `skills` | hash | skill → the newest word about it beside the file: `ms|word|config`, see `store.skill_states` |
| `slots` | hash | entry of the schedule → its last slot that was done, in ms |
| `slot:<name>:<n>` | string, minutes | the slot of a task that beat sends was taken: the next message does nothing |
| `reach:<source>:<resource>` | hash | how far a source was read: `until_ms`, `full_ms` |
| `receipts` | list | the newest receipts of reconciliations, as JSON, newest first |
| `receipts:newest` | hash | source → the ratio of its newest receipt, as JSON |
| `doors` | hash | `source|fact` → when the last good webhook came, what was refused since, and why |
| `reconcile:lock` | string, 5 min | a reconciliation is running |
| `notices:told` | string | what notices have told, as JSON: which runs ended how, which faults are known, since when |
| `notices:ended` | list | imports that ended and were not told of yet, as JSON, the oldest first |
| `notices:target:<target>` | hash | how a target takes notices: `taken`, `type`, `failing`, `why`, `paused`, its mark |
| `config:<what>` | string | what the processes tell each other: attributes of the account, alerts |
| `celery:<what>` | several | Celery's own: queues, and what was fetched and not finished |
"""

from __future__ import annotations

PREFIX = "tajo:"
FORMAT = PREFIX + "format"
SALT = PREFIX + "salt"
CLOCKS = PREFIX + "clocks"
SEQ = PREFIX + "seq"
INBOX = PREFIX + "inbox"
INBOX_GROUP = "workers"
INBOX_TRIES = PREFIX + "inbox:tries"
LANES = PREFIX + "lanes"
PARKED = PREFIX + "parked"
PARKED_AT = PREFIX + "parked:at"
PARKED_BRIEF = PREFIX + "parked:brief"
LEDGER = PREFIX + "ledger"
LEDGER_INDEX = PREFIX + "ledger:index"
ALERTS = PREFIX + "alerts"
METRICS = PREFIX + "metrics"
TOMB = PREFIX + "tomb"
FORMERS = PREFIX + "formers"
LEFT = PREFIX + "left"
ATTRIBUTE_NAMES = PREFIX + "attribute:names"
RECEIPTS = PREFIX + "receipts"
NEWEST_RECEIPTS = PREFIX + "receipts:newest"
DOORS = PREFIX + "doors"
RECONCILE_LOCK = PREFIX + "reconcile:lock"
IMPORTS = PREFIX + "imports"
IMPORT_SLOTS = PREFIX + "imports:slots"
IMPORT_LISTS = PREFIX + "imports:lists"
IMPORTS_ASKED = PREFIX + "imports:asked"
PROOF = PREFIX + "proof"
PROOF_RUN = PREFIX + "proof:run"
PROOF_TURN = PREFIX + "proof:turn"
PROOF_IMPORT = PREFIX + "proof:import"
PROOF_OWNER = PREFIX + "proof:owner"
PROOF_RECEIPTS = PREFIX + "proof:receipts"
CANARIES = PREFIX + "proof:canaries"
READ = PREFIX + "read"
READ_BITS = PREFIX + "read:bits"
READ_TURN = PREFIX + "read:turn"
FOLLOWER = PREFIX + "imports:follower"
FOLLOWER_LAST = FOLLOWER + ":last"
RUNS = PREFIX + "runs"
RUNS_OPEN = PREFIX + "runs:open"
SKILLS = PREFIX + "skills"
WALKS = PREFIX + "walks"
SLOTS = PREFIX + "slots"
SUSPECTS = PREFIX + "suspects"
RULES = PREFIX + "rules"
RECONCILE_DUE = PREFIX + "reconcile:due"
NOTICES_TOLD = PREFIX + "notices:told"
NOTICES_ENDED = PREFIX + "notices:ended"
WRONG_KEYS_TOLD = PREFIX + "wrongkeystold"

#: How long an event id is remembered, in seconds: longer than the longest retry of any sender (48 h, BigCommerce).
SEEN_TTL_S = 50 * 3600
#: How many alerts are kept.
ALERT_ROWS = 500


def told(name: str) -> str:
    """Return the key that is there once a program told of a customer: by their ref, or by the address."""
    return f"{PREFIX}told:{name}"


def wake(what: str) -> str:
    """Return the key that is there while a wake-up is on its way."""
    return f"{PREFIX}wake:{what}"


def ledger_part(number: int) -> str:
    """Return the key of a part of the ledger's index."""
    return f"{LEDGER_INDEX}:{number}"


def ended(size_s: int, number: int) -> str:
    """Return the key of the events that ended in one slot of time."""
    return f"{PREFIX}ended:{size_s}:{number}"


def slot(name: str, number: int) -> str:
    """Return the key that is there once somebody took a slot of time."""
    return f"{PREFIX}slot:{name}:{number}"


def lane(name: str, what: str) -> str:
    """Return the key of a lane's structure: `since`, `lease`, `tries`, ..."""
    return f"{PREFIX}{what}:{name}"


def queue(name: str, priority: int) -> str:
    """Return the key of a lane's due set of one priority."""
    return f"{PREFIX}q:{name}:{priority}"


def person(number: str) -> str:
    """Return the key of a person's record."""
    return f"{PREFIX}p:{number}"


def record(lane_name: str, target: str) -> str:
    """Return the key of what a lane keeps of a record of its own."""
    return f"{PREFIX}rec:{lane_name}:{target}"


def records_of(whom: str) -> str:
    """Return the set of the records of other lanes that belong to somebody, as `lane|target`."""
    return f"{PREFIX}of:{whom}"


def changes(lane_name: str, target: str) -> str:
    """Return the list of the waiting changes of a target."""
    return f"{PREFIX}c:{lane_name}:{target}"


def breaker(lane_name: str) -> str:
    """Return the breaker of a lane."""
    return f"{PREFIX}brk:{lane_name}"


def limit(bucket: str) -> str:
    """Return what is known of a rate limit."""
    return f"{PREFIX}lim:{bucket}"


def import_key(name: str) -> str:
    """Return what is known of an import."""
    return f"{PREFIX}import:{name}"


def import_rows_key(name: str) -> str:
    """Return the rows of an import."""
    return f"{PREFIX}import:{name}:rows"


def import_watched(name: str) -> str:
    """Return the people of an import that updates of whom urgent news came while it ran."""
    return f"{PREFIX}import:{name}:watched"


def import_joined(name: str) -> str:
    """Return the people of an import who joined lists after it, or are about to."""
    return f"{PREFIX}import:{name}:joined"


def imports_pace(kind: str) -> str:
    """Return how long the last import of a kind took."""
    return f"{PREFIX}imports:pace:{kind}"


def import_rest(slot: int) -> str:
    """Return the key that is there while a slot rests."""
    return f"{PREFIX}imports:rest:{slot}"


def note(what: str) -> str:
    """Return the key of something the processes tell each other."""
    return f"{PREFIX}config:{what}"


def notice_target(target: str) -> str:
    """Return the key that tells how a target takes notices."""
    return f"{PREFIX}notices:target:{target}"


def vault(source: str) -> str:
    """Return the key of a source's encrypted credentials."""
    return f"{PREFIX}vault:{source}"


def vault_lock(source: str) -> str:
    """Return the lock that a process holds while it renews a source's credentials."""
    return f"{PREFIX}vaultlock:{source}"


def attempt(state: str, part: str = "") -> str:
    """Return the key of an attempt to connect a source, or of a part of it: `begun`, `used`, `outcome`."""
    return f"{PREFIX}connect:{state}:{part}" if part else f"{PREFIX}connect:{state}"


def ticket(ticket: str) -> str:
    """Return the key that leads from a ticket to its attempt."""
    return f"{PREFIX}ticket:{ticket}"


def ended_session(session: str) -> str:
    """Return the key that is there once a sign-in to the dashboard was ended."""
    return f"{PREFIX}signedout:{session}"


def sign_in_link(link_hash: str) -> str:
    """Return the key that is there as long as a sign-in link can be used."""
    return f"{PREFIX}signin:{link_hash}"


def wrong_keys(caller: str) -> str:
    """Return the count of the wrong API keys of a caller, or of `all`."""
    return f"{PREFIX}wrongkeys:{caller}"


def run(number: str, part: str = "") -> str:
    """Return the key of a run, or of a part of it: `lease`, `seen`."""
    return f"{PREFIX}run:{number}:{part}" if part else f"{PREFIX}run:{number}"


def report(skill: str) -> str:
    """Return the counts of a skill's mails."""
    return f"{PREFIX}report:{skill}"


def reach(source: str, resource: str) -> str:
    """Return the key that tells how far a source was read."""
    return f"{PREFIX}reach:{source}:{resource}"
