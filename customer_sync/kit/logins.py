"""How a call proves who makes it: key, password, OAuth 2.0 token. One object for each way, used by `rest`."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from customer_sync.kit.oauth import Token, Tokens
from customer_sync.kit.reach import Access


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is about to go out.

    Args:
        method: the HTTP verb.
        url: where to, without the query.
        params: the query.
        headers: beside our name.
        body: the raw body.
    """

    method: str
    url: str
    params: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)

    def with_header(self, name: str, value: str) -> Request:
        """Return the same with a header more."""
        return replace(self, headers={**self.headers, name: value})


class Login(Protocol):
    """Proves who makes a call."""

    def begin(self, access: Access) -> None:
        """Do what comes before the address of a call is known: a token may say where the platform is.

        Raises:
            TajoError: there is no key, or none can be had now.
        """
        ...

    def prove(self, request: Request, access: Access) -> Request:
        """Return the request with the proof.

        Raises:
            TajoError: there is no key, or none can be had now.
        """
        ...

    def renew(self, access: Access) -> bool:
        """Do what can be done about a proof that was refused; tell whether another try makes sense."""
        ...

    def worked(self, access: Access) -> None:
        """Take note that a call was answered as asked."""
        ...


class Nobody:
    """No proof at all; also the base of what cannot be renewed."""

    def begin(self, access: Access) -> None:
        """Do nothing."""

    def prove(self, request: Request, access: Access) -> Request:  # noqa: ARG002  # as `Login`
        """Return the request as it is."""
        return request

    def renew(self, access: Access) -> bool:  # noqa: ARG002  # as `Login`
        """Tell that nothing can be done."""
        return False

    def worked(self, access: Access) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Key(Nobody):
    """A key that goes along as it is.

    Args:
        value: the key.
        name: the header or the parameter.
        place: where it stands.
        prefix: what stands before it: `Bearer ` for bearer tokens.
    """

    value: str = field(repr=False)
    name: str = "Authorization"
    place: Literal["header", "query"] = "header"
    prefix: str = ""

    def prove(self, request: Request, access: Access) -> Request:  # noqa: ARG002  # as `Login`
        """Return the request with the key."""
        if self.place == "query":
            return replace(request, params=(*request.params, (self.name, self.value)))
        return request.with_header(self.name, f"{self.prefix}{self.value}")


def bearer(value: str) -> Key:
    """Return the login of a bearer token (RFC 6750) that does not end."""
    return Key(value, prefix="Bearer ")


def basic(user: str, password: str) -> Key:
    """Return the login of a user and a password (RFC 7617)."""
    return Key(base64.b64encode(f"{user}:{password}".encode()).decode(), prefix="Basic ")


@dataclass(slots=True)
class Renewed:
    """A bearer token of OAuth 2.0 that is renewed before it ends, and once where it is refused.

    Args:
        tokens: finds it.
        told: told of each token that is used: the base address may stand in it, see `oauth.Terms.keeps`.
    """

    tokens: Tokens
    told: Callable[[Token], None] = lambda _token: None
    _used: Token | None = None

    def begin(self, access: Access) -> None:  # noqa: ARG002  # as `Login`
        """Get the token, and tell of it.

        Raises:
            TajoError: see `Tokens.current`.
        """
        self._used = self._used or self.tokens.current()
        self.told(self._used)

    def prove(self, request: Request, access: Access) -> Request:
        """Return the request with the token.

        Raises:
            TajoError: see `Tokens.current`.
        """
        self.begin(access)
        assert self._used is not None
        return request.with_header("Authorization", f"Bearer {self._used.value}")

    def renew(self, access: Access) -> bool:  # noqa: ARG002  # as `Login`
        """Get another token in the place of the refused one, unless that took such a place just now, and never worked.

        Raises:
            TajoError: see `Tokens.replaced`.
        """
        assert self._used is not None
        found = self.tokens.replaced(self._used)
        self._used = found or self._used
        return found is not None

    def worked(self, access: Access) -> None:  # noqa: ARG002  # as `Login`
        """Note it where tokens before this one were refused."""
        if self._used is not None and self._used.refusals:
            self.tokens.worked(self._used)
            self._used = replace(self._used, refusals=0)
