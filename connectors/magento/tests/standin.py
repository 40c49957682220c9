"""A stand-in in this process, and the connector that reads it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from connectors.magento.connector import MagentoConnector
from connectors.magento.fake.app import FakeMagento
from connectors.magento.fake.settings import Settings
from connectors.magento.tests.contract import KEYS
from customer_sync.errors import PayloadError, Unavailable
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.fakes.clock import BEGIN_S
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Access, Want, Withdrawal
from customer_sync.model import Channel, Event, Inbound
from tests.contract.trial import MemoryVault

NOW = datetime.fromtimestamp(BEGIN_S, UTC)
SHOP = "http://shop.example.com"


class Wire:
    """What stands for the network: calls of the connector go to the stand-in."""

    def __init__(self, fake):
        self.fake, self.sent, self.hosts = fake, [], []

    def send(self, method, url, *, headers, body=None, is_file=False):
        del is_file
        there = urlsplit(url)
        self.hosts.append(there.netloc)
        self.sent.append((method, there.path, there.query))
        path = f"{there.path}?{there.query}" if there.query else there.path
        base = f"{there.scheme}://{there.netloc}"
        try:
            found = self.fake.app.test_client().open(path, method=method, headers=headers, data=body, base_url=base)
            return Reply(found.status_code, {key.lower(): one for key, one in found.headers.items()}, found.get_data())
        except ConnectionResetError as error:
            raise Unavailable("the connection broke off") from error


class Standin:
    """A shop, its control routes, and the connector that reads it."""

    def __init__(self, **settings):
        self.fake = FakeMagento(Settings(**settings))
        self.wire = Wire(self.fake)
        self.access = Access(self.wire, MemoryVault(), self.fake.clock)

    def connector(self, **options):
        given = {name: one for name, one in {**KEYS, **options}.items() if one is not None}
        return MagentoConnector(SourceSettings("magento", "magento", ("s3cret",), given, SHOP))

    def act(self, path, body=None, method="POST"):
        answer = self.fake.app.test_client().open(f"/fake/{path}", method=method, json=body or {})
        assert answer.status_code < 400, answer.data
        return answer.json

    def pages(self, resource="customers", since=None, known=None, **options):
        cursor, found = None, []
        for _ in range(100):
            page = self.connector(**options).pull(Want(resource, cursor, since, known), self.access)
            found.append(page)
            if page.cursor is None:
                return found
            cursor = json.loads(json.dumps(page.cursor))
        raise AssertionError

    def pull(self, resource="customers", since=None, known=None, **options):
        """Return the events by id, and the faults."""
        told = [one for page in self.pages(resource, since, known, **options) for one in page.events]
        events = {one.record_id: one for one in told if isinstance(one, Event)}
        return events, [one for one in told if isinstance(one, PayloadError)]

    def fetch(self, resource, *ids, **options):
        return self.connector(**options).fetch(resource, [str(one) for one in ids], self.access)

    def withdraw(self, number, email=None, **options):
        address = email or self.alone(number)["email"]
        told = Withdrawal(str(number), Channel.EMAIL, address, NOW - timedelta(hours=1))
        return self.connector(**options).write_consent(told, self.access)

    def alone(self, number):
        return self.act(f"customers/{number}", method="GET")

    def calls(self):
        """Return how often each path was called, with numbers cut, and forget it."""
        found = [(method, path) for method, path, _ in self.wire.sent]
        self.wire.sent.clear()
        return found


def inbound(body, headers=None, **more):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Inbound("magento", headers or {}, raw, NOW, **more)


def consent_of(event):
    (seen,) = event.consents
    return str(seen.state)


def account(shop, email="ana@example.com", store="default", *, subscribes=True):
    body = {"email": email, "firstname": "Ana", "lastname": "Diaz", "store": store, "subscribes": subscribes}
    return shop.act("customers", body)["id"]
