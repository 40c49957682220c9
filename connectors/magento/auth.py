"""How a call to Magento proves who makes it: an integration's OAuth 1.0a, its token as Bearer, Adobe's IMS for SaaS.

https://developer.adobe.com/commerce/webapi/get-started/authentication/gs-authentication-oauth/: HMAC-SHA256 over the
address with its query; a JSON body is not signed. The four values of an integration do not end.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlencode, urlsplit

from oauthlib.oauth1 import SIGNATURE_HMAC_SHA256, Client

from customer_sync.errors import ConfigError
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.logins import Login, Nobody, Renewed, Request, bearer
from customer_sync.kit.oauth import Tokens
from customer_sync.kit.reach import Access
from customer_sync.kit.terms import Terms
from customer_sync.model import Json

#: The four values of an integration, as its page shows them.
FOUR: Final = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
IMS_URL: Final = "https://ims-na1.adobelogin.com/ims/token/v3"
IMS_SCOPE: Final = (
    "openid,AdobeID,email,profile,additional_info.roles,additional_info.projectedProductContext,commerce.accs"
)
KEYS_REMEDY: Final = (
    "Copy the four values of the integration again (System > Integrations), and tick its resources as the README says."
)
BEARER_REMEDY: Final = (
    "Magento takes an integration's token alone only where it is switched on: `bin/magento config:set "
    "oauth/consumer/enable_integration_as_bearer 1`. Better set all four values of the integration."
)
IMS_REMEDY: Final = "Copy `client_id` and `client_secret` of the OAuth Server-to-Server credential in Adobe's console."
AS_THIS: Final = "Write it as https://shop.example.com."
_NO_KEYS: Final = "Set consumer_key, consumer_secret, access_token and access_token_secret of an integration."


@dataclass(frozen=True, slots=True)
class OAuth1(Nobody):
    """A call signed with the four values of an integration.

    Args:
        values: the four, in the order of `FOUR`.
    """

    values: tuple[str, str, str, str] = field(repr=False)

    def prove(self, request: Request, access: Access) -> Request:
        """Return the request with its signature; the query is part of what is signed."""
        consumer_key, consumer_secret, token, token_secret = self.values
        url = f"{request.url}?{urlencode(request.params)}" if request.params else request.url
        client = Client(
            consumer_key,
            client_secret=consumer_secret,
            resource_owner_key=token,
            resource_owner_secret=token_secret,
            signature_method=SIGNATURE_HMAC_SHA256,
            timestamp=str(int(access.now_s())),
            nonce=secrets.token_hex(16),
        )
        _, headers, _ = client.sign(url, http_method=request.method)
        return replace(request, url=url, params=()).with_header("Authorization", headers["Authorization"])


def is_saas(options: Mapping[str, Json]) -> bool:
    """Tell whether the source is Adobe Commerce as a Cloud Service: it has the app's id and secret."""
    return bool(options.get("client_id") and options.get("client_secret"))


def is_bearer(options: Mapping[str, Json]) -> bool:
    """Tell whether the access token alone is sent: the other three values are not set."""
    return bool(options.get("access_token")) and not any(options.get(name) for name in FOUR if name != "access_token")


def has_keys(options: Mapping[str, Json]) -> bool:
    """Tell whether there is any way in."""
    return is_saas(options) or is_bearer(options) or all(options.get(name) for name in FOUR)


def remedy_of(options: Mapping[str, Json]) -> str:
    """Return what to do where the keys are refused."""
    return IMS_REMEDY if is_saas(options) else BEARER_REMEDY if is_bearer(options) else KEYS_REMEDY


def login_of(settings: SourceSettings, access: Access) -> Login:
    """Return the login of a source.

    Raises:
        ConfigError: values are missing.
    """
    options = settings.options
    if is_saas(options):
        return Renewed(Tokens(_ims(settings), access))
    if is_bearer(options):
        return bearer(str(options["access_token"]))
    missing = [name for name in FOUR if not options.get(name)]
    if missing:
        raise ConfigError(f"Magento's integration lacks {', '.join(missing)}.", _NO_KEYS)
    first, second, third, fourth = (str(options[name]) for name in FOUR)
    return OAuth1((first, second, third, fourth))


def shop_address(settings: SourceSettings) -> str | None:
    """Return the shop's address without a slash at its end, None when there is none; `base_url` wins.

    Raises:
        ConfigError: it is no web address.
    """
    written = settings.base_url or settings.options.get("shop_url")
    if not written:
        return None
    found = cut(str(written))
    if found is None:
        raise ConfigError("`shop_url` is no web address.", AS_THIS)
    return found


def right_address(text: str) -> str:
    """Return what to write in the place of a shop's address, "" where it is one."""
    return "" if cut(text) else AS_THIS


def cut(text: str) -> str | None:
    """Return an address without what people copy along from the address bar: `/rest/...`, `/admin/...`, a query.

    None for what is no web address.
    """
    text = text.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or "@" in parts.netloc:
        return None
    path = parts.path.partition("/rest/")[0].partition("/admin")[0].removesuffix("/rest").rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def _ims(settings: SourceSettings) -> Terms:
    options = settings.options
    return Terms(
        title="Adobe",
        source=settings.name,
        url=lambda: str(options.get("token_url") or IMS_URL),
        client_id=str(options["client_id"]),
        client_secret=str(options["client_secret"]),
        asks_alone=True,
        alone=lambda: {"grant_type": "client_credentials", "scope": IMS_SCOPE},
        refusals={"invalid_client": ("Adobe refuses the app's id or secret.", IMS_REMEDY)},
        keys=IMS_REMEDY,
    )
