"""What was altered in Brevo by hand is found and mended, and nobody who left can be mailed because of it."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

import pytest

from tests.hybrid.house import LIST
from tests.hybrid.stores import rows_of

pytestmark = pytest.mark.slow
EACH = 10


def test_50_contacts_altered_by_hand_among_1000_are_found_and_healed(house, shop, told):
    shared = 1
    phone = next(row["phone"] for row in rows_of(shop) if row["phone"] and row["email"])
    house.sandbox.call("POST", "/v3/contacts", {"email": "other@example.com", "attributes": {"SMS": phone}})
    house.sync("shop", "full")
    contacts = house.sandbox.contacts()
    left = [email for email, one in contacts.items() if one["emailBlacklisted"]]
    agreed = [email for email, one in contacts.items() if LIST in one["listIds"]]
    names, lists, blocked, deleted = (agreed[n * EACH : (n + 1) * EACH] for n in range(4))
    unblocked = left[:EACH]

    for email in names:
        alter(house, email, attributes={"FIRSTNAME": "Hand", "LASTNAME": "Made"})
    for email in lists:
        alter(house, email, unlinkListIds=[LIST])
    for email in blocked:
        alter(house, email, emailBlacklisted=True)
    for email in unblocked:
        alter(house, email, emailBlacklisted=False)
    for email in deleted:
        house.sandbox.call("DELETE", f"/v3/contacts/{quote(email)}")
    by_hand = house.sandbox.mailable()
    look = house.tajo("reconcile", "shop", "--json", code=6)
    heal = house.tajo("reconcile", "shop", "--heal", "--json", code=6)
    house.settle()
    again = house.tajo("reconcile", "shop", "--json", code=6)
    after = house.sandbox.contacts()

    took_s = seconds(heal["started"], max(one["blockedAgainAt"] or again["ended"] for one in house.sandbox.mailable()))
    told(
        f"reconcile: 50 of 1,000 altered by hand, found with {look['calls']} calls, in sync {look['in_sync']:.4f} → "
        f"{again['in_sync']}; who left was blocked again {took_s:.1f} s after --heal began"
    )
    # each compare tries again what another contact has, and nobody who lacks it counts as in step
    assert counts(look["by_field"]) == {"FIRSTNAME": EACH, "LASTNAME": EACH, "lists": EACH, "SMS": shared}
    assert counts(look["mailable_though_withdrawn"]) == {"email": EACH}
    assert counts(look["left_in_brevo_since"]) == {"email": EACH}
    assert look["deleted_in_brevo"]["count"] == EACH
    assert (look["totals"]["healed"], heal["totals"]["healed"]) == (0, 4 * EACH + shared)
    assert (counts(again["by_field"]), again["totals"]["drifted"]) == ({"SMS": shared}, shared)
    assert again["deleted_in_brevo"]["count"] == 0
    assert again["not_in_brevo"]["deleted in Brevo"] == EACH
    assert {email: after[email]["attributes"] for email in names} == {
        email: contacts[email]["attributes"] for email in names
    }
    assert all(LIST in after[email]["listIds"] for email in lists)
    assert {email for email, one in after.items() if one["emailBlacklisted"]} == {*left, *blocked}
    assert not set(deleted) & set(after)
    # who left was mailable by the hand of a person in Brevo, and by nobody else's
    assert [one["email"] for one in house.sandbox.mailable()] == [one["email"] for one in by_hand]
    assert {one["email"] for one in by_hand} == set(unblocked)
    assert all(one["blockedAgainAt"] for one in house.sandbox.mailable())


def alter(house, email: str, **body: object) -> None:
    """Change a contact as a person in Brevo does."""
    house.sandbox.call("PUT", f"/v3/contacts/{quote(email)}", body)


def counts(drifts: dict) -> dict[str, int]:
    return {name: one["count"] for name, one in drifts.items()}


def seconds(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
