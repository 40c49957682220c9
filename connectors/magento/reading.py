"""What is read of a shop for each resource: the rows of a page, and what must be asked besides.

The list of customers takes the first newsletter row of an address, of whatever website; the single account asks for
its own (read in Newsletter/Model/Plugin/CustomerPlugin.php). So no consent is believed from a list: an account is read
alone before its event is made. A nightly run asks only for accounts whose row in the list has changed since the last
one, for those whose address has an account at another website, where the row cannot tell, and for a seventh of the
others in turn, because a row of a former guest may stand before the account's own.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from connectors.magento import customers, goods, orders
from connectors.magento.api import Group, Row, Shop, Unmade
from connectors.magento.customers import Erased
from customer_sync.errors import ConfigError, PayloadError, TryLater
from customer_sync.kit.reach import Known
from customer_sync.kit.rest import TooMuch
from customer_sync.model import Event, Json

#: What to do about a record that Magento cannot make.
LOG: Final = "look into var/log/exception.log of the shop; the next run after it is mended reads this one too"
#: Every account is read alone once in so many days, whatever its row in the list says.
TURNS: Final = 7
#: How many addresses or ids one filter names; the query stays below 8 KB.
NAMED: Final = 50
_HIDDEN: Final = "This Magento does not tell who has the newsletter, as before 2.3: consent stays unknown."

Result = tuple[Sequence[Event | PayloadError], int, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Terms:
    """How a source is read, as its options have it.

    Args:
        source: its name.
        erased: see `customers.Erased`.
        is_per_website: see `customers.Reader`.
        website: code or number of the one website that is read; "" reads all.
    """

    source: str
    erased: Erased
    is_per_website: bool
    website: str


class Desk:
    """Reads the records of one shop.

    Args:
        shop: which.
        terms: how.
        about: what `look` found; kept between the pages of a pull.
    """

    def __init__(self, shop: Shop, terms: Terms, about: Mapping[str, Json]) -> None:
        self._shop, self._terms, self._about = shop, terms, about
        self._now = datetime.fromtimestamp(shop.access.now_s(), UTC)
        self._people = customers.Reader(terms.source, self._now, terms.erased, terms.is_per_website)
        place = goods.Place(*(str(about.get(name) or "") for name in ("url", "media", "currency")))
        self._goods = goods.Reader(terms.source, self._now, place, terms.erased)

    def filters(self, resource: str) -> tuple[Group, ...]:
        """Return the filters of the one website that is wanted."""
        if not self._terms.website:
            return ()
        if resource in {"customers", "products"}:
            return ([("website_id", "eq", str(self._about["website"]))],)
        return ([("store_id", "in", str(self._about["stores"]))],)

    def is_wanted(self, row: Row) -> bool:
        """Tell whether a record that was asked for by id is of the website that is wanted."""
        if not self._terms.website:
            return True
        stores = str(self._about["stores"]).split(",")
        website = row.get("website_id")
        return str(website) == self._about["website"] if website is not None else str(row.get("store_id")) in stores

    def read(self, resource: str, rows: Sequence[Row], known: Known | None = None) -> Result:
        """Return the events of some rows of a list, how many rows told nothing new, and what the operator should know.

        Raises:
            TajoError: as `Shop.search`.
        """
        if resource == "customers":
            return self._customers(rows, known)
        if resource == "orders":
            return self._orders(rows), 0, ()
        read = self._goods.product if resource == "products" else self._goods.cart
        return [one for row in rows for one in read(row)], 0, ()

    def customer(self, row: Row) -> list[Event | PayloadError]:
        """Return the event of one account that was read alone."""
        return self._people.read(row)

    def _customers(self, rows: Sequence[Row], known: Known | None) -> Result:
        is_same = self._unchanged(rows, known)
        events: list[Event | PayloadError] = []
        wanted: list[int] = []
        is_hidden = False
        for row, same in zip(rows, is_same, strict=True):
            if same:
                continue
            number = row.get("id")
            if isinstance(number, bool) or not isinstance(number, int):
                events += self._people.read(row, "customers")
                continue
            wanted.append(number)
        for account in accounts(self._shop, [str(one) for one in wanted]):
            if isinstance(account, PayloadError):
                events.append(account)
                continue
            is_hidden = is_hidden or customers.row_flag(account) is None
            events += self._people.read(account)
        return events, sum(is_same), (_HIDDEN,) if is_hidden else ()

    def _unchanged(self, rows: Sequence[Row], known: Known | None) -> list[bool]:
        """Tell of each row whether it is as it was, and can be believed in that."""
        if known is None or not rows:
            return [False] * len(rows)
        texts = [(str(row.get("id")), json.dumps(row, sort_keys=True).encode()) for row in rows]
        found = known(texts, "list")
        doubled = self._doubled(rows) if self._about.get("sites") != 1 else frozenset()
        turn = self._now.toordinal() % TURNS
        return [
            one and _address(row) not in doubled and zlib.crc32(number.encode()) % TURNS != turn
            for one, row, (number, _) in zip(found, rows, texts, strict=True)
        ]

    def _doubled(self, rows: Sequence[Row]) -> frozenset[str]:
        """Return the addresses that have an account at several websites."""
        addresses = sorted({_address(row) for row in rows} - {""})
        counts: Counter[str] = Counter()
        for at in range(0, len(addresses), NAMED):
            named = ",".join(addresses[at : at + NAMED])
            try:
                found = self._shop.search("/customers/search", [[("email", "in", named)]], ("entity_id",), 2 * NAMED)
            except TooMuch:
                return frozenset(addresses)  # one of them cannot be listed: all are read alone
            counts.update(_address(row) for row in found.rows)
            if len(found.rows) < found.total:
                return frozenset(addresses)
        return frozenset(address for address, many in counts.items() if many > 1)

    def _orders(self, rows: Sequence[Row]) -> list[Event | PayloadError]:
        """Return the events of orders, with the credit memos of those that were paid back; one call for a page."""
        asked = [str(row["entity_id"]) for row in rows if orders.is_refunded(row) and row.get("entity_id")]
        found: list[Row] = []
        for at in range(0, len(asked), NAMED):
            named = [[("order_id", "in", ",".join(asked[at : at + NAMED]))]]
            try:
                found += self._shop.search("/creditmemos", named, ("entity_id",), 2 * NAMED).rows
            except TooMuch:
                continue  # the order's own sum is read all the same
        reader = orders.Reader(self._terms.source, self._now, self._terms.erased, orders.memos_of(found))
        return [one for row in rows for one in reader.read(row)]


def look(shop: Shop, terms: Terms) -> dict[str, Json]:
    """Return what must be known of a shop before it is read; small, it goes into the cursor.

    Raises:
        ConfigError: there is no such website.
        TajoError: as `Shop.rows`.
    """
    sites = [row for row in shop.rows("/store/websites") if str(row.get("id")) != "0"]
    found: dict[str, Json] = {"sites": len(sites)}
    chosen = next((row for row in sites if terms.website in (str(row.get("id")), row.get("code"))), None)
    if terms.website and chosen is None:
        names = ", ".join(str(row.get("code")) for row in sites)
        raise ConfigError("There is no website of the name in `website`.", f"Choose one of {names}.")
    if chosen is not None:
        number = str(chosen.get("id"))
        views = [row for row in shop.rows("/store/storeViews") if str(row.get("website_id")) == number]
        found |= {"website": number, "stores": ",".join(str(row.get("id")) for row in views)}
    configs = shop.rows("/store/storeConfigs")
    wanted = [row for row in configs if chosen is None or str(row.get("website_id")) == found["website"]]
    place = goods.Place.of((wanted or configs or [{}])[0])
    return {**found, "url": place.url, "media": place.media, "currency": place.currency}


def fetch(shop: Shop, desk: Desk, resource: str, ids: Sequence[str]) -> list[Event | PayloadError]:
    """Return records by id as they are now; accounts one by one, because only so their consent is right.

    Raises:
        TajoError: as `Shop.one` and `Shop.search`.
    """
    numbers = [one for one in dict.fromkeys(ids) if one.isascii() and one.isdigit() and len(one) < 19]
    events: list[Event | PayloadError] = []
    if resource == "customers":
        for row in accounts(shop, numbers, is_patient=False):
            if isinstance(row, PayloadError):
                events.append(row)
            elif desk.is_wanted(row):
                events += desk.customer(row)
        return events
    for at in range(0, len(numbers), NAMED):
        named = [[("entity_id", "in", ",".join(numbers[at : at + NAMED]))], *desk.filters(resource)]
        try:
            found = shop.search("/orders" if resource == "orders" else "/products", named, ("entity_id",), NAMED)
        except TooMuch as error:
            raise TryLater(str(error)) from error
        if len(found.rows) < found.total:
            raise TryLater("Magento gave fewer records than it counts.")
        events += desk.read(resource, found.rows)[0]
    return events


def accounts(shop: Shop, numbers: Sequence[str], *, is_patient: bool = True) -> list[Row | PayloadError]:
    """Return accounts, each read alone; one that Magento cannot make, while it makes others, leaves its fault.

    Args:
        shop: whose.
        numbers: of the accounts; those that are gone are left out.
        is_patient: an account that is read the second time only is taken; if not, all is to be tried again, and so is
            one that was asked for alone.

    Raises:
        Unmade: none of several could be made, or one only the second time.
        TajoError: as `Shop.one`.
    """
    found: list[Row | PayloadError] = []
    failed: list[tuple[str, Unmade]] = []
    for number in numbers:
        try:
            row = shop.one(f"/customers/{number}")
        except Unmade as error:
            failed.append((number, error))
            continue
        found += [] if row is None else [row]
    for number, first in failed:
        if len(failed) == len(numbers) > 1 or (len(numbers) == 1 and not is_patient):
            raise first
        try:
            row = shop.one(f"/customers/{number}")
        except Unmade as error:
            found.append(PayloadError(f"customers.{number}", str(error), LOG))
            continue
        if not is_patient:
            raise first
        found += [] if row is None else [row]
    return found


def _address(row: Row) -> str:
    found = row.get("email")
    return found.strip().lower() if isinstance(found, str) else ""
