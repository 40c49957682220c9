"""Whom a read of Brevo's contacts shows unblocked: by pages and by exports, whatever happens on the way."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_sync.brevo.client import Brevo
from customer_sync.brevo.contacts import exported, reading
from customer_sync.brevo.contacts.exported import Files
from customer_sync.brevo.contacts.exports import MOST_LISTS, MOST_LOOKS
from customer_sync.brevo.contacts.reading import FRESH_S, MOST_S, NO_READ, NO_READ_S, Reading, is_unblocked
from customer_sync.errors import Unavailable
from customer_sync.kit.outbound import HttpClient, Reply
from customer_sync.store import keys
from customer_sync.store.counters import Tally
from customer_sync.store.reads import OtherTurn
from tests.sandbox_server import sandbox_server

BASE = "http://memory/v3"
PAGE = 4


class Killed(BaseException):
    """The process ends here: nothing catches it."""


@dataclass
class Account:
    """Brevo's contacts in memory: `kill_at` ends the process at a call, `before` changes the account at calls."""

    contacts: dict[int, dict] = field(default_factory=dict)
    lists: list[int] = field(default_factory=lambda: [2])
    words: tuple[str, str] = ("subscribed", "unsubscribed")
    columns: tuple[str, ...] = ("EMAIL", "ADDED_TIME", "MODIFIED_TIME", "email_marketing", "sms_marketing")
    url: str = "http://memory/files/"
    odd_from: int = 10**9
    has_ranges: bool = True
    running: int = 0
    status: str = "completed"
    calls: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[dict] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    processes: list[dict] = field(default_factory=list)
    kill_at: int = -1
    refuse: dict[str, Reply | Exception] = field(default_factory=dict)
    before: dict = field(default_factory=dict)

    def add(self, email, *, blocked=False, sms=False, left=(), groups=()):
        number = len(self.contacts) + 1
        self.contacts[number] = {
            "id": number,
            "email": email,
            "emailBlacklisted": blocked,
            "smsBlacklisted": sms,
            "listIds": [],
            "listUnsubscribed": list(left),
            "consentGroups": list(groups),
        }

    def send(self, method, url, *, headers, body=None, is_file=False):
        parts = urlsplit(url)
        path = parts.path.removeprefix("/v3")
        self.calls.append((method, path))
        if len(self.calls) == self.kill_at:
            raise Killed
        if len(self.calls) in self.before:
            self.before[len(self.calls)]()
        if path in self.refuse:
            answer = self.refuse[path]
            if isinstance(answer, Exception):
                raise answer
            return answer
        query = {name: value[0] for name, value in parse_qs(parts.query).items()}
        if path.startswith("/files/"):
            return self._file(path, headers)
        if path == "/contacts/export":
            return self._export(json.loads(body))
        if path == "/processes":
            return self._processes()
        start, limit = int(query["offset"]), int(query["limit"])
        if path == "/contacts/lists":
            rows = [{"id": one} for one in self.lists]
            return _json({"lists": rows[start : start + limit], "count": len(rows)})
        assert (path, query["sort"]) == ("/contacts", "asc")
        rows = list(self.contacts.values())
        return _json({"contacts": rows[start : start + limit], "count": len(rows)})

    def _export(self, body):
        self.bodies.append(body)
        who, number = body["customContactFilter"], 70 + len(self.bodies)
        rows = list(self.contacts.values())
        if who["actionForContacts"] == "unsubscribedPerList":
            rows = [one for one in rows if who["listId"] in one["listUnsubscribed"]]
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.columns)
        for one in rows:
            words = {
                "EMAIL": one["email"],
                "email_marketing": "?" if one["id"] >= self.odd_from else self.words[one["emailBlacklisted"]],
                "sms_marketing": self.words[one["smsBlacklisted"]],
            }
            writer.writerow(words.get(name, "2026-01-01") for name in self.columns)
        self.files[f"/files/{number}.csv"] = out.getvalue()
        self.processes.append({"id": number, "status": self.status, "export_url": f"{self.url}{number}.csv"})
        return _json({"processId": number}, 202)

    def _processes(self):
        self.running -= 1
        if self.running >= 0:
            return _json({"processes": [{**one, "status": "in_process"} for one in self.processes]})
        return _json({"processes": self.processes[::-1]})

    def _file(self, path, headers):
        raw = self.files[path].encode()
        start, _, end = headers["Range"].removeprefix("bytes=").partition("-")
        if not self.has_ranges:
            return Reply(200, {}, raw)
        if int(start) >= len(raw):
            return Reply(416, {}, b"")
        piece = raw[int(start) : int(end) + 1]
        span = f"bytes {start}-{int(start) + len(piece) - 1}/{len(raw)}"
        return Reply(206, {"content-range": span}, piece)


def _json(body, status=200):
    return Reply(status, {}, json.dumps(body).encode())


class Desk:
    """One reading of an account, over people numbered here."""

    def __init__(self, store, account, *, export_from=10**9, piece_bytes=200):
        self.store, self.account, self.now_ms = store, account, 10**12
        store.client.flushall()
        store.client.hset("tajo:lim:contacts", "rps", 0)
        store.client.hset("tajo:lim:processes", "rps", 0)
        self.numbers = {}
        self.export_from, self.piece_bytes = export_from, piece_bytes
        self.reading = self.another()

    def another(self):
        brevo = Brevo(BASE, "k", self.account, self.store.limits, Tally())
        files = Files(BASE, self.account, piece_bytes=self.piece_bytes)
        return Reading(
            brevo, self.store, BASE, files=files, clock=self.clock, page=PAGE, export_from=self.export_from, step_s=60.0
        )

    def clock(self):
        return self.now_ms

    def know(self, *emails):
        for email in emails:
            if email not in self.numbers:
                self.numbers[email] = str(len(self.numbers) + 1)
                fp = self.store.people.fingerprint(email)
                self.store.client.hset(f"{keys.PREFIX}em:{fp[:2]}", fp[2:], self.numbers[email])
                assert self.store.people.find(email) == self.numbers[email]
                self.store.client.set(keys.SEQ, self.numbers[email])

    def read(self, steps=40):
        for _ in range(steps):
            if self.reading.fresh() is not None or not self.reading.step():
                return
            if self.reading.fresh() is None:
                self.now_ms += 12_000

    def shown(self):
        return {
            email for email, one in zip(self.numbers, self.reading.has([*self.numbers.values()]), strict=True) if one
        }


@pytest.fixture
def desk(store):
    def start(account, **sizes):
        desk = Desk(store, account, **sizes)
        desk.know(*(one["email"].strip().lower() for one in account.contacts.values() if "@" in str(one["email"])))
        return desk

    return start


def people(**more):
    account = Account(**more)
    account.add("ann@example.com")
    account.add("bob@example.com", blocked=True)
    account.add("cid@example.com", sms=True)
    account.add("dee@example.com", left=[2])
    account.add("Eve@Example.com ")
    account.add("fay@example.com")
    account.add("fay@example.com", blocked=True)
    account.add("gus@example.com", blocked=True)
    account.add("gus@example.com")
    account.add("491721234567@mailin-sms.com")
    account.add(None)
    account.add("hal@example.com")
    account.add("no address")
    return account


UNBLOCKED = {"ann@example.com", "eve@example.com", "hal@example.com"}
WAYS = {"pages": 10**9, "exports": 1}


@pytest.mark.parametrize("way", WAYS)
def test_only_whoever_is_blocked_in_no_way_is_shown(desk, way):
    desk = desk(people(), export_from=WAYS[way])

    desk.read()

    assert desk.shown() == UNBLOCKED
    assert (("POST", "/contacts/export") in desk.account.calls) == (way == "exports")
    assert sum(call == ("GET", "/contacts") for call in desk.account.calls) == (6 if way == "pages" else 1)


@pytest.mark.parametrize("gone", [{"emailBlacklisted": None}, {"smsBlacklisted": None}, {"emailBlacklisted": "false"}])
def test_what_brevo_does_not_say_counts_as_blocked(gone):
    contact = {"emailBlacklisted": False, "smsBlacklisted": False}

    assert is_unblocked(contact)
    assert not is_unblocked({**contact, **gone})
    assert not is_unblocked({**contact, "consentGroups": [{"id": 1, "status": "unsubscribed"}]})


@pytest.mark.parametrize("way", WAYS)
def test_who_comes_after_a_read_began_is_read_when_asked_for(desk, way):
    desk = desk(people(), export_from=WAYS[way])
    desk.read()
    known_to = desk.reading.last()
    desk.account.add("new@example.com")
    desk.know("new@example.com")
    number, before = int(desk.numbers["new@example.com"]), len(desk.account.calls)

    assert known_to == number - 1
    assert desk.reading.step(known_to)
    assert len(desk.account.calls) == before
    while desk.reading.last() < number:
        assert desk.reading.step(number)
        desk.now_ms += 12_000

    assert desk.shown() == {*UNBLOCKED, "new@example.com"}
    desk.now_ms += int(FRESH_S * 1000)
    assert desk.reading.last() == 0


def test_a_read_is_believed_for_a_while_from_its_beginning(desk):
    desk = desk(people())
    desk.read()
    begun_ms = desk.reading.fresh()

    desk.now_ms = begun_ms + int(FRESH_S * 1000) - 1
    still = desk.shown()
    desk.now_ms += 1

    assert (begun_ms, still) == (10**12, UNBLOCKED)
    assert (desk.reading.fresh(), desk.shown()) == (None, set())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kill_at", range(1, 15))
def test_a_read_that_is_killed_goes_on_in_another_worker_and_is_never_believed_half(desk, way, kill_at):
    desk = desk(people(kill_at=kill_at), export_from=WAYS[way])

    try:
        desk.read()
    except Killed:
        assert (desk.reading.fresh(), desk.shown()) == (None, set())
        desk.store.client.delete(keys.READ_TURN)  # the turn of the dead ends by itself
        desk.reading = desk.another()
        desk.read()

    assert desk.shown() == UNBLOCKED


@pytest.mark.parametrize("apart", [1, 7, 8, 9, 10_000])
def test_the_bits_of_people_are_told_in_the_order_asked_for_however_far_apart_they_are(store, apart):
    marked = [3 * apart, 5 * apart, 5 * apart + 1]
    for number in marked:
        store.client.setbit(keys.READ_BITS, number, 1)

    asked = [5 * apart + 1, 4 * apart + 2, 3 * apart, 9 * apart + 5, 5 * apart, 0]
    found = store.reads.bits([str(number) for number in asked])

    assert found.are_shown == [number in marked for number in asked]
    assert store.reads.bits([]).are_shown == []


def test_a_worker_that_lost_its_turn_changes_nothing(desk):
    desk = desk(people())
    reads = desk.store.reads
    token = reads.take_turn()
    desk.store.client.delete(keys.READ_TURN)
    other = reads.take_turn()

    with pytest.raises(OtherTurn):
        reads.note(token, {}, [desk.store.people.fingerprint("bob@example.com")], begins=True)
    with pytest.raises(OtherTurn):
        reads.end(token, desk.now_ms)

    assert (reads.at_ms(), reads.progress()) == (None, None)
    assert desk.reading.step()  # somebody else reads
    reads.end_turn(other)


def test_one_who_reads_twice_in_a_read_sees_the_answer_that_is_stricter(desk):
    account = people()
    account.before[3] = lambda: account.contacts[1].update(emailBlacklisted=True)
    account.before[4] = lambda: account.contacts.pop(2)  # the pages shift, and the first ones are read again
    desk = desk(account)

    desk.read()

    assert desk.shown() <= UNBLOCKED


CHOICES = st.tuples(st.booleans(), st.booleans(), st.booleans())
BOX = st.sampled_from(["a@example.com", "A@Example.com", "b@example.com", "c@example.com", "d@example.com", "e@x.org"])


def flags(choice):
    blocked, sms, left = choice
    return {"emailBlacklisted": blocked, "smsBlacklisted": sms, "listUnsubscribed": [2] if left else []}


class Told(Account):
    """An account that remembers what its answers showed of each address, in their order."""

    def __init__(self, rows, changes, gone, kill_at):
        super().__init__(kill_at=kill_at)
        for email, choice in rows:
            self.add(email)
            self.contacts[len(self.contacts)].update(flags(choice))
        self.changes, self.gone, self.said = changes, gone, {}

    def send(self, method, url, *, headers, body=None, is_file=False):
        call = len(self.calls) + 1
        if call in self.changes and self.changes[call][0] in self.contacts:
            number, choice = self.changes[call]
            self.contacts[number].update(flags(choice))
        self.contacts.pop(self.gone.get(call), None)
        reply = super().send(method, url, headers=headers, body=body, is_file=is_file)
        path = urlsplit(url).path
        if path == "/v3/contacts":
            for row in json.loads(reply.body)["contacts"]:
                self._say(row, is_unblocked(row))
        if path == "/v3/contacts/export":
            everybody = self.bodies[-1]["customContactFilter"]["actionForContacts"] == "allContacts"
            for row in self.contacts.values():
                if everybody or row["listUnsubscribed"]:
                    self._say(row, everybody and not (row["emailBlacklisted"] or row["smsBlacklisted"]))
        return reply

    def _say(self, row, is_open):
        self.said.setdefault(row["email"].lower(), []).append(is_open)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    account=st.builds(
        Told,
        rows=st.lists(st.tuples(BOX, CHOICES), max_size=14),
        changes=st.dictionaries(st.integers(1, 9), st.tuples(st.integers(1, 14), CHOICES), max_size=4),
        gone=st.dictionaries(st.integers(1, 9), st.integers(1, 14), max_size=3),
        kill_at=st.integers(0, 9),
    ),
    way=st.sampled_from([10**9, 1]),
)
def test_nobody_has_a_bit_whom_no_answer_showed_unblocked_or_a_later_one_showed_otherwise(store, account, way):
    desk = Desk(store, account, export_from=way)
    desk.know("a@example.com", "b@example.com", "c@example.com", "d@example.com", "e@x.org")

    try:
        desk.read()
    except Killed:
        assert desk.shown() == set()
        store.client.delete(keys.READ_TURN)
        desk.reading = desk.another()
        desk.read()

    assert desk.reading.fresh() is not None
    assert all(account.said[email][-1] for email in desk.shown())


# exports


def test_an_export_asks_for_everybody_and_for_who_left_each_list_without_any_attribute(desk):
    desk = desk(people(lists=[2, 5]), export_from=1)

    desk.read()

    everybody, two, five = desk.account.bodies
    assert everybody["customContactFilter"] == {
        "actionForContacts": "allContacts",
        "createdSince": "1970-01-01T00:00:00.000Z",
    }
    assert [one["customContactFilter"]["listId"] for one in (two, five)] == [2, 5]
    assert all(one["disableNotification"] and "exportAttributes" not in one for one in desk.account.bodies)


@pytest.mark.parametrize(
    "words",
    [("subscribed", "unsubscribed"), ("Yes", "No"), ("1", "0"), ("TRUE", "false"), ("Subscribed", "blocklisted")],
)
def test_words_that_are_known_are_understood(desk, words):
    desk = desk(people(words=words), export_from=1)

    desk.read()

    assert desk.shown() == UNBLOCKED
    assert sum(call == ("GET", "/contacts") for call in desk.account.calls) == 1


@pytest.mark.parametrize(
    "odd",
    [
        {"words": ("aktiv", "gesperrt")},
        {"words": ("unsubscribed", "subscribed")},
        {"words": ("subscribed", "subscribed")},
        {"words": ("", "unsubscribed")},
        {"odd_from": 9},
        {"columns": ("EMAIL", "email_marketing")},
        {"columns": ("CONTACT", "email_marketing", "sms_marketing")},
        {"columns": ("EMAIL", "EMAIL", "email_marketing", "sms_marketing")},
        {"columns": ("EMAIL", "email_marketing", "sms_marketing", "sms_marketing")},
        {"status": "failed"},
        {"status": "something else"},
        {"url": "http://elsewhere.example/files/"},
        {"lists": list(range(1, MOST_LISTS + 2))},
        {"refuse": {"/contacts/export": _json({"code": "invalid_parameter", "message": "no"}, 400)}},
        {"refuse": {"/contacts/export": _json({"code": "unauthorized", "message": "no"}, 403)}},
        {"refuse": {"/contacts/export": _json({"id": 3})}},
        {"refuse": {"/files/71.csv": Reply(403, {}, b"")}},
        {"refuse": {"/files/71.csv": Reply(206, {"content-range": "bytes 7-9/10"}, b"xyz")}},
        {"refuse": {"/files/71.csv": Reply(206, {"content-range": "bytes 0-9/100"}, b"x" * 10)}},
        {"refuse": {"/files/71.csv": Unavailable("no answer")}},
        {"running": MOST_LOOKS + 1},
    ],
    ids=str,
)
def test_an_export_that_is_of_no_use_is_left_for_the_pages_for_a_day(desk, odd):
    desk = desk(people(**odd), export_from=1)

    desk.read()

    assert desk.shown() == UNBLOCKED
    assert sum(call == ("GET", "/contacts") for call in desk.account.calls) > 1
    asked = len(desk.account.bodies)
    desk.now_ms += int(FRESH_S * 1000)
    desk.read()
    assert len(desk.account.bodies) == asked


def test_a_canary_that_is_blocked_and_shown_unblocked_speaks_against_the_file(desk):
    account = people(words=("subscribed", "subscribed"))
    account.contacts[2]["emailBlacklisted"] = account.contacts[3]["smsBlacklisted"] = (
        False  # the first page tells nothing
    )
    for _ in range(3):
        account.add("zed@example.com")
    account.add("me+a@example.com", blocked=True)
    desk = desk(account, export_from=1)
    desk.store.proofs.write({"riders": [["A", "Me+A@example.com", True], ["B", "ann@example.com", False]]})

    desk.read()

    assert "me+a@example.com" not in desk.shown()
    assert sum(call == ("GET", "/contacts") for call in desk.account.calls) > 1


def test_a_server_that_gives_whole_files_only_is_read_as_well(desk):
    desk = desk(people(has_ranges=False), export_from=1)

    desk.read()

    assert desk.shown() == UNBLOCKED
    assert sum(call == ("GET", "/contacts") for call in desk.account.calls) == 1


def test_a_large_file_that_comes_in_one_piece_is_left_for_the_pages(desk, monkeypatch):
    monkeypatch.setattr(exported, "WHOLE_BYTES", 300)
    desk = desk(people(has_ranges=False), export_from=1)

    desk.read()

    assert desk.shown() == UNBLOCKED
    assert sum(call == ("GET", "/contacts") for call in desk.account.calls) > 1


@pytest.mark.parametrize("piece_bytes", [90, 128, 1000, 10_000])
def test_pieces_of_any_size_give_each_row_once(piece_bytes):
    lines = "EMAIL;email_marketing;sms_marketing\n" + "".join(f"ä{n}@example.com;yes;yes\n" for n in range(300))
    account = Account(files={"/files/1.csv": "\ufeff" + lines})
    files, at, found = Files(BASE, account, piece_bytes=piece_bytes), 0, []

    while at is not None:
        piece = files.fetch("http://memory/files/1.csv", at)
        found += [line for line in piece.lines if line]
        at = piece.next

    assert "\n".join(found) + "\n" == lines


def test_rows_of_another_length_show_nobody():
    head = exported.read_head("email_marketing,EMAIL,sms_marketing")

    rows = list(exported.read_rows(["yes,a@example.com,yes", "yes,b@example.com", "no,c@example.com,yes", ""], head))

    assert [(one.email, one.is_unblocked, one.is_clear) for one in rows] == [
        ("a@example.com", True, True),
        (None, False, False),
        ("c@example.com", False, True),
    ]


# when there is nothing to be had


def test_an_account_that_is_too_large_for_its_rate_is_not_read(desk, monkeypatch):
    account = people(refuse={"/contacts/export": _json({}, 400)})
    desk = desk(account, export_from=1)
    desk.store.client.hset("tajo:lim:contacts", "rps", "10")
    monkeypatch.setattr(reading, "MOST_S", 0.6)

    assert not desk.reading.step()
    assert desk.reading.fresh() is None
    made = len(account.calls)
    assert not desk.reading.step()
    assert len(account.calls) == made
    desk.now_ms += int(NO_READ_S * 1000)
    monkeypatch.undo()
    desk.read()
    assert desk.shown() == UNBLOCKED


def test_a_read_that_was_left_begins_anew_and_one_that_is_too_slow_ends(desk):
    desk = desk(people(kill_at=3))
    with pytest.raises(Killed):
        desk.read()
    desk.store.client.delete(keys.READ_TURN)

    desk.now_ms += int(MOST_S * 1000) + 100_000
    desk.read()

    assert desk.reading.fresh() == desk.now_ms


def test_the_pages_of_a_read_that_takes_too_long_are_given_up(desk):
    account = people()
    account.before[2] = lambda: setattr(desk_, "now_ms", desk_.now_ms + int(MOST_S * 1000))
    account.before[3] = lambda: account.refuse.update({"/contacts": Unavailable("no answer")})
    desk_ = desk(account)

    assert desk_.reading.step()  # it waits for an answer
    assert not desk_.reading.step()


def test_a_key_that_is_refused_lets_nobody_wait(desk):
    desk = desk(people(refuse={"/contacts": _json({"code": "unauthorized", "message": "Key not found"}, 401)}))

    assert not desk.reading.step()
    assert desk.reading.fresh() is None
    assert desk.reading.cost() == desk.reading.cost(5) == NO_READ


def test_the_cost_is_a_call_for_each_page_and_few_for_an_export(desk):
    small = desk(people())

    assert small.reading.cost(3) == 2
    assert small.reading.cost(1_000) == 501
    small.store.client.set(keys.SEQ, 1_000)
    assert small.reading.cost() == 501
    large = Desk(small.store, people(), export_from=1_000)
    assert large.reading.cost(1_000_000) < 20


@pytest.mark.slow
@pytest.mark.parametrize("export_from", [1, 10**9])
def test_the_sandbox_is_read_by_both_ways(store, export_from):
    with sandbox_server("--plan", "none") as sandbox:
        sandbox.switch(import_delay_s=0.1)
        for email in ("ann@example.com", "bob@example.com", "cid@example.com", "dee@example.com"):
            sandbox.call("POST", "/v3/contacts", {"email": email, "listIds": [2]})
        sandbox.unsubscribe("bob@example.com")
        sandbox.act("leave_list", "cid@example.com", list_ids=[2])
        desk = Desk(store, None, export_from=export_from)
        desk.know("ann@example.com", "bob@example.com", "cid@example.com", "dee@example.com")
        http = HttpClient()
        brevo = Brevo(sandbox.url, "test", http, store.limits, Tally())
        desk.reading = Reading(brevo, store, sandbox.url, clock=desk.clock, export_from=export_from, step_s=60.0)

        desk.read()

        assert desk.shown() == {"ann@example.com", "dee@example.com"}
        assert sandbox.count("POST", "/contacts/export") == (0 if export_from > 1 else 11)
        http.close()
