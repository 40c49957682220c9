"""How customers, orders and the shop look in GraphQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from customer_sync.demo.stores.shopify.graphql import Field, GraphError, Node, connection
from customer_sync.model import Json

Facts = Mapping[str, Any]
_DENIED_AT = "https://shopify.dev/docs/apps/launch/protected-customer-data"
#: What an app sees only when the platform approved it (level 2 of protected customer data).
PERSONAL = (
    *("firstName", "lastName", "displayName", "email", "phone", "note"),
    *("defaultEmailAddress", "defaultPhoneNumber", "defaultAddress", "emailMarketingConsent", "smsMarketingConsent"),
)


def customer(facts: Facts, *, is_redacted: bool = False) -> dict[str, Any]:
    """Return a customer. Values are passed through untouched, so that an export can put marks in their place.

    Args:
        facts: the customer by column.
        is_redacted: whether the app may not see personal fields.
    """
    node: dict[str, Any] = {
        "__typename": "Customer",
        **{name: facts[name] for name in ("id", "legacyResourceId", "createdAt", "updatedAt", "firstName", "lastName")},
        **{name: facts[name] for name in ("displayName", "locale", "state", "tags", "note", "numberOfOrders")},
        **{name: facts[name] for name in ("email", "phone")},
        "amountSpent": _money(facts["amountSpent"], facts["currencyCode"]),
        "defaultEmailAddress": _email(facts),
        "defaultPhoneNumber": _phone(facts),
        "defaultAddress": _address(facts),
        "emailMarketingConsent": _email_consent(facts),
        "smsMarketingConsent": _sms_consent(facts),
        "lastOrder": _order(facts["lastOrderId"], facts["lastOrderName"], facts["lastOrderAt"], facts),
        "verifiedEmail": True,
        "validEmailAddress": True,
        "taxExempt": False,
        "taxExemptions": [],
        "dataSaleOptOut": False,
        "multipassIdentifier": None,
        "metafield": None,
        "addresses": lambda field: [_address(facts)][: field.args.get("first", 250)],
        "addressesV2": lambda field: page(field, [_address(facts)]),
        "orders": lambda field: page(field, orders(facts)),
        "metafields": lambda field: page(field, []),
        "events": lambda field: page(field, []),
    }
    if is_redacted:
        node |= dict.fromkeys(PERSONAL) | {"displayName": "", "addresses": [], "addressesV2": lambda f: page(f, [])}
    return node


def orders(facts: Facts) -> list[dict[str, Any]]:
    """Return the orders of a customer, oldest first; the last one is `lastOrder`."""
    count = int(facts["numberOfOrders"])
    number, name = _number(str(facts["id"])), str(facts["lastOrderName"] or "#1000")
    earlier: list[dict[str, Any]] = []
    for place in range(1, count):
        found = _order(f"gid://shopify/Order/{number + place}", f"{name}-{place}", facts["createdAt"], facts)
        earlier += [found] if found else []
    last = _order(facts["lastOrderId"], facts["lastOrderName"], facts["lastOrderAt"], facts)
    return [*earlier, last] if last else earlier


def page(field: Field, nodes: Sequence[Node]) -> dict[str, Any]:
    """Return what a field asks of a short list; the cursor is the place.

    Raises:
        GraphError: neither `first` nor `last` is given, or one is too large.
    """
    first, last = size_of(field)
    start = _place(field.args.get("after"), -1) + 1
    end = _place(field.args.get("before"), len(nodes))
    if first is not None:
        end = min(end, start + first)
    else:
        start = max(start, end - (last or 0))
    cursors = [f"eyJsYXN0IjoiMSJ9{place}" for place in range(start, end)]
    return connection(nodes[start:end], cursors, has_next=end < len(nodes), has_previous=start > 0)


def size_of(field: Field) -> tuple[int | None, int | None]:
    """Return `first` and `last` of a connection.

    Raises:
        GraphError: see `page`.
    """
    first, last = field.args.get("first"), field.args.get("last")
    if first is None and last is None:
        raise GraphError(f"you must provide one of first or last for `{field.name}`", "BAD_REQUEST")
    for size in (first, last):
        if size is not None and not 0 <= size <= 250:
            raise GraphError(f"{field.name}: the limit must be between 0 and 250, got {size}", "BAD_REQUEST")
    return first, last


def denied(what: str, needed: str) -> GraphError:
    """Return the fault of a missing scope."""
    access = f"`{needed}` access scope."
    return GraphError(
        f"Access denied for {what} field. Required access: {access}",
        "ACCESS_DENIED",
        documentation="https://shopify.dev/api/usage/access-scopes",
        requiredAccess=access,
    )


def not_approved(what: str) -> GraphError:
    """Return the fault of an app that was not approved for protected customer data."""
    return GraphError(
        f"This app is not approved to access the {what} object. See {_DENIED_AT} for more details.", "ACCESS_DENIED"
    )


def shop(domain: str) -> dict[str, Any]:
    """Return the shop."""
    name = domain.partition(".")[0]
    return {
        "__typename": "Shop",
        "id": "gid://shopify/Shop/777001",
        "name": name.replace("-", " ").title(),
        "myshopifyDomain": domain,
        "email": f"owner@{name}.example",
        "contactEmail": f"owner@{name}.example",
        "currencyCode": "EUR",
        "ianaTimezone": "Etc/UTC",
        "timezoneOffset": "+0000",
        "url": f"https://{domain}",
        "plan": {
            "__typename": "ShopPlan",
            "displayName": "Basic",
            "publicDisplayName": "Basic",
            "shopifyPlus": False,
            "partnerDevelopment": False,
        },
    }


def once(make: Callable[[], Json]) -> Callable[[Field], Json]:
    """Return a field that is made only when it is asked for."""
    return lambda _: make()


def _email(facts: Facts) -> dict[str, Any] | None:
    if facts["email"] is None:
        return None
    return {
        "__typename": "CustomerEmailAddress",
        "emailAddress": facts["email"],
        "validFormat": True,
        "marketingState": facts["emailState"],
        "marketingOptInLevel": facts["emailLevel"],
        "marketingUpdatedAt": facts["emailAt"],
        "openTrackingLevel": "UNKNOWN",
        "sourceLocation": None,
    }


def _phone(facts: Facts) -> dict[str, Any] | None:
    if facts["phone"] is None:
        return None
    consent = {
        "__typename": "CustomerSmsMarketingConsent",
        "state": facts["smsState"],
        "optInLevel": facts["smsLevel"],
        "updatedAt": facts["smsAt"],
        "collectedFrom": "OTHER",
        "sourceLocation": None,
    }
    return {
        "__typename": "CustomerPhoneNumber",
        "phoneNumber": facts["phone"],
        "marketingState": facts["smsState"],
        "marketingOptInLevel": facts["smsLevel"],
        "marketingUpdatedAt": facts["smsAt"],
        "marketingCollectedFrom": "OTHER",
        "smsMarketingConsent": consent,
        "sourceLocation": None,
    }


def _email_consent(facts: Facts) -> dict[str, Any] | None:
    if facts["email"] is None:
        return None
    return {
        "__typename": "CustomerEmailMarketingConsentState",
        "marketingState": facts["emailState"],
        "marketingOptInLevel": facts["emailLevel"],
        "consentUpdatedAt": facts["emailAt"],
        "sourceLocation": None,
    }


def _sms_consent(facts: Facts) -> dict[str, Any] | None:
    if facts["phone"] is None:
        return None
    return {
        "__typename": "CustomerSmsMarketingConsentState",
        "marketingState": facts["smsState"],
        "marketingOptInLevel": facts["smsLevel"],
        "consentUpdatedAt": facts["smsAt"],
        "consentCollectedFrom": "OTHER",
        "sourceLocation": None,
    }


def _address(facts: Facts) -> dict[str, Any]:
    return {
        "__typename": "MailingAddress",
        "id": facts["addressId"],
        "firstName": facts["firstName"],
        "lastName": facts["lastName"],
        "name": facts["displayName"],
        "company": facts["company"],
        "address1": facts["address1"],
        "address2": None,
        "city": facts["city"],
        "zip": facts["zip"],
        "province": None,
        "provinceCode": None,
        "country": facts["country"],
        "countryCode": facts["countryCode"],
        "countryCodeV2": facts["countryCode"],
        "phone": facts["phone"],
        "coordinatesValidated": False,
    }


def _order(gid: Any, name: Any, at: Any, facts: Facts) -> dict[str, Any] | None:
    if gid is None:
        return None
    total = _money("49.9", facts["currencyCode"])
    price = {"__typename": "MoneyBag", "shopMoney": total, "presentmentMoney": total}
    return {
        "__typename": "Order",
        "id": gid,
        "legacyResourceId": lambda _: str(_number(str(gid))),
        "name": name,
        "createdAt": at,
        "processedAt": at,
        "updatedAt": at,
        "cancelledAt": None,
        "test": False,
        "email": facts["email"],
        "phone": None,
        "tags": [],
        "currencyCode": facts["currencyCode"],
        "displayFinancialStatus": "PAID",
        "displayFulfillmentStatus": "FULFILLED",
        "totalPriceSet": price,
        "currentTotalPriceSet": price,
    }


def _money(amount: Any, currency: Any) -> dict[str, Any]:
    return {"__typename": "MoneyV2", "amount": amount, "currencyCode": currency}


def _number(gid: str) -> int:
    return int(gid.rpartition("/")[2].partition("?")[0])


def _place(cursor: Any, default: int) -> int:
    if cursor is None:
        return default
    place = str(cursor).removeprefix("eyJsYXN0IjoiMSJ9")
    if not place.isdigit():
        raise GraphError("Invalid cursor for current pagination sort.", "BAD_REQUEST")
    return int(place)
