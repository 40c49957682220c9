"""Who the customers of a stand-in are, what they do, and how records of them are kept and listed."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.kit.fakes.cast import Cast
from customer_sync.kit.fakes.crowd import WEIGHTS, Crowd
from customer_sync.kit.fakes.limits import Bucket, Window
from customer_sync.kit.fakes.pages import links, pack, unpack
from customer_sync.kit.fakes.table import Table
from customer_sync.kit.invented.people import DOMAINS
from tests.fakes.toy import Toy

SOME = range(0, 5_000, 7)


def test_the_same_seed_gives_the_same_people_and_another_seed_others():
    one, same, other = Cast(1), Cast(1), Cast(2)

    assert [one.who(i) for i in range(50)] == [same.who(i) for i in range(50)]
    assert [one.who(i) for i in range(50)] != [other.who(i) for i in range(50)]
    assert one.who(3, "g") != one.who(3)


def test_addresses_are_unique_reserved_and_lead_back():
    cast = Cast(1)
    people = [cast.who(i) for i in SOME] + [cast.who(i, "g") for i in SOME]

    assert len({who.email for who in people}) == len(people)
    assert {who.email.partition("@")[2] for who in people} <= set(DOMAINS)
    assert [cast.find(cast.who(i).email.upper()) for i in SOME] == list(SOME)
    assert cast.find(cast.who(3, "g").email) is None
    assert cast.find(cast.who(3, "g").email, "g") == 3
    assert cast.find("nobody@mail.example") is None
    assert cast.find("nobody.nobody.3@mail.example") is None


def test_numbers_are_valid_at_home_and_abroad():
    for who in map(Cast(1).who, SOME):
        abroad = phonenumbers.parse(who.phone)
        assert phonenumbers.is_valid_number(abroad)
        assert phonenumbers.parse(who.national, who.country) == abroad


# What they do


def test_the_same_seed_does_the_same_and_everything_that_the_platform_knows_happens():
    first, second = Toy(), Toy()
    for toy in (first, second):
        assert toy.app.test_client().post("/fake/crowd", json={"acts": 400}).status_code == 200

    assert first.told == second.told
    assert set(first.crowd.happened) == set(WEIGHTS) - first.impossible
    assert sum(first.crowd.happened.values()) == 400


def test_one_kind_of_act_can_be_asked_for():
    client = Toy().app.test_client()

    assert client.post("/fake/crowd", json={"act": "register"}).json["happened"] == {"register": 1}
    assert client.post("/fake/crowd", json={"act": "withdraw", "acts": 2}).json["happened"]["withdraw"] == 2
    assert client.post("/fake/crowd", json={"act": "dance"}).status_code == 400


def test_two_records_are_needed_to_merge_and_one_is_gone_afterwards():
    class Merging(Toy):
        impossible = frozenset()

        def merge(self, kept, gone):
            assert kept != gone
            self.told.append("merge")

    toy = Merging()
    names = [Crowd.act(toy.crowd, "merge") for _ in range(4)]

    assert names == ["register", "register", "merge", "register"]


# How records are kept


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3) | st.none()), max_size=30))
def test_a_table_lists_what_is_there_by_key_and_then_by_number(acts):
    table, rows = Table((number, number % 3) for number in range(3)), {number: number % 3 for number in range(3)}
    for number, value in acts:
        table.ordered("value", lambda record: record)
        if value is None:
            assert table.delete(number) == rows.pop(number, None)
        else:
            rows[number] = table.put(number, value)

    assert table.ordered("value", lambda record: record) == sorted(rows, key=lambda number: (rows[number], number))
    assert (len(table), set(table), list(table.values())) == (len(rows), set(rows), list(rows.values()))


def test_a_number_that_a_deleted_record_had_is_never_given_again():
    table = Table([(7, "a")])
    table.delete(7)

    assert (table.next_number(), table.next_number(3)) == (8, 11)


def test_cursors_tell_nothing_and_come_back_whole():
    cursor = pack(after="2026", id=2**60)

    assert "after" not in cursor
    assert unpack(cursor) == {"after": "2026", "id": 2**60}
    assert [unpack(text) for text in ("nonsense", "", pack() + "=", "bnVsbA==")] == [None] * 4


@pytest.mark.parametrize(("number", "found"), [(1, "2next"), (2, "1prev3next"), (3, "2prev"), (9, "3prev")])
def test_links_lead_to_the_neighbours(number, found):
    made = links(lambda at: f"/{at}", number, 3)

    assert "".join(one for one in made if one.isalnum()).replace("rel", "") == found


# How much is allowed


def test_points_leak_back_with_time():
    now = [0.0]
    bucket = Bucket(1000, 50, lambda: now[0])
    assert bucket.take(900)
    assert not bucket.take(200)
    now[0] = 2.0

    assert bucket.take(200)
    assert bucket.left == 0
    assert bucket.take(-5000)
    assert bucket.left == 1000
    bucket.drain()
    assert bucket.left == 0


def test_a_window_gives_all_back_at_its_end():
    now = [9.0]
    window = Window(3, 10, lambda: now[0])
    assert [window.take() for _ in range(4)] == [True, True, True, False]
    assert (window.left, window.reset_s) == (0, 1)
    now[0] = 10.0

    assert window.left == 3
