"""What HubSpot knows of one address and one subscription type: read by pull and fetch on wish, and before each opt-out.

https://developers.hubspot.com/docs/api-reference/latest/communication-preferences/guide. Statuses belong to an address,
not to a contact: a contact's additional addresses have their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote

from connectors.hubspot.api import Api, rows_of
from customer_sync.errors import PayloadError
from customer_sync.kit.connector import parse_time
from customer_sync.kit.rest import Rejected
from customer_sync.model import Channel, Consent, ConsentState, Event, Json, Kind

#: The one legal basis that is an act of the person; the others are what the sender claims.
CONSENTED = "CONSENT_WITH_NOTICE"


class Status(NamedTuple):
    """What is known of one subscription type.

    Args:
        subscription: its number.
        state: SUBSCRIBED, UNSUBSCRIBED or NOT_SPECIFIED.
        at: since when, None where that cannot be read.
        basis: the legal basis, "" without one.
    """

    subscription: str
    state: str
    at: datetime | None
    basis: str


def path(api: Api, address: str, rest: str = "") -> str:
    """Return the path of an address's statuses."""
    return f"/communication-preferences/{api.account.version}/statuses/{quote(address, safe='')}{rest}"


def read(api: Api, address: str) -> list[Status]:
    """Return the statuses of an address: of the configured subscription type, or of all.

    Raises:
        TajoError: as `Rest.call`.
    """
    answer = api.rest.get(path(api, address), {"channel": "EMAIL"}).object()
    found = [
        Status(
            str(row.get("subscriptionId")),
            str(row.get("status")),
            _at(row.get("timestamp")),
            str(row.get("legalBasis") or ""),
        )
        for row in rows_of(answer)
    ]
    wanted = api.account.subscription
    return [one for one in found if not wanted or one.subscription == wanted]


def is_out_of_all(api: Api, address: str) -> bool:
    """Tell whether an address is opted out of every e-mail of the account; one of a brand alone does not count."""
    answer = api.rest.get(path(api, address, "/unsubscribe-all"), {"channel": "EMAIL"}).object()
    return any(
        row.get("status") == "UNSUBSCRIBED" and row.get("wideStatusType") in (None, "PORTAL_WIDE")
        for row in rows_of(answer)
    )


def with_statuses(api: Api, events: Sequence[Event | PayloadError]) -> list[Event | PayloadError]:
    """Return contacts with what HubSpot knows of the configured subscription type, where the settings ask for it.

    It costs a call for each contact that has an address and is not opted out.
    """
    if not (api.account.reads_statuses and api.account.subscription):
        return list(events)
    return [_with_status(api, one) if isinstance(one, Event) else one for one in events]


def _with_status(api: Api, event: Event) -> Event:
    address = event.record.get("email")
    is_out = any(one.state is ConsentState.WITHDRAWN for one in event.consents)
    if event.kind is not Kind.CUSTOMER_UPDATED or is_out or not isinstance(address, str):
        return event
    try:
        found = read(api, address)
    except Rejected as error:
        if error.status != 400:
            raise
        # this one address is none to HubSpot: what is known of its consent stays
        return replace(event, notes=(*event.notes, f"statuses: not read, {error.reason}"))
    told = tuple(made for one in found if (made := consent_of(one, event.occurred_at)))
    return replace(event, consents=(*event.consents, *told))


def consent_of(status: Status, at: datetime) -> Consent | None:
    """Return what a status says; None where it says nothing.

    Args:
        status: the status.
        at: the time of a withdrawal whose own cannot be read.
    """
    method = f"subscription {status.subscription}"
    if status.state == "UNSUBSCRIBED":
        # an act in any case: what the company sets itself to SUBSCRIBED later is no answer to it
        return Consent(Channel.EMAIL, ConsentState.WITHDRAWN, status.at or at, method, explicit=True)
    if status.state != "SUBSCRIBED" or status.at is None:
        return None
    return Consent(Channel.EMAIL, ConsentState.GRANTED, status.at, method, explicit=status.basis == CONSENTED)


def _at(value: Json) -> datetime | None:
    try:
        return parse_time(value, "timestamp") if value else None
    except PayloadError:
        return None
