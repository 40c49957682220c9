"""One alert for a platform that cannot be called for long, whichever run, read or opt-out meets it first."""

from __future__ import annotations

from typing import Final

from customer_sync.errors import TajoError, TryLater
from customer_sync.store import Store

#: A platform that asks for a longer wait than this is told of, in seconds; and for how long not again.
LONG_WAIT_S: Final = 300.0
TOLD_S: Final = 86_400
READS: Final = "Reading"
OPT_OUTS: Final = "Telling opt-outs to"


def tell_of_wait(store: Store, source: str, error: TajoError, doing: str = READS) -> None:
    """Raise an alert where a source must wait for long: once a day for all that reads, and once for opt-outs.

    Args:
        store: all that Redis holds.
        source: the source.
        error: why something waits; what uses up a try, or waits for a moment only, is not told.
        doing: `READS` or `OPT_OUTS`.
    """
    if not isinstance(error, TryLater) or error.burns or (error.after_s or 0.0) < LONG_WAIT_S:
        return
    if store.note_once(f"waits:{source}:{doing}", ttl_s=TOLD_S):
        remedy = "What waits is kept, and goes on by itself; `tajo status` tells what waits."
        store.ledger.alert(f"{doing} {source} waits: {error}", remedy, source=source)
