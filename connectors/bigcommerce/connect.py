"""Connecting a store by its owner's consent: the installation of a single-click app.

https://developer.bigcommerce.com/docs/integrations/apps/guide/auth. BigCommerce brings no state of ours back, so the
store that answers must be the one in the settings, and the code must be worth a token of the app.
"""

from __future__ import annotations

from urllib.parse import quote

from connectors.bigcommerce.account import SCOPES, login_url, store_hash, terms_of, text
from customer_sync.errors import ConfigError, Refused
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.oauth import Tokens, code_form
from customer_sync.kit.reach import Access, Callback, Invitation
from customer_sync.kit.signatures import is_same


def invite(settings: SourceSettings, invitation: Invitation) -> str:
    """Return the page on which the owner installs the app; the way back is the one in the app's profile.

    Raises:
        ConfigError: app or store are not named.
    """
    app = text(settings, "client_id")
    if not (app and text(settings, "client_secret") and store_hash(settings)):
        raise ConfigError(
            "BigCommerce asks which app wants to be let in, and into which store.",
            f"Set store_hash, client_id and client_secret below connectors.{settings.name}; the app's Auth Callback "
            f"URL is {invitation.callback_url.partition('?')[0]}.",
        )
    return f"{login_url(settings)}/app/{quote(app, safe='')}/install"


def accept(settings: SourceSettings, callback: Callback, invitation: Invitation, access: Access) -> str:
    """Exchange the code of an installation for the store's token, which does not end, and keep it.

    Raises:
        Refused: the answer is of another store, or holds no code.
        TajoError: as `Tokens.exchange`.
    """
    name, query = store_hash(settings), callback.query
    if not name or not is_same(query.get("context", ""), f"stores/{name}"):
        raise Refused("The answer is of another store than the store_hash of this source.", status=403)
    if "state" in query and not is_same(query["state"], invitation.state):
        raise Refused("This answer belongs to another attempt; start again.", status=403)
    if not query.get("code"):
        raise Refused("BigCommerce's answer holds no code: was the app not installed?", status=400)
    form = {
        **code_form(query["code"], invitation.callback_url.partition("?")[0]),
        "scope": query.get("scope", ""),
        "context": query["context"],
    }
    token = Tokens(terms_of(settings), access).exchange(form)
    missing = [one for one in SCOPES if token.scope and not _is_granted(one, token.scope)]
    lacking = f" Not granted: {', '.join(missing)}." if missing else ""
    hidden = " The access_token in tajo.yaml still comes first: take it out." if text(settings, "access_token") else ""
    return f"{settings.name} is connected to the store {name}.{lacking}{hidden}"


def _is_granted(scope: str, granted: str) -> bool:
    """Tell whether a scope was granted: who may write may read."""
    return {scope, scope.removesuffix("_read_only")} & set(granted.split()) != set()
