"""A shop's REST API: one call, sent as the shop wants it, and lists; what comes back is sorted by `answers`.

Two things are found out at the first call and remembered in the vault: how this shop wants the keys
(see `auth`), and whether it needs `?rest_route=` because its permalinks are "plain". Both are found out anew every day,
and when they fail: a page of a deploy or of a firewall must not decide for ever how a shop is called.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from connectors.woocommerce import auth
from connectors.woocommerce.answers import KEYS_PAGE, SEEN, WARNING, Answer, code_of, count, is_nowhere, sort
from connectors.woocommerce.auth import Keys, Way
from customer_sync.errors import ConfigError, TryLater
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.reach import Access, Pace
from customer_sync.kit.rest import json_of
from customer_sync.model import Json

CUSTOMERS, ORDERS, WEBHOOKS = "wc/v3/customers", "wc/v3/orders", "wc/v3/webhooks"
PRODUCTS = "wc/v3/products"
#: The shop's one currency: https://woocommerce.github.io/woocommerce-rest-api-docs/#retrieve-an-setting-option
CURRENCY = "wc/v3/settings/general/woocommerce_currency"
#: WooCommerce's own cart recovery e-mail, since 10.9: whether it is enabled, and sent without a click (read in
#: class-wc-email-customer-abandoned-cart-recovery.php, 2026-11).
REMINDER = "wc/v3/settings/email_customer_abandoned_cart_recovery"
#: WooCommerce Analytics' report: totals of everybody who ever ordered, guests included.
REPORT = "wc-analytics/reports/customers"
#: How the report is filled: at once, or every 12 hours; since 10.5.
IMPORTS = "wc-analytics/imports/status"
SYSTEM = "wc/v3/system_status"

#: The most records that a page may have: https://woocommerce.github.io/woocommerce-rest-api-docs/#pagination
PER_PAGE = 100
#: WooCommerce has no limit of its own, its hosts and firewalls do; most bear this many calls a second.
CALLS_PER_S = 3.0
_LEARNED = "learned"
#: How long it is believed what was found out of a shop, in seconds.
LEARNED_S = 86_400.0
#: WooCommerce looks at keys only where these words stand somewhere in the address, slashes unencoded: without them
#: every call by ?rest_route= is a visitor's (seen on WooCommerce 11.0.1, read in 9.8.3 and 10.5.2, 2026-11).
_MARK = {"_": "/wp-json/wc/"}
_MARK_ENCODED, _MARK_RAW = "_=%2Fwp-json%2Fwc%2F", "_=/wp-json/wc/"


def _connected_shop(stored: Mapping[str, Json]) -> str | None:
    """Return the shop that the owner connected in a browser, where the config names none."""
    shop = stored.get("shop_url")
    return shop if isinstance(shop, str) and shop else None


class Listing(NamedTuple):
    """One page of a list.

    Args:
        rows: the records; fewer than asked for, or none, in the middle of a list too: what the key's user may not read
            is left out.
        total: how many records the whole list has; None when a proxy took the header away.
        pages: how many pages it has, as `total`.
    """

    rows: Sequence[Mapping[str, Json]]
    total: int | None
    pages: int | None


class Shop:
    """One source's shop, for the length of one piece of work.

    Args:
        settings: the source.
        access: how to reach it.
        keys: keys to be tried in the place of the source's own.

    Raises:
        ConfigError: address or keys are missing or make no sense.
    """

    def __init__(self, settings: SourceSettings, access: Access, keys: Keys | None = None) -> None:
        stored = access.vault.load()
        address = auth.shop_address(settings) or _connected_shop(stored)
        if address is None:
            raise ConfigError("The shop's address is missing.", f"Set `shop_url` of connectors.{settings.name}.")
        found = keys or auth.keys_of(settings, stored)
        if found is None:
            raise ConfigError(
                "The REST API keys are missing.",
                f"Set `consumer_key` and `consumer_secret` of connectors.{settings.name} (make them in {KEYS_PAGE}), "
                f"or run `tajo connectors connect {settings.name}`.",
            )
        self.address = address
        self._keys = found
        #: What the key is known by, without telling it.
        self.fingerprint = sha256(found.key.encode()).hexdigest()[:16]
        self._access = access
        calls_per_s(settings)
        known = self._learned = _believed(stored.get(_LEARNED), address, access.now_s())
        self.ways = auth.ways(address, auth.chosen_way(settings), _way(known.get("way")))
        self.by_query = known.get("route") == "query"
        #: What the operator should know of this shop.
        self.notes: list[str] = []
        self._tell()

    @property
    def way(self) -> Way:
        """How the keys are sent: what worked, or what is tried first."""
        return self.ways[0]

    def listing(self, route: str, **params: str) -> Listing:
        """Return one page of a list.

        Raises:
            Rejected: the shop refused.
            TajoError: as `call`.
        """
        answer = self.call("GET", route, {"per_page": str(PER_PAGE), **params})
        rows = answer.value
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise TryLater(f"{route}: expected a list of records, found {type(rows).__name__}")
        return Listing(
            [row for row in rows if isinstance(row, dict)],
            count(answer.headers.get("x-wp-total")),
            count(answer.headers.get("x-wp-totalpages")),
        )

    def get(self, route: str, **params: str) -> Mapping[str, Json]:
        """Return one record.

        Raises:
            Rejected: the shop refused.
            TajoError: as `call`.
        """
        value = self.call("GET", route, params).value
        if not isinstance(value, dict):
            raise TryLater(f"{route}: expected a record, found {type(value).__name__}")
        return value

    def index(self) -> Mapping[str, Json]:
        """Return the site's public description, which holds its time zone; {} when it is hidden.

        Without the keys: to this route WordPress takes them for a user's password and refuses.
        """
        answer = self._send(None, "GET", "", {"_fields": "timezone_string,gmt_offset"}, None)
        return answer.value if answer.status == 200 and isinstance(answer.value, dict) else {}

    def call(
        self, method: str, route: str, params: auth.Params | None = None, body: Mapping[str, Json] | None = None
    ) -> Answer:
        """Send one request, each way until WordPress sees the keys, and return an answer that is JSON and no error.

        Raises:
            Rejected: 4xx in WordPress's own words.
            ConfigError: keys, address or permission.
            TryLater: throttled, or a page in the place of JSON.
            Unavailable: no answer, or 5xx.
        """
        for way in self.ways:
            answer = self._routed(way, method, route, params or {}, body)
            if answer.status != 401:
                self._settle(way, answer)
                break
            # a signature fits one of the two addresses that WordPress may believe in, so the other is tried, too
            if answer.value is None or (way is not Way.OAUTH1 and code_of(answer).startswith(SEEN)):
                break
        sort(answer, method, self.address)
        return answer

    def _routed(
        self, way: Way, method: str, route: str, params: auth.Params, body: Mapping[str, Json] | None
    ) -> Answer:
        answer = self._send(way, method, route, params, body)
        if not is_nowhere(answer) and not (self.by_query and answer.status == 401):
            return answer
        self.by_query = not self.by_query
        again = self._send(way, method, route, params, body)
        if again.value is not None and again.status < 400:
            self._learn(route="query" if self.by_query else "pretty")
            self._tell()
            return again
        self.by_query = not self.by_query
        return answer if again.value is None else again

    def _send(
        self, way: Way | None, method: str, route: str, params: auth.Params, body: Mapping[str, Json] | None
    ) -> Answer:
        url = f"{self.address}/" if self.by_query else f"{self.address}/wp-json/{route}"
        query = {"rest_route": f"/{route}", **params, **_MARK} if self.by_query else params
        headers: dict[str, str] = {}
        if way is None:
            url = auth.with_query(url, query)
        else:
            nonce = secrets.token_hex(16)
            url, headers = auth.proven(way, method, url, query, self._keys, at_s=self._access.now_s(), nonce=nonce)
        url = url.replace(_MARK_ENCODED, _MARK_RAW)
        headers["Accept"] = "application/json"
        if body is not None:
            headers["Content-Type"] = "application/json"
        raw = None if body is None else json.dumps(body).encode()
        reply = self._access.http.send(method, url, headers=headers, body=raw)
        value = json_of(reply)
        return Answer(reply.status, reply.headers, value, value is None and bool(WARNING.search(reply.body[:4096])))

    def _settle(self, way: Way, answer: Answer) -> None:
        """Keep to the way that worked; remember it when it is not the one that a stranger would try first."""
        if way is self.way or answer.value is None or answer.status == 429 or answer.status >= 500:
            return
        self.ways = (way, *(other for other in self.ways if other is not way))
        self._learn(way=str(way))
        self._tell()

    def _learn(self, **found: str) -> None:
        self._learned = {**self._learned, "shop": self.address, "at_s": int(self._access.now_s()), **found}
        with self._access.vault.locked():
            self._access.vault.save({**self._access.vault.load(), _LEARNED: dict(self._learned)})

    def _tell(self) -> None:
        facts = {
            "A proxy of the shop takes the Authorization header away: the keys go in the query string.": (
                self.way is Way.QUERY and self._learned.get("way") == Way.QUERY
            ),
            "WordPress does not know that it is behind HTTPS (is_ssl() is false): requests are signed with OAuth 1.": (
                self.way is Way.OAUTH1_AS_HTTP
            ),
            "The shop's permalinks are plain: it is called by ?rest_route=.": self.by_query,
        }
        self.notes = [fact for fact, is_so in facts.items() if is_so]


def _believed(learned: Json, address: str, now_s: float) -> dict[str, Json]:
    """Return what was found out of a shop at this address, {} when that was too long ago."""
    if not isinstance(learned, dict) or learned.get("shop") != address:
        return {}
    at_s = learned.get("at_s")
    return dict(learned) if isinstance(at_s, int) and abs(now_s - at_s) < LEARNED_S else {}


def _way(value: Json) -> Way | None:
    return Way(value) if isinstance(value, str) and value in set(Way) else None


def pace_of(settings: SourceSettings) -> Pace:
    """Return how fast a shop may be called; a number that makes no sense is told when it is called, see `Shop`."""
    try:
        return Pace(calls_per_s(settings))
    except ConfigError:
        return Pace(CALLS_PER_S)


def calls_per_s(settings: SourceSettings) -> float:
    """Return how many calls a second the settings allow.

    Raises:
        ConfigError: they hold no such number.
    """
    written = settings.options.get("calls_per_s")
    if written is None:
        return CALLS_PER_S
    try:
        found = float(str(written))
    except ValueError:
        found = 0.0
    if not 0.01 <= found <= 1000:
        raise ConfigError("`calls_per_s` is no number from 0.01 to 1000.", f"Leave it out for {CALLS_PER_S:g}.")
    return found
