"""The webhooks of one API account: who may have which, how they are signed, when they are switched off.

Deliveries hold ids only. They are signed by Standard Webhooks where the settings say so, and always carry the headers
that were set with the webhook.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections import Counter, deque
from collections.abc import Callable
from itertools import count
from typing import Any, Final
from urllib.parse import urlsplit

from connectors.bigcommerce.fake.lists import Refusal
from connectors.bigcommerce.fake.settings import Settings
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.hooks import Delivery, Message, Rules, Sender, is_loopback

#: The waits before each further try, in seconds: 48 hours in all.
WAITS_S: Final = (60.0, 180, 300, 600, 900, 1800, 3600, 7200, 21_600, 50_400, 86_400)
#: How many webhooks of one scope an API account may have, and how many headers one may have.
PER_SCOPE, HEADERS = 10, 64
#: A domain is left alone for so long where, of at least so many deliveries in so many seconds, less than this share
#: was taken.
BLOCKED_S, WINDOW_S, ENOUGH, SHARE = 180.0, 120.0, 100, 0.9
_STORE_ID: Final = "1002853587"


class Hooks:
    """Every webhook. The caller holds the store's lock.

    Args:
        settings: the store's.
        clock: seconds since 1970.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self.settings, self.clock = settings, clock
        self.rows: dict[int, Row] = {}
        self.counts: Counter[str] = Counter()
        self._numbers, self._messages = count(18_048_287), count(1)
        self._tries: dict[str, deque[tuple[float, bool]]] = {}
        self._blocked_until_s: dict[str, float] = {}
        rules = Rules(WAITS_S, settings.webhook_timeout_s, senders=4, time_scale=settings.time_scale)
        self.sender = Sender(clock, rules, self._tried, settings.seed)

    def make(self, body: Any) -> Row:
        """Add a webhook.

        Raises:
            Refusal: 422; it is not well formed, or there is one like it, or there are too many of its scope.
        """
        given = _checked(body)
        same = [one for one in self.rows.values() if one["scope"] == given["scope"]]
        if len(same) >= PER_SCOPE:
            raise Refusal(422, "You have reached the limit of webhooks for this scope.", {"scope": "error.limit"})
        if any(one["destination"] == given["destination"] for one in same):
            raise Refusal(422, "A hook with this scope and destination exists.", {"destination": "error.duplicate"})
        number, now = next(self._numbers), int(self.clock())
        told = {"id": number, "client_id": self.settings.client_id, "store_hash": self.settings.store_hash}
        self.rows[number] = {**told, "created_at": now, "updated_at": now, **given}
        return self.rows[number]

    def change(self, number: int, body: Any) -> Row:
        """Change a webhook.

        Raises:
            Refusal: 404; 422 as `make`.
        """
        row = self.get(number)
        given = _checked({**{name: row[name] for name in ("scope", "destination", "is_active", "headers")}, **body})
        self.rows[number] = {**row, **given, "updated_at": int(self.clock())}
        return self.rows[number]

    def get(self, number: int) -> Row:
        """Return a webhook.

        Raises:
            Refusal: 404.
        """
        if number not in self.rows:
            raise Refusal(404, "The requested webhook was not found.")
        return self.rows[number]

    def delete(self, number: int) -> Row:
        """Delete a webhook and what waits for it."""
        self.get(number)
        self.sender.drop(number)
        return self.rows.pop(number)

    def tell(self, scope: str, data: Row) -> None:
        """Let every webhook that is on and about a scope be sent."""
        facts = json.dumps(data, separators=(",", ":"))
        body = {
            "producer": f"stores/{self.settings.store_hash}",
            "hash": hashlib.sha1(facts.encode(), usedforsecurity=False).hexdigest(),
            "created_at": int(self.clock()),
            "store_id": _STORE_ID,
            "scope": scope,
            "data": data,
        }
        raw = json.dumps(body, separators=(",", ":")).encode()
        for row in list(self.rows.values()):
            if row["is_active"] and _is_about(row["scope"], scope):
                self._put(row, scope, raw)

    def _put(self, row: Row, scope: str, raw: bytes) -> None:
        name = f"msg_{next(self._messages):08d}"

        def write() -> Message:
            return Message(
                {"Content-Type": "application/json", **row["headers"]},
                raw,
                (lambda body, at_s: signed(self.settings.client_secret, name, at_s, body))
                if self.settings.signed
                else (lambda _body, _at_s: {}),
            )

        delivery = Delivery(row["destination"], scope, write, row["id"])
        self.sender.put(delivery)
        until_s = self._blocked_until_s.get(_host(row["destination"]), 0.0)
        if until_s > self.clock():
            self.counts["blocked"] += 1
            delivery.due_s = max(delivery.due_s, until_s)

    def _tried(self, delivery: Delivery, is_taken: bool) -> None:  # noqa: FBT001  # as `Sender` calls it
        host, now_s = _host(delivery.url), self.clock()
        tries = self._tries.setdefault(host, deque(maxlen=1000))
        tries.append((now_s, is_taken))
        recent = [taken for at_s, taken in list(tries) if at_s > now_s - WINDOW_S]
        if len(recent) >= ENOUGH and sum(recent) / len(recent) < SHARE:
            self._blocked_until_s[host] = now_s + BLOCKED_S * self.settings.time_scale
            tries.clear()
        if delivery.state == "given_up" and delivery.of in self.rows:
            self.rows[delivery.of]["is_active"] = False


def signed(secret: str, name: str, at_s: float, body: bytes) -> dict[str, str]:
    """Return the headers of a signature by Standard Webhooks, whose key is the bytes of the client secret."""
    stamp = str(int(at_s))
    digest = hmac.digest(secret.encode(), f"{name}.{stamp}.".encode() + body, "sha256")
    told = {"webhook-id": name, "webhook-timestamp": stamp}
    return {**told, "webhook-signature": f"v1,{base64.b64encode(digest).decode()}"}


def _is_about(wanted: str, scope: str) -> bool:
    return wanted == scope or (wanted.endswith("/*") and scope.startswith(wanted[:-1]))


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _checked(body: Any) -> Row:
    if not isinstance(body, dict):
        raise Refusal(422, "JSON data is missing or invalid", {"scope": "error.path.missing."})
    for name in ("scope", "destination"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise Refusal(422, "JSON data is missing or invalid", {name: "error.path.missing."})
    address = urlsplit(body["destination"])
    is_secure = address.scheme == "https" and address.port in (None, 443)
    if not (is_secure or is_loopback(body["destination"])):
        raise Refusal(422, "The destination must be https on port 443.", {"destination": "error.invalid"})
    if not body["scope"].startswith("store/"):
        raise Refusal(422, "Invalid scope.", {"scope": "error.invalid"})
    headers = body.get("headers") or {}
    if not isinstance(headers, dict) or len(headers) > HEADERS:
        raise Refusal(422, "Too many headers.", {"headers": "error.invalid"})
    told: Row = {"scope": body["scope"], "destination": body["destination"]}
    return {**told, "is_active": bool(body.get("is_active", True)), "headers": headers}
