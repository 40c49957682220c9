"""How a target gets its notices: signed, tried again, given up; no target is in the way of another."""

from __future__ import annotations

import base64
import socket

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from customer_sync.cli.supervisor import platform_words
from customer_sync.destinations import lanes_of
from customer_sync.kit import transport
from customer_sync.kit.outbound import Reply
from customer_sync.operate.figures import findings, read_figures
from customer_sync.operate.notices import senders
from customer_sync.operate.notices.handler import secrets_of
from tests.notices.hands import SECRET, make_due, notice, open_line, receiving, send, settings, target, waits, work
from tests.rig import Clock, at

OTHER = "whsec_" + base64.b64encode(b"another secret of enough bytes").decode()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ops(receiver):
    return settings(target(receiver.url))


@pytest.fixture
def line(ops, client, tmp_path, clock):
    return open_line(ops, client, tmp_path, clock)


def counted(line, result):
    return sum(
        one.value
        for one in line.store.counters.read()
        if one.name == "tajo_notices_total" and one.labels["result"] == result
    )


def alerts(line):
    return [one["alert"] for one in line.store.ledger.alerts()]


def test_the_library_of_standard_webhooks_takes_what_is_sent(line, ops, receiver):
    send(line, ops, notice(source="shop"))

    headers, body = receiver.got[0]
    assert Webhook(SECRET).verify(body, headers) == {
        "type": "sync_completed",
        "timestamp": "2026-09-21T14:13:20.001Z",
        "data": {"text": "Done.", "remedy": "", "source": "shop"},
    }
    assert headers["content-type"].startswith("application/json")
    assert waits(line) == 0
    assert counted(line, "delivered") == 1


def test_a_notice_that_somebody_changed_is_refused_by_that_library(line, ops, receiver):
    send(line, ops, notice())

    headers, body = receiver.got[0]
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace(b"Done", b"Lost"), headers)


def test_each_secret_signs_while_they_rotate(receiver, client, tmp_path):
    config = settings(target(receiver.url, secrets=(OTHER, SECRET)))

    send(open_line(config, client, tmp_path), config, notice())

    headers, body = receiver.got[0]
    for secret in (SECRET, OTHER, OTHER.removeprefix("whsec_")):
        assert Webhook(secret).verify(body, headers)
    assert headers["webhook-signature"].count("v1,") == 2


def test_without_a_secret_one_is_derived_from_the_key_of_the_installation(receiver, client, tmp_path):
    to = target(receiver.url, secrets=())
    config = settings(to, secret_key="the key of this installation")
    send(open_line(config, client, tmp_path), config, notice())

    headers, body = receiver.got[0]
    (secret,) = secrets_of(to, config, tmp_path)
    assert Webhook(secret).verify(body, headers)
    assert secrets_of(target(receiver.url, "other", secrets=()), config, tmp_path) != (secret,)
    rotated = settings(to, secret_key="a new key of this installation,the key of this installation")
    assert secrets_of(to, rotated, tmp_path)[1] == secret


def test_a_login_in_the_address_is_sent_as_a_header_and_not_in_the_path(receiver, client, tmp_path):
    config = settings(target(receiver.url.replace("//", "//me:p%40ss@")))

    send(open_line(config, client, tmp_path), config, notice())

    assert receiver.got[0][0]["authorization"] == "Basic " + base64.b64encode(b"me:p@ss").decode()


@pytest.mark.parametrize("answer", [500, 404, 400, 302, (429, {"Retry-After": "30"})])
def test_what_is_not_taken_is_tried_again_with_the_same_id_and_body(line, ops, receiver, answer):
    receiver.answers = [answer]
    send(line, ops, notice())
    assert waits(line) == 1

    make_due(line)
    work(line)

    assert receiver.ids == ["msg_1", "msg_1"]
    assert receiver.got[0][1] == receiver.got[1][1]
    assert waits(line) == 0
    assert [counted(line, one) for one in ("again", "delivered")] == [1, 1]


def test_the_wait_that_a_busy_receiver_asks_for_is_kept(line, ops, receiver):
    receiver.answers = [(503, {"Retry-After": "120"})]

    send(line, ops, notice())

    due_ms = line.store.lanes.wait_of("notify:ops", "ops:msg_1").due_ms
    assert 100_000 < due_ms - line.store.now_ms() <= 120_000


@pytest.mark.parametrize(
    ("told", "wait_s"),
    [("30", 30), ("7200", 900), ("Wed, 21 Oct 2099 07:28:00 GMT", 900), ("Wed, 21 Oct 2015 07:28:00 GMT", None)]
    + [(odd, None) for odd in ("", "0", "-5", "soon", "9" * 400, "١٢", "nan")],
)
def test_what_a_receiver_says_of_its_return_is_believed_within_limits(told, wait_s):
    assert senders._after_s(Reply(503, {"retry-after": told}, b"")) == wait_s


def test_a_notice_that_was_not_taken_for_three_days_is_given_up_with_an_alert(line, ops, receiver, clock):
    receiver.answers = [500, 500]
    send(line, ops, notice())
    make_due(line)
    clock.set(at(73 * 3600))

    work(line)

    (parked,) = line.store.parked.list()
    assert waits(line) == 0
    assert "72 hours" in parked.reason
    assert any("was given up" in one for one in alerts(line))
    assert counted(line, "parked") == 1


def test_a_dead_target_holds_up_no_other_and_no_lane_is_paused(receiver, client, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = settings(target(f"http://127.0.0.1:{port}/", "dead"), target(receiver.url))
    line = open_line(config, client, tmp_path)

    send(line, config, *map(notice, range(5)))

    assert len(receiver.got) == 5
    assert waits(line, "notify:dead") == 5
    assert line.store.breakers.read("notify:dead") is None


def test_a_target_that_drips_or_says_nothing_is_left_after_its_time(monkeypatch, client, tmp_path):
    monkeypatch.setattr(senders, "TIMEOUT", transport.Timeout(1.0, 0.3, 0.5))
    senders._client.cache_clear()
    with receiving() as silent:
        silent.answers = [0]
        config = settings(target(silent.url))
        line = open_line(config, client, tmp_path)
        send(line, config, notice())

    assert waits(line) == 1
    assert "did not answer" in line.store.notices.state("ops", silent.url).why
    senders._client.cache_clear()


def test_only_the_notices_that_a_target_wants_are_put(receiver, client, tmp_path):
    config = settings(target(receiver.url, events=("sync_failed",)))

    send(open_line(config, client, tmp_path), config, notice(1), notice(2, "sync_failed"))

    assert [one["type"] for one in receiver.bodies] == ["sync_failed"]


# at least once, and not twice ---------------------------------------------------------------------------------------


def test_a_notice_that_two_processes_put_is_sent_once(line, ops, receiver):
    send(line, ops, notice(), notice())
    send(line, ops, notice())

    assert receiver.ids == ["msg_1"]


def test_a_worker_that_dies_after_sending_sends_again_under_the_same_id(line, ops, receiver, monkeypatch, client):
    class Killed(BaseException):
        pass

    def die(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(line.store.lanes, "settle", die)
        with pytest.raises(Killed):
            send(line, ops, notice())
    for one in client.zrange("tajo:lease:notify:ops", 0, -1):
        client.zadd("tajo:lease:notify:ops", {one: 1})
    work(line)

    assert receiver.ids == ["msg_1", "msg_1"]
    assert waits(line) == 0


# who is gone, and who must not be reached ---------------------------------------------------------------------------


def test_a_target_that_is_gone_gets_nothing_more_until_a_test_succeeds(line, ops, receiver, tmp_path):
    receiver.answers = [410]
    send(line, ops, notice(1))
    send(line, ops, notice(2))

    assert receiver.ids == ["msg_1"]
    assert [one.reason for one in line.store.parked.list()] == ["It answered 410 Gone."]
    assert counted(line, "paused") == 1
    assert "notices_not_taken" in {one.code for one in findings(read_figures(line.store, ops, tmp_path))}
    assert any("gets no more notices" in one for one in alerts(line))


def test_what_waited_for_a_target_that_is_gone_is_kept_and_can_be_replayed(line, ops, receiver):
    receiver.answers = [500, 410]
    send(line, ops, notice(1))
    send(line, ops, notice(2))
    make_due(line)
    work(line)
    assert len(line.store.parked.list()) == 2

    line.store.notices.took("ops", receiver.url, "test", 1)
    for one in line.store.parked.list():
        line.store.parked.replay(one)
    work(line)

    assert sorted(receiver.ids[2:]) == ["msg_1", "msg_2"]


def test_another_address_of_a_target_is_not_paused(line, ops, receiver, client, tmp_path):
    receiver.answers = [410]
    send(line, ops, notice(1))

    moved = settings(target(receiver.url + "/new"))
    send(open_line(moved, client, tmp_path), moved, notice(2))

    assert receiver.ids == ["msg_1", "msg_2"]


@pytest.fixture
def names(monkeypatch):
    """What each name leads to; a test changes it."""
    real, known = socket.getaddrinfo, {}

    def look_up(host, *rest, **more):
        return real(known.get(host, host), *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1"])
def test_a_name_that_leads_to_a_private_address_later_is_refused_and_never_tried_again(
    receiver, client, tmp_path, names, address
):
    config = settings(target("https://hooks.example/x", allow_private=False))
    line = open_line(config, client, tmp_path)
    names["hooks.example"] = address

    send(line, config, notice(1))
    make_due(line)
    work(line)

    (parked,) = line.store.parked.list()
    assert "an address that is not public" in parked.reason
    assert "allow_private" in parked.remedy
    assert waits(line) == 0
    assert line.store.notices.state("ops", "https://hooks.example/x").paused == "private"
    assert not receiver.got


def test_a_redirect_to_a_private_address_is_not_followed(line, ops, receiver):
    with receiving() as inside:
        receiver.answers = [(302, {"Location": inside.url}), (307, {"Location": inside.url})]
        send(line, ops, notice())
        make_due(line)
        work(line)

        assert not inside.got
    assert "redirects are not followed" in line.store.notices.state("ops", receiver.url).why


def test_notices_of_a_target_that_was_taken_out_are_kept_for_a_person(line, ops, receiver, client, tmp_path):
    receiver.answers = [500]
    send(line, ops, notice())

    later = open_line(settings(), client, tmp_path)
    make_due(later)
    work(later)

    (parked,) = later.store.parked.list()
    assert "not in tajo.yaml any more" in parked.reason
    assert later.handlers["notify:ops"].lane.queue == ""


# Slack ----------------------------------------------------------------------------------------------------------------


def test_slack_gets_a_text_with_the_remedy_in_which_nothing_is_a_command(receiver, client, tmp_path):
    config = settings(target(receiver.url, kind="slack", secrets=()))

    send(
        open_line(config, client, tmp_path), config, notice(text="Lane <!channel> waits & waits.", remedy="Set a key.")
    )

    assert receiver.bodies == [{"text": "Lane &lt;!channel&gt; waits &amp; waits. Set a key."}]


# the overview ---------------------------------------------------------------------------------------------------------


def test_a_target_that_takes_nothing_for_ten_minutes_is_told_of_and_no_longer_once_it_does(
    line, ops, receiver, tmp_path, clock
):
    receiver.answers = [500]
    clock.stop(at(-3600))
    send(line, ops, notice())
    told = [one for one in findings(read_figures(line.store, ops, tmp_path)) if one.code == "notices_not_taken"]
    make_due(line)
    work(line)
    after = [one for one in findings(read_figures(line.store, ops, tmp_path)) if one.code == "notices_not_taken"]

    assert [(one.level, one.about) for one in told] == [("look", "ops")]
    assert "It answered 500." in told[0].text
    assert after == []


def test_notices_that_wait_are_no_customers_who_wait(line, ops, receiver, tmp_path, clock):
    receiver.answers = [500]
    clock.stop(at(-7200))
    line.store.client.zadd("tajo:since:notify:ops", {"ops:old": 1})
    send(line, ops, notice())

    figures = read_figures(line.store, ops, tmp_path)
    assert (figures.waiting, figures.oldest_age_s) == (0, None)
    assert {one.name: one.waiting for one in figures.queues}["notify:ops"] == 2
    assert not any(lane.startswith("notify:") for lane in figures.overdue)
    assert "backlog" not in {one.code for one in findings(figures)}


def test_the_worker_for_platforms_is_started_where_there_is_a_target(ops):
    assert platform_words(lanes_of(ops)) == ["-Q", "platforms", "-c", "1"]
    assert platform_words(lanes_of(settings())) == []


def test_nothing_of_an_address_or_a_secret_is_kept_or_told(line, ops, receiver, client):
    receiver.answers = [500, 410]
    send(line, ops, notice(1))
    send(line, ops, notice(2))

    read = {b"string": client.get, b"hash": client.hgetall, b"stream": client.xrange}
    everything = str([read[client.type(key)](key) for key in client.scan_iter("*") if client.type(key) in read])
    assert "It answered 410" in everything
    assert SECRET not in everything
    assert "/hook" not in everything
