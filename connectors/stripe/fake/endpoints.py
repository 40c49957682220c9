"""Webhook endpoints: made, changed, deleted; what is sent to them, and how it is signed.

https://docs.stripe.com/webhooks/signature. The secret is shown once. While it is rolled, two sign.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import orjson

from connectors.stripe.fake import bodies
from connectors.stripe.fake.params import StripeError
from connectors.stripe.fake.shelf import Shelf
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.clock import Clock
from customer_sync.kit.fakes.hooks import Delivery, Message, Rules, Sender

#: https://docs.stripe.com/webhooks: live mode tries for three days, ever more slowly.
WAITS_S: Final = (3_600.0, 7_200.0, 14_400.0, 28_800.0, 57_600.0, 86_400.0, 61_200.0)
MOST: Final = 16


class Endpoints:
    """The endpoints of an account. The caller holds the stand-in's lock."""

    def __init__(self, clock: Clock, rules: Rules, version: str) -> None:
        self.shelf = Shelf()
        self._clock, self._version = clock, version
        self.sender = Sender(clock, rules)

    def make(self, number: str, params: Row, *, livemode: bool) -> Row:
        """Make an endpoint, and return it with its secret.

        Raises:
            StripeError: a parameter is wrong, or there are too many.
        """
        if len(self.shelf) >= MOST:
            raise StripeError(400, f"You have reached the maximum of {MOST} test webhook endpoints.")
        row: Row = {"id": number, "object": "webhook_endpoint", "api_version": params.get("api_version")}
        row |= {"application": None, "created": int(self._clock()), "description": params.get("description")}
        row |= {"livemode": livemode, "metadata": {}, "status": "enabled", "_secrets": [f"whsec_{number[3:]}a"]}
        row |= self._checked({"url": params.get("url", ""), "enabled_events": params.get("enabled_events", [])})
        return {**bodies.shown(self.shelf.add(row), ""), "secret": row["_secrets"][0]}

    def change(self, row: Row, params: Row) -> Row:
        """Change an endpoint.

        Raises:
            StripeError: a parameter is wrong.
        """
        row |= self._checked({name: params[name] for name in ("url", "enabled_events") if name in params})
        if "disabled" in params:
            row["status"] = "disabled" if params["disabled"] == "true" else "enabled"
        return bodies.shown(row, "")

    def roll(self, row: Row) -> str:
        """Make another secret; the one before signs too, for a day."""
        secrets: list[str] = row["_secrets"]
        secrets.insert(0, secrets[0] + "b")
        del secrets[2:]
        return secrets[0]

    def tell(self, event: Row) -> None:
        """Send an event to all who want it."""
        for row in self.shelf:
            if row["status"] == "enabled" and ({"*", event["type"]} & set(row["enabled_events"])):
                body = orjson.dumps(
                    bodies.event(event, row["api_version"] or self._version), option=orjson.OPT_INDENT_2
                )
                message = Message(_HEADERS, body, partial(sign, secrets=row["_secrets"]))
                self.sender.put(Delivery(row["url"], event["type"], partial(_same, message), of=row["id"]))

    @staticmethod
    def _checked(fields: Row) -> Row:
        if "url" in fields and not str(fields["url"]).startswith(("http://", "https://")):
            raise StripeError(400, "Invalid URL: An explicit scheme (such as https) must be provided.", "url_invalid")
        if "enabled_events" in fields and not fields["enabled_events"]:
            raise StripeError(400, "Missing required param: enabled_events.", "parameter_missing", "enabled_events")
        return fields


_HEADERS: Final = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Stripe/1.0"}


def _same(message: Message) -> Message:
    return message


def sign(body: bytes, at_s: float, secrets: Any) -> Mapping[str, str]:
    """Return the header of a signature; `v0` is what test mode sends besides, and proves nothing."""
    made = [hmac.digest(one.encode(), f"{int(at_s)}.".encode() + body, "sha256").hex() for one in secrets]
    return {"Stripe-Signature": ",".join([f"t={int(at_s)}", *(f"v1={one}" for one in made), f"v0={made[0][::-1]}"])}
