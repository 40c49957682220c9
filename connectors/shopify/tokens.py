"""The token that opens the Admin API: a permanent one, a stored connection, or one by client credentials.

https://shopify.dev/docs/apps/build/authentication-authorization. Since 2026-01 nobody can make a new permanent token;
a merchant's own app asks for one by client credentials every day, an app that the owner agreed to refreshes its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from connectors.shopify.account import Account
from customer_sync.errors import ConfigError, TryLater, Unavailable
from customer_sync.model import Json
from customer_sync.outbound import Reply
from customer_sync.reach import Access

#: After this share of its life a token is renewed; what is left carries over an hour of Shopify being away.
RENEW_AT: Final = 0.8

STATIC: Final = "static"
CONNECTION: Final = "connection"
CREDENTIALS: Final = "client_credentials"
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

_WORD = re.compile(r"[a-z_]{3,60}")


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and how long it is good.

    Args:
        value: what is sent.
        kind: see `KINDS`.
        expires_at_s: seconds since 1970; None when it does not end.
        renew_at_s: from then on it is renewed.
        scope: the scopes it was given, as Shopify wrote them.
        refresh: what brings the next one; "" when nothing does.
    """

    value: str = field(repr=False)
    kind: str
    expires_at_s: float | None = None
    renew_at_s: float | None = None
    scope: str = ""
    refresh: str = field(default="", repr=False)


class Tokens:
    """Finds the token of a source, and renews it.

    Args:
        account: the store and the app.
        access: how they are reached.
    """

    def __init__(self, account: Account, access: Access) -> None:
        self._account = account
        self._access = access

    def current(self) -> Token:
        """Return a token that is good now.

        Raises:
            ConfigError: there is none, and none can be had; the remedy says why.
            TryLater: another process has been at it for too long, or Shopify wants it slower.
            Unavailable: Shopify did not answer.
        """
        if self._account.access_token:
            return Token(self._account.access_token, STATIC)
        kept = self._kept()
        now = self._access.now_s()
        if kept is not None and (kept.renew_at_s is None or now < kept.renew_at_s):
            return kept
        try:
            return self._renew(kept)
        except (TryLater, Unavailable):
            # It is early: the old one still opens the door, and the next call tries again.
            if kept is not None and kept.expires_at_s is not None and now < kept.expires_at_s:
                return kept
            raise

    def renewed(self, refused: Token) -> Token:
        """Return another token than the one that Shopify refused with 401.

        Raises:
            ConfigError: as `current`; always for a permanent token.
            TryLater: as `current`.
            Unavailable: as `current`.
        """
        if refused.kind == STATIC:
            raise ConfigError(
                "Shopify refuses the access_token of this source (401).",
                "Was the app uninstalled? Copy its token again, or use api_key and api_secret of an app made in the "
                "Dev Dashboard.",
            )
        return self._renew(refused)

    def save(self, answer: Mapping[str, Json], kind: str, shop: str = "") -> Token:
        """Keep a token that Shopify gave, before anybody uses it.

        Args:
            answer: what the token endpoint said.
            kind: see `KINDS`.
            shop: the store, where the settings do not tell.

        Raises:
            TryLater: the answer holds no token.
        """
        value, now = answer.get("access_token"), self._access.now_s()
        if not isinstance(value, str) or not value:
            raise TryLater("Shopify's answer holds no token.")
        lasts_s, refresh_s = _seconds(answer.get("expires_in")), _seconds(answer.get("refresh_token_expires_in"))
        kept: dict[str, Json] = {
            "kind": kind,
            "shop": self._account.shop or shop,
            "client_id": self._account.client_id,
            "access_token": value,
            "scope": str(answer.get("scope") or ""),
            "expires_at_s": None if lasts_s is None else now + lasts_s,
            "renew_at_s": None if lasts_s is None else now + lasts_s * RENEW_AT,
            "refresh_token": str(answer.get("refresh_token") or ""),
            "refresh_expires_at_s": None if refresh_s is None else now + refresh_s,
        }
        self._access.vault.save(kept)
        return _read(kept)

    def ask(self, form: Mapping[str, str], *, grant: str, shop: str = "") -> Mapping[str, Json]:
        """Return what the token endpoint answers.

        Args:
            form: what is asked, without the app's own keys.
            grant: what it is, for messages.
            shop: the store, where the settings do not tell.

        Raises:
            ConfigError: it says no.
            TryLater: it wants it slower.
            Unavailable: it did not answer, or 5xx.
        """
        account = self._account
        if not (account.client_id and account.client_secret):
            raise ConfigError(
                "There is no key for this store.",
                f"Set api_key and api_secret below connectors.{account.source}, or access_token.",
            )
        body = urlencode({"client_id": account.client_id, "client_secret": account.client_secret, **form}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        url = f"{account.root(shop)}/admin/oauth/access_token"
        return self._judge(self._access.http.send("POST", url, headers=headers, body=body), grant)

    def _kept(self) -> Token | None:
        """Return the token in the vault, None when it is of another store or another app than those configured."""
        kept, account = self._access.vault.load(), self._account
        if not kept.get("access_token") or (account.client_id and kept.get("client_id") != account.client_id):
            return None
        if account.shop and kept.get("shop") != account.shop:
            return None
        return _read(kept)

    def _renew(self, old: Token | None) -> Token:
        with self._access.vault.locked():
            # Another process may have done it while this one waited. A refresh token is good for one use.
            kept = self._kept()
            if kept is not None and (old is None or kept.value != old.value) and not self._is_over(kept):
                return kept
            if kept is None or kept.kind == CREDENTIALS:
                answer = self.ask({"grant_type": "client_credentials"}, grant="client credentials")
                return self.save(answer, CREDENTIALS)
            if not kept.refresh:
                raise self._expired("Shopify refuses the stored token (401).")
            form = {"grant_type": "refresh_token", "refresh_token": kept.refresh}
            return self.save({"scope": kept.scope, **self.ask(form, grant="refresh")}, CONNECTION)

    def _is_over(self, token: Token) -> bool:
        return token.expires_at_s is not None and self._access.now_s() >= token.expires_at_s

    def _judge(self, reply: Reply, grant: str) -> Mapping[str, Json]:
        if reply.status >= 500:
            raise Unavailable(f"Shopify's token endpoint answers {reply.status}.")
        if reply.status == 429:
            raise TryLater("Shopify wants tokens asked for more slowly.", after_s=30.0, burns=False)
        answer = _object(reply.body)
        if reply.status == 200 and answer.get("access_token"):
            return answer
        said = str(answer.get("error") or "") or reply.body[:20_000].decode(errors="replace")
        word = next((word for word in REFUSALS if word in said), "")
        if word:
            reason, remedy = REFUSALS[word]
            raise ConfigError(reason, remedy.format(source=self._account.source))
        named = f" ({said})" if _WORD.fullmatch(said) else ""
        if grant == "refresh":
            raise self._expired(f"The stored connection to Shopify has ended{named}.")
        raise ConfigError(
            f"Shopify gives no token: it answers {reply.status}{named}.",
            f"Check shop_url, api_key and api_secret of {self._account.source}, and that the app is installed.",
        )

    def _expired(self, reason: str) -> ConfigError:
        return ConfigError(reason, f"Run `tajo connectors connect {self._account.source}`.")


def _read(kept: Mapping[str, Json]) -> Token:
    return Token(
        value=str(kept["access_token"]),
        kind=str(kept.get("kind") or CONNECTION),
        expires_at_s=_seconds(kept.get("expires_at_s")),
        renew_at_s=_seconds(kept.get("renew_at_s")),
        scope=str(kept.get("scope") or ""),
        refresh=str(kept.get("refresh_token") or ""),
    )


def _seconds(value: Json) -> float | None:
    try:
        return float(value) if isinstance(value, str | int | float) and value != "" else None
    except ValueError:
        return None


def _object(body: bytes) -> Mapping[str, Json]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
