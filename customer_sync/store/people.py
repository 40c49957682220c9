"""People: what is known of each person, and what Brevo has of them.

A person is a number of ours, so that neither a new address nor a second shop makes a second person by accident. The
record is written only by whoever holds the lease of the person's item, in the same step that settles it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import redis

from customer_sync.identity import fingerprint, ref_key
from customer_sync.merge import Stamped, State, from_json, pack, to_json, unpack
from customer_sync.model import Json
from customer_sync.store import keys
from customer_sync.store.scripts import as_text

#: The field that tells what Brevo was found to have: `{"b": blocked, "m": the same for SMS, "l": lists of ours,
#: "x": the body differs, "e": the contact is there}`. It is heard once and not kept.
DRIFT = "drift"


@dataclass(slots=True)
class Has:
    """What Brevo has of a person, as last accepted.

    Args:
        email: the contact's address there; None when there is no contact.
        digest: of the body last accepted; an equal body needs no call.
        blocked: whether we know the contact to be blocked for e-mail.
        sms_blocked: the same for SMS.
        lists: the lists that we put the contact on.
        at_ms: when Brevo accepted it, or was found to have it.
        refused: attribute → why it was left out.
        left_ms: the newest withdrawal at Brevo that `blocked` knows of; Brevo had blocked the contact then.
    """

    email: str | None = None
    digest: str = ""
    blocked: bool = False
    sms_blocked: bool = False
    lists: tuple[int, ...] = ()
    at_ms: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    left_ms: int = 0


class Person(NamedTuple):
    """A person's record: the merged state of all that was delivered, and what Brevo has."""

    state: State
    has: Has


def encode(person: Person) -> str:
    """Return a person's record as stored; empty parts are left out, this is the bulk of Redis."""
    has = person.has
    kept: dict[str, Json] = {"e": has.email, "d": has.digest, "a": has.at_ms}
    if has.blocked:
        kept["b"] = 1
    if has.sms_blocked:
        kept["m"] = 1
    if has.lists:
        kept["l"] = list(has.lists)
    if has.left_ms:
        kept["w"] = has.left_ms
    if has.refused:
        kept["r"] = dict(has.refused)
    address = person.state.get("email")
    if address is not None and isinstance(address.value, list) and has.email == address.value[1]:
        kept["e"] = 1  # the commonest case by far: Brevo has the address that we know
    state = person.state
    if DRIFT in state:
        state = {name: stamped for name, stamped in state.items() if name != DRIFT}
    return to_json({"s": pack(state), "h": kept})


def decode(text: str) -> Person:
    """Return the person of a stored record; nobody in particular for ""."""
    if not text:
        return Person({}, Has())
    raw = from_json(text)
    state, kept = unpack(raw["s"]), raw["h"]
    email = kept["e"]
    return Person(
        state,
        Has(
            email=state["email"].value[1] if email == 1 else email,  # type: ignore[index,arg-type]  # [fingerprint, address]
            digest=kept["d"],
            blocked="b" in kept,
            sms_blocked="m" in kept,
            lists=tuple(kept.get("l", ())),
            at_ms=kept["a"],
            refused=kept.get("r", {}),
            left_ms=kept.get("w", 0),
        ),
    )


def address_of(state: State) -> str | None:
    """Return the person's address, None when none is known."""
    known = state.get("email")
    return str(known.value[1]) if known is not None and isinstance(known.value, list) else None


def refs_of(state: State) -> dict[str, str]:
    """Return source → the platform's id of the person there."""
    return {name[4:]: str(stamped.value) for name, stamped in state.items() if name.startswith("ref.")}


class People:
    """Finds people and reads their records. Writing is the lanes' business."""

    def __init__(self, client: redis.Redis, salt: bytes) -> None:
        self._client = client
        self.salt = salt

    def fingerprint(self, email: str) -> str:
        """Return the keyed fingerprint of a normalised address."""
        return fingerprint(email, self.salt)

    def ref(self, source: str, record_id: str) -> str:
        """Return the keyed fingerprint of (source, id)."""
        return fingerprint(ref_key(source, record_id), self.salt)

    def find(self, email: str) -> str | None:
        """Return the number of the person with this address (or who had it last), None when there is none."""
        fp = self.fingerprint(email)
        found = self._client.hget(keys.email_bucket(fp), fp)
        return as_text(found).lstrip("*") if found else None

    def find_ref(self, source: str, record_id: str) -> str | None:
        """Return the number of the person that a platform's id leads to."""
        ref = self.ref(source, record_id)
        found = self._client.hget(keys.ref_bucket(ref), ref)
        return as_text(found).split("|")[0] if found else None

    def read(self, number: str) -> Person:
        """Return a person's record; nobody in particular when there is none."""
        return decode(as_text(self._client.get(keys.person(number))))

    def read_many(self, numbers: Sequence[str]) -> list[Person]:
        """Return many people's records in one round trip, in this order."""
        raw = self._client.mget([keys.person(number) for number in numbers]) if numbers else []
        return [decode(as_text(text)) for text in raw]

    def erased_at_ms(self, email: str) -> int | None:
        """Return when the person with this address was erased, None when they were not."""
        at = self._client.hget(keys.TOMB, "e:" + self.fingerprint(email))
        return int(at) if at else None

    def count(self) -> int:
        """Return how many people were ever numbered."""
        return int(self._client.get(keys.PREFIX + "seq") or 0)


def explain_field(name: str, stamped: Stamped) -> dict[str, Any]:
    """Return a field with its value, its source and its stamp, for a person who asks where it comes from."""
    return {"field": name, "value": stamped.value, "source": stamped.source, "at_ms": stamped.at_ms}
