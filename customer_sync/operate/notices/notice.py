"""What a notice says: its type, its time, and data that are stable and hold nothing personal.

Each data has `text` and `remedy`, in plain words; `customer_sync.api.notices` has the shapes as models.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from customer_sync.model import Json, to_iso
from customer_sync.store.run import Run, RunState

#: The counts of a run that are told.
COUNTS: Final = ("read", "changed", "unchanged", "refused", "sent", "same", "failed", "held")
#: How long a text may be.
_LONGEST: Final = 1000


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice.

    Args:
        id: names it; the same in every try, so a receiver knows what comes twice.
        type: one of `customer_sync.config.settings.NOTICE_EVENTS`, or `test`.
        at_ms: when what it tells of happened.
        data: what it tells.
        spared: the target that is not told; "" for none.
    """

    id: str
    type: str
    at_ms: int
    data: Mapping[str, Json]
    spared: str = ""

    @property
    def body(self) -> str:
        """The notice as JSON; the same bytes in every try."""
        value = {"type": self.type, "timestamp": to_iso(self.at_ms), "data": dict(self.data)}
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def text_of(body: str) -> str:
    """Return what a notice says, in plain words with the remedy."""
    data: Mapping[str, Any] = json.loads(body)["data"]
    return " ".join(str(data[part]) for part in ("text", "remedy") if data.get(part))


def is_told(run: Run) -> bool:
    """Tell whether there is something to be told of a run: it stopped or is over, and it was no dry run."""
    return not run.is_dry and run.state in {RunState.STOPPED, RunState.DONE, RunState.CANCELLED}


def of_run(id_: str, run: Run) -> Notice | None:
    """Return what is to be told of a run: None while it goes on, and of dry runs.

    Everything delivered is `sync_completed`. Stopped, cancelled, or done with records or contacts that need a person
    is `sync_failed`.
    """
    if not is_told(run):
        return None
    left = run.counts["failed"] + run.counts["refused"]
    is_whole = run.state is RunState.DONE and not left
    data: dict[str, Json] = {
        "text": _clipped(_run_text(run, left)),
        "remedy": _clipped(run.remedy or ("`tajo parked list` says why, and what to do." if left else "")),
        "run": run.id,
        "source": run.source,
        "resource": run.resource,
        "kind": str(run.kind),
        "state": str(run.state),
        "is_braked": run.is_braked,
        "started_by": run.by,
        "started_at": to_iso(run.started_ms),
        "ended_at": to_iso(run.ended_ms) if run.ended_ms else None,
        "counts": {name: run.counts[name] for name in COUNTS},
    }
    return Notice(id_, "sync_completed" if is_whole else "sync_failed", run.ended_ms or run.updated_ms, data)


def _run_text(run: Run, left: int) -> str:
    what = f"Run {run.id} of {run.source} ({run.resource}, {run.kind})"
    if run.state is RunState.STOPPED:
        return f"{what} stopped: {run.reason}"
    if run.state is RunState.CANCELLED:
        return f"{what} was cancelled."
    if left:
        return f"{what} is done, and {left:,} of {run.counts['read']:,} records or contacts need a person."
    return f"{what} is done: {run.counts['read']:,} records read, {run.counts['sent']:,} contacts sent."


def of_batch(id_: str, ended: Mapping[str, Any]) -> Notice:
    """Return what is told of one import that ended, and of which the result of each row was found out."""
    verb = "created" if ended["kind"] == "creates" else "updated"
    data: dict[str, Json] = {
        "text": f"An import of {ended['contacts']:,} contacts to be {verb} ended, and was read back.",
        "remedy": "",
        "batch": ended["batch"],
        "kind": ended["kind"],
        "contacts": ended["contacts"],
        "began_at": to_iso(ended["began_ms"]),
        "ended_at": to_iso(ended["ended_ms"]),
    }
    return Notice(id_, "batch_completed", int(ended["ended_ms"]), data)


def of_test(id_: str, at_ms: int) -> Notice:
    """Return a notice that tells of nothing."""
    text = "This is a test of Tajo Customer Sync: notices arrive here."
    return Notice(id_, "test", at_ms, {"text": text, "remedy": ""})


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
