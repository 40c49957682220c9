"""Who is gone: after its pages a compare run asks the source by id for the people whom no page showed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from customer_sync.batch.puller import Puller
from customer_sync.errors import PayloadError
from customer_sync.kit.connector import Connector
from customer_sync.kit.reach import Access, Page
from customer_sync.model import Event, Kind, from_ms
from customer_sync.store.run import Run

#: How many people one step of a compare run looks at to find deleted customers, and how many it asks the source for.
GONE_SCAN: Final = 5_000
GONE_ASK: Final = 100


def gone_page(puller: Puller, run: Run, connector: Connector, access: Access) -> Page:
    """Return events for the next people of the source that the run did not see: their present state, or deleted.

    A person missing from the pages does not count as deleted: the source is asked for each missing person by id.
    """
    if run.resource not in connector.fetches:
        return Page(
            (), None, notes=(f"{connector.title} cannot be read by id: deletions are heard of by webhook only.",)
        )
    store = puller.line.store
    bits, people = store.runs.seen(run.id), store.people.count()
    number = int(str((run.cursor or {}).get("gone", 1)))
    ids: list[str] = []
    while number <= people and len(ids) < GONE_ASK:
        unseen = [n for n in range(number, min(number + GONE_SCAN, people + 1)) if not _bit(bits, n)]
        number = min(number + GONE_SCAN, people + 1)
        for index in range(0, len(unseen), GONE_ASK):
            ids += _missing_ids(puller, run, unseen[index : index + GONE_ASK])
            if len(ids) >= GONE_ASK:
                number = unseen[min(index + GONE_ASK, len(unseen)) - 1] + 1
                break
    events: list[Event | PayloadError] = []
    for index in range(0, len(ids), GONE_ASK):
        asked = ids[index : index + GONE_ASK]
        found = connector.fetch(run.resource, asked, access)
        here = {one.record_id for one in found if isinstance(one, Event)}
        # a record that could not be read is not deleted
        is_sure = not any(isinstance(one, PayloadError) for one in found)
        events += [*found, *(_deleted(run, one) for one in asked if is_sure and one not in here)]
    return Page(events, {"gone": number} if number <= people else None)


def _bit(bits: bytes, n: int) -> bool:
    return n >> 3 < len(bits) and bool(bits[n >> 3] & (0x80 >> (n & 7)))


def _missing_ids(puller: Puller, run: Run, numbers: Sequence[int]) -> list[str]:
    """Return the source's ids of those people who are active customers there, as far as we know."""
    ids = []
    for person in puller.line.store.people.read_many([str(n) for n in numbers]):
        for record in person.records.values():
            is_theirs = record.id is not None and record.source == run.source
            if is_theirs and not record.is_deleted and record.claim[0] < run.started_ms:
                ids.append(str(record.id))
    return ids


def _deleted(run: Run, record_id: str) -> Event:
    return Event(
        id=f"gone:{run.id}:{record_id}",
        source=run.source,
        kind=Kind.CUSTOMER_DELETED,
        occurred_at=from_ms(run.started_ms),
        record_id=record_id,
        customer_id=record_id,
        topic="gone",
    )
