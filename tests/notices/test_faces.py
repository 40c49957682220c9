"""`tajo notices`, `/api/v1/notices`, `tajo check` and `tajo doctor`: the same facts, and a test that is really sent."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from standardwebhooks import Webhook

from customer_sync.config import NotificationSettings
from customer_sync.operate.notices.outbox import put
from tests.cli.conftest import tajo  # noqa: F401  # a fixture
from tests.notices.hands import SECRET, notice, target
from tests.web.calls import call
from tests.web.conftest import make_app, with_key  # noqa: F401  # the first is a fixture


@pytest.fixture
def cli(tajo, receiver):  # noqa: F811  # the fixture
    """`tajo` with a target that takes notices, and one that nobody answers for."""
    tajo.config.write_text(
        tajo.config.read_text()
        + f"""
notifications:
  targets:
    - {{name: ops, webhook_url: "{receiver.url}", webhook_secret: {SECRET}, allow_private: true}}
    - {{name: dead, webhook_url: "http://127.0.0.1:9/", allow_private: true, events: sync_failed}}
"""
    )
    return tajo


def test_a_test_is_sent_signed_and_the_answer_is_told(cli, receiver):
    told = cli("notices", "test", "ops").stdout

    headers, body = receiver.got[0]
    assert Webhook(SECRET).verify(body, headers)["type"] == "test"
    assert "ops: 200" in told


def test_a_test_of_all_fails_where_one_does_not_take_it(cli):
    found = cli.json("notices", "test", code=1)["items"]

    assert {one["target"]: one["is_taken"] for one in found} == {"ops": True, "dead": False}
    assert "did not answer" in next(one["answer"] for one in found if one["target"] == "dead")


def test_a_target_that_is_not_there_is_not_found_and_those_that_are_are_named(cli):
    assert "There are: ops, dead" in cli("notices", "test", "opps", code=5).output


def test_the_list_says_how_each_target_takes_its_notices_and_shows_secrets_only_when_asked(cli, receiver):
    cli("notices", "test", code=1)

    ops, dead = cli.json("notices", "list")["items"]
    assert (ops["state"], ops["taken_type"], dead["state"]) == ("ready", "test", "failing")
    assert dead["why"]
    assert SECRET not in cli("notices", "list").output
    assert SECRET in cli("notices", "list", "--secrets").output
    assert cli.json("notices", "list", "--secrets")["secrets"]["dead"][0].startswith("whsec_")


def test_without_a_target_the_list_says_where_to_write_one(tajo):  # noqa: F811  # the fixture
    assert "notifications:" in tajo("notices", "list").output
    tajo("notices", "test", code=5)


def test_a_test_that_is_taken_ends_the_pause_of_a_target(cli, store, receiver):
    receiver.answers = [410]
    cli("notices", "test", "ops", code=1)
    assert cli.json("notices", "list")["items"][0]["state"] == "paused"

    cli("notices", "test", "ops")

    assert cli.json("notices", "list")["items"][0]["state"] == "ready"


def test_check_and_doctor_tell_of_a_name_that_leads_to_a_private_address(cli, monkeypatch):
    cli.config.write_text(
        cli.config.read_text().replace('"http://127.0.0.1:9/", allow_private: true', '"https://in.example"')
    )
    real = socket.getaddrinfo

    def look_up(host, *rest, **more):
        return real("192.168.0.9" if host == "in.example" and not more.get("flags") else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    assert "the target dead: in.example leads to an address that is not public" in cli("check").output
    (found,) = [one for one in cli.json("doctor", code=4) if one["name"] == "notices to dead"]
    assert (found["verdict"], found["code"]) == ("fail", "notices_not_taken")
    assert "allow_private" in found["fix"]


def test_check_names_the_targets_and_nothing_of_their_addresses(cli):
    told = cli("check").stdout

    assert "Notices  ops (webhook, 127.0.0.1): all" in told
    assert "Notices  dead (webhook, 127.0.0.1): sync_failed" in told
    assert "/hook" not in told


# by HTTP --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def web(make_app, receiver):  # noqa: F811  # the fixture
    return with_key(make_app(notifications=NotificationSettings((target(receiver.url),))))


def test_the_api_tells_of_the_targets_and_sends_tests(web, receiver, store):
    put(store, [target(receiver.url)], [notice()], lambda _: None)
    before = call(web, "get", "/api/v1/notices")
    tested = call(web, "post", "/api/v1/notices/test", json={"target": "ops"})
    everything = call(web, "post", "/api/v1/notices/test")

    assert [(one["name"], one["state"], one["waiting"]) for one in before["items"]] == [("ops", "new", 1)]
    assert [one["is_taken"] for one in tested["items"] + everything["items"]] == [True, True]
    assert [one["type"] for one in receiver.bodies] == ["test", "test"]
    assert SECRET not in str(before)


def test_the_api_knows_no_target_that_is_not_there(web):
    found = call(web, "post", "/api/v1/notices/test", 404, json={"target": "opps"})

    assert "There are: ops" in found["remedy"]


def test_a_second_test_is_refused_while_one_waits_for_answers(web, receiver):
    receiver.answers = [0]
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(call, web, "post", "/api/v1/notices/test")
        while not receiver.got and not first.done():
            time.sleep(0.01)
        refused = call(web, "post", "/api/v1/notices/test", 409)
        receiver.is_over.set()

    assert "Test again" in refused["remedy"]
    assert len(receiver.got) == 1
    assert call(web, "post", "/api/v1/notices/test")["items"][0]["is_taken"]
