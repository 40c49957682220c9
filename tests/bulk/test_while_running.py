"""While an import is under way: live work goes on, and what would be undone by the import waits until it is over."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from customer_sync.brevo.contacts.contact_job import _commutes
from customer_sync.brevo.contacts.contact_plan import Desired, Plan
from customer_sync.model import Channel, Consent, ConsentState, Event, Kind, Priority
from customer_sync.person.person import Has, Person
from customer_sync.store import keys
from customer_sync.store.imports import Imports
from customer_sync.store.items import ImportMark, Settlement
from tests.bulk.rig import LANE, BulkRig, at, customer, customers
from tests.rig import LIST

ONE = "p1@example.com"


@pytest.fixture
def rig(client):
    made = BulkRig(client, import_delay_s=1e9)
    yield made
    made.sandbox.close()


def agreed(event):
    seen = Consent(Channel.EMAIL, ConsentState.GRANTED, at(-200), "form", explicit=True)
    return replace(event, consents=(seen,))


def withdrawal(number, when=-50):
    seen = Consent(Channel.EMAIL, ConsentState.WITHDRAWN, at(when), "form", explicit=True)
    return Event(f"w{number}{when}", "shop", Kind.CONSENT_CHANGED, at(when), str(number), str(number), {}, (seen,))


def deleted(number, when=-50):
    return Event(f"d{number}", "shop", Kind.CUSTOMER_DELETED, at(when), str(number), str(number), {})


def erased(number, when=-50):
    return Event(f"e{number}", "shop", Kind.CUSTOMER_ERASED, at(when), str(number), str(number), {})


def import_take(rig, count=3):
    """Send an import that is under way and not carried out."""
    rig.put([agreed(one) for one in customers(count, city="Ghent")])
    rig.load()
    assert len(rig.imports.ids()) == 1
    assert rig.contacts() == {}


def leases(rig):
    return {target.decode(): token.decode() for target, token in rig.client.hgetall(keys.lane(LANE, "tok")).items()}


def test_what_flies_is_leased_to_the_import_for_longer_than_it_is_waited_for(rig):
    import_take(rig)

    (import_,) = rig.imports.ids()
    assert {token.split("|")[0] for token in leases(rig).values()} == {import_}
    ends = [score for _, score in rig.client.zrange(keys.lane(LANE, "lease"), 0, -1, withscores=True)]
    assert min(ends) > (time.time() + 1700) * 1000


def test_everything_about_an_import_is_in_redis_before_it_is_sent(rig):
    seen = []

    def look(method, path, _):
        if path == "v3/contacts/import":
            seen.extend(rig.imports.under_way())
            seen.append([row.email for rows in rig.imports.rows(seen[0].id) for row in rows])

    rig.http.before = look
    rig.put(customers(3))
    rig.load()

    import_, emails = seen
    assert (import_.state, import_.rows, import_.process) == ("sending", 3, None)
    assert import_.since
    assert emails == ["p1@example.com", "p2@example.com", "p3@example.com"]


def test_live_work_takes_a_person_back_and_goes_at_once(rig):
    import_take(rig)

    rig.send(customer(1, email=None, when=-50, lastName="Doe"))
    rig.deliver()

    assert rig.contacts()[ONE]["attributes"] == {"FIRSTNAME": "Jane 1", "LASTNAME": "Doe", "CITY": "Ghent"}
    assert LIST in rig.contacts()[ONE]["listIds"]


def test_live_work_puts_a_contact_of_others_on_the_lists_although_the_import_will_leave_it_alone(rig):
    import_take(rig)
    rig.call("POST", "/v3/contacts", {"email": ONE})

    rig.send(customer(1, email=None, when=-50, lastName="Doe"))
    rig.deliver()
    rig.settle()

    assert LIST in rig.contacts()[ONE]["listIds"]


def test_what_the_import_does_later_to_who_was_taken_back_counts_for_nothing(rig):
    import_take(rig)
    rig.send(customer(1, email=None, when=-50, lastName="Doe"))
    rig.deliver()
    digest = rig.has(ONE).digest

    rig.settle()

    assert rig.has(ONE).digest == digest
    assert rig.contacts()[ONE]["attributes"]["LASTNAME"] == "Doe"
    assert len(rig.contacts()) == 3
    assert not rig.client.hgetall(keys.lane(LANE, "mark"))


def test_a_change_of_a_run_does_not_take_anybody_back(rig):
    import_take(rig)
    before = leases(rig)

    rig.put([customer(1, email=None, when=-50, lastName="Doe")])
    assert leases(rig) == before
    rig.settle()

    assert rig.contacts()[ONE]["attributes"]["LASTNAME"] == "Doe"


def test_live_work_takes_back_what_is_only_being_loaded(rig):
    rig.put(customers(2))
    rig.tick()
    taken = rig.store.lanes.load(LANE, 10, "", rig.terms.pace)
    assert len(taken.items) == 2

    rig.send(customer(1, email=None, when=-50, lastName="Doe"))
    rig.deliver()

    assert list(rig.contacts()) == [ONE]
    stale, _ = rig.store.lanes.settle(LANE, taken.token, [Settlement(item.target, "back") for item in taken.items])
    assert len(stale) == 1


def test_who_was_taken_back_while_it_was_loaded_is_in_no_note_of_the_import(rig):
    def take_back(method, path, _):
        if path.startswith("v3/contacts/lists/") and method == "GET":
            rig.send(customer(1, email=None, when=-50, lastName="Doe"))

    rig.http.before = take_back
    rig.put(customers(2))
    rig.load()

    (import_,) = rig.imports.under_way()
    assert [row.target for rows in rig.imports.rows(import_.id) for row in rows] == ["2"]
    assert import_.rows == 1
    rig.settle()
    assert rig.contacts()[ONE]["attributes"]["LASTNAME"] == "Doe"


def test_what_a_worker_delivers_singly_is_never_taken_back(rig):
    rig.put(customers(1), Priority.LIVE)
    taken = rig.store.lanes.take(LANE, 1)

    rig.send(customer(1, email=None, when=-50, lastName="Doe"))

    assert rig.store.lanes.take(LANE, 1, which="live").state == "empty"
    assert leases(rig)[taken.items[0].target].split("|")[0] == taken.token


def test_a_value_that_is_emptied_meanwhile_is_empty_in_brevo_too(rig):
    import_take(rig)
    rig.carry_out()

    rig.send(customer(1, email=None, when=-50, city=None))
    rig.deliver()
    rig.settle()

    assert "CITY" not in rig.contacts()[ONE]["attributes"]


@pytest.mark.parametrize("phone", [None, "+32470123451"])
def test_a_value_that_is_emptied_before_the_import_has_made_the_contact_is_emptied_when_it_has(rig, phone):
    rig.put([customer(1, city="Ghent", phone=phone)])
    rig.load()

    rig.send(customer(1, email=None, when=-50, city=None))
    rig.deliver()
    assert rig.contacts() == {}
    rig.settle()

    assert "CITY" not in rig.contacts()[ONE]["attributes"]


def test_a_value_that_is_emptied_meanwhile_stays_in_a_contact_of_others_that_the_import_left_alone(rig):
    # else a contact that others make in these seconds cannot be told from one that the import made
    rig.sandbox.switches.import_untouched_lists = "leave"
    import_take(rig)
    rig.call("POST", "/v3/contacts", {"email": ONE, "attributes": {"CITY": "Bruges"}})

    rig.send(customer(1, email=None, when=-50, city=None))
    rig.deliver()
    rig.settle()

    assert rig.contacts()[ONE]["attributes"] == {"CITY": "Bruges", "FIRSTNAME": "Jane 1"}


def test_a_withdrawal_blocks_at_once_whether_the_import_has_come_or_not(rig):
    import_take(rig)

    rig.send(withdrawal(1))
    rig.deliver()
    assert rig.contacts()[ONE]["emailBlacklisted"]
    rig.settle()

    assert rig.contacts()[ONE]["emailBlacklisted"]
    assert rig.call("GET", "/sandbox/mailable")["mailable"] == []


def test_who_is_blocked_meanwhile_still_has_emptied_what_the_import_brought(rig):
    import_take(rig)
    rig.carry_out()

    rig.send(withdrawal(1))
    rig.send(customer(1, email=None, when=-40, city=None))
    rig.deliver()
    assert rig.contacts()[ONE]["emailBlacklisted"]
    rig.settle()

    assert "CITY" not in rig.contacts()[ONE]["attributes"]


def test_a_customer_who_is_deleted_meanwhile_is_blocked_before_the_import_can_make_them_mailable(rig):
    import_take(rig)

    rig.send(deleted(1))
    rig.deliver()
    assert rig.contacts()[ONE]["emailBlacklisted"]
    before = rig.calls("POST", "/contacts")
    rig.hasten()
    rig.deliver()
    assert rig.calls("POST", "/contacts") == before  # once is enough
    rig.settle()

    assert rig.contacts()[ONE]["emailBlacklisted"]
    assert LIST not in rig.contacts()[ONE]["listIds"]


def test_an_erasure_waits_for_the_import_and_nothing_is_left(rig):
    import_take(rig)

    rig.send(erased(1))
    rig.deliver()
    assert rig.store.lanes.depth(LANE)[0] == 3
    assert rig.client.hlen(keys.lane(LANE, "tries")) == 0  # it only waits
    rig.settle()

    assert set(rig.contacts()) == {"p2@example.com", "p3@example.com"}
    assert not rig.client.keys("tajo:import:*")
    assert not [key for key in rig.client.keys("tajo:*") if ONE.encode() in (dump(rig.client, key) or b"")]


def dump(client, key):
    if client.type(key) == b"string":
        return client.get(key)
    if client.type(key) == b"hash":
        return b" ".join(client.hvals(key))
    return b""


def test_an_erasure_waits_for_the_import_although_the_person_was_written_singly_meanwhile(rig):
    import_take(rig)
    rig.send(customer(1, email=None, when=-60, lastName="Doe"))
    rig.deliver()
    assert ONE in rig.contacts()

    rig.send(erased(1))
    rig.deliver()
    assert ONE in rig.contacts()
    rig.settle()

    assert ONE not in rig.contacts()


def test_a_new_address_waits_for_the_import_and_leaves_no_contact_behind(rig):
    import_take(rig)

    rig.send(customer(1, email="new@example.com", when=-50))
    rig.deliver()
    assert rig.contacts() == {}
    rig.settle()

    assert set(rig.contacts()) == {"new@example.com", "p2@example.com", "p3@example.com"}


@pytest.mark.parametrize("is_carried_out", [False, True])
def test_who_is_reset_to_unknown_meanwhile_is_on_no_list_in_the_end(rig, is_carried_out):
    import_take(rig)
    if is_carried_out:
        rig.carry_out()
    seen = Consent(Channel.EMAIL, ConsentState.UNKNOWN, at(-50), "record")
    rig.send(Event("r1", "shop", Kind.CONSENT_CHANGED, at(-50), "1", "1", {}, (seen,)))

    rig.deliver()
    rig.settle()

    assert LIST not in rig.contacts()[ONE]["listIds"]


MARKS = ImportMark("i1", ONE, (LIST,), 0)
HAS = Has(is_there=True)


def desired(**more):
    empty = Desired(ONE, {}, (), (LIST,), (), (), None, None, {}, "", may_update=True)
    return empty._replace(**more)


@pytest.mark.parametrize(
    ("plan", "may_go"),
    [
        (Plan("write", HAS, desired()), True),
        (Plan("write", HAS, desired(blocked=True)), True),
        (Plan("none", HAS, why="unchanged"), True),
        # a list that is left before the import comes would be joined again, should Brevo let those in who are there
        (Plan("write", HAS, desired(unlist=(LIST,))), False),
        (Plan("write", HAS, desired(emptied=("CITY",))), False),
        (Plan("rename", HAS, desired()), False),
        (Plan("leave", HAS, desired()), False),
        (Plan("delete", HAS), False),
        (Plan("erase", HAS), False),
        (Plan("none", HAS, why="departed"), False),
        (Plan("none", HAS, why="deleted in Brevo"), False),
    ],
)
def test_only_what_is_the_same_before_and_after_an_import_may_go_while_it_is_under_way(plan, may_go):
    assert _commutes(plan, MARKS, Person(ONE)) is may_go


def test_nothing_may_go_for_a_new_address_while_an_import_may_make_a_contact_at_the_old_one():
    assert not _commutes(Plan("write", HAS, desired()), MARKS, Person("other@example.com"))


def test_nobody_flies_in_two_imports_at_once(rig):
    import_take(rig)
    rig.send(customer(1, email=None, when=-50, lastName="Doe"))
    rig.client.zrem(keys.queue(LANE, 1), "1")
    rig.client.zadd(keys.queue(LANE, 2), {"1": int(time.time() * 1000)})
    rig.load()

    assert rig.calls("POST", "/contacts/import") == 1


def test_rows_that_were_refused_fly_no_more_until_they_are_done(rig):
    rig.call("POST", "/v3/contacts", {"email": "other@example.com", "attributes": {"SMS": "+32470123456"}})
    rig.put([customer(1, phone="+32470123456"), customer(2)])
    rig.load()
    rig.follow()

    rig.load()

    assert rig.calls("POST", "/contacts/import") == 1
    rig.settle()
    assert ONE in rig.contacts()
    assert rig.client.hlen(keys.lane(LANE, "tries")) == 0


def test_what_an_import_refused_is_remembered_no_longer_than_until_it_is_done(rig):
    rig.call("POST", "/v3/contacts", {"email": ONE})
    rig.put(customers(1))
    rig.load()
    rig.carry_out()
    works = rig.line.gears[LANE].follow()
    rig.imports.look_in(rig.imports.ids(), 0.0)
    rig.client.hset(keys.import_key(next(iter(rig.imports.ids()))), "looks", 1)
    work = next(works)
    rig.store.lanes.settle(LANE, work.token, [one.settlement for one in work.delivery.outcomes])

    rig.deliver()  # while the import is not forgotten yet

    assert rig.imports.ids()
    assert rig.contacts()[ONE]["attributes"]["FIRSTNAME"] == "Jane 1"
    assert rig.client.hlen(keys.lane(LANE, "mark")) == 0
    works.close()


def test_a_slot_rests_before_it_is_used_again(client, store):
    imports = Imports(client, store.scripts, slots=1, rest_s=0.1)
    import_, slot = imports.open(LANE)
    assert not imports.has_room()
    assert imports.open(LANE) is None

    imports.close(import_)

    assert not imports.has_room()
    time.sleep(0.12)
    assert imports.open(LANE) == (f"i{int(import_[1:]) + 1}", slot)


def test_only_one_follows_at_a_time(rig):
    import_take(rig)
    rig.carry_out()
    turn = rig.imports.turns.begin()
    rig.imports.look_in(rig.imports.ids(), 0.0)

    assert list(rig.line.gears[LANE].follow()) == []

    rig.imports.turns.end(turn)
    assert rig.look()


def test_the_sweep_wakes_the_bulk_gear_and_the_follower(rig):
    import_take(rig)
    rig.put([customer(9)])
    rig.imports.look_in(rig.imports.ids(), 0.0)
    for key in rig.client.keys("tajo:wake:*"):
        rig.client.delete(key)
    rig.tick()

    assert set(rig.store.sweep(1)) == {"follow", f"bulk:{LANE}"}
