"""What the settings of a source say: which account, who asks, and where an opt-out is kept besides."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from customer_sync.errors import ConfigError
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.rest import origin_of
from customer_sync.kit.terms import Terms

#: https://pipedrive.readme.io/docs/core-api-concepts-about-pipedrive-api: where everybody's API is.
API: Final = "https://api.pipedrive.com"
#: https://pipedrive.readme.io/docs/marketplace-oauth-authorization: where owners agree and tokens are given.
OAUTH: Final = "https://oauth.pipedrive.com"
#: The user of webhooks whose secret is a password alone.
USER: Final = "tajo"
#: The name that a custom option for opt-outs has unless told otherwise.
OPT_OUT: Final = "Unsubscribed in Brevo"
KEYS: Final = "Set api_token, or client_id and client_secret: see the README."


@dataclass(frozen=True, slots=True)
class Account:
    """One Pipedrive company, as the settings have it.

    Args:
        source: the source's name.
        token: a user's API token; "" where the source is connected in a browser.
        client_id: the app's.
        client_secret: the app's.
        base_url: another place than Pipedrive's own, for the API and for OAuth; None: Pipedrive's.
        opt_out_field: the key of the custom field that keeps opt-outs, or `label`; "" for none.
        opt_out_option: the option of that field, or the label, or the text, that says it.
    """

    source: str
    token: str = field(default="", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    base_url: str | None = None
    opt_out_field: str = ""
    opt_out_option: str = OPT_OUT

    @classmethod
    def of(cls, settings: SourceSettings) -> Account:
        """Return what the settings of a source say."""

        def said(name: str) -> str:
            return str(settings.options.get(name) or "").strip()

        return cls(
            settings.name,
            said("api_token"),
            said("client_id"),
            said("client_secret"),
            settings.base_url.rstrip("/") if settings.base_url else None,
            said("opt_out_field"),
            said("opt_out_option") or OPT_OUT,
        )

    @property
    def can_ask(self) -> bool:
        """Whether there is, or may be, a key to the API."""
        return bool(self.token or (self.client_id and self.client_secret))

    @property
    def oauth_url(self) -> str:
        """Where owners agree, and tokens are given."""
        return self.base_url or OAUTH

    def terms(self) -> Terms:
        """Return who asks for tokens, and where; id and secret travel in the header."""
        return Terms(
            title="Pipedrive",
            source=self.source,
            url=lambda: f"{self.oauth_url}/oauth/token",
            client_id=self.client_id,
            client_secret=self.client_secret,
            is_basic=True,
            keeps=("api_domain",),
            keys=KEYS,
        )

    def api_at(self, domain: str) -> str:
        """Return the address of the API that came with a token.

        Args:
            domain: `api_domain` of the answer, "" where there was none.

        Raises:
            ConfigError: it is no host of Pipedrive: the token is not sent there.
        """
        if not domain:
            return self.base_url or API
        if domain.rstrip("/") == self.base_url:
            return domain.rstrip("/")
        if own := origin_of(domain, (".pipedrive.com",)):
            return own
        raise ConfigError(
            "The API of the connected company is said to be at an address that is no host of Pipedrive.",
            f"Run `tajo connectors connect {self.source}` again.",
        )


def pair_of(secret: str) -> tuple[str, str]:
    """Return user and password of a webhook secret: `user:password`, or a password alone."""
    user, colon, password = secret.strip().partition(":")
    return (user, password) if colon else (USER, user)


def proofs(secrets: Sequence[str]) -> list[str]:
    """Return what a webhook may show for each live secret; an empty password is none."""
    pairs = [pair_of(secret) for secret in secrets if secret.strip()]
    return [proof(user, password) for user, password in pairs if user.strip() and password.strip()]


def proof(user: str, password: str) -> str:
    """Return user and password as HTTP Basic writes them (RFC 7617)."""
    return base64.b64encode(f"{user}:{password}".encode(errors="surrogatepass")).decode()
