"""What the account lacks holds mails up and loses none: a template, credit, calls."""

from __future__ import annotations

import pytest

from tests.carts.world import EMAIL

TEMPLATE = "/v3/smtp/templates/1"


def alerts(world, word):
    return [one for one in world.store.ledger.alerts() if word in one["alert"]]


def test_carts_wait_for_a_template_that_is_not_active_and_go_on_by_themselves(world):
    world.control("PUT", TEMPLATE, {"isActive": False})
    world.cart()
    world.pass_time(hours=4)
    waited, told = world.mails(), alerts(world, "Template 1")
    parked = world.store.parked.list()
    world.control("PUT", TEMPLATE, {"isActive": True})
    world.pass_time(minutes=10)

    assert waited == []
    assert [one["alert"] for one in told] == ["Template 1 is not active in Brevo."]
    assert "Activate" in told[0]["remedy"] or "activate" in told[0]["remedy"]
    assert parked == []
    assert world.steps() == [1]
    assert len(alerts(world, "go on")) == 1


def test_one_template_that_is_missing_holds_up_no_mail_with_another(make_world):
    world = make_world(sequence=[{"delay": "1h", "template_id": 77}])
    world.customer()
    world.cart()
    world.pass_time(hours=2)
    held = world.mails()
    world.extra["sequence"] = [{"delay": "1h", "template_id": 1}]
    world.switch(is_on=True)
    world.pass_time(minutes=10)

    assert held == []
    assert [one["alert"] for one in alerts(world, "77")] == ["Template 77 is not in Brevo."]
    assert world.steps() == [1]


def test_a_template_that_is_switched_off_between_the_look_and_the_mail_holds_it(world):
    world.cart()
    world.http.after[f"GET /contacts/{EMAIL.replace('@', '%40')}"] = lambda: world.control(
        "PUT", TEMPLATE, {"isActive": False}
    )
    world.pass_time(hours=2)
    world.control("PUT", TEMPLATE, {"isActive": True})
    world.pass_time(minutes=10)

    assert world.steps() == [1]
    assert world.store.parked.list() == []


def test_an_account_without_credit_pauses_the_lane_with_a_remedy_and_then_goes_on(world):
    world.control("POST", "/sandbox/switches", {"mail_credits": 0})
    world.cart()
    world.pass_time(hours=3)
    held, told = world.mails(), alerts(world, "credit")
    world.control("POST", "/sandbox/switches", {"mail_credits": 100})
    world.store.breakers.close("mail")
    world.pass_time(minutes=10)

    assert held == []
    assert len(told) == 1
    assert "Add credit" in told[0]["remedy"]
    assert world.steps() == [1]
    assert world.state()["step:1"]["state"] == "sent"


def test_who_is_blocked_for_transactional_mail_is_no_error(world):
    world.control("POST", "/sandbox/acts/block_transactional", {"email": EMAIL})
    world.cart()
    world.pass_time(hours=2)

    assert [one["state"] for one in world.mails()] == ["blocked"]
    assert world.store.parked.list() == []


@pytest.mark.parametrize("kind", ["storm", "down"])
def test_a_brevo_that_refuses_or_is_down_for_a_while_costs_no_mail(world, kind):
    world.cart()
    world.pass_time(minutes=88)
    world.control("POST", "/sandbox/faults", {"kind": kind, "path": "/smtp/email", "count": 2})
    for _ in range(4):
        world.time.move(120)
        world.client.delete("tajo:brk:mail", "tajo:lim:mail")
        world.work()

    assert world.steps() == [1]
