"""A platform that does nothing but what the base of all stand-ins gives it: a list of people, tokens, webhooks."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import ClassVar, Literal

import orjson
from flask import request

from customer_sync.kit.fakes.answers import reply
from customer_sync.kit.fakes.clock import Clock
from customer_sync.kit.fakes.crowd import Crowd
from customer_sync.kit.fakes.fake import Fake
from customer_sync.kit.fakes.faults import PAGES
from customer_sync.kit.fakes.hooks import Delivery, Message, Rules, Sender
from customer_sync.kit.fakes.main import main
from customer_sync.kit.fakes.pages import window
from customer_sync.kit.fakes.table import Table

SIZE = 4


@dataclass
class Settings:
    """How the toy behaves.

    Args:
        customers: how many there are.
        lag_s: how late it
            is.
        colour: its colour.
        scopes: what the app may do.
        is_open: whether it is open.
        note: words, or none.
    """

    customers: int = 10
    lag_s: float = 1.5
    colour: Literal["red", "blue"] = "red"
    scopes: tuple[str, ...] = ("read",)
    is_open: bool = True
    note: str | None = None


class Toy(Fake[Settings]):
    """A toy shop."""

    strikes: ClassVar = {"melted": "418, which no other platform has"}
    switches = ("lag_s", "colour", "scopes", "is_open", "note")
    impossible = frozenset(("merge",))

    def __init__(
        self, settings: Settings | None = None, clock: Clock | None = None, rules: Rules | None = None
    ) -> None:
        self.rules = rules or Rules()
        self.url = ""
        super().__init__(settings or Settings(), clock)

    def fill(self):
        self.people = Table((number, {"id": number}) for number in range(1, self.settings.customers + 1))
        self.sender, self.crowd = Sender(self.clock, self.rules), Crowd(self, 1)
        self.told: list[str] = []

    def routes(self, app):
        app.add_url_rule("/people", view_func=self.listed, methods=["GET"])
        app.add_url_rule("/people", endpoint="add", view_func=self.add, methods=["POST"])

    def listed(self):
        number = request.args.get("page", 1, int)
        fault = self.take(*PAGES, page=number)
        rows = [self.people.get(one) for one in self.people.ordered("id", lambda row: row["id"])]
        return reply(window(rows, (number - 1) * SIZE, SIZE, fault))

    def add(self):
        number = self.people.next_number()
        return reply(self.people.put(number, {"id": number}), 201)

    def strike(self, fault):
        return reply({"melted": fault.id}, 418)

    def tell(self, word: str) -> None:
        """Send a webhook."""
        body = orjson.dumps({"word": word})
        self.sender.put(Delivery(self.url, word, lambda: Message({"X-Topic": word}, body, sign), key=None))

    def register(self, person, *, agrees):
        self.told.append(f"register {person.email} {agrees}")
        return self.people.put(self.people.next_number(), {"id": len(self.told)})["id"]

    def edit(self, who, person):
        self.told.append(f"edit {who} {person.email}")

    def say(self, who, *, agrees):
        self.told.append(f"say {who} {agrees}")

    def buy(self, who, person):
        self.told.append(f"buy {who} {person.email}")

    def merge(self, kept, gone):
        raise AssertionError("it cannot")

    def delete(self, who):
        self.told.append(f"delete {who}")

    def erase(self, who):
        self.told.append(f"erase {who}")


def sign(body: bytes, at_s: float) -> dict[str, str]:
    """Return the toy's signature."""
    return {"X-Signature": f"{int(at_s)}:{hmac.digest(b'secret', body, hashlib.sha256).hex()}"}


if __name__ == "__main__":
    raise SystemExit(main(Toy, Settings))
