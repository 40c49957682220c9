"""docs/api.md: every call is in it, and its examples do what they show."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from customer_sync.web.api.reference import api_markdown
from customer_sync.web.api.table import CALLS
from tests.programs import need

from .calls import served
from .conftest import KEY

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLES = [
    one
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for one in re.findall(r"^curl (.*?[^\\\\])$", block, re.DOTALL | re.MULTILINE)
]


def test_every_call_is_on_the_page():
    told = set(re.findall(r"^### (GET|POST|PUT|DELETE) /api/v1(\S+)$", api_markdown(), re.MULTILINE))

    assert told == {(one.verb, one.template) for one in CALLS} | {("GET", "/openapi.json")}


def test_every_link_on_the_page_leads_to_a_heading():
    headings = {
        re.sub(r"[^\w-]", "", title.lower().replace(" ", "-")) for title in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    }

    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings


@pytest.fixture
def url(make_app, full):
    with served(make_app()) as url:
        yield url


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_gets_an_answer(url, example, store):
    command = f"{need('curl')} --silent --show-error --fail-with-body {example}"

    done = subprocess.run(
        ["sh", "-c", command],
        env={**os.environ, "TAJO_URL": url, "TAJO_API_KEY": KEY},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert "verdict" in answer or answer.get("items") or answer == {"replayed": 1} or "state=parked" in example


def test_there_are_examples():
    assert len(EXAMPLES) >= 4
