"""Records under addresses: who has an address, what moves with a record, and what stays with the mailbox."""

from __future__ import annotations

from dataclasses import replace

import pytest

from customer_sync.kit.outbound import Reply
from customer_sync.model import Channel, Consent, ConsentState, Event, Kind
from tests.rig import LIST, Contact, Rig, at

GRANTED, WITHDRAWN = ConsentState.GRANTED, ConsentState.WITHDRAWN


@pytest.fixture
def rig(client):
    return Rig(client, sources=("shop", "woo", "crm"))


def customer(number, email, when, *consents, source="shop", kind=Kind.CUSTOMER_UPDATED, **record):
    event_id = f"{source}:{kind}:{number}:{when}"
    known = {"email": email, **record} if email else record
    return Event(event_id, source, kind, at(when), str(number), str(number), known, tuple(consents))


def opt_in(when, state=GRANTED, *, explicit=True):
    return Consent(Channel.EMAIL, state, at(when), "single_opt_in", explicit)


def consent(number, email, when, state=GRANTED, *, explicit=True, source="shop"):
    kind = Kind.CONSENT_CHANGED
    return customer(number, email, when, opt_in(when, state, explicit=explicit), kind=kind, source=source)


def order(when, email, *consents, number=None, source="shop", **billing):
    known = None if number is None else str(number)
    record = {"customer": {"email": email, **billing}}
    return Event(f"{source}:order:{when}", source, Kind.ORDER_PLACED, at(when), "o1", known, record, tuple(consents))


def deleted(number, when, source="shop"):
    return customer(number, None, when, kind=Kind.CUSTOMER_DELETED, source=source)


def unsubscribed(email, when, event="unsubscribe", **more):
    return {"event": event, "email": email, "ts_event": int(at(when).timestamp()), **more}


def seen(rig, email):
    """What Brevo has at an address: name, lists, whether it is blocked."""
    one = rig.brevo.contacts[email]
    return one.attributes.get("FIRSTNAME"), sorted(one.lists), one.blocked


def test_newcomers_of_one_step_wait_each_once_and_in_the_line_of_their_most_urgent_change(rig):
    for number in (1, 2, 3):
        rig.send(customer(number, f"c{number}@example.com", -100))
    rig.send(consent(2, "c2@example.com", -50, GRANTED.WITHDRAWN))
    rig.read()

    urgent, live, bulk = (rig.client.zrange(f"tajo:q:contacts:{prio}", 0, -1) for prio in (0, 1, 2))
    assert [len(urgent), len(live), len(bulk)] == [1, 2, 0]
    assert rig.client.zcard("tajo:since:contacts") == 3
    assert rig.client.hgetall("tajo:prio:contacts") == {urgent[0]: b"0"}
    rig.settle()
    assert rig.brevo.contacts["c2@example.com"].blocked
    assert not rig.client.exists("tajo:since:contacts", *(f"tajo:q:contacts:{prio}" for prio in (0, 1, 2)))


# An address that changes hands


@pytest.mark.parametrize("settle_between", [True, False])
@pytest.mark.parametrize("newcomer_first", [True, False])
def test_who_leaves_an_address_takes_name_and_opt_in_along_and_the_newcomer_gets_neither(
    rig, newcomer_first, settle_between
):
    rig.send(customer(1, "family@example.com", -100, firstName="Ann"))
    rig.send(consent(1, "family@example.com", -90))
    rig.settle()
    left = customer(1, "ann.new@example.com", -50, firstName="Ann")
    came = customer(2, "family@example.com", -40, firstName="Bob")

    for event in (came, left) if newcomer_first else (left, came):
        rig.send(event)
        if settle_between:
            rig.settle()
    rig.settle()

    assert seen(rig, "family@example.com") == ("Bob", [], False)
    assert seen(rig, "ann.new@example.com") == ("Ann", [LIST], False)


def test_a_newcomer_at_an_address_never_writes_into_the_contact_that_is_about_to_move(rig):
    rig.send(customer(1, "x@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.settle()
    for n in range(2, 9):  # a page of a pull: moves and newcomers side by side
        rig.send(customer(n, f"n{n}@example.com", -60, firstName=f"N{n}"))
    rig.send(customer(1, "z@example.com", -50, firstName="Ann"))
    rig.read()
    rig.send(customer(9, "x@example.com", -40, firstName="Bob"))
    rig.settle()

    assert seen(rig, "x@example.com") == ("Bob", [], False)
    assert seen(rig, "z@example.com") == ("Ann", [LIST], False)


def test_two_sources_share_an_address_and_part_again_each_with_its_own(rig):
    rig.send(customer(1, "us@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.send(customer(7, "us@example.com", -90, source="woo", firstName="Bob", city="Ghent"))
    rig.settle()
    assert seen(rig, "us@example.com") == ("Bob", [LIST], False)

    rig.send(customer(7, "bob@example.com", -50, source="woo", firstName="Bob"))
    rig.settle()

    assert seen(rig, "us@example.com") == ("Ann", [LIST], False)
    assert rig.brevo.contacts["us@example.com"].attributes["CITY"] == ""
    assert seen(rig, "bob@example.com") == ("Bob", [], False)


def test_where_a_platform_lets_customers_share_an_address_they_do(rig):
    rig.rules = replace(rig.rules, sharing=frozenset({"crm"}))
    rig.send(customer(1, "us@example.com", -100, opt_in(-100), source="crm", firstName="Ann"))
    rig.send(customer(2, "us@example.com", -90, source="crm", city="Ghent"))
    rig.settle()

    assert rig.brevo.contacts["us@example.com"].attributes == {"FIRSTNAME": "Ann", "CITY": "Ghent"}
    assert rig.brevo.contacts["us@example.com"].lists == {LIST}


def test_thirty_changes_between_two_other_peoples_addresses_stay_small_and_all_are_delivered(rig):
    rig.send(order(-200, "b@example.com", firstName="Guest B"))
    rig.send(order(-190, "c@example.com", firstName="Guest C"))
    rig.settle()
    before = rig.client.info("memory")["used_memory"]

    for n in range(30):
        rig.send(customer(1, "bc"[n % 2] + "@example.com", -150 + n, firstName=f"Ann {n}"))
    rig.read()

    assert rig.client.info("memory")["used_memory"] - before < 2_000_000
    rig.deliver()
    assert seen(rig, "c@example.com")[0] == "Ann 29"
    assert seen(rig, "b@example.com")[0] == "Guest B"
    assert rig.store.lanes.depth("contacts")[0] == 0


# Opt-ins answer for the address they were given for


def test_an_opt_in_given_for_one_address_lifts_no_block_of_another(rig):
    rig.send_brevo(unsubscribed("b1@example.com", -80))
    rig.send(customer(11, "a11@example.com", -100))
    rig.send(consent(11, "a11@example.com", -60))
    rig.settle()

    rig.send(customer(11, "b1@example.com", -20))
    rig.settle()

    assert rig.brevo.contacts["b1@example.com"].blocked
    assert not rig.brevo.contacts["b1@example.com"].lists
    assert not rig.brevo.lifted


def test_a_newcomer_s_opt_in_from_elsewhere_does_not_answer_what_the_mailbox_said_to_somebody_else(rig):
    rig.send(customer(2, "b2@example.com", -100, firstName="Yan"))
    rig.settle()
    rig.brevo.unsubscribe("b2@example.com")
    rig.send_brevo(unsubscribed("b2@example.com", -80))
    rig.send(customer(2, "c2@example.com", -70, firstName="Yan"))
    rig.settle()
    rig.send(customer(1, "a22@example.com", -65, opt_in(-60), firstName="Xia"))
    rig.settle()

    rig.send(customer(1, "b2@example.com", -50, firstName="Xia"))
    rig.settle()

    assert rig.brevo.contacts["b2@example.com"].blocked
    assert rig.brevo.contacts["c2@example.com"].blocked


def test_an_opt_in_and_a_new_address_in_one_go_unblock_no_contact_that_was_there(rig):
    rig.send(customer(31, "a31@example.com", -100, opt_in(-100, WITHDRAWN)))
    rig.settle()
    rig.brevo.contacts["b3@example.com"] = Contact(blocked=True)

    rig.send(consent(31, "a31@example.com", -50))
    rig.send(customer(31, "b3@example.com", -40))
    rig.settle()

    assert rig.brevo.contacts["b3@example.com"].blocked
    assert not rig.brevo.contacts["b3@example.com"].lists


def test_a_box_on_an_order_speaks_for_the_order_s_own_address(rig):
    rig.send(customer(5, "wa@example.com", -100, firstName="Wa"))
    rig.settle()
    rig.brevo.unsubscribe("wa@example.com")
    rig.send_brevo(unsubscribed("wa@example.com", -80))

    rig.send(order(-50, "other@example.com", opt_in(-50, explicit=False), number=5))
    rig.settle()

    assert seen(rig, "wa@example.com") == ("Wa", [], True)
    assert rig.brevo.contacts["other@example.com"].lists == {LIST}


# Withdrawals go along and stay


def test_a_withdrawal_goes_along_with_the_record_and_stays_with_the_address(rig):
    rig.send(customer(1, "x@example.com", -100, opt_in(-100, WITHDRAWN)))
    rig.settle()
    rig.send(customer(1, "z@example.com", -50))
    rig.settle()
    rig.send(customer(2, "x@example.com", -40, opt_in(-200)))
    rig.settle()

    assert rig.brevo.contacts["z@example.com"].blocked
    assert rig.brevo.contacts["x@example.com"].blocked


@pytest.mark.parametrize("late", [True, False])
def test_what_brevo_said_of_an_address_goes_along_with_a_record_that_led_there_then(rig, late):
    rig.send(customer(1, "x@example.com", -100))
    said, moved = unsubscribed("x@example.com", -80), customer(1, "z@example.com", -50)
    if late:
        rig.send(moved)
        rig.read()
        rig.send_brevo(said)
    else:
        rig.send_brevo(said)
        rig.send(moved)
    rig.settle()

    assert rig.brevo.contacts["z@example.com"].blocked


def test_a_contact_that_is_left_behind_is_blocked_when_its_customer_withdraws_later(rig):
    rig.brevo.contacts["new@example.com"] = Contact()
    rig.send(customer(1, "old@example.com", -100, firstName="Ann"))
    rig.settle()
    rig.send(customer(1, "new@example.com", -50, firstName="Ann"))
    rig.settle()
    assert "old@example.com" in rig.brevo.contacts

    rig.send(consent(1, "new@example.com", -20, WITHDRAWN))
    rig.settle()

    assert rig.brevo.contacts["new@example.com"].blocked
    assert rig.brevo.contacts["old@example.com"].blocked


def test_a_newcomer_is_not_blocked_for_what_the_one_before_said_after_leaving(rig):
    rig.send(customer(1, "x@example.com", -100))
    rig.settle()
    rig.send(customer(1, "z@example.com", -50))
    rig.settle()
    rig.send(customer(2, "x@example.com", -40, opt_in(-40)))
    rig.settle()

    rig.send(consent(1, "z@example.com", -20, WITHDRAWN))
    rig.settle()

    assert seen(rig, "x@example.com")[1:] == ([LIST], False)
    assert rig.brevo.contacts["z@example.com"].blocked


def test_the_calls_of_a_blocked_rename_are_all_reserved_before_the_first(rig):
    rig.send(customer(1, "x@example.com", -100, opt_in(-100, WITHDRAWN)))
    rig.settle()
    rig.send(customer(1, "z@example.com", -50))
    rig.read()
    # one call is left of this hour: not enough for the new address and its block
    rig.client.hset("tajo:lim:contacts", mapping={"rph": 100, "left": 2, "ends": rig.clock() + 3_600_000})
    before = len(rig.brevo.calls)
    rig.deliver()

    assert [call[0] for call in rig.brevo.calls[before:]] in ([], ["GET"])
    assert rig.brevo.contacts["x@example.com"].blocked


def test_a_rename_that_is_torn_apart_is_mended_before_everything_else(rig):
    rig.send(customer(1, "x@example.com", -100, opt_in(-100, WITHDRAWN)))
    rig.settle()
    rig.send(customer(1, "z@example.com", -50))
    rig.read()
    real = rig.brevo.send

    def fails_after_the_rename(method, url, *, headers, body=None):
        if method == "POST" and "z@example.com" in rig.brevo.contacts:
            rig.brevo.send = real
            return Reply(500, {}, b"")
        return real(method, url, headers=headers, body=body)

    rig.brevo.send = fails_after_the_rename
    rig.deliver_once()
    assert not rig.brevo.contacts["z@example.com"].blocked  # Brevo lifts a block when an address changes

    number = rig.store.people.find("z@example.com")
    assert rig.client.zscore("tajo:q:contacts:0", number) is not None
    rig.client.zadd("tajo:q:contacts:0", {number: 0})
    rig.deliver()
    assert rig.brevo.contacts["z@example.com"].blocked


# Deletions and merges


def test_a_record_that_is_deleted_ends_nothing_that_another_source_still_has(rig):
    rig.send(customer(1, "s@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.send(customer(9, "s@example.com", -90, source="woo", city="Ghent"))
    rig.settle()

    rig.send(deleted(9, -50, source="woo"))
    rig.settle()

    assert seen(rig, "s@example.com") == ("Ann", [LIST], False)
    assert rig.brevo.contacts["s@example.com"].attributes["CITY"] == ""


def test_the_last_record_that_is_deleted_ends_the_contact(rig):
    rig.send(customer(1, "s@example.com", -100, opt_in(-100)))
    rig.send(customer(9, "s@example.com", -90, source="woo"))
    rig.send(deleted(9, -50, source="woo"))
    rig.settle()

    rig.send(deleted(1, -40))
    rig.settle()

    assert seen(rig, "s@example.com")[1:] == ([], True)


@pytest.mark.parametrize("order_of", [("merge", "delete"), ("delete", "merge")])
@pytest.mark.parametrize("delete", ["soft", "hard"])
def test_a_merge_leaves_the_kept_customer_untouched_whatever_follows_about_the_other_id(client, order_of, delete):
    rig = Rig(client, delete=delete)
    rig.send(customer(1, "kept@example.com", -100, opt_in(-100), firstName="Kept"))
    rig.send(customer(2, "gone@example.com", -95, firstName="Gone"))
    rig.settle()
    merge = Event("m", "shop", Kind.CUSTOMER_MERGED, at(-50), "1", "1", {"keptId": "1", "deletedId": "2"})
    steps = {"merge": merge, "delete": deleted(2, -50)}

    for name in order_of:
        rig.send(steps[name])
        rig.settle()
    rig.send(customer(2, "kept@example.com", -40, firstName="Late"))
    rig.settle()

    assert seen(rig, "kept@example.com") == ("Kept", [LIST], False)
    assert "gone@example.com" not in rig.brevo.contacts or not rig.brevo.contacts["gone@example.com"].lists


def test_what_a_merged_customer_withdrew_goes_along(rig):
    rig.send(customer(1, "kept@example.com", -100, opt_in(-100)))
    rig.send(customer(2, "gone@example.com", -95, opt_in(-60, WITHDRAWN)))
    rig.settle()

    rig.send(Event("m", "shop", Kind.CUSTOMER_MERGED, at(-50), "1", "1", {"keptId": "1", "deletedId": "2"}))
    rig.settle()

    assert rig.brevo.contacts["kept@example.com"].blocked


def test_the_account_of_a_buyer_that_was_deleted_is_not_revived_by_an_order_that_lost_its_customer(rig):
    rig.send(customer(1, "s@example.com", -100, opt_in(-100)))
    rig.send(deleted(1, -50))
    rig.settle()

    rig.send(order(-40, "s@example.com", firstName="Ann"))
    rig.settle()

    assert seen(rig, "s@example.com")[1:] == ([], True)


# What only one contact may have


def test_a_phone_that_moves_from_one_customer_to_another_arrives_whoever_tells_it_first(rig):
    rig.send(customer(1, "a@example.com", -100, phone="+32470000001"))
    rig.settle()

    rig.send(customer(2, "b@example.com", -50, phone="+32470000001"))
    rig.settle()
    assert rig.brevo.contacts["b@example.com"].attributes.get("SMS") is None
    rig.send(customer(1, "a@example.com", -40, phone=None))
    rig.settle()

    assert rig.brevo.contacts["a@example.com"].attributes["SMS"] == ""
    assert rig.brevo.contacts["b@example.com"].attributes["SMS"] == "+32470000001"


def test_the_phone_goes_along_when_the_new_address_is_a_contact_already(rig):
    rig.send(customer(1, "old@example.com", -100, firstName="Ann", phone="+32470000001"))
    rig.settle()
    rig.brevo.contacts["new@example.com"] = Contact()

    rig.send(customer(1, "new@example.com", -50, firstName="Ann", phone="+32470000001"))
    rig.settle()

    assert rig.brevo.contacts["new@example.com"].attributes == {"FIRSTNAME": "Ann", "SMS": "+32470000001"}
    assert rig.brevo.contacts["old@example.com"].attributes["SMS"] == ""


def test_a_chain_of_renames_leaves_one_contact_each_with_all_that_is_known(rig):
    rig.send(customer(1, "x@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.send(customer(2, "tmp@example.com", -100, firstName="Bob"))
    rig.settle()

    rig.send(customer(1, "z@example.com", -50, firstName="Ann", city="Aalst"))
    rig.send(customer(2, "x@example.com", -40, firstName="Bob", city="Bruges"))
    rig.read()
    rig.deliver()

    assert set(rig.brevo.contacts) == {"x@example.com", "z@example.com"}
    assert seen(rig, "z@example.com") == ("Ann", [LIST], False)
    assert seen(rig, "x@example.com") == ("Bob", [], False)
    assert rig.brevo.contacts["x@example.com"].attributes["CITY"] == "Bruges"
    assert rig.brevo.contacts["z@example.com"].attributes["CITY"] == "Aalst"


def test_a_rename_that_keeps_failing_holds_up_nobody_else_for_long(rig):
    rig.send(customer(1, "x@example.com", -100, firstName="Ann"))
    rig.settle()
    real = rig.brevo.send
    rig.brevo.send = lambda method, url, **more: Reply(500, {}, b"") if method == "PUT" else real(method, url, **more)
    rig.send(customer(1, "z@example.com", -50, firstName="Ann"))
    rig.send(customer(2, "x@example.com", -40, firstName="Bob"))
    rig.read()
    for _ in range(4):
        rig.resume()
        rig.deliver()

    assert seen(rig, "z@example.com")[0] == "Ann"
    assert seen(rig, "x@example.com")[0] == "Bob"


def test_a_record_that_moves_while_its_person_is_being_delivered_is_nowhere_twice(rig):
    rig.send(customer(1, "ann@example.com", -100, firstName="Ann"))
    rig.send(customer(2, "ann@example.com", -100, source="crm", lastName="Ames"))
    rig.settle()
    send, moves = rig.brevo.send, [customer(1, "new@example.com", -50, firstName="Ann")]

    def move_first(*args, **more):
        if moves:
            rig.send(moves.pop())
            rig.read()
        return send(*args, **more)

    rig.send(customer(2, "ann@example.com", -60, source="crm", lastName="Adams"))
    rig.brevo.send = move_first
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].attributes == {"FIRSTNAME": "", "LASTNAME": "Adams"}
    assert rig.brevo.contacts["new@example.com"].attributes == {"FIRSTNAME": "Ann"}
    assert len(rig.store.people.read(rig.store.people.find("ann@example.com")).records) == 1
