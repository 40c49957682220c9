"""The whole line in one process with the lanes of the shop, and a sandbox that it calls without a network.

Both sides are real: the store is a real Redis, and Brevo is the sandbox with its limits, faults and oracles.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import redis

from customer_sync.brevo.client import Brevo
from customer_sync.brevo.contacts.contact_plan import Rules
from customer_sync.brevo.contacts.handler import ContactsHandler
from customer_sync.brevo.desk import Desk
from customer_sync.brevo.events import EventsHandler
from customer_sync.brevo.products import ProductsHandler
from customer_sync.config import Settings
from customer_sync.config.settings import SkillSettings
from customer_sync.kit.outbound import Reply
from customer_sync.model import Event, Kind
from customer_sync.pipeline import deliver
from customer_sync.sandbox.app import create_app
from customer_sync.sandbox.state import Sandbox
from customer_sync.sandbox.state import Settings as SandboxSettings
from customer_sync.skills import Skill
from customer_sync.skills.cart_events import CartEvents
from customer_sync.skills.product_catalog import ProductCatalog
from customer_sync.store.counters import Tally
from tests.openapi import find_brevo_spec
from tests.rig import ATTRIBUTES, LIST, Rig, at

#: The lanes of the shop that are tested here.
LANES = ("products", "events")


class InProcess:
    """Calls a sandbox of this process as `HttpClient` calls a server; each request is checked against the document."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._http = create_app(sandbox).test_client()
        self._spec = find_brevo_spec()
        #: Every call: (method, path, body).
        self.calls: list[tuple[str, str, Any]] = []
        #: Answers that are given instead of the sandbox's, in turn, to calls of a path.
        self.answers: dict[str, list[Reply]] = {}

    def send(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        path = url.partition("/v3")[2]
        self.calls.append((method, path, json.loads(body) if body else None))
        if self.answers.get(path):
            return self.answers[path].pop(0)
        if self._spec:
            faults = self._spec.request_faults(method, path.partition("?")[0], "", body or b"")
            assert not faults, f"{method} {path}: {faults}"
        answer = self._http.open(f"/v3{path}", method=method, data=body, headers=dict(headers))
        return Reply(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.data)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call a path below /sandbox and return its JSON."""
        return self._http.open(f"/sandbox{path}", method=method, json=body).json


class ShopRig(Rig):
    """The line with the lanes of products and events."""

    def __init__(
        self, client: redis.Redis, *, skills: Sequence[Skill] = (), keys: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(client)
        self.sandbox = Sandbox(SandboxSettings())
        self.web = InProcess(self.sandbox)
        tally = Tally()
        account = Brevo("http://sandbox/v3", "k", self.web, self.store.limits, tally)  # type: ignore[arg-type]  # as it
        self.rules = Rules(dict.fromkeys(self.sources, (LIST,)), attributes=ATTRIBUTES)
        settings = Settings(skills={"cart-events": SkillSettings("cart-events", True, extra=keys or {})})
        self.desk = Desk(settings, account, self.store, lambda: self.rules, tally, self.clock)
        self.line.skills = [*self.line.skills, *(skills or (ProductCatalog(), CartEvents()))]
        contacts = ContactsHandler(account, self.store.limits, self.store.people, lambda: self.rules, self.clock)
        self.handlers()
        self.line.handlers = {"contacts": contacts, **self.made}
        self.currency("EUR")

    def handlers(self) -> None:
        """Make the handlers."""
        self.made = {"products": ProductsHandler(self.desk), "events": EventsHandler(self.desk)}
        for lane in LANES:
            self.store.lanes.register(lane, keeps="records")

    def reset(self) -> None:
        """Start again with nothing, here and in Brevo."""
        super().reset()
        self.web.control("POST", "/reset", {})
        self.web.calls.clear()
        for lane in LANES:
            self.store.lanes.register(lane, keeps="records")
        self.currency("EUR")

    def currency(self, code: str | None) -> None:
        """Set the account's currency; None: eCommerce is off."""
        note = {"is_on": code is not None, "currency": code, "at": self.clock()}
        self.store.set_note("commerce", note)

    def settle(self) -> None:
        """Read and deliver everything that is due, in all lanes, until nothing is."""
        for _ in range(200):
            self.read()
            self.deliver()
            rests = [deliver(self.line, lane) for lane in LANES]
            waits = [one.wait_s for one in rests if one.wait_s is not None]
            if not any(one.did_work for one in rests) and not self.store.inbox.depth()[0]:
                if not [one for one in waits if one < 0.2]:
                    return
                time.sleep(min(waits) + 0.001)
        raise AssertionError("it does not come to rest")

    def ripen(self, lane: str) -> None:
        """Let everything that waits in a lane be due."""
        for priority in range(3):
            key = f"tajo:q:{lane}:{priority}"
            for target in self.client.zrange(key, 0, -1):
                self.client.zadd(key, {target: 0})

    def sent(self, path: str) -> list[Any]:
        """Return the bodies of all calls of a path."""
        return [body for _, one, body in self.web.calls if one == path]

    def products(self) -> dict[str, dict[str, Any]]:
        """Return the catalogue of the sandbox, by id."""
        return {str(one): dict(row) for one, row in self.sandbox.shop["products"].rows.items()}

    def categories(self) -> dict[str, dict[str, Any]]:
        """Return the categories of the sandbox, by id."""
        return {str(one): dict(row) for one, row in self.sandbox.shop["categories"].rows.items()}

    def contacts(self) -> list[dict[str, Any]]:
        """Return the contacts of the sandbox."""
        found: list[dict[str, Any]] = self.web.control("GET", "/state")["contacts"]
        return found

    def events(self) -> list[dict[str, Any]]:
        """Return the events of the sandbox, the oldest first."""
        return [dict(row) for row in self.sandbox.shop["events"].rows.values()]

    def told(self) -> list[tuple[str, Any]]:
        """Return the name and the id of each event of the sandbox."""
        return [(str(one["event_name"]), one["event_properties"].get("id")) for one in self.events()]


def product(
    when: float, key: str = "30", *, source: str = "shop", kind: Kind = Kind.PRODUCT_UPDATED, **record: Any
) -> Event:
    """A product as a webhook tells it; without a name it is called Mug."""
    told = {"id": key} if kind is Kind.PRODUCT_DELETED else {"id": key, "name": "Mug", **record}
    return Event(f"{source}:{kind}:{key}:{when}", source, kind, at(when), key, None, told)
