"""Upkeep of webhooks: platforms may switch webhooks off without notice. Check, repair, and pull missed changes."""

from __future__ import annotations

from customer_sync.base.log import get
from customer_sync.batch import runs
from customer_sync.errors import ConfigError
from customer_sync.kit.reach import Upkeep
from customer_sync.model import Json
from customer_sync.store.run import Busy, RunKind

log = get(__name__)


def tend_webhooks(puller: runs.Puller, source: str, public_url: str, *, by: str = "webhooks") -> Upkeep:
    """List, make and repair a source's webhooks; start an incremental run when events may have been missed.

    Args:
        puller: starts the run.
        source: the source.
        public_url: the address at which platforms reach the ingress.
        by: what asked for it, for the run: `cli`, `schedule`, ...

    Raises:
        TajoError: see `Connector.ensure_webhooks`.
    """
    connector, access = puller.reach(source)
    address = f"{public_url.rstrip('/')}/webhooks/{source}"
    found = connector.ensure_webhooks(address, access)
    store = puller.line.store
    store.set_note(webhooks_note(source), {"at_ms": puller.line.clock(), "address": address, **upkeep_json(found)})
    if found.repaired:
        what = "; ".join(f"{topic}: {why}" for topic, why in found.repaired.items())
        store.ledger.alert(f"Webhooks of {source} were repaired: {what}", "What was missed is pulled.", source=source)
    if found.failed:
        what = "; ".join(f"{topic}: {why}" for topic, why in found.failed.items())
        _once(puller, source, f"Webhooks of {source} could not be made: {what}")
    if found.was_deaf:
        catch_up(puller, source, by=by)
    log.info("webhooks tended", source=source, made=len(found.created), repaired=len(found.repaired))
    return found


def webhooks_note(source: str) -> str:
    """Return the name of the note that holds the last result of a source's upkeep."""
    return f"installed:{source}"


def upkeep_json(found: Upkeep) -> dict[str, Json]:
    """Return the result of a source's upkeep as JSON, for programs and for the note."""
    return {
        "kept": list(found.kept),
        "created": list(found.created),
        "repaired": dict(found.repaired),
        "failed": dict(found.failed),
        "removed": list(found.removed),
        "was_deaf": found.was_deaf,
    }


def catch_up(puller: runs.Puller, source: str, *, by: str) -> None:
    """Start a run for the changes since the last run, unless one is open: that run or the next one brings them, too."""
    try:
        runs.start(puller, source, RunKind.INCREMENTAL, by=by)
    except Busy as busy:
        log.info("catch-up left to the open run", source=source, run=busy.run.id)
    except ConfigError as error:
        log.warning("no catch-up", source=source, reason=error.reason)


def _once(puller: runs.Puller, source: str, text: str) -> None:
    """Raise an alert, unless the last alert had the same text."""
    store = puller.line.store
    if store.note(f"webhooks:{source}") != text:
        store.set_note(f"webhooks:{source}", text)
        store.ledger.alert(text, f"`tajo connectors install {source}` shows what is missing.", source=source)
