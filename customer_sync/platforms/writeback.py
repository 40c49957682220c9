"""The worker step of the lane of opt-outs of one source: its platform is told who left in Brevo.

An item names a record and holds no address. Address and time are read when it is delivered, so who moved, was erased,
or opted in again is not opted out at the platform. What became of it is kept; a result that is no success is told as
one that is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Final, NamedTuple

from customer_sync.base.clock import Clock
from customer_sync.config import Settings
from customer_sync.engine.attempt import LaneStep, Saves
from customer_sync.engine.lane import LaneDescription, Outcome
from customer_sync.errors import ConfigError, TajoError, TryLater
from customer_sync.kit.connector import Connector
from customer_sync.kit.reach import Access, Withdrawal, Written
from customer_sync.kit.rest import Rejected
from customer_sync.model import Channel, Json, from_ms
from customer_sync.person.merge import State
from customer_sync.person.owed import Owed
from customer_sync.person.person import apply
from customer_sync.platforms.debts import ASKED, Decisions, asked_of, claim_of, decisions_of, id_of
from customer_sync.platforms.lanes import source_of, writeback_lanes
from customer_sync.platforms.waits import OPT_OUTS, tell_of_wait
from customer_sync.store import Store
from customer_sync.store.counters import Tally
from customer_sync.store.forms import Kept, encode_kept
from customer_sync.store.items import Item, Settlement

#: How soon it is looked again whether a source has keys now, in ms.
KEYS_AGAIN_MS: Final = 86_400_000
#: For how long what is owed may not stand with the person yet, in ms: it is put here before their item is settled.
SETTLES_MS: Final = 30_000
#: How soon it is looked again, in seconds.
SOON_S: Final = 1.0
#: When a record is tried again at which a platform refused keys or rights, in seconds. The lane looks again much
#: sooner, with another record: a right may be missing for this one alone.
ASIDE_S: Final = 300.0
#: How long after it told of a record a platform may not show it yet, and how soon it is looked for again, in seconds.
SHOWN_S: Final = 60.0
LOOK_AGAIN_S: Final = 15.0
#: What is told of each result.
NOTES: Final[Mapping[str, str]] = {
    "written": "the platform was told",
    "unchanged": "the platform knew",
    "gone": "the platform has no such record, or it has another address",
    "newer": "the person opted in there later",
    "lifted": "the person opted in later, or the record has another address",
    "unsupported": "not possible: the platform takes no opt-out",
    "no_account": "not possible here: no account",
    "no_keys": "not possible: the source has no keys",
    "off": "write_back is off",
}


class Job(NamedTuple):
    """One opt-out that is to be told.

    Args:
        item: the item.
        withdrawal: what the platform is told.
        asked: what stands for it.
        claim: what stands for the last time that the record told its address.
        access: how the platform is reached.
        told_ms: when the record told its address last.
    """

    item: Item
    withdrawal: Withdrawal
    asked: Json
    claim: Json
    access: Access
    told_ms: int


class WritebackHandler(LaneStep[Job, None]):
    """Tells the platform of one source who opted out.

    Args:
        lane: its lane.
        connector: its connector.
        access: gives how its platform is reached; None where it has no keys.
        store: all that Redis holds.
        decide: what the operator decided.
        tally: counts the results.
        clock: milliseconds since 1970.
    """

    #: The pace of the source decides how fast it goes; these only wait for answers.
    threads: ClassVar[int] = 4

    def __init__(  # noqa: PLR0913  # what a handler works with; made in one place
        self,
        lane: LaneDescription,
        connector: Connector,
        access: Callable[[], Access | None],
        store: Store,
        decide: Decisions,
        *,
        tally: Tally,
        clock: Clock,
    ) -> None:
        super().__init__(lane, store.limits, _no_gate, clock)
        self._source = source_of(lane.name)
        self._connector = connector
        self._access = access
        self._store = store
        self._decide = decide
        self._tally = tally

    def batch_size(self) -> int:
        """Return how many items to take: what waits longer than its lease would be told twice."""
        return self.threads

    def planner(self) -> Callable[[Item], Outcome | Job]:
        """Return what plans one item, by what is known of the person at this moment."""
        access, takes = self._access(), Channel.EMAIL in self._connector.writes

        def plan(item: Item) -> Outcome | Job:
            id_ = item.target.removeprefix(f"{self._source}:")
            if self._source not in self._decide.terms:
                return self._ended(item, "off")
            told, email = self._owed(item, id_)
            if told is None:
                if self._clock() - item.since_ms < SETTLES_MS:
                    raise TryLater("The person's own item is settled first.", after_s=SOON_S, burns=False)
                return self._ended(item, "lifted")
            if not takes:
                return self._ended(item, "unsupported")
            if told.record.id is None and not self._connector.finds_addresses:
                return self._ended(item, "no_account")
            if access is None:
                return self._ended(item, "no_keys")
            withdrawal = Withdrawal(told.record.id or "", Channel.EMAIL, email, from_ms(told.at_ms))
            return Job(item, withdrawal, asked_of(told, email), claim_of(told), access, told.record.claim[0])

        return plan

    def _owed(self, item: Item, id_: str) -> tuple[Owed | None, str]:
        """Return what is owed of an item's record now, and the address; None where nothing is any more."""
        if item.whose is None:
            return None, ""
        person = apply(self._store.people.decode(item.whose.record), item.whose.parts)
        all_of_it = [one for one in self._decide.owed(person) if one.record.source == self._source]
        return next((one for one in all_of_it if id_of(one) == id_), None), person.email or ""

    def carry_out(self, job: Job, gate: None) -> Outcome:  # noqa: ARG002  # the base's signature
        """Tell the platform of one opt-out; what it refuses of one record is no reason to keep back the others."""
        try:
            written = self._connector.write_consent(job.withdrawal, job.access)
        except Rejected as error:
            if not error.is_of_request:
                raise
            raise TryLater(error.reason) from error
        if written is Written.GONE and self._clock() - job.told_ms < SHOWN_S * 1000:
            raise TryLater(f"{self._connector.title} does not show it yet.", after_s=LOOK_AGAIN_S, burns=False)
        return self._ended(job.item, str(written), job.asked, job.claim)

    def _ended(self, item: Item, result: str, asked: Json = None, claim: Json = None) -> Outcome:
        """Return the outcome of an item, with the result that is kept. Only what the platform took is a delivery."""
        known = item.state.get(ASKED)
        now_ms = self._clock()
        has: dict[str, Json] = {"result": result, "at": now_ms, "of": asked or (known.value if known else None)}
        if result == Written.GONE:
            has["claim"] = claim
        settlement = Settlement(item.target, record=encode_kept(Kept(_settled(item.state, asked), has)))
        if result == "no_keys":
            settlement.next_ms = now_ms + KEYS_AGAIN_MS
        is_new = (item.kept.has.get("result"), item.kept.has.get("of")) != (result, has["of"])
        if is_new:
            self._tally.count("tajo_writebacks_total", source=self._source, result=result)
        # what was not possible is no delivery of the event that asked for it
        is_done = result in {*Written, "lifted"}
        return Outcome(
            item if is_done else replace(item, events=()),
            settlement,
            "delivered" if result == Written.WRITTEN else "unchanged",
            NOTES[result],
        )

    def _failed(self, item: Item, error: TajoError, save: Saves | None = None) -> Outcome:
        """Let others go first after a record at which a right was missing; tell of a long wait."""
        tell_of_wait(self._store, self._source, error, OPT_OUTS)
        outcome = super()._failed(item, error, save)
        if isinstance(error, ConfigError):
            outcome.settlement.due_in_s = ASIDE_S
        return outcome

    def complete(self, job: Job, outcome: Outcome) -> None:  # noqa: ARG002  # the base's signature
        """Count what was given up."""
        if outcome.word == "parked":
            self._tally.count("tajo_writebacks_total", source=self._source, result="parked")


def _settled(state: State, asked: Json) -> State:
    """Return what is known of a record once it was told of a withdrawal, which may be newer than the one asked for."""
    known = state.get(ASKED)
    return state if asked is None or known is None else {**state, ASKED: known._replace(value=asked)}


def _no_gate(*_: Any, **__: Any) -> None:
    """Return no gate: the source's own pace lets its calls through, see `customer_sync.pacing`."""


def handlers_of(  # noqa: PLR0913  # what a handler works with
    settings: Settings,
    connectors: Mapping[str, Connector],
    access: Callable[[str], Access | None],
    store: Store,
    *,
    tally: Tally,
    clock: Clock,
) -> dict[str, WritebackHandler]:
    """Return lane → its handler, of every source.

    Args:
        settings: the config.
        connectors: source → its connector.
        access: source → how its platform is reached; None where it has no keys.
        store: all that Redis holds.
        tally: counts the results.
        clock: milliseconds since 1970.
    """
    decide = decisions_of(settings)
    return {
        lane.name: WritebackHandler(
            lane, connectors[source], partial(access, source), store, decide, tally=tally, clock=clock
        )
        for source, lane in writeback_lanes(settings).items()
    }
