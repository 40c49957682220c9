"""Garden in memory: customers by id, webhooks that may be off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from flask import Flask, Response, request

from customer_sync.kit.fakes.answers import Row, reply
from customer_sync.kit.fakes.clock import iso, seconds_of
from customer_sync.kit.fakes.fake import Act, Fake
from customer_sync.kit.fakes.faults import PAGES
from customer_sync.kit.fakes.hooks import Delivery, Message, Rules, Sender
from customer_sync.kit.fakes.pages import window
from customer_sync.kit.fakes.table import Table

SIZE = 5


@dataclass(slots=True)
class Settings:
    """How Garden behaves.

    Args:
        customers: how many there are.
        key: the API key.
    """

    customers: int = 24
    key: str = "garden-key"


class FakeGarden(Fake[Settings]):
    """A Garden in memory, on the loopback."""

    struck = "/api/*"

    def fill(self) -> None:
        """Make the customers of the start."""
        self.sender = Sender(self.clock, Rules(timeout_s=1.0))
        self.hooks: Table[Row] = Table()
        numbers = range(1, self.settings.customers + 1)
        self.customers: Table[Row] = Table((number, _customer(number, 1_700_000_000.0)) for number in numbers)

    def routes(self, app: Flask) -> None:
        """Add the routes of the platform."""
        add = app.add_url_rule
        add("/api/customers", view_func=self._list, methods=["GET"])
        add("/api/customers/some", view_func=self._some, methods=["GET"])
        add("/api/hooks", "hooks", lambda: self._guarded(lambda: {"hooks": list(self.hooks.values())}))
        add("/api/hooks", "add", lambda: self._guarded(self._add_hook), methods=["POST"])
        add(
            "/api/hooks/<int:number>",
            "put",
            lambda number: self._guarded(lambda: self._put_hook(number)),
            methods=["PUT"],
        )
        add(
            "/api/hooks/<int:number>",
            "drop",
            lambda number: self._guarded(lambda: self._drop(number)),
            methods=["DELETE"],
        )

    def acts(self) -> Sequence[Act]:
        """Return the control routes."""
        return (
            ("GET", "customers", lambda _: {"ids": sorted(self.customers)}),
            ("POST", "customers", lambda _: self._grow(self.customers.next_number())),
            ("POST", "customers/<int:number>", lambda _, number: self._grow(number)),
            ("DELETE", "customers/<int:number>", self._remove),
        )

    def _guarded(self, act: Any) -> Response:
        with self.lock:
            return reply(act()) if request.headers.get("X-Key") == self.settings.key else self.unauthorized()

    def _list(self) -> Response:
        return self._guarded(self._page)

    def _page(self) -> Row:
        fault = self.take(*PAGES)
        kind = fault.kind if fault else ""
        after = request.args.get("after", 0, int)
        since = 0.0 if kind == "ignore_filter" else seconds_of(request.args.get("since", "")) or 0.0
        rows = [self.customers.get(one) for one in sorted(self.customers)]
        wanted = [row for row in rows if row and (seconds_of(row["updatedAt"]) or 0.0) >= since]
        start = sum(row["id"] <= after for row in wanted)
        shown = window(wanted, start, SIZE, fault)
        end = start + (len(shown) if kind in ("shrink_page", "empty_page") else SIZE)
        last = wanted[min(end, len(wanted)) - 1]["id"] if end and wanted else after
        return {"customers": shown, "next": last, "more": end < len(wanted)}

    def _some(self) -> Response:
        asked = [int(one) for one in request.args.get("ids", "").split(",") if one]
        return self._guarded(lambda: {"customers": [row for one in asked if (row := self.customers.get(one))]})

    def _add_hook(self) -> Row:
        number = self.hooks.next_number()
        return self.hooks.put(number, {"id": number, **request.get_json()})

    def _put_hook(self, number: int) -> Row:
        return self.hooks.put(number, {**(self.hooks.get(number) or {}), **request.get_json()})

    def _drop(self, number: int) -> Row:
        self.hooks.delete(number)
        return {}

    def _grow(self, number: int) -> Row:
        row = self.customers.put(number, _customer(number, self.clock()))
        self._tell("customer.changed", row)
        return row

    def _remove(self, _body: Row, number: int) -> Row:
        self.customers.delete(number)
        self._tell("customer.removed", {"id": number})
        return {"id": number}

    def _tell(self, topic: str, row: Row) -> None:
        body = orjson.dumps({"garden": topic, "customer": row})
        for hook in self.hooks.values():
            if self.sender and hook["on"] and hook["topic"] == topic:
                message = Message({"Content-Type": "application/json"}, body)
                self.sender.put(Delivery(hook["url"], topic, lambda message=message: message, of=hook["id"]))


def _customer(number: int, at_s: float) -> Row:
    name = f"Flower {number}"
    return {
        "id": number,
        "email": f"flower{number}@example.com",
        "name": name,
        "agrees": number % 3 != 0,
        "agreedAt": f"{iso(1_690_000_000.0 + number)}Z",
        "updatedAt": f"{iso(at_s)}Z",
    }
