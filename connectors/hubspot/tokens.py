"""What opens HubSpot's API: a token that does not end, or OAuth 2.0 with tokens of 30 minutes.

https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/oauth/working-with-oauth
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from connectors.hubspot.account import Account
from customer_sync.kit.logins import Login, Renewed, bearer
from customer_sync.kit.oauth import Tokens
from customer_sync.kit.reach import Access
from customer_sync.kit.terms import Terms

PATH: Final = "/oauth/v3/token"
#: What to do where the keys are wrong.
KEYS: Final = (
    "Set access_token (of a project app, a private app or a service key), or client_id and client_secret and run "
    "`tajo connectors connect`."
)
#: Word in a refusal → what is wrong, and what to do.
REFUSALS: Final[Mapping[str, tuple[str, str]]] = {
    "invalid_client": (
        "HubSpot does not know this client_id and client_secret.",
        "Copy both again from the app's page, Auth.",
    ),
    "BAD_REFRESH_TOKEN": (
        "The app was uninstalled, or its connection was ended in HubSpot.",
        "Run `tajo connectors connect {source}`.",
    ),
    "invalid_grant": (
        "The app was uninstalled, or its connection was ended in HubSpot.",
        "Run `tajo connectors connect {source}`.",
    ),
}


def tokens_of(account: Account, access: Access) -> Tokens:
    """Return what finds the tokens of a source that was connected in a browser."""
    terms = Terms(
        title="HubSpot",
        source=account.source,
        url=lambda: f"{account.root}{PATH}",
        client_id=account.client_id,
        client_secret=account.client_secret,
        keeps=("hub_id", "scopes"),
        refusals=REFUSALS,
        by_owner=frozenset({"BAD_REFRESH_TOKEN", "invalid_grant"}),
        keys=KEYS,
    )
    return Tokens(terms, access)


def login_of(account: Account, access: Access) -> Login:
    """Return how a call proves who makes it."""
    return bearer(account.token) if account.token else Renewed(tokens_of(account, access))


def scopes_in(text: str) -> frozenset[str]:
    """Return the scopes in an answer, which is a list that was stored as a text."""
    return frozenset(re.findall(r"[\w.-]+", text))
