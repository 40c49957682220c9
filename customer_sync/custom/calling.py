"""The vocabulary of calls: how we prove who we are, what answers mean, how lists are paged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from customer_sync.custom.parts import Filled, Part, Secret, Statuses, Text, Texts, Url, Where
from customer_sync.custom.references import template


def _secret(name: str) -> Any:
    return Field(default_factory=lambda: template(f"${{secret.{name}}}"))


class NoAuth(Part):
    """The API asks for no proof."""

    type: Literal["none"]


class BearerAuth(Part):
    """A bearer token that does not end."""

    type: Literal["bearer"]
    token: Secret = _secret("token")


class KeyAuth(Part):
    """A key in a header or in the query."""

    type: Literal["api_key"]
    name: Text = "X-API-Key"
    place: Literal["header", "query"] = Field(default="header", alias="in")
    value: Secret = _secret("api_key")
    prefix: str = ""


class BasicAuth(Part):
    """User and password (RFC 7617)."""

    type: Literal["basic"]
    username: Filled = _secret("username")
    password: Secret = _secret("password")


class TokenAnswer(Part):
    """What else of a token's answer is used."""

    base_url: Text


class OAuth(Part):
    """OAuth 2.0 (RFC 6749). Tokens are renewed ahead, and refresh tokens may rotate."""

    type: Literal["oauth2"]
    grant: Literal["authorization_code", "client_credentials"] | None = None
    authorization_url: Url | None = None
    token_url: Url
    scopes: Texts = ()
    scope_separator: Literal[" ", ","] = " "
    client_id: Filled = _secret("client_id")
    client_secret: Secret = _secret("client_secret")
    client_auth: Literal["basic", "body"] = "body"
    token_response: TokenAnswer | None = None

    @classmethod
    def homes(cls) -> Mapping[str, str]:
        """Return what to do with keys of other tools."""
        return {
            "refresh": "Take it away: tokens are renewed by themselves, and refresh tokens may rotate.",
            "pkce": "Take it away: there is no PKCE; the client secret proves who we are.",
        }

    @property
    def way(self) -> str:
        """The grant: by the owner's consent where there is a page for it."""
        return self.grant or ("authorization_code" if self.authorization_url else "client_credentials")


Auth = Annotated[NoAuth | BearerAuth | KeyAuth | BasicAuth | OAuth, Field(discriminator="type")]


class Retry(Part):
    """Which answers beyond the common ones mean: later again."""

    on_status: Statuses
    wait_seconds: float | None = Field(default=None, gt=0, le=3600)

    @classmethod
    def homes(cls) -> Mapping[str, str]:
        """Return what to do with keys of other tools."""
        ours = "Take it away: the engine tries again, later each time, for 72 hours."
        return dict.fromkeys(("max_attempts", "backoff", "max_wait_seconds"), ours)


class RateLimit(Part):
    """How many calls the platform takes."""

    requests: float = Field(gt=0)
    per_seconds: float = Field(default=1.0, gt=0)
    limit_header: Text | None = None
    remaining_header: Text | None = None
    reset_header: Text | None = None
    reset_format: Literal["delta_seconds", "unix", "unix_ms"] = "delta_seconds"


class When(Part):
    """Which answers an error is about."""

    status: Statuses
    body: Where | None = None


class ErrorRule(Part):
    """What an answer means."""

    when: When
    action: Literal[
        "retry", "rate_limited", "refresh_token_then_retry", "missing", "skip", "fail", "split_window", "stop_ok"
    ]
    wait_seconds: float | None = Field(default=None, gt=0, le=3600)


class HttpPart(Part):
    """How calls are made."""

    headers: dict[Text, Filled] = Field(default_factory=dict)
    retry: Retry | None = None
    rate_limit: RateLimit | None = None
    errors: tuple[ErrorRule, ...] = ()

    @classmethod
    def homes(cls) -> Mapping[str, str]:
        """Return what to do with keys of other tools."""
        return {"timeout_seconds": "Take it away: an answer may be silent for 10 seconds, and take a minute."}


_SIZE: Final = Field(default=100, ge=1, le=10_000)
_MOST_PAGES: Final = Field(default=100_000, ge=1)


class Paging(Part):
    """What every way of paging has."""

    max_pages: int = _MOST_PAGES
    full_pages: bool = False


class OnePage(Paging):
    """The list comes whole."""

    type: Literal["none"]


class PageNumber(Paging):
    """Pages by number."""

    type: Literal["page"]
    param: Text = "page"
    start: int = Field(default=1, ge=0)
    size_param: str = ""
    size: int = _SIZE
    total_pages: Where | None = None


class Offset(Paging):
    """Pages by how many rows were before."""

    type: Literal["offset"]
    param: Text = "offset"
    limit_param: str = "limit"
    limit: int = _SIZE
    more: Where | None = None


class Cursor(Paging):
    """The answer holds a word that asks for the next page."""

    type: Literal["cursor"]
    next: Where
    send_as: Text
    place: Literal["query", "body"] = Field(default="query", alias="in")
    size_param: str = ""
    size: int = _SIZE


class LastId(Paging):
    """The id of the last row asks for the next page."""

    type: Literal["last_id"]
    path: Where | None = None
    send_as: Text
    more: Where
    size_param: str = "limit"
    size: int = _SIZE


class NextUrl(Paging):
    """The body holds the address of the next page."""

    type: Literal["next_url"]
    path: Where
    size_param: str = ""
    size: int = _SIZE


class LinkHeader(Paging):
    """The header `Link` holds the address of the next page (RFC 8288)."""

    type: Literal["link_header"]
    size_param: str = ""
    size: int = _SIZE


Pagination = Annotated[
    OnePage | PageNumber | Offset | Cursor | LastId | NextUrl | LinkHeader, Field(discriminator="type")
]
