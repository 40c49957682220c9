"""The owner's consent in a browser: where it is given, and what the answer is worth.

https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/oauth/working-with-oauth
The answer is not signed: only `state` proves that it belongs to this attempt.
"""

from __future__ import annotations

from urllib.parse import urlencode

from connectors.hubspot.account import SCOPES, Account
from connectors.hubspot.tokens import scopes_in, tokens_of
from customer_sync.errors import ConfigError, Refused
from customer_sync.kit.oauth import code_form
from customer_sync.kit.reach import Access, Callback, Invitation
from customer_sync.kit.signatures import is_same


def address(account: Account, invitation: Invitation) -> str:
    """Return where the owner agrees.

    Raises:
        ConfigError: the app's keys are missing.
    """
    if not (account.client_id and account.client_secret):
        raise ConfigError(
            "HubSpot asks which app wants to be let in.",
            f"Set client_id and client_secret below connectors.{account.source}: the app's page shows both.",
        )
    needed, *wished = SCOPES
    query = {
        "client_id": account.client_id,
        "redirect_uri": invitation.callback_url,
        "scope": needed,
        "optional_scope": " ".join(wished),
        "state": invitation.state,
    }
    return f"{account.door}/oauth/authorize?{urlencode(query)}"


def accept(account: Account, callback: Callback, invitation: Invitation, access: Access) -> str:
    """Check the answer, exchange its code, keep the tokens, and say so.

    Raises:
        Refused: it is of another attempt or of another account, or the owner said no.
        TajoError: as `Tokens.exchange`.
    """
    query = callback.query
    if not invitation.state or not is_same(query.get("state", ""), invitation.state):
        raise Refused("This answer belongs to another attempt; start again.", status=403)
    code = query.get("code", "")
    if not code:
        raise Refused("HubSpot's answer holds no code: was the app not agreed to?", status=400)
    before = access.vault.load()
    token = tokens_of(account, access).exchange(code_form(code, invitation.callback_url))
    portal = token.more.get("hub_id", "")
    if account.portal and portal and portal != account.portal:
        access.vault.save(before)
        raise Refused("The answer is of another account than the portal_id of this source.", status=403)
    granted = scopes_in(token.more.get("scopes", ""))
    missing = [scope for scope in SCOPES if granted and scope not in granted]
    lacking = f" Not granted: {', '.join(missing)}." if missing else ""
    return f"{account.source} is connected to HubSpot account {portal or 'without a number'}.{lacking}"
