"""How a store is set up, and the switches that may be thrown while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HASH: Final = "fk7store1"
TOKEN: Final = "bctoken0000000000000000000000f1"  # noqa: S105 - opens a fake on the loopback
CLIENT: Final = "bcclient000000000000000000000f1"
SECRET: Final = "bcsecret0000000000000000000000f1"  # noqa: S105 - as above
SCOPES: Final = (
    "store_v2_customers",
    "store_v2_orders",
    "store_v2_products",
    "store_cart",
    "store_v2_information_read_only",
)


@dataclass(slots=True)
class Settings:
    """What a store is, and how it behaves.

    Args:
        customers: how many customers it starts with.
        orders: how many orders.
        products: how many products.
        seed: the same number makes the same people and orders.
        store_hash: the store's name in its API's addresses.
        access_token: the token of its API account.
        client_id: the API account's, and the app's.
        client_secret: signs webhooks.
        scopes: what the token may do.
        currency: the store's own.
        quota: how many calls a window of 30 seconds allows.
        bare_429: a refusal for the limit has none of the headers that tell of it.
        signed: webhooks are signed; recordings of 2023 are not.
        keeps_consent: an update of a subscriber is answered well and changes no consent.
        callback_url: where the installation of the app leads; "" leads nowhere.
        time_scale: the waits between tries of a webhook are multiplied by it.
        webhook_timeout_s: how long a webhook's receiver may take.
    """

    customers: int = 100
    orders: int = 40
    products: int = 24
    seed: int = 1
    store_hash: str = HASH
    access_token: str = TOKEN
    client_id: str = CLIENT
    client_secret: str = SECRET
    scopes: tuple[str, ...] = SCOPES
    currency: str = "EUR"
    quota: int = 150
    bare_429: bool = False
    signed: bool = True
    keeps_consent: bool = False
    callback_url: str = ""
    time_scale: float = 1.0
    webhook_timeout_s: float = 10.0


#: What may be changed while it runs.
SWITCHES: Final = ("quota", "bare_429", "signed", "keeps_consent", "callback_url")
