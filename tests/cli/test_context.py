"""Where commands find a running installation."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from customer_sync.base import embedded
from customer_sync.config import BREVO_URL


@pytest.fixture
def home(tajo):
    found = Path(tajo.env["TAJO_HOME"])
    found.mkdir()
    return found


def note(home, **facts):
    written = {"url": "http://127.0.0.1:8000", "redis_url": None, "brevo_url": None, "config": None, "pid": os.getpid()}
    (home / "run.json").write_text(json.dumps(written | facts))


def test_without_a_redis_a_command_says_so_and_starts_none(tajo, home):
    told = tajo("parked", "list", code=4, TAJO_REDIS_URL=None).stderr

    assert "no `tajo run` runs" in told
    assert "→ Start `tajo run`, or set TAJO_REDIS_URL." in told
    assert not (home / "redis").exists()


def test_the_redis_of_a_running_installation_is_found(tajo, home):
    note(home, redis_url=tajo.env["TAJO_REDIS_URL"])

    assert "Nothing is parked." in tajo("parked", "list", TAJO_REDIS_URL=None).stdout


def test_what_an_ended_installation_left_is_not_believed(tajo, home):
    note(home, redis_url=tajo.env["TAJO_REDIS_URL"], pid=2**22 + 1)

    tajo("parked", "list", code=4, TAJO_REDIS_URL=None)


def test_the_embedded_redis_is_found_by_its_own_note(tajo, home):
    running = embedded.ensure(home / "redis")
    try:
        assert "Nothing is parked." in tajo("parked", "list", TAJO_REDIS_URL=None).stdout
    finally:
        embedded.stop(running)


def test_another_redis_at_the_noted_address_is_not_taken_for_the_embedded_one(tajo, home):
    (home / "redis").mkdir()
    (home / "redis" / "redis.json").write_text(json.dumps({"url": tajo.env["TAJO_REDIS_URL"], "pid": os.getpid()}))

    tajo("parked", "list", code=4, TAJO_REDIS_URL=None)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}', "null"])
def test_a_broken_note_is_as_good_as_none(tajo, home, text):
    (home / "run.json").write_text(text)

    tajo("parked", "list", code=4, TAJO_REDIS_URL=None)


def test_looking_needs_no_secrets_where_it_is_known_where_redis_is(tajo, home):
    tajo.config.write_text("connectors: {shopify: {api_secret: '${NOT_SET}'}}\n")

    tajo("parked", "list", code=2, TAJO_REDIS_URL=None)
    tajo("parked", "list")
    note(home, redis_url=tajo.env["TAJO_REDIS_URL"])
    tajo("events", "tail", TAJO_REDIS_URL=None)


def test_the_config_of_a_running_installation_is_used_when_there_is_none_here(tajo, home):
    tajo.config.rename(home / "demo.yaml")
    note(home, config=str(home / "demo.yaml"))

    assert [one["name"] for one in tajo.json("check")["sources"]] == ["shopify", "woo"]


def test_a_config_of_ones_own_wins_over_that_of_a_running_installation(tajo, home):
    (home / "demo.yaml").write_text("connectors: {}\n")
    note(home, config=str(home / "demo.yaml"))

    assert [one["name"] for one in tajo.json("check")["sources"]] == ["shopify", "woo"]


def test_a_running_demo_is_meant_only_where_there_is_no_config(tajo, home):
    (home / "demo").mkdir()
    note(home / "demo", redis_url=tajo.env["TAJO_REDIS_URL"])

    tajo("parked", "list", code=4, TAJO_REDIS_URL=None)
    tajo.config.unlink()
    tajo("parked", "list", TAJO_REDIS_URL=None)


@pytest.mark.parametrize("written", ["http://127.0.0.1:9", "http://127.0.0.1:9/v3", "http://127.0.0.1:9/v3/"])
def test_the_sandbox_of_a_running_installation_is_found(tajo, home, written):
    note(home, brevo_url=written)

    assert tajo.json("check")["brevo"]["base_url"] == "http://127.0.0.1:9/v3"


def test_a_key_of_ones_own_never_goes_to_the_sandbox(tajo, home):
    note(home, brevo_url="http://127.0.0.1:9/v3")

    assert tajo.json("check", BREVO_API_KEY="k")["brevo"] == {"is_sandbox": False, "base_url": BREVO_URL}


def test_without_key_and_sandbox_brevo_itself_is_never_called(tajo):
    told = tajo("attributes", "plan", code=4).stderr

    assert "BREVO_API_KEY is not set and no sandbox runs" in told


def test_the_public_address_of_a_running_installation_is_found(tajo, home):
    note(home, public_url="https://sync.example.com")

    # what is told by the API has no address of a webhook
    addresses = {one["webhook_url"] for one in tajo.json("connectors", "list")["items"] if one["name"] != "api"}

    assert addresses == {"https://sync.example.com/webhooks/shopify", "https://sync.example.com/webhooks/woo"}
