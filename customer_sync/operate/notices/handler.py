"""The worker step of a target's lane: one try for each notice, and what becomes of it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

from customer_sync.base.clock import Clock, system_clock
from customer_sync.config import Settings
from customer_sync.config.settings import NoticeTarget
from customer_sync.destinations import NOTIFY, described, is_of_notices, notify_lane
from customer_sync.engine.attempt import LaneStep
from customer_sync.engine.lane import LaneDescription, Outcome
from customer_sync.errors import Parkable, TajoError
from customer_sync.operate.notices.mail import MailSender
from customer_sync.operate.notices.senders import Gone, Private, Sender, SlackSender, WebhookSender
from customer_sync.store import Store
from customer_sync.store.counters import Tally
from customer_sync.store.items import Item, Settlement
from customer_sync.store.notices import Refusal, Why
from customer_sync.store.vault import SecretKey

#: The outcomes that are counted as they are called.
_COUNTED: Final = frozenset({"delivered", "again", "parked"})
_ANSWER_REMEDY: Final = "See why at the receiver. It is tried again for three days; `tajo notices test` tries now."


class Job(NamedTuple):
    """One notice that is to be sent."""

    item: Item
    id: str
    type: str
    body: str


def secrets_of(target: NoticeTarget, settings: Settings, home: Path) -> tuple[str, ...]:
    """Return the secrets that sign a target's notices, the newest first: the config's, else those derived from the key.

    Raises:
        ConfigError: the key file cannot be read or made.
    """
    if target.secrets:
        return target.secrets
    derived = SecretKey(settings.secret_key, home).derived(f"notices:{target.name}")
    return tuple("whsec_" + base64.b64encode(key).decode() for key in reversed(derived))


def sender_of(target: NoticeTarget, settings: Settings, home: Path, clock: Clock = system_clock) -> Sender:
    """Return the way to a target.

    Raises:
        ConfigError: as `secrets_of`.
    """
    if target.kind == "slack":
        return SlackSender(target)
    if target.kind == "email":
        return MailSender(target, clock)
    return WebhookSender(target, secrets_of(target, settings, home), clock)


def try_once(store: Store, target: NoticeTarget, send: Sender, job: tuple[str, str, str], at_ms: int) -> str:
    """Send one notice (id, type, body), note what the target answered, and return that.

    Raises:
        TajoError: it was not taken, see `Sender`.
    """
    id_, type_, body = job
    try:
        answer = send(id_, body)
    except TajoError as error:
        remedy = error.remedy if isinstance(error, Parkable) else _ANSWER_REMEDY
        paused: Why = "gone" if isinstance(error, Gone) else "private" if isinstance(error, Private) else ""
        is_news = store.notices.failed(target.name, target.address, at_ms, Refusal(str(error), remedy, paused))
        if is_news and paused:
            store.ledger.alert(f"The target {target.name} gets no more notices: {error}", remedy, cause="notices")
        raise
    store.notices.took(target.name, target.address, type_, at_ms)
    return answer


class NoticeHandler(LaneStep[Job, None]):
    """Sends the notices of one target, a few at a time.

    Args:
        target: the target.
        make: makes the way to it, at the first notice.
        store: all that Redis holds.
        tally: counts the results.
        clock: milliseconds since 1970.
        lane: its lane; None: the lane of that target.
    """

    #: How many notices are under way at once: a target that does not answer holds no more threads than these.
    threads: ClassVar[int] = 2

    def __init__(  # noqa: PLR0913  # what a handler works with; made in one place
        self,
        target: NoticeTarget,
        make: Callable[[], Sender],
        store: Store,
        tally: Tally,
        *,
        clock: Clock = system_clock,
        lane: LaneDescription | None = None,
    ) -> None:
        super().__init__(lane or notify_lane(target), store.limits, _no_gate, clock)
        self._target = target
        self._make = make
        self._send: Sender | None = None
        self._store = store
        self._tally = tally

    def batch_size(self) -> int:
        """Return how many items to take: what waits longer than its lease would be sent twice."""
        return self.threads

    def planner(self) -> Callable[[Item], Outcome | Job]:
        """Return what plans one notice: a target that is paused gets none, and what waited for it is parked."""
        if self._send is None:
            self._send = self._make()
        state = self._store.notices.state(self._target.name, self._target.address)

        def plan(item: Item) -> Job:
            if state.paused:
                self._tally.count("tajo_notices_total", target=self._target.name, result="parked")
                raise Parkable(state.why, state.remedy)
            fields = {name: str(one.value) for name, one in item.state.items()}
            return Job(item, fields["id"], fields["type"], fields["body"])

        return plan

    def carry_out(self, job: Job, gate: None) -> Outcome:  # noqa: ARG002  # the base's signature
        """Send one notice."""
        assert self._send is not None
        answer = try_once(self._store, self._target, self._send, (job.id, job.type, job.body), self._clock())
        return Outcome(job.item, Settlement(job.item.target), "delivered", answer)

    def complete(self, job: Job, outcome: Outcome) -> None:
        """Count the result, and raise an alert for a notice that is given up."""
        if outcome.word in _COUNTED:
            self._tally.count("tajo_notices_total", target=self._target.name, result=outcome.word)
        if outcome.word == "parked":
            text = f"A notice ({job.type}) to the target {self._target.name} was given up: {outcome.note}"
            self._store.ledger.alert(text, "`tajo parked list` has it.", cause="notices")


def _no_gate(*_: Any, **__: Any) -> None:
    """Return no gate: a target has no rate limit that is known; a 429 puts one notice off."""


def handlers_of(settings: Settings, store: Store, home: Path, tally: Tally, clock: Clock) -> dict[str, NoticeHandler]:
    """Return lane → its handler: of every target, and of those that were taken out while notices waited."""
    found: dict[str, NoticeHandler] = {}
    for target in settings.notifications.targets:
        make = partial(sender_of, target, settings, home, clock)
        found[notify_lane(target).name] = NoticeHandler(target, make, store, tally, clock=clock)
    for lane in store.lanes.names():
        if is_of_notices(lane) and lane not in found and store.lanes.depth(lane)[0]:
            left = NoticeTarget(lane.removeprefix(NOTIFY), "webhook", "")
            # by any worker: where no target is left, none may be there for platforms
            description = replace(described(lane), queue="")
            found[lane] = NoticeHandler(left, partial(_NoWay, left.name), store, tally, clock=clock, lane=description)
    return found


@dataclass(frozen=True, slots=True)
class _NoWay:
    """The way to a target that is not in the config any more."""

    name: str

    def __call__(self, id_: str, body: str) -> str:  # noqa: ARG002  # what every way is given
        remedy = (
            f"Write it into tajo.yaml again and replay, or drop this: `tajo parked drop --source notify:{self.name}`."
        )
        raise Parkable(f"The target {self.name} is not in tajo.yaml any more.", remedy)
