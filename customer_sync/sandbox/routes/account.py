"""`/account`."""

from __future__ import annotations

from typing import Final

from flask import Response

from customer_sync.sandbox.answers import Row, as_json
from customer_sync.sandbox.routes import Route
from customer_sync.sandbox.state import Sandbox


def read_account(sandbox: Sandbox) -> Response:
    """Return whose account this is and what it has paid for."""
    with sandbox.lock:
        left = max(int(sandbox.switches.mail_credits) - sandbox.mails.sent, 0)
    plan: Row = {"type": "subscription", "creditsType": "sendLimit", "credits": left}
    relay: Row = {"userName": sandbox.settings.account_email, "relay": "smtp-relay.sandbox.example", "port": 587}
    address: Row = {"street": "1 Sandbox Street", "city": "Paris", "zipCode": "75001", "country": "France"}
    preferences: Row = {"timezone": "Europe/Paris", "timeFormat": "24h", "dateFormat": "Y-m-d"}
    return as_json(
        {
            "organization_id": "sandbox",
            "user_id": 1,
            "enterprise": sandbox.limits.plan == "extended",
            "companyName": "Sandbox",
            "email": sandbox.settings.account_email,
            "firstName": "Sandbox",
            "lastName": "Owner",
            "address": address,
            "dateTimePreferences": preferences,
            "plan": [plan],
            "relay": {"enabled": True, "data": relay},
            "marketingAutomation": {"enabled": True, "key": "sandbox"},
        }
    )


ROUTES: Final[tuple[Route, ...]] = (("GET", "/account", read_account),)
