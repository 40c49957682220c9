"""The token that does not end, and those of 30 minutes that an owner's consent brings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from connectors.hubspot.fake.settings import Settings
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.oauth import OAuth, Terms, Token

LIFE_S: Final = 1800.0


def tokens_of(settings: Settings, clock: Callable[[], float]) -> OAuth:
    """Return the tokens of the app; a refresh token stays."""
    terms = Terms(access_s=LIFE_S, refresh_s=10 * 365 * 86_400.0, rotation="none", names=("hs_access", "hs_refresh"))
    client = (settings.client_id, settings.client_secret)
    found = OAuth(clock, client, settings.scopes, terms)
    found.add(settings.token)
    return found


def answer(token: Token, settings: Settings) -> Row:
    """Return what the token endpoint says."""
    return {
        "token_type": "bearer",
        "access_token": token.value,
        "refresh_token": token.refresh,
        "expires_in": int(LIFE_S),
        "hub_id": settings.portal,
        "scopes": list(token.scopes),
    }


def shown(authorization: str) -> str:
    """Return the token that a call shows."""
    scheme, _, value = authorization.partition(" ")
    return value if scheme.lower() == "bearer" else ""
