"""A stand-in for the store, for the tests here: answers by the operation's name, remembers what it was asked.

No tests in here. The whole store, behind HTTP, is `connectors.shopify.fake`.
"""

import json
import re
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import parse_qs

from connectors.shopify.connector import ShopifyConnector
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Access

NOW_S = 1_795_262_400.0  # 2026-11-21T12:00:00Z
SHOP = "lamps.myshopify.com"
KEYS = {"shop_url": SHOP, "api_key": "client-id", "api_secret": "client-secret"}
STATIC = {"shop_url": SHOP, "access_token": "shpat_static"}
_NAME = re.compile(r"\s*(?:query|mutation) (\w+)")


class Call(NamedTuple):
    method: str
    url: str
    headers: dict
    body: dict

    @property
    def token(self):
        return self.headers.get("X-Shopify-Access-Token")

    @property
    def variables(self):
        return self.body.get("variables", {})


class StandIn:
    """`answers` maps an operation's name (or `token`, or `file`) to what comes: a value, or a list taken one by one.

    A value is a `Reply`, an exception, a function of the `Call`, or the `data` of an answer.
    """

    def __init__(self, **answers):
        self.answers, self.calls = answers, []

    def send(self, method, url, *, headers, body=None, is_file=False):
        name, read = self._read(url, body)
        call = Call(method, url, dict(headers), read)
        self.calls.append((name, call))
        found = self.answers[name]
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        if callable(found):
            found = found(call)
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, Reply) else graph(found)

    def asked(self, name):
        return [call for known, call in self.calls if known == name]

    @staticmethod
    def _read(url, body):
        if url.endswith("/admin/oauth/access_token"):
            return "token", {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if not url.endswith("/graphql.json"):
            return "file", {}
        read = json.loads(body)
        return _NAME.match(read["query"])[1], read


class FakeVault:
    def __init__(self, **kept):
        self.kept, self.saved, self.is_locked = kept, [], False
        self.before_lock = lambda: None

    def load(self):
        return dict(self.kept)

    def save(self, values):
        assert self.is_locked, "it is saved under the lock"
        self.kept = dict(values)
        self.saved.append(self.kept)

    @contextmanager
    def locked(self):
        self.before_lock()
        self.is_locked = True
        try:
            yield
        finally:
            self.is_locked = False


class Clock:
    def __init__(self, now_s=NOW_S):
        self.now_s = now_s

    def __call__(self):
        return self.now_s


def access(http, vault=None, clock=None):
    return Access(http, vault or FakeVault(), clock or Clock())


def connector(options=STATIC, *, base_url=None, secrets=("client-secret",)):
    return ShopifyConnector(SourceSettings("lamps", "shopify", secrets, dict(options), base_url))


def reply(status, body=b"", **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, {name.replace("_", "-").lower(): value for name, value in headers.items()}, raw)


def cost(requested=60.0, available=940.0, maximum=1000.0, restore=100.0):
    status = {"maximumAvailable": maximum, "currentlyAvailable": available, "restoreRate": restore}
    return {"cost": {"requestedQueryCost": requested, "actualQueryCost": requested, "throttleStatus": status}}


def graph(data, *errors, **spent):
    body = {"data": data, "extensions": cost(**spent)}
    return reply(200, {**body, "errors": list(errors)} if errors else body, x_shopify_api_version="2026-10")


def error(code, message="no", path=None, **extensions):
    found = {"message": message, "extensions": {"code": code, **extensions}}
    return found if path is None else {**found, "path": path}


def token(value="shpat_1", **more):
    return reply(200, {"access_token": value, "scope": "read_customers,read_orders", **more})


def customer(number=1, **fields):
    """Return a customer as the API writes it; every value here is one that webhooks know too."""
    email = {
        "emailAddress": f"ann{number}@example.com",
        "marketingState": "SUBSCRIBED",
        "marketingOptInLevel": "CONFIRMED_OPT_IN",
        "marketingUpdatedAt": "2026-11-19T08:00:00Z",
    }
    phone = {
        "phoneNumber": "+33612345678",
        "marketingState": "UNSUBSCRIBED",
        "marketingOptInLevel": "SINGLE_OPT_IN",
        "marketingUpdatedAt": "2026-11-18T08:00:00Z",
    }
    return {
        "id": f"gid://shopify/Customer/{number}",
        "updatedAt": "2026-11-21T11:00:00Z",
        "createdAt": "2026-11-20T08:15:00Z",
        "firstName": "Ann",
        "lastName": "Example",
        "locale": "fr",
        "state": "ENABLED",
        "tags": ["vip", "lighting"],
        "note": None,
        "numberOfOrders": "4",
        "amountSpent": {"amount": "312.4", "currencyCode": "EUR"},
        "lastOrder": {"processedAt": "2026-11-20T09:00:00Z"},
        "defaultEmailAddress": email,
        "defaultPhoneNumber": phone,
        "defaultAddress": {"city": "Lyon", "countryCodeV2": "FR", "zip": "69003", "company": ""},
        **fields,
    }


def customers(*nodes, end=None):
    """Return a page; with `end` more are to come."""
    return {"customers": {"pageInfo": {"hasNextPage": end is not None, "endCursor": end or "last"}, "nodes": [*nodes]}}
