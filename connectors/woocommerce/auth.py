"""How a request to a shop proves who sends it: address, keys, and the ways that WooCommerce knows. Pure.

https://woocommerce.github.io/woocommerce-rest-api-docs/#authentication. Over HTTPS WordPress reads the keys from HTTP
Basic or from the query string; otherwise it wants every request signed with OAuth 1.0a, "one-legged": without a token.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from oauthlib.oauth1 import SIGNATURE_HMAC_SHA256, Client
from oauthlib.oauth1.rfc5849 import signature

from customer_sync.errors import ConfigError
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Json

Params = Mapping[str, str]


class Way(StrEnum):
    """A way to prove who sends a request. The values of the option `auth`, and one that is only found out."""

    BASIC = "basic"
    QUERY = "query"
    OAUTH1 = "oauth1"
    #: Called over HTTPS and signed as if over HTTP: behind a proxy that ends TLS without saying so (`is_ssl()` is
    #: false) WordPress refuses Basic, and makes the text to sign from the address that it believes in (read in
    #: WooCommerce's class-wc-rest-authentication.php, 2026-11).
    OAUTH1_AS_HTTP = "oauth1-as-http"


class Keys(NamedTuple):
    """A REST API key: `ck_...` and `cs_...`."""

    key: str
    secret: str

    def __repr__(self) -> str:
        return "Keys(...)"


class _Known(NamedTuple):
    """What a shop is known by."""

    host: str
    path: str


#: The end of an address that WPML and Polylang put there: `/de`, `/pt-br`.
_LANGUAGE = re.compile(r"/[a-z]{2}(-[a-z]{2,4})?$")
_PORTS = {80, 443, None}
_CHOICES = (Way.BASIC, Way.QUERY, Way.OAUTH1)
_PLAIN_HTTP = "http://"


def shop_address(settings: SourceSettings) -> str | None:
    """Return the shop's address without a slash at its end, None when there is none; `base_url` wins.

    What people copy from the address bar is cut: `/wp-admin/...`, `/wp-json/...`, a query.

    Raises:
        ConfigError: it is no web address.
    """
    written = settings.base_url or settings.options.get("shop_url")
    if not written:
        return None
    text = str(written).strip()
    parts = split(text if "://" in text else f"https://{text}")
    if parts is None:
        raise ConfigError("`shop_url` is no web address.", "Write it as https://shop.example.com.")
    path = parts.path.partition("/wp-admin")[0].partition("/wp-json")[0].rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def is_same_shop(sender: str, shop: str) -> bool:
    """Tell whether two addresses are those of one shop; one without an address says nothing.

    With or without `www.`, by http or https it is the same one. A plugin for languages may put the language behind the
    address.

    Args:
        sender: what a delivery says of itself, as `https://shop.example.com/`.
        shop: the address in the config.
    """
    said, ours = _known_by(sender), _known_by(shop)
    if said is None or ours is None:
        return True
    return said.host == ours.host and ours.path in (said.path, _LANGUAGE.sub("", said.path))


def _known_by(address: str) -> _Known | None:
    text = address.strip()
    parts = split(text if "://" in text else f"https://{text}") if text else None
    if parts is None:
        return None
    try:
        host = (parts.hostname or "").removeprefix("www.").rstrip(".").encode("idna").decode()
        port = parts.port
    except (UnicodeError, ValueError):
        return None
    path = parts.path.partition("/wp-admin")[0].partition("/wp-json")[0].rstrip("/")
    return _Known(host if port in _PORTS else f"{host}:{port}", path)


def split(url: str) -> SplitResult | None:
    """Return the parts of a web address; None when it is none, or holds a password."""
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
    except ValueError:
        return None
    return parts if is_web else None


def keys_of(settings: SourceSettings, stored: Mapping[str, Json]) -> Keys | None:
    """Return the keys: those of the settings, otherwise those that the owner's consent brought; None without any."""
    for place in (settings.options, stored):
        key, secret = place.get("consumer_key"), place.get("consumer_secret")
        if isinstance(key, str) and isinstance(secret, str) and key.strip() and secret.strip():
            return Keys(key.strip(), secret.strip())
    return None


def chosen_way(settings: SourceSettings) -> Way | None:
    """Return what the option `auth` says, None when it says nothing.

    Raises:
        ConfigError: it is none of the choices.
    """
    written = settings.options.get("auth")
    if written is None:
        return None
    if written not in _CHOICES:
        raise ConfigError("`auth` is none of its choices.", f"Choose one of {', '.join(_CHOICES)}, or leave it out.")
    return Way(str(written))


def ways(shop: str, chosen: Way | None, learned: Way | None = None) -> tuple[Way, ...]:
    """Return the ways to try, in order: the next one when WordPress did not see the keys at all.

    Args:
        shop: the shop's address.
        chosen: the option `auth`.
        learned: what worked before.

    Over plain HTTP there is one way only: keys that anybody could read on the wire are not sent on a guess. On the
    loopback there is no wire.
    """
    is_http = shop.startswith(_PLAIN_HTTP)
    first = chosen or (Way.OAUTH1 if is_http else Way.BASIC)
    if first is Way.QUERY or (is_http and (first is Way.OAUTH1 or not is_near(shop))):
        return (first,)
    tried = (Way.BASIC, Way.QUERY, Way.OAUTH1_AS_HTTP) if first is Way.BASIC else (Way.OAUTH1, Way.OAUTH1_AS_HTTP)
    if learned is None or learned not in tried:
        return tried
    return (learned, *(way for way in tried if way is not learned))


def is_near(url: str) -> bool:
    """Tell whether an address is on this machine."""
    parts = split(url)
    host = (parts.hostname if parts is not None else None) or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def proven(  # noqa: PLR0913  # the facts of one request
    way: Way, method: str, url: str, params: Params, keys: Keys, *, at_s: float, nonce: str
) -> tuple[str, dict[str, str]]:
    """Return the whole address and the headers of a request that proves who sends it.

    Args:
        way: how.
        method: the HTTP verb in capitals.
        url: the address without a query.
        params: the query.
        keys: the API key.
        at_s: now, seconds since 1970; WordPress allows 15 minutes on either side.
        nonce: letters and digits, never used before.
    """
    headers: dict[str, str] = {}
    proof: Params = {}
    if way is Way.BASIC:
        headers["Authorization"] = f"Basic {base64.b64encode(f'{keys.key}:{keys.secret}'.encode()).decode()}"
    elif way is Way.QUERY:
        proof = {"consumer_key": keys.key, "consumer_secret": keys.secret}
    else:
        seen_as = url.replace("https://", _PLAIN_HTTP, 1) if way is Way.OAUTH1_AS_HTTP else url
        proof = oauth1(method, seen_as, params, keys, at_s=at_s, nonce=nonce)
    return with_query(url, {**params, **proof}), headers


def with_query(url: str, params: Params) -> str:
    """Return an address with its query, encoded as RFC 3986 wants it."""
    return f"{url}?{urlencode(params, quote_via=quote, safe='-._~')}" if params else url


def oauth1(  # noqa: PLR0913  # as above
    method: str, url: str, params: Params, keys: Keys, *, at_s: float, nonce: str
) -> dict[str, str]:
    """Return the OAuth parameters of a request, its signature with them (RFC 5849, HMAC-SHA256, no token).

    Step by step and not with `Client.sign`, which signs a home page with the slash behind its host.
    """
    proof = {
        "oauth_consumer_key": keys.key,
        "oauth_timestamp": str(int(at_s)),
        "oauth_nonce": nonce,
        "oauth_signature_method": SIGNATURE_HMAC_SHA256,
    }
    signed = signature.normalize_parameters({**params, **proof}.items())
    # WordPress leaves out the slash behind the host when the request is for the home page (`/?rest_route=...`).
    base = signature.signature_base_string(method, url.rstrip("/"), signed)
    return {**proof, "oauth_signature": signature.sign_hmac_sha256_with_client(base, Client(keys.key, keys.secret))}
