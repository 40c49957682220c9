"""Where fingerprints lead: in packed hashes, whatever the number of people."""

from __future__ import annotations

from itertools import count

import pytest

from customer_sync.model import Event, Kind
from customer_sync.operate.erasure import request_erasure
from tests.rig import NOW, Rig, at

MOST = 250


@pytest.fixture
def rig(client):
    return Rig(client)


def customer(number, **record):
    own_id = str(number)
    email = f"c{number}@example.com"
    return Event(f"e{number}", "shop", Kind.CUSTOMER_CREATED, at(-50), own_id, own_id, {"email": email, **record})


def first_beginning_with(letters, make):
    """The first number that makes a fingerprint which begins with two letters."""
    return next(number for number in count(1) if make(number).startswith(letters))


def full(client, index, letters):
    """A hash that is full, of nobody in particular."""
    names = [f"{'abcdefghijklmnopqrstuvwxyz234567'[n % 32]}{n:0>13}" for n in range(MOST)]
    client.hset(f"tajo:{index}:{letters}", mapping=dict.fromkeys(names, "999|0|0" if index == "ref" else "999"))
    return [letters + name for name in names]


def test_a_few_people_share_a_hash_and_each_entry_is_short(rig, client):
    for number in range(300):
        rig.send(customer(number))
    rig.settle()

    for index, size in (("em", 17), ("ref", 38)):
        found = client.keys(f"tajo:{index}:*")
        assert {len(key.decode().rpartition(":")[2]) for key in found} == {2}
        entries = {name: value for key in found for name, value in client.hgetall(key).items()}
        assert len(entries) == 300
        assert max(len(name) + len(value) for name, value in entries.items()) <= size
        assert {client.object("encoding", key) for key in found} == {b"listpack"}


@pytest.mark.parametrize("index", ["em", "ref"])
def test_a_hash_that_is_full_becomes_thirty_two_and_everybody_is_found(rig, client, index):
    people = rig.store.people
    make = {"em": lambda n: people.fingerprint(f"c{n}@example.com"), "ref": lambda n: people.ref("shop", str(n))}[index]
    known = full(client, index, "ab")
    one = first_beginning_with("ab", make)

    rig.send(customer(one, firstName="Ann"))
    rig.settle()

    look = people.find_addresses if index == "em" else lambda refs: [people.home(ref) for ref in refs]
    assert look(known) == ["999"] * MOST
    assert client.exists(f"tajo:{index}:ab") == 0
    assert len(client.keys(f"tajo:{index}:ab*")) == 32
    assert people.find(f"c{one}@example.com") == people.find_ref("shop", str(one)) == "1"
    assert people.read("1").records[people.ref("shop", str(one))].state["FIRSTNAME"].value == "Ann"


def test_who_is_erased_leaves_no_entry_in_a_hash_that_was_split(rig, client):
    people = rig.store.people
    for index in ("em", "ref"):
        full(client, index, "ab")
    one = first_beginning_with("ab", lambda n: people.fingerprint(f"c{n}@example.com"))
    other = first_beginning_with("ab", lambda n: people.ref("shop", str(n)))
    for number in (one, other):
        rig.send(customer(number))
    rig.settle()

    for number in (one, other):
        request_erasure(rig.store, f"c{number}@example.com", NOW)
    rig.settle()

    left = [value for index in ("em", "ref") for key in client.keys(f"tajo:{index}:*") for value in client.hvals(key)]
    assert set(left) == {b"999", b"999|0|0"}
    assert client.keys("tajo:p:*") == []
