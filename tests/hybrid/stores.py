"""What the stores and Brevo say of their people, in forms that can be compared."""

from __future__ import annotations

import json
from typing import Any

from tests.stores.servers import StoreClient

Row = dict[str, Any]


def rows_of(shop: StoreClient) -> list[Row]:
    """Every customer of a fake Shopify, by column."""
    lines = shop.http.request("GET", shop.address + "/fake/customers.jsonl").data.splitlines()
    return [json.loads(line) for line in lines]


def shopify_says(shop: StoreClient) -> dict[str, tuple[str, str, bool]]:
    """address → first name, last name, whether the person left, of everybody with an address."""
    return {
        row["email"].lower(): (row["firstName"] or "", row["lastName"] or "", row["emailState"] == "UNSUBSCRIBED")
        for row in rows_of(shop)
        if row["email"]
    }


def brevo_says(contacts: dict[str, Row]) -> dict[str, tuple[str, str, bool]]:
    """The same, as Brevo has it."""
    return {
        email: (
            one["attributes"].get("FIRSTNAME") or "",
            one["attributes"].get("LASTNAME") or "",
            one["emailBlacklisted"],
        )
        for email, one in contacts.items()
    }


def account_of(index: int) -> int:
    """The number of the account with an index in the fake WooCommerce."""
    return 11 + index + index // 9
