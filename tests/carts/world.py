"""The line with its lanes of contacts and mails, a sandbox in this process, and one clock for all of it.

Nothing passes but what a test lets pass: `world.pass_time(minutes=31)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
from flask.testing import FlaskClient

from customer_sync import pipeline, store
from customer_sync.errors import TajoError
from customer_sync.kit.outbound import Reply
from customer_sync.model import Channel, Consent, ConsentState, Event, Inbound, Json, Kind, from_ms
from customer_sync.sandbox.app import create_app
from customer_sync.sandbox.state import Sandbox
from customer_sync.sandbox.state import Settings as SandboxSettings
from customer_sync.skills import Intent
from tests.carts.line import SHOP, open_line, open_store, settings_of
from tests.redis_time import StandingTime
from tests.rig import Scripted

#: Three mails, an hour, a day and two days after one another.
SEQUENCE: list[Json] = [
    {"delay": "1h", "template_id": 1},
    {"delay": "24h", "template_id": 1, "subject": "Still there"},
    {"delay": "48h", "template_id": 1},
]
EMAIL = "ann@example.com"


class Called:
    """What stands for the way to Brevo: the sandbox's own application, and what a test lets happen on the way."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.calls: list[tuple[str, str]] = []
        #: Done before a call of this method and path takes effect, and after it: once.
        self.before: dict[str, Callable[[], None]] = {}
        self.after: dict[str, Callable[[], None]] = {}

    def send(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        path = url.removeprefix("http://sandbox")
        name = f"{method} {path.removeprefix('/v3').partition('?')[0]}"
        self.calls.append((method, path))
        self.before.pop(name, lambda: None)()
        answer = self.client.open(path, method=method, data=body, headers=dict(headers))
        self.after.pop(name, lambda: None)()
        return Reply(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.data)

    def count(self, name: str) -> int:
        return sum(f"{method} {path.removeprefix('/v3').partition('?')[0]}" == name for method, path in self.calls)


class Heard:
    """A skill that remembers what series tell."""

    name = "heard"

    def __init__(self) -> None:
        self.events: list[Event] = []

    def intent(self, event: Event) -> Intent:
        if event.kind in {Kind.CART_ABANDONED, Kind.CART_RECOVERED}:
            self.events.append(event)
        return Intent()


class World:
    """The line; see the module.

    Args:
        client: an empty Redis.
        extra: further keys of the skill.
    """

    def __init__(self, client: redis.Redis, **extra: Json) -> None:
        self.client = client
        self.time = StandingTime(client, float(int(datetime.now(UTC).timestamp())))
        self.store = open_store(client, self.time, self.now_ms)
        self.sandbox = Sandbox(SandboxSettings(), clock=lambda: self.time.now_s)
        self.http = Called(create_app(self.sandbox).test_client())
        self.shop = Scripted(SHOP)
        self.heard = Heard()
        self.behind = False
        self.extra = {"sequence": SEQUENCE, **extra}
        self.switch(is_on=True)

    def now_ms(self) -> int:
        return round(self.time.now_s * 1000)

    @property
    def now(self) -> datetime:
        return from_ms(self.now_ms())

    def switch(self, *, is_on: bool, source: str | None = None) -> None:
        """Switch the skill on or off, or for one source only, as workers hear of it."""
        self.settings = settings_of(self.extra, is_on=is_on, source=source)
        self.restart()

    def restart(self) -> None:
        """A worker dies, another one starts."""
        self.line = self.another()

    def another(self) -> pipeline.Line:
        """The line of another worker."""
        url, more = "http://sandbox/v3", [self.heard]
        return open_line(self.settings, self.store, self.http, url, self.shop, behind=lambda: self.behind, more=more)

    # what happens

    def tell(self, event: Event) -> None:
        """Let the shop tell something; it waits in the inbox."""
        self.shop.events.append(event)
        pipeline.accept(self.line, Inbound("shop", {}, str(len(self.shop.events) - 1).encode(), self.now))

    def customer(self, email: str = EMAIL, number: str = "1", **record: Json) -> None:
        """A customer who wants marketing mails is known, here and in Brevo."""
        yes = Consent(Channel.EMAIL, ConsentState.GRANTED, self.now, "single_opt_in", explicit=True)
        record = {"id": number, "email": email, "firstName": "Ann", **record}
        self.tell(self._event(Kind.CUSTOMER_UPDATED, number, record, number, (yes,)))
        self.work()

    def withdraw(self, number: str = "1", email: str = EMAIL) -> None:
        """The shop tells that a customer wants none any more."""
        no = Consent(Channel.EMAIL, ConsentState.WITHDRAWN, self.now, "unsubscribed", explicit=True)
        self.tell(self._event(Kind.CONSENT_CHANGED, number, {"email": email}, number, (no,)))

    def cart(self, key: str = "t1", email: str | None = EMAIL, total: float = 40.0, **record: Json) -> None:
        """Something is put into a cart."""
        lines: list[Json] = [{"productId": "p", "title": "Mug", "quantity": 1, "price": total}]
        cart: dict[str, Json] = {"id": key, "email": email, "carts": [key], "total": total, "currency": "EUR"}
        cart |= {"url": f"https://shop.example/c/{key}", "lines": lines, **record}
        self.tell(self._event(Kind.CART_UPDATED, key, cart))

    def order(self, key: str = "o1", email: str = EMAIL, amount: float = 40.0, **record: Json) -> None:
        """An order is placed and paid."""
        order: dict[str, Json] = {"id": key, "state": "paid", "email": email, "amount": amount, "currency": "EUR"}
        order |= {"createdAt": self.now.isoformat(), "customer": {"email": email}, **record}
        self.tell(self._event(Kind.ORDER_PLACED, key, order))

    def _event(
        self,
        kind: Kind,
        key: str,
        record: Mapping[str, Json],
        customer: str | None = None,
        consents: tuple[Consent, ...] = (),
    ) -> Event:
        name = f"{kind}:{key}:{len(self.shop.events)}"
        return Event(name, "shop", kind, self.now, key, customer, record, consents)

    # what is done about it

    def read(self) -> None:
        while pipeline.process_inbox(self.line):
            pass

    def deliver(self, lane: str = "mail") -> None:
        """Deliver what is due; what goes wrong is tried again another time."""
        try:
            while pipeline.deliver(self.line, lane).did_work:
                pass
        except TajoError:
            pass

    def work(self) -> None:
        """Do all that can be done now."""
        self.read()
        self.deliver("contacts")
        self.deliver()

    def pass_time(self, *, step: timedelta | None = None, work: bool = True, **span: float) -> None:
        """Let time pass in steps, and work after each."""
        left = timedelta(**span)
        step = step or timedelta(minutes=5 if left < timedelta(hours=5) else 30)
        while left > timedelta():
            self.time.move(min(step, left).total_seconds())
            left -= step
            if work:
                self.work()

    # what came of it

    def mails(self, email: str | None = None) -> list[dict[str, Any]]:
        """The mails that went."""
        return [row for row in self.sandbox.mails.rows() if email in (None, row["to"])]

    def steps(self, email: str | None = None) -> list[int]:
        """Which mails of the sequence went."""
        return [row["params"]["step"] for row in self.mails(email)]

    def state(self, target: str = "shop:cart:t1") -> dict[str, Json]:
        """The fields that are kept of a record."""
        found = self.store.lanes.known([("mail", target)])[0] or self._waiting(target)
        return {name: one.value for name, one in found.state.items()} if found else {}

    def _waiting(self, target: str) -> Any:
        raw = self.client.get(f"tajo:rec:mail:{target}")
        return store.lanes.decode_kept(raw.decode()) if raw else None

    def why(self, target: str = "shop:cart:t1") -> str | None:
        """Why a series ended."""
        end = self.state(target).get("end")
        return str(end["why"]) if isinstance(end, dict) else None

    def told(self, kind: Kind) -> Sequence[Mapping[str, Json]]:
        """What other skills heard of carts."""
        return [event.record for event in self.heard.events if event.kind is kind]

    def counts(self) -> dict[str, float]:
        return self.store.mails.report("abandoned-cart")

    def close(self) -> None:
        self.sandbox.close()

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call one of the sandbox's own routes, or one of Brevo's past our system."""
        answer = self.http.client.open(path, method=method, json=body, headers={"api-key": "k"})
        assert answer.status_code < 300, answer.data
        return answer.json if answer.data else None
