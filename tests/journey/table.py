"""The figures of the journeys: one row for each platform, kept in a file that the next journeys add to."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path

FILE = Path(os.environ.get("TAJO_JOURNEY_FILE") or Path(tempfile.gettempdir()) / f"tajo-journeys-{os.getuid()}.json")


@dataclass(frozen=True)
class Row:
    """What one journey came to.

    Args:
        platform: where it was.
        pulled: how many records the full pull read.
        seconds: how long it all took.
        faults: how many struck.
        kills: how many processes were killed.
        webhooks: how many arrived.
        write_back: what became of what the platform was told.
        loop: how many calls were made once all was at rest.
        by_pull: how many differences were left to the next pull.
    """

    platform: str
    pulled: int
    seconds: float
    faults: int
    kills: int
    webhooks: int
    write_back: str
    loop: int
    by_pull: int

    def __str__(self) -> str:
        return f"journey: {', '.join(f'{name} {value}' for name, value in asdict(self).items())}"


def keep(row: Row) -> None:
    """Add a row to the file, in the place of an older one of the platform."""
    rows = _rows() | {row.platform: asdict(row)}
    FILE.write_text(json.dumps(rows, indent=1))


def table() -> str:
    """Return all rows as a table."""
    names = [one.name for one in fields(Row)]
    lines = [names, *([str(row.get(name, "")) for name in names] for row in _rows().values())]
    widths = [max(len(line[at]) for line in lines) for at in range(len(names))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def _rows() -> dict[str, dict[str, object]]:
    try:
        found: dict[str, dict[str, object]] = json.loads(FILE.read_text())
    except (OSError, ValueError):
        return {}
    return found


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
