"""Erasure: whole, for good, and never lost on the way; but that somebody withdrew is not forgotten with them."""

from __future__ import annotations

import pytest

from customer_sync.model import ConsentState, Event, Kind
from customer_sync.operate.erasure import request_erasure
from tests.engine.test_addresses import consent, customer, opt_in, order, seen, unsubscribed
from tests.rig import LIST, Contact, Rig, at

WITHDRAWN = ConsentState.WITHDRAWN


@pytest.fixture
def rig(client):
    return Rig(client)


def redact(number, when, email=None, source="shop"):
    return customer(number, email, when, kind=Kind.CUSTOMER_ERASED, source=source)


def nothing_of(rig, *words):
    """Whether Redis holds none of these words, in no value of any key."""
    for key in rig.client.scan_iter("tajo:*"):
        kind = rig.client.type(key)
        if kind == b"string":
            texts = [rig.client.get(key)]
        elif kind == b"hash":
            texts = [one for pair in rig.client.hgetall(key).items() for one in pair]
        elif kind == b"list":
            texts = rig.client.lrange(key, 0, -1)
        else:
            continue
        for text in texts:
            assert not any(word.encode() in text for word in words), (key, text)
    return True


def test_an_erasure_that_waits_is_not_lost_when_something_newer_arrives(rig):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann", lastName="Secretperson"))
    rig.settle()
    rig.brevo.is_down = True
    rig.send(redact(1, -50))
    rig.settle_quietly()
    rig.send(customer(1, "ann@example.com", -40, firstName="Anew"))
    rig.settle_quietly()

    rig.brevo.is_down = False
    rig.resume()
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].attributes == {"FIRSTNAME": "Anew"}
    assert not rig.brevo.contacts["ann@example.com"].lists
    assert rig.store.people.erased_at_ms("ann@example.com") is not None
    assert nothing_of(rig, "Secretperson")


def test_what_is_older_than_an_erasure_never_comes_back_even_before_it_is_delivered(rig):
    rig.send(customer(1, "ann@example.com", -100, firstName="Ann"))
    rig.settle()
    rig.send(redact(1, -50))
    rig.read()
    rig.send(customer(1, "ann@example.com", -60, firstName="Secretperson"))
    rig.settle()

    assert "ann@example.com" not in rig.brevo.contacts
    assert nothing_of(rig, "Secretperson", "Ann")


@pytest.mark.parametrize("first", ["erasure", "withdrawal"])
def test_a_withdrawal_passes_a_tombstone_with_what_makes_the_person_anew(rig, first):
    rig.send(customer(1, "ann@example.com", -100))
    rig.settle()
    if first == "withdrawal":
        rig.send(consent(1, "ann@example.com", -80, WITHDRAWN))
    rig.send(redact(1, -50))
    rig.settle()

    rig.send(customer(1, "ann@example.com", -20, opt_in(-80, WITHDRAWN), firstName="Anew"))
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].blocked


def test_who_withdrew_before_the_erasure_is_blocked_when_they_are_made_anew_by_what_says_nothing_of_it(rig):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-80, WITHDRAWN)))
    rig.send(redact(1, -50))
    rig.settle()
    assert "ann@example.com" not in rig.brevo.contacts

    rig.send(customer(1, "ann@example.com", -20, firstName="Anew"))
    rig.settle()
    assert rig.brevo.contacts["ann@example.com"].blocked

    rig.send(consent(1, "ann@example.com", -10))
    rig.settle()
    assert not rig.brevo.contacts["ann@example.com"].blocked


def test_a_withdrawal_that_is_heard_of_after_the_erasure_holds_for_who_comes_next(rig):
    rig.send(customer(1, "ann@example.com", -100))
    rig.send(redact(1, -50))
    rig.settle()
    rig.send_brevo(unsubscribed("ann@example.com", -60))
    rig.settle()

    rig.send(customer(2, "ann@example.com", -20, firstName="Anew"))
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].blocked


def test_an_erasure_reaches_former_addresses_and_contacts_that_were_left_behind(rig):
    rig.send(customer(1, "first@example.com", -100, firstName="Secretperson"))
    rig.settle()
    rig.brevo.contacts["second@example.com"] = Contact()
    rig.send(customer(1, "second@example.com", -80, firstName="Secretperson"))
    rig.settle()
    assert rig.brevo.contacts["first@example.com"].attributes["FIRSTNAME"] == "Secretperson"

    rig.send(redact(1, -50))
    rig.settle()
    rig.send(order(-70, "first@example.com", firstName="Secretperson"))
    rig.settle()

    assert not rig.brevo.contacts
    assert nothing_of(rig, "Secretperson")
    assert rig.store.people.erased_at_ms("first@example.com") is not None
    assert rig.store.people.erased_at_ms("second@example.com") is not None


def test_an_erasure_takes_every_record_of_the_address(rig):
    rig.send(customer(1, "ann@example.com", -100, firstName="Secretperson"))
    rig.send(customer(9, "ann@example.com", -90, source="woo", lastName="Otherperson"))
    rig.settle()

    rig.send(redact(1, -50, "ann@example.com"))
    rig.settle()
    rig.send(customer(9, "ann@example.com", -60, source="woo", lastName="Otherperson"))
    rig.settle()

    assert not rig.brevo.contacts
    assert nothing_of(rig, "Secretperson", "Otherperson")


def test_an_erasure_that_names_a_former_address_spares_who_has_it_now(rig):
    rig.send(customer(1, "x@example.com", -100, firstName="Ann"))
    rig.settle()
    rig.send(customer(1, "z@example.com", -80, firstName="Ann"))
    rig.send(customer(2, "x@example.com", -70, opt_in(-70), firstName="Bob"))
    rig.settle()

    rig.send(redact(1, -50, "x@example.com"))
    rig.settle()

    assert set(rig.brevo.contacts) == {"x@example.com"}
    assert seen(rig, "x@example.com") == ("Bob", [LIST], False)


@pytest.mark.parametrize("known", [True, False])
def test_an_operator_erases_by_the_address_whether_anybody_is_known_or_not(rig, known):
    rig.brevo.contacts["ann@example.com"] = Contact({"FIRSTNAME": "Form"})
    if known:
        rig.send(customer(1, "ann@example.com", -100, firstName="Ann"))
        rig.settle()

    request_erasure(rig.store, "ann@example.com", at(-1))
    rig.settle()

    assert not rig.brevo.contacts
    assert rig.store.people.erased_at_ms("ann@example.com") is not None
    assert rig.store.people.find("ann@example.com") is None


def test_an_operator_erases_who_had_an_address_last(rig):
    rig.send(customer(1, "x@example.com", -100, firstName="Secretperson"))
    rig.settle()
    rig.send(customer(1, "z@example.com", -80, firstName="Secretperson"))
    rig.settle()

    request_erasure(rig.store, "x@example.com", at(-1))
    rig.settle()

    assert not rig.brevo.contacts
    assert nothing_of(rig, "Secretperson")


def test_whoever_registers_after_the_erasure_is_a_new_customer(rig):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.send(redact(1, -50))
    rig.settle()

    rig.send(customer(2, "ann@example.com", -20, opt_in(-20), firstName="Anew"))
    rig.settle()

    assert seen(rig, "ann@example.com") == ("Anew", [LIST], False)


def test_an_erasure_of_a_customer_who_was_merged_away_reaches_what_they_left(rig):
    rig.send(customer(1, "ann@example.com", -100, firstName="Ann"))
    rig.settle()
    rig.send(Event("m", "shop", Kind.CUSTOMER_MERGED, at(-50), "2", "2", {"keptId": "2", "deletedId": "1"}))
    rig.settle()

    rig.send(redact(1, -40))
    rig.settle()

    assert not rig.brevo.contacts
    assert nothing_of(rig, "Ann", "ann@example.com")


def test_an_erasure_is_counted_from_the_asking_on(rig):
    rig.send(customer(1, "ann@example.com", -100))
    rig.settle()

    request_erasure(rig.store, "ann@example.com", at(-50))
    rig.settle()

    counted = {
        (one.labels["source"], one.labels["state"]): int(one.value)
        for one in rig.store.counters.read()
        if one.name == "tajo_events_total"
    }
    assert counted["tajo", "pending"] == counted["tajo", "delivered"] == 1


def test_the_id_that_an_erasure_tells_is_erased_though_another_customer_was_the_last_at_the_address(rig):
    rig.send(customer(1, "ann@example.com", -100, firstName="Ann"))
    rig.send(customer(1, "new@example.com", -90, firstName="Ann"))
    rig.send(redact(2, -50, "ann@example.com"))  # of nobody who is known
    rig.send(customer(2, "eve@example.com", -60, firstName="Eve"))  # on its way since before the erasure
    rig.settle()

    assert nothing_of(rig, "Eve", "eve@")
