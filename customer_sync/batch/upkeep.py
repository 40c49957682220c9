"""Upkeep of webhooks: platforms may switch webhooks off without notice. Check, repair, and pull missed changes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from customer_sync.base.log import get
from customer_sync.batch.puller import Puller
from customer_sync.batch.starts import start_by_itself
from customer_sync.errors import ConfigError
from customer_sync.kit.connector import Connector
from customer_sync.kit.reach import Upkeep
from customer_sync.model import CUSTOMERS, Json
from customer_sync.store import Store
from customer_sync.store.run import Busy, RunKind

log = get(__name__)

#: How long to wait for the call of a new webhook to be counted, in seconds: the ingress writes its counts every second.
HEARD_WITHIN_S: Final = 2.0
_LOOK_S: Final = 0.05
#: What is told where no webhook can arrive.
UNHEARD: Final = "No call of {source} arrived when its webhooks were made: what they send will not arrive either."
UNHEARD_FIX: Final = (
    "Let `tajo run` run, set TAJO_PUBLIC_URL to an address that the platform reaches and may call (see the connector's "
    "README), and run `tajo connectors install` again. Whatever arrives at {address} ends this."
)
#: How many topics an alert names for each reason.
FEW: Final = 3


def must_hear(connector: Connector | type[Connector]) -> None:
    """Return where a platform sends webhooks.

    Raises:
        ConfigError: it has none, so that there is nothing to make.
    """
    if not connector.hears:
        remedy = "Nothing is to be done; if the platform does send them, describe `webhooks` in the connector file."
        raise ConfigError(f"{connector.title} has no webhooks: it is only pulled.", remedy)


def tend_webhooks(puller: Puller, source: str, public_url: str, *, by: str = "webhooks") -> Upkeep:
    """List, make and repair a source's webhooks; start a run when events may have been missed.

    Args:
        puller: starts the run.
        source: the source.
        public_url: the address at which platforms reach the ingress.
        by: what asked for it, for the run: `cli`, `schedule`, ...

    Raises:
        TajoError: see `Connector.ensure_webhooks` and `must_hear`.
    """
    connector, access = puller.reach(source)
    must_hear(connector)
    address = f"{public_url.rstrip('/')}/webhooks/{source}"
    store = puller.line.store
    before = heard(store, source)
    found = connector.ensure_webhooks(address, access)
    if is_unheard(store, source, puller.line.clock()):
        told = UNHEARD.format(source=source)
        _once(puller, source, told, UNHEARD_FIX.format(address=address), name="unheard_told")
    if found.calls:
        store.set_note(_unheard_note(source), {"heard": before, "at_ms": puller.line.clock()})
        store.set_note(f"unheard_told:{source}", None)
    store.set_note(webhooks_note(source), {"at_ms": puller.line.clock(), "address": address, **upkeep_json(found)})
    missed = catch_up(puller, source, by=by) if found.was_deaf else ""
    if found.repaired:
        text = f"{_count(found.repaired)} of {source} were repaired: {_by_reason(found.repaired)}."
        store.ledger.alert(text, missed, source=source)
    if found.failed:
        _once(puller, source, f"{_count(found.failed)} of {source} could not be made: {_by_reason(found.failed)}.")
    log.info("webhooks tended", source=source, made=len(found.created), repaired=len(found.repaired))
    return found


def is_unheard(store: Store, source: str, now_ms: int) -> bool:
    """Tell whether no call came when a source's webhooks were made, and nothing else has come since."""
    note = store.note(_unheard_note(source))
    is_over = note is not None and now_ms - note["at_ms"] > HEARD_WITHIN_S * 1000
    return is_over and heard(store, source) <= note["heard"]


def wait_for_calls(store: Store, source: str, found: Upkeep) -> Upkeep:
    """Return the result of an upkeep that has just been done with whether the calls of new webhooks came."""
    note = store.note(_unheard_note(source)) if found.calls else None
    end = time.monotonic() + HEARD_WITHIN_S
    while note is not None and heard(store, source) <= note["heard"]:
        if time.monotonic() >= end:
            return replace(found, is_unheard=True)
        time.sleep(_LOOK_S)
    return found


def heard(store: Store, source: str) -> int:
    """Return how many requests for a source ever came, whatever became of them."""
    return sum(
        int(one.value)
        for one in store.counters.read()
        if one.name == "tajo_inbound_total" and one.labels["source"] == source
    )


def _unheard_note(source: str) -> str:
    return f"unheard:{source}"


def _count(topics: Mapping[str, str]) -> str:
    return "1 webhook" if len(topics) == 1 else f"{len(topics)} webhooks"


def _by_reason(topics: Mapping[str, str]) -> str:
    """Return why, each reason once with how many topics it is, and a few of them by name."""
    reasons: dict[str, list[str]] = {}
    for topic, why in topics.items():
        reasons.setdefault(why.rstrip("."), []).append(topic)
    return "; ".join(f"{why} ({_few(named)})" for why, named in sorted(reasons.items(), key=lambda one: -len(one[1])))


def _few(topics: list[str]) -> str:
    more = f" and {len(topics) - FEW} more" if len(topics) > FEW else ""
    return ", ".join(topics[:FEW]) + more


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
        "is_unheard": found.is_unheard,
    }


def catch_up(puller: Puller, source: str, *, by: str) -> str:
    """Start runs for what was missed, and return what is done about it, in sentences.

    Where an incremental pull does not find edited profiles, every customer is read. While another run is open the
    catch-up is noted, and `catch_up_due` begins it: pages that were read before the webhooks were on again do not show
    what came after them.
    """
    resources = puller.wanted(source) or (CUSTOMERS,)
    return " ".join(dict.fromkeys(_catch_up(puller, source, one, by=by) for one in resources))


def _catch_up(puller: Puller, source: str, resource: str, *, by: str) -> str:
    store, note = puller.line.store, _due_note(source, resource)
    is_found = resource != CUSTOMERS or puller.connector(source).pulls_edits
    kind = RunKind.INCREMENTAL if is_found else RunKind.FULL
    try:
        run = start_by_itself(puller, source, kind, by, resource=resource)
    except Busy as busy:
        store.set_note(note, {"by": by})
        return f"What was missed is pulled after run {busy.run.id}."
    except ConfigError as error:
        log.info("no catch-up", source=source, resource=resource, reason=error.reason)
        store.set_note(note, None)
        return f"What was missed is not pulled: {error.reason} {error.remedy}"
    store.set_note(note, None)
    return "What was missed is pulled." if run is None else f"Run {run.id} pulls what was missed."


def catch_up_due(puller: Puller, source: str) -> None:
    """Begin the catch-ups that had to wait for another run, once that one is over."""
    store = puller.line.store
    for resource in puller.wanted(source) or (CUSTOMERS,):
        due = store.note(_due_note(source, resource))
        if due is not None and store.runs.open_run(source, resource) is None:
            _catch_up(puller, source, resource, by=due["by"])


def _due_note(source: str, resource: str) -> str:
    return f"catch_up:{source}" if resource == CUSTOMERS else f"catch_up:{source}/{resource}"


def _once(puller: Puller, source: str, text: str, remedy: str = "", *, name: str = "webhooks") -> None:
    """Raise an alert, unless the last alert of this name had the same text."""
    store, fix = puller.line.store, remedy or f"`tajo connectors install {source}` shows what is missing."
    if store.note(f"{name}:{source}") != text:
        store.set_note(f"{name}:{source}", text)
        store.ledger.alert(text, fix, source=source)
