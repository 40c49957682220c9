"""Reads the list of a resource, page by page, from any cursor; and single records by their id.

A cursor holds the window that is read, where its list stands, how many pages there were and a digest of the last one:
so a platform that repeats itself, and a list without end, are found out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import urlsplit

from customer_sync.custom import calling, form, oddities, transforms
from customer_sync.custom.api import Astray, Platform, fill, fill_json, origin
from customer_sync.custom.paged import LISTS, paging_of, rows_of, says_more
from customer_sync.custom.records import Records
from customer_sync.errors import ConfigError, Missing, PayloadError, TryLater
from customer_sync.kit import paging
from customer_sync.kit.fields import Node
from customer_sync.kit.reach import Access, Cursor, Page, Want
from customer_sync.kit.rest import Answer, Rest, TooMuch
from customer_sync.kit.windows import Window, first_window, window_of
from customer_sync.model import Event, Json, kind_of


class Absent(ConfigError):
    """There is no such list."""


class _Read(NamedTuple):
    """One page as it was read; without an answer the window was too large, and is the first half now."""

    answer: Answer | None
    rows: Sequence[Json]
    window: Window | None
    place: paging.State
    more: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists of one source.

    Args:
        platform: whose.
        access: how it is reached.
        name: the resource's name in the file.
        records: reads its records.
        of: of a list that stands below records of another, which of them: the words that are filled in.
    """

    platform: Platform
    access: Access
    name: str
    records: Records
    of: Mapping[str, str] = field(default_factory=dict)

    @property
    def resource(self) -> form.Resource:
        """What the file says."""
        return self.records.resource

    def pull(self, want: Want) -> Page:
        """Return the next page of the list.

        Raises:
            Absent: there is no such list.
            TajoError: see `Connector.pull`.
        """
        found = self._read(want)
        step, window = self.resource.incremental, found.window
        since = None if want.since is None or step is None else want.since - (step.lookback or timedelta(0))
        events, is_over, notes = self._events(found.rows, since or (window.start if window else None))
        return Page(events, self._following(found, is_over=is_over), notes=(*self._notes(want), *notes))

    def rows(self, cursor: Cursor | None) -> tuple[Sequence[Json], Cursor | None]:
        """Return the rows of a page, and where the next one starts.

        Raises:
            TajoError: as `pull`.
        """
        found = self._read(Want(self.name, cursor))
        return found.rows, self._following(found, is_over=False)

    def _read(self, want: Want) -> _Read:
        cursor = dict(want.cursor or {})
        window = window_of(cursor) or self._first(want.since)
        state = cursor.get("page")
        place = state if isinstance(state, dict) else {}
        try:
            answer, rows = self._page(window, place)
        except TooMuch:
            if window is None or not self._is_asked("until"):
                raise ConfigError(
                    f"{self.platform.title} refuses to list so much at once.",
                    "Give incremental its since_param, until_param and start, so that it is read in pieces.",
                ) from None
            return _Read(None, [], window.halved(), {}, {})
        except Missing as error:
            raise Absent(
                f"{self.platform.title} has no list at {fill(self.resource.endpoint, self.of, is_path=True)} (404).",
                f"Correct resources.{self.name}.endpoint.",
            ) from error
        pages = int(str(cursor.get("pages", 0))) + 1
        digest = self._guard(answer, rows, cursor, pages)
        return _Read(answer, rows, window, place, {"pages": pages, "last": digest})

    def fetch(self, ids: Sequence[str]) -> list[Event | PayloadError]:
        """Return the records with these ids; what is gone is absent.

        Raises:
            TajoError: see `Connector.fetch`.
        """
        found: list[Event | PayloadError] = []
        rest, gone = self.platform.rest(self.access), list[str]()
        for one in ids:
            row = self.one(one, rest)
            if isinstance(row, PayloadError):
                found.append(row)
            elif row is None:
                gone.append(one)
            else:
                found += self.records.events(row, self._outline(row))
        if gone and not found:
            self.prove(gone)
        return found

    def prove(self, gone: Sequence[str] = ()) -> tuple[str, ...]:
        """Return what is odd about the list, once `by_id` finds a record of it: else all would look deleted.

        Args:
            gone: ids that were not found.

        Raises:
            ConfigError: it does not find it.
            TajoError: see `Connector.pull`.
        """
        page = self.pull(Want(self.records.target.resource))
        there = [one for one in page.events if isinstance(one, Event) and one.kind is self.records.target.changed]
        shown = [one.record_id for one in there if one.record_id is not None]
        number = next((one for one in shown if one not in gone), next(iter(shown), None))
        if number is not None and self.resource.by_id is not None and self.one(number) is None:
            raise ConfigError(
                f"{self.platform.title} does not find by id what its list of {self.name} shows.",
                f"Correct resources.{self.name}.by_id: until then nobody is taken for deleted.",
            )
        return page.notes

    def one(self, record_id: str, rest: Rest | None = None) -> Node | PayloadError | None:
        """Return the record with an id; None where it is gone, a `PayloadError` where it is there and cannot be read.

        Raises:
            TajoError: see `Connector.fetch`.
        """
        by_id = self.resource.by_id
        if by_id is None:
            raise ConfigError(f"{self.platform.title}'s {self.name} cannot be read by id.", "Describe by_id.")
        rest = rest or self.platform.rest(self.access)
        words = {"id": record_id}
        try:
            params = self.platform.filled(by_id.params, words)
            answer = rest.call(by_id.method, fill(by_id.endpoint, words, is_path=True), params)
        except Missing:
            return None
        except Astray as fault:
            return fault
        if any(self.platform.is_passed_over(answer, word) for word in ("skip", "stop_ok")):
            return PayloadError(self.name, f"the platform does not show it ({answer.status})")
        row = answer.value if by_id.record is None else by_id.record.get(answer.value)
        if isinstance(row, list) and len(row) <= 1:
            row = row[0] if row else None
        if by_id.record is None and isinstance(row, dict):
            row = self._inside(row)
        if row is None and by_id.record is not None:
            # an answer without the record says neither that it is there nor that it is gone
            raise TryLater(f"{self.platform.title} answers without the record.")
        if not isinstance(row, dict):
            raise TryLater(f"{self.platform.title} answers with {kind_of(row)} in the place of a record.")
        node = Node(row, self.name)
        if self.records.id_of(node) != record_id:
            return PayloadError(self.name, "another record than the one that was asked for")
        return None if self.records.is_gone(node) else node

    def _inside(self, value: Mapping[str, Json]) -> Json:
        """Return the record in an answer that is it, or holds it where lists often stand."""
        named = self.resource.records.get(dict(value)) if self.resource.records is not None else None
        there = (value, named, *(value.get(name) for name in LISTS))
        singles = [one[0] if isinstance(one, list) and len(one) == 1 else one for one in there]
        return next((one for one in singles if isinstance(one, dict) and self._has_id(one)), dict(value))

    def _has_id(self, row: Mapping[str, Json]) -> bool:
        try:
            return bool(self.records.id_of(Node(row)))
        except PayloadError:
            return False

    # One page

    def _page(self, window: Window | None, place: paging.State) -> tuple[Answer, list[Json]]:
        words = self._words(window)
        ask = self._paging().ask(place)
        params = self.platform.filled(self.resource.params, words)
        step = self.resource.incremental
        for name in ("since", "until"):
            param = None if step is None else getattr(step, f"{name}_param")
            if param is not None and name in words:
                params[param] = words[name]
        body = fill_json(self.resource.body, words)
        if isinstance(self.resource.pagination, calling.Cursor) and self.resource.pagination.place == "body":
            body = {**(body if isinstance(body, dict) else {}), **ask}
        else:
            params |= ask
        rest = self.platform.rest(self.access)
        path = place.get("path")
        own = fill(self.resource.endpoint, words, is_path=True)
        where = origin(rest.base_url) + path if isinstance(path, str) else own
        answer = rest.call(self.resource.method, where, params, json_body=body)
        if any(self.platform.is_passed_over(answer, word) for word in ("skip", "stop_ok")):
            return answer._replace(value=None), []
        return answer, self._rows(answer.value)

    def _rows(self, value: Json) -> list[Json]:
        return rows_of(self.name, self.resource, value)

    def _guard(self, answer: Answer, rows: Sequence[Json], cursor: Mapping[str, Json], pages: int) -> str:
        """Return the page's digest.

        Raises:
            TryLater: the page is the one before, or a part of one.
            ConfigError: the list has no end, or the file does not say how it is paged.
        """
        way, title = self.resource.pagination, self.platform.title
        if way is None and (answer.headers.get("link", "").find("next") >= 0 or says_more(answer.value)):
            raise ConfigError(
                f"{title} has more than one page of {self.name}.", f"Write resources.{self.name}.pagination."
            )
        if isinstance(way, calling.Paging) and pages > way.max_pages:
            raise ConfigError(
                f"{title} lists more than {way.max_pages:,} pages of {self.name}.",
                f"Is it a list without end? Else raise resources.{self.name}.pagination.max_pages.",
            )
        ids = [self._id(row) for row in rows]
        digest = sha256(json.dumps(ids).encode()).hexdigest()[:16] if rows else ""
        if digest and digest == cursor.get("last"):
            raise TryLater(f"{title} gives the page of before once more.")
        size = getattr(way, "size", getattr(way, "limit", 0))
        if isinstance(way, calling.Paging) and way.full_pages and len(rows) < size:
            state = cursor.get("page")
            if self._paging().after(answer, rows, state if isinstance(state, dict) else {}) is not None:
                raise TryLater(f"{title} gives a page with rows missing.")
        return digest

    def _id(self, row: Json) -> str:
        try:
            return self.records.id_of(Node(row)) if isinstance(row, dict) else ""
        except PayloadError:
            return json.dumps(row, sort_keys=True)

    def _events(
        self, rows: Sequence[Json], since: datetime | None
    ) -> tuple[list[Event | PayloadError], bool, Sequence[str]]:
        """Return the events of a page; whether the rest of the list is older than what is wanted; what is odd."""
        step, found, kept = self.resource.incremental, list[Event | PayloadError](), list[Node]()
        old = 0
        for index, row in enumerate(rows):
            at = f"{self.name}[{index}]"
            if not isinstance(row, dict):
                found.append(PayloadError(at, f"expected an object, found {kind_of(row)}"))
                continue
            node = Node(row, at)
            at_time = None if since is None or step is None else oddities.changed_at(row, step)
            if since is not None and at_time is not None and at_time < since:
                old += 1
                continue
            kept.append(node)
            for one in self.records.exploded(node):
                found += self.records.events(one, self._outline(one))
        is_sorted = step is None or oddities.is_sorted(rows, step)
        is_over = old > 0 and step is not None and step.order == "desc" and is_sorted
        odd = oddities.of_page(self.name, self.records, kept, is_empty=not found, is_sorted=is_sorted)
        return found, is_over, tuple(odd)

    def _outline(self, node: Node) -> Event:
        now = datetime.fromtimestamp(self.access.now_s(), UTC)
        return self.records.outline(node, self.platform.source, now, "pull")

    # Where the list stands

    def _after(self, answer: Answer, rows: Sequence[Json], place: paging.State) -> paging.State | None:
        if answer.value is None:  # passed over
            return None
        way = self.resource.pagination
        after = self._paging().after(answer, rows, place)
        if after is None or not isinstance(way, calling.NextUrl | calling.LinkHeader):
            return after
        path = self._linked(answer, way)
        return after if path is None else {**after, "path": path}

    def _linked(self, answer: Answer, way: calling.NextUrl | calling.LinkHeader) -> str | None:
        """Return the path of the next page, None where only its query is told. The key is sent to the platform alone.

        Raises:
            ConfigError: the address is on another host.
        """
        url = paging.linked(answer.headers.get("link", "")) if isinstance(way, calling.LinkHeader) else None
        found = way.path.get(answer.value) if isinstance(way, calling.NextUrl) else url
        there, here = urlsplit(str(found or "")), urlsplit(self.platform.rest(self.access).base_url)
        if there.netloc and (there.scheme or here.scheme, there.netloc) != (here.scheme, here.netloc):
            raise ConfigError(
                f"{self.platform.title} leads to another host ({there.hostname}): the key is not sent there.",
                f"If {there.hostname} is the right one, set it as base_url.",
            )
        return there.path if there.path.startswith("/") else None

    def _following(self, found: _Read, *, is_over: bool) -> dict[str, Json] | None:
        window, answer = found.window, found.answer
        if answer is None:  # too much for the window before
            return None if window is None else dict(window.encode())
        after = None if is_over else self._after(answer, found.rows, found.place)
        if after is not None:
            return {**(window.encode() if window else {}), "page": dict(after), **found.more}
        following = None if window is None else window.next
        return None if following is None else dict(following.encode())

    def _first(self, since: datetime | None) -> Window | None:
        """Return the first window; None where the list is read from its beginning."""
        step = self.resource.incremental
        if step is None:
            return None
        begin = since
        if begin is None and step.start is not None:
            begin = transforms.read_moment(step.start, "rfc3339", "start")
        if begin is None or not self._is_asked("since"):
            return None
        lookback = (step.lookback or timedelta(0)) if since is not None else timedelta(0)
        return first_window(begin, self.access.now_s(), lookback=lookback, longest=step.max_window)

    def _is_asked(self, word: str) -> bool:
        step, resource = self.resource.incremental, self.resource
        told = json.dumps([resource.endpoint, resource.body, [one.text for one in resource.params.values()]])
        return step is not None and (getattr(step, f"{word}_param") is not None or f"{{{word}}}" in told)

    def _words(self, window: Window | None) -> dict[str, str]:
        step = self.resource.incremental
        if window is None or step is None:
            return dict(self.of)
        # platforms know whole seconds: what changed in the last one is in the last window, too
        end = window.end if window.next is not None else window.end + timedelta(seconds=1)
        found = {**self.of, "since": transforms.write_moment(window.start, step.format)}
        return {**found, "until": transforms.write_moment(end, step.format)}

    def _notes(self, want: Want) -> tuple[str, ...]:
        is_whole = want.since is not None and self.resource.incremental is None
        told = f"{self.name}: the file does not say how to ask for what changed, so everything is read."
        return (told,) if is_whole else ()

    def _paging(self) -> paging.Paging:
        return paging_of(self.resource.pagination, self.resource.primary_key)
