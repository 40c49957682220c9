"""The ingress in this process, over a real Redis, with hands to send signed requests and to read the inbox."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask
from werkzeug.test import TestResponse

from customer_sync import assembly
from customer_sync.config import BrevoSettings, Settings, SkillSettings
from customer_sync.kit.connector import Connector, SourceSettings
from customer_sync.model import Inbound
from customer_sync.pipeline import process_inbox
from customer_sync.store import Store, connect, keys
from customer_sync.store.counters import Sample
from customer_sync.store.parked import Parked
from customer_sync.web import ingress
from customer_sync.web.services import Services

SECRET, OLD_SECRET, TOKEN = "lumen-secret-b7e1", "lumen-secret-a0c4", "brevo-token-5d9f"
ADDRESS = "amelie.durand@example.com"
SETTINGS = Settings(
    sources={
        "lumen": SourceSettings("lumen", "shopify", (SECRET, OLD_SECRET)),
        "tulip": SourceSettings("tulip", "woocommerce", (SECRET,)),
    },
    brevo=BrevoSettings(api_key="k", webhook_secrets=(TOKEN,)),
    skills={"customer-sync": SkillSettings("customer-sync", enabled=True)},
)
CUSTOMER = {"id": 706405506930370084, "email": ADDRESS, "first_name": "Amélie", "updated_at": "2026-11-01T10:00:00Z"}
UPDATE = {"x-shopify-topic": "customers/update"}


class Door:
    """The ingress and what lies behind it.

    Args:
        redis_url: where Redis is.
        home: the folder of the spool.
    """

    def __init__(self, redis_url: str, home: Path) -> None:
        home.mkdir(exist_ok=True)
        self.services = Services(SETTINGS, home, redis_url=redis_url)
        self.intake, self.spool = self.services.intake, self.services.spool
        self.woken: list[str] = []
        self.intake._wake = self.woken.append
        self.app = Flask("door")
        ingress.mount(self.app, self.services)
        self.http = self.app.test_client()
        self.client = connect(redis_url)
        self._delivery = 0

    def connector(self, source: str) -> Connector:
        return self.services.connectors[source]

    def signed(self, source: str, body: bytes, headers: dict[str, str], secret: str = SECRET) -> dict[str, str]:
        inbound = Inbound(source, headers, body, datetime.now(UTC))
        return dict(self.connector(source).sign(inbound, secret).headers)

    def post(self, source: str, body: bytes, headers: dict[str, str] | None = None) -> TestResponse:
        return self.http.post(f"/webhooks/{source}", data=body, headers=headers)

    def shopify(self, body: object = CUSTOMER, *, secret: str = SECRET, **more: str) -> TestResponse:
        """Send a signed delivery of the Shopify store; a body that is not bytes is written as JSON."""
        self._delivery += 1
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {**UPDATE, "x-shopify-webhook-id": f"delivery-{self._delivery}", **more}
        return self.post("lumen", raw, self.signed("lumen", raw, headers, secret))

    def brevo(self, body: object, *, token: str = TOKEN) -> TestResponse:
        """Send one of Brevo's webhooks."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.post("brevo", raw, {"authorization": f"Bearer {token}"})

    @property
    def kept(self) -> int:
        """How many requests were kept anywhere."""
        return self.client.xlen(keys.INBOX) + self.spool.depth()

    def read(self) -> Store:
        """Read the whole inbox as a worker does; Brevo is not called."""
        line = assembly.open_line(SETTINGS, self.client, self.woken.append)
        while process_inbox(line):
            pass
        return line.store

    def counted(self) -> dict[tuple[str, str], int]:
        """The counter of requests: (source, answer) → number."""
        self.intake.tend()
        samples: list[Sample] = self.services.store().counters.read()
        found = [one for one in samples if one.name == "tajo_inbound_total"]
        return {(one.labels["source"], one.labels["answer"]): int(one.value) for one in found}

    def close(self) -> None:
        """Leave no thread, no connection and no file open."""
        self.intake.stop()
        self.spool.close()
        self.intake._inbox._pool.disconnect()
        self.client.connection_pool.disconnect()
        if self.services._store is not None:
            self.services._store.client.connection_pool.disconnect()


def without_id(parked: Parked) -> Parked:
    """A parked thing as it would be under any id, to compare two."""
    return replace(parked, id="", at_ms=0)
