"""Shopify's own ways with tokens: a signed callback, session tokens, tokens that are exchanged for those that expire.

https://shopify.dev/docs/apps/build/authentication-authorization. A refresh token is replaced each time it is used;
since 2026-08-28 the one before lives on until the new one is first used: an answer that got lost harms nobody.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Final

from connectors.shopify.fake.settings import Settings
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.oauth import OAuth, OAuthError, Terms, Token, back_to

EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_ID_TOKEN: Final = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105  # the name of a kind, no token
_OFFLINE: Final = "urn:shopify:params:oauth:token-type:offline-access-token"
#: How long a token lives that is given with a refresh token, in seconds.
_EXPIRING_S: Final = 3600.0


class Tokens(OAuth):
    """Every token the shop gave to its one app.

    Args:
        settings: the app's id and secret, its scopes, how long tokens live.
        clock: seconds since 1970.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        life_s = min(_EXPIRING_S, settings.token_s)
        terms = Terms(life_s, settings.refresh_s, "grace", ("shpat", "shprt"))
        super().__init__(clock, (settings.client_id, settings.client_secret), settings.scopes, terms)
        self._settings = settings
        self.grants["client_credentials"] = lambda _form: self.access(self.scopes, settings.token_s)
        self.grants["authorization_code"] = self._by_offline_code
        self.grants[EXCHANGE] = self._by_exchange
        self.add(settings.access_token)

    def answer(self, form: Mapping[str, str]) -> Row:
        """Return the answer of the token endpoint.

        Raises:
            OAuthError: the request is not granted.
        """
        token = self.grant(form)
        found: Row = {"access_token": token.value, "scope": ",".join(token.scopes)}
        if token.expires_at_s is not None:
            found["expires_in"] = round(token.expires_at_s - self.clock())
        if token.refresh is not None:
            found |= {"refresh_token": token.refresh, "refresh_token_expires_in": self._settings.refresh_s}
        return found

    def callback(self, query: Mapping[str, str]) -> str:
        """Return the signed address that a browser is sent to: the owner agrees at once.

        Raises:
            OAuthError: the app is another one, or the way back is missing.
        """
        shop = self._settings.shop
        host = base64.urlsafe_b64encode(f"admin.shopify.com/store/{shop.partition('.')[0]}".encode()).decode()
        more = {"host": host.rstrip("="), "shop": shop, "timestamp": str(int(self.clock()))}
        values = {**self.authorize(query), **more}
        signed = "&".join(f"{name}={values[name]}" for name in sorted(values))
        return back_to(query["redirect_uri"], {**values, "hmac": self._digest(signed.encode()).hex()})

    def _by_offline_code(self, form: Mapping[str, str]) -> Token:
        return self._offline(self.redeem(form), form)

    def _by_exchange(self, form: Mapping[str, str]) -> Token:
        subject, kind = form.get("subject_token", ""), form.get("subject_token_type")
        if kind == _OFFLINE:
            old = self.find(subject)
            if old is None or old.expires_at_s is not None or form.get("expiring") != "1":
                raise OAuthError("invalid_subject_token", "It is no permanent token of this app.")
            self.revoke(subject)
            return self._offline(old.scopes, form)
        if kind != _ID_TOKEN or not self._is_session(subject):
            raise OAuthError("invalid_subject_token", "The session token is not valid.")
        return self._offline(self.scopes, form)

    def _offline(self, scopes: tuple[str, ...], form: Mapping[str, str]) -> Token:
        is_expiring = form.get("expiring") == "1"
        return self.pair(scopes) if is_expiring else self.access(scopes, is_permanent=True)

    def _is_session(self, token: str) -> bool:
        """Tell whether a session token is signed by the app, for the app, for this shop, and still good."""
        try:
            head, body, signature = token.split(".")
            claims, algorithm = json.loads(_unpack(body)), json.loads(_unpack(head)).get("alg")
        except (ValueError, AttributeError):
            return False
        return (
            algorithm == "HS256"
            and hmac.compare_digest(self._digest(f"{head}.{body}".encode()), _unpack(signature))
            and claims.get("aud") == self.client[0]
            and claims.get("dest") == f"https://{self._settings.shop}"
            and float(claims.get("exp", 0)) > self.clock()
        )

    def _digest(self, text: bytes) -> bytes:
        return hmac.digest(self.client[1].encode(), text, hashlib.sha256)


def _unpack(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
