"""What imports may do in the Brevo account: the doors, why each is open or closed, and the proof that runs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from customer_sync.api.installation import Installation
from customer_sync.api.paging import Answer
from customer_sync.brevo.proof import telling
from customer_sync.brevo.proof.course import Course
from customer_sync.brevo.proof.doors import DOORS
from customer_sync.operate.figures import iso


class Door(Answer):
    """What imports may do beside creating contacts, or may not."""

    name: Literal["updates", "phones", "lists"]
    is_open: bool
    why: str = Field(description="A code: open, trusted, or why it is closed.")
    text: str = Field(description="The same for people.")
    remedy: str


class Stage(Answer):
    """A part of a proof."""

    name: str
    state: Literal["done", "now", "waits"]
    text: str


class Proof(Answer):
    """A proof that is under way."""

    begun_at: str
    stages: list[Stage]
    wait_s: float = Field(description="In how many seconds its next step is due.")
    trouble: str = Field(description="What holds it up; empty when nothing does.")
    calls: int = Field(description="Calls to Brevo so far.")


class Imports(Answer):
    """The doors, and the proof that runs."""

    doors: list[Door]
    most_rows: int = Field(description="How many contacts an import may change that is allowed to.")
    proven_at: str | None = Field(description="When imports were proven last; null: never.")
    proof: Proof | None = Field(description="null: none is under way.")


def imports(tajo: Installation) -> Imports:
    """Return the doors, and the proof that runs."""
    doors, state = tajo.doors().read(anew=True), tajo.store().proofs.run()
    found = [doors.door(name) for name in DOORS]
    return Imports(
        doors=[Door.model_validate(one._asdict()) for one in found],
        most_rows=doors.most_rows,
        proven_at=iso(doors.proven_ms) if doors.proven_ms else None,
        proof=None if state is None else _proof(tajo, Course.of(state)),
    )


def _proof(tajo: Installation, course: Course) -> Proof:
    return Proof(
        begun_at=iso(course.begun_ms),
        stages=[Stage.model_validate(one._asdict()) for one in telling.stages(course)],
        wait_s=max(0.0, (course.due_ms - tajo.clock()) / 1000),
        trouble=course.trouble,
        calls=course.calls,
    )
