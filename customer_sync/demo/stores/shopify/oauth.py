"""Tokens: client credentials, authorization code, refresh with rotation, token exchange.

https://shopify.dev/docs/apps/build/authentication-authorization. A refresh token is replaced each time it is used;
since 2026-08-28 the one before lives on until the new one is first used: an answer that got lost harms nobody.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from customer_sync.demo.stores.shopify.settings import Settings
from customer_sync.model import Json

EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_ID_TOKEN: Final = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105  # the name of a kind, no token
_OFFLINE: Final = "urn:shopify:params:oauth:token-type:offline-access-token"
_EXPIRING_S: Final = 3600


class OAuthError(Exception):
    """No token is given.

    Args:
        error: the word in the answer.
        description: a sentence for people.
        status: the HTTP status.
    """

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.description, self.status = error, description, status


@dataclass(slots=True)
class _Chain:
    """The refresh tokens that follow one another; `before` is good until `newest` was used."""

    newest: str
    expires_at: float
    before: str | None = None


@dataclass(slots=True)
class Tokens:
    """Every token the shop gave. The caller holds the shop's lock.

    Args:
        settings: the app's id and secret, its scopes, how long tokens live.
        clock: seconds since 1970.
    """

    settings: Settings
    clock: Callable[[], float]
    refusal: str | None = None
    given: dict[str, int] = field(default_factory=dict)
    _live: dict[str, tuple[float | None, tuple[str, ...]]] = field(default_factory=dict)
    _codes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _chains: list[_Chain] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._live[self.settings.access_token] = (None, self.settings.scopes)

    def scopes_of(self, token: str | None) -> tuple[str, ...] | None:
        """Return what a token may do, None when it is none of ours or has expired."""
        expires_at, scopes = self._live.get(token or "", (0.0, ()))
        return scopes if expires_at is None or expires_at > self.clock() else None

    def grant(self, form: Mapping[str, str]) -> dict[str, Json]:
        """Return the answer of the token endpoint.

        Raises:
            OAuthError: the request is not granted.
        """
        if form.get("client_id") != self.settings.client_id:
            raise OAuthError("invalid_client", "The client id is unknown.")
        if not hmac.compare_digest(form.get("client_secret", ""), self.settings.client_secret):
            raise OAuthError("invalid_client", "The client secret is wrong.")
        if self.refusal:
            raise OAuthError(self.refusal, f"Oauth error {self.refusal}.")
        kind = form.get("grant_type") or ("authorization_code" if "code" in form else "")
        grants = {
            "client_credentials": self._by_credentials,
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh,
            EXCHANGE: self._by_exchange,
        }
        if kind not in grants:
            raise OAuthError("unsupported_grant_type", f"One of {', '.join(grants)}.")
        answer = grants[kind](form)
        self.given[kind] = self.given.get(kind, 0) + 1
        return answer

    def authorize(self, query: Mapping[str, str]) -> str:
        """Return the address a browser is sent to: the owner agrees at once.

        Raises:
            OAuthError: the app is another one, or the way back is missing.
        """
        if query.get("client_id") != self.settings.client_id:
            raise OAuthError("invalid_client", "The client id is unknown.")
        back = query.get("redirect_uri", "")
        if not back.startswith(("http://", "https://")):
            raise OAuthError("invalid_request", "The redirect_uri is missing.")
        asked = tuple(filter(None, query.get("scope", "").replace(" ", ",").split(",")))
        code = secrets.token_hex(16)
        self._codes[code] = asked or self.settings.scopes
        store = f"admin.shopify.com/store/{self.settings.shop.partition('.')[0]}"
        values = {
            "code": code,
            "host": base64.urlsafe_b64encode(store.encode()).decode().rstrip("="),
            "shop": self.settings.shop,
            "state": query.get("state", ""),
            "timestamp": str(int(self.clock())),
        }
        signed = "&".join(f"{name}={values[name]}" for name in sorted(values))
        digest = hmac.new(self.settings.client_secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
        return f"{back}{'&' if '?' in back else '?'}{urlencode({**values, 'hmac': digest})}"

    def expire(self, *, permanent: bool = False) -> None:
        """Let every token of a limited life end now; on wish the permanent ones too."""
        self._live = {token: life for token, life in self._live.items() if life[0] is None and not permanent}

    def revoke(self, token: str) -> None:
        """End one token."""
        self._live.pop(token, None)

    def _by_credentials(self, _form: Mapping[str, str]) -> dict[str, Json]:
        return self._access(self.settings.scopes, self.settings.token_s)

    def _by_code(self, form: Mapping[str, str]) -> dict[str, Json]:
        scopes = self._codes.pop(form.get("code", ""), None)
        if scopes is None:
            raise OAuthError("invalid_request", "The authorization code was not found or was already used.")
        return self._offline(scopes, form)

    def _by_refresh(self, form: Mapping[str, str]) -> dict[str, Json]:
        used = form.get("refresh_token", "")
        for chain in self._chains:
            if used in (chain.newest, chain.before) and used and chain.expires_at > self.clock():
                chain.before, chain.newest = used, _secret("shprt")
                return self._pair(self.settings.scopes, chain)
        raise OAuthError("invalid_grant", "The refresh token is unknown, was replaced or has expired.")

    def _by_exchange(self, form: Mapping[str, str]) -> dict[str, Json]:
        subject, kind = form.get("subject_token", ""), form.get("subject_token_type")
        if kind == _OFFLINE:
            scopes = self._live.get(subject, (0.0, ()))
            if scopes[0] is not None or form.get("expiring") != "1":
                raise OAuthError("invalid_subject_token", "It is no permanent token of this app.")
            del self._live[subject]
            return self._offline(scopes[1], form)
        if kind != _ID_TOKEN or not self._is_session(subject):
            raise OAuthError("invalid_subject_token", "The session token is not valid.")
        return self._offline(self.settings.scopes, form)

    def _offline(self, scopes: tuple[str, ...], form: Mapping[str, str]) -> dict[str, Json]:
        if form.get("expiring") != "1":
            return self._access(scopes, None)
        chain = _Chain(_secret("shprt"), self.clock() + self.settings.refresh_s)
        self._chains.append(chain)
        return self._pair(scopes, chain)

    def _pair(self, scopes: tuple[str, ...], chain: _Chain) -> dict[str, Json]:
        chain.expires_at = self.clock() + self.settings.refresh_s
        answer = self._access(scopes, min(_EXPIRING_S, self.settings.token_s))
        return answer | {"refresh_token": chain.newest, "refresh_token_expires_in": self.settings.refresh_s}

    def _access(self, scopes: tuple[str, ...], life_s: int | None) -> dict[str, Json]:
        now = self.clock()
        self._live = {token: life for token, life in self._live.items() if life[0] is None or life[0] > now}
        token = _secret("shpat")
        self._live[token] = (None if life_s is None else now + life_s, scopes)
        answer: dict[str, Json] = {"access_token": token, "scope": ",".join(scopes)}
        return answer if life_s is None else answer | {"expires_in": life_s}

    def _is_session(self, token: str) -> bool:
        """Tell whether a session token is signed by the app, for the app, for this shop, and still good."""
        try:
            head, body, signature = token.split(".")
            claims = json.loads(_unpack(body))
            algorithm = json.loads(_unpack(head)).get("alg")
        except (ValueError, AttributeError):
            return False
        digest = hmac.new(self.settings.client_secret.encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
        return (
            algorithm == "HS256"
            and hmac.compare_digest(digest, _unpack(signature))
            and claims.get("aud") == self.settings.client_id
            and claims.get("dest") == f"https://{self.settings.shop}"
            and float(claims.get("exp", 0)) > self.clock()
        )


def _secret(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(16)}"


def _unpack(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
