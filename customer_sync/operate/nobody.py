"""What is said where nobody has an address."""

from __future__ import annotations

from customer_sync.store import Store
from customer_sync.store.run import RunState


def nobody(store: Store) -> tuple[str, str]:
    """Return what to say where nobody has an address, and what to do: while sources are read, it may yet come."""
    reading = sorted({run.source for run in store.runs.open_runs() if run.state is RunState.RUNNING and not run.is_dry})
    if not reading:
        return "Nobody with this address is known.", "Check the spelling."
    are = "is" if len(reading) == 1 else "are"
    text = f"Nobody with this address is known yet: {', '.join(reading)} {are} being read."
    return text, "Ask again once `tajo runs list` shows that the runs are done; if it stays so, check the spelling."
