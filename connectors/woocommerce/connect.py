"""Connecting a shop by its owner's consent: WooCommerce makes a key and posts it to us.

https://woocommerce.github.io/woocommerce-rest-api-docs/#authentication-endpoint. The post is not signed, so two things
must hold: it brings back the secret word of this attempt, and the key opens the shop.
"""

from __future__ import annotations

import json

from connectors.woocommerce import auth
from connectors.woocommerce.api import CUSTOMERS, Shop
from connectors.woocommerce.auth import Keys
from customer_sync.errors import ConfigError, Refused
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.reach import Access, Callback, Invitation
from customer_sync.kit.signatures import is_same
from customer_sync.model import Json

APP_NAME = "Tajo Customer Sync"
#: The post has six short fields.
_MAX_BODY = 10_000


def invite(settings: SourceSettings, invitation: Invitation) -> str:
    """Return the page of the shop on which its owner agrees.

    Raises:
        ConfigError: the shop's address is missing, or ours is not one that WooCommerce would post a key to.
    """
    shop = auth.shop_address(settings)
    if shop is None:
        raise ConfigError("The shop's address is missing.", f"Set `shop_url` of connectors.{settings.name}.")
    callback = auth.split(invitation.callback_url)
    # A real shop takes http not even on the loopback ("The callback_url needs to be over SSL", seen on 11.0.1,
    # 2026-11-28), and says so to the owner alone; a stand-in may.
    is_stand_in = settings.base_url is not None and auth.is_near(invitation.callback_url)
    if callback is None or (callback.scheme != "https" and not is_stand_in):
        raise ConfigError(
            "WooCommerce posts keys to an https address only.",
            f"Set TAJO_PUBLIC_URL to one, or make the keys by hand and set `consumer_key` and `consumer_secret` of "
            f"connectors.{settings.name}.",
        )
    return auth.with_query(
        f"{shop}/wc-auth/v1/authorize",
        {
            "app_name": APP_NAME,
            "scope": "read_write",
            "user_id": invitation.state,
            "return_url": invitation.return_url,
            "callback_url": invitation.callback_url,
        },
    )


def accept(settings: SourceSettings, callback: Callback, invitation: Invitation, access: Access) -> str:
    """Check a posted key, try it, keep it; return one sentence for the owner.

    Raises:
        Refused: it is not the answer to this invitation, or the shop does not know the key.
        TajoError: the shop cannot be asked now.
    """
    posted = _read(callback.body)
    if not invitation.state or not is_same(str(posted.get("user_id", "")), invitation.state):
        raise Refused("This key does not belong to this attempt to connect.")
    key, secret = posted.get("consumer_key"), posted.get("consumer_secret")
    if not (isinstance(key, str) and key.startswith("ck_") and isinstance(secret, str) and secret.startswith("cs_")):
        raise Refused("There is no key in the shop's answer.", status=400)
    try:
        accounts = Shop(settings, access, Keys(key, secret)).listing(CUSTOMERS, per_page="1").rows
    except ConfigError as error:
        raise Refused(f"The shop does not accept the key that was posted: {error.reason}") from error
    may = "read_write" if posted.get("key_permissions") == "read_write" else "read"
    with access.vault.locked():
        shop = auth.shop_address(settings)
        kept = {"consumer_key": key, "consumer_secret": secret, "key_permissions": may, "shop_url": shop}
        access.vault.save({**access.vault.load(), **kept})
    said = "Connected: customers can be read" + (" and webhooks made." if may == "read_write" else ", nothing written.")
    if accounts and "meta_data" not in accounts[0]:
        said += " Who agreed is no administrator: newsletter boxes of accounts stay hidden. Let an administrator agree."
    is_hidden = auth.keys_of(settings, {}) is not None
    return said + (" The keys in tajo.yaml still come first: take them out." if is_hidden else "")


def _read(body: bytes) -> dict[str, Json]:
    if len(body) > _MAX_BODY:
        raise Refused("The shop's answer is too long.", status=400)
    try:
        posted = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused("The shop's answer is not JSON.", status=400) from error
    if not isinstance(posted, dict):
        raise Refused("The shop's answer is no object.", status=400)
    return posted
