"""`/wc-auth/v1/authorize`: the shop owner agrees at once, and the store posts fresh keys to whoever asked."""

from __future__ import annotations

import html
import secrets
from typing import Final, get_args
from urllib.parse import unquote, urlsplit

from flask import Response

from connectors.woocommerce.fake.params import Query
from connectors.woocommerce.fake.settings import Permissions
from connectors.woocommerce.fake.store import Store
from connectors.woocommerce.fake.webhooks import AGENT
from connectors.woocommerce.fake.wordpress import encode
from customer_sync.kit.fakes.answers import page
from customer_sync.kit.fakes.hooks import Delivery, Message, is_loopback
from customer_sync.kit.fakes.oauth import back_to

_NEEDED: Final = ("app_name", "user_id", "return_url", "callback_url", "scope")
#: How long the receiver of the keys may take.
TIMEOUT_S: Final = 60.0


class _Denied(Exception):
    """The sentence that the owner reads."""


def authorize(store: Store, query: Query) -> Response:
    """Make keys, post them and send the owner back; unless the answer to the post is 200, the keys are deleted.

    Real stores ask the owner first and post to https only; here `http` may work for addresses of this machine.
    See https://woocommerce.github.io/woocommerce-rest-api-docs/#auto-generating-api-keys-using-our-application-api.
    """
    try:
        values = {name: _value(query, name) for name in _NEEDED}
        _check(store, values)
        if store.settings.approves:
            _hand_over(store, values)
    except _Denied as denied:
        return page("Access denied", f"Error: {html.escape(str(denied))}.", 401)
    answer = {"success": "1" if store.settings.approves else "0", "user_id": values["user_id"]}
    return Response(status=302, headers={"Location": back_to(values["return_url"], answer)})


def _value(query: Query, name: str) -> str:
    value = query.get(name)
    if not value:
        raise _Denied(f"Missing parameter {name}")
    if not isinstance(value, str):
        raise _Denied(f"Invalid parameter {name}")
    if name not in ("return_url", "callback_url"):
        return value
    url = unquote(value)
    url = url if "://" in url else f"https://{url}"
    if not urlsplit(url).hostname:
        raise _Denied(f"The {url} is not a valid URL")
    return url


def _check(store: Store, values: dict[str, str]) -> None:
    if values["scope"] not in get_args(Permissions):
        raise _Denied(f"Invalid scope {values['scope']}")
    url = values["callback_url"]
    if not url.lower().startswith("https://") and (store.settings.https_callbacks or not is_loopback(url)):
        raise _Denied("The callback_url needs to be over SSL")


def _hand_over(store: Store, values: dict[str, str]) -> None:
    with store.lock:
        name, word = f"ck_{secrets.token_hex(20)}", f"cs_{secrets.token_hex(20)}"
        key = store.keys.add(name, word, values["scope"], values["app_name"], store.settings.role)
    about = {"key_id": key.id, "user_id": values["user_id"]}
    body = encode({**about, "consumer_key": name, "consumer_secret": word, "key_permissions": values["scope"]})
    agent = AGENT.format(version=store.settings.version)
    headers = {"content-type": "application/json;charset=UTF-8", "user-agent": agent}
    post = Delivery(values["callback_url"], "keys", lambda: Message(headers, body))
    if store.webhooks.sender.post(post, TIMEOUT_S).status == 200:
        return
    with store.lock:
        store.keys.by_key.pop(name, None)
    raise _Denied("An error occurred in the request and at the time were unable to send the consumer data")
