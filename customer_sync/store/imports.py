"""Running imports. All data of an import is in Redis before it is sent, so any worker can follow it.

An import holds the leases of its items until the result of each row is known. Live work may take an item back at any
time; the import's later result for this item is ignored.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import redis

from customer_sync.store import keys
from customer_sync.store.import_row import Row, pressed, unpressed
from customer_sync.store.items import UPDATING, ImportMark
from customer_sync.store.scripts import Scripts, as_text
from customer_sync.store.turns import Turns

#: How long a import_ holds its items, in seconds; longer than it is ever waited for.
IMPORT_LEASE_S = 1800.0
#: How many technical lists there are, by which the contacts of an import are told. One import runs at a time: Brevo
#: says that an import that is stuck is often one of several (help 32331116133522). The other list is not used then.
SLOTS = 2
#: How long a technical list stays unused between two imports, in seconds: their contacts are told apart by time, and
#: Brevo gives times in whole seconds.
REST_S = 4.0
#: How many rows go to or from Redis in one step.
STEP = 500
#: How long what is known of an import is kept at most, in seconds.
KEPT_S = 172_800
#: How long it is remembered that Brevo was asked for its processes, in seconds.
ASKED_S = 600.0
#: When an import that was opened or is being sent counts as left by a dead worker, in seconds: longer than its call
#: may take.
SILENT_S = 60.0
#: What an import does: it creates contacts only, or it updates contacts only.
Kind = Literal["creates", "updates"]
#: The letters before an import's number.
_LETTERS: Final = {"creates": "i", "updates": UPDATING}


@dataclass(frozen=True, slots=True)
class Import:
    """An import.

    Args:
        id: its name; also the token of its leases.
        lane: the lane of its items.
        slot: which of the technical lists it uses.
        state: `opened` (nothing was sent), `sending` (perhaps), `sent`, `lost`, `ended`
            (at Brevo), `overdue` (nobody waits for
            it any more, but it may still make contacts).
        begun_ms: when it was opened, then when it was about to be sent, by the clock of Redis.
        look_ms: when it is to be looked at.
        now_ms: the time by that clock when this was read.
        list_id: the technical list of this import; no other running import uses it.
        since: the time at Brevo before which it created nothing, as Brevo writes times.
        rows: how many rows the import has; None while they are not counted.
        process: Brevo's number of it; None while it is not known.
        looks: how often its contacts were counted and many were missing.
        info: what Brevo told of it at its end, as JSON.
        nonce: of an import that updates: what its riders were sent.
        riders: the riders, as JSON.
        step: the number of the opening size that it tries; -1 for none.
        ended_ms: when its end was seen, 0 before.
        checked: how many of its rows were read back one by one.
        odd: how many of them did not show what was sent.
        is_watched: whether urgent news came of somebody in it while it ran.
        is_bare: whether of its rows only the people's numbers are left: it was given up.
        unknown_ms: since when Brevo does not know its number, 0 while it does.
        ask_s: of an import that updates: at which age Brevo is asked for it, whatever its riders show.
    """

    id: str
    lane: str
    slot: int
    state: str
    begun_ms: int
    look_ms: int
    now_ms: int
    list_id: int
    since: str
    rows: int | None
    process: int | None
    looks: int
    info: str
    nonce: str = ""
    riders: str = "[]"
    step: int = -1
    ended_ms: int = 0
    checked: int = 0
    odd: int = 0
    is_watched: bool = False
    is_bare: bool = False
    unknown_ms: int = 0
    ask_s: float = 0.0

    @property
    def kind(self) -> Kind:
        """What it does: its name tells."""
        return "updates" if self.id.startswith(UPDATING) else "creates"

    @property
    def since_end_s(self) -> float:
        """How long ago its end was seen, in seconds; 0.0 before."""
        return max(0.0, (self.now_ms - self.ended_ms) / 1000) if self.ended_ms else 0.0

    @property
    def unknown_s(self) -> float:
        """How long Brevo has not known its number, in seconds."""
        return max(0.0, (self.now_ms - self.unknown_ms) / 1000) if self.unknown_ms else 0.0

    @property
    def age_s(self) -> float:
        """How long ago it was begun, in seconds."""
        return (self.now_ms - self.begun_ms) / 1000

    @property
    def is_due(self) -> bool:
        """Whether it is to be looked at now."""
        return self.look_ms <= self.now_ms


class Imports:
    """The imports that are under way.

    Args:
        client: Redis.
        scripts: its scripts.
        slots: how many lists there are.
        rest_s: how long a slot rests after a import_.
    """

    def __init__(self, client: redis.Redis, scripts: Scripts, *, slots: int = SLOTS, rest_s: float = REST_S) -> None:
        self._client = client
        self._scripts = scripts
        self._slots = slots
        self._rest_ms = int(rest_s * 1000)
        #: One worker follows at a time.
        self.turns = Turns(client, scripts)

    def has_room(self) -> bool:
        """Tell whether another import may begin."""
        pipe = self._client.pipeline(transaction=False)
        pipe.hlen(keys.IMPORT_SLOTS)
        pipe.exists(keys.PROOF_IMPORT)
        for slot in range(1, self._slots + 1):
            pipe.exists(keys.import_rest(slot))
        running, proving, *resting = (int(one) for one in pipe.execute())
        return not running and not proving and sum(resting) < self._slots

    def open(self, lane: str, kind: Kind = "creates") -> tuple[str, int] | None:
        """Begin an import and return its id and slot; None while another one runs or every list rests.

        An import of a proof is another one, too: see `customer_sync.store.proofs`.
        """
        answer = self._scripts.run("import_open", lane, self._slots, int(SILENT_S * 1000), _LETTERS[kind])
        return (as_text(answer[0]), int(answer[1])) if answer else None

    def prepare(self, import_: str, list_id: int, since: str, **facts: str | int) -> None:
        """Note by what the contacts of an import will be told, and further facts of it."""
        facts |= {"list": list_id, "since": since}
        self._client.hset(keys.import_key(import_), items=[part for pair in facts.items() for part in pair])

    def save_rows(self, import_: str, rows: Sequence[Row]) -> None:
        """Store the rows of an import. They hold names and addresses, so they are deleted when the import ends."""
        for start in range(0, len(rows), STEP):
            self._client.rpush(keys.import_rows_key(import_), pressed(rows[start : start + STEP]))

    def replace_rows(self, import_: str, rows: Sequence[Row]) -> None:
        """Store the rows again, without persons who stay out: such a person may be erased before the import ends."""
        pipe = self._client.pipeline()
        pipe.delete(keys.import_rows_key(import_))
        for start in range(0, len(rows), STEP):
            pipe.rpush(keys.import_rows_key(import_), pressed(rows[start : start + STEP]))
        pipe.execute()

    def import_take(
        self, lane: str, token: str, import_: str, marks: Sequence[tuple[str, ImportMark]]
    ) -> frozenset[str]:
        """Hand loaded items over to an import; return the targets that stay out, because live work took them back.

        Raises:
            Gone: the import was given up by a follower.
        """
        out: set[str] = set()
        for start in range(0, len(marks), STEP):
            pairs = [text for target, mark in marks[start : start + STEP] for text in (target, mark.encode())]
            is_known, *stay = self._scripts.run("import_take", lane, token, import_, int(IMPORT_LEASE_S * 1000), *pairs)
            if not is_known:
                raise Gone(import_)
            out.update(map(as_text, stay))
        return frozenset(out)

    def sending(self, import_: str) -> None:
        """Note that an import is about to be sent, or still is: from now on Brevo may have it.

        Raises:
            Gone: the import was given up by a follower.
        """
        if not self._scripts.run("import_send", import_, int(SILENT_S * 1000)):
            raise Gone(import_)

    def lose(self, import_: Import) -> bool:
        """Note that an import never came to Brevo; False when its worker is alive and sends it just now."""
        return bool(self._scripts.run("import_lose", import_.id, import_.begun_ms))

    def unsent(self, import_: str) -> None:
        """Note that Brevo has certainly not taken an import."""
        self._client.hset(keys.import_key(import_), "state", "refused")

    def count(self, import_: str, rows: int) -> None:
        """Store how many rows the import has."""
        self._client.hset(keys.import_key(import_), "rows", rows)

    def sent(self, import_: str, process: int, look_s: float) -> None:
        """Note that Brevo has accepted an import."""
        pipe = self._client.pipeline()
        pipe.hset(keys.import_key(import_), mapping={"state": "sent", "process": process})
        # if a follower has taken the import for lost, only this call removes it
        pipe.expire(keys.import_key(import_), KEPT_S)
        pipe.execute()
        self.look_in([import_], look_s)

    # follow

    def ids(self) -> frozenset[str]:
        """Return the ids of all that may still make contacts."""
        found: Any = self._client.zrange(keys.IMPORTS, 0, -1)
        return frozenset(map(as_text, found))

    def under_way(self) -> list[Import]:
        """Return all imports under way, the oldest first."""
        seconds, micros = self._client.time()
        now_ms = seconds * 1000 + micros // 1000
        index: Any = self._client.zrange(keys.IMPORTS, 0, -1, withscores=True)
        found = [self._read(as_text(import_), int(look_ms), now_ms) for import_, look_ms in index]
        return sorted((one for one in found if one is not None), key=lambda one: one.begun_ms)

    def due_s(self) -> float | None:
        """Return how long until one is to be looked at, in seconds; None when nothing is under way."""
        first: Any = self._client.zrange(keys.IMPORTS, 0, 0, withscores=True)
        if not first:
            return None
        seconds, micros = self._client.time()
        return max(0.0, float(first[0][1]) / 1000 - seconds - micros / 1_000_000)

    def look_in(self, imports: Iterable[str], wait_s: float) -> None:
        """Say when imports are to be looked at next, in seconds from now."""
        seconds, micros = self._client.time()
        at_ms = int((seconds + wait_s) * 1000 + micros / 1000)
        scores = dict.fromkeys(imports, at_ms)
        if scores:
            self._client.zadd(keys.IMPORTS, scores, xx=True)

    def look_now(self) -> bool:
        """Make every sent import due for a look now; False without a sent import."""
        sent = [one.id for one in self.under_way() if one.state == "sent"]
        self.look_in(sent, 0.0)
        return bool(sent)

    def joining(self, import_: str, targets: Sequence[str]) -> None:
        """Note who is about to join lists: live work may take them back before the call that puts them there."""
        self._client.sadd(keys.import_joined(import_), *targets)

    def pace_s(self, kind: Kind, rows: int) -> float | None:
        """Return how long an import of so many rows takes, by the last one of its kind; None before the first."""
        raw: Any = self._client.hmget(keys.imports_pace(kind), "ms", "rows")
        if raw[0] is None:
            return None
        return float(raw[0]) / 1000 * min(2.0, max(0.2, rows / max(1.0, float(raw[1]))))

    def took(self, import_: Import) -> None:
        """Note how long an import took."""
        items: list[str | int] = ["ms", int(import_.age_s * 1000), "rows", import_.rows or 0]
        self._client.hset(keys.imports_pace(import_.kind), items=items)

    def asked_s(self) -> float:
        """Return how long ago Brevo was last asked for its processes, in seconds; infinite after 10 minutes."""
        left_ms: Any = self._client.pttl(keys.IMPORTS_ASKED)
        return ASKED_S - left_ms / 1000 if left_ms > 0 else math.inf

    def ask(self) -> None:
        """Note that Brevo is being asked for its processes."""
        self._client.set(keys.IMPORTS_ASKED, "1", px=int(ASKED_S * 1000))

    def ask_again(self) -> None:
        """Forget that Brevo was asked: it has news."""
        self._client.delete(keys.IMPORTS_ASKED)

    def rows(self, import_: str) -> Iterator[list[Row]]:
        """Yield the rows of an import, a step at a time."""
        index = 0
        while True:
            raw: Any = self._client.lindex(keys.import_rows_key(import_), index)
            if raw is None:
                return
            yield unpressed(raw)
            index += 1

    def rows_left(self, import_: Import) -> Iterator[list[Row]]:
        """Yield the rows whose result is not stored yet, a step at a time."""
        for rows in self.rows(import_.id):
            targets = [row.target for row in rows]
            left = self.held(import_, targets) | self._own(import_, keys.lane(import_.lane, "mark"), targets)
            if some := [row for row in rows if row.target in left]:
                yield some

    def _own(self, import_: Import, key: str, targets: Sequence[str]) -> frozenset[str]:
        """Return those of these people whose token or mark names the import."""
        found: Any = self._client.hmget(key, list(targets)) if targets else []
        pairs = zip(targets, found, strict=True)
        return frozenset(target for target, text in pairs if as_text(text).partition("|")[0] == import_.id)

    def watched(self, import_: str) -> list[str]:
        """Return the people of an import that updates of whom urgent news came while it ran."""
        found: Any = self._client.smembers(keys.import_watched(import_))
        return sorted(map(as_text, found))

    def strip(self, import_: Import) -> None:
        """Keep of an import that nobody waits for only whom it is about: what they were sent may yet be overwritten."""
        self.replace_rows(import_.id, [row.bare for rows in self.rows(import_.id) for row in rows])
        self.note(import_, bare=1)

    def held(self, import_: Import, targets: Sequence[str]) -> frozenset[str]:
        """Return those of these people whose item the import still holds."""
        return self._own(import_, keys.lane(import_.lane, "tok"), targets)

    def note(self, import_: Import, **facts: str | float) -> None:
        """Write facts of an import that is still known."""
        if self._client.exists(keys.import_key(import_.id)):
            items: list[str | float] = [part for pair in facts.items() for part in pair]
            self._client.hset(keys.import_key(import_.id), items=items)

    def give_up(self, import_: Import) -> None:
        """Stop waiting for an import: free its slot, which gets another technical list, then remove its rows."""
        if as_text(self._client.hget(keys.IMPORT_SLOTS, str(import_.slot))) == import_.id:
            self.set_list(import_.slot, None)
            self._client.hdel(keys.IMPORT_SLOTS, str(import_.slot))
        if import_.kind == "updates":
            self.strip(import_)
        else:
            self._client.delete(keys.import_rows_key(import_.id))
        self.note(import_, state="overdue")

    def close(self, import_: str, told: str = "") -> None:
        """Forget an import: it is over, or was never sent; `told` is kept for who tells of its end, see `Notices`."""
        self._scripts.run("import_close", import_, self._rest_ms, told)

    def _read(self, import_: str, look_ms: int, now_ms: int) -> Import | None:
        raw: Any = self._client.hgetall(keys.import_key(import_))
        if not raw:
            return None
        facts = {as_text(name): as_text(text) for name, text in raw.items()}
        return Import(
            id=import_,
            lane=facts["lane"],
            slot=int(facts["slot"]),
            state=facts["state"],
            begun_ms=int(facts["begun"]),
            look_ms=look_ms,
            now_ms=now_ms,
            list_id=int(facts.get("list", 0)),
            since=facts.get("since", ""),
            rows=int(facts["rows"]) if "rows" in facts else None,
            process=int(facts["process"]) if "process" in facts else None,
            looks=int(facts.get("looks", 0)),
            info=facts.get("info", ""),
            nonce=facts.get("nonce", ""),
            riders=facts.get("riders", "[]"),
            step=int(facts.get("step", -1)),
            ended_ms=int(facts.get("ended", 0)),
            checked=int(facts.get("checked", 0)),
            odd=int(facts.get("odd", 0)),
            is_bare="bare" in facts,
            unknown_ms=int(facts.get("unknown", 0)),
            ask_s=float(facts.get("ask_s", 0)),
            is_watched=bool(self._client.exists(keys.import_watched(import_))),
        )

    # the technical lists

    def list_of(self, slot: int) -> int | None:
        """Return the list of a slot, None when none is known."""
        known = self._client.hget(keys.IMPORT_LISTS, str(slot))
        return int(known) if known else None

    def set_list(self, slot: int, list_id: int | None) -> None:
        """Note the list of a slot; None forgets it."""
        if list_id is None:
            self._client.hdel(keys.IMPORT_LISTS, str(slot))
        else:
            self._client.hset(keys.IMPORT_LISTS, str(slot), list_id)


class Gone(Exception):
    """An import is not known any more: it was taken for lost."""
