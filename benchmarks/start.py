"""How long it takes from `tajo run` to the first demo customer in the sandbox."""

from __future__ import annotations

import re
import sys
import time
from datetime import datetime
from pathlib import Path

import urllib3

from benchmarks.report import Report, say
from benchmarks.stack import Stack, free_port, until

_SANDBOX = re.compile(r"Sandbox\s+(http://[^/\s]+)")


def run(*, quick: bool) -> Report:
    """Measure the start."""
    report = Report(
        "Start: from `tajo run` to the first demo customer in the sandbox",
        ("start", "first contact after", "dashboard said so after"),
        notes=["Installed already, an empty folder each time; time of the contact's own `createdAt`."],
    )
    found = []
    for number in range(1 if quick else 3):
        say(f"start: {number + 1}")
        contact, said = _start()
        found.append(contact)
        report.rows.append((str(number + 1), f"{contact:.1f} s", f"{said:.1f} s"))
    report.goal("slowest", max(found), 15, " s", at_most=True)
    return report


def _start() -> tuple[float, float]:
    # the folder, clean environment and end of a stack; its Redis is not used
    with Stack(plan=None) as stack:
        home = stack.folder / "home"
        env = {"TAJO_HOME": str(home), "TAJO_CONFIG": "", "TAJO_REDIS_URL": ""}
        env = {name: value for name, value in (stack.env | env).items() if value}
        stack.env = env
        started = time.time()
        tajo = Path(sys.executable).with_name("tajo")
        child = stack.start_program("tajo", str(tajo), "run", "--port", str(free_port()))
        if not until(lambda: bool(_SANDBOX.search(child.log.read_text())), 40, every_s=0.02):
            raise RuntimeError(child.log.read_text())
        said = time.time() - started
        match = _SANDBOX.search(child.log.read_text())
        assert match is not None
        stack.sandbox = match[1]
        if not until(lambda: bool(_contacts(stack)), 40, every_s=0.05):
            raise RuntimeError("no customer came")
        first = min(datetime.fromisoformat(row["createdAt"]).timestamp() for row in stack.contacts().values())
        child.stop(12)
    return first - started, said


def _contacts(stack: Stack) -> bool:
    try:
        return bool(stack.contacts())
    except urllib3.exceptions.HTTPError:
        return False
