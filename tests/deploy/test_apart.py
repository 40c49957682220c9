"""Web, workers and beat as processes of their own: what happens when each of them is down, as docs/running.md says."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from customer_sync.base.alive import OLDEST_S, is_alive
from tests.deploy.container import USER, can_wall
from tests.deploy.installation import API_KEY, PARTS, PASSWORD
from tests.reliability.servers import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def whole(installation):
    """Start again what the test before has ended, as systemd and Docker do."""
    installation.start_all()


def test_a_signed_webhook_reaches_brevo_and_a_wrong_signature_does_not(installation):
    assert installation.webhook(1, "Ann").status == 202
    assert installation.webhook(1, "Eve", secret="another").status == 401

    installation.arrives(1, "Ann")


def test_each_is_well_by_the_health_check_of_the_image_and_is_no_root(installation):
    users = {part: Path(f"/proc/{one.pid}").stat().st_uid for part, one in installation.processes.items()}

    assert is_alive({}, f"{installation.url}/healthz")
    assert all(installation.is_well(part) for part in PARTS if part != "web")
    assert set(users.values()) == {USER if can_wall() else os.geteuid()}


def test_what_is_in_the_volume_is_closed_to_others(installation):
    home = installation.volume / "home"

    assert home.stat().st_mode & 0o777 == 0o700
    assert any(path.name.startswith("beat-schedule") for path in home.iterdir())


def test_nobody_reads_the_password_of_redis_in_a_command_line(installation):
    with installation.server.client() as client:
        told = client.config_get("appendonly", "appendfsync", "maxmemory-policy", "maxmemory")

    assert told == {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "maxmemory": str(512 * 2**20),
    }
    assert PASSWORD not in installation.server.command_line


def test_without_web_nothing_comes_in_and_what_waits_goes_out(installation):
    installation.webhook(2, "Bea")
    installation.kill("web")

    assert installation.webhook(2, "Bert").status == 0
    assert not is_alive({}, f"{installation.url}/healthz")
    installation.arrives(2, "Bea")


def test_without_a_worker_webhooks_are_taken_and_wait(installation):
    installation.kill("worker-live")

    assert installation.webhook(3, "Cid").status == 202
    assert installation.get("/readyz").status == 200
    assert installation.store.inbox.depth()[0] == 1
    assert installation.name(3) is None
    installation.start_all()
    installation.arrives(3, "Cid")


@pytest.mark.parametrize("part", ["worker-platforms", "beat"])
def test_without_beat_or_the_worker_for_platforms_live_changes_go_on(installation, part):
    installation.kill(part)
    number = 10 + PARTS.index(part)

    assert installation.webhook(number, "Dan").status == 202
    installation.arrives(number, "Dan")


def test_without_redis_webhooks_are_kept_on_disk_and_no_process_ends(installation):
    before = {part: process.pid for part, process in installation.processes.items()}
    installation.server.kill()

    assert installation.webhook(4, "Eva").status == 202
    assert installation.get("/readyz").body.startswith("ready")
    assert installation.get("/api/v1/parked", Authorization=f"Bearer {API_KEY}").status == 503
    assert (installation.volume / "home" / "spool.sqlite").stat().st_size
    installation.server.start()
    installation.arrives(4, "Eva")
    assert {part: one.pid for part, one in installation.processes.items() if one.poll() is None} == before


def test_a_worker_or_a_beat_that_hangs_is_found(installation):
    for part in PARTS[1:]:
        file = installation.volume / f"{part}-alive"
        process = installation.processes[part]
        os.kill(process.pid, signal.SIGSTOP)
        stopped_at = file.stat().st_mtime
        later = int((stopped_at + OLDEST_S + 1) * 1000)

        assert not is_alive({"TAJO_ALIVE_FILE": str(file)}, clock=lambda later=later: later)
        os.kill(process.pid, signal.SIGCONT)
        wait_until(lambda file=file, at=stopped_at: file.stat().st_mtime > at, installation.told)


def test_each_ends_in_order_when_it_is_told_to(installation):
    for part in PARTS:
        process = installation.processes.pop(part)
        process.send_signal(signal.SIGTERM)

        assert process.wait(15) in {0, -signal.SIGTERM}
        assert not Path(f"/proc/{process.pid}/exe").exists()
