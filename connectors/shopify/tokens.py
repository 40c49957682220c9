"""The token that opens the Admin API: a permanent one, a stored connection, or one by client credentials.

https://shopify.dev/docs/apps/build/authentication-authorization. Since 2026-01 nobody can make a new permanent token;
a merchant's own app asks for one by client credentials every day, an app that the owner agreed to refreshes its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from connectors.shopify.account import Account
from customer_sync.errors import ConfigError
from customer_sync.kit import oauth
from customer_sync.kit.oauth import CONNECTION, CREDENTIALS, Token
from customer_sync.kit.reach import Access
from customer_sync.kit.terms import Terms

STATIC: Final = "static"
#: Where a token comes from → how people call it.
KINDS: Mapping[str, str] = {
    STATIC: "a permanent token",
    CONNECTION: "the owner's consent",
    CREDENTIALS: "client credentials",
}

#: https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/client-credentials-grant: the word in
#: the answer → what is wrong, and what to do. Some answers are a page instead of JSON, with the word in its text.
REFUSALS: Mapping[str, tuple[str, str]] = {
    "invalid_client": (
        "Shopify does not know this api_key and api_secret (invalid_client).",
        "Copy client id and client secret again from the app's settings in the Dev Dashboard.",
    ),
    "app_not_installed": (
        "The app is not installed on the store (app_not_installed).",
        "Install it: Dev Dashboard, the app, Install app, then your store.",
    ),
    "application_cannot_be_found": (
        "Shopify knows no app with this api_key (application_cannot_be_found).",
        "Copy the client id again from the app's settings in the Dev Dashboard.",
    ),
    "shop_not_permitted": (
        "The app may not ask for a token of this store: they belong to different organisations (shop_not_permitted).",
        "Make the app in the store's own organisation, or run `tajo connectors connect {source}`.",
    ),
    "invalid_scope": (
        "The app has not been given one of the scopes (invalid_scope).",
        "Add it in the Dev Dashboard, release the version, and install it again.",
    ),
}

#: Those of them that the owner's consent in a browser mends: it installs the app, too.
BY_OWNER: Final = frozenset({"app_not_installed", "shop_not_permitted"})


class Tokens(oauth.Tokens):
    """Finds the token of a source, and renews it.

    Args:
        account: the store and the app.
        access: how they are reached.
        shop: the store, where the settings do not tell.
    """

    def __init__(self, account: Account, access: Access, shop: str = "") -> None:
        super().__init__(_terms(account, shop), access)
        self._permanent = account.access_token

    def current(self) -> Token:
        """Return a token that is good now; see `oauth.Tokens.current`."""
        return Token(self._permanent, STATIC) if self._permanent else super().current()

    def renewed(self, refused: Token) -> Token:
        """Return another token than the one that Shopify refused with 401.

        Raises:
            TajoError: as `current`; always for a permanent token.
        """
        if refused.kind == STATIC:
            raise ConfigError(
                "Shopify refuses the access_token of this source (401).",
                "Was the app uninstalled? Copy its token again, or use api_key and api_secret of an app made in the "
                "Dev Dashboard.",
            )
        return super().renewed(refused)


def _terms(account: Account, shop: str) -> Terms:
    return Terms(
        title="Shopify",
        source=account.source,
        url=lambda: f"{account.root(shop)}/admin/oauth/access_token",
        client_id=account.client_id,
        client_secret=account.client_secret,
        owner={"shop": account.shop or shop},
        asks_alone=True,
        refusals=REFUSALS,
        by_owner=BY_OWNER,
        keys=f"Check shop_url, api_key and api_secret of {account.source} (or access_token), and that the app is "
        "installed.",
    )
