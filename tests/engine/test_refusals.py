"""What Brevo refuses, or fails on, costs nobody else anything, and holds up no withdrawal."""

from __future__ import annotations

import pytest

from customer_sync.kit.outbound import Reply
from customer_sync.model import ConsentState
from tests.engine.hands import BAD, NO_LIST, answer
from tests.engine.test_addresses import consent, customer, deleted, opt_in
from tests.rig import LIST, Contact, Rig

WITHDRAWN = ConsentState.WITHDRAWN


@pytest.fixture
def rig(client):
    return Rig(client, sources=("shop", "woo"))


@pytest.mark.parametrize(
    "put", [BAD, Reply(402, {}, b"{}"), Reply(425, {}, b"{}"), Reply(429, {}, b"{}")], ids=lambda r: str(r.status)
)
def test_a_withdrawal_that_brevo_refuses_altogether_is_parked_or_tried_again_and_stops_nobody(rig, put):
    for n in range(1, 41):
        rig.send(customer(n, f"c{n}@example.com", -100, opt_in(-100), firstName="X"))
    rig.settle()

    def refused(method, url, data):
        is_first = "c1%40" in url or data.get("email") == "c1@example.com"
        return (put if method == "PUT" else BAD) if is_first else None

    answer(rig, refused)
    for n in range(1, 41):
        rig.send(customer(n, f"c{n}@example.com", -50, opt_in(-50, WITHDRAWN), firstName="A"))
    rig.read()
    rig.deliver_once()

    assert rig.client.zcard("tajo:since:contacts") <= 1
    assert all(rig.brevo.contacts[f"c{n}@example.com"].blocked for n in range(2, 41))


def test_a_contact_that_vanishes_while_it_is_renamed_crashes_no_batch(rig):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.settle()
    rig.brevo.contacts["new@example.com"] = Contact()
    rig.send(customer(1, "new@example.com", -50, firstName="Ann"))
    rig.read()

    def vanish(method, url, data):
        if method == "PUT" and "unlinkListIds" in data:
            rig.brevo.contacts.pop("ann@example.com", None)

    answer(rig, vanish)
    rig.deliver()
    assert rig.brevo.contacts["new@example.com"].lists == {LIST}


def test_a_404_for_a_list_that_somebody_deleted_crashes_no_batch(rig):
    answer(rig, lambda m, u, d: NO_LIST if LIST in d.get("listIds", ()) else None)
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.settle()


def test_a_withdrawal_does_not_wait_behind_a_rest_that_brevo_fails_on_and_is_not_parked_with_it(rig):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.settle()
    answer(rig, lambda m, u, d: Reply(500, {}, b"{}") if "attributes" in d else None)  # a flag alone is taken
    rig.send(customer(1, "ann@example.com", -50, opt_in(-50, WITHDRAWN), firstName="A"))
    rig.read()
    for _ in range(6):
        rig.resume()
        rig.deliver_once()
    number = rig.store.people.find("ann@example.com")
    rig.client.zadd("tajo:since:contacts", {number: 1})  # 72 hours later
    rig.resume()
    rig.deliver_once()

    assert rig.store.parked.count() == 1
    assert rig.brevo.contacts["ann@example.com"].blocked


@pytest.mark.parametrize("is_refused", [False, True])
def test_a_newer_withdrawal_is_on_record_when_the_rest_is_parked_and_the_block_stood_already(rig, is_refused):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100, WITHDRAWN)))
    rig.settle()
    real = answer(rig, lambda m, u, d: BAD if is_refused and "attributes" in d else None)
    rig.send(customer(1, "ann@example.com", -50, opt_in(-50, WITHDRAWN), firstName="Ann"))
    rig.settle()
    rig.brevo.send = real

    rig.send(consent(1, "ann@example.com", -70))  # an opt-in between the two, heard of late
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].blocked
    assert not rig.brevo.lifted


@pytest.mark.parametrize("is_refused", [False, True])
def test_a_deletion_is_on_record_when_leaving_the_lists_is_refused(rig, is_refused):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100)))
    rig.settle()
    real = answer(rig, lambda m, u, d: BAD if is_refused and "unlinkListIds" in d else None)
    rig.send(deleted(1, -50))
    rig.settle()
    assert rig.brevo.contacts["ann@example.com"].blocked
    rig.brevo.send = real

    rig.send(customer(1, "ann@example.com", -60, firstName="Ann"))  # late, says nothing of consent
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].blocked
    assert not rig.brevo.lifted


def test_a_404_for_a_list_that_somebody_deleted_is_not_taken_for_a_contact_that_is_gone(rig):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100)))
    rig.settle()
    answer(rig, lambda m, u, d: NO_LIST if LIST in d.get("unlinkListIds", ()) else None)
    rig.send(deleted(1, -50))
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].blocked
