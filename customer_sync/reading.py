"""Reading: one request becomes events, and each event what is put into the lanes. What cannot be read is parked.

Nothing here writes: a request becomes a `Read`, and the pipeline commits many of them in one step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from customer_sync.base.log import get, place
from customer_sync.brevo.proof.canaries import is_canary
from customer_sync.brevo.webhooks import SOURCE as BREVO
from customer_sync.engine.plan import Planned, Request, Step, opened_rows
from customer_sync.engine.planner import Planner
from customer_sync.errors import MappingError, PayloadError
from customer_sync.kit.connector import Connector
from customer_sync.kit.rescue import ALONE
from customer_sync.model import Event, Inbound, Kind, to_ms
from customer_sync.person.identity import fingerprint
from customer_sync.platforms.hints import read_again
from customer_sync.registry import recognise
from customer_sync.skills import Skill
from customer_sync.store import Store, inbox, parked
from customer_sync.store.forms import EventRef
from customer_sync.store.ledger import event_row

log = get(__name__)


@dataclass(slots=True)
class Read:
    """One request, read.

    Args:
        source: where it came from.
        request: what is put.
        events: its events, in the order in which the script answers them.
        parked: how much of it had to be parked; the script answers these last.
        refused: the fields that were left out.
        asked: events that ask a person to act; they are parked.
    """

    source: str
    request: Request
    events: list[Event] = field(default_factory=list)
    parked: int = 0
    refused: list[str] = field(default_factory=list)
    asked: list[Event] = field(default_factory=list)

    @property
    def is_ignored(self) -> bool:
        """Whether it told nothing of interest."""
        return not self.events and not self.parked


class Reader:
    """Reads requests.

    Args:
        store: for the fingerprints.
        connectors: source → its connector.
        skills: the enabled skills.
        now_ms: the time by Redis' clock.
    """

    def __init__(self, store: Store, connectors: Mapping[str, Connector], skills: Sequence[Skill], now_ms: int) -> None:
        self._salt = store.people.salt
        self._proofs = store.proofs
        self._connectors = connectors
        self._skills = skills
        self._planner = Planner(store.people, now_ms)

    def read(self, entry: inbox.Entry) -> Read:
        """Return what a request puts into the lanes."""
        found = Read(entry.inbound.source, Request(entry.id, ()))
        planned: list[Planned] = []
        stopped: list[list[Any]] = []
        if entry.fault:
            stopped.append(_park_raw(entry))
        elif entry.claims >= inbox.MAX_CLAIMS:
            stopped.append(_park(entry.inbound, "A worker died each time it read this request.", _REPORT))
        else:
            for part in self._parts(entry.inbound):
                if isinstance(part, PayloadError):
                    stopped.append(_park(entry.inbound, str(part.kept()), part.remedy))
                    continue
                if self._is_of_canary(part):
                    continue
                if part.kind in REQUESTS:
                    stopped.append(self._ask(entry.inbound, part))
                    found.asked.append(part)
                    continue
                try:
                    one, fault = self.plan(part, entry.inbound.received_at, found)
                except MappingError as error:
                    one, fault = None, error.kept()
                if one is not None:
                    planned.append(one)
                    found.events.append(part)
                if fault is not None:
                    stopped.append(_park(entry.inbound, str(fault), fault.remedy, part if one is None else None))
        found.request = Request(entry.id, planned, stopped)
        found.parked = len(stopped)
        return found

    def handed(self, events: Sequence[Event], seen_at: datetime) -> tuple[Read, MappingError | None]:
        """Return what events that came by no request put into the lanes, and why the rest of them cannot be used."""
        found = Read("", Request("", ()))
        planned: list[Planned] = []
        fault: MappingError | None = None
        for event in events:
            try:
                one, partly = self.plan(event, seen_at, found)
            except MappingError as error:
                fault = fault or error.kept()
                continue
            planned.append(one)
            found.events.append(event)
            fault = fault or partly
        found.request = Request("", planned)
        return found, fault

    def reread(
        self, events: Sequence[Event], behind: Sequence[EventRef], seen_at: datetime
    ) -> tuple[Read, MappingError | None]:
        """Return what was read again puts into the lanes, in the place of the events behind it; see `handed`."""
        found = Read("", Request("", ()))
        planned: list[Planned] = []
        fault: MappingError | None = None
        for event in events:
            try:
                steps, notes, partly = self._steps(event, found)
            except MappingError as error:
                fault = fault or error.kept()
                continue
            groups = self._planner.groups(steps, behind, seen_at)
            found.events.append(event)
            fault = fault or partly
            planned.append(Planned(groups, opens=opened_rows(behind, groups, "; ".join(notes))))
        found.request = Request("", planned)
        return found, fault

    def plan(self, event: Event, seen_at: datetime, found: Read) -> tuple[Planned, MappingError | None]:
        """Return what an event puts into the lanes, and why the rest of it cannot be used.

        Raises:
            MappingError: nothing of it can.
        """
        steps, notes, fault = self._steps(event, found)
        behind = [EventRef(event.id, event.source, to_ms(seen_at))]
        groups = self._planner.groups(steps, behind, seen_at)
        seen = fingerprint(f"{event.source}|{event.id}{ALONE if fault else ''}", self._salt)
        return Planned(groups, seen, event_row(event, "; ".join(notes))), fault

    def _steps(self, event: Event, found: Read) -> tuple[list[Step], list[str], MappingError | None]:
        if event.kind is Kind.RECORD_CHANGED:
            return [read_again(event)], list(event.notes), None
        steps: list[Step] = []
        notes = list(event.notes)
        if event.kind is Kind.SOURCE_ALERT:
            notes.append(str(event.record.get("message", "")))
        fault: MappingError | None = None
        for skill in self._skills:
            try:
                intent = skill.intent(event)
            except MappingError as error:
                fault = fault or error.kept()
                continue
            steps += intent.steps
            notes += [intent.note] if intent.note else []
            found.refused += intent.refused
            fault = fault or (intent.fault and intent.fault.kept())
        if fault is not None and not steps:
            raise fault
        return steps, notes, fault

    def _is_of_canary(self, event: Event) -> bool:
        """Tell whether Brevo tells of a contact that a proof made: that is nobody, and no news."""
        email = event.record.get("email") if event.source == BREVO else None
        if not isinstance(email, str) or not is_canary(email.strip().lower()):
            return False
        return self._proofs.are_canaries([fingerprint(email.strip().lower(), self._salt)])[0]

    def _ask(self, inbound: Inbound, event: Event) -> list[Any]:
        """Return a request that only a person can fulfil, as a parked one: once, however often it is sent."""
        number = "p" + fingerprint(f"{event.source}|{event.id}", self._salt)[:10]
        return _park(inbound, *REQUESTS[event.kind], event, number)

    def _parts(self, inbound: Inbound) -> Sequence[Event | PayloadError]:
        connector = self._connectors.get(inbound.source)
        if connector is None:
            found = (
                "Nothing reads this request's source now: it is not in tajo.yaml, or its connector cannot be loaded."
            )
            return [_Unread(found, "Run `tajo doctor`, add the source again or mend its connector, then replay.")]
        try:
            return connector.parse(inbound)
        except PayloadError as error:
            guess = recognise(inbound, connector, self._connectors)
            return [error if guess is None else _Unread(guess.said, f"{guess.remedy} Then drop this one.")]
        except Exception as error:  # noqa: BLE001  # a fault of ours in one request must not stop the others
            # the error's text may hold what was sent: only its name and place are told
            told = {"source": inbound.source, "error": type(error).__name__, "place": place(error)}
            log.error("request not read", **told)  # noqa: TRY400  # no traceback, for the reason above
            return [_Unread(f"A fault in the connector: {type(error).__name__}.", _REPORT)]


#: What only a person can do → what is asked for, and how it is done.
REQUESTS: Mapping[Kind, tuple[str, str]] = {
    Kind.CUSTOMER_DATA_REQUESTED: (
        "A customer asks the shop for all that is known of them.",
        "Answer within 30 days: give the shop's owner what `tajo contacts explain <address>` shows, then drop this.",
    ),
}
_REPORT = "Report it with the request, then replay."


class _Unread(PayloadError):
    """A request that was not read at all: the whole sentence is the reason."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__("$", reason, remedy)
        self.args = (reason,)


def _park_raw(entry: inbox.Entry) -> list[Any]:
    """Return a request that waits in a form which nobody wrote, as a parked one."""
    reason = f"The waiting request is damaged ({entry.fault})."
    one = parked.park_inbound(entry.raw, "inbox", reason, "Drop it: nobody can read it.", int(entry.id.split("-")[0]))
    log.error("request damaged", parked=one.id, fault=entry.fault)
    return [one.id, parked.encode(one), ["e", one.id, "s", "inbox", "k", "", "t", "", "n", reason]]


def _park(inbound: Inbound, reason: str, remedy: str, event: Event | None = None, number: str = "") -> list[Any]:
    at_ms = to_ms(inbound.received_at)
    one = parked.park_inbound(inbox.encode(inbound), inbound.source, reason, remedy, at_ms)
    one = replace(one, id=number or one.id)
    row = event_row(event, reason) if event else ["e", one.id, "s", inbound.source, "k", "", "t", "", "n", reason]
    log.warning("request parked", source=inbound.source, parked=one.id, reason=reason)
    return [one.id, parked.encode(one), row]
