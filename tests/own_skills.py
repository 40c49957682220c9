"""A skill of the user's own, as one Python file in the folder `skills`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_TEXT = """
from customer_sync.skills import Intent
from customer_sync.skills.definition import Definition


class Own:
    name = "{name}"

    def intent(self, event):
        {body}

    def terms(self, source):
        return None


SKILL = Definition("{name}", "Does nothing.", lambda settings: Own(), resources={resources!r})
"""


def add_skill(home: Path, name: str, *, body: str = "return Intent()", resources: Sequence[str] = ()) -> Path:
    """Write a skill into the folder `skills` of a home, and return its file.

    Args:
        home: the folder of tajo.yaml.
        name: the skill's.
        body: what its `intent` does with `event`, one line.
        resources: what it needs beside customers.
    """
    folder = home / "skills"
    folder.mkdir(exist_ok=True)
    file = folder / f"{name.replace('-', '_')}.py"
    file.write_text(_TEXT.format(name=name, body=body, resources=tuple(resources)))
    return file
