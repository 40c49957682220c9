"""Speaks with a fake WooCommerce in this process, as a client of the real one would."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from connectors.woocommerce.connector import WooCommerceConnector
from connectors.woocommerce.fake.app import FakeStore
from connectors.woocommerce.fake.settings import KEY, SECRET, Settings
from connectors.woocommerce.tests.canned import Vault
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.fakes.clock import Clock
from customer_sync.kit.outbound import Reply as Answered
from customer_sync.kit.reach import Access

HOST = "shop.test"
NOW_S = 1_800_000_000.0  # 2027-01-15T08:00:00Z


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Return WordPress's word for the error."""
        return str(self.json()["code"])


class Woo:
    """A store and somebody who calls it: with a key by Basic, unless told otherwise."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock(NOW_S)
        self.store = FakeStore(Settings(**{"behind_tls": True, "customers": 40, **settings}), self.clock)
        self.http = self.store.app.test_client(use_cookies=False)

    def raw(self, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None) -> Reply:
        """Call a path as it stands, without a key."""
        more = {} if body is None else {"json": body}
        found = self.http.open(path, method=method, headers=headers, base_url=f"http://{HOST}", **more)
        return Reply(found.status_code, {name.lower(): value for name, value in found.headers}, found.get_data())

    def call(self, method: str, route: str, body: Any = None, key: str = KEY, secret: str = SECRET) -> Reply:
        """Call a route of the REST API, as `customers?per_page=5` or `/wc-analytics/reports/customers`."""
        route = route if route.startswith("/") else f"/wc/v3/{route}"
        return self.raw(method, f"/wp-json{route}", basic(key, secret), body)

    def get(self, route: str) -> Any:
        """Return the JSON of a route."""
        reply = self.call("GET", route)
        assert reply.status == 200, reply.body
        return reply.json()

    def all(self, route: str, size: int = 100) -> list[Any]:
        """Return every record of a listing, page by page to the last that the headers tell of."""
        glue, found, page, pages = "&" if "?" in route else "?", [], 1, 1
        while page <= pages:
            reply = self.call("GET", f"{route}{glue}per_page={size}&page={page}")
            found += reply.json()
            page, pages = page + 1, int(reply.headers["x-wp-totalpages"])
        return found

    def fake(self, method: str, path: str, body: Any = None) -> Any:
        """Call a control route."""
        reply = self.raw(method, f"/fake/{path}", body=body)
        assert reply.status == 200, reply.body
        return reply.json()

    def hook(self, topic: str, url: str, **more: Any) -> int:
        """Make a webhook and return its number."""
        reply = self.call("POST", "webhooks", {"topic": topic, "delivery_url": url, "secret": "s3cr3t", **more})
        assert reply.status == 201, reply.body
        return int(reply.json()["id"])


class Through:
    """Sends what the connector sends to a store in this process."""

    def __init__(self, woo: Woo) -> None:
        self.woo, self.sent = woo, []

    def send(self, method: str, url: str, *, headers: dict[str, str], body: bytes | None = None) -> Answered:
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        self.sent.append((method, path))
        found = self.woo.http.open(path, method=method, headers=headers, data=body, base_url=f"http://{HOST}")
        answered = {name.lower(): value for name, value in found.headers}
        return Answered(found.status_code, answered, found.get_data())


def connected(woo: Woo, vault: Any = None, **options: Any) -> tuple[WooCommerceConnector, Access]:
    """Return the connector of a store in this process, and how it reaches the store."""
    written = {"shop_url": f"http://{HOST}", "consumer_key": KEY, "consumer_secret": SECRET, "auth": "basic"}
    source = SourceSettings("tea", "woocommerce", ("s3cr3t",), {**written, **options})
    return WooCommerceConnector(source), Access(Through(woo), vault or Vault(), woo.store.clock)


def basic(key: str = KEY, secret: str = SECRET) -> dict[str, str]:
    """Return the header of Basic."""
    return {"authorization": "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()}


def signed(path: str, at_s: float, digest: str = "sha256", **change: str) -> str:
    """Return a path with the parameters of OAuth 1.0a, by the book (RFC 5849); `change` spoils what is sent."""
    path, _, query = path.partition("?")
    params = dict(parse_qsl(query)) | {
        "oauth_consumer_key": KEY,
        "oauth_timestamp": str(int(at_s)),
        "oauth_nonce": secrets.token_hex(8),
        "oauth_signature_method": f"HMAC-{digest.upper()}",
    }
    params |= {name: value for name, value in change.items() if name in ("oauth_nonce", "oauth_consumer_key")}
    pairs = "&".join(f"{quote(name, safe='')}={quote(params[name], safe='')}" for name in sorted(params))
    base = "&".join(("GET", quote(f"http://{HOST}{path}", safe=""), quote(pairs, safe="")))
    made = base64.b64encode(hmac.digest(f"{SECRET}&".encode(), base.encode(), digest)).decode()
    return f"{path}?{urlencode({**params, 'oauth_signature': made, **change})}"


def signature(body: bytes, secret: str = "s3cr3t") -> str:
    """Return the signature of a webhook."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
