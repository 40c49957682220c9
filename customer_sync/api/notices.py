"""Notices: the targets with what became of their last ones, and a test that is really sent."""

from __future__ import annotations

import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, Literal

from pydantic import Field

from customer_sync.api.installation import Installation
from customer_sync.api.paging import Answer, Body
from customer_sync.api.problem import conflict, not_found
from customer_sync.config.settings import NoticeTarget
from customer_sync.destinations import notify_lane
from customer_sync.errors import Parkable, TajoError
from customer_sync.model import to_iso
from customer_sync.operate.notices.handler import secrets_of, sender_of, try_once
from customer_sync.operate.notices.notice import of_test
from customer_sync.store.notices import TargetState

#: Held while a test waits for answers: a second one would hold another thread of web for as long.
_TESTING: Final = threading.Lock()

State = Literal["ready", "new", "failing", "paused"]


class Target(Answer):
    """One receiver of notices."""

    name: str
    kind: Literal["webhook", "slack", "email"]
    host: str = Field(description="Where it is; the rest of the address may hold a secret.")
    events: list[str] = Field(description="Which notices it gets.")
    state: State = Field(
        description="ready: it took the last one. new: nothing was sent yet. failing: it did not take the last one, "
        "which is tried again. paused: it gets none, until its address changes or a test succeeds."
    )
    waiting: int = Field(description="How many notices wait for it.")
    taken_at: str | None = Field(description="When it took one last.")
    taken_type: str | None = Field(description="What that was.")
    failing_since: str | None = Field(description="Since when it takes none.")
    why: str = Field(description="What it answered, where it takes none.")
    remedy: str = Field(description="What to do about that.")


class TargetList(Answer):
    """All receivers of notices."""

    items: list[Target]


class Tested(Body):
    """Which targets are tested."""

    target: str | None = Field(default=None, description="The name of a target; without it, all of them.")


class SentTest(Answer):
    """What a target answered to a test."""

    target: str
    is_taken: bool
    answer: str = Field(description="What it answered, or why there was no answer.")
    remedy: str
    id: str = Field(description="The id of the notice: `webhook-id`, or in the `Message-ID` of a mail.")
    seconds: float


class SentTests(Answer):
    """What all tested targets answered."""

    items: list[SentTest]


def list_targets(tajo: Installation) -> TargetList:
    """Return every target with what became of its last notices."""
    return TargetList(items=[_target(tajo, one) for one in tajo.settings.notifications.targets])


def secrets_shown(tajo: Installation) -> dict[str, tuple[str, ...]]:
    """Return target → what signs its notices, the newest first. Not over HTTP.

    Raises:
        ConfigError: the key file cannot be read or made.
    """
    signed = [one for one in tajo.settings.notifications.targets if one.kind == "webhook"]
    return {one.name: secrets_of(one, tajo.settings, tajo.home) for one in signed}


def send_test(tajo: Installation, body: Tested) -> SentTests:
    """Send a real notice of the type `test` to one target or to all, now, and return what each answered.

    A target that takes it gets notices again where it was paused.

    Raises:
        Problem: there is no such target, or none at all; or another test is under way in this process.
    """
    targets = tajo.settings.notifications.targets
    chosen = [one for one in targets if body.target in {None, one.name}]
    if not chosen:
        what = f"No target of notices is called {body.target}." if targets else "No target of notices is set."
        there = f"There are: {', '.join(one.name for one in targets)}. " if targets else ""
        raise not_found(what, f"{there}Write it below notifications: in tajo.yaml.")
    tajo.store()
    if not _TESTING.acquire(blocking=False):
        raise conflict(
            "Another test of notices is under way.", "Test again when it has ended: in half a minute at most."
        )
    try:
        with ThreadPoolExecutor(len(chosen), "notice-test") as pool:
            return SentTests(items=list(pool.map(partial(_test, tajo), chosen)))
    finally:
        _TESTING.release()


def _test(tajo: Installation, target: NoticeTarget) -> SentTest:
    notice = of_test(f"msg_test_{secrets.token_hex(12)}", tajo.clock())
    began, remedy, is_taken = time.monotonic(), "", True
    try:
        send = sender_of(target, tajo.settings, tajo.home, tajo.clock)
        answer = try_once(tajo.store(), target, send, (notice.id, notice.type, notice.body), tajo.clock())
    except TajoError as error:
        is_taken, answer = False, str(error)
        remedy = error.remedy if isinstance(error, Parkable) else "See why at the receiver, then test again."
    seconds = round(time.monotonic() - began, 3)
    return SentTest(target=target.name, is_taken=is_taken, answer=answer, remedy=remedy, id=notice.id, seconds=seconds)


def _target(tajo: Installation, one: NoticeTarget) -> Target:
    state = tajo.store().notices.state(one.name, one.address)
    return Target(
        name=one.name,
        kind=one.kind,
        host=one.host,
        events=list(one.events),
        state=_state(state),
        waiting=tajo.store().lanes.depth(notify_lane(one).name)[0],
        taken_at=to_iso(state.taken_ms) if state.taken_ms else None,
        taken_type=state.taken_type or None,
        failing_since=to_iso(state.failing_ms) if state.failing_ms else None,
        why=state.why,
        remedy=state.remedy,
    )


def _state(state: TargetState) -> State:
    if state.paused:
        return "paused"
    if state.failing_ms:
        return "failing"
    return "ready" if state.taken_ms else "new"
