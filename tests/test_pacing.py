"""The pace of a source: kept by all processes together, and what a platform tells of its limit is believed."""

from __future__ import annotations

import threading
import time

import pytest

from customer_sync.config import Settings
from customer_sync.errors import TryLater
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Left, Pace
from customer_sync.pacing import PacedHttp
from customer_sync.platforms.accesses import Accesses
from customer_sync.store import Store, connect
from customer_sync.store.limits import MAX_RESET_S

WIDE = Pace(1000, 1.0)


class Platform:
    """Answers everything with what stands first, then with 200; remembers when it was called."""

    def __init__(self, *answers):
        self.answers, self.at = list(answers), []

    def send(self, method, url, *, headers, body=None, is_file=False):
        self.at.append(time.monotonic())
        status, told = self.answers.pop(0) if self.answers else (200, {})
        return Reply(status, told, b"")


@pytest.fixture
def paced(client, redis_url):
    """Return a function that makes what one process sends with: each has a connection and limits of its own."""
    opened = []

    def make(platform, pace=WIDE, source="lamps"):
        opened.append(connect(redis_url))
        return PacedHttp(platform, Store(opened[-1]).limits, source, pace)

    yield make
    for one in opened:
        one.close()


def call(http):
    return http.send("GET", "http://platform.test", headers={}).status


def test_processes_keep_to_the_pace_together(paced):
    platform, pace = Platform(), Pace(80, 2.0)
    workers = [paced(platform, pace) for _ in range(4)]
    threads = [threading.Thread(target=lambda one=one: [call(one) for _ in range(6)]) for one in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(platform.at) == 24
    assert max(platform.at) - min(platform.at) >= 23 / pace.rate


def test_a_source_waits_for_no_other(paced):
    platform = Platform((429, {"retry-after": "60"}))
    call(paced(platform, source="lamps"))

    assert call(paced(platform, source="tea")) == 200


def test_a_refusal_holds_everybody_of_the_source_for_as_long_as_the_platform_says(paced):
    platform = Platform((429, {"retry-after": "90"}))
    assert call(paced(platform)) == 429

    with pytest.raises(TryLater) as later:
        call(paced(platform))
    assert 80 < later.value.after_s <= 90
    assert not later.value.burns
    assert len(platform.at) == 1


def test_refusals_in_a_row_hold_for_longer_and_a_success_ends_the_row(paced, client):
    http = paced(Platform(*[(429, {})] * 3))

    def held_s():
        return float(client.hget("tajo:lim:source:lamps", "hold")) / 1000 - client.time()[0]

    waits = []
    for _ in range(3):
        client.hdel("tajo:lim:source:lamps", "hold", "tat")
        call(http)
        waits.append(held_s())
    assert waits[0] + 0.5 < waits[1] < waits[2] - 0.5
    client.hdel("tajo:lim:source:lamps", "hold", "tat")
    assert call(http) == 200
    assert client.hget("tajo:lim:source:lamps", "storm") is None


@pytest.mark.parametrize("told", ["604800", "1e300"])
def test_no_platform_silences_a_source_for_longer_than_an_hour(paced, told):
    platform = Platform((429, {"retry-after": told}))
    call(paced(platform))

    with pytest.raises(TryLater) as later:
        call(paced(platform))
    assert later.value.after_s <= MAX_RESET_S


def test_what_the_headers_tell_is_kept_beside_the_declared_pace(paced):
    pace = Pace(1000, 1.0, lambda headers: Left(100, int(headers["x-left"]), 3000.0) if "x-left" in headers else None)
    platform = Platform((200, {"x-left": "3"}), (200, {"x-left": "2"}))

    assert call(paced(platform, pace)) == 200
    # two calls of a hundred are kept for urgent work
    assert call(paced(platform, pace)) == 200
    with pytest.raises(TryLater):
        call(paced(platform, pace))


def test_a_connector_that_reads_points_out_of_an_answer_holds_the_others(paced):
    platform = Platform()
    paced(platform).hold(120)

    with pytest.raises(TryLater):
        call(paced(platform))
    assert platform.at == []


def test_without_a_limit_nobody_waits(paced):
    platform, http = Platform(), paced(Platform(), Pace())
    http._http = platform

    assert [call(http) for _ in range(50)] == [200] * 50


def test_every_call_of_a_source_goes_by_the_pace_of_its_connector(client, tmp_path):
    settings = Settings(sources={"tea": SourceSettings("tea", "woocommerce", (), {"calls_per_s": 5, **KEYS})})
    access = Accesses(settings, Store(client), tmp_path)("tea")

    assert isinstance(access.http, PacedHttp)
    assert access.http._pace.rate == 5
    access.hold(60)
    with pytest.raises(TryLater):
        call(access.http)


KEYS = {"shop_url": "https://shop.test", "consumer_key": "ck", "consumer_secret": "cs"}


@pytest.mark.parametrize("asked", ["1790000000", "31536000", "3601", "inf"])
def test_a_platform_that_wants_to_be_left_alone_for_longer_than_an_hour_is_asked_again_each_minute(paced, store, asked):
    http = paced(Platform((429, {"retry-after": asked})))
    call(http)

    with pytest.raises(TryLater) as later:
        call(http)

    assert 50 < later.value.after_s <= 60.01
    assert "one call a minute asks again" in store.ledger.alerts()[0]["alert"]


@pytest.mark.parametrize("asked", ["-5", "0", "-1790000000", "abc", "nan"])
def test_a_wait_that_is_no_time_to_come_holds_everybody_by_the_rule_and_never_for_nothing(paced, client, asked):
    http = paced(Platform(*[(429, {"retry-after": asked})] * 2))
    waits = []
    for _ in range(2):
        client.hdel("tajo:lim:source:lamps", "hold", "tat")
        call(http)
        waits.append(float(client.hget("tajo:lim:source:lamps", "holds")) / 1000)

    assert 1 <= waits[0] <= 1.26
    assert 2 <= waits[1] <= 2.51


def test_a_refusal_without_retry_after_holds_everybody_until_the_window_that_its_headers_name_is_over(paced):
    pace = Pace(1000, 1.0, lambda headers: Left(100, int(headers["x-left"]), 40.0) if "x-left" in headers else None)
    call(paced(Platform((429, {"x-left": "0"})), pace))

    with pytest.raises(TryLater) as later:
        call(paced(Platform(), pace))
    assert 35 < later.value.after_s <= 40


def test_a_refusal_while_calls_are_left_is_of_another_limit_and_holds_by_the_rule(paced, client):
    pace = Pace(1000, 1.0, lambda _: Left(100, 7, 40.0))
    call(paced(Platform((429, {})), pace))

    assert float(client.hget("tajo:lim:source:lamps", "holds")) / 1000 <= 1.26


def test_a_limit_whose_window_ends_in_years_is_not_believed(paced):
    http = paced(Platform((200, {})), Pace(tells=lambda _: Left(100, 0, 1_790_000_000.0)))
    call(http)

    with pytest.raises(TryLater) as later:
        call(http)

    assert later.value.after_s < 61
