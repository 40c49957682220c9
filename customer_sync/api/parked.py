"""What waits for a person: show, replay, drop."""

from __future__ import annotations

import base64
from typing import Any, Literal

from pydantic import ConfigDict, Field, model_validator

from customer_sync.api.filters import SpanQuery
from customer_sync.api.installation import Installation
from customer_sync.api.paging import Answer, Body, ListAnswer, Query, bad_cursor
from customer_sync.api.problem import not_found
from customer_sync.base.log import get
from customer_sync.operate.figures import iso
from customer_sync.store import Store
from customer_sync.store.paging import BadCursor
from customer_sync.store.parked import Parked as Stored
from customer_sync.store.parked import fields_of, inbound_of

log = get(__name__)


class Parked(Answer):
    """A parked thing, without what it holds of people."""

    id: str
    what: Literal["inbound", "item"] = Field(description="A request as it came, or the changes of one target.")
    source: str = Field(description="The source; of an item its lane.")
    topic: str = Field(description="The platform's word; of an item the sources behind it.")
    person: str
    reason: str
    remedy: str
    at: str
    size_bytes: int


class ParkedDetail(Parked):
    """A parked thing, with what it holds where that was asked for."""

    content: dict[str, Any] | None = Field(
        description="null unless `reveal=1`. Of a request `headers`, `path`, `query`, and `body` or `body_base64`; of "
        "an item `fields`."
    )


class ParkedList(ListAnswer):
    """Parked things, the newest first."""

    items: list[Parked]
    count: int = Field(description="All that is parked, whatever was asked for.")


class ParkedQuery(SpanQuery):
    """Which parked things are wanted."""

    reason: str | None = Field(default=None, description="Only those with exactly this reason.")
    source: str | None = Field(default=None, description="Only those of this source, or of this lane.")


class RevealQuery(Query):
    """Whether personal data is wanted."""

    reveal: Literal["1"] | None = Field(
        default=None, description="1 adds the request or the change as it waits: personal data, so it is logged."
    )


class Choice(Body):
    """Which parked things are meant: those with this reason, from this source, or both."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": [name], "properties": {name: {"type": "string"}}} for name in ("reason", "source")]
        }
    )

    reason: str | None = Field(default=None, description="Those with exactly this reason.")
    source: str | None = Field(default=None, description="Those of this source, or of this lane.")

    @model_validator(mode="after")
    def _chooses(self) -> Choice:
        if self.reason is None and self.source is None:
            raise ValueError("nothing is chosen: name a reason, a source, or both")
        return self


class Replayed(Answer):
    """How many parked things go through the line again."""

    replayed: int


class Dropped(Answer):
    """How many parked things are gone for good."""

    dropped: int


def list_parked(tajo: Installation, query: ParkedQuery) -> ParkedList:
    """Return parked things, the newest first."""
    store = tajo.store()
    try:
        page = store.parked.page(
            query.limit,
            cursor=query.cursor,
            reason=query.reason,
            source=query.source,
            since_ms=query.since,
            until_ms=query.until,
        )
    except BadCursor as error:
        raise bad_cursor(error, query.cursor) from error
    return ParkedList(items=[parked_of(one) for one in page.items], next_cursor=page.cursor, count=store.parked.count())


def show_parked(tajo: Installation, parked_id: str, query: RevealQuery) -> ParkedDetail:
    """Return one parked thing; with what it holds where that is asked for.

    Raises:
        Problem: there is none.
    """
    found = find_parked(tajo, parked_id)
    content = reveal(found, tajo.store()) if query.reveal else None
    return ParkedDetail(**parked_of(found).model_dump(), content=content)


def replay_one(tajo: Installation, parked_id: str) -> Replayed:
    """Send one parked thing through the line again.

    Raises:
        Problem: there is none.
    """
    tajo.store().parked.replay(find_parked(tajo, parked_id))
    log.info("parked things replayed", count=1)
    return Replayed(replayed=1)


def replay_many(tajo: Installation, body: Choice) -> Replayed:
    """Send again what is parked for a reason, from a source, or both, the oldest first."""
    parked = tajo.store().parked
    ids = [
        one.id for one in parked.briefs() if body.reason in (None, one.reason) and body.source in (None, *one.sources)
    ]
    count = 0
    for parked_id in reversed(ids):
        found = parked.get(parked_id)
        if found is not None:
            parked.replay(found)
            count += 1
    log.info("parked things replayed", count=count)
    return Replayed(replayed=count)


def drop_one(tajo: Installation, parked_id: str) -> Dropped:
    """Forget one parked thing for good.

    Raises:
        Problem: there is none.
    """
    tajo.store().parked.drop(find_parked(tajo, parked_id))
    log.warning("parked thing dropped", parked=parked_id)
    return Dropped(dropped=1)


def find_parked(tajo: Installation, parked_id: str) -> Stored:
    """Return one parked thing as it is stored.

    Raises:
        Problem: there is none.
    """
    found = tajo.store().parked.get(parked_id)
    if found is None:
        raise not_found("This is not parked any more.", "It was replayed or dropped.")
    return found


def parked_of(parked: Stored) -> Parked:
    """Return a parked thing without what it holds of people."""
    return Parked(
        id=parked.id,
        what=parked.what,
        source=parked.source,
        topic=parked.topic,
        person=parked.person,
        reason=parked.reason,
        remedy=parked.remedy,
        at=iso(parked.at_ms),
        size_bytes=parked.size_bytes,
    )


def reveal(parked: Stored, store: Store) -> dict[str, Any]:
    """Return what a parked thing holds, personal data too, and log that somebody looked."""
    log.warning("parked content shown", parked=parked.id)
    if parked.what == "item":
        return {"fields": {one.name: one.value for one in fields_of(parked, store.people)}}
    inbound = inbound_of(parked)
    try:
        body = {"body": inbound.body.decode()}
    except UnicodeDecodeError:
        body = {"body_base64": base64.b64encode(inbound.body).decode()}
    return {"headers": dict(inbound.headers), "path": inbound.path, "query": inbound.query, **body}
