"""How a shop is set up, and the switches that may be thrown while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

#: The four values that work when none are chosen.
FOUR: Final = ("fakeconsumerkey", "fakeconsumersecret", "fakeaccesstoken", "fakeaccesssecret")
#: What may be changed while it runs.
SWITCHES: Final = (
    "bearer",
    "max_page_size",
    "clamps",
    "list_is_right",
    "hides_flag",
    "keeps_flag",
    "module",
    "forbidden",
    "io_url",
    "null_items",
)


class View(NamedTuple):
    """A store view of a website."""

    id: int
    code: str
    website_id: int
    website: str


#: The admin's own, then those of the websites; the second website has two.
VIEWS: Final = (
    View(0, "admin", 0, "admin"),
    View(1, "default", 1, "base"),
    View(2, "second", 2, "second"),
    View(3, "second_fr", 2, "second"),
)


@dataclass(slots=True)
class Settings:
    """What a shop is, and how it behaves.

    Args:
        customers: how many accounts it starts with; an order comes with every two of them, one of a guest with every
            eight, a cart with every four.
        products: how many products.
        websites: one or two; of two, every eighth account is at the second, with the address of the one before it.
        seed: the same number makes the same people and orders.
        consumer_key: the integration's.
        consumer_secret: the integration's.
        access_token: the integration's.
        access_secret: the integration's.
        bearer: whether the access token alone is taken (off by default since 2.4.4).
        client_id: of Adobe Commerce as a Cloud Service; with it only its tokens are taken.
        client_secret: the same.
        max_page_size: larger pages are refused; 0 has no limit (the switch came with 2.4.3).
        clamps: a page past the end is the last page again; off, it is empty (reported for later 2.4.x, issue 26988).
        list_is_right: the list of customers tells each account's own newsletter; off, as in the source, it takes the
            first row of the address, of whatever website.
        hides_flag: the single account does not tell of the newsletter (issues 13252, 8027).
        keeps_flag: a PUT takes the opt-out and keeps the newsletter.
        module: whether the companion module is installed.
        forbidden: resources that the integration may not use, as `Magento_Sales::sales`.
        null_items: an empty list is written as null.
        io_url: where Adobe I/O delivers to; "" delivers nothing.
        io_client_id: the client that its deliveries name.
        currency: the base currency.
        shown_currency: the one that orders were shown in; at six of the base currency for one.
        timezone: that of the shop; the API writes UTC whatever it is (issue 24985).
        version: what `/magento_version` says; "" is 404.
    """

    customers: int = 24
    products: int = 8
    websites: int = 2
    seed: int = 1
    consumer_key: str = FOUR[0]
    consumer_secret: str = FOUR[1]
    access_token: str = FOUR[2]
    access_secret: str = FOUR[3]
    bearer: bool = False
    client_id: str = ""
    client_secret: str = ""
    max_page_size: int = 0
    clamps: bool = True
    list_is_right: bool = False
    hides_flag: bool = False
    keeps_flag: bool = False
    module: bool = True
    forbidden: tuple[str, ...] = ()
    null_items: bool = False
    io_url: str = ""
    io_client_id: str = "fake-io-client"
    currency: str = "DKK"
    shown_currency: str = "EUR"
    timezone: str = "America/New_York"
    version: str = "Magento/2.4 (Community)"
