"""The store's account: which store, whose key, and how its two APIs are called.

https://developer.bigcommerce.com/docs/start/authentication/api-accounts. Orders are read from V2, all else from V3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from customer_sync.errors import ConfigError, TryLater
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.logins import Nobody, Request
from customer_sync.kit.oauth import Tokens
from customer_sync.kit.reach import Access, Left
from customer_sync.kit.rest import Action, Answer, Params, Rest, Rule
from customer_sync.kit.terms import Terms
from customer_sync.model import Json

TITLE: Final = "BigCommerce"
API: Final = "https://api.bigcommerce.com"
LOGIN: Final = "https://login.bigcommerce.com"
#: What the connector asks for; the newsletter's subscribers belong to customers.
SCOPES: Final = (
    "store_v2_customers",
    "store_v2_orders_read_only",
    "store_v2_products_read_only",
    "store_cart_read_only",
    "store_v2_information_read_only",
)
#: A store's hash, as it stands in the address of its API.
_HASH: Final = re.compile(r"[a-z0-9]{1,40}")
_KEYS: Final = "Set store_hash and access_token of the API account (or client_id and client_secret of the app)."
#: The longest wait that is believed: windows have 30 seconds.
_MAX_RESET_S: Final = 3600.0

RULES: Final = (
    # it may come without any header that tells when to go on (bigcommerce/docs PR 325, 2024-06): see `Shop.call`
    Rule(429, Action.TAKE),
    Rule(413, Action.SPLIT, reason="BigCommerce refuses to list so much at once (413)."),
    Rule(
        403,
        Action.KEYS,
        reason="The BigCommerce key may not do this (403).",
        remedy="Give its API account the OAuth scopes that the README names.",
        fits=lambda one: one.value is not None,
    ),
)


def store_hash(settings: SourceSettings) -> str:
    """Return the store's hash, "" when the settings do not name it; an address that holds it is cut.

    Raises:
        ConfigError: it cannot be one.
    """
    written = str(settings.options.get("store_hash") or "").strip()
    found = re.search(r"(?:stores/|store-)([a-z0-9]+)", written)
    name = found[1] if found else written
    if name and not _HASH.fullmatch(name):
        raise ConfigError("`store_hash` is no store hash.", "It stands in the API path: stores/<store_hash>/v3.")
    return name


def text(settings: SourceSettings, name: str) -> str:
    """Return an option as a text without spaces around it, "" when it is not there."""
    return str(settings.options.get(name) or "").strip()


def login_url(settings: SourceSettings) -> str:
    """Return where owners agree and codes are exchanged; a stand-in has one address for all."""
    return settings.base_url.rstrip("/") if settings.base_url else LOGIN


def terms_of(settings: SourceSettings) -> Terms:
    """Return how the token of a single-click app is had: for good, by the code that its installation brings."""
    return Terms(
        title=TITLE,
        source=settings.name,
        url=lambda: f"{login_url(settings)}/oauth2/token",
        client_id=text(settings, "client_id"),
        client_secret=text(settings, "client_secret"),
        owner={"store_hash": store_hash(settings)},
        keys="Set client_id and client_secret of the app, as its profile shows them.",
    )


@dataclass(slots=True)
class Shown(Nobody):
    """Shows the token: that of the settings, else the one that the app's installation brought."""

    settings: SourceSettings

    def prove(self, request: Request, access: Access) -> Request:
        """Return the request with the token.

        Raises:
            TajoError: there is none.
        """
        token = text(self.settings, "access_token")
        if not token and not text(self.settings, "client_id"):
            raise ConfigError("There is no key for BigCommerce.", _KEYS)
        return request.with_header("X-Auth-Token", token or Tokens(terms_of(self.settings), access).current().value)


class Shop:
    """One store's API. It has no way to delete but for one webhook: see `hooks`.

    Args:
        settings: the source.
        access: how it is reached.
    """

    def __init__(self, settings: SourceSettings, access: Access) -> None:
        name = store_hash(settings)
        if not name:
            raise ConfigError("The BigCommerce store is not named.", _KEYS)
        root = (settings.base_url or API).rstrip("/")
        self.access = access
        self._rest = Rest(
            access,
            f"{root}/stores/{name}",
            TITLE,
            Shown(settings),
            RULES,
            "Make a new API account in the control panel (Settings > API), or install the app again.",
            word_of=_title,
        )

    def get(self, path: str, params: Params | None = None) -> Answer:
        """Return the answer of a GET; see `Rest.call` for what is raised."""
        return self._judged(self._rest.get(path, params))

    def post(self, path: str, body: Json) -> Answer:
        """Send JSON to be made; see `Rest.call`."""
        return self._judged(self._rest.call("POST", path, json_body=body))

    def put(self, path: str, body: Json) -> Answer:
        """Send JSON to be changed; see `Rest.call`."""
        return self._judged(self._rest.call("PUT", path, json_body=body))

    def remove_hook(self, number: int) -> None:
        """Delete one webhook; see `Rest.call`."""
        self._judged(self._rest.call("DELETE", f"/v3/hooks/{number}"))

    def _judged(self, answer: Answer) -> Answer:
        if answer.status == 429:
            # without a wait of sense the retry rule decides, which grows and never is none
            wait_s = reset_s(answer.headers)
            raise TryLater("BigCommerce wants it slower (429).", after_s=wait_s, burns=False)
        return answer


def rows_of(answer: Answer) -> list[Json]:
    """Return the rows of a V3 listing.

    Raises:
        TryLater: it is none.
    """
    rows = answer.object().get("data")
    if not isinstance(rows, list):
        raise TryLater("BigCommerce answers with something else than a listing.")
    return rows


def reset_s(headers: Mapping[str, str]) -> float | None:
    """Return how long the window of calls goes on, in seconds; None where that is not told, or makes no sense."""
    found = _number(headers.get("x-rate-limit-time-reset-ms"))
    return min(found / 1000, _MAX_RESET_S) if found is not None and found > 0 else None


def tells(headers: Mapping[str, str]) -> Left | None:
    """Read what an answer tells of the rate limit, which all apps of a store share; None where it tells nothing.

    https://developer.bigcommerce.com/docs/start/best-practices/api-rate-limits. Odd values count as none.
    """
    limit = _number(headers.get("x-rate-limit-requests-quota"))
    left = _number(headers.get("x-rate-limit-requests-left"))
    wait_s = reset_s(headers)
    if limit is None or limit <= 0 or left is None or left < 0 or wait_s is None:
        return None
    return Left(int(limit), int(left), wait_s)


def is_web(url: object) -> bool:
    """Tell whether something is the address of a page."""
    return isinstance(url, str) and urlsplit(url).scheme in {"http", "https"}


def _number(written: str | None) -> float | None:
    text_ = (written or "").strip()
    return float(text_) if re.fullmatch(r"-?\d{1,15}", text_) else None


def _title(value: Json) -> str:
    said = value.get("title") if isinstance(value, dict) else None
    return said[:80] if isinstance(said, str) and "@" not in said else ""
