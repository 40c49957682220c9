"""X1, in every order of arrival: that one list was left hides no opt-out from everything, delivered between or not."""

from __future__ import annotations

import json
from itertools import count

import pytest

from customer_sync.model import Inbound
from customer_sync.store import inbox
from tests.field.house import House

ANA = "ana@example.com"
CONFIG = """\
connectors:
  lamps:
    {platform: shopify, shop_url: lamps.myshopify.com, storefront_url: "https://lamps.example", api_secret: s,
     options: {list_id: 3}}
  chairs:
    {platform: shopify, shop_url: chairs.myshopify.com, storefront_url: "https://chairs.example", api_secret: s,
     options: {list_id: 2}}
skills:
  customer-sync: {enabled: true, field_mapping: {email: email, firstName: FIRSTNAME}}
brevo: {leaving_a_list: list}
"""


class Street:
    """Two shops that mean everything by an opt-out, each with a list of its own; Ana is on both."""

    def __init__(self, client, folder, patch):
        self.house, self.numbers = House(client, folder, patch, config=CONFIG), count(1)
        house = self.house
        for source in ("lamps", "chairs"):
            self.tell(source, "customers/create", {"email": ANA, "updated_at": house.iso(-60)}, house.iso(-60))
            self.consent(source, "subscribed", house.iso(-30))
            house.work()
        house.pass_time(minutes=10)

    def tell(self, source, topic, body, at):
        headers = {
            "x-shopify-topic": topic,
            "x-shopify-webhook-id": f"w{next(self.numbers)}",
            "x-shopify-shop-domain": f"{source}.myshopify.com",
            "x-shopify-triggered-at": at,
        }
        self.house._send(source, headers, {"id": 5, "created_at": self.house.iso(-900), **body}, work=False)
        self.house.read()

    def consent(self, source, state, at):
        said = {"state": state, "opt_in_level": "single_opt_in", "consent_updated_at": at}
        body = {"customer_id": 5, "email_address": ANA, "email_marketing_consent": said}
        self.tell(source, "customers_email_marketing_consent/update", body, at)

    def leave(self, *lists):
        house = self.house
        house.act("unsubscribe", {"email": ANA, "list_ids": [*lists]})
        told = {"event": "unsubscribed", "email": ANA, "ts_event": int(house.time.now_s), "list_id": [*lists]}
        house.store.inbox.append([inbox.encode(Inbound("brevo", {}, json.dumps(told).encode(), house.now), ())])
        house.read()

    def seen(self):
        row = self.house.contacts[ANA]
        return sorted(row["listIds"]), row["emailBlacklisted"]


@pytest.fixture
def street(client, tmp_path, monkeypatch):
    made = Street(client, tmp_path, monkeypatch)
    yield made
    made.house.sandbox.close()


def test_x1_who_leaves_one_list_of_two_shops_stays_on_the_other(street):
    assert street.seen() == ([2, 3], False)
    street.leave(3)
    street.house.pass_time(minutes=10)

    assert street.seen() == ([2], False)


@pytest.mark.parametrize("is_delivered", [True, False], ids=["delivered between", "in one piece, after an outage"])
@pytest.mark.parametrize("is_late", [True, False], ids=["the opt-out comes last", "the opt-out comes first"])
def test_x1_an_opt_out_from_everything_holds_though_a_list_was_left_and_the_customer_is_gone(
    street, is_late, is_delivered
):
    house, out_at = street.house, street.house.iso()

    def pass_a_minute():
        house.pass_time(minutes=1, work=is_delivered)

    if not is_late:
        street.consent("lamps", "unsubscribed", out_at)
    pass_a_minute()
    street.leave(3)
    pass_a_minute()
    moved = {"email": "ana@example.org", "updated_at": house.iso()}
    street.tell("lamps", "customers/update", moved, house.iso())
    pass_a_minute()
    if is_late:
        street.consent("lamps", "unsubscribed", out_at)
    house.pass_time(minutes=30)

    assert street.seen()[1] is True
