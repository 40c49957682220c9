"""The shop: everything it holds, and what happens in it. `app` puts routes around it."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from itertools import islice

from customer_sync.demo.stores.shopify import bodies
from customer_sync.demo.stores.shopify.bulk import Bulk, Operation
from customer_sync.demo.stores.shopify.cost import Bucket
from customer_sync.demo.stores.shopify.crowd import Facts
from customer_sync.demo.stores.shopify.customers import Customers
from customer_sync.demo.stores.shopify.faults import Faults
from customer_sync.demo.stores.shopify.hooks import Hooks
from customer_sync.demo.stores.shopify.oauth import Tokens
from customer_sync.demo.stores.shopify.schema import Reader
from customer_sync.demo.stores.shopify.settings import Settings
from customer_sync.demo.stores.shopify.times import text_of
from customer_sync.model import Json

#: What of a customer has a webhook of its own.
_EMAIL_CONSENT = ("emailState", "emailLevel", "emailAt")
_SMS_CONSENT = ("smsState", "smsLevel", "smsAt")
_TOTALS = ("numberOfOrders", "amountSpent", "lastOrderId")


class Shop:
    """One shop and the one app that is installed in it.

    Args:
        settings: how it behaves.
        clock: seconds since 1970; `offset_s` is added.

    Whoever reads or changes it holds `lock`; `lock` may be taken again by who holds it.
    """

    def __init__(self, settings: Settings | None = None, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings or Settings()
        self.lock = threading.RLock()
        self.offset_s = 0.0
        self._clock = clock
        self.reader = Reader(self.settings.schema)
        self.calls: dict[str, int] = {}
        self.points = 0.0
        self.throttled = 0
        self._fill()

    def _fill(self) -> None:
        self.customers = Customers(self.settings)
        self.tokens = Tokens(self.settings, self.now_s)
        self.bucket = Bucket(self.settings.bucket, self.settings.restore, time.monotonic)
        self.faults = Faults()
        self.hooks = Hooks(self.settings, self.now_s)
        self.bulk = Bulk(self.settings, self.customers, self.now_s, self._bulk_ended)

    def now_s(self) -> float:
        """Return the shop's time, seconds since 1970."""
        return self._clock() + self.offset_s

    def reset(self) -> None:
        """Go back to the beginning; the schema stays."""
        self.close()
        self.calls, self.points, self.throttled, self.offset_s = {}, 0.0, 0, 0.0
        self._fill()

    def close(self) -> None:
        """Stop what runs in the background."""
        self.hooks.close()
        self.bulk.close()

    def create(self, fields: Mapping[str, Json], at_s: float | None = None) -> int:
        """Let somebody sign up; returns the number."""
        number = self.customers.create(fields, int(self.now_s() if at_s is None else at_s))
        facts, event = self._found(number), _event()
        self._emit("CUSTOMERS_CREATE", bodies.customer(facts), event)
        if facts["emailState"] not in (None, "NOT_SUBSCRIBED"):
            self._emit("CUSTOMERS_EMAIL_MARKETING_CONSENT_UPDATE", bodies.email_consent(facts), event)
        if facts["smsState"] not in (None, "NOT_SUBSCRIBED"):
            self._emit("CUSTOMERS_MARKETING_CONSENT_UPDATE", bodies.sms_consent(facts), event)
        return number

    def change(
        self, number: int, fields: Mapping[str, Json], at_s: float | None = None, *, is_consent: bool = False
    ) -> bool:
        """Change a customer, and tell of all that changed.

        Args:
            number: who.
            fields: new values by column.
            at_s: when; None is now.
            is_consent: whether it is a change of consent, which is told of even when it says what was said before.

        Returns False when there is no such customer.
        """
        moment = int(self.now_s() if at_s is None else at_s)
        changed = self.customers.change(number, fields, moment)
        if changed is None:
            return False
        before, after = changed
        event, at = _event(), text_of(moment)
        self._emit("CUSTOMERS_UPDATE", bodies.customer(after), event)
        if _differ(before, after, _EMAIL_CONSENT) or (is_consent and "emailState" in fields):
            self._emit("CUSTOMERS_EMAIL_MARKETING_CONSENT_UPDATE", bodies.email_consent(after), event)
        if _differ(before, after, _SMS_CONSENT) or (is_consent and "smsState" in fields):
            self._emit("CUSTOMERS_MARKETING_CONSENT_UPDATE", bodies.sms_consent(after), event)
        if _differ(before, after, _TOTALS):
            self._emit("CUSTOMERS_PURCHASING_SUMMARY", bodies.purchases(after, at), event)
        if before["state"] != after["state"] and after["state"] in ("ENABLED", "DISABLED"):
            topic = "CUSTOMERS_ENABLE" if after["state"] == "ENABLED" else "CUSTOMERS_DISABLE"
            self._emit(topic, bodies.customer(after), event)
        for topic, had, has in (("CUSTOMER_TAGS_ADDED", before, after), ("CUSTOMER_TAGS_REMOVED", after, before)):
            tags = [tag for tag in _tags(has) if tag not in _tags(had)]
            if tags:
                self._emit(topic, bodies.tags(after, tags, at), event)
        return True

    def buy(self, number: int) -> dict[str, Json]:
        """Return what an order changes of a customer: the change to make when no other is named."""
        facts = self._found(number)
        orders = int(str(facts["numberOfOrders"])) + 1
        return {
            "numberOfOrders": str(orders),
            "amountSpent": f"{float(str(facts['amountSpent'])) + 49.9:.1f}",
            "lastOrderId": f"gid://shopify/Order/{number + orders}",
            "lastOrderName": f"#{9000 + orders}",
            "lastOrderAt": text_of(int(self.now_s())),
        }

    def delete(self, number: int) -> bool:
        """Remove a customer; returns False when there is no such customer."""
        before = self.customers.delete(number)
        if before is not None:
            self._emit("CUSTOMERS_DELETE", bodies.deleted(before), _event())
        return before is not None

    def merge(self, kept: int, gone: int, *, has_failed: bool = False) -> bool:
        """Merge one customer into another; returns False when one of them is not there."""
        first, second = self.customers.find(kept), self.customers.find(gone)
        if first is None or second is None or kept == gone:
            return False
        event, ids = _event(), (str(first["id"]), str(second["id"]))
        if not has_failed:
            self.customers.delete(gone)
            fields: dict[str, Json] = {} if first["email"] else {"email": second["email"]}
            self.customers.change(kept, fields, int(self.now_s()))
            self._emit("CUSTOMERS_UPDATE", bodies.customer(self._found(kept)), event)
            self._emit("CUSTOMERS_DELETE", bodies.deleted(second), event)
        self._emit("CUSTOMERS_MERGE", bodies.merged(*ids, has_failed=has_failed), event)
        return True

    def erase(self, number: int, uri: str) -> bool:
        """Send customers/redact, which has no subscription, to an address."""
        facts = self.customers.find(number)
        if facts is None:
            return False
        self.hooks.send("CUSTOMERS_REDACT", uri, bodies.erased(facts, self.settings.shop), _event())
        return True

    def pick(self, count: int) -> Sequence[int]:
        """Return numbers of customers spread over all of them, the same ones as long as nobody comes or goes."""
        return list(islice(self.customers.spread(count), count))

    def _found(self, number: int) -> Facts:
        facts = self.customers.find(number)
        if facts is None:
            raise KeyError(number)
        return facts

    def _emit(self, topic: str, body: Mapping[str, Json], event: str) -> None:
        is_redacted = self.settings.protected_data != "granted"
        self.hooks.emit(topic, bodies.redacted(body) if is_redacted else body, event)

    def _bulk_ended(self, operation: Operation) -> None:
        body: dict[str, Json] = {
            "admin_graphql_api_id": operation.gid,
            "completed_at": text_of(int(operation.completed_s or 0)),
            "created_at": text_of(int(operation.created_s)),
            "error_code": operation.error,
            "status": operation.status.lower(),
            "type": "query",
        }
        self.hooks.emit("BULK_OPERATIONS_FINISH", body, _event())


def _event() -> str:
    return str(uuid.uuid4())


def _differ(before: Facts, after: Facts, names: Sequence[str]) -> bool:
    return any(before[name] != after[name] for name in names)


def _tags(facts: Facts) -> list[str]:
    tags = facts["tags"]
    return [str(tag) for tag in tags] if isinstance(tags, list) else []
