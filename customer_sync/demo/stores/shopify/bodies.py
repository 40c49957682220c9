"""The bodies of webhooks, in the REST shape of API version 2026-10.

https://shopify.dev/docs/api/webhooks. Since 2025-01 a customer says nothing of tags, totals and consent; since 2025-10
a deleted one is an id. An app without approval does not see personal keys: they are absent, not null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from customer_sync.model import Json

#: GraphQL's name of a topic → the one in the header, where the rule (`ORDERS_CREATE` is `orders/create`) does not hold.
_TOPICS: Final[Mapping[str, str]] = {
    "CUSTOMER_TAGS_ADDED": "customer.tags_added",
    "CUSTOMER_TAGS_REMOVED": "customer.tags_removed",
    "CUSTOMERS_EMAIL_MARKETING_CONSENT_UPDATE": "customers_email_marketing_consent/update",
    "CUSTOMERS_MARKETING_CONSENT_UPDATE": "customers_marketing_consent/update",
    "CUSTOMERS_PURCHASING_SUMMARY": "customers/purchasing_summary",
    "BULK_OPERATIONS_FINISH": "bulk_operations/finish",
    "APP_SCOPES_UPDATE": "app/scopes_update",
}
_PERSONAL: Final = frozenset(
    (
        *("first_name", "last_name", "email", "phone", "note", "addresses", "default_address", "email_address"),
        "name",
    )
)


def topic_header(topic: str) -> str:
    """Return `X-Shopify-Topic` of a topic."""
    group, _, act = topic.lower().rpartition("_")
    return _TOPICS.get(topic, f"{group}/{act}")


def redacted(body: Mapping[str, Json]) -> dict[str, Json]:
    """Return a body without personal keys."""
    return {name: value for name, value in body.items() if name not in _PERSONAL}


def customer(facts: Mapping[str, Any]) -> dict[str, Json]:
    """Return the body of customers/create and customers/update."""
    address = _address(facts)
    return {
        "id": int(facts["legacyResourceId"]),
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


def deleted(facts: Mapping[str, Any]) -> dict[str, Json]:
    """Return the body of customers/delete."""
    return {"id": int(facts["legacyResourceId"]), "tax_exemptions": [], "admin_graphql_api_id": facts["id"]}


def merged(kept: str, gone: str, *, has_failed: bool) -> dict[str, Json]:
    """Return the body of customers/merge.

    Args:
        kept: the id that stays.
        gone: the id that was taken in.
        has_failed: whether nothing was merged after all.
    """
    fault: Json = {"customer_ids": [int(kept.rpartition("/")[2])], "field": "merge_in_progress", "message": "Busy."}
    return {
        "admin_graphql_api_customer_kept_id": kept,
        "admin_graphql_api_customer_deleted_id": gone,
        "admin_graphql_api_job_id": None,
        "status": "failed" if has_failed else "success",
        "errors": [fault] if has_failed else [],
    }


def email_consent(facts: Mapping[str, Any]) -> dict[str, Json]:
    """Return the body of customers_email_marketing_consent/update."""
    consent: Json = {
        "state": _lower(facts["emailState"]),
        "opt_in_level": _lower(facts["emailLevel"]),
        "consent_updated_at": facts["emailAt"],
    }
    number = int(facts["legacyResourceId"])
    return {"customer_id": number, "email_address": facts["email"], "email_marketing_consent": consent}


def sms_consent(facts: Mapping[str, Any]) -> dict[str, Json]:
    """Return the body of customers_marketing_consent/update: the customer's key is `id` here."""
    consent: Json = {
        "state": _lower(facts["smsState"]),
        "opt_in_level": _lower(facts["smsLevel"]),
        "consent_updated_at": facts["smsAt"],
        "consent_collected_from": "other",
    }
    return {"id": int(facts["legacyResourceId"]), "phone": facts["phone"], "sms_marketing_consent": consent}


def purchases(facts: Mapping[str, Any], at: str) -> dict[str, Json]:
    """Return the body of customers/purchasing_summary."""
    return {
        "customerId": facts["id"],
        "numberOfOrders": int(facts["numberOfOrders"]),
        "amountSpent": {"amount": facts["amountSpent"], "currencyCode": facts["currencyCode"]},
        "lastOrderId": facts["lastOrderId"],
        "occurredAt": at,
    }


def tags(facts: Mapping[str, Any], changed: list[str], at: str) -> dict[str, Json]:
    """Return the body of customer.tags_added and customer.tags_removed."""
    names: list[Json] = list(changed)
    return {"customerId": facts["id"], "tags": names, "occurredAt": at}


def erased(facts: Mapping[str, Any], shop: str) -> dict[str, Json]:
    """Return the body of customers/redact."""
    who: Json = {"id": int(facts["legacyResourceId"]), "email": facts["email"], "phone": facts["phone"]}
    return {"shop_id": 777001, "shop_domain": shop, "customer": who, "orders_to_redact": []}


def _address(facts: Mapping[str, Any]) -> Json:
    return {
        "id": int(facts["legacyResourceId"]) + 500,
        "customer_id": int(facts["legacyResourceId"]),
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


def _lower(value: Any) -> Json:
    return None if value is None else str(value).lower()
