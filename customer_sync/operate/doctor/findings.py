"""What a check gives, and what it looks at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from customer_sync.base.clock import system_clock
from customer_sync.brevo.client import Brevo
from customer_sync.config import Settings
from customer_sync.kit.connector import Connector
from customer_sync.kit.reach import Access
from customer_sync.store import Store

Verdict = Literal["ok", "warn", "fail"]
#: What kind of failure it is, for the exit code.
Why = Literal["", "config", "refused", "no answer"]


class Finding(NamedTuple):
    """What one check found.

    Args:
        name: the check.
        verdict: ok, warn (it works, but look) or fail.
        cause: what was found.
        fix: what to do; "" when nothing is to be done.
        why: what kind of failure it is.
        code: the code under which overview and API tell the same; "" for what only the doctor looks at.
    """

    name: str
    verdict: Verdict
    cause: str
    fix: str = ""
    why: Why = ""
    code: str = ""


@dataclass(slots=True)
class Patient:
    """What is examined.

    Args:
        settings: the config.
        home: the folder of this machine's files.
        connectors: source → connector.
        store: what Redis holds.
        brevo: the account or the sandbox; None when there is neither.
        now_s: the time by the line's clock, seconds since 1970.
        access: source → how its platform is reached; None leaves the platform alone.
        host_s: the time by this host's own clock, seconds since 1970.
    """

    settings: Settings
    home: Path
    connectors: Mapping[str, Connector]
    store: Store
    brevo: Brevo | None
    now_s: Callable[[], float] = lambda: system_clock() / 1000
    access: Callable[[str], Access | None] = lambda _: None
    host_s: Callable[[], float] = lambda: system_clock() / 1000


def grade(value: float, warn: float, fail: float) -> Verdict:
    """Return the verdict on a number that is better small."""
    return "fail" if value >= fail else "warn" if value >= warn else "ok"
