"""What was said of a person follows them from address to address, and nothing else does."""

from __future__ import annotations

import contextlib

import pytest

from customer_sync.model import ConsentState
from customer_sync.operate.erasure import request_erasure
from tests.engine.hands import answer, end_leases, erased, merged, sms, texts
from tests.engine.test_addresses import consent, customer, deleted, opt_in, order, seen, unsubscribed
from tests.rig import Contact, Rig, at

WITHDRAWN = ConsentState.WITHDRAWN


@pytest.fixture
def rig(client):
    return Rig(client, sources=("shop", "woo"))


@pytest.mark.parametrize("told_before_the_move", [True, False])
def test_an_opt_in_answers_no_withdrawal_of_an_address_that_the_record_came_to_later(rig, told_before_the_move):
    rig.send(customer(9, "b@example.com", -100, source="woo", firstName="Bob"))
    rig.send(customer(1, "a@example.com", -90, firstName="Ann"))
    rig.settle()
    rig.brevo.unsubscribe("b@example.com")
    rig.send_brevo(unsubscribed("b@example.com", -80))  # Bob
    rig.settle()
    # Ann opts in at -50, at a@, where we know her to be from -90 to -45 at least
    rig.send(customer(1, "a@example.com", -45, *([opt_in(-50)] if told_before_the_move else [])))
    rig.settle()

    rig.send(customer(1, "b@example.com", -10, opt_in(-50)))  # a body, or a pull, of later tells both
    rig.settle()

    assert rig.brevo.contacts["b@example.com"].blocked
    assert not rig.brevo.lifted


class Killed(BaseException):
    """The worker is gone."""


@pytest.mark.parametrize("dies", [False, True])
def test_a_block_found_by_a_rename_survives_the_death_of_the_worker(rig, dies):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.settle()
    rig.brevo.contacts["ann@example.com"].blocked = True  # by hand in Brevo: no webhook tells it
    rig.send(customer(1, "new@example.com", -50, firstName="Ann"))
    rig.read()
    real = rig.brevo.send

    def send(method, url, *, headers, body=None):
        reply = real(method, url, headers=headers, body=body)
        if dies and method == "PUT" and body and b'"EMAIL"' in body:
            raise Killed
        return reply

    rig.brevo.send = send
    with contextlib.suppress(Killed):
        rig.deliver_once()
    rig.brevo.send = real
    end_leases(rig)
    rig.settle()

    assert rig.brevo.contacts["new@example.com"].blocked


def die_after_the_first_contact(rig):
    """Make Ann's contact and be gone before that is noted."""
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.read()
    real = rig.brevo.send

    def send(method, url, *, headers, body=None):
        real(method, url, headers=headers, body=body)
        raise Killed

    rig.brevo.send = send
    with contextlib.suppress(Killed):
        rig.deliver_once()
    rig.brevo.send = real
    assert rig.brevo.contacts["ann@example.com"].lists


@pytest.mark.parametrize("delete", ["hard", "soft"])
def test_who_moved_and_was_deleted_before_the_first_delivery_was_noted_cannot_be_mailed(client, delete):
    rig = Rig(client, delete=delete, sources=("shop",))
    die_after_the_first_contact(rig)
    rig.send(customer(1, "new@example.com", -50, firstName="Ann"))
    rig.send(deleted(1, -40))
    rig.read()
    end_leases(rig)
    rig.settle()

    assert all(delete == "soft" and one.blocked for one in rig.brevo.contacts.values())


def test_who_withdrew_before_an_address_was_told_is_blocked_at_the_address(rig):
    asked, real = [], rig.brevo.send

    def send(method, url, *, headers, body=None):
        asked.append(url)
        return real(method, url, headers=headers, body=body)

    rig.brevo.send = send
    rig.send(consent(1, None, -60, WITHDRAWN))
    rig.send(customer(1, "ann@example.com", -50, firstName="Ann"))
    rig.settle()

    assert rig.brevo.contacts["ann@example.com"].blocked
    assert not [url for url in asked if "None" in url]


@pytest.mark.parametrize("is_later", [False, True])
def test_nobody_stays_on_a_list_at_an_address_that_was_left_before_its_first_delivery_was_noted(rig, is_later):
    """The contact is made, and the worker that made it is gone before it notes that; then the person moves."""
    die_after_the_first_contact(rig)
    if is_later:
        end_leases(rig)
    rig.send(customer(1, "new@example.com", -50, opt_in(-100), firstName="Ann"))
    rig.read()
    end_leases(rig)
    rig.settle()

    assert rig.brevo.contacts["new@example.com"].lists
    left = rig.brevo.contacts.get("ann@example.com")
    assert left is None or not left.lists


@pytest.mark.parametrize("meanwhile", [False, True])
def test_a_block_found_while_the_record_moves_goes_along(rig, meanwhile):
    rig.brevo.contacts["ann@example.com"] = Contact(blocked=True)  # was there before us
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.read()
    todo = [1] if meanwhile else []

    def move(method, url, data):
        if method == "GET" and todo:
            todo.pop()
            rig.send(customer(1, "new@example.com", -50, firstName="Ann"))
            rig.read()

    answer(rig, move)
    rig.settle()
    if not meanwhile:
        rig.send(customer(1, "new@example.com", -50, firstName="Ann"))
        rig.settle()

    assert rig.brevo.contacts["new@example.com"].blocked


@pytest.mark.parametrize("is_renamed", [True, False])
def test_an_erasure_by_address_reaches_the_addresses_before_it(rig, is_renamed):
    """`tajo contacts erase`; `erasure.whom` says that it does."""
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.settle()
    if not is_renamed:
        rig.brevo.contacts["new@example.com"] = Contact()  # so that the old contact is left behind
    rig.send(customer(1, "new@example.com", -50, firstName="Ann"))
    rig.settle()

    request_erasure(rig.store, "new@example.com", at(-10))
    rig.settle()

    assert rig.brevo.contacts == {}
    assert not [key for key, text in texts(rig).items() if "@example.com" in text]


def test_an_erasure_by_address_before_the_rename_is_delivered_reaches_the_contact(rig):
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.settle()
    rig.send(customer(1, "new@example.com", -50, firstName="Ann"))
    rig.read()
    request_erasure(rig.store, "new@example.com", at(-10))
    rig.settle()

    assert rig.brevo.contacts == {}


@pytest.mark.parametrize("delete", ["hard", "soft"])
def test_a_deletion_right_after_a_new_address_ends_the_contact_of_the_old_one(client, delete):
    rig = Rig(client, delete=delete, sources=("shop",))
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.settle()
    rig.send(customer(1, "new@example.com", -50, firstName="Ann"))
    rig.send(deleted(1, -40))
    rig.settle()

    assert all(delete == "soft" and one.blocked for one in rig.brevo.contacts.values())


@pytest.mark.parametrize("delete", ["hard", "soft"])
def test_who_was_deleted_right_after_a_new_address_gets_no_contact_where_the_old_one_is_gone(client, delete):
    rig = Rig(client, delete=delete, sources=("shop",))
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.settle()
    rig.brevo.contacts.clear()
    rig.send(customer(1, "new@example.com", -50, firstName="Ann"))
    rig.send(deleted(1, -40))
    rig.settle()

    assert rig.brevo.contacts == {}


def own_order(rig):
    rig.send(customer(5, "x@example.com", -100, firstName="Ann"))
    rig.send(order(-90, "x@example.com", opt_in(-90, explicit=False), number=5))  # her own order, its box ticked
    rig.settle()
    rig.send(customer(5, "y@example.com", -50, firstName="Ann"))
    rig.settle()


@pytest.mark.parametrize("how", ["shop", "brevo"])
def test_a_withdrawal_reaches_the_old_address_for_which_only_her_own_order_speaks(rig, how):
    own_order(rig)
    if how == "shop":
        rig.send(consent(5, "y@example.com", -20, WITHDRAWN))
    else:
        rig.brevo.unsubscribe("y@example.com")
        rig.send_brevo(unsubscribed("y@example.com", -20))
    rig.settle()

    assert rig.brevo.contacts["x@example.com"].blocked or not rig.brevo.contacts["x@example.com"].lists


def test_an_erasure_by_id_reaches_the_old_address_for_which_only_her_own_order_speaks(rig):
    own_order(rig)
    rig.send(erased(5, "y@example.com", -20))
    rig.settle()

    assert rig.brevo.contacts == {}


def test_the_next_customer_of_the_address_does_not_inherit_the_box_of_her_order(rig):
    own_order(rig)
    rig.send(customer(6, "x@example.com", -30, firstName="Bob"))
    rig.settle()

    assert seen(rig, "x@example.com") == ("Bob", [], False)


@pytest.mark.parametrize("merge_first", [False, True])
def test_an_sms_withdrawal_of_a_merged_customer_holds_in_whatever_order_it_comes(rig, merge_first):
    rig.send(customer(1, "a@example.com", -100))
    rig.send(customer(2, "b@example.com", -100, phone="+32470000001"))
    rig.settle()
    events = [sms(1, -80), merged(1, 2, -50)]
    for one in reversed(events) if merge_first else events:
        rig.send(one)
        rig.settle()

    assert rig.brevo.contacts["b@example.com"].sms_blocked


@pytest.mark.parametrize("comes_back", [True, False], ids=["who left comes back", "somebody else comes"])
def test_a_contact_goes_along_with_the_first_who_left_it_and_with_nobody_else(rig, comes_back):
    """Two leave one address one after the other, before anything is delivered; only one contact can be renamed."""
    rig.send(customer(1, "a@example.com", -100, firstName="Ann"))
    rig.send(customer(1, "c@example.com", -90, firstName="Ann"))
    rig.send(customer(2, "a@example.com", -80, opt_in(-80), source="woo", firstName="Bob", lastName="Bell"))
    rig.send(customer(2, "b@example.com", -70, source="woo", firstName="Bob", lastName="Bell"))
    number, source = (2, "woo") if comes_back else (3, "shop")
    rig.send(customer(number, "b@example.com" if comes_back else "d@example.com", -65, source=source))
    rig.send(customer(number, "a@example.com", -60, opt_in(-60), source=source, firstName="Bob", lastName="Bell"))
    rig.read()
    to, origins = (rig.client.hgetall(f"tajo:{one}:contacts") for one in ("to", "from"))
    rig.settle()

    assert {new: old for old, new in to.items()} == origins
    assert rig.brevo.contacts["c@example.com"].attributes == {"FIRSTNAME": "Ann"}
    assert not rig.brevo.contacts["c@example.com"].lists
    assert rig.brevo.contacts["a@example.com"].lists
