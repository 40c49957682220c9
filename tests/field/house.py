"""A whole installation, made of a config: shops tell it in their own signed words, a sandbox shows what came of it.

One clock, and nothing passes but what a test lets pass: `house.pass_time(minutes=31)`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from customer_sync import assembly
from customer_sync.batch.puller import Puller
from customer_sync.batch.runs import step
from customer_sync.batch.starts import start
from customer_sync.brevo.contacts import gear, refused_rows
from customer_sync.errors import TajoError
from customer_sync.kit.outbound import Reply
from customer_sync.loading import load_settings
from customer_sync.model import PEOPLE, Inbound, from_ms
from customer_sync.pipeline import bulk, deliver, follow, process_inbox, single
from customer_sync.platforms import accesses
from customer_sync.sandbox.app import create_app
from customer_sync.sandbox.state import Sandbox
from customer_sync.sandbox.state import Settings as SandboxSettings
from customer_sync.store import inbox
from customer_sync.store.run import Run, RunKind, RunState
from tests.carts.line import open_store
from tests.carts.world import Called
from tests.redis_time import StandingTime

CONFIG = """\
connectors:
  shop: {platform: shopify, shop_url: lamps.myshopify.com, storefront_url: "https://lamps.example", api_secret: s}
  woo:
    {platform: woocommerce, shop_url: "https://shop.example.com", webhook_secret: s, time_zone: Europe/Berlin,
     consumer_key: ck_00000000000000000000000000000000000000f1,
     consumer_secret: cs_00000000000000000000000000000000000000f1}
skills:
  customer-sync:
    enabled: true
    field_mapping: {email: email, firstName: FIRSTNAME, totalOrders: ORDERS, totalSpent: SPENT,
                    firstOrderDate: FIRST, lastOrderDate: LAST}
    options: {list_id: 2}
  order-events: {enabled: true}
  product-catalog: {enabled: true}
  cart-events: {enabled: true}
  abandoned-cart:
    enabled: true
    sequence: [{delay: 1h, template_id: 1}, {delay: 24h, template_id: 1}, {delay: 48h, template_id: 1}]
"""
LANES = ("contacts", "orders", "products", "events", "mail")
ATTRIBUTES = {"ORDERS": "float", "SPENT": "float", "FIRST": "date", "LAST": "date"}


class Way:
    """What stands for the network: calls go to the sandbox or to a shop's stand-in, by the name of the host."""

    def __init__(self, hosts: Mapping[str, Any]) -> None:
        self._hosts = hosts

    def send(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, **_: Any) -> Reply:
        host = url.split("/")[2]
        reply: Reply = self._hosts[host].send(method, url, headers=headers, body=body)
        return reply

    def hold(self, *_: Any) -> None:
        """Nobody is held up: the time stands."""


class House:
    """The installation; see the module.

    Args:
        client: an empty Redis.
        folder: an empty folder.
        patch: puts the sandbox in the place of the network.
        woo: what stands for WooCommerce's API, if anything.
        hosts: host → what stands for another platform's API.
        config: another tajo.yaml.
        at: when it begins; None: now.
        currency: what Brevo counts in.
    """

    def __init__(  # what a house is made of
        self,
        client: redis.Redis,
        folder: Path,
        patch: pytest.MonkeyPatch,
        woo: Any = None,
        *,
        hosts: Mapping[str, Any] | None = None,
        config: str | None = None,
        at: datetime | None = None,
        currency: str = "EUR",
    ) -> None:
        self.time = StandingTime(client, float(int((at or datetime.now(UTC)).timestamp())))
        self.store = open_store(client, self.time, self.now_ms)
        self.sandbox = Sandbox(SandboxSettings(plan="none", currency=currency), clock=lambda: self.time.now_s)
        self.http = Called(create_app(self.sandbox).test_client())
        way = Way({"sandbox": self.http, "shop.example.com": woo, **(hosts or {})})
        patch.setattr(assembly, "Store", lambda *_: self.store)
        for module in (assembly, gear, refused_rows):
            patch.setattr(module, "HttpClient", lambda **_: way)
        patch.setattr(accesses, "PacedHttp", lambda *_: way)
        (folder / "tajo.yaml").write_text(CONFIG if config is None else config)
        env = {"BREVO_API_URL": "http://sandbox/v3", "BREVO_API_KEY": "k"}
        self.settings = load_settings(folder / "tajo.yaml", env)
        for name, kind in ATTRIBUTES.items():
            self.brevo("POST", f"/contacts/attributes/normal/{name}", {"type": kind})
        self._folder, self._client, self._told = folder, client, 0
        self.line = self.another()

    def another(self) -> Any:
        """The line of another worker."""
        return assembly.open_line(self.settings, self._client, lambda _: None, self._folder, self.now_ms)

    def now_ms(self) -> int:
        return round(self.time.now_s * 1000)

    @property
    def now(self) -> datetime:
        return from_ms(self.now_ms())

    def iso(self, seconds: float = 0) -> str:
        """A time, as platforms write it; before now where negative."""
        return (self.now + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")

    # what happens

    def shopify(self, topic: str, body: Mapping[str, Any], *, work: bool = True) -> None:
        """Let Shopify tell something."""
        self._told += 1
        headers = {"topic": topic, "webhook-id": f"w{self._told}", "shop-domain": "lamps.myshopify.com"}
        headers |= {"triggered-at": self.iso(self._told / 1000)}
        self._send("shop", {f"x-shopify-{name}": one for name, one in headers.items()}, body, work=work)

    def woo(
        self, topic: str, body: Mapping[str, Any], shop: str = "https://shop.example.com/", *, work: bool = True
    ) -> None:
        """Let WooCommerce tell something."""
        self._told += 1
        headers = {"topic": topic, "delivery-id": f"d{self._told}", "id": "7", "source": shop}
        self._send("woo", {f"x-wc-webhook-{name}": one for name, one in headers.items()}, body, work=work)

    def _send(self, source: str, headers: Mapping[str, str], body: Mapping[str, Any], *, work: bool) -> None:
        connector = self.line.connectors[source]
        told = connector.sign(Inbound(source, headers, json.dumps(body).encode(), self.now), "s")
        connector.verify(told, connector.settings.secrets)
        kept = {name: one for name, one in told.headers.items() if name in connector.keeps}
        self.store.inbox.append([inbox.encode(replace(told, headers=kept), connector.keeps)])
        if work:
            self.work()

    def subscriber(self, email: str, number: int = 5) -> None:
        """Somebody who has an account in the shop, and wants its mails."""
        person = {"id": number, "email": email, "created_at": self.iso(-60), "updated_at": self.iso(-60)}
        self.shopify("customers/create", person)
        said = {"state": "subscribed", "opt_in_level": "single_opt_in", "consent_updated_at": self.iso(-30)}
        told = {"customer_id": number, "email_address": email, "email_marketing_consent": said}
        self.shopify("customers_email_marketing_consent/update", told)

    def pull(self, source: str, resource: str) -> None:
        """Read all of a resource, and deliver it. People of runs go by imports, which nobody carries out here."""
        number = self.begin(source, resource=resource)
        for _ in range(200):
            found = self.go_on(number, 1)
            is_read = found.state in (RunState.DELIVERING, RunState.DONE)
            if is_read and not any(self.store.lanes.depth(lane)[0] for lane in LANES[1:]):
                return
        raise AssertionError(f"the run is {found.state}: {found.reason}")

    def begin(self, source: str, kind: RunKind = RunKind.FULL, resource: str = "customers") -> str:
        """Begin a run, and return its number."""
        return start(self._puller(), source, kind, resource=resource).id

    def go_on(self, number: str, steps: int = 200, *, seconds: float = 61) -> Run:
        """Do steps of a run, each by another process, with time after each, until all is read; return the run."""
        for _ in range(steps):
            self.line = self.another()
            step(self._puller(), number)
            self.pass_time(seconds=seconds)
            found = self.store.runs.read(number)
            assert found is not None
            if found.state is not RunState.RUNNING:
                break
        return found

    def _puller(self) -> Puller:
        return assembly.open_puller(self.settings, self.line, self._folder)

    # what is done about it

    def read(self) -> None:
        while process_inbox(self.line):
            pass

    def work(self) -> None:
        """Do all that can be done now."""
        self.read()
        # what platforms are asked first, since it is put into the others
        for lane in sorted(
            self.line.handlers, key=lambda one: (not one.startswith("fetch:"), one in LANES and LANES.index(one))
        ):
            try:
                while deliver(self.line, lane).did_work:
                    pass
            except TajoError:
                pass

    def work_in_bulk(self) -> None:
        """Let the bulk gear look at the people of runs, and deliver those that it gives back: who is known already."""
        for step_of in (bulk, single):
            while step_of(self.line, PEOPLE).did_work:
                pass

    def import_all(self) -> None:
        """Let the imports go out that runs have filled, and follow them to their end."""
        for _ in range(100):
            did_work = [bulk(self.line, PEOPLE).did_work, single(self.line, PEOPLE).did_work]
            did_work.append(follow(self.line).did_work)
            self.time.move(1)
            time.sleep(0.02)  # the sandbox carries an import out in a thread of its own
            if not any(did_work) and not self.store.lanes.depth(PEOPLE)[0]:
                return
        raise AssertionError("an import does not end")

    def pass_time(self, *, work: bool = True, **span: float) -> None:
        """Let time pass in steps, and work after each."""
        left = timedelta(**span)
        pace = timedelta(minutes=5 if left < timedelta(hours=5) else 30)
        while left > timedelta():
            self.time.move(min(pace, left).total_seconds())
            left -= pace
            if work:
                self.work()

    # what came of it

    def brevo(self, method: str, path: str, body: Any = None) -> Any:
        """Call Brevo past our system."""
        answer = self.http.client.open(f"/v3{path}", method=method, json=body, headers={"api-key": "k"})
        assert answer.status_code < 300, answer.data
        return answer.json if answer.data else None

    def act(self, path: str, body: Any = None, method: str = "POST") -> Any:
        """Call one of the sandbox's own routes."""
        answer = self.http.client.open(f"/sandbox/{path}", method=method, json=body)
        assert answer.status_code < 300, answer.data
        return answer.json if answer.data else None

    @property
    def contacts(self) -> dict[str, Any]:
        """Brevo's contacts, by address."""
        return {str(row.get("email")): row for row in self.act("state", method="GET")["contacts"]}

    def totals(self, email: str) -> tuple[Any, Any]:
        """How many orders a contact has, and what was spent."""
        told = self.contacts[email]["attributes"]
        return told.get("ORDERS"), told.get("SPENT")

    @property
    def orders(self) -> dict[str, Any]:
        """Brevo's orders, by id."""
        return {row["id"]: row for row in self.brevo("GET", "/orders?limit=100")["orders"]}

    @property
    def products(self) -> dict[str, Any]:
        """Brevo's products, by id."""
        return {str(name): dict(row) for name, row in self.sandbox.shop["products"].rows.items()}

    @property
    def fired(self) -> list[tuple[str, str]]:
        """Which automations were started by orders: (status, order)."""
        rows = self.sandbox.automations.newest(10_000)[::-1]
        return [(str(row["name"]), str(row["reference"])) for row in rows if row["kind"] == "orders"]

    @property
    def mails(self) -> list[str]:
        """To whom mails went, the oldest first."""
        return [row["to"] for row in self.sandbox.mails.rows()]

    @property
    def events(self) -> list[str]:
        """The names of the events that Brevo got, the oldest first."""
        return [str(row["event_name"]) for row in self.sandbox.shop["events"].rows.values()]

    def counted(self, name: str, **labels: str) -> int:
        """What a metric has counted under some labels."""
        rows = [one for one in self.store.counters.read() if one.name == name and labels.items() <= one.labels.items()]
        return int(sum(one.value for one in rows))

    def alerts(self, word: str = "") -> list[str]:
        """What people were told that holds a word, the newest first."""
        return [str(one["alert"]) for one in self.store.ledger.alerts(100) if word in str(one["alert"])]

    def notes(self) -> str:
        """What the ledger says of the newest events, and what a person was told."""
        told = [str(row.note) for row in self.store.ledger.events(200)]
        return "\n".join([*told, *(str(one["alert"]) for one in self.store.ledger.alerts())])
