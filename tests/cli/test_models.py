"""`--json` prints what the API answers: each is checked against the schemas of the OpenAPI document."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from customer_sync.store.run import RunKind
from tests.web.calls import check, schema_of


@pytest.fixture
def busy(tajo, sandbox, store):
    """An installation with an event, a parked request, a run and a receipt."""
    tajo.send({"id": 7, "email": "jane@example.com", "first_name": "Jane"})
    tajo.send({"email": "nobody@example.com"})
    tajo.work()
    store.runs.start("woo", RunKind.FULL)
    return tajo


#: Command → the call of the API that answers the same; {parked}, {run} and {receipt} are filled in.
SAME = {
    "status": ("/api/v1/status", "get", 200),
    "parked list": ("/api/v1/parked", "get", 200),
    "parked show {parked}": ("/api/v1/parked/{parked_id}", "get", 200),
    "parked show {parked} --reveal": ("/api/v1/parked/{parked_id}", "get", 200),
    "parked replay {parked}": ("/api/v1/parked/{parked_id}/replay", "post", 200),
    "parked drop {parked} --yes": ("/api/v1/parked/{parked_id}", "delete", 200),
    "replay --source woo": ("/api/v1/parked/replay", "post", 200),
    "runs list": ("/api/v1/runs", "get", 200),
    "runs show {run}": ("/api/v1/runs/{number}", "get", 200),
    "runs pause {run}": ("/api/v1/runs/{number}/pause", "post", 200),
    "runs cancel {run} --yes": ("/api/v1/runs/{number}/cancel", "post", 200),
    "reconcile show": ("/api/v1/receipts", "get", 200),
}


@pytest.mark.parametrize("command", SAME)
def test_a_command_prints_what_the_api_answers(busy, store, command):
    path, verb, status = SAME[command]
    words = command.format(parked=next(iter(store.parked.list())).id, run=store.runs.recent()[0].id).split()

    result = busy(*words, "--json")

    check(json.loads(result.stdout), schema_of(path, verb, status))


def test_events_are_printed_as_the_api_tells_them(busy):
    lines = busy("events", "tail", "--json").stdout.splitlines()
    event = schema_of("/api/v1/events", "get", 200)

    found = [json.loads(line) for line in lines]
    check({"items": found, "next_cursor": None}, event)
    check(busy.json("events", "show", found[-1]["id"]), schema_of("/api/v1/events/{event_id}", "get", 200))
    assert len(found) == 2


def test_events_of_one_person_one_kind_and_one_time_are_shown(busy):
    def told(*words):
        return [json.loads(line) for line in busy("events", "tail", "--json", *words).stdout.splitlines()]

    jane = told("--person", "jane@example.com")
    assert [one["kind"] for one in jane] == ["customer_updated"]
    assert told("--person", jane[0]["person"]) == jane
    assert told("--kind", "order_placed") == told("--person", "who@example.com") == told("--until", "2020-01-01T00:00Z")
    assert len(told("--since", "2020-01-01T00:00:00+01:00", "-n", "1")) == 1


def test_a_comparison_is_printed_as_the_api_tells_receipts(busy):
    made = busy.json("reconcile", "run")

    check(made, schema_of("/api/v1/receipts/{receipt_id}", "get", 200))
    assert busy.json("reconcile", "show", made["id"]) == made


#: Words → every sentence of what is wrong with them.
WRONG = {
    "runs list --since yesterday": "--since: Use a time with its zone, as 2026-11-21T10:00:00Z.\n",
    "events tail --person jane --since 2026": (
        "--since: Use a time with its zone, as 2026-11-21T10:00:00Z.\n"
        "--person: Use an e-mail address or the number of a person.\n"
    ),
    **dict.fromkeys(
        (
            *("events tail --cursor x", "events tail --cursor x --json"),
            *("runs list --cursor x", "runs list --cursor x --json"),
            "parked list --cursor x --json",
        ),
        "cursor: The cursor 'x' is none that this list gave. Take `next_cursor` of the page before, unchanged, or "
        "begin without a cursor.\n",
    ),
    "parked list --cursor x": (
        "--cursor goes on behind a page of --json; without it all is grouped.\n  → Leave it out.\n"
    ),
    "events tail -f --until 2026-11-21T10:00:00Z": (
        "--follow goes on with what is new: no --cursor and no --until go with it.\n  → Leave them out.\n"
    ),
}


@pytest.mark.parametrize("command", WRONG)
def test_each_wrong_filter_has_its_sentence(tajo, command):
    assert tajo(*command.split(), code=2).stderr == WRONG[command]


def test_a_page_goes_on_behind_the_one_before(busy):
    first = busy.json("parked", "list", "-n", "1")
    busy.send({"email": "another@example.com"})
    busy.work()

    assert first["next_cursor"] is None
    assert len(busy.json("parked", "list")["items"]) == 2
    page = busy.json("parked", "list", "-n", "1")
    rest = busy.json("parked", "list", "--cursor", page["next_cursor"])
    assert [one["id"] for one in rest["items"]] == [first["items"][0]["id"]]


def test_lists_are_told_also_where_the_config_is_wrong(busy):
    busy.config.write_text("connectors: {shopify: 1}\n")

    assert busy.json("parked", "list")["count"] == 1
    assert busy.json("runs", "list")["items"][0]["outlook"] is None
    assert "2 faults" in busy("status", code=2).stderr
    assert Path(busy.config).exists()


def test_the_status_is_told_in_short(busy):
    told = busy("status").stdout

    assert "look         No worker is at work.\n  → Start one" in told
    assert "parked       1 (`tajo parked list`)" in told
    assert "Brevo        the sandbox" in told
