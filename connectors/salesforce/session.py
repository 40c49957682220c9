"""How Salesforce is shown who calls: client credentials, a text signed with a private key, or the owner's consent.

https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_flows.htm. A token has no stated end: 401 ends it.
With rotation each refresh token works once, and showing an old one again ends every token: the kit renews under a lock
and stores what it got before anybody uses it. User name and password are never asked for.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connectors.salesforce.account import Account
from customer_sync.errors import ConfigError
from customer_sync.kit.logins import Nobody, Request
from customer_sync.kit.oauth import Token, Tokens
from customer_sync.kit.reach import Access
from customer_sync.kit.terms import Terms

TOKEN_PATH: Final = "/services/oauth2/token"  # noqa: S105  # an address
JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
#: How long a signed text is good; Salesforce allows three minutes.
SIGNED_FOR_S: Final = 170
#: The word in a refusal → what is wrong, and what to do.
REFUSALS: Final[Mapping[str, tuple[str, str]]] = {
    "invalid_client_id": (
        "Salesforce knows no app with this client_id (invalid_client_id).",
        "Copy the consumer key again: Setup > External Client App Manager, the app. A new app takes ten minutes.",
    ),
    "invalid_client": (
        "Salesforce does not take this client_id with this client_secret (invalid_client).",
        "Copy consumer key and secret again: Setup > External Client App Manager, the app, Settings.",
    ),
    "unsupported_grant_type": (
        "Salesforce does not give tokens this way at this address (unsupported_grant_type).",
        "Set my_domain to the org's own address, and allow the flow in the app's OAuth settings.",
    ),
    "inactive_user": ("The user of the app is not active (inactive_user).", "Make it active, or name another user."),
    "inactive_org": ("The org is locked or closed (inactive_org).", "Ask the org's owner."),
    "invalid_app_access": (
        "The user may not use the app (invalid_app_access).",
        "Give the user's profile or permission set the app: Setup > External Client App Manager, the app, Policies.",
    ),
}


def terms(account: Account, access: Access) -> Terms:
    """Return who asks for tokens, and how."""
    return Terms(
        title="Salesforce",
        source=account.source,
        url=lambda: f"{account.root()}{TOKEN_PATH}",
        client_id=account.client_id,
        client_secret=account.client_secret,
        owner={"domain": account.domain},
        asks_alone=account.asks_alone,
        keeps=("instance_url", "id"),
        refusals=REFUSALS,
        keys=f"Check my_domain, client_id and client_secret (or private_key and username) of {account.source}, and "
        "that the app has a user to run as (client credentials) or the key's certificate (JWT); or run "
        f"`tajo connectors connect {account.source}`.",
        alone=partial(assertion, account, access.now_s) if account.private_key else None,
    )


def assertion(account: Account, now_s: Callable[[], float]) -> Mapping[str, str]:
    """Return the form of the JWT bearer flow: a short text about user and app, signed with the app's key.

    Raises:
        ConfigError: the key cannot be read, or the user is missing.
    """
    if not account.username:
        raise ConfigError(
            "private_key is set, but not whom it speaks for.",
            f"Set connectors.{account.source}.username to the integration user's name.",
        )
    audience = f"https://{account.domain}" if account.domain else account.root()
    claims = {
        "iss": account.client_id,
        "sub": account.username,
        "aud": audience,
        "exp": int(now_s()) + SIGNED_FOR_S,
    }
    signed = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(claims)}"
    made = _key(account).sign(signed.encode(), PKCS1v15(), SHA256())
    return {"grant_type": JWT_GRANT, "assertion": f"{signed}.{_base64(made)}"}


def organization_of(token: Token) -> str:
    """Return the id of the org that a token is of, "" where it does not tell: `.../id/<org>/<user>`."""
    parts = token.more.get("id", "").split("/")
    return parts[-2] if len(parts) > 2 and parts[-2].startswith("00D") else ""


def user_of(token: Token) -> str:
    """Return the id of the user that a token speaks for, "" where it does not tell."""
    last = token.more.get("id", "").rpartition("/")[2]
    return last if last.startswith("005") else ""


@dataclass(slots=True)
class Session(Nobody):
    """Puts the token on each call, and the address of the data before its path; renewed once where it is refused.

    Args:
        account: the org.
        tokens: finds the token.
    """

    account: Account
    tokens: Tokens
    _used: Token | None = None

    def prove(self, request: Request, access: Access) -> Request:  # noqa: ARG002  # as `Login`
        """Return the request with token and host.

        Raises:
            TajoError: see `Tokens.current`; `ConfigError` where the token names a strange host.
        """
        token = self.token()
        where = self.account.data(token.more.get("instance_url", ""))
        return replace(request, url=f"{where}{request.url}").with_header("Authorization", f"Bearer {token.value}")

    def renew(self, access: Access) -> bool:  # noqa: ARG002  # as `Login`
        """Get another token in the place of the refused one.

        Raises:
            TajoError: see `Tokens.renewed`.
        """
        self._used = self.tokens.renewed(self.token())
        return True

    def token(self) -> Token:
        """Return the token that is used.

        Raises:
            TajoError: see `Tokens.current`.
        """
        self._used = self._used or self.tokens.current()
        return self._used


def _key(account: Account) -> RSAPrivateKey:
    try:
        found = load_pem_private_key(account.private_key.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key(account) from error
    if not isinstance(found, RSAPrivateKey):
        raise _no_key(account)
    return found


def _no_key(account: Account) -> ConfigError:
    return ConfigError(
        "private_key is no RSA key in PEM without a password.",
        f"Set connectors.{account.source}.private_key to the whole text, with its BEGIN and END lines.",
    )


def _part(value: Mapping[str, object]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
