"""Reads the list of a resource, page by page, from any cursor; and single records by their id.

A cursor holds the window that is read, where its list stands, how many pages there were and a digest of the last one:
so a platform that repeats itself, and a list without end, are found out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

from customer_sync.custom import calling, form, transforms
from customer_sync.custom.api import Platform, fill, fill_json, origin
from customer_sync.custom.paths import Paths
from customer_sync.custom.records import Records
from customer_sync.errors import ConfigError, Missing, PayloadError, TryLater
from customer_sync.kit import paging
from customer_sync.kit.fields import Node
from customer_sync.kit.reach import Access, Page, Want
from customer_sync.kit.rest import Answer, Rest, TooMuch
from customer_sync.kit.windows import Window, first_window, window_of
from customer_sync.model import Event, Json, kind_of

#: Where lists often stand, and where answers often say that there is more, for files that do not say it.
_LISTS: Final = ("data", "items", "results", "records", "value")
_MORE: Final = (
    "next",
    "next_page",
    "nextPage",
    "next_cursor",
    "nextCursor",
    "has_more",
    "hasMore",
    "links.next",
    "paging.next",
    "meta.next_cursor",
    "meta.next_page",
    "pagination.next",
    "pagination.next_page",
)


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists of one source.

    Args:
        platform: whose.
        access: how it is reached.
        name: the resource's name in the file.
        records: reads its records.
    """

    platform: Platform
    access: Access
    name: str
    records: Records

    @property
    def resource(self) -> form.Resource:
        """What the file says."""
        return self.records.resource

    def pull(self, want: Want) -> Page:
        """Return the next page of the list.

        Raises:
            TajoError: see `Connector.pull`.
        """
        cursor = dict(want.cursor or {})
        window = window_of(cursor) or self._first(want.since)
        step = self.resource.incremental
        since = None if want.since is None or step is None else want.since - (step.lookback or timedelta(0))
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
            return Page((), dict(window.halved().encode()))
        except Missing as error:
            raise ConfigError(
                f"{self.platform.title} has no list at {self.resource.endpoint} (404).",
                f"Correct resources.{self.name}.endpoint.",
            ) from error
        pages = int(str(cursor.get("pages", 0))) + 1
        digest = self._guard(answer, rows, cursor, pages)
        events, is_over = self._events(rows, since or (window.start if window else None))
        after = None if is_over else self._after(answer, rows, place)
        following = self._following(window, after, {"pages": pages, "last": digest})
        return Page(events, following, notes=self._notes(want))

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

    def prove(self, gone: Sequence[str] = ()) -> None:
        """Return when `by_id` finds a record that the list shows: one that finds nobody makes all look deleted.

        Args:
            gone: ids that were not found.

        Raises:
            ConfigError: it does not find it.
            TajoError: see `Connector.pull`.
        """
        events = self.pull(Want(self.records.target.resource)).events
        there = [one for one in events if isinstance(one, Event) and one.kind is self.records.target.changed]
        shown = [one.record_id for one in there if one.record_id is not None]
        number = next((one for one in shown if one not in gone), next(iter(shown), None))
        if number is not None and self.resource.by_id is not None and self.one(number) is None:
            raise ConfigError(
                f"{self.platform.title} does not find by id what its list of {self.name} shows.",
                f"Correct resources.{self.name}.by_id: until then nobody is taken for deleted.",
            )

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
        if any(self.platform.is_passed_over(answer, word) for word in ("skip", "stop_ok")):
            return PayloadError(self.name, f"the platform does not show it ({answer.status})")
        row = answer.value if by_id.record is None else by_id.record.get(answer.value)
        if isinstance(row, list) and len(row) <= 1:
            row = row[0] if row else None
        if row is None and by_id.record is not None:
            # an answer without the record says neither that it is there nor that it is gone
            raise TryLater(f"{self.platform.title} answers without the record.")
        if not isinstance(row, dict):
            raise TryLater(f"{self.platform.title} answers with {kind_of(row)} in the place of a record.")
        node = Node(row, self.name)
        if self.records.id_of(node) != record_id:
            return PayloadError(self.name, "another record than the one that was asked for")
        return None if self.records.is_gone(node) else node

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
        where = origin(rest.base_url) + path if isinstance(path, str) else self.resource.endpoint
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
        if way is None and (answer.headers.get("link", "").find("next") >= 0 or _says_more(answer.value)):
            raise ConfigError(
                f"{title} has more than one page of {self.name}.", f"Write resources.{self.name}.pagination."
            )
        if way is not None and pages > way.max_pages:
            raise ConfigError(
                f"{title} lists more than {way.max_pages:,} pages of {self.name}.",
                f"Is it a list without end? Else raise resources.{self.name}.pagination.max_pages.",
            )
        ids = [self._id(row) for row in rows]
        digest = sha256(json.dumps(ids).encode()).hexdigest()[:16] if rows else ""
        if digest and digest == cursor.get("last"):
            raise TryLater(f"{title} gives the page of before once more.")
        size = getattr(way, "size", getattr(way, "limit", 0))
        if way is not None and way.full_pages and len(rows) < size:
            state = cursor.get("page")
            if self._paging().after(answer, rows, state if isinstance(state, dict) else {}) is not None:
                raise TryLater(f"{title} gives a page with rows missing.")
        return digest

    def _id(self, row: Json) -> str:
        try:
            return self.records.id_of(Node(row)) if isinstance(row, dict) else ""
        except PayloadError:
            return ""

    def _events(self, rows: Sequence[Json], since: datetime | None) -> tuple[list[Event | PayloadError], bool]:
        """Return the events of a page; and whether the rest of the list is older than what is wanted."""
        step, found, is_over = self.resource.incremental, list[Event | PayloadError](), False
        for index, row in enumerate(rows):
            at = f"{self.name}[{index}]"
            if not isinstance(row, dict):
                found.append(PayloadError(at, f"expected an object, found {kind_of(row)}"))
                continue
            node = Node(row, at)
            if since is not None and step is not None and self._is_before(node, step, since):
                is_over = is_over or step.order == "desc"
                continue
            found += self.records.events(node, self._outline(node))
        return found, is_over

    def _is_before(self, node: Node, step: form.Incremental, since: datetime) -> bool:
        """Tell whether a record changed before a time; one whose time cannot be read did not."""
        try:
            value = step.cursor.get(dict(node.body), node.at)
            return value not in (None, "") and transforms.read_moment(value, step.format, node.at) < since
        except PayloadError:
            return False

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

    def _following(
        self, window: Window | None, after: paging.State | None, more: Mapping[str, Json]
    ) -> dict[str, Json] | None:
        if after is not None:
            return {**(window.encode() if window else {}), "page": dict(after), **more}
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
        told = json.dumps([resource.body, [one.text for one in resource.params.values()]])
        return step is not None and (getattr(step, f"{word}_param") is not None or f"{{{word}}}" in told)

    def _words(self, window: Window | None) -> dict[str, str]:
        step = self.resource.incremental
        if window is None or step is None:
            return {}
        # platforms know whole seconds: what changed in the last one is in the last window, too
        end = window.end if window.next is not None else window.end + timedelta(seconds=1)
        found = {"since": transforms.write_moment(window.start, step.format)}
        return {**found, "until": transforms.write_moment(end, step.format)}

    def _notes(self, want: Want) -> tuple[str, ...]:
        is_whole = want.since is not None and self.resource.incremental is None
        told = f"{self.name}: the file does not say how to ask for what changed, so everything is read."
        return (told,) if is_whole else ()

    def _paging(self) -> paging.Paging:
        return paging_of(self.resource.pagination, self.resource.primary_key)


def rows_of(name: str, resource: form.Resource, value: Json) -> list[Json]:
    """Return the rows of an answer.

    Raises:
        TryLater: it holds no list.
    """
    if resource.records is not None:
        found = resource.records.get(value)
    elif isinstance(value, dict):
        found = next((value[one] for one in (name, *_LISTS) if isinstance(value.get(one), list)), None)
    else:
        found = value
    if not isinstance(found, list):
        raise TryLater(f"The answer holds no list of {name}: is `records` of the connector file right?")
    return found


def paging_of(  # noqa: PLR0911  # one for each way
    way: Any, key: Paths
) -> paging.Paging:
    """Return the kit's way of paging for that of a file."""
    if isinstance(way, calling.PageNumber):
        total = None if way.total_pages is None else way.total_pages.get
        return paging.PageNumber(way.param, way.size_param, way.size, way.start, total)
    if isinstance(way, calling.Offset):
        return paging.Offset(way.param, way.limit_param, way.limit, None if way.more is None else way.more.says)
    if isinstance(way, calling.Cursor):
        return paging.Cursor(way.send_as, way.next.get, way.size_param, way.size)
    if isinstance(way, calling.LastId):
        return paging.LastId(way.send_as, (way.path or key).get, way.more.says, way.size_param, way.size)
    if isinstance(way, calling.NextUrl):
        return paging.NextUrl(way.path.get, way.size_param, way.size)
    if isinstance(way, calling.LinkHeader):
        return paging.NextUrl(None, way.size_param, way.size)
    return paging.OnePage()


def _says_more(value: Json) -> bool:
    return any(paging.dig(path)(value) not in (None, False, "", [], {}) for path in _MORE)
