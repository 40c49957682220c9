"""The owner's consent in a browser: the web server flow, with PKCE, which external client apps ask for.

https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_web_server_flow.htm
"""

from __future__ import annotations

import base64
import hmac
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

from connectors.salesforce.account import Account
from connectors.salesforce.session import organization_of, terms
from customer_sync.errors import ConfigError, Refused
from customer_sync.kit.oauth import Tokens, code_form
from customer_sync.kit.reach import WEBHOOKS, Access, Callback, Invitation
from customer_sync.kit.signatures import is_same

SCOPES: Final = ("api", "refresh_token")


def address(account: Account, invitation: Invitation) -> str:
    """Return where the owner agrees.

    Raises:
        ConfigError: the app's keys or My Domain are missing.
    """
    if not (account.client_id and account.client_secret):
        raise ConfigError(
            "Salesforce asks which app wants to be let in.",
            f"Set client_id and client_secret below connectors.{account.source}: consumer key and secret of the app.",
        )
    challenge = _base64(sha256(_verifier(account, invitation.state).encode()).digest())
    query = {
        "response_type": "code",
        "client_id": account.client_id,
        "redirect_uri": invitation.callback_url,
        "scope": " ".join(SCOPES),
        "state": invitation.state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{account.root()}/services/oauth2/authorize?{urlencode(query)}"


def accept(account: Account, callback: Callback, invitation: Invitation, access: Access) -> str:
    """Check the answer, exchange its code, keep the tokens, and say so.

    Raises:
        Refused: the answer is of another attempt, or the owner did not agree.
        TajoError: as `Tokens.exchange`; `ConfigError` where the tokens are of another org than the settings name.
    """
    if not invitation.state or not is_same(callback.query.get("state", ""), invitation.state):
        raise Refused("This answer belongs to another attempt; start again.", status=403)
    code = callback.query.get("code", "")
    if not code:
        raise Refused("Salesforce's answer holds no code: was the app not agreed to?", status=400)
    form = {**code_form(code, invitation.callback_url), "code_verifier": _verifier(account, invitation.state)}
    token = Tokens(terms(account, access), access).exchange(form)
    found = organization_of(token)[:15]
    if account.organization and found and found != account.organization:
        with access.vault.locked():
            kept = access.vault.load()
            access.vault.save({WEBHOOKS: kept[WEBHOOKS]} if WEBHOOKS in kept else {})
        raise ConfigError(
            f"The owner agreed for the org {found}, and organization_id names another one.",
            f"Connect the right org, or correct connectors.{account.source}.organization_id.",
        )
    lasting = "" if token.refresh else " It ends with its session: give the app the scope refresh_token."
    return f"{account.source} is connected to Salesforce.{lasting}"


def _verifier(account: Account, state: str) -> str:
    """Return the secret of one attempt, made from what both ends of it know, so that nothing has to be kept."""
    return _base64(hmac.digest(account.client_secret.encode(), f"pkce:{state}".encode(), "sha256"))


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
