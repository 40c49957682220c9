"""What can be done: the fields of Mutation. A refusal of the input is a `userErrors` entry, not an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from graphql import GraphQLError

from connectors.shopify.fake.export import SHELVES
from connectors.shopify.fake.filters import read_filter
from connectors.shopify.fake.graph import Session, number_of
from connectors.shopify.fake.query import Query
from connectors.shopify.fake.sale_nodes import facts
from connectors.shopify.fake.shop import Subscription
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.clock import seconds_of

#: What an app may set; the others are for the platform to set.
SETTABLE: Final = ("SUBSCRIBED", "UNSUBSCRIBED", "PENDING")
#: The scope without which a topic cannot be subscribed to, by its beginning; the first that fits.
_TOPIC_SCOPES: Final = (
    ("CUSTOMERS_MERGE", "read_customer_merge"),
    ("CUSTOMER", "read_customers"),
    ("ORDER", "read_orders"),
    ("REFUND", "read_orders"),
    ("CART", "read_orders"),
    ("CHECKOUT", "read_orders"),
    ("PRODUCT", "read_products"),
)
_URI: Final = ["webhookSubscription", "callbackUrl"]
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


def mutation_root(session: Session) -> dict[str, Any]:
    """Return Mutation."""
    acts: Mapping[str, Callable[..., Row]] = {
        "webhookSubscriptionCreate": _subscribe,
        "webhookSubscriptionUpdate": _update_subscription,
        "webhookSubscriptionDelete": _delete_subscription,
        "bulkOperationRunQuery": _run_bulk,
        "bulkOperationCancel": _cancel_bulk,
        "customerCreate": _create_customer,
        "customerUpdate": _update_customer,
        "customerDelete": _delete_customer,
        "customerEmailMarketingConsentUpdate": partial(_consent, key="emailMarketingConsent", channel="email"),
        "customerSmsMarketingConsentUpdate": partial(_consent, key="smsMarketingConsent", channel="sms"),
    }
    return {name: partial(_acted, session, act) for name, act in acts.items()}


class _Refused(Exception):
    """What is wrong with the input: the field that it is about, and the platform's code."""

    def __init__(self, message: str, field: list[str] | None, code: str = "INVALID") -> None:
        super().__init__(message)
        self.field, self.code = field, code


def _acted(session: Session, act: Callable[..., Row], _info: Any, **args: Any) -> Row:
    """Return the payload of a mutation: what was done, or what is wrong with the input."""
    try:
        return {"userErrors": [], **act(session, **args)}
    except _Refused as refused:
        return {"userErrors": [{"field": refused.field, "message": str(refused), "code": refused.code}]}


# Webhook subscriptions


def _subscribe(session: Session, topic: str, webhookSubscription: Row) -> Row:
    scope = next((needed for start, needed in _TOPIC_SCOPES if topic.startswith(start)), None)
    uri = _uri(webhookSubscription.get("uri") or webhookSubscription.get("callbackUrl"))
    if scope and scope not in session.scopes:
        raise _Refused("You cannot create a webhook subscription with the specified topic", ["topic"])
    if session.shop.is_subscribed(topic, uri):
        raise _Refused("Address for this topic has already been taken", _URI)
    return _applied(session, session.shop.subscribe(topic, uri), webhookSubscription)


def _update_subscription(session: Session, id: str, webhookSubscription: Row) -> Row:
    found = _subscription(session, id)
    uri = _uri(webhookSubscription.get("uri") or webhookSubscription.get("callbackUrl") or found.uri)
    if session.shop.is_subscribed(found.topic, uri, but=found.id):
        raise _Refused("Address for this topic has already been taken", _URI)
    found.uri = uri
    return _applied(session, found, webhookSubscription)


def _delete_subscription(session: Session, id: str) -> Row:
    del session.shop.subscriptions[_subscription(session, id).id]
    return {"deletedWebhookSubscriptionId": id}


def _subscription(session: Session, gid: str) -> Subscription:
    found = session.shop.subscriptions.get(number_of(gid, "WebhookSubscription") or 0)
    if found is None:
        raise _Refused("Webhook subscription does not exist", ["id"])
    return found


def _applied(session: Session, found: Subscription, given: Row) -> Row:
    found.include_fields = list(given.get("includeFields") or found.include_fields)
    found.filter, found.name = given.get("filter", found.filter), given.get("name", found.name)
    found.updated_s = session.shop.now_s
    return {"webhookSubscription": session.subscription(found)}


def _uri(uri: Any) -> str:
    """Return an address that may be called; this machine may be without TLS, which the platform would refuse."""
    if not uri:
        raise _Refused("Address can't be blank", _URI)
    found = urlsplit(str(uri))
    is_here = found.scheme == "http" and found.hostname in _LOOPBACK
    if not is_here and found.scheme not in ("pubsub", "arn") and not (found.scheme == "https" and found.hostname):
        raise _Refused(f"Address protocol {found.scheme}:// is not supported", _URI)
    return str(uri)


# Bulk operations


def _run_bulk(session: Session, *, query: str, groupObjects: bool) -> Row:
    shop = session.shop
    document, faults = shop.reader.read(query)
    if document is None:
        raise _Refused(f"Invalid bulk query: {faults[0].message}", ["query"])
    try:
        read = Query(document, {})
        top = read.top()[0]
        session.need(top.name, f"read_{top.name}" if top.name in SHELVES else "read_customers")
        wanted = read_filter(top.args.get("query"), shop.clock(), whole_days=shop.settings.whole_days)
        shelf = sorted(session.sold(top.name), key=lambda one: int(one.id)) if top.name in SHELVES else ()
        goods = [session.goods(one) for one in shelf if wanted.is_everybody or wanted.test(facts(one))]
        failing, stuck = shop.take("bulk_fails"), shop.take("bulk_stuck")
        fails_with = str(failing.options.get("error", "INTERNAL_SERVER_ERROR")) if failing else None
        how = {"group": groupObjects, "is_redacted": session.is_redacted, "fails_with": fails_with, "goods": goods}
        found = shop.bulk.run(query, read, wanted, **how, is_stuck=stuck is not None)
    except GraphQLError as fault:
        code = (fault.extensions or {}).get("code", "INVALID")
        if code == "ACCESS_DENIED":
            raise
        raise _Refused(fault.message, ["query"] if code == "INVALID" else None, code) from fault
    return {"bulkOperation": shop.bulk.node(found, session.base)}


def _cancel_bulk(session: Session, id: str) -> Row:
    found = session.shop.bulk.operations.get(number_of(id, "BulkOperation") or 0)
    if found is None:
        raise _Refused("Bulk operation does not exist", ["id"])
    if found.status not in ("CREATED", "RUNNING"):
        raise _Refused(f"A bulk operation cannot be canceled when it is {found.status.lower()}", None)
    session.shop.bulk.cancel(found)
    return {"bulkOperation": session.shop.bulk.node(found, session.base)}


# Customers


def _create_customer(session: Session, input: Row) -> Row:
    session.need("customerCreate", "write_customers")
    if not (input.get("email") or input.get("phone") or input.get("firstName") or input.get("lastName")):
        raise _Refused("Customer must have a name, phone number or email address", None)
    return {"customer": session.customer(session.shop.create(_checked(session, input, None)))}


def _update_customer(session: Session, input: Row) -> Row:
    session.need("customerUpdate", "write_customers")
    number = number_of(str(input.get("id")), "Customer") if input.get("id") else None
    if number is None or not session.shop.change(number, _checked(session, input, number)):
        raise _Refused("Customer does not exist", ["id"])
    return {"customer": session.customer(number)}


def _delete_customer(session: Session, input: Row) -> Row:
    session.need("customerDelete", "write_customers")
    if not session.shop.remove(number_of(input["id"], "Customer") or 0):
        raise _Refused("Customer can't be found", ["id"])
    return {"deletedCustomerId": input["id"]}


def _checked(session: Session, given: Row, number: int | None) -> Row:
    """Return what is to be set, if the address is nobody else's."""
    owner = session.shop.customers.by_email(given["email"]) if given.get("email") else None
    if owner not in (None, number):
        raise _Refused("Email has already been taken", ["email"])
    return {name: value for name, value in given.items() if name != "id"}


def _consent(session: Session, input: Row, key: str, channel: str) -> Row:
    session.need(f"customer{key[0].upper()}{key[1:]}Update", "write_customers")
    number, consent = number_of(input["customerId"], "Customer") or 0, input[key]
    facts, at_s = session.shop.customers.find(number), seconds_of(str(consent.get("consentUpdatedAt") or ""))
    if facts is None:
        raise _Refused("Customer not found", ["input", "customerId"])
    if facts["email" if channel == "email" else "phone"] is None:
        owner = "an email address" if channel == "email" else "a phone number"
        raise _Refused(f"The customer must have {owner} to update consent", ["input", key])
    if consent["marketingState"] not in SETTABLE:
        raise _Refused("Cannot specify this marketing state", ["input", key, "marketingState"])
    if consent.get("consentUpdatedAt") and (at_s is None or at_s > session.shop.clock() + 1):
        raise _Refused("Consent updated at must not be in the future", ["input", key, "consentUpdatedAt"])
    if not session.shop.take("late_consent"):
        level = consent.get("marketingOptInLevel") or "SINGLE_OPT_IN"
        session.shop.consent(number, channel, (consent["marketingState"], level), at_s)
    return {"customer": session.customer(number)}
