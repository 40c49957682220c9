"""What can be done: the fields of Mutation. A refusal of the input is a `userErrors` entry, not an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from customer_sync.demo.stores.shopify.filters import read_filter
from customer_sync.demo.stores.shopify.graphql import Execution, Field, GraphError
from customer_sync.demo.stores.shopify.roots import Session, number_of
from customer_sync.demo.stores.shopify.times import seconds_of, text_of

#: What an app may set; the others are for the platform to set.
SETTABLE: Final = ("SUBSCRIBED", "UNSUBSCRIBED", "PENDING")
#: The scope without which a topic cannot be subscribed to, by its beginning.
_TOPIC_SCOPES: Final = (
    ("CUSTOMERS_MERGE", "read_customer_merge"),
    ("CUSTOMER", "read_customers"),
    ("ORDER", "read_orders"),
    ("REFUND", "read_orders"),
    ("CART", "read_orders"),
    ("CHECKOUT", "read_orders"),
    ("PRODUCT", "read_products"),
)
_PRIVACY: Final = ("CUSTOMERS_DATA_REQUEST", "CUSTOMERS_REDACT", "SHOP_REDACT")


def mutation_root(session: Session) -> dict[str, Any]:
    """Return Mutation."""

    def with_session(act: Callable[[Session, Field], dict[str, Any]]) -> Callable[[Field], dict[str, Any]]:
        return lambda field: act(session, field)

    return {
        "__typename": "Mutation",
        "webhookSubscriptionCreate": with_session(_create_subscription),
        "webhookSubscriptionUpdate": with_session(_update_subscription),
        "webhookSubscriptionDelete": with_session(_delete_subscription),
        "bulkOperationRunQuery": with_session(_run_bulk),
        "bulkOperationCancel": with_session(_cancel_bulk),
        "customerEmailMarketingConsentUpdate": with_session(_email_consent),
        "customerSmsMarketingConsentUpdate": with_session(_sms_consent),
    }


def _create_subscription(session: Session, field: Field) -> dict[str, Any]:
    topic, given = str(field.args.get("topic")), field.args.get("webhookSubscription") or {}
    uri = given.get("uri") or given.get("callbackUrl")
    scope = next((needed for start, needed in _TOPIC_SCOPES if topic.startswith(start)), None)
    faults = _uri_faults(uri)
    if topic in _PRIVACY or (scope and scope not in session.scopes):
        faults = [_fault(["topic"], "You cannot create a webhook subscription with the specified topic")]
    elif not faults and session.shop.hooks.has(topic, str(uri)):
        faults = [_fault(["webhookSubscription", "callbackUrl"], "Address for this topic has already been taken")]
    if faults:
        return _payload("WebhookSubscriptionCreatePayload", faults, webhookSubscription=None)
    found = session.shop.hooks.add(topic, str(uri))
    _apply(session, found, given)
    return _payload("WebhookSubscriptionCreatePayload", [], webhookSubscription=session.subscription(found))


def _update_subscription(session: Session, field: Field) -> dict[str, Any]:
    name, given = "WebhookSubscriptionUpdatePayload", field.args.get("webhookSubscription") or {}
    number = number_of(field.args.get("id"), "WebhookSubscription")
    found = session.shop.hooks.subscriptions.get(number or 0)
    if found is None:
        return _payload(name, [_fault(["id"], "Webhook subscription does not exist")], webhookSubscription=None)
    uri = given.get("uri") or given.get("callbackUrl") or found.uri
    faults = _uri_faults(uri)
    if not faults and session.shop.hooks.has(found.topic, uri, but=found.id):
        faults = [_fault(["webhookSubscription", "callbackUrl"], "Address for this topic has already been taken")]
    if faults:
        return _payload(name, faults, webhookSubscription=None)
    found.uri = uri
    _apply(session, found, given)
    return _payload(name, [], webhookSubscription=session.subscription(found))


def _delete_subscription(session: Session, field: Field) -> dict[str, Any]:
    name, gid = "WebhookSubscriptionDeletePayload", field.args.get("id")
    number = number_of(gid, "WebhookSubscription")
    if session.shop.hooks.subscriptions.pop(number or 0, None) is None:
        missing = [_fault(["id"], "Webhook subscription does not exist")]
        return _payload(name, missing, deletedWebhookSubscriptionId=None)
    return _payload(name, [], deletedWebhookSubscriptionId=gid)


def _run_bulk(session: Session, field: Field) -> dict[str, Any]:
    name, text = "BulkOperationRunQueryPayload", str(field.args.get("query"))
    shop = session.shop
    document, faults = shop.reader.read(text)
    if document is None:
        wrong = [_fault(["query"], f"Invalid bulk query: {fault.message}", "INVALID") for fault in faults]
        return _payload(name, wrong, bulkOperation=None)
    try:
        execution = Execution(document, {}, None)
        top = execution.top()
        session.need(top[0], "read_customers")
        wanted = read_filter(top[0].args.get("query"), shop.now_s(), whole_days=shop.settings.whole_days)
        failing, stuck = shop.faults.take("bulk_fails"), shop.faults.take("bulk_stuck")
        found = shop.bulk.run(
            text,
            execution,
            wanted,
            group=bool(field.args.get("groupObjects")),
            is_redacted=session.is_redacted,
            fails_with=str(failing.options.get("error", "INTERNAL_SERVER_ERROR")) if failing else None,
            is_stuck=stuck is not None,
        )
    except GraphError as fault:
        if fault.code == "ACCESS_DENIED":
            raise
        where = ["query"] if fault.code == "INVALID" else None
        return _payload(name, [_fault(where, str(fault), fault.code)], bulkOperation=None)
    return _payload(name, [], bulkOperation=shop.bulk.node(found, session.base))


def _cancel_bulk(session: Session, field: Field) -> dict[str, Any]:
    name = "BulkOperationCancelPayload"
    found = session.shop.bulk.operations.get(number_of(field.args.get("id"), "BulkOperation") or 0)
    if found is None:
        return _payload(name, [_fault(["id"], "Bulk operation does not exist")], bulkOperation=None)
    if found.status not in ("CREATED", "RUNNING"):
        message = f"A bulk operation cannot be canceled when it is {found.status.lower()}"
        return _payload(name, [_fault(None, message)], bulkOperation=session.shop.bulk.node(found, session.base))
    session.shop.bulk.cancel(found)
    return _payload(name, [], bulkOperation=session.shop.bulk.node(found, session.base))


def _email_consent(session: Session, field: Field) -> dict[str, Any]:
    return _consent(session, field, "emailMarketingConsent", "email")


def _sms_consent(session: Session, field: Field) -> dict[str, Any]:
    return _consent(session, field, "smsMarketingConsent", "sms")


def _consent(session: Session, field: Field, key: str, channel: str) -> dict[str, Any]:
    session.need(field, "write_customers")
    name = f"Customer{key[0].upper()}{key[1:]}UpdatePayload"
    given = field.args.get("input") or {}
    number = number_of(given.get("customerId"), "Customer")
    facts = None if number is None else session.shop.customers.find(number)
    fault = _consent_fault(session, facts, given.get(key) or {}, key, channel)
    if fault or number is None:
        return _payload(name, [fault or _fault(["input"], "Customer not found", "INVALID")], customer=None)
    consent = given[key]
    if not session.shop.faults.take("late_consent"):
        at_s = seconds_of(str(consent.get("consentUpdatedAt") or "")) or session.shop.now_s()
        fields = {
            f"{channel}State": consent["marketingState"],
            f"{channel}Level": consent.get("marketingOptInLevel") or "SINGLE_OPT_IN",
            f"{channel}At": text_of(int(at_s)),
        }
        session.shop.change(number, fields, is_consent=True)
    return _payload(name, [], customer=session.customer(number))


def _consent_fault(
    session: Session, facts: dict[str, Any] | None, consent: dict[str, Any], key: str, channel: str
) -> dict[str, Any] | None:
    """Return what is wrong with a consent mutation, None when it is fine."""
    at = seconds_of(str(consent.get("consentUpdatedAt") or ""))
    if facts is None:
        return _fault(["input", "customerId"], "Customer not found", "INVALID")
    if facts["email" if channel == "email" else "phone"] is None:
        owner = "an email address" if channel == "email" else "a phone number"
        return _fault(["input", key], f"The customer must have {owner} to update consent", "INVALID")
    if consent.get("marketingState") not in SETTABLE:
        return _fault(["input", key, "marketingState"], "Cannot specify this marketing state", "INVALID")
    if consent.get("consentUpdatedAt") and (at is None or at > session.shop.now_s() + 1):
        return _fault(["input", key, "consentUpdatedAt"], "Consent updated at must not be in the future", "INVALID")
    return None


def _apply(session: Session, found: Any, given: dict[str, Any]) -> None:
    found.include_fields = list(given.get("includeFields") or found.include_fields)
    found.filter, found.name = given.get("filter", found.filter), given.get("name", found.name)
    found.updated_s = int(session.shop.now_s())


def _uri_faults(uri: Any) -> list[dict[str, Any]]:
    """Return what is wrong with an address; this machine may be called without TLS, which the platform would refuse."""
    where = ["webhookSubscription", "callbackUrl"]
    if not uri:
        return [_fault(where, "Address can't be blank")]
    found = urlsplit(str(uri))
    if found.scheme in ("pubsub", "arn") or (found.scheme == "https" and found.hostname):
        return []
    if found.scheme == "http" and found.hostname in ("127.0.0.1", "::1", "localhost"):
        return []
    return [_fault(where, f"Address protocol {found.scheme}:// is not supported")]


def _fault(field: list[str] | None, message: str, code: str | None = None) -> dict[str, Any]:
    return {"__typename": "UserError", "field": field, "message": message, "code": code}


def _payload(name: str, faults: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"__typename": name, "userErrors": faults, **more}
