"""A list that somebody left in Brevo is joined again for a later act only."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from customer_sync.model import ConsentState
from tests.engine.test_addresses import customer, opt_in
from tests.rig import LIST, Contact, Rig, at

WITHDRAWN = ConsentState.WITHDRAWN


@pytest.fixture
def rig(client):
    return Rig(client, sources=("shop", "woo"))


def test_a_list_is_not_joined_that_the_person_left_before_we_first_put_them_on_it(rig):
    rig.brevo.contacts["ann@example.com"] = Contact(left={3})  # was there, and left list 3, before we came
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.settle()  # reads the contact: `is_read` from now on
    rig.rules = replace(rig.rules, lists={"shop": (LIST, 3)})  # and now the config names it

    rig.send(customer(1, "ann@example.com", -50, firstName="Anne"))
    rig.settle()

    assert 3 not in rig.brevo.contacts["ann@example.com"].lists


def test_who_comes_back_to_brevo_by_a_form_and_leaves_the_list_is_not_put_on_it_again(rig):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.settle()
    del rig.brevo.contacts["ann@example.com"]
    rig.tick()
    rig.send_brevo({"event": "contact_deleted", "email": "ann@example.com"})
    rig.settle()
    rig.brevo.contacts["ann@example.com"] = Contact(left={LIST})
    now = (datetime.now(UTC) - at(0)).total_seconds()
    rig.send(customer(1, "ann@example.com", now + 3, firstName="Anne"))  # no new opt-in
    rig.settle()

    assert LIST not in rig.brevo.contacts["ann@example.com"].lists  # it was even read: GET, then POST with listIds


def test_the_next_owner_of_an_address_that_was_renamed_away_is_not_put_on_a_list_that_they_left(rig):
    rig.send(customer(1, "a@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.settle()
    rig.send(customer(1, "b@example.com", -50, firstName="Ann"))
    rig.settle()
    rig.brevo.contacts["a@example.com"] = Contact(left={LIST})
    rig.send(customer(2, "a@example.com", -40, opt_in(-40), firstName="Bob"))
    rig.settle()

    assert LIST not in rig.brevo.contacts["a@example.com"].lists


def test_a_list_left_unheard_is_not_joined_again_by_a_box_after_a_pause(rig):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.settle()
    rig.brevo.contacts["ann@example.com"].left.add(LIST)
    rig.brevo.contacts["ann@example.com"].lists.clear()
    rig.send(customer(1, "ann@example.com", -80, opt_in(-80, ConsentState.PENDING), firstName="Anne"))
    rig.settle()
    rig.send(customer(1, "ann@example.com", -60, opt_in(-60, explicit=False), firstName="Anna"))  # a box, no act
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].lists == set()
