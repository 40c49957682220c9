"""Hosts whose clocks are minutes apart, as real processes: the schedule runs, and nobody's consent goes wrong."""

from __future__ import annotations

import json
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.reliability.servers import wait_until
from tests.reliability.stack import TOKEN, Stack, address
from tests.sandbox_server import sandbox_server

pytestmark = pytest.mark.slow
CLOCK = Path(__file__).resolve().parents[1] / "hybrid" / "clock"


@pytest.fixture
def stack(redis_url, tmp_path):
    del redis_url  # skips with a sentence where no Redis can be had
    with sandbox_server("--plan", "none") as sandbox:
        made = Stack(tmp_path, sandbox)
        yield made
        made.close()


def wrong_by(seconds: float, folder: Path) -> dict[str, str]:
    """Return what gives a process a clock that is wrong by so much."""
    now = time.time()
    since = folder / f"since{seconds}"
    since.write_text(str(now))
    return {"PYTHONPATH": str(CLOCK), "HYBRID_CLOCK": f"{int(now + seconds)},1,{since}"}


@pytest.mark.parametrize("ahead_s", [-600, 7, 600])
def test_the_schedule_runs_though_the_worker_is_ahead_of_beat_or_behind(stack, tmp_path, ahead_s):
    stack.start_worker(**wrong_by(ahead_s, tmp_path))
    stack.start_beat()

    wait_until(lambda: any(stack.client.scan_iter("tajo:slot:tick:*")), stack.told, patience_s=30)


def test_a_web_host_that_is_behind_takes_a_withdrawal_without_a_time_and_nobody_is_lifted(stack, tmp_path):
    stack.start_worker()
    web = stack.start_web(**wrong_by(-40 * 60, tmp_path))
    stack.feed([1])
    opted_in(stack, 1, datetime.now(UTC) - timedelta(minutes=20))
    wait_until(lambda: 2 in stack.sandbox.contacts().get(address(1), {}).get("listIds", ()), stack.told)

    stack.sandbox.unsubscribe(address(1))
    post(f"{web}/webhooks/brevo", {"event": "unsubscribe", "email": address(1)})
    wait_until(lambda: stack.settled() and any(one.topic == "unsubscribe" for one in stack.store.ledger.events()), "it")
    stack.settled()

    assert stack.sandbox.contacts()[address(1)]["emailBlacklisted"]
    assert [one.partition(" is ")[2] for one in stack.alerts()] == ["40 min behind that of Redis."]


def opted_in(stack: Stack, number: int, at: datetime) -> None:
    told = {"state": "subscribed", "opt_in_level": "single_opt_in", "consent_updated_at": at.isoformat()}
    topic = "customers_email_marketing_consent/update"
    stack.store.inbox.append([stack.raw(number, topic, at.isoformat(), {"email_marketing_consent": told})])


def post(url: str, body: object) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers), timeout=5) as answer:
        assert answer.status == 200
