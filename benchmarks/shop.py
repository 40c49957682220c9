"""A fake Shopify for the length of a benchmark, and what must be in Brevo in the end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from typing import Any

import orjson
import urllib3

from benchmarks.stack import SECRET, SHOP, Child, Stack, free_port

TOKEN = "shpat_benchmark"
#: Canonical field → attribute of the account, beside the ones every account has, and the attribute's type.
MORE = {
    "city": ("CITY", "text"),
    "country": ("COUNTRY", "text"),
    "language": ("LANGUAGE", "text"),
    "totalOrders": ("TOTAL_ORDERS", "float"),
    "totalSpent": ("TOTAL_SPENT", "float"),
    "lastOrderDate": ("LAST_ORDER_DATE", "date"),
}
CONFIG = """\
connectors:
  shopify:
    shop_url: {shop}
    api_secret: {secret}
    access_token: {token}
    base_url: {url}
    options: {{sync_mode: hybrid}}
    # the runs that are measured are started by hand
    schedule: {{pull: off, reconcile: off}}
skills:
  customer-sync:
    enabled: true
    field_mapping: {mapping}
    options: {{list_id: 2}}
brevo: {{import_phones: {import_phones}}}
"""


@dataclass(slots=True)
class Sum:
    """A checksum over people in any order: how many, how many are blocked, and a number that every field changes."""

    people: int = 0
    blocked: int = 0
    digest: int = 0

    def add(self, email: str, values: list[Any], *, is_blocked: bool) -> None:
        """Add one person."""
        text = orjson.dumps([email, values, is_blocked])
        self.people += 1
        self.blocked += is_blocked
        self.digest = (self.digest + int.from_bytes(blake2b(text, digest_size=8).digest())) % 2**64


class Shop:
    """The shop of a stack, which the stack's `shopify` source reads.

    Args:
        stack: where it runs.
        customers: how many it has.
        import_phones: whether imports carry phones.
        flags: more of the stand-in's options.
        skills: more lines below `skills:`.
    """

    def __init__(
        self, stack: Stack, customers: int, *, import_phones: bool = False, flags: Sequence[str] = (), skills: str = ""
    ) -> None:
        self._http = urllib3.PoolManager(retries=False, timeout=600)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.count = customers
        options = {"port": port, "customers": customers, "shop": SHOP, "client-secret": SECRET, "access-token": TOKEN}
        options |= {"folder": stack.folder, "schema": "none"}
        common = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        self.child: Child = stack.start("shop", "connectors.shopify.fake", *common, *flags)
        stack.wait_for(f"{self.url}/fake/state", self.child)
        mapping = {"email": "email", "firstName": "FIRSTNAME", "lastName": "LASTNAME", "phone": "SMS"}
        mapping |= {field: attribute for field, (attribute, _) in MORE.items()}
        text = CONFIG.format(
            shop=SHOP,
            secret=SECRET,
            token=TOKEN,
            url=self.url,
            mapping=orjson.dumps(mapping).decode(),
            import_phones=str(import_phones).lower(),
        )
        (stack.folder / "tajo.yaml").write_text(text.replace("brevo: {", f"{skills}brevo: {{"))
        for attribute, kind in MORE.values():
            headers = {"api-key": "sandbox"}
            path = f"{stack.sandbox}/v3/contacts/attributes/normal/{attribute}"
            self._http.request("POST", path, json={"type": kind}, headers=headers)

    def change(self, count: int) -> int:
        """Give so many customers another last name; returns how many there were."""
        body = {"count": count, "fields": {"lastName": "Changed"}, "silent": True}
        answer = self._http.request("POST", f"{self.url}/fake/customers/change", json=body)
        return len(answer.json()["ids"])

    def leave(self, customer: Any) -> None:
        """Let a customer (a row of `some_open`) withdraw in the shop, which tells nobody."""
        body = {"ids": [customer["legacyResourceId"]], "channel": "email", "state": "UNSUBSCRIBED", "silent": True}
        self._http.request("POST", f"{self.url}/fake/customers/consent", json=body)

    def some_open(self, count: int) -> list[Any]:
        """Return so many customers who may still withdraw, by chance, as the shop knows them."""
        some: list[Any] = []
        dice = Random(1)
        for seen, one in enumerate(
            one for one in self._lines() if one["email"] and one["emailState"] != "UNSUBSCRIBED"
        ):
            if len(some) < count:
                some.append(one)
            elif (place := dice.randrange(seen + 1)) < count:
                some[place] = one
        return some

    def expected(self, withdrawn: Collection[str] = ()) -> Sum:
        """Return what Brevo must hold of this shop's customers.

        Args:
            withdrawn: the addresses of those who withdrew, wherever they did.
        """
        found = Sum()
        for one in self._lines():
            if one["email"]:
                values = [
                    one["firstName"],
                    one["lastName"],
                    one["city"],
                    one["countryCode"],
                    float(one["numberOfOrders"] or 0),
                    float(one["amountSpent"] or 0),
                ]
                email = one["email"].lower()
                is_blocked = one["emailState"] == "UNSUBSCRIBED" or email in withdrawn
                found.add(email, values, is_blocked=is_blocked)
        return found

    def _lines(self) -> Iterator[Any]:
        answer = self._http.request("GET", f"{self.url}/fake/customers.jsonl", preload_content=False)
        rest = b""
        for chunk in answer.stream(2**20):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from map(orjson.loads, lines)
        answer.release_conn()


_ATTRIBUTES = ("FIRSTNAME", "LASTNAME", "CITY", "COUNTRY")
_NUMBERS = ("TOTAL_ORDERS", "TOTAL_SPENT")
_PART = 20_000


def arrived(stack: Stack, is_left_out: Callable[[str], bool] = lambda _: False) -> Sum:
    """Return what the sandbox holds, without the contacts whose addresses are left out."""
    found = Sum()
    offset = 0
    while rows := stack.ask(f"/sandbox/state?limit={_PART}&offset={offset}")["contacts"]:
        offset += len(rows)
        for row in rows:
            if is_left_out(row.get("email", "")):
                continue
            has = row["attributes"]
            values = [*map(has.get, _ATTRIBUTES), *(float(has.get(name) or 0) for name in _NUMBERS)]
            found.add(row.get("email", ""), values, is_blocked=row["emailBlacklisted"])
    return found
