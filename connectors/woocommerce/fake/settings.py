"""How a store is set up, and the switches that may be thrown while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

#: What can be forbidden to a key's user, one word each.
Area = Literal["customers", "orders", "products", "webhooks", "system_status", "reports", "settings"]
Permissions = Literal["read", "write", "read_write"]
#: The key that works when none is chosen.
KEY: Final = "ck_00000000000000000000000000000000000000f1"
SECRET: Final = "cs_00000000000000000000000000000000000000f1"  # noqa: S105 - opens a fake on the loopback
#: The versions whose ways were seen on a running shop, 2026-11-28.
VERSIONS: Final = ("9.8.3", "11.0.1")


@dataclass(slots=True)
class Settings:
    """What a store is, and how it behaves.

    Args:
        customers: how many accounts it starts with, kept in memory at about 10 KB each with what they ordered; ten
            orders come with every eight of them.
        products: how many products.
        seed: the same number makes the same people and orders.
        version: WooCommerce's own; what is different in the older one says so where it is.
        key: the consumer key; more are made by `/wc-auth/` or the control routes.
        secret: the consumer secret.
        permissions: what the key may do.
        role: whose key it is. Customers show the fields of plugins to an administrator only.
        site_url: what the store believes to be its address; nothing takes the address that it is called at.
        utc_offset_h: the site's own zone, hours east of UTC.
        currency: the shop's one currency.
        behind_tls: calls count as made over HTTPS, although they come over HTTP: keys are accepted as Basic or in the
            query. Without it only OAuth 1.0a is.
        strip_authorization: the host in front of PHP drops the `Authorization` header.
        pretty_permalinks: `/wp-json/` works; without it only `?rest_route=` does.
        strict_permalinks: without pretty permalinks no key is looked at unless `wp-json/wc` stands in the address (seen
            on WooCommerce 11.0.1, 2026-11-28); off, keys work there too.
        forbidden: the areas that the keys' user may not see.
        hide_every: every so many-th order and product may not be read by the keys' user; 0 hides none.
        ignores_modified: an old store that knows no `modified_after`.
        arbitrary_ties: rows that are equal in the column they are sorted by come in another order on each page, as
            from a real database: some come twice and some never (seen on WooCommerce 9.8.3 and 11.0.1, 2026-11-28).
        hpos: orders are in tables of their own (the default since 8.2); off, they are posts.
        max_per_second: calls beyond are answered 429, as hosts do; 0 has no limit.
        webhooks: whether changes raise webhooks at all; imports and batch paths of real stores raise none.
        owner: what became of the user of the first key, who made the webhooks: still there, without rights, deleted.
        approves: whether the shop owner agrees at `/wc-auth/`.
        https_callbacks: `/wc-auth/` takes no http callback, not even on the loopback (seen on WooCommerce 11.0.1,
            2026-11-28); off, it takes one there.
        report_lag_s: how long the customers report shows the old state after a change.
        report_every_s: the report is brought up to date at multiples of so many seconds only; 0 does it after the lag.
            New shops since 10.5 do it every 12 hours (seen on WooCommerce 11.0.1, 2026-11-28).
        checkout_field: the newsletter box of the block checkout.
        field_location: where it was registered: a box of `contact` is kept with the account and pre-filled the next
            time, one of `order` is not (seen on WooCommerce 11.0.1, 2026-11-28).
        own_reminder: WooCommerce sends its own cart recovery e-mail by itself.
        delivery_timeout_s: how long a webhook's receiver may take.
        ping_timeout_s: how long the receiver of a ping may take.
    """

    customers: int = 100
    products: int = 24
    seed: int = 1
    version: Literal["9.8.3", "11.0.1"] = "11.0.1"
    key: str = KEY
    secret: str = SECRET
    permissions: Permissions = "read_write"
    role: Literal["administrator", "shop_manager"] = "administrator"
    site_url: str = ""
    utc_offset_h: float = 1.0
    currency: str = "EUR"
    behind_tls: bool = False
    strip_authorization: bool = False
    pretty_permalinks: bool = True
    strict_permalinks: bool = True
    forbidden: tuple[Area, ...] = ()
    hide_every: int = 0
    ignores_modified: bool = False
    arbitrary_ties: bool = True
    hpos: bool = True
    max_per_second: int = 0
    webhooks: bool = True
    owner: Literal["well", "demoted", "gone"] = "well"
    approves: bool = True
    https_callbacks: bool = True
    report_lag_s: float = 5.0
    report_every_s: float = 0.0
    checkout_field: str = "SendinblueWoocommerce/newsletter_opt_in"
    field_location: Literal["contact", "order"] = "contact"
    own_reminder: bool = False
    delivery_timeout_s: float = 60.0
    ping_timeout_s: float = 5.0
