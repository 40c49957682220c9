"""A stand-in in this process, and a connector that speaks with it. No tests in here."""

from __future__ import annotations

import json
from typing import Any

from connectors.stripe.connector import StripeConnector
from connectors.stripe.fake.app import FakeStripe
from connectors.stripe.fake.settings import Settings
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.fakes.clock import Clock
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Access, Want
from customer_sync.model import Event
from tests.contract.trial import MemoryVault

BASE = "http://stripe.example"
KEY = "rk_test_demo"


class Account:
    """A Stripe account, and the source that reads it. Its time stands until it is moved."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.fake = FakeStripe(Settings(**{"customers": 5, **settings}), self.clock)
        self.http = self.fake.app.test_client()
        self.vault = MemoryVault()
        self.secrets: tuple[str, ...] = ("whsec_1",)
        self.sent: list[tuple[str, str, dict[str, str], bytes]] = []

    def send(self, method, url, *, headers, body=None, is_file=False):
        assert url.startswith(BASE), url
        self.sent.append((method, url.removeprefix(BASE), dict(headers), body or b""))
        answer = self.http.open(url.removeprefix(BASE), method=method, data=body, headers=dict(headers))
        return Reply(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.data)

    @property
    def access(self) -> Access:
        return Access(self, self.vault, self.clock)

    def connector(self, **options: Any) -> StripeConnector:
        given = {"api_key": KEY, **options}
        return StripeConnector(SourceSettings("pay", "stripe", self.secrets, given, BASE))

    def act(self, path: str, method: str = "POST", **body: Any) -> Any:
        """Call a control route."""
        answer = self.http.open(f"/fake/{path}", method=method, json=body if method == "POST" else None)
        assert answer.status_code < 400, answer.data
        return answer.get_json()

    def customer(self, **fields: Any) -> str:
        (found,) = self.act("customers", fields=fields)["ids"]
        return found

    def row(self, number: str) -> dict[str, Any]:
        return dict(self.fake.books.shelves["customers"].get(number))

    def pull(self, resource: str = "customers", since: Any = None, **options: Any) -> list[Any]:
        """Pull everything, and return what came."""
        cursor, found = None, []
        while True:
            page = self.connector(**options).pull(Want(resource, cursor, since), self.access)
            found += page.events
            if page.cursor is None:
                return found
            cursor = json.loads(json.dumps(page.cursor))

    def states(self, events: list[Any]) -> dict[str, tuple[Any, ...]]:
        """Return id → (state, total, amount, refunds) of orders."""
        names = ("state", "total", "amount", "refunds")
        return {
            str(one.record_id): tuple(one.record.get(name) for name in names)
            for one in events
            if isinstance(one, Event)
        }
