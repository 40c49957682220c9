"""From an event to the contact in Brevo."""

from __future__ import annotations

from dataclasses import replace

import pytest

from customer_sync.base.clock import utc_now
from customer_sync.errors import Unavailable
from customer_sync.kit.outbound import Reply
from customer_sync.model import Channel, Consent, ConsentState, Event, EventState, Kind
from tests.rig import LIST, NOW, Rig, at


@pytest.fixture
def rig(client):
    return Rig(client)


def customer(number=1, *, email="jane@example.com", when=-100, kind=Kind.CUSTOMER_UPDATED, source="shop", **record):
    record = {"email": email, **record} if email is not ... else record
    event_id = f"{source}:{kind}:{number}:{when}:{sorted(record.items())}"
    return Event(event_id, source, kind, at(when), str(number), str(number), record)


def consent(state, *, number=1, email="jane@example.com", when=-50, source="shop", explicit=True):
    seen = Consent(Channel.EMAIL, state, at(when), "single_opt_in", explicit)
    event_id = f"{source}:consent:{number}:{when}:{state}"
    return Event(event_id, source, Kind.CONSENT_CHANGED, at(when), str(number), str(number), {"email": email}, (seen,))


def unsubscribed(email="jane@example.com", when=-10, **more):
    return {"event": "unsubscribe", "email": email, "ts_event": int(at(when).timestamp()), **more}


def test_a_new_customer_becomes_a_contact(rig):
    rig.send(customer(firstName="Jane", city="Ghent"))

    rig.settle()

    assert rig.brevo.contacts["jane@example.com"].attributes == {"FIRSTNAME": "Jane", "CITY": "Ghent"}
    assert rig.store.ledger.events()[0].state is EventState.DELIVERED


def test_values_that_cannot_be_read_are_counted_once_for_each_event(rig):
    odd = replace(customer(firstName="Jane"), notes=("billing.company: expected a text, found false", "total: odd"))
    rig.send(odd)
    rig.send(odd)

    rig.settle()

    left_out = [one for one in rig.store.counters.read() if one.name == "tajo_values_left_out_total"]
    assert [(one.labels, one.value) for one in left_out] == [({"source": "shop"}, 2)]


def test_many_updates_of_one_customer_become_one_call(rig):
    for second in range(30):
        rig.send(customer(when=-100 + second, firstName=f"Jane {second}"))

    rig.settle()

    assert rig.brevo.contacts["jane@example.com"].attributes == {"FIRSTNAME": "Jane 29"}
    assert len(rig.brevo.calls) == 1


def test_an_unchanged_customer_costs_no_call(rig):
    rig.send(customer(firstName="Jane"))
    rig.settle()

    rig.send(customer(when=-20, firstName="Jane"))
    rig.settle()

    assert len(rig.brevo.calls) == 1


def test_an_event_that_comes_twice_counts_once(rig):
    rig.send(customer(firstName="Jane"))
    rig.send(customer(firstName="Jane"))
    rig.settle()

    assert sorted(row.state for row in rig.store.ledger.events()) == [EventState.DELIVERED, EventState.REPEATED]


def test_an_event_that_comes_late_changes_nothing_that_is_newer(rig):
    rig.send(customer(when=-10, firstName="New", city="Ghent"))
    rig.settle()

    rig.send(customer(when=-500, firstName="Old", lastName="Doe"))
    rig.settle()

    attributes = rig.brevo.contacts["jane@example.com"].attributes
    assert attributes == {"FIRSTNAME": "New", "CITY": "Ghent", "LASTNAME": "Doe"}


def test_a_key_that_is_absent_leaves_the_attribute_alone_and_null_clears_it(rig):
    rig.send(customer(firstName="Jane", city="Ghent"))
    rig.settle()

    rig.send(customer(when=-20, firstName=None))
    rig.settle()

    assert rig.brevo.contacts["jane@example.com"].attributes == {"FIRSTNAME": "", "CITY": "Ghent"}


def test_a_new_address_renames_the_contact(rig):
    rig.send(customer(firstName="Jane"))
    rig.settle()

    rig.send(customer(email="new@example.com", when=-20))
    rig.settle()

    assert list(rig.brevo.contacts) == ["new@example.com"]
    assert rig.brevo.contacts["new@example.com"].attributes == {"FIRSTNAME": "Jane"}


def test_a_new_address_keeps_a_block(rig):
    rig.send(customer())
    rig.send(consent(ConsentState.WITHDRAWN))
    rig.settle()

    rig.send(customer(email="new@example.com", when=-20))
    rig.settle()

    assert rig.brevo.contacts["new@example.com"].blocked


def test_a_block_that_only_brevo_knew_of_survives_a_new_address(rig):
    rig.send(customer())
    rig.settle()
    rig.brevo.contacts["jane@example.com"].blocked = True

    rig.send(customer(email="new@example.com", when=-20))
    rig.settle()

    assert rig.brevo.contacts["new@example.com"].blocked


def test_a_customer_of_two_sources_is_one_contact(rig):
    rig.send(customer(firstName="Jane"))
    rig.send(customer(77, source="woo", when=-20, city="Ghent"))
    rig.settle()

    assert rig.brevo.contacts["jane@example.com"].attributes == {"FIRSTNAME": "Jane", "CITY": "Ghent"}


def test_a_new_address_at_one_source_leaves_the_contact_of_the_other(rig):
    rig.send(customer(firstName="Jane"))
    rig.send(customer(77, source="woo", when=-90))
    rig.settle()

    rig.send(customer(email="new@example.com", when=-20))
    rig.settle()

    assert sorted(rig.brevo.contacts) == ["jane@example.com", "new@example.com"]
    assert rig.brevo.contacts["new@example.com"].attributes == {"FIRSTNAME": "Jane"}


def test_a_new_address_that_is_a_contact_already_joins_it_and_the_old_one_leaves(rig):
    rig.send(customer(1, firstName="Jane"))
    rig.send(consent(ConsentState.GRANTED))
    rig.send(customer(2, email="new@example.com", when=-90, city="Ghent"))
    rig.settle()

    rig.send(customer(1, email="new@example.com", when=-20))
    rig.settle()

    old, new = rig.brevo.contacts["jane@example.com"], rig.brevo.contacts["new@example.com"]
    # the shop gives an address to one customer: the one who had it has none until we hear of a new one
    assert new.attributes == {"FIRSTNAME": "Jane", "CITY": ""}
    assert not old.lists


def test_a_customer_without_an_address_waits_and_is_synced_once_there_is_one(rig):
    rig.send(customer(email=None, firstName="Jane"))
    rig.settle()
    assert not rig.brevo.calls

    rig.send(customer(when=-20))
    rig.settle()

    assert rig.brevo.contacts["jane@example.com"].attributes == {"FIRSTNAME": "Jane"}


def test_a_deleted_customer_is_found_by_id_alone(rig):
    rig.send(customer())
    rig.send(consent(ConsentState.GRANTED))
    rig.settle()
    assert rig.brevo.contacts["jane@example.com"].lists == {LIST}

    rig.send(customer(email=..., when=-5, kind=Kind.CUSTOMER_DELETED))
    rig.settle()

    contact = rig.brevo.contacts["jane@example.com"]
    assert contact.blocked
    assert not contact.lists


def test_a_hard_delete_removes_the_contact(client):
    rig = Rig(client, delete="hard")
    rig.send(customer())
    rig.settle()

    rig.send(customer(email=..., when=-5, kind=Kind.CUSTOMER_DELETED))
    rig.settle()
    rig.send(customer(when=-60, firstName="late"))
    rig.settle()

    assert not rig.brevo.contacts


def test_an_update_that_overtakes_its_delete_does_not_win(rig):
    rig.send(customer(email=..., when=-5, kind=Kind.CUSTOMER_DELETED))
    rig.settle()
    rig.send(customer(when=-60))
    rig.send(consent(ConsentState.GRANTED))
    rig.settle()

    contact = rig.brevo.contacts.get("jane@example.com")
    assert contact is None or (contact.blocked and not contact.lists)


def test_an_order_teaches_which_address_an_id_has(rig):
    order = Event("o1", "shop", Kind.ORDER_PLACED, at(-60), "9", "1", {"customer": {"email": "jane@example.com"}})
    rig.send(order)
    rig.settle()

    rig.send(customer(email=..., when=-5, kind=Kind.CUSTOMER_DELETED))
    rig.settle()

    assert rig.store.people.find_ref("shop", "1") == rig.store.people.find("jane@example.com")


def test_an_order_with_an_old_address_does_not_rename_the_customer(rig):
    rig.send(customer(email="new@example.com", when=-100))
    rig.settle()
    rig.send(Event("o1", "shop", Kind.ORDER_UPDATED, at(-1), "9", "1", {"customer": {"email": "old@example.com"}}))
    rig.settle()

    assert list(rig.brevo.contacts) == ["new@example.com"]


def test_erasure_leaves_nothing_but_a_tombstone(rig, client):
    rig.send(customer(firstName="Jane"))
    rig.settle()

    rig.send(customer(when=-5, kind=Kind.CUSTOMER_ERASED))
    rig.settle()
    rig.send(customer(when=-60, firstName="late"))
    rig.send(customer(2, when=-55, firstName="late, another id"))
    rig.settle()

    assert not rig.brevo.contacts
    assert rig.store.people.find("jane@example.com") is None
    assert not client.keys("tajo:p:*")
    assert rig.store.people.erased_at_ms("jane@example.com")


def test_an_erased_person_who_comes_back_of_their_own_accord_is_welcome(rig):
    rig.clock.set(at(-60))
    rig.send(customer())
    rig.send(customer(when=-65, kind=Kind.CUSTOMER_ERASED))
    rig.settle()

    rig.clock.set(NOW)
    rig.send(Event("new", "shop", Kind.CUSTOMER_CREATED, at(-5), "5", "5", {"email": "jane@example.com"}))
    rig.settle()

    assert list(rig.brevo.contacts) == ["jane@example.com"]


def test_of_two_customers_that_became_one_the_kept_one_stays_as_it_is(rig):
    rig.send(customer(1, firstName="Jane"))
    rig.send(customer(2, email="double@example.com", when=-90, city="Ghent"))
    rig.settle()

    rig.send(Event("m", "shop", Kind.CUSTOMER_MERGED, at(-5), "1", "1", {"keptId": "1", "deletedId": "2"}))
    rig.settle()

    assert rig.brevo.contacts["jane@example.com"].attributes == {"FIRSTNAME": "Jane"}
    assert not rig.brevo.contacts["double@example.com"].lists
    assert rig.store.people.find_ref("shop", "2") is None


def test_someone_who_unsubscribes_at_brevo_stays_so_whatever_the_shop_says(rig):
    rig.send(customer())
    rig.send(consent(ConsentState.GRANTED))
    rig.settle()

    rig.brevo.contacts["jane@example.com"].blocked = True
    rig.send_brevo(unsubscribed())
    rig.send(customer(when=-5, firstName="Jane", acceptsMarketing=True))
    rig.send(consent(ConsentState.GRANTED, when=-5, explicit=False))
    rig.settle()

    assert rig.brevo.contacts["jane@example.com"].blocked
    assert not rig.brevo.lifted


def test_only_a_newer_explicit_opt_in_lifts_a_block(rig):
    rig.send(customer())
    rig.send(consent(ConsentState.WITHDRAWN, when=-50))
    rig.settle()

    rig.send(consent(ConsentState.GRANTED, when=-40))
    rig.settle()

    contact = rig.brevo.contacts["jane@example.com"]
    assert not contact.blocked
    assert contact.lists == {LIST}


def test_an_unsubscription_of_an_old_address_still_reaches_the_person(rig):
    rig.send(customer())
    rig.settle()
    rig.send(customer(email="new@example.com", when=-20))
    rig.settle()

    rig.send_brevo(unsubscribed("jane@example.com"))
    rig.settle()
    rig.send(customer(email="new@example.com", when=-5, city="Ghent"))
    rig.settle()

    assert rig.brevo.contacts["new@example.com"].blocked


def test_an_unknown_consent_means_no_list_and_no_block(rig):
    rig.send(customer())
    rig.settle()

    contact = rig.brevo.contacts["jane@example.com"]
    assert not contact.blocked
    assert not contact.lists


def test_a_phone_that_is_taken_does_not_cost_the_contact(rig):
    rig.brevo.taken_phones.add("+32470123456")
    rig.send(customer(firstName="Jane", phone="+32470123456"))
    rig.settle()
    rig.send(customer(when=-20, firstName="Janet", phone="+32470123456"))
    rig.settle()

    assert rig.brevo.contacts["jane@example.com"].attributes == {"FIRSTNAME": "Janet"}
    assert len(rig.brevo.calls) == 3  # refused once, then without; the value is remembered
    assert rig.store.people.read("1").has.refused["SMS"].startswith("Another contact")


def test_an_attribute_that_brevo_does_not_know_is_left_out_and_told(rig):
    rig.rules = rig.rules.with_attributes({"FIRSTNAME": "text"})
    rig.send(customer(firstName="Jane", city="Ghent"))
    rig.settle()

    assert rig.brevo.contacts["jane@example.com"].attributes == {"FIRSTNAME": "Jane"}
    assert "CITY" in rig.store.people.read("1").has.refused


def test_an_invalid_address_is_parked_with_a_remedy_and_others_go_on(rig):
    rig.send(customer(1, email="not an address"))
    rig.send(customer(2, email="jane@example.com"))
    rig.settle()

    (one,) = rig.store.parked.list()
    assert "email" in one.reason
    assert one.remedy
    assert list(rig.brevo.contacts) == ["jane@example.com"]


def test_a_contact_that_brevo_refuses_is_parked_and_can_be_replayed(rig):
    rig.brevo.answers = [Reply(400, {}, b'{"code":"out_of_range","message":"no"}')]
    rig.send(customer(firstName="Jane"))
    rig.settle()
    (one,) = rig.store.parked.list()
    assert rig.store.ledger.events()[0].state is EventState.PARKED

    rig.store.parked.replay(one)
    rig.settle()

    assert rig.brevo.contacts["jane@example.com"].attributes == {"FIRSTNAME": "Jane"}
    assert rig.store.parked.count() == 0


def test_while_brevo_is_down_nothing_is_lost_and_no_try_is_burnt(rig, client):
    rig.brevo.is_down = True
    rig.send(customer(firstName="Jane"))
    rig.read()
    with pytest.raises(Unavailable):
        rig.deliver()
    assert rig.store.breakers.read("contacts").kind == "unavailable"
    assert client.hlen("tajo:tries:contacts") == 0

    rig.brevo.is_down = False
    client.hset("tajo:brk:contacts", "until", 0)
    _make_due(client)
    rig.deliver()

    assert list(rig.brevo.contacts) == ["jane@example.com"]
    assert rig.store.breakers.read("contacts") is None


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, {"code": "unauthorized", "message": "Key not found"}, "does not accept the API key"),
        (
            401,
            {"code": "unauthorized", "message": "We have detected you are using an unrecognised IP address 1.2.3.4."},
            "IP",
        ),
        (
            403,
            {"message": "Access denied for resource X. The API key does not include the required permission."},
            "lacks",
        ),
    ],
)
def test_a_wrong_key_address_or_permission_pauses_the_lane_with_one_alert_that_says_which(
    rig, client, status, body, words
):
    import json

    refusal = Reply(status, {}, json.dumps(body).encode())
    rig.brevo.answers = [refusal]
    rig.send(customer(firstName="Jane"))
    rig.settle()
    client.hset("tajo:brk:contacts", "until", 0)
    _make_due(client)
    rig.brevo.answers = [refusal]
    rig.settle()

    (alert,) = rig.store.ledger.alerts()
    assert words in alert["alert"]
    assert rig.store.parked.count() == 0

    client.hset("tajo:brk:contacts", "until", 0)
    _make_due(client)
    rig.settle()

    assert list(rig.brevo.contacts) == ["jane@example.com"]
    assert rig.store.breakers.read("contacts") is None


def test_a_429_burns_no_try_and_holds_everyone(rig, client):
    rig.brevo.answers = [Reply(429, {"x-sib-ratelimit-reset": "1"}, b"{}")]
    rig.send(customer(firstName="Jane"))
    rig.settle()

    assert rig.store.limits.reserve("contacts", 1).offsets_s == ()
    assert client.hlen("tajo:tries:contacts") == 0
    assert rig.store.lanes.depth("contacts")[0] == 1


def test_a_contact_that_somebody_deleted_in_brevo_comes_back_only_with_a_newer_change(rig):
    rig.send(customer(firstName="Jane"))
    rig.settle()
    del rig.brevo.contacts["jane@example.com"]
    rig.tick()
    rig.send_brevo({"event": "contact_deleted", "email": "jane@example.com", "ts": rig.clock() // 1000})
    rig.settle()
    assert not rig.brevo.contacts

    rig.tick()
    record = {"email": "jane@example.com", "firstName": "J"}
    rig.send(Event("again", "shop", Kind.CUSTOMER_UPDATED, utc_now(rig.clock), "1", "1", record))
    rig.settle()

    assert rig.brevo.contacts["jane@example.com"].attributes == {"FIRSTNAME": "J"}


def test_a_clock_that_runs_ahead_does_not_win_for_ever(rig):
    rig.send(customer(when=10**6, firstName="From the future"))
    rig.settle()
    rig.tick()
    record = {"email": "jane@example.com", "firstName": "Now"}
    rig.send(Event("later", "shop", Kind.CUSTOMER_UPDATED, utc_now(rig.clock), "1", "1", record))
    rig.settle()

    assert rig.brevo.contacts["jane@example.com"].attributes == {"FIRSTNAME": "Now"}


def test_no_personal_data_is_in_any_key(rig, client):
    rig.send(customer(firstName="Jane"))
    rig.send(customer(2, email="bad address"))
    rig.read()
    rig.send_brevo(unsubscribed())
    rig.settle()

    keys = b" ".join(client.keys("*"))
    for key in client.keys("*"):
        if client.type(key) == b"hash":
            keys += b" ".join(client.hkeys(key))
        if client.type(key) == b"zset":
            keys += b" ".join(client.zrange(key, 0, -1))
    assert b"jane" not in keys.lower()
    assert b"@" not in keys


def _make_due(client):
    for priority in range(3):
        for target in client.zrange(f"tajo:q:contacts:{priority}", 0, -1):
            client.zadd(f"tajo:q:contacts:{priority}", {target: 0})
