"""Contacts that the operator wants left alone: only a block is set."""

from __future__ import annotations

from dataclasses import replace

import pytest

from customer_sync.model import ConsentState
from tests.engine.test_addresses import customer, opt_in
from tests.rig import LIST, Contact, Rig

WITHDRAWN = ConsentState.WITHDRAWN


@pytest.fixture
def rig(client):
    return Rig(client, sources=("shop", "woo"))


def test_what_we_did_not_fill_is_not_emptied_by_the_write_that_blocks(rig):
    rig.rules = replace(rig.rules, update={"shop": False})
    rig.brevo.contacts["ann@example.com"] = Contact({"FIRSTNAME": "Form", "CITY": "Ghent"})
    rig.send(customer(1, "ann@example.com", -100, firstName="Ann", city="Here"))
    rig.settle()
    rig.send(customer(1, "ann@example.com", -60, opt_in(-60, WITHDRAWN), firstName="Ann", city=None))
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].blocked
    assert rig.brevo.contacts["ann@example.com"].attributes == {"FIRSTNAME": "Form", "CITY": "Ghent"}


def test_who_takes_the_opt_in_back_leaves_the_list_although_contacts_are_left_alone(rig):
    rig.rules = replace(rig.rules, update={"shop": False})
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.settle()
    assert rig.brevo.contacts["ann@example.com"].lists == {LIST}
    rig.send(customer(1, "ann@example.com", -60, opt_in(-60, ConsentState.PENDING), firstName="Anne"))
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].lists == set()
    assert rig.brevo.contacts["ann@example.com"].attributes == {"FIRSTNAME": "Ann"}


def test_the_second_change_of_a_customer_is_left_alone_and_not_parked(rig):
    rig.rules = replace(rig.rules, update={"shop": False})
    rig.send(customer(1, "ann@example.com", -100, firstName="Ann"))
    rig.settle()
    rig.send(customer(1, "ann@example.com", -60, firstName="Anne"))
    rig.settle()

    assert rig.store.parked.count() == 0
