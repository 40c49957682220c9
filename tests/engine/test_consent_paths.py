"""Every way that consent takes through the line: never parked, never cut, never answered by what is no act."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from customer_sync.base.retry import HORIZON_S
from customer_sync.kit.outbound import Reply
from customer_sync.model import ConsentState, from_ms
from customer_sync.operate.erasure import clear_address
from tests.engine.test_addresses import consent, customer, opt_in, order, seen, unsubscribed
from tests.rig import LIST, Contact, Rig, at

GRANTED, WITHDRAWN = ConsentState.GRANTED, ConsentState.WITHDRAWN


@pytest.fixture
def rig(client):
    return Rig(client)


# Never parked with something else


def test_a_withdrawal_is_applied_by_the_id_alone_when_the_address_cannot_be_read(rig):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100)))
    rig.settle()

    rig.send(consent(1, "ann@example", -50, WITHDRAWN))
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].blocked
    assert rig.store.parked.count() == 1  # the rest of it


def test_the_rest_of_it_is_no_repetition_when_it_is_replayed(rig):
    rig.send(consent(1, "ann@example", -50, WITHDRAWN))
    rig.settle()
    (parked,) = rig.store.parked.list()
    number = int(parked.content and 0)
    rig.sources["shop"].events[number] = replace(rig.sources["shop"].events[0], record={"email": "ann@example.com"})

    rig.store.parked.replay(parked)
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].blocked


def test_a_contact_that_brevo_refuses_is_blocked_before_it_is_parked(rig):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100)))
    rig.settle()
    real = rig.brevo.send

    def refuses_attributes(method, url, *, headers, body=None):
        if body and b"attributes" in body:
            return Reply(400, {}, b'{"code":"invalid_parameter","message":"no"}')
        return real(method, url, headers=headers, body=body)

    rig.brevo.send = refuses_attributes
    rig.send(customer(1, "ann@example.com", -50, opt_in(-50, WITHDRAWN), firstName="Ann"))
    rig.settle()

    assert rig.store.parked.count() == 1
    assert rig.brevo.contacts["ann@example.com"].blocked
    (parked,) = rig.store.parked.list()
    rig.brevo.send = real
    rig.store.parked.replay(parked)
    rig.settle()
    assert seen(rig, "ann@example.com")[0::2] == ("Ann", True)


# Clocks


def test_a_contact_that_was_tried_for_72_hours_is_blocked_before_it_is_parked(rig):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100)))
    rig.settle()
    rig.send(customer(1, "ann@example.com", -50, opt_in(-50, WITHDRAWN), firstName="Ann"))
    rig.read()
    rig.clock.set(at(HORIZON_S + 3600))
    rig.brevo.answers = [Reply(425, {}, b"")]

    rig.deliver()

    assert rig.brevo.contacts["ann@example.com"].blocked
    assert rig.store.parked.count() == 1


def test_a_block_that_fails_too_holds_up_no_other_contact_and_is_not_forgotten(rig):
    for number, name in enumerate(("ann", "ben")):
        rig.send(customer(number, f"{name}@example.com", -100, opt_in(-100)))
    rig.settle()
    real = rig.brevo.send

    def refuses_ann(method, url, *, headers, body=None):
        if b"Ann" in (body or b""):
            return Reply(402, {}, b"")
        return Reply(425, {}, b"") if "ann%40" in url else real(method, url, headers=headers, body=body)

    rig.brevo.send = refuses_ann
    for number, name in enumerate(("ann", "ben")):
        changed = {"firstName": name.title()}
        rig.send(customer(number, f"{name}@example.com", -50, opt_in(-50, WITHDRAWN), **changed))
    rig.read()
    rig.deliver_once()

    assert rig.brevo.contacts["ben@example.com"].blocked
    rig.brevo.send = real
    rig.send(customer(0, "ann@example.com", -40, firstName="Annie"))
    rig.settle()
    assert rig.brevo.contacts["ann@example.com"].blocked


def test_a_host_whose_clock_is_behind_makes_no_withdrawal_older_than_it_is(rig):
    rig.send(customer(1, "ann@example.com", -3000, opt_in(-1200)))
    rig.settle()
    rig.brevo.unsubscribe("ann@example.com")

    rig.send_brevo(unsubscribed("ann@example.com", -5), received=at(-2400))  # forty minutes behind
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].blocked
    assert not rig.brevo.lifted


def test_a_host_whose_clock_is_ahead_makes_no_opt_in_newer_than_now(rig):
    ahead = 3600
    rig.send(customer(1, "ann@example.com", ahead, opt_in(ahead)), received=at(ahead))
    rig.settle()

    rig.brevo.unsubscribe("ann@example.com")
    rig.send_brevo(unsubscribed("ann@example.com", (datetime.now(UTC) - at(0)).total_seconds() + 30))
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].blocked


def test_a_withdrawal_keeps_the_time_that_it_states_even_when_that_is_ahead(rig):
    rig.send(customer(1, "ann@example.com", -100, opt_in(20, WITHDRAWN)))
    rig.send(consent(1, "ann@example.com", 10))
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].blocked


@pytest.mark.parametrize(("told", "blocked"), [(-600, False), (-4 * 3600, True)])
def test_a_time_of_brevo_is_believed_only_near_its_arrival(rig, told, blocked):
    """Hours apart it may be the time of the account's zone: then the stricter reading holds."""
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100)))
    rig.settle()

    rig.brevo.unsubscribe("ann@example.com", when=at(told))
    rig.send_brevo(unsubscribed("ann@example.com", told))
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].blocked is blocked


def test_a_block_that_brevo_set_before_we_made_the_contact_is_set_again(rig):
    """The word of an unsubscription is late: the contact that it blocked is not the one that is there now."""
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100)))
    rig.settle()
    rig.send_brevo(unsubscribed("ann@example.com", -30))
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].blocked


def test_a_block_that_brevo_set_on_the_contact_that_we_made_costs_no_call(rig):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100)))
    rig.settle()
    person = rig.store.people.find("ann@example.com")
    made_ms = rig.store.people.read(person).has.at_ms
    calls = len(rig.brevo.calls)
    rig.clock.set(from_ms(made_ms + 5_000))
    rig.brevo.unsubscribe("ann@example.com", when=from_ms(made_ms + 2_000))
    told = {"event": "unsubscribed", "email": "ann@example.com", "ts_event": made_ms // 1000 + 2}
    rig.send_brevo(told, received=from_ms(made_ms + 5_000))
    rig.settle()

    assert [one for one in rig.brevo.calls[calls:] if one[0] != "GET"] == []


# What is no act


def test_a_box_that_the_shop_filled_in_again_lifts_nothing(rig):
    rig.send(order(-100, "ann@example.com", opt_in(-100, explicit=False)))
    rig.settle()
    assert seen(rig, "ann@example.com")[1:] == ([LIST], False)
    rig.brevo.unsubscribe("ann@example.com", when=at(-80))
    rig.send_brevo(unsubscribed("ann@example.com", -80))

    rig.send(order(-50, "ann@example.com", opt_in(-50, explicit=False)))
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].blocked
    assert not rig.brevo.lifted


def test_a_box_that_was_empty_after_the_withdrawal_and_is_ticked_again_is_an_act(rig):
    rig.send(order(-100, "ann@example.com", opt_in(-100, explicit=False)))
    rig.settle()
    rig.brevo.unsubscribe("ann@example.com", when=at(-80))
    rig.send_brevo(unsubscribed("ann@example.com", -80))

    rig.send(order(-60, "ann@example.com", opt_in(-60, WITHDRAWN, explicit=False)))
    rig.send(order(-50, "ann@example.com", opt_in(-50, explicit=False)))
    rig.settle()

    assert not rig.brevo.contacts["ann@example.com"].blocked


@pytest.mark.parametrize("event", ["hard_bounce", "spam"])
def test_no_opt_in_lifts_a_bounce_or_a_complaint(rig, event):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100)))
    rig.settle()
    rig.brevo.unsubscribe("ann@example.com", when=at(-80), word=event)
    rig.send_brevo(unsubscribed("ann@example.com", -80, event=event))
    rig.settle()

    rig.send(consent(1, "ann@example.com", -50))
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].blocked
    assert not rig.brevo.lifted


def test_a_bounce_stays_with_the_mailbox_and_a_complaint_goes_along(rig):
    for number, (name, event) in enumerate([("b", "hard_bounce"), ("c", "spam")]):
        rig.send(customer(number, f"{name}@example.com", -100, opt_in(-100)))
        rig.settle()
        rig.brevo.unsubscribe(f"{name}@example.com", when=at(-80), word=event)
        rig.send_brevo(unsubscribed(f"{name}@example.com", -80, event=event))
        rig.send(customer(number, f"{name}.new@example.com", -50))
        rig.settle()

    assert rig.brevo.contacts["c.new@example.com"].blocked
    assert not rig.store.people.read(rig.store.people.find("b.new@example.com")).said


# Two states of one second


def test_of_two_states_of_one_second_the_one_the_platform_saw_later_wins_whatever_arrives_first(rig):
    first = replace(customer(1, "ann@example.com", -50, firstName="Zoe"), seen_at=at(-50) + timedelta(milliseconds=1))
    second = replace(first, id="second", record={"email": "ann@example.com", "firstName": "Ann"})
    second = replace(second, seen_at=at(-50) + timedelta(milliseconds=2))

    for one, two in ((first, second), (second, first)):
        rig.reset()
        rig.send(one)
        rig.settle()
        rig.send(two)
        rig.settle()
        assert seen(rig, "ann@example.com")[0] == "Ann"


def test_without_a_finer_time_the_one_that_arrived_later_wins(rig):
    rig.send(customer(1, "ann@example.com", -50, firstName="Zoe"), received=at(-40))
    rig.settle()
    rig.send(replace(customer(1, "ann@example.com", -50, firstName="Ann"), id="second"), received=at(-39))
    rig.settle()

    assert seen(rig, "ann@example.com")[0] == "Ann"


# Lists and values of Brevo's own


def test_who_left_a_list_in_brevo_before_we_came_is_not_put_back_on_it(rig):
    rig.brevo.contacts["ann@example.com"] = Contact(left={LIST})

    rig.send(customer(1, "ann@example.com", -5000, opt_in(-5000), firstName="Ann"))
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].lists == set()


def test_only_a_newer_opt_in_puts_them_back(rig):
    rig.brevo.contacts["ann@example.com"] = Contact(left={LIST})
    rig.send(customer(1, "ann@example.com", -5000, opt_in(-5000)))
    rig.settle()
    rig.tick()
    now = (datetime.now(UTC) - at(0)).total_seconds()

    rig.send(customer(1, "ann@example.com", now, opt_in(now)))
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].lists == {LIST}


def test_a_list_that_somebody_left_unheard_is_not_restated_with_the_next_change(rig):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.settle()
    rig.brevo.contacts["ann@example.com"].lists.clear()
    rig.brevo.contacts["ann@example.com"].left.add(LIST)

    rig.send(customer(1, "ann@example.com", -50, firstName="Anne"))
    rig.settle()

    assert seen(rig, "ann@example.com") == ("Anne", [], False)


def test_what_a_form_of_brevo_filled_is_not_emptied_by_a_shop_that_never_knew_it(rig):
    rig.brevo.contacts["ann@example.com"] = Contact({"FIRSTNAME": "Form", "LASTNAME": "Filled", "SMS": "+32470000009"})

    for when in (-100, -50):
        rig.send(customer(1, "ann@example.com", when, firstName=None, lastName=None, phone=None, city=str(when)))
        rig.settle()

    known = rig.brevo.contacts["ann@example.com"].attributes
    assert known == {"FIRSTNAME": "Form", "LASTNAME": "Filled", "SMS": "+32470000009", "CITY": "-50"}


def test_a_block_that_was_there_before_us_is_a_withdrawal(rig):
    rig.brevo.contacts["ann@example.com"] = Contact(blocked=True)

    rig.send(customer(1, "ann@example.com", -50, opt_in(-50)))
    rig.settle()

    assert seen(rig, "ann@example.com")[1:] == ([], True)
    assert not rig.brevo.lifted


# Damaged and newer forms


def test_a_request_that_nobody_can_decode_is_parked_and_its_neighbours_go_on(rig):
    rig.send(customer(1, "ann@example.com", -50, firstName="Ann"))
    rig.client.xadd("tajo:inbox", {"r": b"\xff\xfe damaged"})
    rig.client.xadd("tajo:inbox", {"x": b"no request at all"})
    rig.send(customer(2, "bob@example.com", -50, firstName="Bob"))
    rig.settle()

    assert set(rig.brevo.contacts) == {"ann@example.com", "bob@example.com"}
    assert rig.store.parked.count() == 2


def test_what_a_newer_version_wrote_is_left_alone_and_said(rig):
    rig.send(customer(1, "ann@example.com", -50, firstName="Ann"))
    rig.settle()
    number = rig.store.people.find("ann@example.com")
    rig.client.rpush(f"tajo:c:contacts:{number}", "9" + "a" * 16 + '["new"]')
    rig.client.zadd("tajo:since:contacts", {number: 1})
    rig.client.zadd("tajo:q:contacts:1", {number: 1})
    rig.client.xadd("tajo:inbox", {"r": b"9\x1fshop\x1f1\n{}"})

    rig.read()
    rig.deliver_once()

    assert rig.client.llen(f"tajo:c:contacts:{number}") == 1
    assert rig.client.xlen("tajo:inbox") == 1
    assert rig.store.parked.count() == 0


def test_an_operator_clears_a_bounce_and_what_brevo_reports_later_counts_again(rig):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100)))
    rig.settle()
    rig.brevo.unsubscribe("ann@example.com", when=at(-80), word="hard_bounce")
    rig.send_brevo(unsubscribed("ann@example.com", -80, event="hard_bounce"))
    rig.settle()

    clear_address(rig.store, "ann@example.com", at(-50))
    rig.settle()
    assert not rig.brevo.contacts["ann@example.com"].blocked

    rig.brevo.unsubscribe("ann@example.com")
    rig.send_brevo(unsubscribed("ann@example.com", -20, event="hard_bounce"))
    rig.settle()
    assert rig.brevo.contacts["ann@example.com"].blocked


def test_who_left_a_consent_group_before_we_came_is_not_mailed(rig):
    rig.brevo.contacts["ann@example.com"] = Contact(groups={7: "unsubscribed", 8: "subscribed"})

    rig.send(customer(1, "ann@example.com", -50, opt_in(-50)))
    rig.settle()

    assert seen(rig, "ann@example.com")[1:] == ([], True)
