"""Proves in the account itself what imports do, on contacts of our own: three passes, one small step at a time.

    ready   folder, lists, attributes        make    the canaries that stay        click   wait for F's click
    begin   new lists, a new D               before  read all                      send, follow, read  of three imports
    minute, ten   read again                 end     delete what the pass made     close   the verdict opens or closes

Any process may do the next step, one at a time; all is stored before the next step. What cannot go on ends the proof,
and nothing is open after that. Rules: `docs/decisions/0043-bulk-by-proof.md`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from customer_sync import __version__
from customer_sync.base.clock import Clock
from customer_sync.base.log import get
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.owner import Owner
from customer_sync.brevo.proof import before, canaries, passing
from customer_sync.brevo.proof.course import PASSES, Course
from customer_sync.brevo.proof.doors import DOORS, REMEDY, UPDATES, DoorBook, mark_of, unique_of
from customer_sync.brevo.proof.hands import Hands
from customer_sync.brevo.proof.receipt import receipt_of
from customer_sync.brevo.proof.verdicts import Told, covers_left, judge
from customer_sync.brevo.proof.walk import Ended, Walk
from customer_sync.config import Settings
from customer_sync.errors import ConfigError, Parkable, Refused, TajoError, TryLater, Unavailable
from customer_sync.store import Store
from customer_sync.store.counters import Tally

log = get(__name__)

#: How long one visit does steps that need not wait, in seconds.
VISIT_S: Final = 2.0
#: How soon a step is tried again while Brevo is away, and while another process has the turn, in seconds.
AWAY_S, BUSY_S = 10.0, 2.0
#: How long a proof may take, in seconds: what it saw first is too old then.
LIMIT_S: Final = 86_400.0
#: How old a proof is when the schedule repeats it, in seconds: it counts for seven days.
REPEAT_S: Final = 6 * 86_400.0
#: How often the schedule tries to begin one, in seconds.
BEGIN_S: Final = 600

CLOSE: Final = "close"
STEPS: Final[Mapping[str, passing.Step]] = {
    "ready": before.ready,
    "make": before.make,
    "click": before.click,
    **passing.STEPS,
}
_ORDER: Final = (*STEPS, CLOSE)


class Lost(Exception):
    """Another process has the turn now: this one must not write any more."""


class Progress(NamedTuple):
    """Where a proof stands.

    Args:
        state: `none` (no proof is under way), `waits` (for the next step), `done` (it has just ended).
        step: the step that is next.
        of_pass: the number of the pass, 0 before the first.
        wait_s: when the next step is due.
        trouble: why the last step could not be done; "" where it could.
        receipt: what the proof found, when it is done.
    """

    state: str
    step: str = ""
    of_pass: int = 0
    wait_s: float = 0.0
    trouble: str = ""
    receipt: dict[str, Any] | None = None


class Prover:
    """Begins proofs and advances them.

    Args:
        settings: the account, the key, the mapping.
        store: where all of it is kept.
        brevo: the account.
        clock: milliseconds since 1970.
        tally: counts the calls.
        notify_url: the URL that Brevo is to call when an import is done; "" for none.
    """

    def __init__(  # noqa: PLR0913  # what it works with, all of it by name in one place
        self, settings: Settings, store: Store, brevo: Brevo, clock: Clock, *, tally: Tally, notify_url: str = ""
    ) -> None:
        self._store = store
        self._brevo = brevo
        self._clock = clock
        self._tally = tally
        self._notify_url = notify_url
        self._owner = Owner(settings, store, brevo)
        self._mark = mark_of(settings, store)
        self._unique = unique_of([settings.mapping_for(name) for name in settings.all_sources])
        self._doors = DoorBook(settings, store, clock)

    @property
    def unique(self) -> tuple[str, ...]:
        """The attributes of the mapping that only one contact may have."""
        return self._unique

    def begin(
        self, address: str, *, with_click: bool = False, is_weekly: bool = False, by_schedule: bool = False
    ) -> None:
        """Begin a proof; nothing is made in Brevo before the first step. While one is under way that one goes on.

        Args:
            address: whose plus-addresses the canaries get.
            with_click: whether a person will click on "unsubscribe" for canary F.
            is_weekly: whether the operator agreed that the schedule repeats it.
            by_schedule: whether this is such a repeat.

        Raises:
            Refused: the address is none, or a customer's; the account has consent groups.
            TajoError: Brevo does not answer, or refuses the key.
        """
        base = canaries.read_address(address)
        if base is None:
            raise Refused("That is no address of which plus-addresses can be made: name one as me@example.com.")
        if self._store.people.find(base) is not None:
            raise Refused("That is the address of a customer: name one that no shop knows.")
        self._owner.check()
        if self._hands("").has_groups():
            self._store.set_note("consent_groups", True)
            raise Refused("The account has consent groups, which no import can be trusted with: nothing is proven.")
        now_ms, record = self._clock(), self._store.proofs.read().proof or {}
        course = Course(base, self._mark, now_ms, self._unique, is_weekly=is_weekly, by_schedule=by_schedule)
        course.since_ms = course.due_ms = now_ms
        course.with_click = with_click
        course.was_open = self._doors.read(anew=True).updates.is_open
        _take_over(course, record, base)
        self._store.proofs.begin_run(course.to_json())

    def repeat_if_due(self) -> bool:
        """Begin the repeat of a proof where the operator agreed to repeats and it is old enough; tell whether it was.

        Raises:
            TajoError: as `begin`.
        """
        kept, now_ms = self._store.proofs.read(), self._clock()
        record = kept.proof or {}
        if not record.get("weekly") or record.get("mark") != self._mark or kept.closed:
            return False
        if self._store.proofs.run() is not None:
            return False
        has_passed = any(one["verdict"] == "passed" for one in record["doors"].values())
        is_old = now_ms - record["proven_ms"] >= REPEAT_S * 1000 or record["version"] != __version__
        if not has_passed or not is_old or not self._store.is_first("proof", now_ms // (BEGIN_S * 1000), 2 * BEGIN_S):
            return False
        self.begin(record["address"], with_click="F" in record["emails"], is_weekly=True, by_schedule=True)
        return True

    def step(self) -> Progress:
        """Do what is due of the proof that is under way; a few seconds at most while Brevo answers.

        Raises:
            redis.RedisError: Redis does not answer; the step is done again.
        """
        if self._store.proofs.run() is None:
            return Progress("none")
        turn = self._store.proofs.begin_turn()
        if turn is None:
            return self._standing(BUSY_S)
        try:
            return self._visit(turn)
        except Lost:
            return self._standing(BUSY_S)
        finally:
            self._store.proofs.end_turn(turn)
            self._store.counters.add(self._tally)

    def look(self) -> Progress:
        """Return where the proof stands; nothing is done."""
        return self._standing(0.0)

    def _standing(self, least_s: float) -> Progress:
        state = self._store.proofs.run()
        return Progress("none") if state is None else self._progress(Course.of(state), least_s)

    def _progress(self, course: Course, least_s: float = 0.0) -> Progress:
        wait_s = max(least_s, (course.due_ms - self._clock()) / 1000)
        return Progress("waits", course.step, len(course.passes), wait_s, course.trouble)

    def _visit(self, turn: str) -> Progress:
        state = self._store.proofs.run()
        if state is None:
            return Progress("none")
        course = Course.of(state)
        if course.due_ms > self._clock():
            return self._progress(course)
        hands = self._hands(turn)

        def save() -> None:
            course.calls, hands.calls = course.calls + hands.calls, 0
            if not self._store.proofs.save_run(turn, course.to_json()):
                raise Lost

        walk = Walk(course, hands, self._store, self._clock, save, self._notify_url)
        ends = time.monotonic() + VISIT_S
        try:
            while course.step != CLOSE:
                self._check(course)
                wait_s = self._try(walk)
                course.due_ms = self._clock() + int(wait_s * 1000)
                save()
                if wait_s or time.monotonic() > ends:
                    return self._progress(course)
        except Ended as ended:
            return self._close(walk, turn, ended)
        return self._close(walk, turn)

    def _try(self, walk: Walk) -> float:
        """Do the step that is due and go to the next one; return how long that must wait.

        Raises:
            Ended: the proof cannot go on.
        """
        course = walk.course
        step, course.trouble = course.step, ""
        try:
            wait_s = STEPS[step](walk)
        except (Unavailable, TryLater) as error:
            course.trouble = str(error)
            return max(1.0, (error.after_s if isinstance(error, TryLater) else None) or AWAY_S)
        except (ConfigError, Parkable) as error:
            raise Ended("unclear", error.reason, error.remedy) from error
        except TajoError as error:
            raise Ended("unclear", str(error)) from error
        if wait_s is None:
            if course.step == step:
                course.step = _ORDER[_ORDER.index(step) + 1]
            course.since_ms = self._clock()
        return wait_s or 0.0

    def _check(self, course: Course) -> None:
        if course.mark != self._mark:
            raise Ended("unclear", "The key or the account was changed while the proof ran.", REMEDY)
        if course.version != __version__:
            raise Ended("unclear", "Another version of Tajo was installed while the proof ran.", REMEDY)
        if self._clock() - course.begun_ms > LIMIT_S * 1000:
            raise Ended("unclear", "The proof was not done within a day.", REMEDY)

    def _close(self, walk: Walk, turn: str, ended: Ended | None = None) -> Progress:
        """Keep what was found; open what was passed and close the rest."""
        course, now_ms = walk.course, self._clock()
        told = judge(course.passes, course.unique)
        if ended is not None:
            walk.note(ended.text)
            told = {door: one if one.word == "failed" else Told(ended.why, ended.text) for door, one in told.items()}
        were_open = [door for door in DOORS if self._doors.read(anew=True).door(door).is_open]
        covers = covers_left(course.passes) and told[UPDATES].word == "passed"
        record = _record(course, told, self._mark, now_ms, covers=covers)
        passed = [door for door in DOORS if told[door].word == "passed"]
        course.calls += walk.hands.calls
        receipt = receipt_of(course, told, now_ms, covers=covers, remedy=ended.remedy if ended else "")
        stay = self._store.proofs.end_run(
            turn, record, receipt, passed, begun_ms=course.begun_ms, keeps_step=course.was_open and UPDATES in passed
        )
        if stay is None:
            raise Lost
        self._tell([door for door in were_open if door not in passed], told)
        log.info("proof ended", calls=course.calls, **{door: one.word for door, one in told.items()})
        with suppress(TajoError):  # what stays is deleted at the next proof, and by `--clean`
            for email in course.old:
                walk.hands.delete(email)
        return Progress("done", CLOSE, len(course.passes), receipt=receipt)

    def _tell(self, closed: list[str], told: Mapping[str, Told]) -> None:
        if closed:
            text = f"Imports no longer do this: {', '.join(closed)}. {told[closed[0]].text}"
            self._store.ledger.alert(text, REMEDY, cause="door")

    def _hands(self, turn: str) -> Hands:
        def keep() -> None:
            if turn and not self._store.proofs.save_run(turn):
                raise Lost

        return Hands(self._brevo, self._store.limits, keep, self._store.proofs.owner())


def _take_over(course: Course, record: Mapping[str, Any], base: str) -> None:
    """Go on with the canaries of the proof before; those of another address are deleted when this one has ended."""
    emails: dict[str, str] = record.get("emails", {})
    course.made = list(record.get("made", ()))
    course.old = list(record.get("old", ()))
    if record.get("address") == base:
        course.emails, course.numbers = dict(emails), {**record["numbers"]}
    else:
        course.old += emails.values()
        course.was_open = False


def _record(course: Course, told: Mapping[str, Told], mark: str, now_ms: int, *, covers: bool) -> dict[str, Any]:
    """Return the record that `DoorBook` reads, with what the next proof takes over."""
    emails = {letter: one for letter, one in course.emails.items() if one not in course.made}
    riders = [[letter[1:], emails[letter], letter == "RA"] for letter in ("RA", "RB") if letter in emails]
    return {
        "mark": mark,
        "version": __version__,
        "proven_ms": now_ms,
        "doors": {door: {"verdict": one.word, "text": one.text} for door, one in told.items()},
        "riders": riders,
        "covers_left": covers,
        "unique": list(course.unique),
        "address": course.address,
        "weekly": course.is_weekly,
        "emails": emails,
        "numbers": course.numbers,
        "made": course.made,
        "old": course.old,
    }


class Cost(NamedTuple):
    """About what a proof costs.

    Args:
        calls: how many calls of the account's limits.
        minutes: how long it takes.
        contacts: how many contacts stay in the account.
    """

    calls: int
    minutes: int
    contacts: int


def cost_of(unique: Sequence[str], *, with_click: bool = False) -> Cost:
    """Return about what a proof costs, as counted in the sandbox.

    Args:
        unique: the attributes of the mapping that only one contact may have.
        with_click: whether there is an F; the wait for the click is not counted.
    """
    calls = 200 + (80 if unique else 0) + 75 * len(unique) + (30 if with_click else 0)
    # three imports in each pass, which take half a minute each, and the reads after ten minutes
    minutes = round(PASSES * (passing.READS_S["ten"] + 3 * 30) / 60)
    return Cost(calls, minutes, len(canaries.standing(unique, with_click=with_click)))
