"""Magento 2 and Adobe Commerce: START HERE. Bodies in `events`, lists in `pull`, what is read of them in `reading`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qsl

from connectors.magento import consent, events, health, hooks, pull, reading
from connectors.magento.api import Shop
from connectors.magento.auth import has_keys, right_address, shop_address
from connectors.magento.customers import Erased
from connectors.magento.proof import MODULE, SIGNATURES, read_keys, verify_adobe
from customer_sync.errors import ConfigError, PayloadError, Refused
from customer_sync.kit.connector import Answer, Connector, Option, SourceSettings, header, json_object
from customer_sync.kit.reach import Access, Finding, Pace, Page, Upkeep, Want, Withdrawal, Written
from customer_sync.kit.signatures import is_same
from customer_sync.model import CUSTOMERS, Channel, Event, Inbound, Json

#: What Adobe I/O sends to a new address with GET, and wants back.
_CHALLENGE: Final = re.compile(r"[\w.~+/=-]{1,200}")
_CALLS_PER_S: Final = 5.0
#: No shop bears more.
_MOST_CALLS_PER_S: Final = 1000


def right_pace(text: str) -> str:
    """Return what to write in the place of a number of calls a second, "" where it is one."""
    try:
        is_good = 0 < float(text) < _MOST_CALLS_PER_S
    except ValueError:
        is_good = False
    return "" if is_good else f"Write a number above zero, or leave it out for {_CALLS_PER_S:g}."


class MagentoConnector(Connector):
    """Magento Open Source, Adobe Commerce, and Adobe Commerce as a Cloud Service."""

    platform = "magento"
    title = "Magento"
    auth = "OAuth 1.0a, token, or Adobe's OAuth 2.0"
    proof = "Adobe's RSA, or HMAC of a module"
    judges = "`PyMagento`, recorded bodies"
    greets_get = True
    marks = (MODULE.header, *SIGNATURES)
    chooses_secret = True
    topics = tuple(events.TOPICS)
    shares_addresses = True  # accounts are per website
    resources = pulls = ("customers", "orders", "products", "carts")
    fetches = ("customers", "orders", "products")
    #: Each account is a call of its own.
    fetches_at_once = 25
    pulls_edits = False  # neither the newsletter nor an address moves `updated_at` (magento2 issue 5013)
    writes = (Channel.EMAIL,)
    options = (
        Option(
            "shop_url",
            "The shop's address, such as https://shop.example.com.",
            aliases=("url",),
            remedy=right_address,
        ),
        Option("consumer_key", "The integration's consumer key.", secret=True),
        Option("consumer_secret", "The integration's consumer secret.", secret=True),
        Option("access_token", "The integration's access token; alone, it is sent as Bearer.", secret=True),
        Option("access_token_secret", "The integration's access token secret.", secret=True),
        Option("client_id", "Adobe Commerce as a Cloud Service: the credential's client id.", secret=True),
        Option("client_secret", "Adobe Commerce as a Cloud Service: the credential's secret.", secret=True),
        Option("token_url", "Adobe Commerce as a Cloud Service: where tokens come from, if not Adobe's own address."),
        Option("webhook_secret", "The secret of the companion module. A list while it is changed.", secret=True),
        Option("io_client_id", "Adobe I/O Events: the client id that deliveries must name."),
        Option("io_keys", "Adobe I/O Events: Adobe's public keys, path: PEM."),
        Option("website", "Code or number of the one website that this source reads; without it all are read."),
        Option(
            "newsletter_per_website",
            "true: who leaves the newsletter of a website leaves the lists of this source only, and is not blocked.",
        ),
        Option(
            "erased_addresses",
            "Patterns of the addresses that the shop's privacy module makes up: such a person is erased. A list.",
        ),
        Option("calls_per_s", "The most API calls a second; 5 unless the shop's host bears more.", remedy=right_pace),
    )

    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings)
        options = settings.options
        self._erased = Erased(_patterns(options.get("erased_addresses")))
        self._io_keys = read_keys(options.get("io_keys"))
        website = options.get("website")
        self._terms = reading.Terms(
            settings.name,
            self._erased,
            options.get("newsletter_per_website") is True,
            "" if website is None else str(website).strip(),
        )
        self.pace = Pace(_number(options.get("calls_per_s")), 1.0)

    def greet(self, inbound: Inbound) -> Answer | None:
        """Give the challenge of Adobe I/O back, which asks once whether an address is ours."""
        if inbound.method != "GET":
            return None
        given = dict(parse_qsl(inbound.query)).get("challenge", "")
        return Answer(200, given.encode()) if _CHALLENGE.fullmatch(given) else None

    def verify(self, inbound: Inbound, secrets: Sequence[str]) -> None:
        """Check who sent it: the companion module by its secret, Adobe I/O by a known key and our client id.

        Raises:
            Refused: neither did, or it is meant for another client of Adobe's.
        """
        if header(inbound, MODULE.header) or not any(header(inbound, name) for name in SIGNATURES):
            MODULE.verify(inbound, secrets)
            return
        verify_adobe(inbound, self._io_keys)
        wanted = str(self.settings.options.get("io_client_id") or "")
        try:
            told = json_object(inbound).get("recipient_client_id")
        except PayloadError:
            told = None
        if not wanted or not isinstance(told, str) or not is_same(told, wanted):
            raise Refused("This delivery is for another client than `io_client_id`.", cause="other account")

    def parse(self, inbound: Inbound) -> Sequence[Event | PayloadError]:
        """Return the events of the module or of Adobe I/O; see `events`."""
        return events.parse(inbound, self._erased, self._terms.website, is_per_website=self._terms.is_per_website)

    def sign(self, inbound: Inbound, secret: str) -> Inbound:
        """Return the request as the companion module signs it."""
        return replace(inbound, headers={**inbound.headers, **MODULE.sign(inbound, secret)})

    def can_pull(self) -> bool:
        """Tell whether the settings hold the shop's address and a way in."""
        return bool(shop_address(self.settings) and has_keys(self.settings.options))

    def pull(self, want: Want, access: Access) -> Page:
        """Return the next page of accounts, orders, products or carts, guests' orders included."""
        self.must(want.resource, self.pulls)
        shop, place = Shop(self.settings, access), pull.Place.of(want)
        if place.extra is None:
            place = replace(place, extra=reading.look(shop, self._terms))
        desk = reading.Desk(shop, self._terms, place.extra or {})
        live = replace(pull.LISTS[want.resource], filters=desk.filters(want.resource))
        known = want.known if want.resource == CUSTOMERS else None
        return pull.pull(shop, live, place, lambda rows: desk.read(want.resource, rows, known), want.resource)

    def fetch(self, resource: str, ids: Sequence[str], access: Access) -> Sequence[Event | PayloadError]:
        """Return these accounts, orders or products as they are now."""
        self.must(resource, self.fetches)
        shop = Shop(self.settings, access)
        needs_place = resource == "products" or self._terms.website
        about = reading.look(shop, self._terms) if needs_place else {}
        return reading.fetch(shop, reading.Desk(shop, self._terms, about), resource, ids)

    def write_consent(self, withdrawal: Withdrawal, access: Access) -> Written:
        """Take the newsletter away from the account; Magento mails the customer about it."""
        return consent.withdraw(Shop(self.settings, access), withdrawal)

    def ensure_webhooks(self, address: str, access: Access) -> Upkeep:
        """Make those of the companion module; Adobe I/O's are made in Adobe's console."""
        return hooks.ensure(Shop(self.settings, access), self.topics, address, self.settings.secrets)

    def check(self, access: Access) -> Sequence[Finding]:
        """Return what is well with the shop."""
        return health.check(self.settings, self.topics, access)


def _patterns(option: Json) -> tuple[str, ...]:
    """Return the patterns of made-up addresses, in lower case.

    Raises:
        ConfigError: it is no list of texts, or a pattern would fit everybody.
    """
    found = [option] if isinstance(option, str) else [] if option is None else option
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ConfigError("`erased_addresses` is no list of patterns.", "Write it as [anon-*@deleted.example.com].")
    patterns = tuple(str(one).strip().lower() for one in found)
    if any(not one.rpartition("@")[2].strip("*?!") for one in patterns):
        raise ConfigError(
            "`erased_addresses`: a pattern names no domain, so it would erase everybody.",
            "Write the domain of the made-up addresses: *@deleted.example.com.",
        )
    return patterns


def _number(option: Json) -> float:
    """Return how many calls a second are made at most.

    Raises:
        ConfigError: it is no number above zero.
    """
    if option is None:
        return _CALLS_PER_S
    if remedy := right_pace(str(option)):
        raise ConfigError("`calls_per_s` is no number above zero.", remedy)
    return float(str(option))


CONNECTOR = MagentoConnector
