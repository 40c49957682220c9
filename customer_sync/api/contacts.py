"""One person: explained, brought up to date, erased."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from customer_sync.api.installation import Installation
from customer_sync.api.paging import Answer
from customer_sync.api.problem import Fault, Problem, not_found, not_understood
from customer_sync.assembly import skills_of
from customer_sync.base.clock import utc_now
from customer_sync.base.log import get
from customer_sync.brevo.rules import RulesBook
from customer_sync.config import BREVO_URL
from customer_sync.errors import MappingError
from customer_sync.model import to_iso, to_ms
from customer_sync.operate import erasure, explain
from customer_sync.operate.nobody import nobody
from customer_sync.operate.refresh import Compared, Read, Refresher
from customer_sync.person.identity import normalize_email
from customer_sync.store import Store

log = get(__name__)


class Value(Answer):
    """One value that is known of a person."""

    field: str = Field(description="The Brevo attribute, or `status`.")
    value: Any
    source: str = Field(description="Who said so.")
    at: str | None = Field(description="When it was set at the source.")
    event: str | None = Field(description="The event that brought it; null when the history no longer tells.")
    waits: bool = Field(description="Whether it is not delivered yet.")


@dataclass(frozen=True, slots=True)
class Evidence:  # pydantic would warn of a model: every model has a `register` that is none of its fields
    """Something on record about a channel's consent: where it stands, and the state that it stands for."""

    register: str
    says: str
    source: str
    at: str | None
    method: str
    of: Literal["record", "address"]


class ChannelConsent(Answer):
    """What a person allows on one channel."""

    channel: str
    state: str
    why: str
    evidence: Evidence | None = Field(description="What decides.")
    losing: list[Evidence] = Field(description="What else is on record.")


class BrevoHas(Answer):
    """What Brevo has, as it last accepted it."""

    email: str | None = Field(description="null: there is no contact.")
    at: str | None
    blocked: bool
    sms_blocked: bool
    lists: list[int]
    next: str = Field(description="What the next delivery would do.")
    why: str = Field(description="Why it would do nothing, where it would.")


class Waiting(Answer):
    """What waits to be delivered."""

    changes: int
    since_at: str | None
    due_at: str | None
    tries: int
    paused: str


class Link(Answer):
    """One customer record of the person."""

    source: str
    id: str | None = Field(description="The platform's id; null for a buyer without an account.")
    state: Literal["living", "displaced", "deleted"]


class WriteBack(Answer):
    """What became of the person's opt-out at the platform of one record."""

    source: str
    id: str | None = Field(description="The platform's id; null for a buyer without an account.")
    state: str = Field(
        description="owed, waits or parked: no result yet; else written, unchanged, gone, newer, lifted, unsupported, "
        "no_account, no_keys or off."
    )
    said_at: str | None = Field(description="When the person left.")
    at: str | None = Field(description="When the result came; null without one.")
    why: str
    tries: int
    is_open: bool = Field(description="Whether the platform may still have the consent from before.")


class ContactStep(Answer):
    """One state of an event."""

    state: str
    at: str | None
    note: str


class ContactEvent(Answer):
    """One of the person's newest events."""

    event_id: str
    source: str
    kind: str
    topic: str
    state: str
    person: str
    at: str | None
    settled_at: str | None
    note: str
    steps: list[ContactStep]


class Order(Answer):
    """One order of the person."""

    source: str
    id: str = Field(description="The platform's id of the order.")
    number: str = Field(description="What people call it.")
    state: str | None = Field(description="draft, placed, paid, refunded, cancelled or deleted; null: hardly known.")
    currency: str | None
    worth: float | None = Field(description="What is left of it after edits and refunds; null: no amount was told.")
    created: str | None = Field(description="When it was placed, as the platform wrote it.")
    counts: bool = Field(description="Whether it is in the sums.")
    why: str = Field(description="Why it is not in the sums; empty where it is.")


class Total(Answer):
    """One total of the person: the sum over the orders, and what a platform tells, which wins."""

    field: str
    attribute: str
    sum: float | str | None = Field(description="A number, or a day; null: the orders come to nothing.")
    platform: float | str | None = Field(description="null: no platform tells it.")
    source: str = Field(description="The source that tells it; empty where none does.")
    difference: float | None = Field(description="The sum less what the platform tells.")


class Totals(Answer):
    """What the person's orders come to."""

    currency: str | None = Field(description="The currency that Brevo shows amounts in; null: not known.")
    known: int = Field(description="How many orders are known.")
    orders: list[Order] = Field(description="The newest hundred of them, the newest first.")
    totals: list[Total] = Field(description="Each total that a mapping asks for.")


class Contact(Answer):
    """All that is known of a person: where each value comes from, what was decided and why, what waits."""

    email: str = Field(description="The address that was asked for.")
    person: str | None
    address: str | None = Field(description="The address that is explained; it differs for a former one.")
    erased_at: str | None
    values: list[Value]
    consents: list[ChannelConsent]
    refused: dict[str, str] | None = Field(description="Attribute → why it is left out.")
    brevo: BrevoHas | None
    waiting: Waiting | None
    totals: Totals | None = Field(description="null: no totals are made of orders.")
    links: list[Link]
    write_backs: list[WriteBack] = Field(description="Where the person left in Brevo: what the platforms were told.")
    parked: list[str]
    events: list[ContactEvent]


class AskedSource(Answer):
    """What came of asking a source for one of the person's records."""

    source: str
    id: str | None
    result: Read = Field(description="`gone`: it is there no more, and counts as deleted.")
    why: str = Field(description="Why it was not asked, or what failed.")


class ComparedContact(Answer):
    """What the look at Brevo gave."""

    result: Compared = Field(
        description="`differs`: it is being mended, unless `why` says why not; `waits`: changes wait, which come first."
    )
    fields: list[str]
    why: str


class Synced(Answer):
    """What was asked, and what was found; workers send what differs."""

    person: str
    sources: list[AskedSource]
    brevo: ComparedContact


class Removed(Answer):
    """What was removed, in numbers."""

    inbox: int
    spool: int
    parked: int
    ledger: int
    shared: list[str] = Field(description="Parked requests that tell of other people too: a person must look at them.")


class ErasureReport(Answer):
    """What an erasure did here. The contact in Brevo is deleted by a worker."""

    was_known: bool = Field(description="Whether anybody was known by the address.")
    is_done: bool = Field(
        description="Whether the contact in Brevo is gone already; `erased_at` of the contact tells when it is."
    )
    asked_at: str
    removed: Removed


def address_of(text: str, path: str = "address") -> str:
    """Return an address in the form in which people are found.

    Args:
        text: as somebody wrote it.
        path: where, for the fault.

    Raises:
        Problem: it is none, or stands for nobody.
    """
    try:
        found = normalize_email(text)
    except MappingError as error:
        raise not_understood(
            Fault(path=path, detail=f"That is no e-mail address: {error.found}."), remedy=_ENCODE
        ) from None
    if found is None:
        raise not_understood(Fault(path=path, detail="That address stands for nobody."), remedy=_ENCODE)
    return found


_ENCODE = "Write an address such as ann@example.com; in a URL, % and / and ? in it as %25, %2F and %3F."


def explain_contact(tajo: Installation, address: str) -> Contact:
    """Return all that is known of a person.

    Raises:
        Problem: it is no address, or nobody with it is known.
    """
    found = explain.explain(tajo.store(), tajo.settings, address_of(address))
    if found.person is None and found.erased_at_ms is None:
        raise _nobody(tajo.store())
    return Contact.model_validate(found.to_json())


def sync_contact(tajo: Installation, address: str) -> Synced:
    """Read a person again at every source that can be asked, and compare them with Brevo.

    Raises:
        Problem: it is no address, or nobody with it is known.
    """
    store = tajo.store()
    found = explain.explain(store, tajo.settings, address_of(address))
    if found.person is None:
        raise _nobody(store)
    has_brevo = not tajo.settings.brevo.is_sandbox or tajo.settings.brevo.base_url != BREVO_URL
    brevo = tajo.brevo() if has_brevo else None
    refresher = Refresher(
        store,
        tajo.connectors,
        tajo.accesses(),
        skills_of(tajo.settings),
        RulesBook(tajo.settings, store, tajo.brevo(), tajo.clock).read,
        brevo,
        tajo.clock,
        tajo.wake,
    )
    # the look at Brevo first: what the sources say makes the person wait
    compared, asked = refresher.brevo_side(found.person), refresher.sources(found.person)
    log.info("contact synced", person=found.person, sources=len(asked), brevo=compared.result)
    return Synced(
        person=found.person,
        sources=[AskedSource(**one._asdict()) for one in asked],
        brevo=ComparedContact(result=compared.result, fields=[*compared.fields], why=compared.why),
    )


def erase_contact(tajo: Installation, address: str) -> ErasureReport:
    """Remove a person from everything here, and ask for their deletion in Brevo, before all else that waits.

    A fingerprint stays, so that a late event cannot bring the person back. For an address that nobody is known by, the
    contact in Brevo is deleted all the same.

    Raises:
        Problem: it is no address.
    """
    store, email = tajo.store(), address_of(address)
    # the ids first: once the person is erased, nothing tells them any more
    who = erasure.whom(store, email)
    gone = erasure.forget_traces(store, tajo.connectors, who, erasure.spools_in(tajo.home))
    asked_at = utc_now(store.hosts.now_ms)
    erasure.request_erasure(store, email, asked_at, tajo.wake)
    log.info("erasure asked for", was_known=bool(who.people), by=tajo.by)
    return ErasureReport(
        was_known=bool(who.people),
        is_done=is_erased(tajo, email, to_ms(asked_at)),
        asked_at=to_iso(to_ms(asked_at)),
        removed=Removed(**{**gone._asdict(), "shared": [*gone.shared]}),
    )


def is_erased(tajo: Installation, email: str, asked_ms: int) -> bool:
    """Tell whether an erasure that was asked for then is done in Brevo, too."""
    return (tajo.store().people.erased_at_ms(email) or 0) >= asked_ms


def _nobody(store: Store) -> Problem:
    text, remedy = nobody(store)
    return not_found(text, f"{remedy} Events that could not be read are parked.")
