"""What a webhook gets: the shapes of all bodies. `customer_sync.operate.notices` makes them; the tests compare."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Counts(_Shape):
    """What a run counted, see `customer_sync.store.run.COUNTS`."""

    read: int
    changed: int
    unchanged: int
    refused: int
    sent: int
    same: int
    failed: int
    held: int


class RunData(_Shape):
    """A run that ended: `sync_completed`, `sync_failed`."""

    text: str
    remedy: str
    run: str
    source: str
    resource: str
    kind: Literal["full", "incremental", "compare"]
    state: Literal["done", "stopped", "cancelled"]
    is_braked: bool
    started_by: str
    started_at: AwareDatetime
    ended_at: AwareDatetime | None
    counts: Counts


class BatchData(_Shape):
    """An import that ended and was read back: `batch_completed`."""

    text: str
    remedy: str
    batch: str
    kind: Literal["creates", "updates"]
    contacts: int
    began_at: AwareDatetime
    ended_at: AwareDatetime


class StateData(_Shape):
    """A fault that began or is over."""

    text: str
    remedy: str
    code: str
    source: str | None
    about: str | None
    level: Literal["look", "down"]
    began_at: AwareDatetime
    ended_at: AwareDatetime | None


class TextData(_Shape):
    """A test."""

    text: str
    remedy: str


class RunNotice(_Shape):
    """The body of a notice about a run."""

    type: Literal["sync_completed", "sync_failed"]
    timestamp: AwareDatetime
    data: RunData


class BatchNotice(_Shape):
    """The body of a notice about an import."""

    type: Literal["batch_completed"]
    timestamp: AwareDatetime
    data: BatchData


class StateNotice(_Shape):
    """The body of a notice about a change of state."""

    type: Literal[
        "lane_paused",
        "lane_resumed",
        "source_silent",
        "source_heard",
        "parked_growing",
        "parked_cleared",
        "brake_stopped",
        "brake_released",
        "out_of_sync",
        "in_sync",
        "fault_began",
        "fault_ended",
    ]
    timestamp: AwareDatetime
    data: StateData


class TextNotice(_Shape):
    """The body of a test."""

    type: Literal["test"]
    timestamp: AwareDatetime
    data: TextData


#: Every body that a webhook gets.
AnyNotice = RunNotice | BatchNotice | StateNotice | TextNotice
