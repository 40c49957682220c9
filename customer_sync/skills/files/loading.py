"""Loads a skill file of the user's folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from customer_sync.config.faults import Fault
from customer_sync.errors import TajoError
from customer_sync.skills.definition import Definition
from customer_sync.skills.files.reading import read_skill_file
from customer_sync.skills.files.skill import definition_of


class SkillFaults(TajoError):
    """A skill file cannot be used. Carries every fault; `str()` is one line for each."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda one: (one.line or 0, one.path)))
        super().__init__("\n".join(map(str, self.faults)))


def load_markdown(path: Path) -> Definition:
    """Return the skill that a file describes.

    Raises:
        SkillFaults: with every fault.
        OSError: the file cannot be read.
    """
    name = f"{path.parent.name}/{path.name}"
    try:
        content = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        fault = Fault(name, None, "", "bytes that are no text", "Save the file as UTF-8.")
        raise SkillFaults([fault]) from error
    file, faults = read_skill_file(content, name)
    if file is None:
        raise SkillFaults(faults)
    return definition_of(file)
