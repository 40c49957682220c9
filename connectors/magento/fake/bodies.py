"""How the records of a shop look in its REST API, and who is there at the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from connectors.magento.fake.settings import VIEWS, Settings, View
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.cast import Cast, Who
from customer_sync.kit.fakes.clock import iso
from customer_sync.kit.invented.people import Person

#: When the first account was made, and how far two are apart, in seconds.
OPENED_S, STEP_S = 1_600_000_000, 3_700
#: How many of the base currency one of the shown currency is.
RATE: Final = 7.5


@dataclass(slots=True)
class Subscriber:
    """A row of the table newsletter_subscriber: 1 subscribed, 2 not active, 3 unsubscribed, 4 unconfirmed.

    Args:
        id: its number.
        email: the address.
        store_id: of which store view.
        status: see above.
        customer_id: whose account; 0 for a guest.
        changed_s: when the status last changed.
    """

    id: int
    email: str
    store_id: int
    status: int
    customer_id: int = 0
    changed_s: float = 0.0

    def model(self) -> Row:
        """Return it as an observer sees it."""
        return {
            "subscriber_id": str(self.id),
            "store_id": str(self.store_id),
            "change_status_at": stamp(self.changed_s),
            "customer_id": str(self.customer_id) if self.customer_id else None,
            "subscriber_email": self.email,
            "subscriber_status": self.status,
        }


def stamp(at_s: float) -> str:
    """Return a time as Magento writes it: UTC without a zone."""
    return iso(at_s).replace("T", " ")


def view_of(store_id: int) -> View:
    """Return a store view by its number."""
    return next(one for one in VIEWS if one.id == store_id)


def customer(number: int, email: str, names: tuple[str, str], view: View, at_s: float) -> Row:
    """Return an account without an address; the newsletter is kept elsewhere."""
    return {
        "id": number,
        "group_id": 1,
        "created_at": stamp(at_s),
        "updated_at": stamp(at_s),
        "created_in": view.code.title(),
        "email": email,
        "firstname": names[0],
        "lastname": names[1],
        "store_id": view.id,
        "website_id": view.website_id,
        "addresses": [],
        "disable_auto_group_change": 0,
        "custom_attributes": [{"attribute_code": "loyalty", "value": str(number % 7)}],
    }


def address(number: int, customer_id: int, names: tuple[str, str], where: Who | Person) -> Row:
    """Return the default address of an account."""
    country = where.country.code if isinstance(where, Person) else where.country
    return {
        "id": number,
        "customer_id": customer_id,
        "region": {"region_code": "", "region": "", "region_id": 0},
        "region_id": 0,
        "country_id": country,
        "street": [where.street],
        **({"company": where.company} if where.company else {}),
        "telephone": where.national,
        "postcode": where.postcode,
        "city": where.city,
        "firstname": names[0],
        "lastname": names[1],
        "default_shipping": True,
        "default_billing": True,
    }


def start(settings: Settings, cast: Cast, index: int) -> Row:
    """Return one of the accounts of the start; every eighth is a second one of the person before, at website 2."""
    is_second = settings.websites > 1 and index % 8 == 7
    who = cast.who(index - 1 if is_second else index)
    names, number = (who.first, who.last), index + 1
    found = customer(number, who.email, names, VIEWS[2 if is_second else 1], OPENED_S + index * STEP_S)
    if index % 5:
        found["addresses"] = [address(1_000 + index, number, names, who)]
        found |= {"default_billing": str(1_000 + index), "default_shipping": str(1_000 + index)}
    return found


def order(number: int, settings: Settings, buyer: Row, at_s: float, lines: list[Row]) -> Row:
    """Return an order: money in the base currency, and in the one that was shown.

    Args:
        number: its own.
        settings: of the shop.
        buyer: `id` (None for a guest), `email`, `firstname`, `lastname`, `billing`, `store_id`; `quote_id`, the cart.
        at_s: when.
        lines: `product` and `qty` of each.
    """
    base = round(sum(one["product"]["price"] * one["qty"] for one in lines) + 5, 2)
    account = {
        "customer_id": buyer["id"],
        "customer_firstname": buyer.get("firstname"),
        "customer_lastname": buyer.get("lastname"),
    }
    money = {"grand_total": base, "subtotal": round(base - 5, 2), "shipping_amount": 5.0, "total_due": base}
    both = {f"base_{name}": amount for name, amount in money.items()}
    return {
        "entity_id": number,
        "increment_id": f"{number:09d}",
        "state": "new",
        "status": "pending",
        "created_at": stamp(at_s),
        "updated_at": stamp(at_s),
        "store_id": buyer["store_id"],
        "quote_id": buyer["quote_id"],
        "customer_email": buyer["email"],
        "customer_is_guest": 0 if buyer["id"] else 1,
        **(account if buyer["id"] else {}),
        "base_currency_code": settings.currency,
        "order_currency_code": settings.shown_currency,
        "global_currency_code": settings.currency,
        "store_currency_code": settings.currency,
        **both,
        **{name: round(amount / RATE, 2) for name, amount in money.items()},
        "billing_address": buyer["billing"],
        "payment": {"method": "banktransfer", "amount_ordered": round(base / RATE, 2)},
        "items": [_item(at + 1, number, one) for at, one in enumerate(lines)],
        "extension_attributes": {},
    }


def _item(at: int, number: int, line: Row) -> Row:
    product, many = line["product"], line["qty"]
    return {
        "item_id": number * 10 + at,
        "order_id": number,
        "product_id": product["id"],
        "product_type": "simple",
        "sku": product["sku"],
        "name": product["name"],
        "qty_ordered": many,
        "base_price": product["price"],
        "base_price_incl_tax": product["price"],
        "price": round(product["price"] / RATE, 2),
        "base_row_total": round(product["price"] * many, 2),
    }


def product(number: int, at_s: float, **more: Any) -> Row:
    """Return a product."""
    attributes = {
        "url_key": f"lamp-{number}",
        "image": f"/l/a/lamp_{number}.jpg",
        "short_description": f"Lamp {number}",
    }
    return {
        "id": number,
        "sku": f"LAMP-{number}",
        "name": f"Lamp {number}",
        "attribute_set_id": 4,
        "price": 10.0 + number,
        "status": 1,
        "visibility": 4,
        "type_id": "simple",
        "created_at": stamp(at_s),
        "updated_at": stamp(at_s),
        "extension_attributes": {"website_ids": [1], "category_links": []},
        "custom_attributes": [{"attribute_code": code, "value": value} for code, value in attributes.items()],
        **more,
    }


def cart(number: int, settings: Settings, owner: Row | None, at_s: float, lines: list[Row]) -> Row:
    """Return a cart; a guest's has an address only once one was typed."""
    items = [
        {
            "item_id": number * 10 + at,
            "sku": one["product"]["sku"],
            "qty": one["qty"],
            "name": one["product"]["name"],
            "price": round(one["product"]["price"] / RATE, 2),
            "product_type": "simple",
            "quote_id": str(number),
        }
        for at, one in enumerate(lines)
    ]
    known = {name: owner.get(name) for name in ("id", "email", "firstname", "lastname")} if owner else {}
    return {
        "id": number,
        "created_at": stamp(at_s),
        "updated_at": stamp(at_s),
        "is_active": True,
        "is_virtual": False,
        "items": items,
        "items_count": len(items),
        "items_qty": sum(one["qty"] for one in lines),
        "customer": known or {"email": None, "firstname": None, "lastname": None},
        "billing_address": {"email": None},
        "currency": {"base_currency_code": settings.currency, "quote_currency_code": settings.shown_currency},
        "customer_is_guest": owner is None,
        "store_id": owner["store_id"] if owner else 1,
        "extension_attributes": {},
    }
