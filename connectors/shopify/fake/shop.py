"""The shop: everything it holds, what happens in it, and the webhooks that tell of it. `app` puts routes around it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any, ClassVar, Final

import orjson

from connectors.shopify.fake import bodies
from connectors.shopify.fake.bulk import Bulk, Operation
from connectors.shopify.fake.customers import Customers
from connectors.shopify.fake.habits import Habits
from connectors.shopify.fake.population import Facts
from connectors.shopify.fake.sales import Sales
from connectors.shopify.fake.schema import Reader, beside
from connectors.shopify.fake.settings import VERSIONS, Settings
from connectors.shopify.fake.tokens import Tokens
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.clock import iso
from customer_sync.kit.fakes.crowd import Crowd
from customer_sync.kit.fakes.fake import Fake
from customer_sync.kit.fakes.hooks import Delivery, Message, Rules, Sender
from customer_sync.kit.fakes.limits import Bucket
from customer_sync.kit.invented.people import Person

#: Seconds between the tries of a webhook, four hours in all (https://shopify.dev/docs/apps/build/webhooks).
WAITS_S: Final = (60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 3840.0, 6780.0)
#: Share of deliveries without `X-Shopify-Event-Id`, which recordings of 2024 lack.
WITHOUT_EVENT: Final = 0.1
#: What of a customer has a webhook of its own.
_EMAIL_CONSENT: Final = ("emailState", "emailLevel", "emailAt")
_SMS_CONSENT: Final = ("smsState", "smsLevel", "smsAt")
_TOTALS: Final = ("numberOfOrders", "amountSpent", "lastOrderId")


@dataclass(slots=True)
class Subscription:
    """One webhook subscription of the app."""

    id: int
    topic: str
    uri: str
    created_s: float
    updated_s: float
    include_fields: list[str] = field(default_factory=list)
    filter: str | None = None
    name: str | None = None


class Shop(Fake[Settings]):
    """One shop and the one app that is installed in it."""

    kinds: ClassVar = {
        "oauth": "the token endpoint refuses with `error`, such as app_not_installed",
        "bulk_fails": "a bulk operation fails half way, with `error` and partialDataUrl",
        "bulk_stuck": "a bulk operation stays RUNNING",
        "ignore_range": "a download: 200 with everything, though a range was asked for",
        "gone": "a download: 403, as an address that has expired",
        "late_consent": "a consent mutation reports success and changes nothing",
    }
    switches = (
        *("protected_data", "cost", "whole_days", "bulk_s", "bulk_limit", "merge_deletes"),
        *("granted", "unsubscribed", "pending"),
    )
    impossible: ClassVar[frozenset[str]] = frozenset()

    def fill(self) -> None:
        """Make the customers of the start, the app's first token, and nothing else."""
        settings = self.settings
        path = beside(VERSIONS[-1]) if settings.schema == "beside" else None
        self.reader = Reader(path)
        self.customers = Customers(settings)
        self.tokens = Tokens(settings, self.clock)
        self.bucket = Bucket(settings.bucket, settings.restore, time.monotonic)
        self.points, self.throttled, self.without_event = 0.0, 0, WITHOUT_EVENT
        self.subscriptions: dict[int, Subscription] = {}
        self._numbers, self._dice = count(1_100_000_000_001, 7), Random(settings.seed)
        rules = Rules(WAITS_S, settings.webhook_timeout_s, senders=4, time_scale=settings.time_scale)
        self.sender = Sender(self.clock, rules, self._tried, settings.seed)
        self.bulk = Bulk(settings, self.customers, self.clock, self._bulk_ended)
        self.sales = Sales(settings.shop, self._emit, lambda: self.now_s, settings.seed)
        known = (self.customers.find(number) for _, number in self.customers.walk("ID"))
        self.sales.fill(settings.products, settings.orders, (one for one in known if one is not None))
        self.habits = Habits(self.sales, settings.seed)
        self.crowd = Crowd(self, settings.seed)

    def clear_faults(self) -> None:
        """Switch all faults off; what was stuck goes on."""
        super().clear_faults()
        for one in self.bulk.operations.values():
            one.is_stuck = False

    def close(self) -> None:
        """Stop what runs in the background."""
        super().close()
        self.bulk.close()

    @property
    def now_s(self) -> int:
        """The shop's time in whole seconds, as it writes it."""
        return int(self.clock())

    # Customers

    def create(self, fields: Mapping[str, Any], at_s: float | None = None) -> int:
        """Let somebody sign up; returns the number. A customers/update with the same time comes with it."""
        number = self.customers.create(fields, int(self.now_s if at_s is None else at_s))
        facts, event = self.found(number), _event()
        for topic in ("CUSTOMERS_CREATE", "CUSTOMERS_UPDATE"):
            self._emit(topic, bodies.customer(facts), event)
        if facts["emailState"] not in (None, "NOT_SUBSCRIBED"):
            self._emit("CUSTOMERS_EMAIL_MARKETING_CONSENT_UPDATE", bodies.email_consent(facts), event)
        if facts["smsState"] not in (None, "NOT_SUBSCRIBED"):
            self._emit("CUSTOMERS_MARKETING_CONSENT_UPDATE", bodies.sms_consent(facts), event)
        return number

    def change(
        self, number: int, fields: Mapping[str, Any], at_s: float | None = None, *, is_consent: bool = False
    ) -> bool:
        """Change a customer, and tell of all that changed.

        Args:
            number: who.
            fields: new values by column.
            at_s: when; None is now.
            is_consent: whether it is a change of consent, which is told of even when it says what was said before.

        Returns False when there is no such customer.
        """
        moment = int(self.now_s if at_s is None else at_s)
        changed = self.customers.change(number, fields, moment)
        if changed is None:
            return False
        (before, after), event, at = changed, _event(), f"{iso(moment)}Z"
        self._emit("CUSTOMERS_UPDATE", bodies.customer(after), event)
        if _differ(before, after, _EMAIL_CONSENT) or (is_consent and "emailState" in fields):
            self._emit("CUSTOMERS_EMAIL_MARKETING_CONSENT_UPDATE", bodies.email_consent(after), event)
        if _differ(before, after, _SMS_CONSENT) or (is_consent and "smsState" in fields):
            self._emit("CUSTOMERS_MARKETING_CONSENT_UPDATE", bodies.sms_consent(after), event)
        if _differ(before, after, _TOTALS):
            self._emit("CUSTOMERS_PURCHASING_SUMMARY", bodies.purchases(after, at), event)
        if _differ(before, after, ("state",)) and after["state"] in ("ENABLED", "DISABLED"):
            self._emit(f"CUSTOMERS_{str(after['state']).removesuffix('D')}", bodies.customer(after), event)
        for topic, has, had in (("CUSTOMER_TAGS_ADDED", after, before), ("CUSTOMER_TAGS_REMOVED", before, after)):
            tags = [tag for tag in has["tags"] or [] if tag not in (had["tags"] or [])]
            if tags:
                self._emit(topic, bodies.tags(after, tags, at), event)
        return True

    def consent(
        self, number: int, channel: str, said: tuple[str, str], at_s: float | None, changed_s: float | None = None
    ) -> bool:
        """Let somebody say yes or no.

        Args:
            number: who.
            channel: `email` or `sms`.
            said: what they say, and how they agreed, in the platform's words.
            at_s: since when that holds; None is now.
            changed_s: when the customer changed; None is now.

        Returns False when there is no such customer.
        """
        values = (*said, f"{iso(self.now_s if at_s is None else at_s)}Z")
        fields = {f"{channel}{part}": value for part, value in zip(("State", "Level", "At"), values, strict=True)}
        return self.change(number, fields, changed_s, is_consent=True)

    def purchase(self, number: int) -> Row:
        """Return what an order changes of a customer."""
        orders = int(self.found(number)["numberOfOrders"]) + 1
        return {
            "numberOfOrders": str(orders),
            "amountSpent": f"{float(self.found(number)['amountSpent']) + 49.9:.1f}",
            "lastOrderId": f"gid://shopify/Order/{number + orders}",
            "lastOrderName": f"#{9000 + orders}",
            "lastOrderAt": f"{iso(self.now_s)}Z",
        }

    def remove(self, number: int) -> bool:
        """Delete a customer; returns False when there is no such customer."""
        before = self.customers.delete(number)
        if before is not None:
            self._emit("CUSTOMERS_DELETE", bodies.deleted(before), _event())
        return before is not None

    def join(self, kept: int, gone: int, status: str = "COMPLETED") -> bool:
        """Merge one customer into another; returns False when one of them is not there.

        Args:
            kept: who stays.
            gone: who is taken in.
            status: of CustomerMergeRequestStatus; only COMPLETED merges.
        """
        first, second = self.customers.find(kept), self.customers.find(gone)
        if first is None or second is None or kept == gone:
            return False
        event = _event()
        if status == "COMPLETED":
            self.customers.delete(gone)
            fields = {} if first["email"] else {"email": second["email"]}
            self.customers.change(kept, fields, self.now_s)
            self._emit("CUSTOMERS_UPDATE", bodies.customer(self.found(kept)), event)
            if self.settings.merge_deletes:
                self._emit("CUSTOMERS_DELETE", bodies.deleted(second), event)
        self._emit("CUSTOMERS_MERGE", bodies.merged(str(first["id"]), str(second["id"]), status), event)
        return True

    def tell(self, topic: str, uri: str, number: int | None = None) -> None:
        """Send a topic of `bodies.PRIVACY`, which has no subscription, to an address.

        Raises:
            KeyError: there is no such customer.
        """
        facts = None if number is None else self.found(number)
        self._send(topic, uri, bodies.privacy(topic, self.settings.shop, facts), _event(), None)

    def found(self, number: int) -> Facts:
        """Return a customer.

        Raises:
            KeyError: there is no such customer.
        """
        facts = self.customers.find(number)
        if facts is None:
            raise KeyError(number)
        return facts

    # What its people do by themselves

    def register(self, person: Person, *, agrees: bool | None) -> int:
        """Let somebody sign up."""
        said = {None: {}, True: {"emailState": "SUBSCRIBED"}, False: {"emailState": "UNSUBSCRIBED"}}[agrees]
        told = {"emailLevel": "SINGLE_OPT_IN", "emailAt": f"{iso(self.now_s)}Z"} if said else {}
        return self.create({**_fields(person), **said, **told})

    def edit(self, who: int, person: Person) -> None:
        """Let somebody correct the profile."""
        self.change(who, _fields(person))

    def say(self, who: int, *, agrees: bool) -> None:
        """Let somebody agree to mail, or withdraw."""
        self.consent(who, "email", ("SUBSCRIBED" if agrees else "UNSUBSCRIBED", "SINGLE_OPT_IN"), None)

    def buy(self, who: int | None, person: Person) -> None:
        """Let somebody go shopping; a guest becomes a customer without an account. Some leave their cart."""
        who, before = self.create(_fields(person)) if who is None else who, set(self.sales.orders)
        self.habits.visit(self.found(who))
        for number in self.sales.orders.keys() - before:
            self.change(who, {**self.purchase(who), "lastOrderId": f"gid://shopify/Order/{number}"})

    def merge(self, kept: int, gone: int) -> None:
        """Make one customer of two."""
        self.join(kept, gone)

    def delete(self, who: int) -> None:
        """Delete a customer."""
        self.remove(who)

    def erase(self, who: int) -> None:
        """Forget a person: customers/redact goes to the first address that is subscribed, then the customer goes."""
        for one in list(self.subscriptions.values())[:1]:
            self.tell("CUSTOMERS_REDACT", one.uri, who)
        self.remove(who)

    # Webhooks

    def subscribe(self, topic: str, uri: str) -> Subscription:
        """Add a subscription."""
        found = Subscription(next(self._numbers), topic, uri, self.now_s, self.now_s)
        self.subscriptions[found.id] = found
        return found

    def is_subscribed(self, topic: str, uri: str, but: int | None = None) -> bool:
        """Tell whether there is a subscription of a topic to an address, other than one."""
        return any((one.topic, one.uri) == (topic, uri) and one.id != but for one in self.subscriptions.values())

    @contextmanager
    def silence(self, *, is_silent: bool) -> Iterator[None]:
        """Raise no webhooks while the block lasts, where that is wished."""
        habits = self._sender.habits
        was_on, habits.is_on = habits.is_on, habits.is_on and not is_silent
        try:
            yield
        finally:
            habits.is_on = was_on

    def _emit(self, topic: str, body: Row, event: str) -> None:
        if self.settings.protected_data != "granted":
            body = bodies.redacted(body)
        for one in list(self.subscriptions.values()):
            if one.topic == topic:
                wanted = {name: body[name] for name in one.include_fields if name in body} or body
                self._send(topic, one.uri, wanted, event, one)

    def _send(self, topic: str, uri: str, body: Row, event: str, of: Subscription | None) -> None:
        raw, whole, rest = orjson.dumps(body), self.now_s, self.clock() % 1
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Shopify-Captain-Hook",
            "X-Shopify-Topic": bodies.topic_header(topic),
            "X-Shopify-Shop-Domain": self.settings.shop,
            "X-Shopify-API-Version": VERSIONS[-1],
            "X-Shopify-Webhook-Id": str(uuid.UUID(int=self._dice.getrandbits(128), version=4)),
            # nine digits after the second, as recordings have it
            "X-Shopify-Triggered-At": f"{iso(whole)}.{int(rest * 1e9 + self._dice.random() * 999):09d}Z",
        }
        if self._dice.random() >= self.without_event:
            headers["X-Shopify-Event-Id"] = event
        if of and of.name:
            headers["X-Shopify-Name"] = of.name
        self._sender.put(Delivery(uri, topic, lambda: Message(headers, raw, self._sign), of and of.id))

    def _sign(self, body: bytes, _at_s: float) -> Row:
        digest = hmac.digest(self.settings.client_secret.encode(), body, hashlib.sha256)
        return {"X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode()}

    def _tried(self, delivery: Delivery, _is_taken: bool) -> None:  # noqa: FBT001  # the shape that the sender calls
        """Delete the subscription of a webhook that was tried for the last time in vain."""
        if delivery.state == "given_up":
            with self.lock:
                self.subscriptions.pop(delivery.of or 0, None)

    def _bulk_ended(self, operation: Operation) -> None:
        body = {
            "admin_graphql_api_id": operation.gid,
            "completed_at": f"{iso(operation.completed_s or 0)}Z",
            "created_at": f"{iso(operation.created_s)}Z",
            "error_code": operation.error,
            "status": operation.status.lower(),
            "type": "query",
        }
        self._emit("BULK_OPERATIONS_FINISH", body, _event())


def _event() -> str:
    return str(uuid.uuid4())


def _fields(person: Person) -> Row:
    return {
        "firstName": person.first,
        "lastName": person.last,
        "email": person.email,
        "phone": person.international or None,
        "address1": person.street,
        "city": person.city,
        "zip": person.postcode,
        "country": person.country.name,
        "countryCode": person.country.code,
        "company": person.company or None,
        "currencyCode": person.country.currency,
    }


def _differ(before: Facts, after: Facts, names: tuple[str, ...]) -> bool:
    return any(before[name] != after[name] for name in names)
