"""What must hold between the keys that say how the platform is called: no key is read and then does nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from customer_sync.custom import calling
from customer_sync.custom.calling import HttpPart, KeyAuth, OAuth, TokenAnswer
from customer_sync.custom.flaws import Flaw, Loc, looks_secret, secret, secrets_in
from customer_sync.custom.form import Form, Resource
from customer_sync.custom.parts import is_header_name

_TAKE_AWAY: Final = "Take it away, or write"
#: The grants that bring refresh tokens.
_REFRESHED: Final = frozenset({"authorization_code", "refresh_token"})


def flaws_of_calls(form: Form) -> Iterator[Flaw]:
    """Yield what is wrong with the keys that say how the platform is called."""
    if form.base_url is not None and looks_secret(form.base_url.text):
        yield secret(("base_url",))
    if isinstance(form.auth, OAuth):
        yield from _oauth(form.auth, form.auth.way)
        if form.auth.token_response is not None:
            yield from _answer(form.auth.token_response, ("auth", "token_response"))
    if isinstance(form.auth, KeyAuth):
        yield from _key(form.auth)
    yield from _http(form.http, ("http",))


def _key(auth: KeyAuth) -> Iterator[Flaw]:
    if auth.place == "header" and not is_header_name(auth.name):
        yield Flaw(("auth", "name"), "no name of a header", "Write it as X-API-Key: letters, digits and -.")
    if auth.place == "query" and auth.prefix:
        yield Flaw(("auth", "prefix"), "a prefix of a parameter", "Take it away: only a header has one.")
    if looks_secret(auth.prefix) or len(auth.prefix) > 30:
        yield secret(("auth", "prefix"))


def _oauth(auth: OAuth, way: str) -> Iterator[Flaw]:
    at: Loc = ("auth",)
    by_owner = way == "authorization_code"
    if by_owner and auth.authorization_url is None:
        yield Flaw(at, "no authorization_url", "Write where the owner agrees, or grant: client_credentials.")
    if by_owner is False and auth.authorization_url is not None:
        remedy = f"{_TAKE_AWAY} grant: authorization_code."
        yield Flaw((*at, "authorization_url"), f"a page that nobody opens with {way}", remedy)
    if auth.client_secret is None and way != "jwt_bearer":
        yield Flaw((*at, "client_secret"), "no secret of the app", "Write ${secret.client_secret}.")
    if auth.client_secret is None and auth.client_auth == "basic":
        yield Flaw((*at, "client_auth"), "a password that is none", "Take it away, or write client_secret.")
    if "scope_separator" in auth.model_fields_set and not auth.scopes:
        yield Flaw((*at, "scope_separator"), "a separator of nothing", f"{_TAKE_AWAY} scopes.")
    for name, is_set, is_of in (
        ("pkce", auth.pkce, by_owner),
        ("refresh_token", auth.refresh_token is not None, way == "refresh_token"),
        ("jwt", auth.jwt is not None, way == "jwt_bearer"),
        ("scopes", bool(auth.scopes), way != "refresh_token"),
    ):
        if is_set and not is_of:
            yield Flaw((*at, name), f"{name}, which {way} does not use", f"{_TAKE_AWAY} another grant.")
    if auth.refresh.rotates and way not in _REFRESHED:
        yield Flaw((*at, "refresh", "rotates"), f"{way} has no refresh tokens", "Take it away.")


def _answer(answer: TokenAnswer, at: Loc) -> Iterator[Flaw]:
    for name in ("base_url", "expires_in"):
        told = getattr(answer, name)
        if isinstance(told, str) and not told.replace("_", "").replace("-", "").isalnum():
            yield Flaw((*at, name), "more than a key", "Name a key of the answer itself, such as instance_url.")


def _http(http: HttpPart, at: Loc) -> Iterator[Flaw]:
    yield from secrets_in(http.headers, (*at, "headers"))
    retry, limit = http.retry, http.rate_limit
    if retry is not None:
        names = ("backoff", "max_wait_seconds")
        for name in (one for one in names if one in retry.model_fields_set and retry.max_attempts == 1):
            remedy = "Write max_attempts, too: without it the engine alone tries again."
            yield Flaw((*at, "retry", name), "waits between tries, and there is one try", remedy)
        if retry.max_attempts > 1 and set(retry.on_status) == {429}:
            remedy = "Take it away: after a 429 nobody calls until the wait is over."
            yield Flaw((*at, "retry", "max_attempts"), "a 429 that is asked for again at once", remedy)
    if limit is not None:
        for name in ("limit_header", "reset_header", "reset_format"):
            needed = "reset_header" if name == "reset_format" else "remaining_header"
            if name in limit.model_fields_set and getattr(limit, needed) is None:
                yield Flaw((*at, "rate_limit", name), f"{name} without {needed}", f"Write {needed}, too.")
    for index, one in enumerate(http.errors):
        if one.wait_seconds is not None and one.action not in {"retry", "rate_limited"}:
            remedy = "Take it away: only retry and rate_limited wait."
            yield Flaw((*at, "errors", index, "wait_seconds"), f"a wait of {one.action}", remedy)


def flaws_of_paging(resource: Resource, at: Loc) -> Iterator[Flaw]:
    """Yield what is wrong with how a list is paged."""
    way = resource.pagination
    if way is None or not isinstance(way, calling.Paging):
        return
    size, param = ("limit", "limit_param") if isinstance(way, calling.Offset) else ("size", "size_param")
    is_written = size in way.model_fields_set
    if way.full_pages and not is_written:
        yield Flaw((*at, "full_pages"), f"full_pages without a {size}", f"Write {size}.")
    if is_written and not way.full_pages and not getattr(way, param):
        remedy = f"Name {param}, the parameter of the platform; or take it away."
        yield Flaw((*at, size), f"a {size} that is not sent", remedy)
    other = "total_pages" if isinstance(way, calling.PageNumber) else "more"
    if "stop" in way.model_fields_set and getattr(way, other, None) is not None:
        yield Flaw((*at, "stop"), f"two ends: stop and {other}", "Keep one of them.")
    if isinstance(way, calling.Cursor) and way.place == "body" and resource.method == "GET":
        yield Flaw((*at, "in"), "a cursor in the body of a GET", "Write method: POST, or in: query.")
