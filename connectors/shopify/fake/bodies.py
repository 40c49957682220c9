"""The bodies of webhooks, in the REST shape of API version 2026-10.

https://shopify.dev/docs/api/webhooks. Since 2025-01 a customer says nothing of tags, totals and consent; since 2025-10
a deleted one is an id. An app without approval does not see personal keys: they are absent, not null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from customer_sync.kit.fakes.answers import Row

Facts = Mapping[str, Any]
#: GraphQL's name of a topic → the one in the header, where the rule (`ORDERS_CREATE` is `orders/create`) does not hold.
_TOPICS: Final[Mapping[str, str]] = {
    "CUSTOMER_TAGS_ADDED": "customer.tags_added",
    "CUSTOMER_TAGS_REMOVED": "customer.tags_removed",
    "CUSTOMERS_EMAIL_MARKETING_CONSENT_UPDATE": "customers_email_marketing_consent/update",
    "CUSTOMERS_MARKETING_CONSENT_UPDATE": "customers_marketing_consent/update",
    "CUSTOMERS_PURCHASING_SUMMARY": "customers/purchasing_summary",
    "CUSTOMERS_DATA_REQUEST": "customers/data_request",
    "BULK_OPERATIONS_FINISH": "bulk_operations/finish",
    "APP_SCOPES_UPDATE": "app/scopes_update",
}
#: Topics that are told without a subscription, at addresses that the app named to Shopify.
PRIVACY: Final = ("CUSTOMERS_DATA_REQUEST", "CUSTOMERS_REDACT", "SHOP_REDACT")
_PERSONAL: Final = frozenset(
    (
        *("first_name", "last_name", "email", "phone", "note", "addresses", "default_address", "email_address"),
        *("contact_email", "billing_address", "shipping_address"),
    )
)


def topic_header(topic: str) -> str:
    """Return `X-Shopify-Topic` of a topic."""
    group, _, act = topic.lower().rpartition("_")
    return _TOPICS.get(topic, f"{group}/{act}")


def redacted(body: Row) -> Row:
    """Return a body without personal keys."""
    found = {name: value for name, value in body.items() if name not in _PERSONAL}
    if isinstance(customer := found.get("customer"), dict):
        found["customer"] = redacted(customer)
    return found


def customer(facts: Facts) -> Row:
    """Return the body of customers/create and customers/update."""
    number, address = int(facts["legacyResourceId"]), _address(facts)
    return {
        "id": number,
        "created_at": facts["createdAt"],
        "updated_at": facts["updatedAt"],
        "first_name": facts["firstName"],
        "last_name": facts["lastName"],
        "state": str(facts["state"]).lower(),
        "note": facts["note"],
        "verified_email": True,
        "multipass_identifier": None,
        "tax_exempt": False,
        "email": facts["email"],
        "phone": facts["phone"],
        "currency": facts["currencyCode"],
        "addresses": [address],
        "tax_exemptions": [],
        "admin_graphql_api_id": facts["id"],
        "default_address": address,
    }


def deleted(facts: Facts) -> Row:
    """Return the body of customers/delete."""
    return {"id": int(facts["legacyResourceId"]), "tax_exemptions": [], "admin_graphql_api_id": facts["id"]}


def merged(kept: str, gone: str, status: str) -> Row:
    """Return the body of customers/merge.

    Args:
        kept: the id that stays.
        gone: the id that is taken in.
        status: one of the enum CustomerMergeRequestStatus. The documentation's own sample (2026-04) and a recorded test
            delivery (2024-10) have it in small letters.
    """
    number = int(kept.rpartition("/")[2])
    fault = {"customer_ids": [number], "field": "merge_in_progress", "message": "Somebody is currently being merged."}
    return {
        "admin_graphql_api_customer_kept_id": kept,
        "admin_graphql_api_customer_deleted_id": gone,
        "admin_graphql_api_job_id": None,
        "status": status.lower(),
        "errors": [fault] if status == "FAILED" else [],
    }


def email_consent(facts: Facts) -> Row:
    """Return the body of customers_email_marketing_consent/update."""
    number = int(facts["legacyResourceId"])
    return {"customer_id": number, "email_address": facts["email"], "email_marketing_consent": _consent(facts, "email")}


def sms_consent(facts: Facts) -> Row:
    """Return the body of customers_marketing_consent/update: the customer's key is `id` here."""
    consent = {**_consent(facts, "sms"), "consent_collected_from": "other"}
    return {"id": int(facts["legacyResourceId"]), "phone": facts["phone"], "sms_marketing_consent": consent}


def purchases(facts: Facts, at: str) -> Row:
    """Return the body of customers/purchasing_summary."""
    return {
        "customerId": facts["id"],
        "numberOfOrders": int(facts["numberOfOrders"]),
        "amountSpent": {"amount": facts["amountSpent"], "currencyCode": facts["currencyCode"]},
        "lastOrderId": facts["lastOrderId"],
        "occurredAt": at,
    }


def tags(facts: Facts, changed: Sequence[str], at: str) -> Row:
    """Return the body of customer.tags_added and customer.tags_removed."""
    return {"customerId": facts["id"], "tags": list(changed), "occurredAt": at}


def privacy(topic: str, shop: str, facts: Facts | None = None) -> Row:
    """Return the body of a topic of `PRIVACY`; shop/redact means nobody in particular."""
    about: Row = {"shop_id": 777001, "shop_domain": shop}
    if facts is None:
        return about
    number, last = int(facts["legacyResourceId"]), facts["lastOrderId"]
    orders = [int(last.rpartition("/")[2])] if last else []
    asked = {"orders_requested": orders, "data_request": {"id": number}}
    more = {"orders_to_redact": orders} if topic == "CUSTOMERS_REDACT" else asked
    return {**about, "customer": {"id": number, "email": facts["email"], "phone": facts["phone"]}, **more}


def _address(facts: Facts) -> Row:
    number = int(facts["legacyResourceId"])
    return {
        "id": number + 500,
        "customer_id": number,
        "first_name": facts["firstName"],
        "last_name": facts["lastName"],
        "company": facts["company"],
        "address1": facts["address1"],
        "address2": None,
        "city": facts["city"],
        "province": None,
        "country": facts["country"],
        "zip": facts["zip"],
        "phone": facts["phone"],
        "name": facts["displayName"],
        "province_code": None,
        "country_code": facts["countryCode"],
        "country_name": facts["country"],
        "default": True,
    }


def _consent(facts: Facts, channel: str) -> Row:
    state, level = (facts[f"{channel}{part}"] for part in ("State", "Level"))
    return {
        "state": state and state.lower(),
        "opt_in_level": level and level.lower(),
        "consent_updated_at": facts[f"{channel}At"],
    }
