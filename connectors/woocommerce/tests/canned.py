"""Replies of a shop, canned: what the tests of the pull side call in the place of one."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

from connectors.woocommerce.api import Shop
from connectors.woocommerce.auth import Keys
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Access

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEYS = Keys("ck_public", "cs_hidden")
OPTIONS = {"shop_url": "https://shop.example.com", "consumer_key": KEYS.key, "consumer_secret": KEYS.secret}
REFUSED = {"code": "woocommerce_rest_authentication_error", "data": {"status": 401}}
ANONYMOUS = (401, {"code": "woocommerce_rest_cannot_view", "message": "Sorry", "data": {"status": 401}})


class Vault:
    """Keeps values in memory; only a save inside the lock counts as one."""

    def __init__(self, **values):
        self.values, self.is_locked = values, False

    def load(self):
        return dict(self.values)

    def save(self, values):
        assert self.is_locked
        self.values = dict(values)

    @contextmanager
    def locked(self):
        self.is_locked = True
        yield
        self.is_locked = False


class Call:
    """One request as it was sent."""

    def __init__(self, method, url, headers, body):
        parts = urlsplit(url)
        self.method, self.url, self.headers = method, url, headers
        self.address = f"{parts.scheme}://{parts.netloc}{parts.path}"
        self.params = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.body = None if body is None else json.loads(body)
        route = self.params.get("rest_route") or parts.path.partition("/wp-json")[2]
        self.route = route.strip("/")

    @property
    def way(self):
        if "Authorization" in self.headers:
            return "basic"
        if "consumer_secret" in self.params:
            return "query"
        return "oauth1" if "oauth_signature" in self.params else "none"


class Http:
    """Answers with what a function of the call returns: (status, value[, headers]); a text is no JSON."""

    def __init__(self, answer):
        self.answer, self.calls = answer, []

    def send(self, method, url, *, headers, body=None, is_file=False):
        call = Call(method, url, headers, body)
        self.calls.append(call)
        given = self.answer(call)
        if isinstance(given, Exception):
            raise given
        status, value, *more = given
        kind, raw = ("text/html", value.encode()) if isinstance(value, str) else ("application/json", b"")
        raw = raw or json.dumps(value).encode()
        return Reply(status, {"content-type": kind, **(more[0] if more else {})}, raw)


def rows(found, total=None, pages=1):
    return 200, found, {"x-wp-total": str(len(found) if total is None else total), "x-wp-totalpages": str(pages)}


def in_turn(*answers):
    left = list(answers)
    return lambda _: left.pop(0)


def settings(**options):
    return SourceSettings("tea", "woocommerce", ("secret",), {**OPTIONS, **options})


def access(answer, vault=None, now=NOW):
    return Access(Http(answer), vault or Vault(), now.timestamp)


def shop(answer, vault=None, **options):
    reach = access(answer, vault)
    return Shop(settings(**options), reach), reach.http
