"""Tokens (RFC 6749): authorization page, codes, client credentials, refresh tokens that rotate.

What platforms do differently is a word of the constructor; what only one has (other grants, another answer) it adds
itself.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlencode

#: How long a code from the authorization page lives, in seconds.
CODE_S: Final = 300.0
#: What becomes of a refresh token when it is used: it stays; it is replaced at once; it is replaced, and works on until
#: the new one is used; it is replaced, and using it again ends every token.
Rotation = Literal["none", "strict", "grace", "revoke"]


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

    def body(self) -> dict[str, str]:
        """Return the JSON body."""
        return {"error": self.error, "error_description": self.description}


@dataclass(slots=True)
class Token:
    """One access token, and the refresh token that was given with it.

    Args:
        value: what is shown.
        scopes: what it may do.
        expires_at_s: when it ends; None never.
        refresh: the refresh token; None without one.
    """

    value: str
    scopes: tuple[str, ...]
    expires_at_s: float | None = None
    refresh: str | None = None


@dataclass(slots=True)
class _Chain:
    """The refresh tokens that follow one another."""

    newest: str
    expires_at_s: float
    scopes: tuple[str, ...]
    before: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a platform gives tokens.

    Args:
        access_s: how long an access token lives; None for ever.
        refresh_s: how long a refresh token lives; None gives none.
        rotation: see `Rotation`.
        names: what access and refresh tokens begin with.
    """

    access_s: float | None = 3600.0
    refresh_s: float | None = None
    rotation: Rotation = "strict"
    names: tuple[str, str] = ("access", "refresh")


class OAuth:
    """Every token of one app. The caller holds the stand-in's lock.

    Args:
        clock: seconds since 1970.
        client: the app's id and secret.
        scopes: what the app may do at most.
        terms: how tokens are given.
    """

    def __init__(
        self, clock: Callable[[], float], client: tuple[str, str], scopes: tuple[str, ...], terms: Terms
    ) -> None:
        self.clock, self.client, self.scopes, self.terms = clock, client, scopes, terms
        self.given: Counter[str] = Counter()
        #: An error that the next request for a token gets; None for none.
        self.refusal: str | None = None
        self.grants: dict[str, Callable[[Mapping[str, str]], Token]] = {
            "client_credentials": lambda _form: self.access(self.scopes),
            "authorization_code": lambda form: self.pair(self.redeem(form)),
            "refresh_token": self._by_refresh,
        }
        self._live: dict[str, Token] = {}
        self._codes: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._chains: list[_Chain] = []

    def find(self, value: str | None) -> Token | None:
        """Return a token that is good now, None for what is none."""
        found = self._live.get(value or "")
        is_good = found and (found.expires_at_s is None or found.expires_at_s > self.clock())
        return found if is_good else None

    def add(self, value: str, scopes: tuple[str, ...] | None = None) -> Token:
        """Add a permanent token."""
        self._live[value] = Token(value, self.scopes if scopes is None else scopes)
        return self._live[value]

    def authorize(self, query: Mapping[str, str]) -> dict[str, str]:
        """Let the owner agree, and return what the callback is called with: `code` and `state`.

        Raises:
            OAuthError: the app is another one, or the way back is missing.
        """
        if query.get("client_id") != self.client[0]:
            raise OAuthError("invalid_client", "The client id is unknown.")
        if not query.get("redirect_uri", "").startswith(("http://", "https://")):
            raise OAuthError("invalid_request", "The redirect_uri is missing.")
        code = secrets.token_hex(16)
        asked = tuple(query.get("scope", "").replace(",", " ").split())
        self._codes[code] = (self.clock() + CODE_S, asked or self.scopes)
        return {"code": code, "state": query.get("state", "")}

    def redeem(self, form: Mapping[str, str]) -> tuple[str, ...]:
        """Return the scopes that a code stands for, which is worth nothing afterwards.

        Raises:
            OAuthError: there is no such code, or it is too old.
        """
        until_s, scopes = self._codes.pop(form.get("code", ""), (0.0, ()))
        if until_s <= self.clock():
            raise OAuthError("invalid_request", "The authorization code was not found or was already used.")
        return scopes

    def grant(self, form: Mapping[str, str], authorization: str = "") -> Token:
        """Return the token that is asked for.

        Args:
            form: the body.
            authorization: the header; the app may show itself there (Basic) or in the body.

        Raises:
            OAuthError: the request is not granted.
        """
        name, word = _basic(authorization) or (form.get("client_id", ""), form.get("client_secret", ""))
        if name != self.client[0]:
            raise OAuthError("invalid_client", "The client id is unknown.")
        if not hmac.compare_digest(word.encode(), self.client[1].encode()):
            raise OAuthError("invalid_client", "The client secret is wrong.")
        if self.refusal:
            raise OAuthError(self.refusal, f"Oauth error {self.refusal}.")
        kind = form.get("grant_type") or ("authorization_code" if "code" in form else "")
        if kind not in self.grants:
            raise OAuthError("unsupported_grant_type", f"One of {', '.join(self.grants)}.")
        token = self.grants[kind](form)
        self.given[kind] += 1
        return token

    def access(self, scopes: tuple[str, ...], life_s: float | None = None, *, is_permanent: bool = False) -> Token:
        """Give an access token, for the time of the terms unless told otherwise."""
        now_s = self.clock()
        self._live = {value: one for value, one in self._live.items() if (one.expires_at_s or now_s) >= now_s}
        lasts_s = None if is_permanent else self.terms.access_s if life_s is None else life_s
        value = f"{self.terms.names[0]}_{secrets.token_hex(16)}"
        self._live[value] = Token(value, scopes, None if lasts_s is None else now_s + lasts_s)
        return self._live[value]

    def pair(self, scopes: tuple[str, ...], life_s: float | None = None) -> Token:
        """Give an access token with the first of a chain of refresh tokens, where the platform has such."""
        token = self.access(scopes, life_s)
        if self.terms.refresh_s is not None:
            token.refresh = self._new_refresh()
            self._chains.append(_Chain(token.refresh, self.clock() + self.terms.refresh_s, scopes))
        return token

    def expire(self, *, permanent: bool = False) -> None:
        """Let every token of a limited life end now; on wish the permanent ones too."""
        self._live = {value: one for value, one in self._live.items() if one.expires_at_s is None and not permanent}

    def revoke(self, value: str) -> Token | None:
        """End one token and return it."""
        return self._live.pop(value, None)

    def _by_refresh(self, form: Mapping[str, str]) -> Token:
        used, now_s = form.get("refresh_token", ""), self.clock()
        for chain in self._chains:
            if used and used == chain.newest and chain.expires_at_s > now_s:
                return self._next(chain, used)
            if used and used == chain.before and self.terms.rotation == "revoke":
                self._chains.clear()
                self.expire()
                break
            if used and used == chain.before and self.terms.rotation == "grace" and chain.expires_at_s > now_s:
                return self._next(chain, used)
        raise OAuthError("invalid_grant", "The refresh token is unknown, was replaced or has expired.")

    def _next(self, chain: _Chain, used: str) -> Token:
        token = self.access(chain.scopes)
        if self.terms.rotation != "none":
            chain.before, chain.newest = used, self._new_refresh()
        chain.expires_at_s = self.clock() + (self.terms.refresh_s or 0.0)
        token.refresh = chain.newest
        return token

    def _new_refresh(self) -> str:
        return f"{self.terms.names[1]}_{secrets.token_hex(16)}"


def back_to(url: str, values: Mapping[str, str]) -> str:
    """Return the address that a browser is sent back to."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(values)}"


def _basic(authorization: str) -> tuple[str, str] | None:
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, word = base64.b64decode(rest, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return name, word
