"""Checks of our own notices: where each target is, and whether it takes them."""

from __future__ import annotations

from collections.abc import Iterator

from customer_sync.config.settings import NoticeTarget
from customer_sync.model import to_iso
from customer_sync.operate.doctor.findings import Finding, Patient
from customer_sync.operate.notices.addresses import refusal_of
from customer_sync.store.notices import TargetState

#: The code under which overview and API tell of a target that takes no notices.
CODE = "notices_not_taken"


def examine_notices(patient: Patient) -> Iterator[Finding]:
    """Yield what is found of each target."""
    for target in patient.settings.notifications.targets:
        state = patient.store.notices.state(target.name, target.address)
        yield _finding(target, state, refusal_of(target))


def _finding(target: NoticeTarget, state: TargetState, refusal: tuple[str, str] | None) -> Finding:
    name = f"notices to {target.name}"
    if refusal is not None:
        return Finding(name, "fail", refusal[0], refusal[1], code=CODE)
    if state.paused:
        return Finding(name, "fail", f"gets none any more: {state.why}", state.remedy, code=CODE)
    if state.failing_ms:
        since = to_iso(state.failing_ms)[:16].replace("T", " ")
        return Finding(name, "warn", f"takes none since {since} UTC: {state.why}", state.remedy, code=CODE)
    if not state.taken_ms:
        return Finding(name, "ok", f"none was sent yet; `tajo notices test {target.name}` sends one")
    return Finding(name, "ok", f"the last one ({state.taken_type}) was taken at {to_iso(state.taken_ms)[:16]} UTC")
