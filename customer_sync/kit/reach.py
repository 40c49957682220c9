"""How a connector reaches out to its platform: pages of a pull, credentials, webhook upkeep, findings.

The other half of the connector contract (see `customer_sync.kit.connector`). Everything a connector needs for it comes
in an `Access`, so that it keeps no state of its own and a fake can stand in for the platform.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal, NamedTuple, Protocol

from customer_sync.base.clock import system_clock
from customer_sync.errors import (
    ConfigError,
    ConsentNeeded,
    MappingError,
    PayloadError,
    TajoError,
    TryLater,
    Unavailable,
)
from customer_sync.kit.outbound import Reply
from customer_sync.model import Channel, Event, Json
from customer_sync.person.identity import normalize_email

#: Where a pull stands: JSON of the connector's own, small (below 4 KB), valid for days and for any process.
Cursor = Mapping[str, Json]


#: The name in the vault under which a connector keeps which webhooks it made: that is no credential, and outlives
#: `tajo connectors disconnect`.
WEBHOOKS: Final = "webhooks"


class Vault(Protocol):
    """What is kept of one source's credentials between processes, encrypted at rest."""

    def load(self) -> dict[str, Json]:
        """Return what was saved last, {} when nothing was.

        Raises:
            ConfigError: it cannot be decrypted: the key (`TAJO_SECRET_KEY`) is another one.
        """
        ...

    def save(self, values: Mapping[str, Json]) -> None:
        """Replace what is kept, in one step; it is safe when this returns."""
        ...

    def locked(self) -> AbstractContextManager[None]:
        """Hold everyone else off while a token is refreshed; read again inside, another may have done it.

        Raises:
            TryLater: another process has held it for too long.
        """
        ...


class Http(Protocol):
    """Sends what goes out to the platform, within the source's `Pace`."""

    def send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, is_file: bool = False
    ) -> Reply:
        """Send one request and return the answer, whatever its status.

        Args:
            method: the HTTP verb.
            url: where to.
            headers: beside our name.
            body: the raw body.
            is_file: whether the answer is a file, and no page: it may have 128 MB, not 32, and take longer than a
                minute as long as it comes with 256 KB a second.

        Raises:
            Unavailable: no answer came: refused, reset, timed out, not resolved, bad certificate, too large, too slow.
            TryLater: the limit of the source is used up for longer than it is worth waiting for here.
        """
        ...


class Left(NamedTuple):
    """What an answer tells of a rate limit.

    Args:
        limit: how many calls a window has.
        remaining: how many of them are left.
        reset_s: how long it is until the window ends, in seconds.
    """

    limit: int
    remaining: int
    reset_s: float


@dataclass(frozen=True, slots=True)
class Pace:
    """A platform's rate limit for one source. The engine keeps it for all processes and hosts together.

    Calls are spaced evenly a little below `calls` in `per_s` seconds. A 429 holds everybody of the source for the time
    of `Retry-After`, else until the window that `tells` names is over, else for longer each time. What a limit of
    another kind wants (points, a budget for a day) is told by `tells`, or by `Access.hold`.

    Args:
        calls: how many calls may be made; 0 where the platform has no such limit, or nobody knows it.
        per_s: in how many seconds.
        tells: reads the headers of an answer (names in lower case); None where they tell nothing.
    """

    calls: float = 0.0
    per_s: float = 1.0
    tells: Callable[[Mapping[str, str]], Left | None] | None = None

    @property
    def rate(self) -> float:
        """How many calls a second; 0.0 without such a limit."""
        return self.calls / self.per_s


def _hold_nobody(_wait_s: float) -> None:
    """Leave it to `Page.wait_s`: outside of the engine nobody else calls."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a connector works with; made by the engine, one per source and process.

    Args:
        http: sends, always with a timeout.
        vault: the source's credentials.
        now_s: seconds since 1970; tests put a clock of their own here.
        hold: keeps everybody from calling this source for so many seconds, where an answer asks for it in other words
            than 429 (points that are used up).
    """

    http: Http
    vault: Vault
    now_s: Callable[[], float] = lambda: system_clock() / 1000
    hold: Callable[[float], None] = _hold_nobody


class Known(Protocol):
    """Tells which records are as they were when they were read last, and nothing has been heard of them since.

    For pulls that have the whole text of each record before them, and no other record that belongs to it.
    """

    def __call__(self, records: Sequence[tuple[str, bytes]], context: str) -> Sequence[bool]:
        """Return for each record whether it may be left out; `Page.unchanged` counts those.

        Args:
            records: the platform's id of each customer, and the text in which all that is known of it stands.
            context: all that the reading of such a text depends on beside the text, the settings and this version.
        """
        ...


@dataclass(frozen=True, slots=True)
class Want:
    """What one step of a pull is to bring.

    Args:
        resource: customers, orders, products or carts.
        cursor: where to go on, as the page before said; None starts from the beginning.
        since: only what changed at that time or later, UTC; None wants everything.
        known: tells which records need not be read, because they tell what they told before; None: all are wanted.
    """

    resource: str
    cursor: Cursor | None = None
    since: datetime | None = None
    known: Known | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One step of a pull.

    Args:
        events: what it brought, in the canonical fields of the platform's webhooks; a `PayloadError` stands in the
            place of a record that is at fault. May be empty (a bulk operation that still runs).
        cursor: where the next page starts; None: this was the last one.
        total: how many records the whole pull has, where the platform tells; for the progress bar.
        wait_s: how long to wait before the next page, because what it is made of is not ready, or costs more than is
            left. The rate of calls is no reason: `Pace` keeps it.
        notes: what the operator should know, each said once per run ("the platform ignored the filter").
        unchanged: how many records more it brought, which `Want.known` said to leave out.
    """

    events: Sequence[Event | PayloadError]
    cursor: Cursor | None
    total: int | None = None
    wait_s: float = 0.0
    notes: tuple[str, ...] = ()
    unchanged: int = 0

    @property
    def records(self) -> int:
        """How many records it brought."""
        return len(self.events) + self.unchanged


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """An opt-out to be told to a platform.

    Args:
        record_id: whose, the platform's own id of the customer; "" where only the address is known, see
            `Connector.finds_addresses`.
        channel: e-mail or SMS.
        address: the e-mail address or the phone number (E.164) that it belongs to.
        at: when it was said, UTC.
    """

    record_id: str
    channel: Channel
    address: str = field(repr=False)
    at: datetime

    def is_for(self, written: Json) -> bool:
        """Tell whether it belongs to an address as a platform writes it: an international domain has two spellings."""
        if not isinstance(written, str):
            return False
        if self.channel is not Channel.EMAIL:
            return written.strip() == self.address.strip()
        found = _plain(written)
        return found is not None and found == _plain(self.address)


def _plain(address: str) -> str | None:
    try:
        return normalize_email(address)
    except MappingError:
        return None


class Written(StrEnum):
    """What became of an opt-out at the platform.

    `WRITTEN`: by this call the platform knows. `UNCHANGED`: it knew. `GONE`: it has no such record, or the record has
    another address now. `NEWER`: the person opted in there after the opt-out was said.
    """

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    GONE = "gone"
    NEWER = "newer"


class Finding(NamedTuple):
    """What one check of a source found.

    Args:
        name: the check: `token`, `scopes`, `protected data`, `webhooks`, ...
        verdict: ok, warn (it works, but look) or fail.
        cause: what was found.
        fix: what to do; "" when nothing is to be done.
        why: of a failure that keeps us out: `keys` (they are refused), `owner` (the owner must agree in a browser),
            `no answer`; "" for all else.
    """

    name: str
    verdict: Literal["ok", "warn", "fail"]
    cause: str
    fix: str = ""
    why: Literal["", "keys", "owner", "no answer"] = ""


def shut_out(name: str, error: TajoError, fix: str) -> Finding:
    """Return the finding for a door that does not open.

    Args:
        name: the check.
        error: what was raised when the credentials were tried.
        fix: what to do where the error has no remedy of its own.
    """
    if isinstance(error, ConsentNeeded):
        return Finding(name, "fail", error.reason, error.remedy, "owner")
    if isinstance(error, ConfigError):
        return Finding(name, "fail", error.reason, error.remedy, "keys")
    return Finding(name, "fail", str(error), fix, "no answer" if isinstance(error, TryLater | Unavailable) else "")


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What became of a source's webhooks.

    Args:
        kept: topics whose webhook was right already.
        created: topics that got one.
        repaired: topic → what was wrong with it (address, disabled, version).
        failed: topic → why it could not be made.
        removed: topics that had one too many (a second of ours at the same topic).
        calls: how many new webhooks there are that the platform calls at once (see `Connector.greet`); where no call
            comes, nothing will.
        is_unheard: no call came; the engine finds that out.
        secret: what the platform signs with, where it chose that itself and the settings lack it; else "".
        was_deaf: whether events may have been missed: a webhook was missing, disabled or pointed elsewhere. The engine
            then pulls what changed meanwhile.
    """

    kept: tuple[str, ...] = ()
    created: tuple[str, ...] = ()
    repaired: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    calls: int = 0
    is_unheard: bool = False
    secret: str = field(default="", repr=False)

    @property
    def was_deaf(self) -> bool:
        """Whether events may have been missed."""
        return bool(self.created or self.repaired)


@dataclass(frozen=True, slots=True)
class Invitation:
    """One attempt to connect a source by the owner's consent in a browser.

    Args:
        state: 32 hex digits, made for this attempt; the answer must bring it back.
        callback_url: the public address that the platform answers to.
        return_url: the public page the owner sees at the end.
    """

    state: str
    callback_url: str
    return_url: str


@dataclass(frozen=True, slots=True)
class Callback:
    """The platform's answer to an invitation, as it came.

    Args:
        query: the query parameters, decoded.
        body: the raw body, for platforms that post the keys.
        at_s: when it came, seconds since 1970.
    """

    query: Mapping[str, str]
    body: bytes
    at_s: float
