"""How an org behaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

#: 2026-09-01T00:00:00Z, until when the records at the start have changed; a constant, so that they stay the same.
UNTIL_S: Final = 1_788_220_800


@dataclass(slots=True)
class Settings:
    """How an org behaves; what is not said is like a developer org.

    Args:
        customers: how many contacts and leads there are at the start; every fourth is a lead.
        orders: how many opportunities there are at the start.
        seed: which ones.
        opted_out: every so many-th is opted out; 0 for nobody.
        organization: the org's id.
        username: the integration user's name.
        client_id: the app's consumer key.
        client_secret: the app's consumer secret.
        audience: My Domain, as signed texts name it; without it its own address counts.
        session: a session that always works, as a developer copies one.
        scopes: what the app may do.
        rotation: what becomes of a refresh token that is used, see `kit.fakes.oauth`.
        session_s: how long a session lives; no answer tells.
        session_calls: after so many calls a session ends; 0 lets it live.
        hidden: fields that the integration user does not see, as `Contact.MobilePhone`; an object's name hides all.
        fixed: fields that the user sees and may not change.
        custom: fields of its own, as `Contact.Newsletter__c`; `__c` texts, those that end with `At__c` are times.
        boxes: custom fields that are checkboxes, as `Contact.Newsletter__c`.
        currencies: whether amounts have a currency of their own.
        person_accounts: whether contacts may be person accounts.
        batch: how many rows one answer holds at most.
        limit: how many calls 24 hours have.
        used: how many of them others have made.
        time_scale: all waits between tries of a message are multiplied by this.
        timeout_s: how long the receiver of a message may take.
    """

    customers: int = 1_000
    orders: int = 0
    seed: int = 1
    opted_out: int = 5
    organization: str = "00DFake0000000aEAA"
    username: str = "sync@lamps.example"
    client_id: str = "demo-consumer-key"
    client_secret: str = "demo-consumer-secret"  # noqa: S105  # of an org that does not exist
    audience: str | None = None
    session: str = "00DFake0000000a!demo"
    scopes: tuple[str, ...] = ("api", "refresh_token")
    rotation: Literal["none", "strict", "grace", "revoke"] = "revoke"
    session_s: float = 7_200.0
    session_calls: int = 0
    hidden: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    custom: tuple[str, ...] = ()
    boxes: tuple[str, ...] = ()
    currencies: bool = False
    person_accounts: bool = False
    batch: int = 2_000
    limit: int = 15_000
    used: int = 0
    time_scale: float = 1.0
    timeout_s: float = 10.0
