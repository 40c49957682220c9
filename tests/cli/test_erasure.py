"""Erasure: nothing of the person is left anywhere, and nothing of anybody else is touched."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from customer_sync.errors import PayloadError
from customer_sync.kit.connector import SourceSettings, json_body
from customer_sync.model import Event, Inbound, Kind
from customer_sync.operate.erasure import Erased, Forgotten, forget_traces, request_erasure, spools_in, whom
from customer_sync.person.merge import stamp
from customer_sync.person.person import Part
from customer_sync.pipeline import accept
from customer_sync.store import inbox, keys
from customer_sync.store.breaker import Pause
from customer_sync.store.forms import encode_part
from customer_sync.store.inbox import encode
from customer_sync.store.parked import Parked, park_inbound
from customer_sync.store.parked import encode as encode_parked
from customer_sync.store.spool import Spool
from tests.rig import NOW, Rig, Scripted, at

JANE, JOHN = "jane@example.com", "john@example.com"


class Shop(Scripted):
    """A connector whose body is a list of customers, `null` for one that cannot be read.

    One that is `alone` stands for the withdrawals out of the record behind it.
    """

    def parse(self, inbound):
        return [
            PayloadError("id", "missing") if row is None else self._event(inbound, number, row)
            for number, row in enumerate(json_body(inbound))
        ]

    def _event(self, inbound, number, row):
        event_id = f"{inbound.body!r}{number}{':consents' if row.get('alone') else ''}"
        return Event(event_id, inbound.source, Kind.CUSTOMER_UPDATED, NOW, row.get("id"), row.get("id"), row)


@pytest.fixture
def rig(client):
    found = Rig(client)
    found.line.connectors["real"] = Shop(SourceSettings("real", "scripted"))
    return found


def customer(number, email, **more):
    return Event(
        f"e{number}{sorted(more)}", "shop", Kind.CUSTOMER_UPDATED, at(-100), number, number, {"email": email} | more
    )


def request(body, source="real"):
    return Inbound(source, {}, body if isinstance(body, bytes) else json.dumps(body).encode(), NOW)


def park(rig, body, source="real"):
    one = park_inbound(encode(request(body, source)), source, "why", "fix", 1)
    rig.client.hset(keys.PARKED, one.id, encode_parked(one))
    rig.client.zadd(keys.PARKED_AT, {one.id: 1})
    return one.id


def forget(rig, email=JANE, **more):
    return forget_traces(rig.store, rig.line.connectors, whom(rig.store, email), **more)


def waiting(rig):
    return [inbox.decode(fields[b"r"]).body for _, fields in rig.client.xrange(keys.INBOX)]


@pytest.fixture
def known(rig):
    """Jane and John, both delivered."""
    rig.send(customer("1", JANE, firstName="Jane"))
    rig.send(customer("2", JOHN, firstName="John"))
    rig.settle()
    return rig


def test_an_erased_person_is_gone_from_brevo_and_from_redis(known):
    request_erasure(known.store, JANE, NOW)
    known.deliver()
    forget(known)

    assert list(known.brevo.contacts) == [JOHN]
    assert not any(b"jane" in dump(known, key).lower() for key in known.client.keys())  # noqa: SIM118  Redis' keys
    assert known.store.people.erased_at_ms(JANE) is not None


def dump(rig, key):
    kind = rig.client.type(key)
    readers = {
        b"string": lambda: rig.client.get(key),
        b"hash": lambda: rig.client.hgetall(key),
        b"list": lambda: rig.client.lrange(key, 0, -1),
        b"zset": lambda: rig.client.zrange(key, 0, -1),
        b"set": lambda: rig.client.smembers(key),
        b"stream": lambda: rig.client.xrange(key),
    }
    return repr(readers[kind]()).encode()


def test_the_erasure_of_somebody_unknown_deletes_in_brevo_and_leaves_a_tombstone(rig):
    rig.brevo.contacts[JANE] = object()

    request_erasure(rig.store, JANE, NOW)
    rig.deliver()

    assert rig.brevo.contacts == {}
    assert rig.store.people.erased_at_ms(JANE) is not None


def test_what_is_older_than_the_erasure_never_comes_back(known):
    request_erasure(known.store, JANE, NOW)
    known.deliver()

    known.send(customer("1", JANE, firstName="Late"))
    known.settle()

    assert list(known.brevo.contacts) == [JOHN]


def test_an_erasure_goes_before_everything_else_that_waits(known):
    known.send(customer("2", JOHN, city="Ghent"))
    known.read()

    request_erasure(known.store, JANE, NOW)

    known.brevo.calls.clear()
    known.deliver()
    assert known.brevo.calls[0][0] == "DELETE"


def test_an_erasure_wakes_the_lane_once(known):
    known.store.woken("deliver:contacts")
    woken = []

    for _ in range(2):
        request_erasure(known.store, JANE, NOW, woken.append)

    assert woken == ["deliver:contacts"]


def test_requests_of_the_person_leave_the_inbox_and_others_stay(known):
    bodies = [
        [{"id": "7", "email": JANE}],
        [{"id": "8", "email": JOHN}],
        [{"note": "x", "shipping": {"mail": "JANE@example.com "}}],
    ]
    for body in bodies:
        accept(known.line, request(body))

    gone = forget(known)

    assert gone.inbox == 2
    assert waiting(known) == [json.dumps(bodies[1]).encode()]


def test_a_request_that_tells_only_the_persons_id_is_found(known):
    accept(known.line, Inbound("shop", {}, b"0", NOW))
    known.sources["shop"].events[0] = replace(customer("1", None), record={})

    assert forget(known).inbox == 1


def test_a_request_that_a_worker_holds_is_removed_too(known):
    accept(known.line, request([{"id": "7", "email": JANE}]))
    [entry] = known.store.inbox.read(10)
    known.client.hset(keys.INBOX_TRIES, entry.id, 1)

    assert forget(known).inbox == 1
    assert known.client.hgetall(keys.INBOX_TRIES) == {}
    assert known.client.xpending(keys.INBOX, keys.INBOX_GROUP)["pending"] == 0


def test_all_of_a_long_inbox_is_searched(known, monkeypatch):
    monkeypatch.setattr("customer_sync.operate.erasure._PAGE", 2)
    for number in range(5):
        accept(known.line, request([{"id": str(number), "email": JANE if number % 2 == 0 else JOHN}]))

    assert forget(known).inbox == 3
    assert len(waiting(known)) == 2


def test_a_request_of_several_people_stays_in_the_inbox(known):
    accept(known.line, request([{"email": JANE}, {"email": JOHN}]))

    assert forget(known).inbox == 0


def test_parked_requests_of_the_person_are_dropped(known):
    theirs, other = park(known, [{"email": JANE}]), park(known, [{"email": JOHN}])

    gone = forget(known)

    assert gone.parked == 1
    assert known.store.parked.get(theirs) is None
    assert known.store.parked.get(other) is not None


@pytest.mark.parametrize(
    "body",
    [
        b'{"email": "jane@example.com", truncated',
        b"email=jane%40example.com&id=3",
        rb'{"mail": "Jane\u0040Example.com"',
        b"<customer>jane@example.com</customer>",
        b'{"to":"Jane <jane@example.com>"',
    ],
)
def test_a_parked_request_that_cannot_be_read_is_searched_for_the_address(known, body):
    park(known, body)
    park(known, body.replace(b"ane", b"anet"))

    assert forget(known).parked == 1


def test_a_request_of_a_source_that_is_gone_is_searched_for_the_address(known):
    park(known, b"jane@example.com", "forgotten")

    assert forget(known).parked == 1


def test_a_parked_request_whose_withdrawal_was_heard_is_dropped_whole(known):
    park(known, [{"email": JANE, "alone": True}, None])

    assert forget(known).parked == 1


@pytest.mark.parametrize(
    "body",
    [
        [{"email": JANE}, {"email": JOHN}],
        [{"email": JANE}, None],
        [{"email": JOHN}, None, {"x": JANE}],
        [{"email": JANE, "alone": True}, None, {"email": JOHN}],
    ],
)
def test_a_parked_request_of_several_people_stays_and_is_named(known, body):
    shared = park(known, body)

    gone = forget(known)

    assert (gone.parked, gone.shared) == (0, (shared,))


def test_an_unreadable_record_beside_those_of_others_is_not_named_without_a_sign(known):
    park(known, [{"email": JOHN}, None])

    assert forget(known).shared == ()


def park_item(rig, target, ref=None):
    part = Part(ref or rig.store.people.ref("shop", "99"), "shop", "99", stamp({"FIRSTNAME": "x"}, 1))
    content = json.dumps([encode_part(part)])
    one = Parked(f"p{target}", "item", "contacts", "why", "fix", content, target=target, person=target, at_ms=1)
    rig.client.hset(keys.PARKED, one.id, encode_parked(one))
    rig.client.zadd(keys.PARKED_AT, {one.id: 1})
    return one.id


def test_parked_items_of_the_person_are_dropped(known):
    number, other = known.store.people.find(JANE), known.store.people.find(JOHN)
    park_item(known, number)
    park_item(known, other)

    assert forget(known).parked == 1
    assert [one.target for one in known.store.parked.list()] == [other]


def test_a_parked_item_of_another_person_is_known_by_the_record_in_it(known):
    people = known.store.people
    park_item(known, "902", people.ref("shop", "1"))
    park_item(known, "903", people.ref("shop", "2"))

    assert forget(known).parked == 1
    assert [one.target for one in known.store.parked.list()] == ["903"]


def test_a_parked_item_of_a_newer_version_is_found_by_its_person_and_stops_nothing(known):
    number, other = known.store.people.find(JANE), known.store.people.find(JOHN)
    for target in (number, other):
        one = Parked(f"p{target}", "item", "contacts", "why", "fix", '["9new"]', target=target, person=target, at_ms=1)
        known.client.hset(keys.PARKED, one.id, encode_parked(one))
        known.client.zadd(keys.PARKED_AT, {one.id: 1})

    assert forget(known).parked == 1
    assert [one.target for one in known.store.parked.list()] == [other]


def test_requests_of_the_person_leave_the_spool(known, tmp_path):
    spool = Spool(tmp_path / "spool-1.sqlite")
    spool.append([encode(request([{"email": email}])) for email in (JANE, JOHN, JANE)])

    spools = spools_in(tmp_path)
    gone = forget(known, spools=spools)

    assert gone.spool == 2
    assert [one._db for one in spools] == [None], "a worker would keep a file open for each erasure"
    assert [inbox.decode(raw).body for _, raw in spool.first(9)] == [json.dumps([{"email": JOHN}]).encode()]


def test_rows_of_the_person_leave_the_history_and_others_stay(known):
    forget(known)

    assert [row.event_id for row in known.store.ledger.events()] == ["e2['firstName']"]


def test_the_rows_of_what_was_parked_leave_the_history(known):
    parked = park(known, [{"email": JANE}])
    known.client.xadd(keys.LEDGER, {"e": parked, "s": "real", "st": "parked"})

    forget(known)

    assert parked not in [row.event_id for row in known.store.ledger.events()]


def test_whom_an_address_means_holds_every_address_and_id_of_the_person(known):
    known.send(Event("r", "shop", Kind.CUSTOMER_UPDATED, at(-5), "1", "1", {"email": "jane@new.example"}))
    known.read()

    who = whom(known.store, JANE)

    people = known.store.people
    assert who.people == {people.find(JANE), people.find("jane@new.example")}
    assert who.fps == {people.fingerprint(JANE), people.fingerprint("jane@new.example")}
    assert who.refs == {people.ref("shop", "1")}


def test_nobody_known_is_still_an_address(rig):
    who = whom(rig.store, JANE)

    assert who == Erased(frozenset(), frozenset({rig.store.people.fingerprint(JANE)}), frozenset())


def test_the_items_of_a_lane_tell_whom_they_are_about(known):
    known.send(Event("r", "shop", Kind.CUSTOMER_UPDATED, at(-5), "1", "1", {"email": "jane@new.example"}))
    known.send(Event("w", "woo", Kind.CUSTOMER_UPDATED, at(-5), "77", "77", {"email": "jane@new.example"}))
    known.read()
    items = known.store.lanes.take("contacts", 10).items

    who = Erased.of(known.store.people, items)

    people = known.store.people
    assert who.people == {people.find("jane@new.example")}  # the address she left has an item of its own
    assert who.fps == {people.fingerprint("jane@new.example")}
    assert who.refs == {people.ref("shop", "1"), people.ref("woo", "77")}
    assert not Erased.of(people, [])


def test_traces_can_be_forgotten_before_the_item_is_settled(known):
    park(known, [{"email": JANE}])
    request_erasure(known.store, JANE, NOW)
    taken = known.store.lanes.take("contacts", 10)

    gone = forget_traces(known.store, known.line.connectors, Erased.of(known.store.people, taken.items))

    assert gone.parked == 1
    assert gone.ledger > 0


def test_forgetting_twice_does_nothing_the_second_time(known):
    park(known, [{"email": JANE}])
    forget(known)

    assert forget(known) == Forgotten()


def test_a_former_address_erases_the_person_at_every_address(known):
    known.send(Event("r", "shop", Kind.CUSTOMER_UPDATED, at(-5), "1", "1", {"email": "jane@new.example"}))
    known.settle()

    request_erasure(known.store, JANE, NOW)
    known.deliver()

    assert list(known.brevo.contacts) == [JOHN]
    assert all(known.store.people.erased_at_ms(email) for email in (JANE, "jane@new.example"))


def test_a_former_address_that_somebody_else_has_now_erases_whoever_has_it_and_nobody_else(known):
    known.send(Event("r", "shop", Kind.CUSTOMER_UPDATED, at(-50), "1", "1", {"email": "jane@new.example"}))
    known.send(customer("3", JANE, firstName="Janet"))
    known.settle()

    request_erasure(known.store, JANE, NOW)
    known.deliver()

    assert set(known.brevo.contacts) == {JOHN, "jane@new.example"}
    assert known.store.people.erased_at_ms("jane@new.example") is None


# The command


def test_the_command_erases_and_says_what_was_removed(tajo, sandbox, store):
    sandbox.call("POST", "/v3/contacts", {"email": JANE})
    tajo.send({"id": 7, "email": JANE})

    told = tajo("contacts", "erase", JANE, "--yes", "--wait", "0", code=1)
    tajo.work()

    assert "1 from the inbox" in told.stdout
    assert "no worker has done it yet" in told.stderr
    assert "tajo run" in told.stderr
    assert sandbox.contacts() == {}
    assert store.inbox.depth() == (0, None)


def test_the_command_waits_until_the_erasure_is_done(tajo, store, monkeypatch):
    done = []

    def worker(_seconds):
        number = store.people.find(JANE)
        store.client.hset(keys.TOMB, "e:" + store.people.fingerprint(JANE), 2**52)
        done.append(number)

    monkeypatch.setattr("customer_sync.cli.contacts.time.sleep", worker)

    facts = tajo.json("contacts", "erase", JANE, "--yes")

    assert len(done) == 1
    assert facts["is_done"]
    assert not facts["was_known"]


def test_the_command_asks_first(tajo, store):
    tajo("contacts", "erase", JANE, given="n\n", code=1)

    assert store.lanes.names() == []


def test_why_an_erasure_waits_is_told(tajo, store):
    store.breakers.trip("contacts", Pause("config", "The key is wrong.", "Make a new one.", 1))

    told = tajo("contacts", "erase", JANE, "--yes", "--wait", "0", code=1).stderr

    assert "The key is wrong. Make a new one." in told


def test_parked_requests_of_several_people_are_told(tajo, store, rig):
    rows = [{"event": "unsubscribe", "email": JANE}, {"event": "unsubscribe", "email": JOHN}]
    shared = park(rig, rows, "brevo")

    told = tajo("contacts", "erase", JANE, "--yes", "--wait", "0", code=1).stderr

    assert shared in told


@pytest.mark.parametrize("word", ["nobody", "a@b", "deleted@shop.example"])
def test_what_is_no_address_is_refused(tajo, word):
    tajo("contacts", "erase", word, "--yes", code=2)
