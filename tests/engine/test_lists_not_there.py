"""A list of the settings that is not in Brevo costs nobody their contact, and nobody a list that they are on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from customer_sync.kit.outbound import Reply
from tests.engine.hands import NO_LIST, answer
from tests.engine.test_addresses import customer, deleted, opt_in
from tests.rig import LIST, Rig

OTHER_LIST = LIST + 1
NOT_THERE_400 = Reply(400, {}, b'{"code":"invalid_parameter","message":"List ID does not exist"}')


@pytest.fixture
def rig(client):
    return Rig(client, sources=("shop",))


def test_people_are_synced_without_a_list_that_is_not_there_and_join_it_once_it_is(rig):
    rig.rules = rig.rules.with_lists([])
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.settle()
    before = set(rig.brevo.contacts["ann@example.com"].lists)
    rig.rules = rig.rules.with_lists([LIST])
    rig.send(customer(1, "ann@example.com", -50, firstName="Anna"))
    rig.settle()

    assert before == set()
    assert rig.brevo.contacts["ann@example.com"].lists == {LIST}
    assert rig.store.parked.count() == 0


def test_nobody_is_taken_off_a_list_that_seems_not_to_be_there(rig):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.settle()
    bodies = []
    answer(rig, lambda m, u, d: bodies.append(d))
    rig.rules = rig.rules.with_lists([])
    rig.send(customer(1, "ann@example.com", -50, firstName="Anna"))
    rig.settle()
    rig.rules = rig.rules.with_lists([LIST])
    rig.send(customer(1, "ann@example.com", -40, firstName="Anne"))
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].lists == {LIST}
    assert bodies
    assert not [body for body in bodies if "unlinkListIds" in body]


@pytest.mark.parametrize("reply", [NO_LIST, NOT_THERE_400], ids=lambda one: str(one.status))
def test_a_list_that_was_deleted_meanwhile_lets_the_account_be_read_again_and_parks_nobody(rig, reply):
    forgotten = []

    def forget():
        forgotten.append(True)
        rig.rules = rig.rules.with_lists([])

    rig.line.handlers["contacts"]._forget_account = forget
    answer(rig, lambda m, u, d: reply if LIST in d.get("listIds", ()) else None)
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.settle()
    rig.resume()
    rig.settle()

    assert forgotten
    assert "ann@example.com" in rig.brevo.contacts
    assert rig.store.parked.count() == 0


def test_somebody_who_is_deleted_in_the_shop_is_blocked_though_the_list_is_not_there(rig):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100)))
    rig.settle()
    rig.rules = replace(rig.rules, absent=frozenset({LIST}))
    rig.send(deleted(1, -50))
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].blocked


def test_who_lost_a_list_while_it_seemed_not_to_be_there_is_taken_off_once_it_is(client):
    rig = Rig(client, sources=("shop", "woo"))
    rig.rules = replace(rig.rules, lists={"shop": (LIST,), "woo": (OTHER_LIST,)})
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100)))
    rig.send(customer(2, "ann@example.com", -100, opt_in(-100), source="woo"))
    rig.settle()
    rig.rules = rig.rules.with_lists([OTHER_LIST])
    rig.send(deleted(1, -50))
    rig.settle()
    rig.rules = rig.rules.with_lists([LIST, OTHER_LIST])
    rig.send(customer(2, "ann@example.com", -40, source="woo"))
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].lists == {OTHER_LIST}
