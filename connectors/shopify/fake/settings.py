"""How a shop behaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

#: Versions that are answered, oldest first; each is supported for a year (2026-11).
VERSIONS: Final = ("2026-01", "2026-04", "2026-07", "2026-10")
#: 2026-09-01T00:00:00Z, until when the customers at the start have changed; a constant, so that they stay the same.
UNTIL_S: Final = 1_788_220_800


@dataclass(slots=True)
class Settings:
    """How a shop behaves; what is not said is like a new shop on a standard plan.

    Args:
        customers: how many there are at the start.
        products: how many products there are at the start.
        orders: how many orders there are at the start, one every six hours until the shop's start.
        seed: which ones.
        shop: the shop's own domain.
        client_id: the app's id.
        client_secret: the app's secret; it signs webhooks too.
        access_token: a permanent token that always works, as apps made before 2026 have.
        scopes: what the app may do.
        protected_data: whether the app may see personal fields: `granted`, `nulls` (they are null in answers and
            absent in webhooks) or `denied` (customers cannot be read at all).
        bucket: how many points the app may save up.
        restore: how many points come back each second.
        cost: how a connection is priced: `linear` as documented, `scaled` as seen in 2025.
        token_s: how long an access token lives.
        refresh_s: how long a refresh token lives.
        granted: the share of customers who subscribed, of those with an address.
        unsubscribed: the share who left.
        pending: the share who did not confirm.
        without_email: the share without an address.
        until_s: when the newest customer of the start last changed, seconds since 1970.
        whole_days: whether the filter `updated_at` matches whole days only, as documented.
        bulk_s: how long a bulk operation runs, beyond what its file takes.
        bulk_limit: how many of them run at once.
        merge_deletes: whether a merge sends customers/delete for who is taken in; no public source tells.
        time_scale: all waits between tries of a webhook are multiplied by this.
        webhook_timeout_s: how long the receiver of a webhook may take.
        schema: the platform's introspection to check queries against; `beside` is the one beside the checkout, where
            there is one, `none` has queries checked against the part that the stand-in knows.
        folder: where exports are written; none takes a temporary one.
    """

    customers: int = 1_000
    products: int = 0
    orders: int = 0
    seed: int = 1
    shop: str = "demo.myshopify.com"
    client_id: str = "demo-client-id"
    client_secret: str = "demo-client-secret"  # noqa: S105  # of a shop that does not exist
    access_token: str = "shpat_demo"  # noqa: S105  # as above
    scopes: tuple[str, ...] = (
        *("read_customers", "write_customers", "read_orders", "read_products", "read_customer_merge"),
    )
    protected_data: Literal["granted", "nulls", "denied"] = "granted"
    bucket: float = 1_000.0
    restore: float = 100.0
    cost: Literal["linear", "scaled"] = "linear"
    token_s: int = 86_399
    refresh_s: int = 7_776_000
    granted: float = 0.4
    unsubscribed: float = 0.02
    pending: float = 0.02
    without_email: float = 0.02
    until_s: int = UNTIL_S
    whole_days: bool = True
    bulk_s: float = 1.0
    bulk_limit: int = 5
    merge_deletes: bool = True
    time_scale: float = 1.0
    webhook_timeout_s: float = 5.0
    schema: str = "beside"
    folder: Path | None = None
