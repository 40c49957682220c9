"""The parts of the client: one class for each thing that the service has, one method for each call."""

from __future__ import annotations

import time
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypedDict, Unpack

from tajo import answers, person, receipts, table
from tajo.calls import Caller
from tajo.errors import NotReached
from tajo.listing import Listing

#: What is written as JSON: a skill's config, the data of an event.
Body = Mapping[str, Any]
#: A time with its zone, or the same as text: ISO 8601.
When = datetime | str
#: What a run reads: what changed, everything, or everything and who is gone.
RunKind = Literal["incremental", "full", "compare"]

#: A run that is in one of these states goes on by itself.
_AT_WORK: Final = frozenset({"running", "delivering"})
#: So many of the states that `tail` has told are remembered.
_REMEMBERED: Final = 20_000


class Filters(TypedDict, total=False):
    """Which things of a list are meant: those from a source, of a time or later, before a time; `limit` at most."""

    source: str | None
    since: When | None
    until: When | None
    limit: int | None


class RunFilters(Filters, total=False):
    """Which runs are meant, by the time of their start."""

    state: str | None
    kind: RunKind | None


class ParkedFilters(Filters, total=False):
    """Which parked things are meant."""

    reason: str | None


class EventFilters(Filters, total=False):
    """Which events are meant; `person` is an e-mail address or the number of a person."""

    state: str | None
    kind: str | None
    person: str | None


class Part:
    """One part of the client.

    Args:
        caller: makes the table.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller


class Skills(Part):
    """What is done with what happens: which skills there are, whether they work, and with what config."""

    def list(self) -> Sequence[answers.Skill]:
        """Return every skill, with who decided whether it works: the file or the API."""
        return self._caller.do(table.SKILLS)["items"]

    def get(self, name: str) -> answers.Skill:
        """Return one skill."""
        return self._caller.do(table.SKILL, name)

    def report(self, name: str) -> answers.SkillReport:
        """Return what came of a skill's mails."""
        return self._caller.do(table.REPORT, name)

    def reset(self, name: str) -> answers.Skill:
        """Let `tajo.yaml` say again whether a skill works, and with what config."""
        return self._caller.do(table.RESET, name)

    def enable(self, name: str, config: Body | None = None) -> answers.Skill:
        """Let a skill work, from now on and after every restart.

        Args:
            name: as `customer-sync`.
            config: what `tajo.yaml` may hold below the skill's name, in either spelling; None leaves it as it is.

        Raises:
            Refused: the config is wrong; `errors` has every fault of it.
        """
        return self._caller.do(table.ENABLE, name, body=config or {})

    def disable(self, name: str) -> answers.Skill:
        """Let a skill rest. What happens meanwhile is not caught up when it works again."""
        return self._caller.do(table.DISABLE, name, body={})

    def trigger(self, name: str, payload: Body) -> answers.Accepted:
        """Give one event to a skill, as a webhook would.

        Args:
            name: as `customer-sync`.
            payload: `event`, `data`, and if you like `timestamp` and `id`.

        Raises:
            Conflict: the skill is off.
            Refused: the event is wrong; `errors` has every fault of it.
        """
        return self._caller.do(table.TRIGGER, name, body=_with_id(payload))


class Connectors(Part):
    """Where customers come from: the configured sources, and the platforms that can be one."""

    def list(self) -> Sequence[answers.Source]:
        """Return every source, with its state and why."""
        return self._caller.do(table.SOURCES)["items"]

    def platforms(self) -> Sequence[answers.Platform]:
        """Return every platform that can be a source."""
        return self._caller.do(table.SOURCES)["platforms"]

    def get(self, source: str) -> answers.Source:
        """Return one source."""
        return self._caller.do(table.SOURCE, source)

    def sync(
        self, source: str, *, full: bool = False, compare: bool = False, dry_run: bool = False, force: bool = False
    ) -> answers.Run:
        """Start a run that reads the source: what changed since the last one, where nothing else is said.

        Args:
            source: its name.
            full: read everybody.
            compare: read everybody, and find who was deleted.
            dry_run: count what would change, and send nothing.
            force: take off the brake that stops a run before mass changes.
        """
        body = {"full": full, "compare": compare, "dry_run": dry_run, "force": force}
        return self._caller.do(table.SYNC, source, body=body)

    def install(self, source: str) -> answers.Installed:
        """Make the source's webhooks, or repair them."""
        return self._caller.do(table.INSTALL, source, body={})


class Contacts(Part):
    """One person, found by an e-mail address."""

    def explain(self, address: str) -> person.Contact:
        """Return where each value comes from, what the person allows and why, and what Brevo has."""
        return self._caller.do(table.EXPLAIN, address)

    def sync(self, address: str) -> answers.Synced:
        """Read the person again at every source, and send what differs."""
        return self._caller.do(table.READ_AGAIN, address, body={})

    def erase(self, address: str) -> answers.ErasureReport:
        """Remove the person everywhere, Brevo included; there is no way back."""
        return self._caller.do(table.ERASE, address)


class Runs(Part):
    """Batch syncs."""

    def list(self, **filters: Unpack[RunFilters]) -> Listing[answers.Run]:
        """Return runs, the newest first, by the time of their start."""
        return Listing(self._caller, table.RUNS, filters)

    def get(self, number: str | int) -> answers.Run:
        """Return one run, as it stands."""
        return self._caller.do(table.RUN, str(number))

    def start(
        self, source: str, kind: RunKind = "incremental", *, dry_run: bool = False, force: bool = False
    ) -> answers.Run:
        """Start a run; see `Connectors.sync` for the words.

        Raises:
            Conflict: the source has a run under way.
        """
        body = {"source": source, "kind": kind, "dry_run": dry_run, "force": force}
        return self._caller.do(table.START, body=body)

    def pause(self, number: str | int) -> answers.Run:
        """Let a run wait."""
        return self._move(number, "pause")

    def resume(self, number: str | int, *, force: bool = False) -> answers.Run:
        """Let a run go on; `force` takes off the brake that stops it before mass changes."""
        return self._move(number, "resume", force=force)

    def cancel(self, number: str | int) -> answers.Run:
        """End a run. What it sent stays."""
        return self._move(number, "cancel")

    def wait(self, number: str | int, *, timeout_s: float | None = None, every_s: float = 2.0) -> answers.Run:
        """Wait until a run does not go on by itself, and return it: done, cancelled, paused, or stopped with a reason.

        Args:
            number: which.
            timeout_s: how long at most; None: for ever.
            every_s: how often it is looked at, in seconds.

        Raises:
            NotReached: it still goes on after that time.
        """
        ends_at = None if timeout_s is None else time.monotonic() + timeout_s
        while (run := self.get(number))["state"] in _AT_WORK:
            if ends_at is not None and time.monotonic() >= ends_at:
                raise NotReached(f"Run {number} is {run['state']} after {timeout_s:g} s.", "Wait longer, or cancel it.")
            self._caller.pause(every_s)
        return run

    def _move(self, number: str | int, verb: str, *, force: bool = False) -> answers.Run:
        return self._caller.do(table.MOVES[verb], str(number), body={"force": force} if force else {})


class Parked(Part):
    """What waits for a person, each with its reason and what to do."""

    def list(self, **filters: Unpack[ParkedFilters]) -> Listing[answers.Parked]:
        """Return what is parked, the newest first, without what it holds of people."""
        return Listing(self._caller, table.ALL_PARKED, filters)

    def get(self, parked_id: str, *, reveal: bool = False) -> answers.ParkedDetail:
        """Return one parked thing; `reveal` adds what it holds, personal data too, which the service logs."""
        query = {"reveal": "1"} if reveal else None
        return self._caller.do(table.ONE_PARKED, parked_id, query=query)

    def replay(self, parked_id: str | None = None, *, reason: str | None = None, source: str | None = None) -> int:
        """Send again one thing, or all with this reason, from this source, or both; return how many.

        Raises:
            TypeError: nothing is named, or one thing and a reason or a source.
        """
        if (parked_id is None) == (reason is None and source is None):
            raise TypeError("Name one parked thing, or else a reason, a source, or both.")
        if parked_id is not None:
            return self._caller.do(table.REPLAY, parked_id)["replayed"]
        chosen = {name: word for name, word in (("reason", reason), ("source", source)) if word is not None}
        return self._caller.do(table.REPLAY_MANY, body=chosen)["replayed"]

    def drop(self, parked_id: str) -> None:
        """Forget one parked thing for good."""
        self._caller.do(table.DROP, parked_id)


class Events(Part):
    """What happened, and what became of it."""

    def list(self, **filters: Unpack[EventFilters]) -> Listing[answers.Event]:
        """Return events, the newest first."""
        return Listing(self._caller, table.EVENTS, filters)

    def get(self, event_id: str, *, source: str | None = None) -> answers.EventDetail:
        """Return one event with every state that it was in.

        Args:
            event_id: its id.
            source: its source, which is needed where several sources have an event with this id.
        """
        return self._caller.do(table.EVENT, event_id, query={"source": source} if source is not None else None)

    def send(self, events: Body | Iterable[Body]) -> answers.Accepted:
        """Send one event, or up to 1,000 at once: all of them are taken, or none.

        Args:
            events: `event`, `data`, and if you like `timestamp` and `id`. An event without an `id` gets one,
                so that a call that is tried again counts once.

        Raises:
            Refused: at least one is wrong; `errors` has every fault of all of them.
        """
        if isinstance(events, Mapping):
            return self._caller.do(table.SEND, body=_with_id(events))
        if not isinstance(events, Iterable):
            raise _no_event(events)
        body = {"events": [_with_id(one) for one in events]}
        return self._caller.do(table.SEND, body=body)

    def tail(self, *, every_s: float = 1.0, **filters: Unpack[EventFilters]) -> Iterator[answers.Event]:
        """Yield each event that comes from now on, and again when its state has changed; it never ends.

        A change of state is seen as long as the event is among the newest 200.

        Args:
            every_s: how often the service is asked, in seconds.
            filters: which events are meant; the time is that of the call where nothing is said.
        """
        told: OrderedDict[tuple[str, str], None] = OrderedDict()
        chosen = dict(filters)
        newest = next(iter(self.list(limit=1)), None)
        if newest and "since" not in filters:
            chosen["since"] = newest["at"]
            # others may have come in the same millisecond
            told.update(dict.fromkeys((one["id"], one["state"]) for one in Listing(self._caller, table.EVENTS, chosen)))
        while True:
            yield from reversed(self._fresh(told, chosen))
            self._caller.pause(every_s)

    def _fresh(
        self, told: OrderedDict[tuple[str, str], None], filters: Mapping[str, object]
    ) -> Sequence[answers.Event]:
        """Return what was not told yet, the newest first; a page without any ends the search."""
        found: list[answers.Event] = []
        for page in Listing(self._caller, table.EVENTS, filters).pages():
            fresh = [one for one in page if (one["id"], one["state"]) not in told]
            if not fresh:
                break
            found += fresh
        told.update(dict.fromkeys((one["id"], one["state"]) for one in reversed(found)))
        while len(told) > _REMEMBERED:
            told.popitem(last=False)
        return found


class Receipts(Part):
    """Comparisons of both sides: whether they agree, and where they did not."""

    def list(self, **filters: Unpack[Filters]) -> Listing[receipts.Receipt]:
        """Return receipts, the newest first."""
        return Listing(self._caller, table.RECEIPTS, filters)

    def get(self, receipt_id: str) -> receipts.Receipt:
        """Return one receipt."""
        return self._caller.do(table.RECEIPT, receipt_id)


class Notices(Part):
    """Who is told of what, and whether it arrived."""

    def list(self) -> Sequence[answers.Target]:
        """Return every target with what became of its last notices."""
        return self._caller.do(table.NOTICES)["items"]

    def test(self, target: str | None = None) -> Sequence[answers.SentTest]:
        """Send a notice that says it is a test, to one target or to all, and return what each answered."""
        body = {} if target is None else {"target": target}
        return self._caller.do(table.TEST_NOTICE, body=body)["items"]


def _no_event(found: object) -> TypeError:
    kind = type(found).__name__
    return TypeError(f"An event has the keys event and data: give one, or several in a list, not {kind}.")


def _with_id(event: Body) -> dict[str, Any]:
    if not isinstance(event, Mapping):
        raise _no_event(event)
    return {**event, "id": event.get("id") or uuid.uuid4().hex}
