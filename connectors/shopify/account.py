"""What a source's settings say of the store, and of the app that reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from customer_sync.errors import ConfigError
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Json

#: Versions come every quarter and live for a year. https://shopify.dev/docs/api/usage/versioning
API_VERSION = "2026-10"
#: What a store is called, as Shopify's own libraries check it.
SHOP = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-_]*\.myshopify\.com")
#: Scope → what does not work without it.
SCOPES: Mapping[str, str] = {
    "read_customers": "customers and their consent",
    "write_customers": "word to the store of who left in Brevo",
    "read_orders": "orders, refunds, carts, checkouts and the date of the last order",
    "read_products": "products",
    "read_customer_merge": "the webhook that tells of merged customers",
}

_SCHEME = re.compile(r"^https?://")
_ADMIN = re.compile(r"(?:https?://)?admin\.shopify\.com/store/([^/?#]+)")
_STOREFRONT = re.compile(r"https?://[^\s/?#]+(?:/[^\s?#]*)?")
_VERSION = re.compile(r"20\d\d-(01|04|07|10)|unstable")


def host_of(address: str) -> str:
    """Return the host name of an address, however it was written: with `https://`, a path, capitals."""
    return _SCHEME.sub("", address.strip().lower()).partition("/")[0].partition(":")[0]


def right_address(written: str) -> str:
    """Return what to write where a text is not a store's own address, "" where it is.

    Deliveries name the store by that address and no other: with another one all of them would be refused.
    """
    host = host_of(written)
    if SHOP.fullmatch(host):
        return ""
    in_admin = _ADMIN.match(written.strip().lower())
    name = in_admin[1] if in_admin else host
    if SHOP.fullmatch(f"{name}.myshopify.com"):
        return f"Write {name}.myshopify.com, if that is the store's own address."
    return "Write the store's own address, your-store.myshopify.com; Settings > Domains in its admin shows it."


def right_storefront(written: str) -> str:
    """Return what to write where a text is no address of a storefront, "" where it is."""
    if _STOREFRONT.fullmatch(written.strip()):
        return ""
    return "Write the shop's public address, such as https://lamps.example; Settings > Domains in its admin shows it."


@dataclass(frozen=True, slots=True)
class Account:
    """One store and the app that reads it.

    Args:
        source: the source's name, for remedies.
        shop: the store, as `lamps.myshopify.com`; "" when it is not configured.
        base_url: where a stand-in for the store is; None means the store itself.
        api_version: see `API_VERSION`.
        client_id: the app's.
        client_secret: the app's.
        secrets: every secret that Shopify may sign with while the client secret is changed.
        access_token: the permanent token of a custom app made before 2026, "" for none.
        scopes: what the owner is asked for.
        public: where visitors see the shop, without a slash at the end; "" when it is not configured.
    """

    source: str
    shop: str
    base_url: str | None
    api_version: str
    client_id: str
    client_secret: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    access_token: str = field(repr=False)
    scopes: tuple[str, ...]
    public: str = ""

    @classmethod
    def of(cls, settings: SourceSettings) -> Account:
        """Return what the settings say."""
        options = settings.options
        shop, secret = host_of(_text(options, "shop_url")), _text(options, "api_secret")
        return cls(
            source=settings.name,
            shop=shop if not shop or "." in shop else f"{shop}.myshopify.com",
            base_url=settings.base_url.rstrip("/") if settings.base_url else None,
            api_version=_text(options, "api_version") or API_VERSION,
            client_id=_text(options, "api_key"),
            client_secret=secret,
            secrets=tuple(dict.fromkeys(one for one in (secret, *settings.secrets) if one)),
            access_token=_text(options, "access_token"),
            scopes=_scopes(options.get("scopes")),
            public=_text(options, "storefront_url").rstrip("/"),
        )

    @property
    def can_ask(self) -> bool:
        """Whether there is a store to ask, and keys to ask with."""
        return bool((self.shop or self.base_url) and (self.access_token or (self.client_id and self.client_secret)))

    def root(self, shop: str = "") -> str:
        """Return the address under which the store answers, without a slash at the end.

        Args:
            shop: the store, where the settings do not tell.

        Raises:
            ConfigError: nobody tells, or it is not the store's own address: a token is shown to nobody else.
        """
        if self.base_url:
            return self.base_url
        found = self.shop or shop
        if not SHOP.fullmatch(found):
            reason = f"shop_url is {found}, not a store's own address." if found else "shop_url is missing."
            raise ConfigError(reason, f"Set connectors.{self.source}.shop_url to your-store.myshopify.com.")
        return f"https://{found}"

    def storefront(self, shop: str = "") -> str:
        """Return where visitors see the shop, "" when nobody knows.

        Args:
            shop: the store, where the settings do not tell.

        Without `storefront_url` it is the store's own address: Shopify leads visitors on to the shop's domain.
        """
        own = self.shop or host_of(shop)
        return self.public or (f"https://{own}" if SHOP.fullmatch(own) else "")

    def graphql(self) -> str:
        """Return the address of the Admin API.

        Raises:
            ConfigError: the store's address or the version is wrong.
        """
        if not _VERSION.fullmatch(self.api_version):
            raise ConfigError(
                "api_version is no version of the Admin API.",
                f"Set connectors.{self.source}.api_version to {API_VERSION}, or remove it.",
            )
        return f"{self.root()}/admin/api/{self.api_version}/graphql.json"


def is_granted(scope: str, granted: frozenset[str]) -> bool:
    """Tell whether a scope is granted; who may write may read."""
    return scope in granted or scope.replace("read_", "write_", 1) in granted


def _text(options: Mapping[str, Json], name: str) -> str:
    value = options.get(name)
    return "" if value is None else str(value).strip()


def _scopes(value: Json) -> tuple[str, ...]:
    written = " ".join(map(str, value)) if isinstance(value, list) else str(value or "")
    return tuple(dict.fromkeys(written.replace(",", " ").split())) or tuple(SCOPES)
