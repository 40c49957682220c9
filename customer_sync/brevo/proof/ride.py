"""Two canaries in every import that updates, one blocked and one not: read before any row of the import counts."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

from customer_sync.brevo.answers import CONTACTS
from customer_sync.brevo.client import BUCKET, Brevo, contact_path
from customer_sync.brevo.contacts.contact_calls import ONE_ROUTE
from customer_sync.brevo.gate import Calls
from customer_sync.brevo.proof.doors import Rider
from customer_sync.errors import Missing
from customer_sync.model import Json
from customer_sync.person.merge import to_json

#: The text attribute that takes the nonce of each import. The prover makes it.
NONCE_ATTRIBUTE: Final = "TAJO_PROOF"


class Sight(NamedTuple):
    """What reading the riders showed.

    Args:
        word: `passed`: the nonce is there and nothing else changed; `waits`: the nonce of one has not arrived yet;
            `flipped`: a block or a contact is not as it was.
        text: what was seen, for people.
    """

    word: Literal["passed", "waits", "flipped"]
    text: str = ""


def new_nonce() -> str:
    """Return a text that no import had before."""
    return secrets.token_hex(8)


def row_of(rider: Rider, nonce: str) -> bytes:
    """Return a rider's row, in the form of every other row."""
    return to_json({"email": rider.email, "attributes": {NONCE_ATTRIBUTE: nonce}}).encode()


def look(brevo: Brevo, riders: Sequence[Rider], nonce: str, gate: Callable[[], Calls]) -> Sight:
    """Read the riders: one call each.

    Raises:
        TajoError: as `Brevo.call`.
    """
    waits = ""
    for rider in riders:
        gate().wait()
        try:
            found = brevo.call(
                "GET", contact_path(rider.email), bucket=BUCKET, answers=CONTACTS, endpoint=ONE_ROUTE
            ).json()
        except Missing:
            return Sight("flipped", f"Canary {rider.name} is not in Brevo any more.")
        contact: dict[str, Json] = found if isinstance(found, dict) else {}
        if (contact.get("emailBlacklisted") is True) != rider.is_blocked:
            is_now = "is blocked now" if not rider.is_blocked else "is not blocked any more"
            return Sight("flipped", f"Canary {rider.name} {is_now}.")
        values = contact.get("attributes")
        if not isinstance(values, dict) or values.get(NONCE_ATTRIBUTE) != nonce:
            waits = waits or f"What the import wrote has not arrived at canary {rider.name}."
    return Sight("waits", waits) if waits else Sight("passed")
