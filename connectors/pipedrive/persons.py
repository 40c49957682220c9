"""A person, as the API and both kinds of webhooks write it, in canonical fields; and what it says of consent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from connectors.pipedrive.account import Account
from connectors.pipedrive.values import Labels, custom_fields, main_email, main_phone
from customer_sync.errors import PayloadError
from customer_sync.kit.fields import ABSENT, Absent, Node, Table, identifier, maybe_id, moment, take, text
from customer_sync.kit.rescue import Subject, hear
from customer_sync.model import Channel, Consent, ConsentState, Event, Json, Kind, kind_of

PERSON: Final[Table] = {
    "firstName": take(text, "first_name"),
    "lastName": take(text, "last_name"),
    "company": take(text, "org_name"),
    "jobTitle": take(text, "job_title"),
    "city": take(text, "postal_address.locality"),
    "postcode": take(text, "postal_address.postal_code"),
    "birthday": take(text, "birthday"),
    "note": take(text, "notes"),
    "ownerId": take(maybe_id, "owner_id"),
    "organizationId": take(maybe_id, "org_id"),
    "createdAt": take(moment, "add_time"),
    "updatedAt": take(moment, "update_time"),
}
#: https://pipedrive.readme.io/docs/campaigns-in-pipedrive-api: the four words of `marketing_status`, which companies
#: with the Campaigns add-on have. `archived` was subscribed once, and is mailed no more: no yes, and no withdrawal.
STATES: Final[Mapping[str, ConsentState]] = {
    "subscribed": ConsentState.GRANTED,
    "unsubscribed": ConsentState.WITHDRAWN,
    "no_consent": ConsentState.UNKNOWN,
    "archived": ConsentState.UNKNOWN,
}
STATUS: Final = "marketing_status"
#: The labels of a person stand under one of these in the list of fields.
LABELS: Final = ("label_ids", "label")


@dataclass(frozen=True, slots=True)
class Context:
    """What is known beside a person's record.

    Args:
        account: the settings.
        labels: the labels of options.
        companies: id of an organization → its name.
    """

    account: Account
    labels: Labels = field(default_factory=lambda: MappingProxyType({}))
    companies: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def read(self, node: Node, outline: Event, record_id: str = "") -> list[Event | PayloadError]:
        """Return the event of a person; where it cannot be read, the withdrawal in it and the fault.

        Args:
            node: the record.
            outline: the event without what the record tells.
            record_id: the person's id where something else than the record tells it.
        """
        return hear(lambda: self._event(node, outline, record_id), node, self.subject(record_id), outline)

    def record(self, node: Node, record_id: str = "") -> dict[str, Json]:
        """Return a person's canonical fields; what the record does not hold is not there.

        Raises:
            PayloadError: it has no id.
        """
        number = record_id or identifier(node.get("id"), node.path("id"))
        told: dict[str, Json] = {"id": number, **custom_fields(node, self.labels), **node.pick(PERSON)}
        read = {"email": main_email(node), "phone": main_phone(node), "tags": self._tags(node)}
        told |= {name: value for name, value in read.items() if value is not ABSENT}
        company = self.companies.get(str(told.get("organizationId") or ""))
        if company is not None or ("org_id" in node and node.get("org_id") is None):
            told["company"] = company
        if isinstance(status := node.get(STATUS), str):
            told["marketingStatus"] = text(status, node.path(STATUS)) if status in STATES else None
        return told

    def subject(self, record_id: str = "") -> Subject:
        """Return where a record tells of a person."""

        def number(node: Node) -> str | None:
            return record_id or maybe_id(node.get("id"), node.path("id"))

        def address(node: Node) -> str | None:
            found = main_email(node)
            return found if isinstance(found, str) else None

        return Subject(number, address, lambda node: node.instant("update_time", "add_time"), (status, self._opted_out))

    def consents(self, node: Node, at: datetime) -> tuple[Consent, ...]:
        """Return what a record says of marketing e-mails; an opt-out that is kept elsewhere outweighs the status.

        Raises:
            PayloadError: the status is no text.
        """
        told = self.subject().told(node, at)
        left = tuple(one for one in told if one.state is ConsentState.WITHDRAWN)
        return left[:1] or told

    def is_opted_out(self, node: Node) -> bool:
        """Tell whether the field, or the label, that keeps opt-outs says that the person left."""
        key, option = self.account.opt_out_field, self.account.opt_out_option.casefold()
        if not key:
            return False
        if key in ("label", *LABELS):
            tags = self._tags(node)
            return isinstance(tags, list) and option in [str(one).casefold() for one in tags]
        value = custom_fields(Node(node.body), self.labels).get(key)
        return option in [one.strip().casefold() for one in str(value or "").split(",")]

    def _opted_out(self, node: Node, at: datetime) -> tuple[Consent, ...]:
        if not self.is_opted_out(node):
            return ()
        return (Consent(Channel.EMAIL, ConsentState.WITHDRAWN, at, "opt_out_field", explicit=True),)

    def _event(self, node: Node, outline: Event, record_id: str) -> Event:
        record = self.record(node, record_id)
        at = node.instant("update_time", "add_time") or outline.occurred_at
        number = str(record["id"])
        told = self.consents(node, at)
        return replace(outline, occurred_at=at, record_id=number, customer_id=number, record=record, consents=told)

    def _tags(self, node: Node) -> Json | Absent:
        """Return the names of a person's labels; `ABSENT` where the names are not known."""
        names = next((self.labels[key] for key in LABELS if key in self.labels), None)
        value = node.get("label_ids")
        if names is None or not isinstance(value, list):
            return ABSENT
        return [names[str(one)] for one in value if str(one) in names]


def status(node: Node, at: datetime) -> tuple[Consent, ...]:
    """Return what `marketing_status` says; it has no time of its own, so a yes is only a state that was seen.

    An opt-out counts as an act: people of the company change the status, and what they change it to later answers none.

    Raises:
        PayloadError: it is no text.
    """
    value = node.get(STATUS)
    if value is None:
        return ()
    if not isinstance(value, str):
        raise PayloadError(node.path(STATUS), f"expected a word, found {kind_of(value)}")
    state = STATES.get(value, ConsentState.UNKNOWN)
    return (Consent(Channel.EMAIL, state, at, STATUS, explicit=state is ConsentState.WITHDRAWN),)


def outline_of(row: Node, source: str, now: datetime, kind: str = "person") -> Event:
    """Return the event of a record that was read, without what the record tells."""
    number, changed = row.get("id"), row.get("update_time") or row.get("add_time")
    told = f"{number if isinstance(number, int | str) else ''}:{changed if isinstance(changed, str) else ''}"
    event_kind = Kind.CUSTOMER_UPDATED if kind == "person" else Kind.ORDER_UPDATED
    return Event(f"pipedrive:{kind}:{told[:200]}", source, event_kind, now, topic="pull")
