"""How the stand-in behaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CLIENT, SECRET = "paypal-client", "paypal-secret"
#: https://developer.paypal.com/docs/api/transaction-search/v1/: the most days of one question, and of the past.
DAYS: Final = 31
HISTORY_S: Final = 3 * 365 * 86_400


@dataclass(slots=True)
class Settings:
    """How PayPal behaves.

    Args:
        customers: how many payers there are.
        seed: the same number makes the same people.
        client_id: the app's id.
        client_secret: the app's secret.
        token_s: how long a token lives; real ones live nine hours.
        report_lag_s: how late a transaction appears in reports; up to three hours at PayPal.
        rows: more lines than these in one window are refused; 10,000 at PayPal.
        lists_subscriptions: whether the list of subscriptions is open to the app.
        searches: whether transaction search is switched on for the app.
        webhook_id: the id of the first webhook that is made.
        time_scale: the waits between tries of webhooks are multiplied by it.
    """

    customers: int = 40
    seed: int = 5
    client_id: str = CLIENT
    client_secret: str = SECRET
    token_s: float = 32_400.0
    report_lag_s: float = 0.0
    rows: int = 10_000
    lists_subscriptions: bool = True
    searches: bool = True
    webhook_id: str = "96605875FF6516633"
    time_scale: float = 1.0
