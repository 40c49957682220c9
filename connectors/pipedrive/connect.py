"""The owner's consent in a browser: https://pipedrive.readme.io/docs/marketplace-oauth-authorization."""

from __future__ import annotations

from urllib.parse import urlencode

from connectors.pipedrive.account import Account
from customer_sync.errors import ConfigError, Refused
from customer_sync.kit.oauth import Tokens, code_form
from customer_sync.kit.reach import Access, Callback, Invitation
from customer_sync.kit.signatures import is_same


def address(account: Account, invitation: Invitation) -> str:
    """Return where the owner agrees.

    Raises:
        ConfigError: the app's keys are missing.
    """
    if not (account.client_id and account.client_secret):
        raise ConfigError(
            "Pipedrive asks which app wants to be let in.",
            f"Set client_id and client_secret below connectors.{account.source}.",
        )
    query = {"client_id": account.client_id, "redirect_uri": invitation.callback_url, "state": invitation.state}
    return f"{account.oauth_url}/oauth/authorize?{urlencode(query)}"


def accept(account: Account, callback: Callback, invitation: Invitation, access: Access) -> str:
    """Exchange the code of an answer for tokens, keep those, and say so.

    Raises:
        Refused: the answer is of another attempt, or the owner said no.
        TajoError: as `Tokens.exchange`.
    """
    query = callback.query
    if not invitation.state or not is_same(query.get("state", ""), invitation.state):
        raise Refused("This answer belongs to another attempt; start again.", status=403)
    if query.get("error") or not query.get("code"):
        raise Refused("Pipedrive's owner did not agree; start again.", status=403)
    token = Tokens(account.terms(), access).exchange(code_form(query["code"], invitation.callback_url))
    return f"{account.source} is connected to {account.api_at(token.more.get('api_domain', ''))}."
