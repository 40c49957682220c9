"""The apps' webhooks: one address for each app, subscriptions by word and property, arrays of signed events."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Final

import orjson

from connectors.hubspot.fake.records import stamp
from connectors.hubspot.fake.settings import Settings
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.hooks import Answer, Delivery, Message, Rules, Sender
from customer_sync.kit.fakes.table import Table

#: How many events one array holds at most.
MOST: Final = 100
#: Ten more tries within a day; how they lie in it is not documented.
WAITS_S: Final = (60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0, 14_400.0, 21_600.0, 21_600.0)
RULES: Final = Rules(waits_s=WAITS_S, timeout_s=5.0)
#: An address is signed with these as they are, even where they are escaped in it.
_UNESCAPED: Final = ":/?@!$'()*,;"


@dataclass(slots=True)
class App:
    """One app.

    Args:
        target: what it calls; "" for nothing.
        hooks: its subscriptions.
        made_s: since when it has an address.
    """

    target: str = ""
    hooks: Table[Row] = field(default_factory=Table)
    made_s: float = 0.0

    def settings(self) -> Row:
        """Return the settings as the API shows them."""
        at = stamp(self.made_s)
        return {"targetUrl": self.target, "throttling": {"maxConcurrentRequests": 10}, "createdAt": at, "updatedAt": at}


class Apps:
    """All apps that the account has. The caller holds the stand-in's lock.

    Args:
        settings: whose secret signs.
        clock: the time.
        sender: what sends.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float], sender: Sender) -> None:
        self.settings, self._clock, self._sender = settings, clock, sender
        self.apps: dict[int, App] = {settings.app: App()}
        self._dice, self._number = Random(settings.seed), 1000
        self._waiting: dict[int, list[Row]] = {}

    def subscribe(self, number: int, asked: Row) -> Row:
        """Add a subscription and return it."""
        hooks = self.apps[number].hooks
        at = stamp(self._clock())
        kept = {name: asked[name] for name in ("eventType", "propertyName", "objectTypeId") if asked.get(name)}
        key = hooks.next_number()
        row = {"id": str(key), **kept, "active": bool(asked.get("active")), "createdAt": at, "updatedAt": at}
        return hooks.put(key, row)

    def tell(self, topic: str, told: Mapping[str, Any], source: str) -> None:
        """Let the apps know, once the act is over; see `flush`."""
        for number, app in self.apps.items():
            for key in app.hooks:
                hook = app.hooks.get(key)
                if hook and app.target and hook["active"] and _is_meant(hook, topic, told):
                    self._number += 1
                    event: Row = {"eventId": self._number, "subscriptionId": key, "portalId": self.settings.portal}
                    event |= {"appId": number, "occurredAt": round(self._clock() * 1000), "subscriptionType": topic}
                    event |= {"attemptNumber": 0, **told, "changeSource": source, "sourceId": "userId:1"}
                    self._waiting.setdefault(number, []).append(event)

    def flush(self) -> None:
        """Send what the apps were told."""
        for number, events in self._waiting.items():
            if self.settings.shuffle:
                self._dice.shuffle(events)
            for at in range(0, len(events), MOST):
                self.send(self.apps[number].target, events[at : at + MOST])
        self._waiting.clear()

    def send(self, url: str, events: Sequence[Row]) -> None:
        """Send an array."""
        delivery = Delivery(url, str(events[0]["subscriptionType"]), lambda: Message({}, b""))
        delivery.write = partial(self._message, delivery, events)
        self._sender.put(delivery)

    def _message(self, delivery: Delivery, events: Sequence[Row]) -> Message:
        failed = sum(not RULES.is_taken(Answer(status)) for status in delivery.statuses)
        body = orjson.dumps([{**one, "attemptNumber": failed} for one in events])
        headers = {"Content-Type": "application/json", "User-Agent": "HubSpot Connect 2.0"}
        return Message(headers, body, partial(signed, self.settings.client_secret, delivery.url))


def signed(secret: str, url: str, body: bytes, at_s: float) -> dict[str, str]:
    """Return the headers of version 3 of the signature."""
    for one in _UNESCAPED:
        for code in (f"%{ord(one):02X}", f"%{ord(one):02x}"):
            url = url.replace(code, one)
    ms = str(round(at_s * 1000))
    made = hmac.digest(secret.encode(), b"POST" + url.encode() + body + ms.encode(), "sha256")
    return {"X-HubSpot-Signature-v3": base64.b64encode(made).decode(), "X-HubSpot-Request-Timestamp": ms}


def _is_meant(hook: Row, topic: str, told: Mapping[str, Any]) -> bool:
    return bool(hook["eventType"] == topic and hook.get("propertyName") in (None, told.get("propertyName")))
