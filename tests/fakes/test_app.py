"""What every stand-in does: faults in one vocabulary, calls that are counted, control routes, a process."""

from __future__ import annotations

import sys

import pytest
import urllib3

from customer_sync.kit.fakes.clock import Clock
from customer_sync.kit.fakes.faults import AFTER, BEFORE, KINDS, PAGES
from customer_sync.kit.fakes.main import parser, settings_of
from tests.fakes.toy import SIZE, Settings, Toy
from tests.processes import running


@pytest.fixture
def toy():
    return Toy()


@pytest.fixture
def client(toy):
    return toy.app.test_client()


def fault(client, kind, **options):
    answer = client.post("/fake/faults", json={"kind": kind, **options})
    assert answer.status_code == 200, answer.data
    return answer.json


def ids(answer) -> list[int]:
    return [row["id"] for row in answer.json]


# Faults


@pytest.mark.parametrize(
    ("options", "status", "retry_after", "words"),
    [
        ({"kind": "down"}, 503, "1", b"<title>503"),
        ({"kind": "down", "retry_after": 7}, 503, "7", b"<html>"),
        ({"kind": "storm"}, 429, "1", b"<html>"),
        ({"kind": "storm", "retry_after": None}, 429, None, b"<html>"),
        ({"kind": "html"}, 200, None, b"<html>"),
        ({"kind": "firewall"}, 403, None, b"<html>"),
        ({"kind": "status", "status": 502}, 502, None, b"502"),
        ({"kind": "error"}, 500, None, b"500"),
        ({"kind": "unauthorized"}, 401, None, b"401"),
        ({"kind": "scope"}, 403, None, b"403"),
        ({"kind": "melted"}, 418, None, b"melted"),
    ],
)
def test_a_fault_answers_in_the_place_of_the_platform_once(client, options, status, retry_after, words):
    fault(client, **options)

    answer = client.get("/people")

    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, retry_after)
    assert words in answer.data
    assert client.get("/people").status_code == 200


def test_every_kind_strikes_somewhere(toy, client):
    for kind in {**KINDS, **toy.strikes}:
        fault(client, kind, count=None, delay_s=0.0, size=1)
        try:
            answer = client.get("/people?page=2")
            answer.get_data()
        except ConnectionResetError:
            assert kind in ("broken", "lost", "torn")
        hits = {one["kind"]: one["hits"] for one in client.get("/fake/faults").json["faults"]}
        client.delete("/fake/faults")
        if kind != "ignore_filter":  # the platform looks for it where it filters
            assert hits == {kind: 1}
    assert set(KINDS) == {*BEFORE, *PAGES, *AFTER}


def test_a_fault_counts_skips_and_may_be_narrowed(client):
    fault(client, "down", skip=1, count=2)
    assert [client.get("/people").status_code for _ in range(4)] == [200, 503, 503, 200]

    fault(client, "down", method="POST", path="/other*")
    fault(client, "storm", method="POST", path="/peo*")
    assert [client.get("/people").status_code, client.post("/people").status_code] == [200, 429]
    client.delete("/fake/faults")

    fault(client, "empty_page", page=2)
    assert [len(client.get(f"/people?page={page}").json) for page in (1, 2, 2)] == [SIZE, 0, SIZE]


def test_a_fault_that_is_not_narrowed_strikes_what_the_platform_says():
    class Narrow(Toy):
        struck = "/else*"

    client = Narrow().app.test_client()
    fault(client, "down")
    assert client.get("/people").status_code == 200
    fault(client, "storm", path="*")
    assert client.get("/people").status_code == 429


def test_one_fault_is_switched_off_or_all(client):
    first, _ = fault(client, "down", count=None), fault(client, "storm", count=None)

    client.delete(f"/fake/faults/{first['id']}")
    assert client.get("/people").status_code == 429
    client.delete("/fake/faults")
    assert client.get("/people").status_code == 200


@pytest.mark.parametrize("body", [{"kind": "odd"}, {"kind": "down", "count": 0}, {"kind": "down", "page": "1"}, {}, []])
def test_a_fault_that_makes_no_sense_is_refused(client, body):
    assert client.post("/fake/faults", json=body).status_code == 400


def test_pages_are_spoiled_in_the_ways_that_have_a_name(client):
    whole = [ids(client.get(f"/people?page={page}")) for page in (1, 2)]
    found = {}
    for kind in ("repeat_page", "shrink_page", "lose_half", "short_page", "empty_page"):
        fault(client, kind)
        found[kind] = ids(client.get("/people?page=2"))

    assert found == {
        "repeat_page": whole[0],
        "shrink_page": whole[1][:2],
        "lose_half": whole[1][::2],
        "short_page": whole[1][:3],
        "empty_page": [],
    }


@pytest.mark.parametrize(("kind", "added"), [("broken", 0), ("lost", 1)])
def test_the_connection_breaks_before_or_after_the_deed(toy, client, kind, added):
    fault(client, kind)

    with pytest.raises(ConnectionResetError):
        client.post("/people")

    assert len(toy.people) == 10 + added


def test_a_body_is_cut_or_torn_or_has_words_in_front(client):
    whole = client.get("/people").data
    for kind in ("cut", "junk", "torn"):
        fault(client, kind)

    assert client.get("/people").data == whole[: len(whole) // 2]
    assert client.get("/people").data.startswith(b"<br />\n<b>Warning</b>")
    with pytest.raises(ConnectionResetError):
        client.get("/people").get_data()


# Calls, time, settings


def test_calls_are_counted_by_route_and_secrets_are_not_kept(client):
    client.get("/people?page=2&api_token=abc")
    fault(client, "lost")
    with pytest.raises(ConnectionResetError):
        client.get("/people")

    told = client.get("/fake/calls").json

    assert [(one["path"], one["status"], one["calls"]) for one in told["totals"]] == [
        ("/people", 0, 1),
        ("/people", 200, 1),
    ]
    assert told["calls"][1]["query"] == {"page": "2", "api_token": "..."}
    assert told["maxInOneSecond"] == 2
    client.delete("/fake/calls")
    assert client.get("/fake/calls").json["total"] == 0


def test_the_time_is_never_todays_and_moves_only_when_it_is_moved(toy, client):
    assert client.get("/fake/state").json["now"] == "2026-11-21T10:00:00Z"
    client.post("/fake/clock", json={"advance_s": 90})
    assert client.get("/fake/state").json["now"] == "2026-11-21T10:01:30Z"
    client.post("/fake/clock", json={"at": "2031-02-03T04:05:06Z"})
    assert client.get("/fake/state").json["now"] == "2031-02-03T04:05:06Z"
    assert client.post("/fake/clock", json={"at": "soon"}).status_code == 400
    client.post("/fake/reset")
    assert client.get("/fake/state").json["now"] == "2026-11-21T10:00:00Z"


def test_a_clock_may_run_from_a_moment_or_be_the_machines():
    ticks = [5.0]
    clock = Clock(100.0, lambda: ticks[0])
    ticks[0] = 7.5
    assert clock() == 102.5
    clock.offset_s = 10
    assert clock() == 112.5
    assert 0 <= Clock.running(50.0)() - 50.0 < 5
    assert Clock.of_this_machine()() > 1_700_000_000


def test_some_settings_may_be_changed_all_of_them_or_none(toy, client):
    told = client.post("/fake/settings", json={"colour": "blue", "lag_s": 3, "scopes": ["a", "b"], "note": "x"}).json

    assert told == {"lag_s": 3, "colour": "blue", "scopes": ["a", "b"], "is_open": True, "note": "x"}
    for wrong in (
        {"colour": "green"},
        {"is_open": 1},
        {"customers": 3},
        {"scopes": "a"},
        {"lag_s": "3"},
        {"lag_s": None},
    ):
        assert client.post("/fake/settings", json={"note": None, **wrong}).status_code == 400
    assert toy.settings.note == "x"


def test_reset_brings_the_beginning_back(toy, client):
    client.post("/people")
    fault(client, "down", count=None)
    client.get("/people")

    client.post("/fake/reset")

    assert len(toy.people) == 10
    assert client.get("/people").status_code == 200
    assert client.get("/fake/state").json["faults"] == {}


# A process


def test_settings_are_the_command_line():
    line = "--customers 7 --lag-seconds 2 --colour blue --scopes a,b --no-is-open --note hello"

    assert settings_of(Settings, parser(Toy, Settings).parse_args(line.split())) == Settings(
        7, 2.0, "blue", ("a", "b"), False, "hello"
    )
    assert settings_of(Settings, parser(Toy, Settings).parse_args([])) == Settings()
    assert "how late it is (default 1.5)" in " ".join(parser(Toy, Settings).format_help().split())


def test_as_a_process_it_answers_drips_and_breaks_for_real():
    with running("tests.fakes.toy", "--customers", "30", "--clock", "2030-01-01", "--live", "50") as (address, _):
        http = urllib3.PoolManager(retries=False, timeout=10)
        whole = http.request("GET", f"{address}/people").data

        http.request("POST", f"{address}/fake/faults", json={"kind": "drip", "size": 10, "delay_s": 0.05})
        slow = http.request("GET", f"{address}/people", preload_content=False)
        first = slow.read1()
        rest = slow.read()
        for kind in ("broken", "lost", "torn"):
            http.request("POST", f"{address}/fake/faults", json={"kind": kind, "size": 5})
            with pytest.raises(urllib3.exceptions.HTTPError):
                http.request("GET", f"{address}/people")
        now = http.request("GET", f"{address}/fake/state").json()["now"]
        acts = http.request("POST", f"{address}/fake/crowd", json={"per_second": 0}).json()["happened"]

    assert (first + rest, len(first) < len(whole)) == (whole, True)
    assert now.startswith("2030-01-01T00:0")
    assert sum(acts.values()) > 0


def test_a_port_in_use_is_told(capsys):
    with running("tests.fakes.toy") as (address, _):
        from customer_sync.kit.fakes.main import main

        assert main(Toy, Settings, ["--port", address.rpartition(":")[2]]) == 1

    assert "Choose another --port" in capsys.readouterr().err
    assert sys.version_info >= (3, 11)
