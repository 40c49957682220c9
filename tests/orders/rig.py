"""The line with the lane of orders, over a real Redis and a sandbox in this process; nothing runs by itself.

rig.tell(order(...))     an order comes by webhook
rig.orders               Brevo's orders, by id
rig.fired                which automations were started: (status, order)
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from customer_sync.brevo.client import Brevo
from customer_sync.brevo.contacts.handler import ContactsHandler
from customer_sync.brevo.desk import Desk
from customer_sync.brevo.orders import OrdersHandler
from customer_sync.brevo.webhooks import BrevoIntake
from customer_sync.config.settings import BrevoSettings, Settings
from customer_sync.errors import Unavailable
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.outbound import Reply
from customer_sync.model import Event, Kind
from customer_sync.pipeline import deliver
from customer_sync.sandbox.state import Sandbox
from customer_sync.sandbox.state import Settings as SandboxSettings
from customer_sync.skills.customer_sync import CustomerSync
from customer_sync.skills.order_events import OrderEvents
from customer_sync.store.counters import Tally
from tests.bulk.rig import LocalHttp
from tests.openapi import find_brevo_spec
from tests.rig import MAPPING, at
from tests.runs.shop import RunRig

#: What an order of these tests is, unless the test says something else.
ORDER: dict[str, Any] = {
    "number": "#1001",
    "state": "paid",
    "status": "paid",
    "currency": "EUR",
    "total": 45.0,
    "amount": 45.0,
    "lines": [{"productId": "60", "quantity": 1, "price": 45.0}],
}


class CheckedHttp(LocalHttp):
    """Calls the sandbox, and holds every call against Brevo's own document."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self._spec = find_brevo_spec()
        #: (method, path, body) of each call about orders and eCommerce.
        self.calls: list[tuple[str, str, Any]] = []

    def send(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        path = url.partition("/v3")[2]
        if path.startswith(("/orders", "/ecommerce")):
            self.calls.append((method, path, json.loads(body) if body else None))
            if self._spec:
                faults = self._spec.request_faults(method, path, "", body or b"")
                assert not faults, faults
        return super().send(method, url, headers=headers, body=body)


class OrdersRig(RunRig):
    """The line, a sandbox, and hands to feed them.

    Args:
        client: Redis; emptied.
        ecommerce: whether it is on in the account.
        plan: the sandbox's rate limits.
        currency: the account's.
        public_url: where Brevo reaches us; None: nowhere.
    """

    def __init__(
        self,
        client: Any,
        *,
        ecommerce: bool = True,
        plan: str = "none",
        currency: str = "EUR",
        public_url: str | None = None,
    ) -> None:
        super().__init__(client)
        self.sandbox = Sandbox(SandboxSettings(plan=plan, ecommerce=ecommerce), clock=lambda: self.clock() / 1000)
        if ecommerce:
            self.sandbox.ecommerce.set_currency({"code": currency})
        self.http = CheckedHttp(self.sandbox)
        self.settings = Settings(
            brevo=BrevoSettings(api_key="k", webhook_secrets=("t",)),
            **({"public_url": public_url} if public_url else {}),
        )
        self.rules = replace(self.rules, lists={})
        self.tally = Tally()
        self.account = Brevo("http://localhost/v3", "k", self.http, self.store.limits, self.tally)
        desk = Desk(self.settings, self.account, self.store, lambda: self.rules, self.tally, self.clock)
        contacts = ContactsHandler(self.account, self.store.limits, self.store.people, lambda: self.rules, self.clock)
        self.handler = OrdersHandler(desk)
        self.line.handlers = {"contacts": contacts, "orders": self.handler}
        self.line.skills = [CustomerSync(lambda _: MAPPING), OrderEvents()]
        self.line.tally = self.tally
        self.line.connectors = {
            **self.line.connectors,
            "brevo": BrevoIntake(SourceSettings("brevo", "brevo", ("t",))),
        }
        self.store.lanes.register("orders", keeps="records")
        self.sent = 0

    def tell(self, *events: Event) -> None:
        """Let events arrive, read them, and deliver what is due in both lanes."""
        for event in events:
            self.send(event)
        self.read()
        self.deliver_all()

    def deliver_all(self) -> None:
        """Deliver people, then orders, until nothing is due at once."""
        self.deliver()
        self.deliver_orders()

    def deliver_orders(self, *, patience_s: float = 0.3) -> None:
        """Deliver orders until nothing is due soon."""
        with suppress(Unavailable):
            while True:
                rest = deliver(self.line, "orders")
                if rest.did_work:
                    continue
                if rest.wait_s is None or rest.wait_s > patience_s:
                    return
                time.sleep(rest.wait_s + 0.001)

    @property
    def orders(self) -> dict[str, dict[str, Any]]:
        """Brevo's orders."""
        return {name: dict(row) for name, row in self.sandbox.shop["orders"].rows.items()}

    @property
    def fired(self) -> list[tuple[str, str]]:
        """Which automations were started by orders, the oldest first."""
        return [(row["name"], row["reference"]) for row in self.sandbox.automations.newest(10_000)[::-1]]

    def called(self, path: str) -> list[Any]:
        """The bodies of the calls of one path."""
        return [body for _, one, body in self.http.calls if one == path]

    def notes(self) -> list[str]:
        """What the ledger says of the events, the newest first."""
        return [str(row.note) for row in self.store.ledger.events(50)]

    def alerts(self) -> list[str]:
        """What a person was told."""
        return [one["alert"] for one in self.store.ledger.alerts()]

    def waits(self) -> int:
        """How many orders wait."""
        return self.store.lanes.depth("orders")[0]


def order(  # what an event is made of
    own: str = "1001",
    *,
    kind: Kind = Kind.ORDER_PLACED,
    when: float = -10,
    email: str | None = "ann@example.com",
    customer: str | None = None,
    source: str = "shop",
    word: str = "",
    **record: Any,
) -> Event:
    """Return an event of an order; `when` in seconds before now, `word` makes it another event."""
    told = {**ORDER, "createdAt": at(-60).isoformat(), "updatedAt": at(when).isoformat(), "id": own, **record}
    if email is not None:
        told["customer"] = {"email": email}
    name = f"{own}:{kind}:{when}:{word}"
    return Event(name, source, kind, at(when), own, customer, told)


def bare(own: str, kind: Kind, when: float, **record: Any) -> Event:
    """Return an event that tells nothing but this."""
    return Event(f"{own}:{kind}:{when}", "shop", kind, at(when), own, None, {"id": own, **record})


def lines(body: Mapping[str, Any]) -> Sequence[tuple[str, Any]]:
    """The products of an order, short."""
    return [(one["productId"], one.get("quantity", one.get("quantityFloat"))) for one in body["products"]]
