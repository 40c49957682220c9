"""What a connector is: the contract that every folder below `connectors/` fulfils.

A connector is found by name: `connectors/<platform>/connector.py` holds one class, a subclass of `Connector`, called
`Connector`-something and named in the module's `CONNECTOR`. Third parties publish the class under the entry point group
`customer_sync.connectors`. It imports only the kit: `connector`, `reach`, `fields`, `rescue`, `model`, `errors`,
`signatures`, `outbound`, `kit.oauth`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from customer_sync.errors import ConfigError, PayloadError
from customer_sync.kit.json_text import json_value
from customer_sync.kit.reach import (
    Access,
    Callback,
    Finding,
    Invitation,
    Pace,
    Page,
    Upkeep,
    Want,
    Withdrawal,
    Written,
)
from customer_sync.kit.times import written_time
from customer_sync.model import CUSTOMERS, Channel, Event, Inbound, Json, Kind, kind_of


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """One configured account of a platform.

    Args:
        name: the key under `connectors:`, the URL segment, the metric label.
        platform: which connector serves it.
        secrets: every live webhook secret, newest first; more than one while secrets rotate.
        options: the other keys of the source as written in the config, in snake_case.
        base_url: where the platform's API is; None means the platform's own address.
    """

    name: str
    platform: str
    secrets: tuple[str, ...] = field(default=(), repr=False)
    options: Mapping[str, Json] = field(default_factory=dict, repr=False)
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender gets back once the request is safe (or needs no keeping)."""

    status: int = 202
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Option:
    """One key that a source may have in the config; `remedy` says what to write instead of a wrong text, else ""."""

    name: str
    help: str
    secret: bool = False
    required: bool = False
    aliases: tuple[str, ...] = ()
    remedy: Callable[[str], str] | None = None


class Connector(ABC):
    """Our code for one platform. One object serves one source; it keeps no state between calls."""

    #: The platform's name: the folder's name and the default source name.
    platform: ClassVar[str]
    #: How people write the platform's name.
    title: ClassVar[str]
    #: For the table of connectors, in a few words: how calls prove who makes them, how webhooks prove who sends them,
    #: and whose client or recording judged the stand-in.
    auth: ClassVar[str] = ""
    proof: ClassVar[str] = ""
    judges: ClassVar[str] = ""
    #: Request headers `parse` needs, in lower case. Only these are stored.
    keeps: ClassVar[tuple[str, ...]] = ()
    #: Whether the platform signs the address it calls; only then is `Inbound.url` filled, with `TAJO_PUBLIC_URL` where
    #: that is set.
    signs_url: ClassVar[bool] = False
    #: Whether the platform greets an address with GET (a challenge in the query); `greet` answers it.
    greets_get: ClassVar[bool] = False
    #: Whether the answer to an invitation brings `Invitation.state` back. Where it does not, the browser that began the
    #: attempt is enough for the page, and `accept` must know by other means whose answer it is.
    returns_state: ClassVar[bool] = True
    #: The config keys of a source, beside the ones every source has.
    options: ClassVar[tuple[Option, ...]] = ()
    #: The config keys that may hold the webhook secret, the platform's own name for it first.
    secret_keys: ClassVar[tuple[str, ...]] = ("webhook_secret",)
    #: Whether the webhook secret is a text that we choose and give to the platform; if not, the platform made it.
    chooses_secret: ClassVar[bool] = False
    #: Whether the platform chooses the webhook secret and tells it to whoever makes the webhook: a source may begin
    #: without one. What `OwnHooks.keep` or the connector itself keeps of it in the vault counts at once, see
    #: `told_secret`; `tajo connectors install` writes it into tajo.yaml besides, see `Upkeep.secret`.
    tells_secret: ClassVar[bool] = False
    #: Whether the platform sends webhooks at all; if not, its sources are only pulled.
    hears: ClassVar[bool] = True
    #: The platform's words this connector acts on; each has a fixture.
    topics: ClassVar[tuple[str, ...]] = ()
    #: Which of customers, orders, products, carts the connector reads.
    resources: ClassVar[tuple[str, ...]] = ("customers",)
    #: What the platform does by itself that a skill of ours does too: skill → one sentence that names the switch at the
    #: platform. Nobody here can see how the switch stands.
    clashes: ClassVar[Mapping[str, str]] = {}
    #: Request headers that only this platform sends, in lower case; see `recognises`.
    marks: ClassVar[tuple[str, ...]] = ()
    #: Whether the proof covers the body. A shared secret in a header, in the path or in the body proves only who calls.
    signs_body: ClassVar[bool] = True
    #: Whether the platform lets several customers have one e-mail address: CRMs and payment platforms do, shops do not.
    #: Where it does not, the one who told it last has it, the one before has none; where it does, each speaks for it.
    shares_addresses: ClassVar[bool] = False
    #: The field of its records for what belongs to one address for long, as a subscription: a change of it is told.
    binds: ClassVar[str] = ""
    #: Whether `write_consent` finds a customer by an address alone, without an id: for platforms whose customers have
    #: further addresses that no record of ours tells of. It is asked so where nothing links the address to the source.
    finds_addresses: ClassVar[bool] = False
    #: Whether there is no such platform: an example stands last in lists, and nobody is proposed to use it.
    is_example: ClassVar[bool] = False
    #: Fields of its own that have a Brevo attribute where `field_mapping` does not say otherwise: field → attribute.
    attributes: ClassVar[Mapping[str, str]] = {}
    #: The folder with its samples; None: `fixtures` beside its module.
    fixtures: ClassVar[Path | None] = None
    #: The answer once the request is in the inbox.
    accepted: ClassVar[Answer] = Answer()

    def __init__(self, settings: SourceSettings) -> None:
        self.settings = settings

    def greet(self, inbound: Inbound) -> Answer | None:  # noqa: ARG002  # for those that override it
        """Answer a request that carries no data (an activation ping, a challenge), or return None.

        Called before `verify`: it must recognise the platform's fixed shape and nothing else, and must not trust it.
        """
        return None

    @classmethod
    def recognises(cls, inbound: Inbound) -> bool:
        """Tell whether a request looks like one of this platform, so that a wrong address can be told by name.

        Asked about a request that the connector of its address refused or cannot read; once it was kept, only the
        headers that *that* connector keeps are there. A platform without a header of its own (see `marks`) is known by
        its body: look at the beginning of the raw bytes, parse nothing, trust nothing, raise nothing.
        """
        return any(name in inbound.headers for name in cls.marks)

    @abstractmethod
    def verify(self, inbound: Inbound, secrets: Sequence[str]) -> None:
        """Return when the request is really from the platform.

        Compare in constant time, over the raw bytes, against every live secret; refuse an empty secret; where the
        platform signs a time, refuse what is outside the replay window, measured against `inbound.received_at`.

        Raises:
            Refused: status 401, with a sentence that does not help an attacker.
        """

    def redacted(self, inbound: Inbound) -> Inbound:
        """Return a genuine request as it is put on record: without what nobody may keep, as a session of the sender."""
        return inbound

    @abstractmethod
    def parse(self, inbound: Inbound) -> Sequence[Event | PayloadError]:
        """Return the events of a verified request. Pure: no network, no clock (use `inbound.received_at`).

        A topic that is not in `topics` gives no event. A body of many records may return a `PayloadError` in the
        place of a record that is at fault, so that the others go on. A withdrawal of consent is never lost with the
        rest of its body: see `customer_sync.kit.rescue`. Times are given as the platform tells them, also where its
        clock is ahead: what they are worth is decided by the line's one clock.

        Raises:
            PayloadError: the whole body cannot be read; names the path.
        """

    def faults(self, inbound: Inbound) -> Sequence[PayloadError]:
        """Return what is wrong with a body, for a sender who is told at once; as many faults as can be named."""
        try:
            return [one for one in self.parse(inbound) if isinstance(one, PayloadError)]
        except PayloadError as fault:
            return [fault]

    def sign(self, inbound: Inbound, secret: str) -> Inbound:
        """Return the request with the signature the platform would send; for `tajo trigger` and tests.

        Raises:
            NotImplementedError: the connector cannot.
        """
        raise NotImplementedError(f"{self.platform} requests cannot be signed here")

    # The pull side. A connector that cannot be pulled leaves `pulls` empty and these alone.

    #: Which resources `pull` can bring; the others are heard of by webhook only.
    pulls: ClassVar[tuple[str, ...]] = ()
    #: Whether an incremental pull finds edited profiles; if not, a full pull makes up for webhooks that were off.
    pulls_edits: ClassVar[bool] = True
    #: Which resources `fetch` can read by id. Without it nobody can tell who was deleted while no webhook came.
    fetches: ClassVar[tuple[str, ...]] = ()
    #: How many ids `fetch` is asked for at once, 1 to 100. Where each record costs a call of its own, choose few: what
    #: a limit breaks off is read again from its first id.
    fetches_at_once: ClassVar[int] = 100
    #: Whether `find` tells who has an address: where a merge is told as a deletion and a change, a customer who is gone
    #: may live on in another one, and is looked for before the deletion counts.
    finds_customers: ClassVar[bool] = False
    #: The channels in which the platform takes an opt-out back; see `write_consent`.
    writes: ClassVar[tuple[Channel, ...]] = ()
    #: The platform's rate limit, kept for all processes together; `__init__` sets it where the settings decide it.
    pace: Pace = Pace()
    #: How long an answer of the platform may be silent, in seconds, where that is not as everywhere.
    silence_s: float | None = None

    def can_pull(self) -> bool:
        """Tell whether the source's settings hold what a pull needs (keys, or a stored connection may)."""
        return False

    def pull(self, want: Want, access: Access) -> Page:  # noqa: ARG002  # for those that override it
        """Return the next page of a pull, incremental (`want.since`) or full; resumable from any cursor.

        Called by one process at a time per run. It must be repeatable: the same cursor again brings at least the
        records it brought before that still exist.

        Raises:
            TryLater: not now (throttled, a page that came as HTML, shrunk or empty); the same cursor is tried again.
            Unavailable: no answer, or 5xx.
            ConfigError: credentials, scope or permission; the run stops with the remedy, its cursor intact.
        """
        raise ConfigError(f"{self.title} cannot be pulled.", "Let its webhooks do the work.")

    def fetch(
        self,
        resource: str,  # noqa: ARG002  # as above
        ids: Sequence[str],  # noqa: ARG002  # as above
        access: Access,  # noqa: ARG002  # as above
    ) -> Sequence[Event | PayloadError]:
        """Return the records of a resource with these ids (at most 100) as they are now; what is gone is absent.

        A record that is there but cannot be read or seen leaves a `PayloadError`, so that nobody takes it as gone. One
        that was merged into another leaves a `CUSTOMER_MERGED` (`deletedId`, `keptId`) before the kept record's event,
        one that the platform itself calls deleted may leave its deletion.

        Raises:
            TajoError: as `pull`.
        """
        raise ConfigError(f"{self.title} cannot be read by id.", "Let its webhooks do the work.")

    def find(self, address: str, access: Access) -> Sequence[Event | PayloadError]:  # noqa: ARG002  # as above
        """Return the customers who have an e-mail address now, as `fetch` does; asked only where `finds_customers`.

        Raises:
            TajoError: as `pull`.
        """
        raise ConfigError(f"{self.title} cannot be asked for an address.", "Let its webhooks do the work.")

    def write_consent(self, withdrawal: Withdrawal, access: Access) -> Written:  # noqa: ARG002  # as above
        """Tell the platform that a person opted out; opt-ins are never written to a platform.

        Asked only for the channels in `writes`. It must be repeatable, and look before it writes: a record with another
        address now (see `Withdrawal.is_for`) is `GONE`, because a withdrawal belongs to an address; one that opted in
        after `withdrawal.at` is `NEWER`, and stays. A connector that leaves `writes` empty has none: the platform may
        go on to mail the person.

        Raises:
            TajoError: as `pull`; `Parkable` where the platform silently kept the old state.
        """
        raise ConfigError(f"{self.title} takes no consent back.", "Opt the person out in its admin, too.")

    def must(self, resource: str, can: Sequence[str]) -> None:
        """Return when a resource is one of those that can be had.

        Raises:
            ConfigError: it is not.
        """
        if resource not in can:
            remedy = f"Choose {', '.join(can)}." if can else "Let its webhooks do the work."
            raise ConfigError(f"{self.title}'s {resource} cannot be pulled.", remedy)

    def ensure_webhooks(self, address: str, access: Access) -> Upkeep:  # noqa: ARG002  # as above
        """List the source's webhooks, make the missing ones, repair the others; leave those of other programs alone.

        Args:
            address: the public address of this source's webhooks.
            access: see `Access`.

        Raises:
            TajoError: as `pull`, where nothing could be done at all.
        """
        raise ConfigError(f"{self.title}'s webhooks cannot be made from here.", "Make them in its admin.")

    def check(self, access: Access) -> Sequence[Finding]:  # noqa: ARG002  # as above
        """Return what is well and what is not: token, scopes, protected data; for `tajo doctor`. Never raises."""
        return ()

    def invite(self, invitation: Invitation) -> str:  # noqa: ARG002  # as above
        """Return the platform's address where the owner agrees to the connection.

        Raises:
            ConfigError: the platform or these settings know no such way; the remedy says which keys to set.
        """
        raise ConfigError(f"{self.title} is not connected in a browser.", "Set its keys in tajo.yaml.")

    def accept(self, callback: Callback, invitation: Invitation, access: Access) -> str:  # noqa: ARG002  # as above
        """Check the platform's answer, store the credentials in the vault, return one sentence for the owner.

        Raises:
            Refused: the answer is not the platform's, too old, or of another attempt.
            TajoError: as `pull`, while keys are exchanged.
        """
        raise ConfigError(f"{self.title} is not connected in a browser.", "Set its keys in tajo.yaml.")


def header(inbound: Inbound, name: str) -> str:
    """Return a request header by its lower-case name, "" when it is absent."""
    return inbound.headers.get(name, "")


def json_body(inbound: Inbound) -> Json:
    """Return the body of a request as JSON; see `json_value`."""
    return json_value(inbound.body)


def json_object(inbound: Inbound) -> dict[str, Json]:
    """Return the body as a JSON object; see `json_body`.

    Raises:
        PayloadError: as `json_body`, and at `$` when it is not an object.
    """
    value = json_body(inbound)
    if not isinstance(value, dict):
        raise PayloadError("$", f"expected an object, found {kind_of(value)}")
    return value


def hint(
    inbound: Inbound, resource: str, record_id: str, at: datetime, *, is_deletion: bool = False, **more: str
) -> Event:
    """Return the event of a webhook that only says that a record changed: it is read again by `Connector.fetch`.

    What is read then stands in the place of this event: it has arrived when this one did, and is delivered when that is
    in Brevo. Hints for one record that wait together are one read. A record that is not there any more counts as
    deleted, unless what `fetch` gives says otherwise. What a webhook itself tells of a withdrawal, an erasure or a
    merge is an event of its own, beside the hint: it waits for no read.

    Args:
        inbound: the webhook.
        resource: customers, orders, products or carts; one of `Connector.fetches`.
        record_id: the platform's id of the record.
        at: when the platform says that it happened, UTC.
        is_deletion: the platform says that the record was deleted; if not, a record that is not found is looked for
            again for a minute before it counts as deleted.
        more: `id` of the event, unique for one delivery, and the platform's `topic`.
    """
    told: dict[str, Json] = {"resource": resource, "isDeletion": is_deletion}
    return Event(
        id=more["id"],
        source=inbound.source,
        kind=Kind.RECORD_CHANGED,
        occurred_at=at,
        record_id=record_id,
        customer_id=record_id if resource == CUSTOMERS else None,
        record=told if is_deletion else {"resource": resource},
        topic=more.get("topic", ""),
    )


def parse_time(value: Json, path: str) -> datetime:
    """Return a time as aware UTC; see `written_time`.

    Raises:
        PayloadError: at `path`.
    """
    return written_time(value, path).astimezone(UTC)


def id_text(value: Json, path: str) -> str:
    """Return a platform's id as text.

    Raises:
        PayloadError: at `path` when it is missing, empty or a float (an id that went through a float is already wrong).
    """
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise PayloadError(path, f"expected an id, found {'an empty text' if value == '' else kind_of(value)}")
    return str(value)
