"""What can be done below `/fake`: what people and privacy modules do in a shop, and what breaks in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from connectors.magento.fake.settings import VIEWS
from customer_sync.kit.fakes.answers import Row
from customer_sync.kit.fakes.fake import Act

if TYPE_CHECKING:
    from connectors.magento.fake.app import FakeMagento


def acts_of(fake: FakeMagento) -> Sequence[Act]:
    """Return the control routes of a shop."""
    one = "<int:number>"

    def alone(number: int) -> Row:
        return fake.shop.alone(fake.shop.customer(number))

    def create(body: Row) -> Row:
        code = body.pop("store", "default")
        view = next(view for view in VIEWS if view.code == code)
        subscribes = body.pop("subscribes", None)
        return alone(fake.shop.create({"website_id": view.website_id, **body}, view, subscribes=subscribes)["id"])

    def say(body: Row, number: int) -> Row:
        fake.shop.say(number, agrees=bool(body["agrees"]))
        return alone(number)

    def change(body: Row, number: int) -> Row:
        fake.shop.change(number, {name: one for name, one in body.items() if name != "silent"}, silent="silent" in body)
        return alone(number)

    def break_row(body: Row) -> Row:
        fake.shop.bad.setdefault(str(body["resource"]), set()).add(int(body["id"]))
        return {name: sorted(numbers) for name, numbers in fake.shop.bad.items()}

    return (
        ("GET", "customers", lambda _: {"ids": sorted(fake.shop.customers)}),
        ("POST", "customers", create),
        ("GET", f"customers/{one}", lambda _, number: alone(number)),
        ("POST", f"customers/{one}", change),
        ("DELETE", f"customers/{one}", lambda _, number: fake.shop.delete(number)),
        ("POST", f"customers/{one}/newsletter", say),
        ("POST", f"customers/{one}/erase", lambda _, number: fake.shop.erase(number)),
        ("POST", "newsletter", lambda body: fake.shop.say_as_guest(**body).model()),
        ("DELETE", f"newsletter/{one}", lambda _, number: fake.shop.drop_subscriber(number)),
        ("POST", "orders", lambda body: fake.shop.sell(body.get("customer_id"), body.get("email", ""))),
        ("POST", f"orders/{one}/state", lambda body, number: fake.shop.move(number, body["state"])),
        ("POST", f"orders/{one}/refund", lambda body, number: fake.shop.refund(number, float(body["amount"]))),
        ("POST", "products", lambda body: fake.shop.put_product(None, body)),
        ("POST", f"products/{one}", lambda body, number: fake.shop.put_product(number, body)),
        ("DELETE", f"products/{one}", lambda _, number: fake.shop.drop_product(number)),
        ("POST", "carts", lambda body: fake.shop.leave(body.get("customer_id"), body.get("email", ""))),
        ("POST", "bad", break_row),
        ("GET", "mails", lambda _: {"mails": fake.shop.mails}),
        ("GET", "keys", lambda _: dict(fake.telling.pems)),
        ("POST", "hooks", lambda body: fake.telling.put_hook(body.get("id"), body)),
        ("DELETE", f"hooks/{one}", lambda _, number: fake.telling.hooks.delete(number)),
    )


def state_of(fake: FakeMagento) -> Row:
    """Return what can be seen of a shop."""
    shop = fake.shop
    names = ("customers", "subscribers", "orders", "memos", "products", "carts")
    counts = {name: len(getattr(shop, name)) for name in names}
    return {"counts": counts, "webhooks": list(fake.telling.hooks.values()), "mails": len(shop.mails)}
