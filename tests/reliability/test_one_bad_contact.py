"""A contact for which Brevo fails every time must not cost the others anything."""

from __future__ import annotations

import contextlib

import pytest

from customer_sync.errors import Unavailable
from customer_sync.kit.outbound import Reply
from customer_sync.model import Event, Kind
from tests.rig import Rig, at

BAD = "bad@example.com"


class Moody:
    """Answers 502 for one contact, whatever is sent; the rest goes to the Brevo in memory."""

    def __init__(self, behind) -> None:
        self._behind = behind

    def __call__(self, method, url, *, headers, body=None):
        if body and BAD.encode() in body:
            return Reply(502, {}, b"<html>Bad gateway</html>")
        return self._behind(method, url, headers=headers, body=body)


@pytest.fixture
def rig(client):
    made = Rig(client)
    made.brevo.send = Moody(made.brevo.send)
    return made


def _customer(rig, number: int, email: str) -> None:
    rig.send(Event(f"e{number}", "shop", Kind.CUSTOMER_UPDATED, at(-100), str(number), str(number), {"email": email}))


def _round(rig) -> None:
    """A minute passes: what waits is due, and the lane looks again."""
    if rig.client.exists("tajo:brk:contacts"):
        rig.client.hset("tajo:brk:contacts", "until", 0)
    for priority in range(3):
        for target in rig.client.zrange(f"tajo:q:contacts:{priority}", 0, -1):
            rig.client.zincrby(f"tajo:q:contacts:{priority}", -60_000, target)
    with contextlib.suppress(Unavailable):
        rig.settle()


def test_the_others_are_delivered_although_one_fails_every_time(rig):
    _customer(rig, 0, BAD)
    for number in range(1, 30):
        _customer(rig, number, f"p{number}@example.com")
    for _ in range(4):
        _round(rig)

    assert len(rig.brevo.contacts) == 29
    assert rig.store.lanes.depth("contacts")[0] == 1


def test_one_bad_contact_in_light_traffic_burns_its_own_tries_and_raises_no_alert_after_alert(rig):
    _customer(rig, 0, BAD)
    for number in range(1, 11):
        _round(rig)
        _customer(rig, number, f"p{number}@example.com")
        _round(rig)

    assert len(rig.brevo.contacts) == 10
    assert int(rig.client.hget("tajo:tries:contacts", "1") or 0) >= 5
    assert len(rig.store.ledger.alerts(100)) <= 4
