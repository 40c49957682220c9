"""An opt-out is told to Shopify: looked at first, written where it is needed, believed only when it reads back.

https://shopify.dev/docs/api/admin-graphql/latest/mutations/customerEmailMarketingConsentUpdate and
.../customerSmsMarketingConsentUpdate; both need the scope `write_customers`. The states that can be set are PENDING,
SUBSCRIBED and UNSUBSCRIBED.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from connectors.shopify import queries, sight
from connectors.shopify.api import PROTECTED_REASON, PROTECTED_REMEDY, Api, branch, items, refused
from connectors.shopify.nodes import GID
from customer_sync.errors import ConfigError, Parkable, PayloadError, TryLater
from customer_sync.kit.connector import parse_time
from customer_sync.kit.reach import Withdrawal, Written
from customer_sync.model import Channel, Json

#: States in which nobody is mailed, and which the customer or Shopify chose.
OUT: Final = frozenset({"UNSUBSCRIBED", "REDACTED"})
#: How soon to look again where the new state does not read back, in seconds. Reported in Shopify's community: the
#: mutation reports success, and the old state reads back for some seconds.
LOOK_AGAIN_S: Final = 60.0


class _Way(NamedTuple):
    """How one channel is read and written."""

    field: str
    address: str
    mutation: str
    query: str
    consent: str


WAYS: Mapping[Channel, _Way] = {
    Channel.EMAIL: _Way(
        "defaultEmailAddress",
        "emailAddress",
        "customerEmailMarketingConsentUpdate",
        queries.EMAIL_OPT_OUT,
        "emailMarketingConsent",
    ),
    Channel.SMS: _Way(
        "defaultPhoneNumber",
        "phoneNumber",
        "customerSmsMarketingConsentUpdate",
        queries.SMS_OPT_OUT,
        "smsMarketingConsent",
    ),
}


def withdraw(api: Api, withdrawal: Withdrawal) -> Written:
    """Tell Shopify of an opt-out; see `Connector.write_consent`.

    Raises:
        ConfigError: a scope or protected customer data is not granted.
        Parkable: Shopify refuses the change.
        TryLater: the new state does not read back yet.
        TajoError: as `Api.ask`.
    """
    way = WAYS[withdrawal.channel]
    if not (withdrawal.record_id.isascii() and withdrawal.record_id.isdigit()):
        return Written.GONE
    gid = f"{GID}{withdrawal.record_id}"
    has = _look(api, way, gid)
    if has is None or not withdrawal.is_for(has.get(way.address)):
        return Written.GONE
    state = has.get("marketingState")
    if state in OUT:
        return Written.UNCHANGED
    if state in {"SUBSCRIBED", "PENDING"} and _is_later(has.get("marketingUpdatedAt"), withdrawal.at):
        return Written.NEWER
    # Shopify refuses a time that lies ahead of its own
    at = min(withdrawal.at, datetime.fromtimestamp(api.access.now_s(), tz=UTC))
    consent: dict[str, Json] = {"marketingState": "UNSUBSCRIBED", "consentUpdatedAt": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
    done = branch(api.ask(way.query, input={"customerId": gid, way.consent: consent}).data, way.mutation)
    if told := refused(done):
        raise Parkable(f"Shopify does not take the opt-out: {told[0]}", "Opt the customer out in the Shopify admin.")
    now = done.get("customer")
    if branch(now, way.field).get("marketingState") not in OUT:
        raise TryLater("Shopify still shows the consent from before the opt-out.", after_s=LOOK_AGAIN_S)
    return Written.WRITTEN


def _look(api: Api, way: _Way, gid: str) -> Mapping[str, Any] | None:
    """Return what a customer has of a channel; None when the customer or the address is gone."""
    answer = api.ask(queries.CONSENT, ids=[gid])
    (node,) = items(answer.data, "nodes")[:1] or [None]
    if not isinstance(node, dict):
        return None
    has = node.get(way.field)
    if has is None and (way.field not in node or way.field in sight.look(api).sight.hidden):
        raise ConfigError(PROTECTED_REASON, PROTECTED_REMEDY)  # it may be there: an opt-out must not be lost for that
    return has if isinstance(has, dict) else None


def _is_later(written: Any, at: datetime) -> bool:
    """Tell whether a state was set after a time; whole seconds are told, and an unreadable time is not later."""
    try:
        return parse_time(written, "marketingUpdatedAt") > at
    except PayloadError:
        return False
