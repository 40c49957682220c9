"""What a hint puts into its lane: which record is to be read again, and no more."""

from __future__ import annotations

from customer_sync.engine.plan import RecordSays
from customer_sync.model import Event
from customer_sync.platforms.lanes import FETCH


def read_again(event: Event) -> RecordSays:
    """Return the step for an event of the kind `RECORD_CHANGED`, see `customer_sync.kit.connector.hint`."""
    resource, record_id = str(event.record.get("resource")), str(event.record_id)
    return RecordSays(
        FETCH + event.source,
        event.source,
        f"{resource}:{record_id}",
        event.occurred_at,
        {"resource": resource, "id": record_id, "isDeletion": event.record.get("isDeletion") is True},
        seen_at=event.seen_at,
    )
