"""What a log line holds, as text and as JSON."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from customer_sync.base.log import FieldFormatter

ITSELF: list = []
ITSELF.append(ITSELF)


def line(error: BaseException | None = None, **facts) -> str:
    told = None if error is None else (type(error), error, error.__traceback__)
    record = logging.LogRecord("here", logging.ERROR, __file__, 1, "it failed", (), told)
    record.facts = facts
    return FieldFormatter().format(record)


@pytest.fixture
def as_json(monkeypatch):
    monkeypatch.setenv("TAJO_LOG", "json")


def failed() -> BaseException:
    try:
        next(iter({}.items()), None) or {}["there"]
    except KeyError as error:
        return error
    raise AssertionError


def test_a_line_of_text_holds_the_facts_and_the_traceback(monkeypatch):
    monkeypatch.delenv("TAJO_LOG", raising=False)
    first, *rest = line(failed(), lane="contacts").splitlines()

    assert first.endswith("error   it failed lane=contacts")
    assert rest[-1] == "KeyError: 'there'"


def test_a_line_of_json_holds_the_facts_and_the_traceback(as_json):
    (text,) = line(failed(), lane="contacts").splitlines()
    found = json.loads(text)

    assert (found["text"], found["level"], found["lane"]) == ("it failed", "ERROR", "contacts")
    assert found["traceback"].endswith("KeyError: 'there'")
    assert "traceback" not in json.loads(line())


@pytest.mark.parametrize(
    ("fact", "shown"),
    [
        (datetime(2026, 11, 1, tzinfo=UTC), "2026-11-01 00:00:00+00:00"),
        (Path("x"), "x"),
        (b"raw", "b'raw'"),
        ({1: {2}}, {"1": "{2}"}),
        ({(1, 2): 3}, "{(1, 2): 3}"),
        (ITSELF, "[[...]]"),
        ("\udcff", "\udcff"),
    ],
)
def test_no_fact_is_lost_because_json_has_no_such_thing(as_json, fact, shown):
    found = json.loads(line(fact=fact))

    assert (found["fact"], found["text"]) == (shown, "it failed")


def test_no_fact_stands_in_the_place_of_the_text(as_json):
    record = logging.LogRecord("here", logging.INFO, __file__, 1, "done", (), None)
    record.facts = {"text": "x", "level": "y"}
    found = json.loads(FieldFormatter().format(record))

    assert (found["text"], found["level"]) == ("done", "INFO")
