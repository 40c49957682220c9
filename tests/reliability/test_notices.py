"""Notices from real workers: killed workers, a killed Redis, two beats, a receiver that says nothing."""

from __future__ import annotations

import json
import signal

import pytest

from customer_sync.config.settings import NoticeTarget
from customer_sync.operate.notices.outbox import put
from customer_sync.store.run import RunKind, RunState
from tests.notices.hands import SECRET, notice, receiving
from tests.reliability.servers import wait_until
from tests.reliability.stack import Stack, address
from tests.sandbox_server import sandbox_server

pytestmark = pytest.mark.slow

CONFIG = """
notifications:
  targets:
    - {{name: ops, webhook_url: "{ops}", webhook_secret: {secret}, allow_private: true}}
    - {{name: mute, webhook_url: "{mute}", webhook_secret: {secret}, allow_private: true, events: sync_failed}}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A stack with a target that answers and one that never does; gives also the receiver of the first."""
    folder = tmp_path_factory.mktemp("notices")
    with sandbox_server() as sandbox, receiving() as ops, receiving() as mute:
        mute.answers = [0] * 1000
        stack = Stack(folder, sandbox)
        config = folder / "tajo.yaml"
        config.write_text(config.read_text() + CONFIG.format(ops=ops.url, mute=mute.url, secret=SECRET))
        try:
            yield stack, ops
        finally:
            mute.is_over.set()
            stack.close()


def targets(ops):
    return [NoticeTarget(name, "webhook", ops.url, events=("sync_failed",)) for name in ("ops", "mute")]


def test_every_notice_arrives_through_kills_under_one_id_and_no_customer_waits(place):
    stack, ops = place
    stack.start_worker()
    beats = [stack.start_beat(), stack.start_beat()]
    wait_until(lambda: stack.store.notices.told().raw, stack.told)
    run = stack.store.runs.start("shopify", RunKind.FULL)
    stack.store.runs.move(run, (RunState.RUNNING,), RunState.DONE)
    ids = [f"msg_{number}" for number in range(60)]
    for number, _ in enumerate(ids):
        put(stack.store, targets(ops), [notice(number, "sync_failed")], lambda _: None)
    wait_until(lambda: len(ops.got) > 5, stack.told)
    stack.workers[0].send_signal(signal.SIGKILL)
    stack.start_worker()
    stack.feed([1], first_name="Jane")
    stack.wake()
    took_s = wait_until(lambda: address(1) in stack.sandbox.contacts(), stack.told)
    stack.server.kill()
    stack.server.start()
    wait_until(lambda: set(ids) <= set(ops.ids) and "sync_completed" in types(ops).values(), stack.told, 90)
    for beat in beats:
        beat.send_signal(signal.SIGTERM)

    assert took_s < 5
    assert len({(headers["webhook-id"], body) for headers, body in ops.got}) == len(set(ops.ids))
    assert list(types(ops).values()).count("sync_completed") == 1
    assert stack.store.lanes.depth("notify:mute")[0] == 60


def types(ops):
    """Id → type of what came."""
    return {headers["webhook-id"]: json.loads(body)["type"] for headers, body in ops.got}
