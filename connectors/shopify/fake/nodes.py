"""How the shop's customers, orders, subscriptions and itself look in GraphQL.

An object is a mapping with `__typename`; what can be called is asked with (info, **arguments) and gives the value.
Values of a customer are passed through untouched, so that an export can put marks in their place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from graphql import GraphQLError

from customer_sync.kit.fakes.pages import pack, unpack

Facts = Mapping[str, Any]
Node = Mapping[str, Any]
_DENIED_AT: Final = "https://shopify.dev/docs/apps/launch/protected-customer-data"
_SAME: Final = (
    *("id", "legacyResourceId", "createdAt", "updatedAt", "firstName", "lastName", "displayName", "locale", "state"),
    *("tags", "note", "numberOfOrders", "email", "phone"),
)
#: What an app sees only when the platform approved it (level 2 of protected customer data).
_PERSONAL: Final = (
    *("firstName", "lastName", "email", "phone", "note"),
    *("defaultEmailAddress", "defaultPhoneNumber", "defaultAddress", "emailMarketingConsent", "smsMarketingConsent"),
)
#: State of a number → the same in the newer enum CustomerMarketingConsentState.
_STATES: Final = {"NOT_SUBSCRIBED": "NEVER_SUBSCRIBED"} | {
    one: one for one in ("PENDING", "REDACTED", "SUBSCRIBED", "UNSUBSCRIBED")
}


def customer(facts: Facts, *, is_redacted: bool = False) -> dict[str, Any]:
    """Return a customer.

    Args:
        facts: the customer by column.
        is_redacted: whether the app may not see personal fields.
    """
    node: dict[str, Any] = {
        "__typename": "Customer",
        **{name: facts[name] for name in _SAME},
        "amountSpent": lambda _: _money(facts["amountSpent"], facts["currencyCode"]),
        "defaultEmailAddress": lambda _: _email(facts),
        "defaultPhoneNumber": lambda _: _phone(facts),
        "defaultAddress": lambda _: _address(facts),
        "emailMarketingConsent": lambda _: _consent(facts, "email", "consentUpdatedAt"),
        "smsMarketingConsent": lambda _: _consent(facts, "sms", "consentUpdatedAt"),
        "lastOrder": lambda _: _order(facts["lastOrderId"], facts["lastOrderName"], facts["lastOrderAt"], facts),
        "verifiedEmail": True,
        "validEmailAddress": True,
        "taxExempt": False,
        "dataSaleOptOut": False,
        "multipassIdentifier": None,
        "addresses": lambda _, first=250: [_address(facts)][:first],
        "addressesV2": lambda _, **args: page(args, [_address(facts)]),
        "orders": lambda _, **args: page(args, orders(facts)),
    }
    if is_redacted:
        node |= dict.fromkeys(_PERSONAL) | {"displayName": "", "addresses": []}
        node["addressesV2"] = lambda _, **args: page(args, [])
    return node


def orders(facts: Facts) -> list[dict[str, Any]]:
    """Return the orders of a customer, oldest first; the last one is `lastOrder`."""
    number, name = _number(str(facts["id"])), str(facts["lastOrderName"] or "#1000")
    earlier = [
        _order(f"gid://shopify/Order/{number + place}", f"{name}-{place}", facts["createdAt"], facts)
        for place in range(1, int(facts["numberOfOrders"]))
    ]
    last = _order(facts["lastOrderId"], facts["lastOrderName"], facts["lastOrderAt"], facts)
    return [one for one in (*earlier, last) if one]


def page(args: Mapping[str, Any], nodes: Sequence[Node]) -> dict[str, Any]:
    """Return what is asked of a short list; the cursor is the place.

    Raises:
        GraphQLError: neither `first` nor `last` is given, one is too large, or a cursor is none.
    """
    first, last = size_of(args)
    start, end = _place(args.get("after"), -1) + 1, _place(args.get("before"), len(nodes))
    if first is not None:
        end = min(end, start + first)
    else:
        start = max(start, end - (last or 0))
    cursors = [pack(place=place) for place in range(start, end)]
    return connection(nodes[start:end], cursors, has_next=end < len(nodes), has_previous=start > 0)


def size_of(args: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return `first` and `last` of a connection.

    Raises:
        GraphQLError: see `page`.
    """
    first, last = args.get("first"), args.get("last")
    if first is None and last is None:
        raise fault("you must provide one of first or last", "BAD_REQUEST")
    for size in (first, last):
        if size is not None and not 0 <= size <= 250:
            raise fault(f"the limit must be between 0 and 250, got {size}", "BAD_REQUEST")
    return first, last


def connection(nodes: Sequence[Node], cursors: Sequence[str], *, has_next: bool, has_previous: bool) -> dict[str, Any]:
    """Return a page of nodes in the form of a connection.

    Args:
        nodes: the page.
        cursors: where each stands.
        has_next: whether there are more behind it.
        has_previous: whether there are some before it.
    """
    ends = {"startCursor": cursors[0] if cursors else None, "endCursor": cursors[-1] if cursors else None}
    return {
        "edges": [{"cursor": cursor, "node": node} for cursor, node in zip(cursors, nodes, strict=True)],
        "nodes": list(nodes),
        "pageInfo": {"hasNextPage": has_next, "hasPreviousPage": has_previous, **ends},
    }


def fault(message: str, code: str, **more: Any) -> GraphQLError:
    """Return an error in the platform's form."""
    return GraphQLError(message, extensions={"code": code, **more})


def denied(what: str, needed: str) -> GraphQLError:
    """Return the error of a missing scope."""
    access = f"`{needed}` access scope."
    about = "https://shopify.dev/api/usage/access-scopes"
    message = f"Access denied for {what} field. Required access: {access}"
    return fault(message, "ACCESS_DENIED", documentation=about, requiredAccess=access)


def not_approved(what: str) -> GraphQLError:
    """Return the error of an app that was not approved for protected customer data."""
    message = f"This app is not approved to access the {what} object. See {_DENIED_AT} for more details."
    return fault(message, "ACCESS_DENIED")


def shop(domain: str) -> dict[str, Any]:
    """Return the shop."""
    name = domain.partition(".")[0]
    plan = {"displayName": "Basic", "publicDisplayName": "Basic", "shopifyPlus": False, "partnerDevelopment": False}
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
        "plan": plan,
        "primaryDomain": {
            "__typename": "Domain",
            "id": "gid://shopify/Domain/777002",
            "host": domain,
            "url": f"https://{domain}",
        },
    }


def _email(facts: Facts) -> dict[str, Any] | None:
    if facts["email"] is None:
        return None
    told = {"emailAddress": facts["email"], "validFormat": True, "openTrackingLevel": "UNKNOWN"}
    return {**told, **(_consent(facts, "email", "marketingUpdatedAt") or {})}


def _phone(facts: Facts) -> dict[str, Any] | None:
    if facts["phone"] is None:
        return None
    consent = {"optInLevel": facts["smsLevel"], "updatedAt": facts["smsAt"], "collectedFrom": "OTHER"}
    return {
        "phoneNumber": facts["phone"],
        "marketingCollectedFrom": "OTHER",
        "smsMarketingConsent": {"state": lambda _: _STATES[facts["smsState"]], **consent},
        **(_consent(facts, "sms", "marketingUpdatedAt") or {}),
    }


def _consent(facts: Facts, channel: str, updated_at: str) -> dict[str, Any] | None:
    if facts["email" if channel == "email" else "phone"] is None:
        return None
    state, level, at = (facts[f"{channel}{part}"] for part in ("State", "Level", "At"))
    told = {"marketingState": state, "marketingOptInLevel": level, updated_at: at}
    return told | ({"consentCollectedFrom": "OTHER"} if channel == "sms" else {})


def _address(facts: Facts) -> dict[str, Any]:
    same = ("firstName", "lastName", "company", "address1", "city", "zip", "country", "countryCode", "phone")
    return {
        "__typename": "MailingAddress",
        **{name: facts[name] for name in same},
        "id": facts["addressId"],
        "name": facts["displayName"],
        "countryCodeV2": facts["countryCode"],
        "coordinatesValidated": False,
    }


def _order(gid: Any, name: Any, at: Any, facts: Facts) -> dict[str, Any] | None:
    if gid is None:
        return None
    total = _money("49.9", facts["currencyCode"])
    return {
        "__typename": "Order",
        "id": gid,
        "legacyResourceId": lambda _: str(_number(str(gid))),
        "name": name,
        **dict.fromkeys(("createdAt", "processedAt", "updatedAt"), at),
        **{key: {"shopMoney": total, "presentmentMoney": total} for key in ("totalPriceSet", "currentTotalPriceSet")},
        "test": False,
        "email": facts["email"],
        "tags": [],
        "currencyCode": facts["currencyCode"],
        "displayFinancialStatus": "PAID",
        "displayFulfillmentStatus": "FULFILLED",
    }


def _money(amount: Any, currency: Any) -> dict[str, Any]:
    return {"amount": amount, "currencyCode": currency}


def _number(gid: str) -> int:
    return int(gid.rpartition("/")[2].partition("?")[0])


def _place(cursor: Any, default: int) -> int:
    if cursor is None:
        return default
    found = unpack(str(cursor))
    if not found or not isinstance(found.get("place"), int):
        raise fault("Invalid cursor for current pagination sort.", "BAD_REQUEST")
    return int(found["place"])
