"""The vocabulary of calls: how we prove who we are, what answers mean, how lists are paged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from customer_sync.custom.parts import (
    Filled,
    Flag,
    HeaderName,
    HeaderValue,
    Number,
    Part,
    Secret,
    Statuses,
    Stop,
    Text,
    Texts,
    Url,
    Where,
    Whole,
)
from customer_sync.custom.references import Template, template


def _secret(name: str) -> Any:
    return Field(default_factory=lambda: template(f"${{secret.{name}}}"))


def _only(grant: str, name: str) -> Callable[[dict[str, Any]], Template | None]:
    return lambda known: template(f"${{secret.{name}}}") if known.get("grant") == grant else None


def _unless(grant: str, name: str) -> Callable[[dict[str, Any]], Template | None]:
    return lambda known: None if known.get("grant") == grant else template(f"${{secret.{name}}}")


#: A stretch of time that a token is good, and how long a platform is waited for.
Seconds = Annotated[Number, Field(gt=0, le=86_400)]
Wait = Annotated[Number, Field(gt=0, le=3600)]
Silence = Annotated[Number, Field(ge=1, le=60)]


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

    base_url: Text | None = None
    #: The key that says for how many seconds the token is good; or the seconds, where no key does.
    expires_in: Text | Seconds | None = None


class Refresh(Part):
    """How tokens are renewed."""

    #: Whether each refresh token works once: one that was used is never shown again.
    rotates: Flag = False
    skew_seconds: Seconds | None = None


class SignedText(Part):
    """What a JWT says, and the key that signs it (RFC 7523)."""

    private_key: Secret = _secret("private_key")
    key_id: Filled | None = None
    issuer: Filled | None = None
    subject: Filled | None = None
    audience: Filled | None = None
    lifetime_seconds: Seconds = 170


class OAuth(Part):
    """OAuth 2.0 (RFC 6749). Tokens are renewed ahead, and refresh tokens may rotate."""

    type: Literal["oauth2"]
    grant: Literal["authorization_code", "client_credentials", "refresh_token", "jwt_bearer"] | None = None
    authorization_url: Url | None = None
    token_url: Url
    scopes: Texts = ()
    scope_separator: Literal[" ", ","] = " "
    client_id: Filled = _secret("client_id")
    client_secret: Secret | None = Field(default_factory=_unless("jwt_bearer", "client_secret"))
    client_auth: Literal["basic", "body"] = "body"
    pkce: Flag = False
    refresh: Refresh = Field(default_factory=Refresh)
    refresh_token: Secret | None = Field(default_factory=_only("refresh_token", "refresh_token"))
    jwt: SignedText | None = Field(
        default_factory=lambda known: SignedText() if known.get("grant") == "jwt_bearer" else None
    )
    token_response: TokenAnswer | None = None

    @classmethod
    def homes(cls) -> Mapping[str, str]:
        """Return where keys stand that are looked for here."""
        of_jwt = dict.fromkeys(SignedText.names(), "Write it below jwt:, with grant: jwt_bearer.")
        of_refresh = dict.fromkeys(Refresh.names(), "Write it below refresh:.")
        return {**of_jwt, **of_refresh, "expires_in": "Write it below token_response:."}

    @property
    def way(self) -> str:
        """The grant: by the owner's consent where there is a page for it."""
        return self.grant or ("authorization_code" if self.authorization_url else "client_credentials")


Auth = Annotated[NoAuth | BearerAuth | KeyAuth | BasicAuth | OAuth, Field(discriminator="type")]


class Retry(Part):
    """Which answers beyond the common ones mean: later again; and how often a question is asked at once."""

    on_status: Statuses
    max_attempts: Whole = Field(default=1, ge=1, le=10)
    backoff: Literal["exponential", "constant"] = "exponential"
    max_wait_seconds: Wait | None = None
    wait_seconds: Wait | None = None


class RateLimit(Part):
    """How many calls the platform takes."""

    requests: Number = Field(gt=0, le=1_000_000)
    per_seconds: Number = Field(default=1.0, gt=0, le=86_400)
    limit_header: HeaderName | None = None
    remaining_header: HeaderName | None = None
    reset_header: HeaderName | None = None
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
    wait_seconds: Wait | None = None


class HttpPart(Part):
    """How calls are made."""

    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    timeout_seconds: Silence | None = None
    retry: Retry | None = None
    rate_limit: RateLimit | None = None
    errors: tuple[ErrorRule, ...] = ()


_SIZE: Final = Field(default=100, ge=1, le=10_000)
_MOST_PAGES: Final = Field(default=100_000, ge=1)


class Paging(Part):
    """What every way of paging has that has more than one page."""

    max_pages: Whole = _MOST_PAGES
    full_pages: Flag = False


class OnePage(Part):
    """The list comes whole."""

    type: Literal["none"]


class PageNumber(Paging):
    """Pages by number."""

    type: Literal["page"]
    param: Text = "page"
    start: Whole = Field(default=1, ge=0)
    size_param: str = ""
    size: Whole = _SIZE
    total_pages: Where | None = None
    #: Where the list ends: at an empty page, or after as many pages as stand there; another word for `total_pages`.
    stop: Stop = "empty"


class Offset(Paging):
    """Pages by how many rows were before."""

    type: Literal["offset"]
    param: Text = "offset"
    limit_param: str = "limit"
    limit: Whole = _SIZE
    more: Where | None = None
    #: Where the list ends: at an empty page, or after as many rows as stand there.
    stop: Stop = "empty"


class Cursor(Paging):
    """The answer holds a word that asks for the next page."""

    type: Literal["cursor"]
    next: Where
    send_as: Text
    place: Literal["query", "body"] = Field(default="query", alias="in")
    size_param: str = ""
    size: Whole = _SIZE


class LastId(Paging):
    """The id of the last row asks for the next page."""

    type: Literal["last_id"]
    path: Where | None = None
    send_as: Text
    more: Where
    size_param: str = "limit"
    size: Whole = _SIZE


class NextUrl(Paging):
    """The body holds the address of the next page."""

    type: Literal["next_url"]
    path: Where
    size_param: str = ""
    size: Whole = _SIZE


class LinkHeader(Paging):
    """The header `Link` holds the address of the next page (RFC 8288)."""

    type: Literal["link_header"]
    size_param: str = ""
    size: Whole = _SIZE


Pagination = Annotated[
    OnePage | PageNumber | Offset | Cursor | LastId | NextUrl | LinkHeader, Field(discriminator="type")
]
