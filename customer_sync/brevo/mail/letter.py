"""A mail: what it is sent with, and what is kept of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from customer_sync.model import Json
from customer_sync.person.merge import State, stamp
from customer_sync.person.person import Part
from customer_sync.series.options import Sender

#: The field of a record that holds one mail; its number among the mails of the record follows.
STEP: Final = "step:"


class Tried(NamedTuple):
    """A mail of a record, sent or about to be.

    Args:
        number: which mail of the record, from 1; no two tries at different mails share one.
        step: which of the sequence, from 1.
        at_ms: when the word was written that it is about to be sent.
        variant: the variant's name, "" without one.
        is_open: whether it is not known yet if it went.
        in_doubt: it was not known, and will not be.
        template_id: the template.
    """

    number: int
    step: int
    at_ms: int
    variant: str
    is_open: bool
    in_doubt: bool
    template_id: int


def tried(state: State) -> list[Tried]:
    """Return the mails of a record, the first one first."""
    return sorted(_tried(state))


def _tried(state: State) -> Iterator[Tried]:
    for name, stamped in state.items():
        number, value = name.removeprefix(STEP), stamped.value
        if name.startswith(STEP) and number.isdecimal() and isinstance(value, dict):
            word = value.get("state")
            yield Tried(
                int(number),
                _whole(value.get("step")),
                _whole(value.get("at")),
                str(value.get("variant") or ""),
                word == "open",
                word == "doubt",
                _whole(value.get("templateId")),
            )


def _whole(value: Json) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail to one person.

    Args:
        skill: the skill that sends it.
        key: stands for this mail and no other, in Brevo and here.
        number: which mail of the record.
        step: which of the sequence.
        at_ms: when the word about it was written first.
        email: the address.
        template_id: Brevo's number of the template.
        subject: None: the template's own.
        variant: "" without a test.
        params: what the template may show.
        sender: None: the template's own.
    """

    skill: str
    key: str
    number: int
    step: int
    at_ms: int
    email: str
    template_id: int
    subject: str | None
    variant: str
    params: Mapping[str, Json]
    sender: Sender | None = None

    @property
    def tag(self) -> str:
        """The tag by which the log shows this mail and no other."""
        return f"tajo-{self.key}"

    @property
    def body(self) -> dict[str, Json]:
        """What is posted to `/smtp/email`."""
        tags: list[Json] = [self.skill, f"step-{self.step}", self.tag]
        if self.variant:
            tags.insert(2, f"variant-{self.variant}")
        found: dict[str, Json] = {
            "to": [{"email": self.email}],
            "templateId": self.template_id,
            "params": dict(self.params),
            "tags": tags,
            "headers": {"idempotencyKey": self.key},
        }
        if self.subject is not None:
            found["subject"] = self.subject
        if self.sender is not None and (sender := _sender(self.sender)):
            found["sender"] = sender
        return found

    def part(self, word: str, now_ms: int, message_id: str = "") -> Part:
        """Return what is kept of it: `open` before the call, `sent` after it, `doubt` where nobody will ever know."""
        value: dict[str, Json] = {"step": self.step, "at": self.at_ms, "state": word, "templateId": self.template_id}
        more = {"variant": self.variant, "subject": self.subject, "messageId": message_id, "tag": self.tag}
        value |= {name: one for name, one in more.items() if one}
        # what is known later wins, also within one millisecond
        return Part("", "", None, stamp({f"{STEP}{self.number}": value}, now_ms, now_ms * 1000 + (word != "open")))


def _sender(sender: Sender) -> dict[str, Json]:
    if sender.id is not None:
        return {"id": sender.id}
    found: dict[str, Json] = {"name": sender.name, "email": sender.email}
    return {name: value for name, value in found.items() if value} if sender.email else {}
