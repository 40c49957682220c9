"""Redis refuses: every request is still safe, and answered before the sender gives up."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from customer_sync.model import Event, EventState, Kind
from customer_sync.store import connect, keys
from customer_sync.store.inbox import decode
from customer_sync.web.intake import DRAIN_AT_ONCE
from tests.reliability.servers import OwnRedis, wait_until
from tests.rig import Rig, at
from tests.web.door import CUSTOMER, Door

ROOT = Path(__file__).resolve().parents[2]
#: What senders of webhooks wait for at the least is five seconds; ours must be far below.
SLOWEST_S = 1.5
QUICK_S = 0.3


@pytest.fixture
def server(tmp_path, redis_url):
    made = OwnRedis(tmp_path / "redis")
    yield made
    made.close()


@pytest.fixture
def door(server, tmp_path):
    made = Door(server.url, tmp_path / "home")
    assert made.shopify().status_code == 202  # the connections are open when Redis goes
    made.intake.tend()
    server.flush()
    yield made
    made.close()


def _timed(send) -> tuple[int, float]:
    started = time.monotonic()
    status = send().status_code
    return status, time.monotonic() - started


def _customer(number: int) -> dict:
    return {**CUSTOMER, "id": number, "email": f"p{number}@example.com"}


KILLED = (OwnRedis.kill, OwnRedis.start)
FROZEN = (OwnRedis.freeze, OwnRedis.thaw)
FULL = (OwnRedis.fill, OwnRedis.empty)
READ_ONLY = (OwnRedis.make_replica, OwnRedis.make_primary)
every_way = pytest.mark.parametrize(
    ("refuse", "recover"), [KILLED, FROZEN, FULL, READ_ONLY], ids=["killed", "frozen", "full", "read-only"]
)


@every_way
@pytest.mark.alone
def test_while_redis_refuses_requests_are_kept_in_the_spool_and_answered_in_time(door, server, refuse, recover):
    refuse(server)

    first = _timed(door.shopify)
    later = [_timed(door.shopify) for _ in range(20)]

    assert door.spool.depth() == 21
    assert [status for status, _ in [first, *later]] == [202] * 21
    assert first[1] < SLOWEST_S
    assert max(seconds for _, seconds in later) < QUICK_S


@every_way
def test_when_redis_is_back_the_spool_is_drained_in_order_and_everything_counts_once(door, server, refuse, recover):
    refuse(server)
    for number in range(30):
        door.shopify(_customer(number))
    recover(server)

    door.intake.tend()

    assert door.spool.depth() == 0
    stored = [json.loads(decode(fields[b"r"]).body)["id"] for _, fields in door.client.xrange(keys.INBOX)]
    # the one that met the fault may have reached a frozen Redis all the same: then it is there twice
    assert list(dict.fromkeys(stored)) == list(range(30))
    states = [row.state for row in door.read().ledger.events(100)]
    assert states.count(EventState.PENDING) == 30
    assert set(states) <= {EventState.PENDING, EventState.REPEATED}


def test_requests_go_to_the_inbox_again_as_soon_as_redis_is_back(door, server):
    door.intake.start()
    server.kill()
    door.shopify()
    server.start()
    wait_until(lambda: door.spool.depth() == 0, "the drain")

    door.shopify(_customer(2))

    assert door.spool.depth() == 0
    assert door.client.xlen(keys.INBOX) == 2


@pytest.mark.alone
def test_many_requests_at_once_meet_a_frozen_redis_and_none_waits_long(door, server):
    door.intake.start()
    server.freeze()
    ends = time.monotonic() + 3.0
    taken: list[tuple[int, float]] = []

    def send() -> None:
        while time.monotonic() < ends:
            taken.append(_timed(door.shopify))
            time.sleep(0.02)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {status for status, _ in taken} == {202}
    slow = [seconds for _, seconds in taken if seconds > QUICK_S]
    assert len(slow) <= 2 * len(threads)  # those who were under way when it froze
    assert max(seconds for _, seconds in taken) < SLOWEST_S
    assert door.spool.depth() == len(taken)


def test_where_the_spool_cannot_be_written_either_the_sender_is_told_to_come_again(server, tmp_path):
    (tmp_path / "home" / "spool.sqlite").mkdir(parents=True)
    door = Door(server.url, tmp_path / "home")
    server.kill()

    answer = door.shopify()

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    server.start()
    (tmp_path / "home" / "spool.sqlite").rmdir()
    door.intake.tend()
    assert door.shopify().status_code == 202
    assert door.counted() == {("lumen", "busy"): 1, ("lumen", "accepted"): 1}
    door.close()


def test_a_full_disk_costs_no_request_that_was_answered_with_202(door, server):
    server.kill()
    door.shopify()
    pages = door.spool._open().execute("PRAGMA page_count").fetchone()[0]
    door.spool._open().execute(f"PRAGMA max_page_count={pages + 20}")
    statuses = [door.shopify({**_customer(n), "note": "x" * 20_000}).status_code for n in range(10)]
    kept = statuses.count(202)

    assert set(statuses) == {202, 429}
    assert door.spool.depth() == 1 + kept
    server.start()
    door.intake.tend()
    assert door.client.xlen(keys.INBOX) == 1 + kept
    assert door.shopify(_customer(99)).status_code == 202


def test_a_drain_that_dies_between_its_two_steps_delivers_everything_once(door, server, tmp_path, monkeypatch):
    server.kill()
    for number in range(5):
        door.shopify(_customer(number))
    server.start()

    def die(_: object) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(door.spool, "remove", die)
        with pytest.raises(OSError, match="killed"):
            door.intake.tend()
    successor = Door(server.url, tmp_path / "home")
    successor.intake.tend()
    successor.close()

    states = [row.state for row in door.read().ledger.events(100)]
    assert (states.count(EventState.PENDING), states.count(EventState.REPEATED)) == (5, 5)
    assert door.spool.depth() == 0


def test_a_long_spool_is_drained_whole(door, server):
    raws = [b'{"s":"lumen","h":{},"t":1,"p":"","q":""}\n%d' % number for number in range(DRAIN_AT_ONCE * 2 + 7)]
    door.spool.append(raws)

    door.intake.tend()

    assert door.client.xlen(keys.INBOX) == len(raws)
    assert door.spool.depth() == 0


LEAVE_A_SPOOL = """
import os, signal
from pathlib import Path
from tests.web.door import Door
door = Door(os.environ["URL"], Path(os.environ["FOLDER"]))
print([door.shopify({"id": n, "email": f"p{n}@example.com"}).status_code for n in range(3)], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_spool_left_by_a_killed_process_is_drained_by_the_next(server, tmp_path):
    server.kill()
    env = {**os.environ, "URL": server.url, "FOLDER": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", LEAVE_A_SPOOL]
    died = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (died.stdout.strip(), died.returncode) == ("[202, 202, 202]", -signal.SIGKILL), died.stderr
    server.start()
    door = Door(server.url, tmp_path / "home")

    door.intake.start()
    wait_until(lambda: door.client.xlen(keys.INBOX) == 3, "the drain")

    wait_until(lambda: door.spool.depth() == 0, "an empty spool")
    door.close()


def test_two_processes_that_share_a_spool_deliver_everything_once(door, server, tmp_path):
    server.kill()
    for number in range(20):
        door.shopify(_customer(number))
    server.start()
    other = Door(server.url, tmp_path / "home")

    drains = [threading.Thread(target=one.intake.tend) for one in (door, other)]
    for thread in drains:
        thread.start()
    for thread in drains:
        thread.join()

    states = [row.state for row in door.read().ledger.events(100)]
    assert states.count(EventState.PENDING) == 20
    assert door.spool.depth() == 0
    other.close()


def test_a_full_disk_does_not_send_the_spool_to_the_inbox_again_and_again(door, server, monkeypatch):
    server.kill()
    for number in range(5):
        door.shopify(_customer(number))
    server.start()

    def refuse(_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(door.spool, "remove", refuse)
        for _ in range(3):
            with pytest.raises(sqlite3.OperationalError):
                door.intake.tend()
    assert door.client.xlen(keys.INBOX) == 5
    door.intake.tend()

    assert door.client.xlen(keys.INBOX) == 5
    assert door.spool.depth() == 0


def test_a_full_redis_still_delivers_what_waits_and_so_makes_room(server):
    rig = Rig(connect(server.url))
    for number in range(5):
        record = {"email": f"p{number}@example.com", "firstName": "Jane"}
        rig.send(Event(f"e{number}", "shop", Kind.CUSTOMER_UPDATED, at(-100), str(number), str(number), record))
    rig.read()
    server.fill()

    rig.deliver()

    assert len(rig.brevo.contacts) == 5
    assert rig.store.lanes.depth("contacts")[0] == 0
    delivered = [one.value for one in rig.store.counters.read() if one.labels.get("state") == "delivered"]
    assert delivered == [5]
    rig.client.connection_pool.disconnect()
