"""How an account behaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: 2026-09-01T00:00:00Z, when the newest customer of the start came; a constant, so that they stay the same.
UNTIL_S: Final = 1_788_220_800
#: The first version in which a charge does not name its invoice.
BASIL: Final = "2025-03-31"


@dataclass(slots=True)
class Settings:
    """How an account behaves; what is not said is like a new account in test mode.

    Args:
        customers: how many there are at the start.
        invoices: how many of them have paid an invoice at the start.
        seed: which ones.
        key: the restricted key.
        secret_key: the key that may do everything.
        permissions: what the restricted key may do: `customer_read`, `customer_write`, ...
        account: the account's id.
        livemode: whether money moves.
        version: the account's own version, for calls and endpoints that name none.
        lag_s: how long an event that happened is not listed yet.
        memory_s: how long events are kept.
        calls_per_s: how many calls of one second are answered; 0 for all.
        time_scale: all waits between tries of a webhook are multiplied by this.
        webhook_timeout_s: how long the receiver of a webhook may take.
    """

    customers: int = 1_000
    invoices: int = 0
    seed: int = 1
    key: str = "rk_test_demo"
    secret_key: str = "sk_test_demo"  # noqa: S105  # of an account that does not exist
    permissions: tuple[str, ...] = (
        *("customer_read", "customer_write", "subscription_read", "invoice_read", "charge_read", "event_read"),
        *("webhook_read", "webhook_write"),
    )
    account: str = "acct_demo"
    livemode: bool = False
    version: str = "2026-10-28.endive"
    lag_s: float = 0.0
    memory_s: float = 2_592_000.0
    calls_per_s: int = 0
    time_scale: float = 1.0
    webhook_timeout_s: float = 10.0
