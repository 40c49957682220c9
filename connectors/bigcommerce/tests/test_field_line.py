"""What others reported of BigCommerce, from an opt-out in Brevo to the store: B2."""

from __future__ import annotations

import json

import pytest

from connectors.bigcommerce.tests.line import Line
from connectors.bigcommerce.tests.standin import CARTS, NEWSLETTER
from connectors.bigcommerce.tests.test_field_cases import ANA
from customer_sync.errors import TajoError
from customer_sync.model import Inbound
from customer_sync.pipeline import deliver
from customer_sync.store import inbox
from tests.conftest import client, redis_url  # noqa: F401  # fixtures of an empty Redis


@pytest.fixture
def line(client, tmp_path, monkeypatch):  # noqa: F811  # the fixture
    found = Line(client, tmp_path, monkeypatch)
    yield found
    found.house.sandbox.close()


def leave(line, email):
    """Let somebody leave in Brevo, and do what follows."""
    house = line.house
    house.brevo("PUT", f"/contacts/{email}", {"emailBlacklisted": True})
    told = {"event": "unsubscribed", "email": email, "ts_event": int(house.time.now_s)}
    house.store.inbox.append([inbox.encode(Inbound("brevo", {}, json.dumps(told).encode(), house.now), ())])
    for _ in range(3):
        house.work()
        try:
            while deliver(house.line, "writeback:bc").did_work:
                pass
        except TajoError:
            pass
        house.pass_time(seconds=40)


def test_b2_who_leaves_in_brevo_keeps_the_consent_to_cart_mails_and_our_echo_changes_nothing(line):
    line.customer(ANA)
    line.fake.agree(ANA, [NEWSLETTER, CARTS])
    line.hear()
    line.house.pass_time(minutes=5)
    assert line.lists(ANA) == [2]
    leave(line, ANA)
    line.hear()

    assert line.fake.subscriber_of(ANA)["consents"] == [CARTS]
    assert line.is_blocked(ANA)
