"""A webhook that is only a hint: its record is read again, and what was read stands in the hint's place."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from customer_sync import pipeline
from customer_sync.errors import ConfigError, Missing, PayloadError, TryLater, Unavailable
from customer_sync.kit.connector import hint
from customer_sync.kit.rescue import ALONE
from customer_sync.kit.rest import Rejected, TooMuch
from customer_sync.model import Channel, Consent, ConsentState, Event, Inbound, Kind
from customer_sync.platforms.fetch import FIND_AT_MOST, FetchHandler
from customer_sync.platforms.handlers import _address_of
from customer_sync.store import keys
from tests.explore import look
from tests.rig import LIST, Rig, at

LANE = "fetch:shop"


class Platform:
    """What the platform knows: id → record; a list of what it was asked."""

    title = "Lamps"
    fetches = ("customers", "orders")
    fetches_at_once = 100
    finds_customers = False

    def __init__(self):
        self.people, self.asked, self.merged, self.broken, self.error = {}, [], {}, set(), None

    def fetch(self, resource, ids, access):
        self.asked.append((resource, list(ids)))
        if self.error is not None:
            raise self.error
        found = []
        for one in ids:
            number = one
            if one in self.merged:
                number = self.merged[one]
                found.append(event(Kind.CUSTOMER_MERGED, None, {"deletedId": one, "keptId": number}, at(-1)))
            if one in self.broken:
                found.append(PayloadError(f"results[{one}].email", "expected an address"))
            elif number in self.people:
                record = dict(self.people[number])
                when = record.pop("at")
                consents = record.pop("consents", ())
                found.append(event(Kind.CUSTOMER_UPDATED, number, {"id": number, **record}, when, consents))
        return found

    def find(self, address, access):
        self.asked.append(("find", [address]))
        if self.error is not None:
            raise self.error
        return self.fetch("customers", [one for one, row in self.people.items() if row["email"] == address], access)


def event(kind, number, record, when, consents: tuple[Consent, ...] = ()):
    return Event(f"read:{number}", "shop", kind, when, number, number, record, consents, topic="pull")


@pytest.fixture
def platform():
    found = Platform()
    found.people = {
        "1": {"email": "jane@example.com", "firstName": "Jane", "at": at(-60)},
        "2": {"email": "ben@example.com", "firstName": "Ben", "at": at(-60)},
    }
    return found


@pytest.fixture
def rig(client, platform):
    return made(client, platform)


def made(client, platform):
    found = Rig(client)
    found.store.lanes.register(LANE, keeps="nothing")
    look = partial(_address_of, found.store, "shop")
    handler = FetchHandler("shop", platform, object, found.store.limits, found.clock, address_of=look)
    found.line.handlers = {**found.line.handlers, LANE: handler}
    return found


def tell(rig, number, when=-30.0, *, name="", is_deletion=False):
    inbound = Inbound("shop", {}, b"", at(when))
    name = name or f"hook-{number}-{when}"
    rig.send(hint(inbound, "customers", number, at(when), is_deletion=is_deletion, id=name, topic="changed"))


def fetch(rig):
    rig.read()
    while pipeline.deliver(rig.line, LANE).did_work:
        pass


def names(rig):
    return {email: one.attributes.get("FIRSTNAME") for email, one in rig.brevo.contacts.items()}


def state(rig, event_id):
    return str(rig.store.ledger.event(event_id).state)


def counted(rig):
    rows = [one for one in rig.store.counters.read() if one.name == "tajo_events_total"]
    return {one.labels["state"]: int(one.value) for one in rows}


def test_the_record_is_read_and_sent(rig, platform):
    tell(rig, "1")
    fetch(rig)
    rig.deliver()

    assert names(rig) == {"jane@example.com": "Jane"}
    assert platform.asked == [("customers", ["1"])]


def test_a_hint_is_delivered_when_what_was_read_is_in_brevo_and_not_before(rig):
    tell(rig, "1", name="hook")
    rig.read()
    assert state(rig, "hook") == "pending"
    fetch(rig)
    assert state(rig, "hook") == "pending"
    assert [one.event_id for one in rig.store.ledger.page(10, state="pending").items] == ["hook"]

    rig.deliver()

    assert state(rig, "hook") == "delivered"
    assert [one.event_id for one in rig.store.ledger.events(10)] == ["hook"]
    assert counted(rig) == {"pending": 1, "delivered": 1}


def test_what_brevo_refuses_is_parked_under_the_hint(rig, platform):
    platform.people["1"]["email"] = "no address"
    tell(rig, "1", name="hook")
    fetch(rig)

    assert state(rig, "hook") == "parked"
    (one,) = rig.store.parked.list()
    platform.people["1"] |= {"email": "jane@example.com"}
    rig.store.parked.replay(one)
    fetch(rig)
    rig.deliver()
    assert names(rig) == {"jane@example.com": "Jane"}
    assert state(rig, "hook") == "delivered"


def test_many_hints_of_one_record_are_one_read_and_many_records_one_call(rig, platform):
    for when in (-30, -20, -10):
        for number in ("1", "2"):
            tell(rig, number, when)
    fetch(rig)

    assert platform.asked == [("customers", ["1", "2"])]


def test_no_call_asks_for_more_records_than_the_platform_reads_at_once(client, platform):
    platform.fetches_at_once = 2
    rig = made(client, platform)
    for number in "12345":
        tell(rig, number, is_deletion=True)
    fetch(rig)

    assert sorted(len(ids) for _, ids in platform.asked) == [1, 2, 2]


def test_a_deletion_that_the_platform_tells_is_believed_at_once(rig, platform):
    tell(rig, "1")
    fetch(rig)
    rig.deliver()
    del platform.people["1"]
    tell(rig, "1", -5, is_deletion=True)
    fetch(rig)
    rig.deliver()

    assert rig.brevo.contacts["jane@example.com"].blocked


def test_a_record_that_is_not_shown_yet_is_no_deletion_before_a_minute(rig, platform):
    tell(rig, "1")
    fetch(rig)
    rig.deliver()
    jane = platform.people.pop("1")
    tell(rig, "1", -5, name="late")
    fetch(rig)
    rig.deliver()
    assert not rig.brevo.contacts["jane@example.com"].blocked
    assert state(rig, "late") == "pending"

    platform.people["1"] = {**jane, "firstName": "Janet", "at": at(-4)}
    due_now(rig)
    fetch(rig)
    rig.deliver()
    assert names(rig) == {"jane@example.com": "Janet"}


def due_now(rig):
    for priority in range(3):
        key = f"tajo:q:{LANE}:{priority}"
        for target in rig.client.zrange(key, 0, -1):
            rig.client.zadd(key, {target: 0})


def test_a_merge_is_found_out_by_the_read_and_deletes_nobody(rig, platform):
    for number in ("1", "2"):
        tell(rig, number)
    fetch(rig)
    rig.deliver()
    platform.merged["2"] = "1"
    del platform.people["2"]
    platform.people["1"] |= {"firstName": "Jane B.", "at": at(-3)}
    tell(rig, "2", -4, is_deletion=True)
    fetch(rig)
    rig.deliver()

    assert names(rig)["jane@example.com"] == "Jane B."
    assert not rig.brevo.contacts["jane@example.com"].blocked
    tell(rig, "2", -2, is_deletion=True)
    fetch(rig)
    rig.deliver()
    assert not rig.brevo.contacts["jane@example.com"].blocked


def test_one_record_that_cannot_be_read_is_parked_and_no_other(rig, platform):
    platform.broken.add("1")
    for number in ("1", "2", "9"):
        tell(rig, number, is_deletion=number == "9")
    fetch(rig)
    rig.deliver()

    assert names(rig) == {"ben@example.com": "Ben"}
    (one,) = rig.store.parked.list()
    assert "expected an address" in one.reason


def test_a_withdrawal_in_a_record_that_cannot_be_read_goes_on_and_the_record_is_parked(rig, platform, monkeypatch):
    tell(rig, "1")
    tell(rig, "2")
    fetch(rig)
    rig.deliver()
    real = platform.fetch
    said = Consent(Channel.EMAIL, ConsentState.WITHDRAWN, at(-3), "left", explicit=True)

    def fetch_broken(resource, ids, access):
        if "1" not in ids:
            return real(resource, ids, access)
        alone = event(Kind.CONSENT_CHANGED, "1", {"id": "1"}, at(-3), (said,))
        alone = replace(alone, id=f"{alone.id}{ALONE}")
        return [
            alone,
            PayloadError("name", "expected a text"),
            *real(resource, [one for one in ids if one != "1"], access),
        ]

    monkeypatch.setattr(platform, "fetch", fetch_broken)
    platform.people["2"] |= {"firstName": "Benno", "at": at(-2)}
    tell(rig, "1", -1, name="broken")
    tell(rig, "2", -1)
    fetch(rig)
    rig.deliver()

    assert rig.brevo.contacts["jane@example.com"].blocked
    assert names(rig)["ben@example.com"] == "Benno"
    assert state(rig, "broken") == "parked"
    assert len(rig.store.parked.list()) == 1


def refuse(platform, monkeypatch, number, error):
    """Let the platform refuse each call that asks for one record."""
    real = platform.fetch

    def fetch(resource, ids, access):
        if number in ids:
            platform.asked.append((resource, list(ids)))
            raise error
        return real(resource, ids, access)

    monkeypatch.setattr(platform, "fetch", fetch)


@pytest.mark.parametrize(
    "error",
    [
        Rejected("Lamps answers 400.", "See the README.", status=400, is_of_request=True),
        PayloadError("results[3].id", "expected an id"),
        Missing("Lamps answers 404."),
        TooMuch("too long"),
        ZeroDivisionError(),
    ],
)
def test_one_record_that_breaks_every_call_it_is_in_holds_up_no_other(rig, platform, monkeypatch, error):
    refuse(platform, monkeypatch, "9", error)
    for number in ("1", "9", "2"):
        tell(rig, number, name=f"hook-{number}")
    fetch(rig)
    rig.deliver()

    assert names(rig) == {"jane@example.com": "Jane", "ben@example.com": "Ben"}
    assert state(rig, "hook-9") == "retrying"
    assert rig.store.breakers.read(LANE) is None
    assert rig.store.lanes.wait_of(LANE, "shop:customers:9").tries == 1


def test_keys_that_are_refused_pause_the_lane_and_are_asked_once(rig, platform):
    platform.error = Rejected("Lamps refuses the keys (401).", "Set the right keys.", status=401)
    for number in ("1", "2"):
        tell(rig, number)
    rig.read()
    pipeline.deliver(rig.line, LANE)

    assert rig.store.breakers.read(LANE).reason == "Lamps refuses the keys (401)."
    assert len(platform.asked) == 1


def test_what_belongs_to_another_record_goes_along(rig, platform, monkeypatch):
    others = {"7": {"email": "eve@example.com", "firstName": "Eve", "at": at(-9)}}
    real = platform.fetch

    def fetch_more(resource, ids, access):
        more = [event(Kind.CUSTOMER_UPDATED, "7", {"id": "7", "email": "eve@example.com", "firstName": "Eve"}, at(-9))]
        return [*real(resource, ids, access), *(more if "3" in ids else [])]

    monkeypatch.setattr(platform, "fetch", fetch_more)
    for number in ("1", "3"):
        tell(rig, number)
    fetch(rig)
    rig.deliver()

    assert names(rig) == {"jane@example.com": "Jane", "eve@example.com": others["7"]["firstName"]}
    assert all(str(one.state) == "delivered" for one in rig.store.ledger.events(10))


def test_a_platform_that_is_down_costs_no_try_and_holds_nobody_else(rig, platform):
    platform.error = Unavailable("down")
    tell(rig, "1", name="hook")
    rig.read()
    with contextlib.suppress(Unavailable):
        pipeline.deliver(rig.line, LANE)
    assert rig.store.breakers.read(LANE) is not None
    assert rig.store.breakers.read("contacts") is None

    platform.error = None
    rig.store.breakers.close(LANE)
    due_now(rig)
    fetch(rig)
    rig.deliver()
    assert state(rig, "hook") == "delivered"


def test_without_keys_the_lane_waits_and_says_what_to_set(client, platform):
    rig = Rig(client)
    rig.store.lanes.register(LANE, keeps="nothing")
    handler = FetchHandler("shop", platform, lambda: None, rig.store.limits, rig.clock)
    rig.line.handlers = {**rig.line.handlers, LANE: handler}
    tell(rig, "1")
    rig.read()
    pipeline.deliver(rig.line, LANE)

    pause = rig.store.breakers.read(LANE)
    assert "has no keys" in pause.reason
    assert rig.store.lanes.depth(LANE)[0] == 1


def test_a_limit_waits_as_long_as_it_says(rig, platform):
    platform.error = TryLater("slower", after_s=30, burns=False)
    tell(rig, "1")
    fetch(rig)
    assert rig.store.lanes.depth(LANE)[0] == 1
    assert len(platform.asked) <= 2


def test_a_platform_that_is_read_one_by_one_keeps_what_it_gave_before_it_wanted_it_slower(rig, platform, monkeypatch):
    platform.fetches_at_once = 5
    platform.people = {str(n): {"email": f"p{n}@example.com", "firstName": "P", "at": at(-60)} for n in range(100)}
    real, left = platform.fetch, [0]

    def fetch_slowly(resource, ids, access):
        for _ in ids:
            left[0] -= 1
            if left[0] < 0:
                raise TryLater("slower", after_s=30, burns=False)
        return real(resource, ids, access)

    monkeypatch.setattr(platform, "fetch", fetch_slowly)
    for number in platform.people:
        tell(rig, number)
    for _ in range(4):
        left[0] = 40
        due_now(rig)
        fetch(rig)

    assert max(len(ids) for _, ids in platform.asked) == 5
    assert rig.store.lanes.depth(LANE)[0] == 0


@pytest.mark.parametrize("step", ["commit", "settle"])
def test_a_worker_that_dies_loses_nothing_and_tells_no_lie(rig, monkeypatch, step):
    tell(rig, "1", name="hook")
    rig.read()

    class Killed(BaseException):
        """The end of the worker."""

    def die(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(*((pipeline, "commit") if step == "commit" else (rig.store.lanes, "settle")), die)
        with pytest.raises(Killed):
            fetch(rig)
    assert state(rig, "hook") == "pending"
    rig.client.zadd(keys.lane(LANE, "lease"), {"shop:customers:1": 0})
    fetch(rig)
    rig.deliver()

    assert names(rig) == {"jane@example.com": "Jane"}
    assert state(rig, "hook") == "delivered"
    assert rig.store.lanes.depth(LANE)[0] == 0


acts = st.lists(
    st.tuples(st.sampled_from(["change", "hint", "fetch", "deliver", "delete"]), st.sampled_from("12")), max_size=14
)


@look(40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=acts)
def test_whatever_happens_between_hint_and_read_brevo_ends_with_what_the_platform_knows(client, acts):
    platform = Platform()
    rig = made(client, platform)
    alive = {}
    for step, (act, number) in enumerate(acts):
        when = -600 + step * 10
        if act == "change":
            alive[number] = f"name {step}"
            platform.people[number] = {"email": f"p{number}@example.com", "firstName": alive[number], "at": at(when)}
            tell(rig, number, when, name=f"c{step}")
        elif act == "delete" and platform.people.pop(number, None):
            alive.pop(number)
            tell(rig, number, when, name=f"d{step}", is_deletion=True)
        elif act == "hint" and number in platform.people:
            tell(rig, number, when, name=f"h{step}")
        elif act == "fetch":
            fetch(rig)
        elif act == "deliver":
            rig.deliver()
    fetch(rig)
    rig.deliver()

    for number in "12":
        contact = rig.brevo.contacts.get(f"p{number}@example.com")
        if number in alive:
            assert contact.attributes["FIRSTNAME"] == alive[number]
        else:
            assert contact is None or contact.blocked or LIST not in contact.lists
    assert all(str(one.state) in {"delivered", "ignored"} for one in rig.store.ledger.events(50))


# a merge that is told as a deletion


@pytest.fixture
def seeker(platform):
    """A platform that tells of a merge as of a deletion, and can be asked who has an address."""
    platform.finds_customers = True
    return platform


def know_and_lose(rig, platform, *numbers):
    for number in numbers:
        tell(rig, number)
    fetch(rig)
    rig.deliver()
    for number in numbers:
        del platform.people[number]
    platform.asked.clear()


def test_who_is_gone_and_whose_address_another_customer_has_is_no_deletion_of_the_person(rig, seeker):
    know_and_lose(rig, seeker, "1")
    seeker.people["9"] = {"email": "jane@example.com", "firstName": "Kept", "at": at(-20)}

    tell(rig, "1", -10.0, is_deletion=True)
    fetch(rig)
    rig.deliver()

    assert names(rig) == {"jane@example.com": "Kept"}
    assert not rig.brevo.contacts["jane@example.com"].blocked
    assert seeker.asked[:2] == [("customers", ["1"]), ("find", ["jane@example.com"])]


def test_who_is_gone_and_nobody_has_the_address_is_deleted(rig, seeker):
    know_and_lose(rig, seeker, "1")

    tell(rig, "1", -10.0, is_deletion=True)
    fetch(rig)
    rig.deliver()

    assert rig.brevo.contacts["jane@example.com"].blocked


def test_while_the_platform_cannot_be_asked_the_deletion_waits_and_where_it_may_not_it_counts(rig, seeker):
    know_and_lose(rig, seeker, "1")
    seeker.find = lambda *_: raises(TryLater("busy", after_s=60.0, burns=False))
    tell(rig, "1", -10.0, is_deletion=True)
    fetch(rig)
    rig.deliver()
    assert not rig.brevo.contacts["jane@example.com"].blocked

    seeker.find = lambda *_: raises(ConfigError("No right to search.", "Give it."))
    due_now(rig)
    fetch(rig)
    rig.deliver()
    assert rig.brevo.contacts["jane@example.com"].blocked


def test_of_many_who_are_gone_at_once_nobody_is_looked_for(rig, seeker):
    numbers = [str(one) for one in range(100, 101 + FIND_AT_MOST)]
    seeker.people = {one: {"email": f"p{one}@example.com", "at": at(-60)} for one in numbers}
    know_and_lose(rig, seeker, *numbers)

    for one in numbers:
        tell(rig, one, -10.0, is_deletion=True)
    fetch(rig)
    rig.deliver()

    assert [word for word, _ in seeker.asked] == ["customers"]
    assert all(one.blocked for one in rig.brevo.contacts.values())


def raises(error):
    raise error
