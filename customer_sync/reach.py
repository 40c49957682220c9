"""How a connector reaches out to its platform: pages of a pull, credentials, webhook upkeep, findings.

The other half of the connector contract (see `customer_sync.connector`). Everything a connector needs for it comes in
an `Access`, so that it keeps no state of its own and a fake can stand in for the platform.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from customer_sync.clock import system_clock
from customer_sync.errors import PayloadError
from customer_sync.model import Event, Json
from customer_sync.outbound import HttpClient

#: Where a pull stands: JSON of the connector's own, small (below 4 KB), valid for days and for any process.
Cursor = Mapping[str, Json]


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


@dataclass(frozen=True, slots=True)
class Access:
    """What a connector works with; made by the engine, one per source and process.

    Args:
        http: the connection pool; always with a timeout.
        vault: the source's credentials.
        now_s: seconds since 1970; tests put a clock of their own here.
    """

    http: HttpClient
    vault: Vault
    now_s: Callable[[], float] = lambda: system_clock() / 1000


@dataclass(frozen=True, slots=True)
class Want:
    """What one step of a pull is to bring.

    Args:
        resource: customers, orders, products or carts.
        cursor: where to go on, as the page before said; None starts from the beginning.
        since: only what changed at that time or later, UTC; None wants everything.
    """

    resource: str
    cursor: Cursor | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One step of a pull.

    Args:
        events: what it brought, in the canonical fields of the platform's webhooks; a `PayloadError` stands in the
            place of a record that is at fault. May be empty (a bulk operation that still runs).
        cursor: where the next page starts; None: this was the last one.
        total: how many records the whole pull has, where the platform tells; for the progress bar.
        wait_s: how long to wait before the next page, because the platform's limit wants it so.
        notes: what the operator should know, each said once per run ("the platform ignored the filter").
    """

    events: Sequence[Event | PayloadError]
    cursor: Cursor | None
    total: int | None = None
    wait_s: float = 0.0
    notes: tuple[str, ...] = ()


class Finding(NamedTuple):
    """What one check of a source found.

    Args:
        name: the check: `token`, `scopes`, `protected data`, `webhooks`, ...
        verdict: ok, warn (it works, but look) or fail.
        cause: what was found.
        fix: what to do; "" when nothing is to be done.
    """

    name: str
    verdict: Literal["ok", "warn", "fail"]
    cause: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What became of a source's webhooks.

    Args:
        kept: topics whose webhook was right already.
        created: topics that got one.
        repaired: topic → what was wrong with it (address, disabled, version).
        failed: topic → why it could not be made.
        removed: topics that had one too many (a second of ours at the same topic).
        was_deaf: whether events may have been missed: a webhook was missing, disabled or pointed elsewhere. The engine
            then pulls what changed meanwhile.
    """

    kept: tuple[str, ...] = ()
    created: tuple[str, ...] = ()
    repaired: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    removed: tuple[str, ...] = ()

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
