"""How far a proof is, as it is stored after each of its steps. It holds the operator's address, and no customer's."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, NamedTuple

from customer_sync import __version__
from customer_sync.model import Json

#: How many passes a proof has.
PASSES: Final = 3


class View(NamedTuple):
    """What counts of a contact, as one GET showed it.

    Args:
        number: Brevo's number of it.
        is_own: whether it has the address that it was asked by.
        is_blocked: `emailBlacklisted`.
        is_sms_blocked: `smsBlacklisted`.
        lists: `listIds`, in ascending order.
        left: `listUnsubscribed`, the same.
        groups: `consentGroups` as [number, status].
        values: all attributes.
    """

    number: int
    is_own: bool
    is_blocked: bool
    is_sms_blocked: bool
    lists: list[int]
    left: list[int]
    groups: list[list[Json]]
    values: dict[str, Json]

    @classmethod
    def of(cls, contact: Mapping[str, Json], email: str) -> View:
        """Return the view of a contact that was asked for by its address."""
        values, groups = contact.get("attributes"), contact.get("consentGroups")
        number = contact.get("id")
        return cls(
            number if isinstance(number, int) else 0,
            str(contact.get("email", "")).lower() == email,
            contact.get("emailBlacklisted") is True,
            contact.get("smsBlacklisted") is True,
            _numbers(contact.get("listIds")),
            _numbers(contact.get("listUnsubscribed")),
            sorted([one.get("id"), one.get("status")] for one in groups if isinstance(one, dict))
            if isinstance(groups, list)
            else [],
            dict(values) if isinstance(values, dict) else {},
        )


#: Letter → its contact, None where Brevo has none.
Views = dict[str, View | None]


class Sight(NamedTuple):
    """What all canaries showed at one time.

    Args:
        stage: `updates`, `creates`, `phones` (at the end of that import), `minute` or `ten` (minutes after the last).
        views: the canaries.
    """

    stage: str
    views: Views


@dataclass(slots=True)
class Pass:
    """One pass.

    Args:
        is_ready: whether its lists and its D were made.
        has_phones: whether the import with values that only one contact may have is sent.
        values: import → what it writes.
        fresh: attribute → the value that Z gets.
        lists: `second` and `third` → their numbers.
        before: the canaries before the first import.
        sights: what they showed since.
        process: the import that runs.
        is_sending: whether an import was about to be sent, so that Brevo may have it.
        sent_ms: when it was sent.
        ended_ms: when the last import ended.
    """

    is_ready: bool = False
    has_phones: bool = False
    values: dict[str, dict[str, Json]] = field(default_factory=dict)
    fresh: dict[str, str] = field(default_factory=dict)
    lists: dict[str, int] = field(default_factory=dict)
    before: Views = field(default_factory=dict)
    sights: list[Sight] = field(default_factory=list)
    process: int | None = None
    is_sending: bool = False
    sent_ms: int = 0
    ended_ms: int = 0


@dataclass(slots=True)
class Course:
    """A proof that is under way.

    Args:
        address: the operator's address.
        mark: see `customer_sync.brevo.proof.doors.mark_of`.
        begun_ms: when it began.
        unique: the attributes of the mapping that only one contact may have.
        is_weekly: whether the operator agreed to its repeats.
        by_schedule: whether it is such a repeat.
        with_click: whether there is a canary F.
        was_open: whether imports could update when it began, so that the riders are in use.
        id: its name.
        version: of the program that began it.
        step: where it stands.
        since_ms: when that step began.
        due_ms: when it goes on.
        trouble: why the step could not be done, for people.
        folder: the folder of the lists.
        lists: name → number, of the lists that stay.
        emails: letter → address, of the canaries that stay and of those of this pass.
        numbers: letter → attribute → value.
        made: addresses of passes, to be deleted at their end.
        old: addresses that were given up, to be deleted at the end.
        passes: the passes.
        restarts: how often a pass had to begin anew.
        imports: how many imports were planned.
        calls: how many calls were made.
        log: [ms, what was done or seen].
    """

    address: str
    mark: str
    begun_ms: int
    unique: tuple[str, ...]
    is_weekly: bool = False
    by_schedule: bool = False
    with_click: bool = False
    was_open: bool = False
    id: str = field(default_factory=lambda: secrets.token_hex(6))
    version: str = __version__
    step: str = "ready"
    since_ms: int = 0
    due_ms: int = 0
    trouble: str = ""
    folder: int = 0
    lists: dict[str, int] = field(default_factory=dict)
    emails: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, dict[str, str]] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    old: list[str] = field(default_factory=list)
    passes: list[Pass] = field(default_factory=list)
    restarts: int = 0
    imports: int = 0
    calls: int = 0
    log: list[tuple[int, str]] = field(default_factory=list)

    @property
    def now(self) -> Pass:
        """The pass that is under way."""
        return self.passes[-1]

    @property
    def taken(self) -> set[str]:
        """The values of unique attributes that its canaries have or had."""
        lasting = {value for values in self.numbers.values() for value in values.values()}
        return lasting | {value for one in self.passes for value in one.fresh.values()}

    def note(self, at_ms: int, text: str) -> None:
        """Add to what the receipt tells."""
        self.log.append((at_ms, text))

    def to_json(self) -> dict[str, Any]:
        """Return it as stored."""
        return asdict(self)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Course:
        """Return the course of a stored one; of another version's what this version knows, so that it can be ended."""
        log = [(int(at), str(text)) for at, text in stored["log"]]
        try:
            passes = [_pass(one) for one in stored["passes"]]
        except (KeyError, TypeError, ValueError):
            if stored.get("version") == __version__:
                raise
            passes = []
        return cls(**{**_of_now(cls, stored), "passes": passes, "unique": tuple(stored["unique"]), "log": log})


def _pass(stored: Mapping[str, Any]) -> Pass:
    sights = [Sight(stage, _views(views)) for stage, views in stored["sights"]]
    return Pass(**{**_of_now(Pass, stored), "before": _views(stored["before"]), "sights": sights})


def _of_now(kind: type[Course | Pass], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is stored without the fields that this version has not."""
    return {one.name: stored[one.name] for one in fields(kind) if one.name in stored}


def _views(stored: Mapping[str, Any]) -> Views:
    return {letter: None if one is None else View(*one) for letter, one in stored.items()}


def _numbers(value: Json) -> list[int]:
    return sorted(one for one in value if isinstance(one, int)) if isinstance(value, list) else []
