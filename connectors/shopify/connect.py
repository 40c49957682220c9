"""The owner's consent in a browser: where it is asked for, and what is made of the answer.

https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from connectors.shopify.account import SHOP, Account, is_granted
from connectors.shopify.tokens import Tokens
from customer_sync.errors import ConfigError, Refused
from customer_sync.kit.reach import Access, Callback, Invitation
from customer_sync.kit.signatures import is_same, sign_hex, verify

#: How old an answer may be, in seconds; what Shopify's JavaScript library allows.
MAX_AGE_S: Final = 90.0
#: What is not signed: the signature itself, and its form before 2015.
UNSIGNED: Final = frozenset({"hmac", "signature"})


def address(account: Account, invitation: Invitation) -> str:
    """Return where the owner agrees.

    Raises:
        ConfigError: the app's keys or the store are missing.
    """
    if not (account.client_id and account.client_secret):
        raise ConfigError(
            "Shopify asks which app wants to be let in.",
            f"Set api_key and api_secret below connectors.{account.source}: client id and secret of the app.",
        )
    query = {
        "client_id": account.client_id,
        "scope": ",".join(account.scopes),
        "redirect_uri": invitation.callback_url,
        "state": invitation.state,
    }
    return f"{account.root()}/admin/oauth/authorize?{urlencode(query)}"


def accept(account: Account, callback: Callback, invitation: Invitation, access: Access) -> str:
    """Check the answer, exchange its code for a token that ends, keep that, and say so.

    Raises:
        Refused: it is of another attempt, of another store, too old or not signed by Shopify.
        TajoError: as `Tokens.exchange`.
    """
    shop = check(account, callback, invitation)
    code = callback.query.get("code", "")
    if not code:
        raise Refused("Shopify's answer holds no code: was the app not agreed to?", status=400)
    token = Tokens(account, access, shop).exchange({"code": code, "expiring": "1"})
    granted = frozenset(token.scope.replace(",", " ").split())
    missing = [scope for scope in account.scopes if granted and not is_granted(scope, granted)]
    lacking = f" Not granted: {', '.join(missing)}." if missing else ""
    return f"{account.source} is connected to {shop}.{lacking}"


def check(account: Account, callback: Callback, invitation: Invitation) -> str:
    """Return the store that answered, once its answer is known to be genuine, fresh and of this attempt.

    Raises:
        Refused: it is not.
    """
    query = callback.query
    if not invitation.state or not is_same(query.get("state", ""), invitation.state):
        raise Refused("This answer belongs to another attempt; start again.", status=403)
    shop = query.get("shop", "").lower()
    if not SHOP.fullmatch(shop):
        raise Refused("The answer does not name a store.", status=400)
    if account.shop and shop != account.shop:
        raise Refused("The answer is of another store than the shop_url of this source.", status=403)
    stamp = query.get("timestamp", "")
    is_time = stamp.isascii() and stamp.isdigit() and len(stamp) <= 12
    if not is_time or abs(callback.at_s - int(stamp)) > MAX_AGE_S:
        raise Refused("The answer is too old; start again. Is the clock of this machine right?", status=403)
    verify(message(query), query.get("hmac", ""), account.secrets, sign_hex)
    return shop


def message(query: Mapping[str, str]) -> bytes:
    """Return the bytes that Shopify signs: every other parameter, decoded, in order.

    The escaping is that of Shopify's Python library. Its JavaScript library escapes more; for what really comes
    (digits, hexadecimal and base64url) the two are equal.
    """
    pairs = [(_escape(name).replace("=", "%3D"), _escape(value)) for name, value in query.items()]
    signed = sorted(f"{name}={value}" for name, value in pairs if name not in UNSIGNED)
    return "&".join(signed).encode(errors="surrogatepass")


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("&", "%26")
