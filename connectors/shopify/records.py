"""Shopify's ids, customers and consents in canonical form: tables first, then short functions. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from customer_sync.errors import PayloadError
from customer_sync.kit.connector import parse_time
from customer_sync.kit.fields import (
    Node,
    Table,
    email,
    flag,
    identifier,
    moment,
    number,
    strict,
    take,
    text,
    whole,
)
from customer_sync.model import Channel, Consent, ConsentState, Json, kind_of

_GID = re.compile(r"gid://shopify/\w+/(\d+)")

#: https://shopify.dev/docs/api/admin-graphql/latest/enums/CustomerEmailMarketingState; webhooks write it in small
#: letters. `redacted` and `invalid` are people who must not be written to.
CONSENT_STATES: Mapping[str, ConsentState] = {
    "subscribed": ConsentState.GRANTED,
    "unsubscribed": ConsentState.WITHDRAWN,
    "pending": ConsentState.PENDING,
    "not_subscribed": ConsentState.UNKNOWN,
    "invalid": ConsentState.WITHDRAWN,
    "redacted": ConsentState.WITHDRAWN,
}


def numeric(value: Json, path: str) -> str:
    """Return an id as text, the number alone when it stands in a `gid://shopify/...`.

    Raises:
        PayloadError: it is missing or no id.
    """
    found = _GID.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else identifier(value, path)


def maybe_numeric(value: Json, path: str) -> str | None:
    """Return an id as `numeric` does, None when there is none."""
    return None if value is None else numeric(value, path)


def own_id(node: Node) -> str:
    """Return the id of a record. The gid is preferred: senders that pass through JavaScript round the number.

    Seen in recordings of 2024-08: id 706405506930370000 beside gid://shopify/Customer/706405506930370084.

    Raises:
        PayloadError: there is neither.
    """
    gid = node.get("admin_graphql_api_id")
    if isinstance(gid, str) and _GID.fullmatch(gid):
        return numeric(gid, node.path("admin_graphql_api_id"))
    return identifier(node.get("id"), node.path("id"))


def own_email(node: Node) -> str | None:
    """Return a customer's own address.

    Raises:
        PayloadError: it can be no address.
    """
    return email(node.get("email"), node.path("email"))


def tag_list(value: Json, path: str) -> Json:
    """Return tags as a list; the REST shape writes them as one text parted by commas."""
    if isinstance(value, list):
        return [tag for i, one in enumerate(value) if (tag := text(one, f"{path}[{i}]"))]
    joined = text(value, path)
    return [tag for one in (joined or "").split(",") if (tag := one.strip())]


# https://shopify.dev/docs/api/webhooks?reference=toml#list-of-topics-customers/update. Since API version 2025-01 the
# body has no tags, totals or consent; an older app still gets them.
CUSTOMER: Table = {
    "email": strict(email, "email"),
    "firstName": take(text, "first_name"),
    "lastName": take(text, "last_name"),
    "phone": take(text, "phone"),
    # where no address is the default one, the first of all still tells how to read the phone number
    "country": take(text, "default_address.country_code", "addresses.0.country_code"),
    "company": take(text, "default_address.company"),
    "city": take(text, "default_address.city"),
    "postcode": take(text, "default_address.zip"),
    "currency": take(text, "currency"),
    "note": take(text, "note"),
    "state": take(text, "state"),
    "tags": take(tag_list, "tags"),
    "totalOrders": take(whole, "orders_count"),
    "totalSpent": take(number, "total_spent"),
    "createdAt": take(moment, "created_at"),
    "updatedAt": take(moment, "updated_at"),
}


def customer(node: Node) -> dict[str, Json]:
    """Return a customer; only what the body holds."""
    return {"id": own_id(node), **node.pick(CUSTOMER)}


class Words(NamedTuple):
    """What a consent object calls its parts: the state, the time of the person's act, the level of the opt-in."""

    state: str
    at: str
    level: str


#: In webhooks, and in the GraphQL API.
REST = Words("state", "consent_updated_at", "opt_in_level")
GRAPHQL = Words("marketingState", "marketingUpdatedAt", "marketingOptInLevel")


def consents(node: Node, key: str, channel: Channel, seen_at: datetime, words: Words = REST) -> tuple[Consent, ...]:
    """Return what a consent object tells; none when the key is absent.

    Args:
        node: what holds the object.
        key: `email_marketing_consent` or `sms_marketing_consent`; their like in the API.
        channel: e-mail or SMS.
        seen_at: the time of the event, for a state that has no time of its own.
        words: what the object calls its parts.

    An act of the person has a time of its own; a state without it is a mere checkbox. A withdrawal whose time cannot
    be read counts from the time of the event.

    Raises:
        PayloadError: the state cannot be read, or when it was set, unless it is a withdrawal.
    """
    if key not in node:
        return ()
    told = node.child(key)
    written, path = told.get(words.state), told.path(words.state)
    word, level = text(written, path), told.read(text, words.level)
    state, method = judge(word, level if isinstance(level, str) else None)
    if isinstance(written, str) and written.strip() != (word or "") and state is not ConsentState.WITHDRAWN:
        raise PayloadError(path, "expected the state of a consent, found characters that cannot be read")
    at = told.instant(words.at) if state is ConsentState.WITHDRAWN else _said_at(told, words.at)
    return (Consent(channel, state, at or seen_at, method, explicit=at is not None),)


def _said_at(told: Node, key: str) -> datetime | None:
    value = told.get(key)
    return None if value is None or value == "" else parse_time(value, told.path(key))


@lru_cache(maxsize=256)
def judge(word: str | None, level: str | None) -> tuple[ConsentState, str]:
    """Return what Shopify's state and opt-in level mean: our state, and the method; written large or small."""
    small = (word or "not_subscribed").lower()
    state = CONSENT_STATES.get(small, ConsentState.UNKNOWN)
    how = level.lower() if state is ConsentState.GRANTED and level else f"shopify:{small}"
    return state, how[:64]


def checkbox(node: Node, seen_at: datetime) -> tuple[Consent, ...]:
    """Return what `accepts_marketing` tells, the form before API version 2024-01; none when it is absent or null.

    Where the consent object stands beside it, that counts.

    Raises:
        PayloadError: it is neither yes nor no.
    """
    ticked = flag(node.get("accepts_marketing"), "accepts_marketing")
    if ticked is None or isinstance(node.get("email_marketing_consent"), dict):
        return ()
    at = node.instant("accepts_marketing_updated_at") or seen_at
    state = ConsentState.GRANTED if ticked else ConsentState.WITHDRAWN
    return (Consent(Channel.EMAIL, state, at, "accepts_marketing"),)


def accepts(seen: tuple[Consent, ...]) -> dict[str, Json]:
    """Return `acceptsMarketing` as far as the e-mail consent says yes or no."""
    told = {ConsentState.GRANTED: True, ConsentState.WITHDRAWN: False}
    answers = [told[one.state] for one in seen if one.channel is Channel.EMAIL and one.state in told]
    return {"acceptsMarketing": answers[0]} if answers else {}


def id_list(value: Json, path: str) -> Json:
    """Return a list of ids as text.

    Raises:
        PayloadError: it is no list of ids.
    """
    if not isinstance(value, list):
        raise PayloadError(path, f"expected a list of ids, found {kind_of(value)}")
    return [numeric(one, f"{path}[{i}]") for i, one in enumerate(value)]
