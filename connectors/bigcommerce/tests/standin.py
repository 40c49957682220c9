"""The stand-in in this process, and a connector that speaks with it. No tests in here."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from connectors.bigcommerce.connector import SECRET, BigCommerceConnector
from connectors.bigcommerce.fake.app import FakeBigCommerce
from connectors.bigcommerce.fake.settings import CLIENT, HASH, TOKEN, Settings
from connectors.bigcommerce.fake.settings import SECRET as CLIENT_SECRET
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.fakes.clock import BEGIN_S, Clock
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Access, Want, Withdrawal
from customer_sync.model import Channel, Inbound
from tests.contract.trial import MemoryVault

#: When the stand-in's time stands.
NOW = datetime.fromtimestamp(BEGIN_S, UTC)
ADDRESS = "http://127.0.0.1:9/webhooks/bc"
OPTIONS = {"store_hash": HASH, "access_token": TOKEN, "client_id": CLIENT, "client_secret": CLIENT_SECRET}
NEWSLETTER, CARTS = "marketing_newsletter", "abandoned_cart"


class House:
    """A store and its connector.

    Args:
        settings: the store's.
    """

    def __init__(self, **settings):
        self.fake = FakeBigCommerce(Settings(**{"customers": 0, "orders": 0, "quota": 10**6, **settings}), Clock())
        self.calls, self.vault, self.answers = [], MemoryVault(), []
        self.access = Access(self, self.vault, self.fake.clock)
        self.connector = self.made()

    def made(self, **options):
        given = {name: value for name, value in {**OPTIONS, **options}.items() if value is not None}
        return BigCommerceConnector(SourceSettings("bc", "bigcommerce", ("s",), given, "http://store"))

    def send(self, method, url, *, headers, body=None, is_file=False):
        """Stand for the network; `answers` come before the store's own."""
        del is_file
        path = url.removeprefix("http://store")
        self.calls.append((method, path, json.loads(body) if body and body[:1] in b"{[" else body))
        if self.answers:
            return self.answers.pop(0)
        found = self.fake.app.test_client().open(path, method=method, data=body, headers=dict(headers))
        return Reply(found.status_code, {name.lower(): value for name, value in found.headers.items()}, found.data)

    def writes(self):
        return [call for call in self.calls if call[0] != "GET"]

    def act(self, path, body=None, method="POST"):
        found = self.fake.app.test_client().open(f"/fake/{path}", method=method, json=body or {})
        assert found.status_code < 300, found.data
        return found.json

    def pull(self, resource, since=None):
        """Return all that a pull brings."""
        found, cursor = [], None
        while True:
            page = self.connector.pull(Want(resource, cursor, since), self.access)
            found += page.events
            if page.cursor is None:
                return found
            cursor = json.loads(json.dumps(page.cursor))

    def fetch(self, resource, *ids):
        return list(self.connector.fetch(resource, ids, self.access))

    def opt_out(self, record_id, email, at=NOW):
        return self.connector.write_consent(Withdrawal(record_id, Channel.EMAIL, email, at), self.access)

    def subscriber(self, email):
        return self.fake.subscriber_of(email)

    def ago(self, **span):
        """Let the store's time be earlier."""
        self.fake.clock.set(BEGIN_S - timedelta(**span).total_seconds())


def inbound(body, *, source="bc", secret="s", at=NOW, **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {SECRET: secret} if secret else {}
    return Inbound(source, {**given, **{name.replace("_", "-"): one for name, one in headers.items()}}, raw, at)


def told(scope, data, **more):
    """Return a body as the store posts it."""
    facts = {"producer": f"stores/{HASH}", "hash": "ab" * 20, "created_at": int(BEGIN_S) - 20, "store_id": "1002853587"}
    return {**facts, "scope": scope, "data": data, **more}
