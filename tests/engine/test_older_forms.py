"""A Redis that version 2 of the stored forms filled: this version reads all of it, and no older process spoils it."""

from __future__ import annotations

import pytest
import redis

from customer_sync.model import Event, Kind, to_ms
from customer_sync.operate.erasure import request_erasure
from customer_sync.person.identity import fingerprint
from customer_sync.store import Store, keys
from tests.engine.older import turn_old
from tests.rig import LIST, NOW, Contact, Rig, at

JANE, JIM, NEW = "jane@example.com", "jim@example.com", "jane@new.example"
THEN_MS = to_ms(at(-10_000))
SALT = b"the key of the fingerprints of a Redis that version 2 began."


def fp(text):
    return fingerprint(text, SALT)


def filled(client):
    """Two customers, word for word as version 2 wrote them: Jane is in Brevo and left by SMS, Jim waits to be sent."""
    jane, jim = fp("shop:7"), fp("woo:8")
    client.set("tajo:salt", SALT)
    client.set("tajo:format", "2")
    client.set("tajo:seq", 2)
    client.hset("tajo:attribute:names", mapping={"": 2, "FIRSTNAME": 0, "SMS": 1})
    for number, email in (("1", JANE), ("2", JIM)):
        client.hset(f"tajo:em:{fp(email)[:3]}", fp(email), number)
    client.hset(f"tajo:ref:{jane[:3]}", jane, f"1|{THEN_MS}|{THEN_MS * 1000 + 5}")
    client.hset(f"tajo:ref:{jim[:3]}", jim, f"2|{THEN_MS}|{THEN_MS * 1000 + 5}")
    client.set(
        "tajo:p:1",
        f"2{JANE}\n"
        f'{{"d":"k3Zb","a":{THEN_MS},"w":{THEN_MS},"l":[{LIST}],"f":"1","k":1,"r":{{"SMS":"taken"}},"g":[4]}}\n'
        f'@[{THEN_MS},null,{{"-s":["brevo:unsubscribed","brevo"]}},{{}}]\n'
        f'{jane}["shop","7",{THEN_MS},5,{{"FIRSTNAME":"Jane","SMS":null,"@":null,"<":400000,"+e":["form",""]}},{{"SMS":-9}}]',
    )
    client.set("tajo:p:2", f"2{JIM}\n")
    client.rpush(
        "tajo:c:contacts:2",
        f'2{jim}["woo","8",{THEN_MS},5,{{"FIRSTNAME":"Jim","@":null,"<":400000}},{{}},[["e8","woo",{THEN_MS}]]]',
    )
    client.zadd("tajo:since:contacts", {"2": THEN_MS})
    client.zadd("tajo:q:contacts:1", {"2": THEN_MS})
    client.hset("tajo:lanes", "contacts", "p")


@pytest.fixture
def rig(client):
    rig = Rig(client, fill=filled)
    rig.brevo.contacts[JANE] = Contact({"FIRSTNAME": "Jane"}, lists={LIST}, sms_blocked=True)
    return rig


def customer(event_id="c1", *, when=-100, source="shop", own_id="7", **record):
    return Event(event_id, source, Kind.CUSTOMER_UPDATED, at(when), own_id, own_id, record)


def test_everything_of_a_person_is_read(rig):
    people = rig.store.people
    number = people.find(JANE)
    jane = people.read(number)
    record = jane.records[fp("shop:7")]

    assert (number, people.find_ref("shop", "7"), people.home(fp("shop:7"))) == ("1", "1", "1")
    assert {name: one.value for name, one in record.state.items()} == {
        "FIRSTNAME": "Jane",
        "SMS": None,
        "claim": None,
        "since": None,
        "consent.email.granted": ["form", ""],
    }
    assert record.state["SMS"].at_ms == THEN_MS - 9
    assert record.claim == (THEN_MS, THEN_MS * 1000 + 5)
    assert jane.said["consent.sms.withdrawn"].value == ["brevo:unsubscribed", "brevo"]
    assert (jane.has.digest, jane.has.lists, jane.has.left_ms, jane.has.refused) == (
        "k3Zb",
        (LIST,),
        THEN_MS,
        {"SMS": "taken"},
    )
    assert (jane.has.filled, jane.has.is_read, jane.has.left_groups) == (frozenset({"FIRSTNAME"}), True, (4,))


def test_what_waits_is_delivered(rig):
    rig.settle()

    assert rig.brevo.contacts[JIM].attributes == {"FIRSTNAME": "Jim"}


def test_a_person_who_changes_is_written_in_the_form_of_now_and_keeps_what_is_known(rig, client):
    rig.send(customer(email=JANE, firstName="Janet"))
    rig.settle()

    assert rig.brevo.contacts[JANE].attributes["FIRSTNAME"] == "Janet"
    assert client.get("tajo:p:1").startswith(b"3" + JANE.encode())
    again = rig.store.people.read("1")
    assert again.said["consent.sms.withdrawn"].value == ["brevo:unsubscribed", "brevo"]
    assert again.records[fp("shop:7")].state["consent.email.granted"].value == ["form", ""]


def test_a_record_that_moves_takes_its_line_and_its_withdrawals_along(rig):
    rig.send(customer(email=NEW))
    rig.settle()

    found = rig.store.people.read(rig.store.people.find(NEW))
    record = found.records[fp("shop:7")]
    assert record.state["FIRSTNAME"].value == "Jane"
    assert record.state["consent.sms.withdrawn"].value == "brevo:unsubscribed"
    assert rig.brevo.contacts[NEW].sms_blocked
    assert not rig.store.people.read("1").records


def test_an_erasure_removes_everything(rig, client):
    rig.settle()
    for email in (JANE, JIM):
        request_erasure(rig.store, email, NOW)
    rig.settle()

    assert client.keys("tajo:p:*") == client.keys("tajo:em:*") == client.keys("tajo:ref:*") == []
    assert rig.brevo.contacts == {}


def test_an_older_process_gets_no_key_and_so_changes_nothing(rig, client):
    before = client.type("tajo:salt")

    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        client.get(keys.SALT)  # what `commit.lua` of version 2 does first, and each of its processes that starts

    assert before == b"hash"
    assert rig.store.people.salt == SALT


def test_two_processes_that_start_together_agree_on_the_key(client):
    filled(client)

    assert [Store(client).people.salt, Store(client).people.salt] == [SALT, SALT]


def test_a_redis_that_is_put_back_to_a_day_before_is_taken_up_by_the_sweep(rig, client):
    rig.settle()
    turn_old(client, rig.store.people)

    rig.store.sweep(1)

    assert client.hget(keys.SALT, "key") == SALT
    assert rig.store.people.find(JIM) == "2"
