"""Brevo's contacts are read to the last one, behind live work, whatever happens meanwhile."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_sync.batch.reconcile.contacts import LIVE_SHARE, MAX_TRIES, BrevoContacts
from customer_sync.brevo.client import Brevo
from customer_sync.errors import ConfigError, Unavailable
from customer_sync.kit.outbound import Reply
from customer_sync.store.counters import Tally


class Pages:
    """Brevo's list of contacts; `after` deletes some after so many calls, `answers` come first."""

    def __init__(self, ids, after=None, answers=()):
        self.ids = list(ids)
        self.after = dict(after or {})
        self.answers = list(answers)
        self.calls = 0
        self.more = 0

    def send(self, method, url, *, headers, body=None, is_file=False):
        self.calls += 1
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        query = {name: value[0] for name, value in parse_qs(urlsplit(url).query).items()}
        assert (method, query["sort"]) == ("GET", "asc")
        start, limit = int(query["offset"]), int(query["limit"])
        rows = [{"id": n, "email": f"c{n}@example.com"} for n in self.ids[start : start + limit]]
        reply = Reply(200, {}, json.dumps({"contacts": rows, "count": len(self.ids) + self.more}).encode())
        gone = set(self.after.get(self.calls, ()))
        self.ids = [n for n in self.ids if n not in gone]
        return reply


@pytest.fixture
def read(store):
    store.client.hset("tajo:lim:contacts", "rps", 0)

    def start(pages, *, page=6, overlap=2, slept=None):
        brevo = Brevo("http://memory/v3", "k", pages, store.limits, Tally())
        sleep = (slept if slept is not None else []).append
        return BrevoContacts(brevo, store, page=page, overlap=overlap, sleep=sleep, clock=lambda: 0)

    return start


def ids(contacts):
    return [one.id for seen in contacts.pages() for one in seen.contacts]


@pytest.mark.parametrize("count", [0, 1, 5, 6, 7, 10, 11, 100])
def test_each_contact_is_given_once_and_in_order(read, count):
    contacts = read(Pages(range(1, count + 1)))

    assert ids(contacts) == list(range(1, count + 1))
    assert contacts.is_complete
    assert contacts.total == count


@pytest.mark.parametrize("gone", [{2}, {1, 2}, {1, 2, 3, 4}, {2, 3, 4, 5, 6}, {1, 2, 3, 4, 5, 6}])
def test_a_contact_that_is_deleted_meanwhile_hides_no_other(read, gone):
    contacts = read(Pages(range(1, 21), after={1: gone}))

    assert ids(contacts) == list(range(1, 21))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(after=st.dictionaries(st.integers(1, 8), st.sets(st.integers(1, 40), max_size=12)))
def test_whoever_stays_is_found_however_many_are_deleted_meanwhile(read, after):
    pages = Pages(range(1, 41), after)

    found = ids(read(pages))

    assert set(found) >= set(pages.ids)


def test_a_list_that_ends_before_its_count_is_not_complete(read):
    pages = Pages(range(1, 9))
    pages.more = 3

    contacts = read(pages)

    assert ids(contacts) == list(range(1, 9))
    assert not contacts.is_complete


def test_a_page_that_does_not_come_is_asked_for_again(read):
    html = Reply(200, {}, b"<html>")
    failed = [Unavailable("no answer"), Reply(500, {}, b"{}"), Reply(503, {}, b""), html]
    slept = []

    assert ids(read(Pages(range(1, 4), answers=failed), slept=slept)) == [1, 2, 3]
    assert len(slept) == len(failed)


def test_a_brevo_that_is_down_ends_it(read):
    pages = Pages([1], answers=[Unavailable("no answer")] * MAX_TRIES)

    with pytest.raises(Unavailable, match="no answer"):
        ids(read(pages))
    assert pages.calls == MAX_TRIES


def test_a_wrong_key_ends_it_at_once(read):
    pages = Pages([1], answers=[Reply(401, {}, b'{"code":"unauthorized","message":"Key not found"}')])

    with pytest.raises(ConfigError):
        ids(read(pages))
    assert pages.calls == 1


def test_a_429_waits_and_counts_as_no_try(read):
    busy = Reply(429, {"x-sib-ratelimit-limit": "10", "x-sib-ratelimit-reset": "0"}, b"{}")

    assert ids(read(Pages([1, 2], answers=[busy] * (MAX_TRIES + 2)), slept=[])) == [1, 2]


@pytest.mark.parametrize(("priority", "waits"), [(0, True), (1, True), (2, False)])
def test_live_work_goes_first(read, store, priority, waits):
    store.client.hset("tajo:lim:contacts", "rps", 100)
    store.client.zadd(f"tajo:q:contacts:{priority}", {"7": 0})
    slept = []

    assert ids(read(Pages([1, 2]), slept=slept)) == [1, 2]

    assert slept == ([LIVE_SHARE / 100] if waits else [])


def test_the_shared_limit_is_kept(account):
    account.customers(range(60))
    account.sandbox.limits("none", contacts=(20, None))
    account.store.limits.forget("contacts")
    account.sandbox.call("DELETE", "/sandbox/calls")

    receipt = account.reconcile(page=6)

    calls = account.sandbox.calls(0)
    assert (receipt.equal, receipt.calls) == (60, 19)
    assert (calls["refused429"], calls["total"]) == (0, 19)
