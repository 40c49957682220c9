"""The store: everything it holds, and what happens in it. Each act raises its webhooks. `app` puts routes around it."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from flask import has_request_context, request

from connectors.woocommerce.fake.keys import ApiKey, Keys
from connectors.woocommerce.fake.people import billing_of_person
from connectors.woocommerce.fake.records import Records
from connectors.woocommerce.fake.settings import Settings
from connectors.woocommerce.fake.webhooks import NOBODY, Hook, Webhooks
from connectors.woocommerce.fake.wordpress import WpError, cannot
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.crowd import Crowd
from customer_sync.kit.fakes.fake import Fake
from customer_sync.kit.invented.people import Person

#: The user who works in wp-admin.
ADMIN: Final = 1_000


class Store(Fake[Settings]):
    """A WooCommerce shop. Everything of it may be used from several threads."""

    refusals = (WpError,)
    switches = (
        *("behind_tls", "strip_authorization", "pretty_permalinks", "strict_permalinks", "ignores_modified", "hpos"),
        *(
            "arbitrary_ties",
            "webhooks",
            "owner",
            "approves",
            "https_callbacks",
            "report_lag_s",
            "report_every_s",
            "role",
        ),
        *("hide_every", "max_per_second", "site_url", "forbidden", "checkout_field", "field_location", "version"),
        *("permissions", "own_reminder"),
    )
    #: Accounts are never merged here.
    impossible: ClassVar[frozenset[str]] = frozenset(("merge",))

    def fill(self) -> None:
        """Make the first records and the first key; no webhooks."""
        settings = self.settings
        self.keys = Keys(self.clock)
        self.keys.add(settings.key, settings.secret, settings.permissions, "first key", settings.role)
        self.webhooks = Webhooks(settings, self.lock, self.clock, self._payload, self.site)
        self.sender = self.webhooks.sender
        self.records = Records(settings, self.clock, self.webhooks.tell)
        self.crowd = Crowd(self, settings.seed)
        #: What shoppers have in hand, by the token of each cart.
        self.carts: dict[str, Any] = {}
        self.hidden: dict[str, set[int]] = {"orders": set(), "products": set()}

    def site(self) -> str:
        """Return what the store believes to be its address, with a slash at the end."""
        if has_request_context():
            self._seen_at = request.host_url
        return (self.settings.site_url or self._seen_at).rstrip("/") + "/"

    _seen_at = "http://127.0.0.1"

    def api(self) -> str:
        """Return the address of the REST API."""
        pretty = self.settings.pretty_permalinks
        return f"{self.site()}wp-json" if pretty else f"{self.site()}index.php?rest_route="

    def hides(self, area: str, number: int) -> bool:
        """Tell whether the keys' user may not read a record; customers are never hidden one by one."""
        if area not in self.hidden:
            return False
        every = self.settings.hide_every
        return number in self.hidden[area] or bool(every and number // 3 % every == 0)

    def linked(self, row: Row, area: str) -> Row:
        """Return a record with `_links`."""
        root = self.api()
        at = f"{root}/wc/v3/{area}"
        links = {"self": [{"href": f"{at}/{row['id']}"}], "collection": [{"href": at}]}
        if row.get("customer_id"):
            links["customer"] = [{"href": f"{root}/wc/v3/customers/{row['customer_id']}"}]
        return {**row, "_links": links}

    def _payload(self, hook: Hook, number: Any) -> Any:
        """Return the body of a webhook, made of the record as it is now, with the rights of the webhook's owner.

        Whatever the API would refuse becomes the body, signed: 401 without an owner, 403 for one who lost rights, and
        404 for a record that is gone by now (all seen on WooCommerce 11.0.1, 2026-11-28). Only deletes carry no record.
        """
        resource, _, event = hook.topic.partition(".")
        if event == "deleted":
            return {"id": number}
        if resource == "action":
            return {"action": event, "arg": number}
        owner, records = self.webhooks.owner_of(hook), self.records
        try:
            if owner == NOBODY or (owner == 1 and self.settings.owner == "demoted"):
                raise cannot("view", "you cannot view this resource.", logged_in=owner != NOBODY)
            if resource == "customer":
                keys = [key for key in self.keys.by_key.values() if key.id == owner]
                is_administrator = owner == ADMIN or any(self.role_of(key) == "administrator" for key in keys)
                return self.linked(records.customer_row(number, is_administrator=is_administrator), "customers")
            row = records.order_row(number) if resource == "order" else records.shelf.row(number)
            return self.linked(row, f"{resource}s")
        except WpError as error:
            return error.body()

    def role_of(self, key: ApiKey) -> str:
        """Return the role of a key's user; that of the first key's is a setting."""
        return self.settings.role if key.id == 1 else key.role

    # What its people do by themselves

    def register(self, person: Person, *, agrees: bool | None) -> int:
        """Let somebody make an account."""
        told = {"email": person.email, "first_name": person.first, "last_name": person.last}
        box = [] if agrees is None else [{"key": "ws_opt_in", "value": "01"[agrees]}]
        return self.records.create_customer({**told, "billing": billing_of_person(person), "meta_data": box}).id

    def edit(self, who: int, person: Person) -> None:
        """Let somebody correct the profile."""
        told = {"email": person.email, "first_name": person.first, "last_name": person.last}
        self.records.update_customer(who, {**told, "billing": billing_of_person(person)})

    def say(self, who: int, *, agrees: bool) -> None:
        """Let somebody tick the box of a plugin, or not."""
        self.records.update_customer(who, {"meta_data": [{"key": "ws_opt_in", "value": "01"[agrees]}]})

    def buy(self, who: int | None, person: Person) -> None:
        """Let somebody buy; None is a guest."""
        told = {"customer_id": who or 0, "billing": billing_of_person(person), "created_via": "checkout"}
        self.records.create_order({**told, "status": "processing", "line_items": self._chosen(len(person.email))})

    def _chosen(self, taste: int) -> list[Row]:
        """Return what somebody puts into the cart: one product that is on sale, and a variation where it has some."""
        goods = [row for row in self.records.products.values() if row["status"] == "publish"]
        if not goods:
            return []
        row = goods[(taste + len(self.records.orders)) % len(goods)]
        parts = row["variations"]
        line = {"product_id": row["id"], "variation_id": parts[taste % len(parts)] if parts else 0}
        return [{**line, "quantity": 1 + taste % 2}]

    def merge(self, kept: int, gone: int) -> None:
        """Never happen: WooCommerce has nothing of the kind."""
        raise NotImplementedError(kept, gone)

    def delete(self, who: int) -> None:
        """Delete an account."""
        self.records.delete_customer(who)

    def erase(self, who: int) -> None:
        """Let WordPress forget a person."""
        self.records.erase_address(self.records.account(who).email)
