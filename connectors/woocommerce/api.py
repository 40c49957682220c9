"""A shop's REST API: one call, its errors sorted by what to do next, and lists.

What comes is not always WooCommerce: a firewall, a maintenance page or a cache may answer in its place, so only JSON
is believed. Two things are found out at the first call and remembered in the vault: how this shop wants the keys
(see `auth`), and whether it needs `?rest_route=` because its permalinks are "plain".
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from connectors.woocommerce import auth
from connectors.woocommerce.auth import Keys, Way
from customer_sync.errors import ConfigError, PayloadError, TryLater, Unavailable
from customer_sync.kit.connector import SourceSettings, json_value
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Access, Pace
from customer_sync.model import Json

CUSTOMERS, ORDERS, WEBHOOKS = "wc/v3/customers", "wc/v3/orders", "wc/v3/webhooks"
#: WooCommerce Analytics' report: totals of everybody who ever ordered, guests included.
REPORT = "wc-analytics/reports/customers"
#: How the report is filled: at once, or every 12 hours; since 10.5.
IMPORTS = "wc-analytics/imports/status"
SYSTEM = "wc/v3/system_status"

#: The most records that a page may have: https://woocommerce.github.io/woocommerce-rest-api-docs/#pagination
PER_PAGE = 100
#: WooCommerce has no limit of its own, its hosts and firewalls do; most bear this many calls a second.
CALLS_PER_S = 3.0
#: How long to wait after a 429 that does not say it, in seconds.
THROTTLED_S = 30.0
#: The longest wait that a shop may ask for, in seconds.
MAX_WAIT_S = 3600.0

#: The keys were seen and refused; any other code with a 401 means that WordPress saw an anonymous visitor.
_SEEN = "woocommerce_rest_authentication"
_KEYS_PAGE = "WooCommerce > Settings > Advanced > REST API"
_LEARNED = "learned"
#: What PHP writes in front of the JSON when it shows its warnings to visitors: with `html_errors` and without.
_WARNING = re.compile(
    rb"(?:^\s*|<b>|<br ?/?>\s*|PHP |\n)(?:Warning|Notice|Deprecated|(?:Fatal|Parse|Recoverable fatal) error)(?:</b>)?: "
)


class Rejected(ConfigError):
    """The shop understood the request and refused it; `status` and `code` are WordPress's own."""

    def __init__(self, status: int, code: str, remedy: str) -> None:
        super().__init__(f"The shop answered {status} {code}.", remedy)
        self.status = status
        self.code = code


def _connected_shop(stored: Mapping[str, Json]) -> str | None:
    """Return the shop that the owner connected in a browser, where the config names none."""
    shop = stored.get("shop_url")
    return shop if isinstance(shop, str) and shop else None


class Answer(NamedTuple):
    """What came back.

    Args:
        status: the HTTP status.
        headers: by lower-case name.
        value: the JSON; None when it was something else.
        has_warning: whether it is something else because PHP wrote a warning into it.
    """

    status: int
    headers: Mapping[str, str]
    value: Json
    has_warning: bool = False


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
                f"Set `consumer_key` and `consumer_secret` of connectors.{settings.name} (make them in {_KEYS_PAGE}), "
                f"or run `tajo connectors connect {settings.name}`.",
            )
        self.address = address
        self._keys = found
        self._access = access
        calls_per_s(settings)
        learned = stored.get(_LEARNED)
        known = learned if isinstance(learned, dict) and learned.get("shop") == address else {}
        self._learned = dict(known)
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
            _count(answer.headers.get("x-wp-total")),
            _count(answer.headers.get("x-wp-totalpages")),
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
            if answer.value is None or (way is not Way.OAUTH1 and _code(answer).startswith(_SEEN)):
                break
        _sort(answer, method, self.address)
        return answer

    def _routed(
        self, way: Way, method: str, route: str, params: auth.Params, body: Mapping[str, Json] | None
    ) -> Answer:
        answer = self._send(way, method, route, params, body)
        if answer.status == 404 and answer.value is None and not self.by_query:
            self.by_query = True
            again = self._send(way, method, route, params, body)
            if again.value is not None:
                self._learn(route="query")
                self._tell()
                return again
            self.by_query = False
        return answer

    def _send(
        self, way: Way | None, method: str, route: str, params: auth.Params, body: Mapping[str, Json] | None
    ) -> Answer:
        url = f"{self.address}/" if self.by_query else f"{self.address}/wp-json/{route}"
        query = {"rest_route": f"/{route}", **params} if self.by_query else params
        headers: dict[str, str] = {}
        if way is None:
            url = auth.with_query(url, query)
        else:
            nonce = secrets.token_hex(16)
            url, headers = auth.proven(way, method, url, query, self._keys, at_s=self._access.now_s(), nonce=nonce)
        headers["Accept"] = "application/json"
        if body is not None:
            headers["Content-Type"] = "application/json"
        raw = None if body is None else json.dumps(body).encode()
        reply = self._access.http.send(method, url, headers=headers, body=raw)
        value = _json(reply)
        return Answer(reply.status, reply.headers, value, value is None and bool(_WARNING.search(reply.body[:4096])))

    def _settle(self, way: Way, answer: Answer) -> None:
        """Keep to the way that worked; remember it when it is not the one that a stranger would try first."""
        if way is self.way or answer.value is None or answer.status == 429 or answer.status >= 500:
            return
        self.ways = (way, *(other for other in self.ways if other is not way))
        self._learn(way=str(way))
        self._tell()

    def _learn(self, **found: str) -> None:
        self._learned = {**self._learned, "shop": self.address, **found}
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


# answers → what to do next ------------------------------------------------------------------------------------------


def _sort(answer: Answer, method: str, address: str) -> None:
    """Return when an answer is JSON and no error.

    Raises:
        TajoError: as `Shop.call`.
    """
    status = answer.status
    if status == 429 or (status == 503 and "retry-after" in answer.headers):
        raise TryLater(f"The shop is throttled ({status}).", after_s=_retry_after_s(answer), burns=False)
    if status >= 500:
        raise Unavailable(f"The shop answered {status}.")
    if 300 <= status < 400:
        raise _moved(answer, address)
    if answer.value is None:
        raise _no_json(answer)
    if status == 403 and not _code(answer):
        raise _no_json(answer)
    if status == 401:
        raise _unauthorized(_code(answer), method, _message(answer))
    if status >= 400:
        raise Rejected(status, _code(answer), _REMEDIES.get(status, "See the shop's log; is WooCommerce up to date?"))


#: Status → what to do, where the code adds nothing to it.
_REMEDIES: Mapping[int, str] = {
    403: f"The key's user may not do this: give the key to an administrator in {_KEYS_PAGE}.",
    404: "This WooCommerce does not know it: switched off, or too old.",
}


def _unauthorized(code: str, method: str, message: str) -> ConfigError:
    if not code.startswith(_SEEN):
        return ConfigError(
            f"The shop did not recognise the keys (401 {code}), however they were sent.",
            f"Compare `consumer_key` with {_KEYS_PAGE}. If it is right, a proxy takes the keys away, or WordPress does "
            "not know that it is behind HTTPS (is_ssl() is false): set `auth: oauth1`, or pass X-Forwarded-Proto on.",
        )
    if "timestamp" in message or "nonce" in message:
        return ConfigError("The shop refused the time of the request.", "Set the clock, here or there.")
    if "signature" in message:
        return ConfigError(
            "The shop refused the signature.",
            "Compare `consumer_secret`, and write `shop_url` as in Settings > General > Site address.",
        )
    if method != "GET" or "permission" in message:
        return ConfigError(
            "The key may not do this: it is read-only or write-only.",
            f"Give it the permission Read/Write in {_KEYS_PAGE}.",
        )
    return ConfigError("The shop refused the keys.", f"Compare them with {_KEYS_PAGE}, or make new ones there.")


def _moved(answer: Answer, address: str) -> ConfigError:
    there = auth.split(answer.headers.get("location", ""))
    to = "elsewhere" if there is None else f"{there.scheme}://{there.netloc}"
    return ConfigError(f"{address} sends its callers to {to}.", "Set `shop_url` to the address that answers itself.")


def _no_json(answer: Answer) -> ConfigError | TryLater:
    if answer.status == 404:
        return ConfigError(
            "There is no WooCommerce REST API at this address (404).",
            "Look at `shop_url`; is WordPress in a folder, is the REST API switched off by a plugin?",
        )
    if answer.status == 401:
        return ConfigError(
            "The web server itself asks for a password (401), before WordPress does.",
            "Let the path /wp-json/ through without it, and set `auth: query`.",
        )
    if answer.has_warning:
        return TryLater(
            f"The shop answered {answer.status} with a PHP warning or error in the JSON. Switch WP_DEBUG_DISPLAY off "
            "in wp-config.php (PHP's display_errors), and mend the plugin that the warning names."
        )
    return TryLater(
        f"The shop answered {answer.status}, but not as WordPress does: a firewall, a cache or a maintenance page?"
    )


def _json(reply: Reply) -> Json:
    """Return an answer's JSON, None when it is something else: the type alone is not believed, nor missed."""
    says_json = "json" in reply.headers.get("content-type", "")
    if not says_json and reply.body.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] not in {b"{", b"["}:
        return None
    try:
        return json_value(reply.body)
    except PayloadError:
        return None


def _code(answer: Answer) -> str:
    """Return WordPress's word for an error, "" when there is none; cut to plain letters, a plugin may have made it."""
    code = answer.value.get("code") if isinstance(answer.value, dict) else None
    return "".join(c for c in code if c.isascii() and (c.isalnum() or c in "_-"))[:80] if isinstance(code, str) else ""


def _message(answer: Answer) -> str:
    """Return WordPress's sentence in small letters; in the shop's language, so it is a hint at most."""
    message = answer.value.get("message") if isinstance(answer.value, dict) else None
    return message.lower() if isinstance(message, str) else ""


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _retry_after_s(answer: Answer) -> float:
    wait_s = _count(answer.headers.get("retry-after", "").strip())
    return THROTTLED_S if wait_s is None else min(float(wait_s), MAX_WAIT_S)


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
