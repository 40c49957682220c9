"""How lists are paged: each way is one small object that says what to ask for next. Used by `rest` callers.

```
pages = LastId("starting_after", last=dig("id"), more=dig("has_more"))
state = {}                               # JSON, small: it goes into the cursor of a pull
answer = api.get("/v1/customers", {"limit": "100", **pages.ask(state)})
state = pages.after(answer, rows, state)   # None: that was the last page
```

A platform that repeats itself is found out: the same place twice is `TryLater`, never an endless pull.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import parse_qsl, urlsplit

from customer_sync.errors import TryLater
from customer_sync.kit.rest import Answer
from customer_sync.model import Json

#: Where a list stands: JSON of the way's own; {} is its beginning.
State = Mapping[str, Json]
#: Finds a value in a value; None where there is none.
Find = Callable[[Json], Json]
Rows = Sequence[Json]

_LINK: Final = re.compile(r"<([^<>]*)>((?:\s*;\s*[^,;]+)*)")


def dig(path: str) -> Find:
    """Return what follows a dotted path; a number reaches into a list."""
    keys = path.split(".")

    def find(value: Json) -> Json:
        for key in keys:
            if isinstance(value, dict):
                value = value.get(key)
            elif isinstance(value, list) and key.lstrip("-").isdecimal() and -len(value) <= int(key) < len(value):
                value = value[int(key)]
            else:
                return None
        return value

    return find


class Paging(Protocol):
    """One way of paging."""

    def ask(self, state: State) -> Mapping[str, str]:
        """Return the parameters that ask for the page."""
        ...

    def after(self, answer: Answer, rows: Rows, state: State) -> State | None:
        """Return where the next page starts; None where this was the last.

        Raises:
            TryLater: the platform repeats itself.
        """
        ...


@dataclass(frozen=True, slots=True)
class OnePage:
    """The list comes whole."""

    def ask(self, state: State) -> Mapping[str, str]:  # noqa: ARG002  # as `Paging`
        """Return nothing."""
        return {}

    def after(self, answer: Answer, rows: Rows, state: State) -> State | None:  # noqa: ARG002  # as `Paging`
        """Return None."""
        return None


@dataclass(frozen=True, slots=True)
class PageNumber:
    """Pages by number, from `start`.

    Args:
        param: the parameter of the number.
        size_param: the parameter of the size; "" for none.
        size: how many rows a page has.
        start: the number of the first page.
        total: finds the number of pages; None: an empty page is the end.
    """

    param: str = "page"
    size_param: str = ""
    size: int = 100
    start: int = 1
    total: Find | None = None

    def ask(self, state: State) -> Mapping[str, str]:
        """Return the number, and the size."""
        return {self.param: str(state.get("page", self.start)), **_sized(self.size_param, self.size)}

    def after(self, answer: Answer, rows: Rows, state: State) -> State | None:
        """Return the next number."""
        page = whole_or(state.get("page"), self.start)
        if self.total is None:
            return {"page": page + 1} if rows else None
        pages = whole_or(self.total(answer.value), 0)
        return {"page": page + 1} if page - self.start + 1 < pages else None


@dataclass(frozen=True, slots=True)
class Offset:
    """Pages by how many rows were before.

    Args:
        param: the parameter of the offset.
        size_param: the parameter of the size; "" for none.
        size: how many rows a page has.
        more: finds whether there are more; None: a page that is not full is the end.
    """

    param: str = "offset"
    size_param: str = "limit"
    size: int = 100
    more: Find | None = None

    def ask(self, state: State) -> Mapping[str, str]:
        """Return the offset, and the size."""
        return {self.param: str(state.get("offset", 0)), **_sized(self.size_param, self.size)}

    def after(self, answer: Answer, rows: Rows, state: State) -> State | None:
        """Return the next offset."""
        is_more = len(rows) >= self.size if self.more is None else bool(self.more(answer.value))
        if is_more and not rows:
            raise TryLater("an empty page, though there are more")
        return {"offset": whole_or(state.get("offset"), 0) + len(rows)} if is_more else None


@dataclass(frozen=True, slots=True)
class Cursor:
    """The answer holds a word that asks for the next page.

    Args:
        param: the parameter of the word.
        next: finds it; empty where this was the last page.
        size_param: the parameter of the size; "" for none.
        size: how many rows a page has.
    """

    param: str
    next: Find
    size_param: str = ""
    size: int = 100

    def ask(self, state: State) -> Mapping[str, str]:
        """Return the word, and the size."""
        word = {self.param: str(state["cursor"])} if "cursor" in state else {}
        return {**word, **_sized(self.size_param, self.size)}

    def after(self, answer: Answer, rows: Rows, state: State) -> State | None:  # noqa: ARG002  # as `Paging`
        """Return the next word."""
        word = self.next(answer.value)
        if word is None or word in ("", False):
            return None
        return _moved({"cursor": str(word)}, state)


@dataclass(frozen=True, slots=True)
class LastId:
    """The id of the last row asks for the next page.

    Args:
        param: the parameter of the id.
        last: finds the id of a row.
        more: finds whether there are more.
        size_param: the parameter of the size; "" for none.
        size: how many rows a page has.
    """

    param: str
    last: Find
    more: Find
    size_param: str = "limit"
    size: int = 100

    def ask(self, state: State) -> Mapping[str, str]:
        """Return the id, and the size."""
        after = {self.param: str(state["after"])} if "after" in state else {}
        return {**after, **_sized(self.size_param, self.size)}

    def after(self, answer: Answer, rows: Rows, state: State) -> State | None:
        """Return the id of the last row."""
        if not self.more(answer.value):
            return None
        last = self.last(rows[-1]) if rows else None
        if last is None:
            raise TryLater("a page without rows, though there are more")
        return _moved({"after": str(last)}, state)


@dataclass(frozen=True, slots=True)
class NextUrl:
    """The answer holds the address of the next page, in its body or in its header `Link` (RFC 8288).

    Only its query is used: whatever host it names, the platform's own is called.

    Args:
        next: finds the address in the body; None: the header holds it.
        size_param: the parameter of the size on the first page; "" for none.
        size: how many rows a page has.
    """

    next: Find | None = None
    size_param: str = ""
    size: int = 100

    def ask(self, state: State) -> Mapping[str, str]:
        """Return the query of the address."""
        query = state.get("query")
        if isinstance(query, list):
            return {str(one[0]): str(one[1]) for one in query if isinstance(one, list) and len(one) == 2}
        return _sized(self.size_param, self.size)

    def after(self, answer: Answer, rows: Rows, state: State) -> State | None:  # noqa: ARG002  # as `Paging`
        """Return the query of the next address."""
        url = linked(answer.headers.get("link", "")) if self.next is None else self.next(answer.value)
        if not isinstance(url, str) or not url:
            return None
        return _moved({"query": [[name, value] for name, value in parse_qsl(urlsplit(url).query)]}, state)


def linked(header: str, rel: str = "next") -> str:
    """Return the address that a header `Link` has for a relation, "" for none."""
    for url, rest in _LINK.findall(header):
        if re.search(rf'rel\s*=\s*"?(?:[^"]*\s)?{rel}(?:\s|"|$)', rest):
            return str(url)
    return ""


def _moved(new: State, old: State) -> State:
    if dict(new) == dict(old):
        raise TryLater("the list leads back to the page that it gave")
    return new


def _sized(param: str, size: int) -> dict[str, str]:
    return {param: str(size)} if param else {}


def whole_or(value: Json, default: int) -> int:
    """Return a whole number of a state or of an answer, as a number or as text; `default` where it is none."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else default
