"""What becomes of opt-outs on their way: a platform that hangs or fails, workers that die, our own echo."""

from __future__ import annotations

import threading

import pytest

from customer_sync.base.clock import utc_now
from customer_sync.errors import ConfigError, Parkable, TryLater, Unavailable
from customer_sync.kit.reach import Written
from customer_sync.kit.rest import Rejected
from customer_sync.pipeline import deliver
from customer_sync.store.breaker import Pause
from tests.engine.hands import texts
from tests.rig import NOW, at
from tests.writeback.world import ANN, BOB

ROUNDS = 1_000


class Killed(BaseException):
    """The worker is gone: nothing after this line is done."""


def dies(*_: object, **__: object) -> None:
    """What a worker does at this point."""
    raise Killed


def end_leases(world, lane: str) -> None:
    """The leases of a worker that is gone have ended."""
    for target in world.client.zrange(f"tajo:lease:{lane}", 0, -1):
        world.client.zadd(f"tajo:lease:{lane}", {target: 1})


def test_a_platform_that_hangs_holds_up_no_other(world, monkeypatch):
    world.join("shop", "1")
    world.join("woo", "7")
    asked, go_on = threading.Event(), threading.Event()
    real = world["shop"].write_consent

    def hang(withdrawal, access) -> Written:
        asked.set()
        assert go_on.wait(30)
        return real(withdrawal, access)

    monkeypatch.setattr(world["shop"], "write_consent", hang)
    world.leave()
    waiting = threading.Thread(target=world.once, args=("shop",))
    waiting.start()
    try:
        assert asked.wait(30)
        world.write_back("woo")
        assert (world.told("woo"), world.result("shop", "1")) == ([("7", ANN)], None)
    finally:
        go_on.set()
        waiting.join(30)

    assert world.result("shop", "1") == "written"


def test_a_platform_that_is_down_pauses_its_own_lane_and_uses_up_no_try(world):
    world.join("shop", "1")
    world.join("woo", "7")
    world["shop"].faults.append(Unavailable("Tulip does not answer"))
    world.leave()

    with pytest.raises(Unavailable):
        world.once("shop")
    world.write_back("woo")

    assert world.store.breakers.read("writeback:shop").kind == "unavailable"
    assert world.store.lanes.wait_of("writeback:shop", "shop:1").tries == 0
    assert world.result("woo", "7") == "written"

    world.store.breakers.close("writeback:shop")
    world.late()
    world.write_back("shop")

    assert (len(world.told("shop")), world.result("shop", "1")) == (2, "written")


def test_a_missing_permission_pauses_the_lane_with_its_remedy(world):
    world.join("shop", "1")
    world["shop"].faults.append(ConfigError("The scope write_customers is missing.", "Grant it."))
    world.leave()

    world.once("shop")

    pause = world.store.breakers.read("writeback:shop")
    assert (pause.kind, pause.reason, pause.remedy) == ("config", "The scope write_customers is missing.", "Grant it.")
    assert world.waits("shop") == 1


def test_an_account_that_the_platform_refuses_is_tried_again_and_holds_up_nobody_elses_opt_out(world):
    world.join("shop", "1")
    world["shop"].faults.append(Rejected("Tulip answers 422.", "See the README.", status=422, is_of_request=True))
    world.leave()

    world.once("shop")

    assert world.store.breakers.read("writeback:shop") is None
    assert world.store.lanes.wait_of("writeback:shop", "shop:1").tries == 1
    world.late()
    world.write_back("shop")
    assert world.result("shop", "1") == "written"


def test_one_record_that_may_not_be_changed_holds_up_no_other(world, monkeypatch):
    people = {str(number): f"p{number}@example.com" for number in range(1, 13)}
    for number, email in people.items():
        world.join("shop", number, email)
    real = world["shop"].write_consent

    def refuse(withdrawal, access) -> Written:
        if withdrawal.record_id == "1":
            raise ConfigError("Another user owns the record.", "Grant it.")
        return real(withdrawal, access)

    monkeypatch.setattr(world["shop"], "write_consent", refuse)
    for email in people.values():
        world.leave(email)
    world.write_back("shop")
    assert world.store.breakers.read("writeback:shop").kind == "config"
    world.store.breakers.close("writeback:shop")  # it looks again
    world.write_back("shop")

    assert {number for number, _ in world.told("shop")} == set(people) - {"1"}
    # the others of the next minutes do not find the lane waiting for it again
    wait = world.store.lanes.wait_of("writeback:shop", "shop:1")
    assert (wait.tries, wait.due_ms > world.clock() + 200_000) == (0, True)


def test_a_limit_puts_an_opt_out_off_and_uses_up_no_try(world):
    world.join("shop", "1")
    world["shop"].faults.append(TryLater("The limit of the day is used up.", after_s=3_600, burns=False))
    world.leave()

    world.once("shop")

    wait = world.store.lanes.wait_of("writeback:shop", "shop:1")
    assert wait.tries == 0
    assert wait.due_ms > world.clock() + 3_000_000


def test_what_a_platform_refuses_is_parked_counted_and_told_again_when_it_is_replayed(world):
    world.join("shop", "1")
    world["shop"].faults.append(Parkable("Tulip keeps the old consent.", "Opt the customer out there."))
    world.leave()

    world.write_back("shop")
    [one] = world.store.parked.briefs()

    assert (one.reason, world.counted("shop", "parked"), world.counted("shop", "written")) == (
        "Tulip keeps the old consent.",
        1,
        0,
    )
    assert not any("example.com" in text for key, text in texts(world).items() if b"parked" in key)

    world.store.parked.replay(world.store.parked.get(one.id))
    world.late()
    world.write_back("shop")

    assert world.result("shop", "1") == "written"


def test_what_is_parked_is_not_asked_again_by_whatever_else_happens_to_the_person(world):
    world.join("shop", "1")
    world["shop"].faults.append(Parkable("Tulip keeps the old consent.", "Opt the customer out there."))
    world.leave()
    world.write_back("shop")

    world.send(world["shop"].event("1", firstName="Ann"))
    world.settle()
    world.write_back("shop")

    assert len(world.told("shop")) == 1


def test_a_worker_that_dies_between_the_decision_and_the_call_loses_nothing(world, monkeypatch):
    world.join("shop", "1")
    world.send_brevo({"event": "unsubscribed", "email": ANN, "ts_event": int(at(-60).timestamp())})
    world.read()
    with monkeypatch.context() as patch:
        patch.setattr(world.store.lanes, "settle", dies)
        with pytest.raises(Killed):
            deliver(world.line, "contacts")
    end_leases(world, "contacts")

    world.deliver()
    world.write_back()

    assert (world.told("shop"), world.result("shop", "1")) == ([("1", ANN)], "written")


def test_a_worker_that_dies_after_the_call_tells_once_more_and_finds_it_done(world, monkeypatch):
    world.join("shop", "1")
    world.leave()
    with monkeypatch.context() as patch:
        patch.setattr(world.store.lanes, "settle", dies)
        with pytest.raises(Killed):
            world.once("shop")
    end_leases(world, "writeback:shop")

    world.write_back()

    assert world.told("shop") == [("1", ANN)] * 2
    assert (world.result("shop", "1"), world.waits("shop")) == ("unchanged", 0)


def test_a_worker_that_is_faster_than_the_settlement_waits_for_it(world, monkeypatch):
    world.join("shop", "1")
    real = world.store.lanes.settle

    def settle(lane, token, settlements):
        if lane == "contacts":
            world.once("shop")
        return real(lane, token, settlements)

    with monkeypatch.context() as patch:
        patch.setattr(world.store.lanes, "settle", settle)
        # only reading the contact tells that it was everything, and that stands with the person once it is settled
        world.leave(list_id=[2])
    assert (world.told("shop"), world.result("shop", "1"), world.waits("shop")) == ([], None, 1)

    world.late()
    world.write_back()

    assert (world.told("shop"), world.result("shop", "1")) == ([("1", ANN)], "written")


def test_a_contact_that_brevo_refuses_does_not_keep_the_platforms_from_being_told(world):
    world.join("shop", "1")
    world.brevo.is_down = True
    world.send_brevo({"event": "unsubscribed", "email": ANN, "ts_event": int(at(-60).timestamp())})
    world.settle_quietly()

    world.write_back()

    assert world.told("shop") == [("1", ANN)]


def test_the_platforms_are_told_while_the_lane_to_brevo_waits(world):
    world.join("shop", "1")
    world.store.breakers.trip("contacts", Pause("config", "The key is wrong.", "Set it.", 1), wait_s=30)

    world.send_brevo({"event": "unsubscribed", "email": ANN, "ts_event": int(at(-60).timestamp())})
    world.read()
    world.deliver_once()
    world.write_back()

    assert world.store.breakers.read("contacts") is not None
    assert (world.told("shop"), world.result("shop", "1")) == ([("1", ANN)], "written")

    world.store.breakers.close("contacts")
    world.deliver()
    world.write_back()

    assert len(world.told("shop")) == 1


def test_what_a_platform_is_told_goes_before_what_it_was_told_of_others(world):
    world.join("shop", "1")
    world.leave()

    assert world.client.zcard("tajo:q:writeback:shop:0") == 1


def test_our_own_word_coming_back_changes_nothing_in_a_thousand_rounds(world):
    world.join("shop", "1")
    world.join("shop", "2", BOB)
    world.join("woo", "7")
    shop = world["shop"].accounts["1"]
    # as long ago as Brevo's own times are believed, however long this process has run
    begin = int((utc_now() - NOW).total_seconds()) - 2_500
    for number in range(ROUNDS):
        seconds = begin + 2 * number
        shop.subscribed, shop.changed = True, at(seconds)
        world["woo"].accounts["7"].subscribed, world["woo"].accounts["7"].changed = True, at(seconds)
        world.send(world["shop"].event("1"))
        world.send(world["woo"].event("7"))
        world.leave(seconds=seconds + 1)
        world.write_back()
        calls = len(world.brevo.calls)

        assert world.echo() == 2
        world.write_back()

        assert world.waits("shop") == world.waits("woo") == 0
        assert [one for one in world.brevo.calls[calls:] if one[0] != "GET"] == []
        assert not shop.subscribed
    assert (len(world.told("shop")), len(world.told("woo"))) == (ROUNDS, ROUNDS)
    assert world.brevo.contacts[ANN].blocked
