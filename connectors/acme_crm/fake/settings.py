"""How an Acme CRM is set up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CLIENT_ID: Final = "acme-client"
CLIENT_SECRET: Final = "acme-secret"  # noqa: S105  # of a stand-in


@dataclass(slots=True)
class Settings:
    """What an Acme CRM is, and how it behaves.

    Args:
        customers: how many customers it starts with; every third has a deal.
        seed: the same number makes the same people.
        client_id: the app that may ask for tokens.
        client_secret: its secret.
        token_s: how long a token lives, in seconds.
        max_results: more rows than this in one window are refused, where a window has an end; 0 refuses none.
        ignores_opt_out: whether an opt-out is answered 200 and not kept.
    """

    customers: int = 24
    seed: int = 1
    client_id: str = CLIENT_ID
    client_secret: str = CLIENT_SECRET
    token_s: float = 3600.0
    max_results: int = 0
    ignores_opt_out: bool = False
