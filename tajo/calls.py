"""How a call travels: one request, tried again where that is safe, its answer read or turned into an error."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Final, Generic, NamedTuple, TypedDict, TypeVar
from urllib.parse import quote, urlsplit

import requests
from requests import exceptions
from requests.auth import AuthBase
from urllib3.exceptions import NewConnectionError

from tajo.address import API, is_loopback
from tajo.errors import NotReached, NotTajo, TajoError, TooManyCalls, TooOld, by_status

T = TypeVar("T")

#: The oldest service that this client speaks with.
OLDEST: Final = "0.1.0"
#: The header in which each answer of the service tells its version.
VERSION_HEADER: Final = "Tajo-Version"
#: The first wait before another try, and the longest, in seconds; each time twice as long, of which a part by chance:
#: see Brooker, "Exponential Backoff and Jitter" (2015).
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 8.0
#: Where a service asks for a longer wait than this, in seconds, the caller is told at once.
LONGEST_PATIENCE_S: Final = 60.0
#: The service, or a proxy before it, says that it cannot now: another try may help.
AWAY: Final = frozenset({502, 503, 504})
#: The service did nothing yet, whatever the call is.
NOT_BEGUN: Final = frozenset({429})
#: What a route that there is not answers, and one that there is with another verb, as their kinds of problem.
UNKNOWN_CALLS: Final = frozenset({"urn:tajo:problem:no-such-call", "urn:tajo:problem:method-not-allowed"})
#: What to do where nobody knows whether a call was done.
LOOK_FIRST: Final = "Look how things stand before you call again."
#: Parts of a path that would lead to another call.
ELSEWHERE: Final = frozenset({"", ".", ".."})


class Call(NamedTuple, Generic[T]):
    """One call of the service.

    Args:
        method: the HTTP verb.
        path: below `/api/v1`, with `{}` for each part that varies.
        gives: what it answers, of a list one thing of it.
        is_repeatable: whether doing it twice is the same as doing it once.
    """

    method: str
    path: str
    gives: type[T]
    is_repeatable: bool = True


class Page(TypedDict, Generic[T]):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None


class Reach(NamedTuple):
    """Where a service is and how it is called.

    Args:
        url: its address, without a slash at the end.
        timeout_s: how long one try waits for the connection and for each piece of the answer.
        tries: how often a call is tried.
    """

    url: str
    timeout_s: float
    tries: int


class Caller:
    """Makes calls.

    Args:
        reach: where to.
        api_key: opens the service.
        headers: what goes with each call.
    """

    def __init__(self, reach: Reach, api_key: str, headers: Mapping[str, str]) -> None:
        self.reach = reach
        #: Waits so many seconds; tests put their own here.
        self.pause: Callable[[float], None] = time.sleep
        self._http = requests.Session()
        # keeps a password of ~/.netrc out, which would stand in the place of the key
        self._http.auth = _Bearer(api_key)
        # a proxy has no business between two programs of one machine
        parts = urlsplit(reach.url)
        self._http.trust_env = not (parts.scheme == "http" and is_loopback(parts.hostname or ""))
        self._http.headers.update({"Accept": "application/json", **headers})

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def page(self, call: Call[T], query: Mapping[str, str]) -> Page[T]:
        """Return one page of a list; see `do`."""
        found: Page[T] = self._json(call, (), None, query)
        return found

    def do(
        self, call: Call[T], *places: str, body: Mapping[str, Any] | None = None, query: Mapping[str, str] | None = None
    ) -> T:
        """Make a call and return the JSON of its answer.

        Args:
            call: which.
            places: what stands in the `{}` of its path.
            body: what is sent.
            query: what stands behind the `?`.

        Raises:
            TajoError: it was not done; its classes tell why.
        """
        found: T = self._json(call, places, body, query)
        return found

    def _json(
        self,
        call: Call[Any],
        places: Sequence[str],
        body: Mapping[str, Any] | None,
        query: Mapping[str, str] | None,
    ) -> Any:
        path = call.path.format(*map(part_of_path, places))
        content = None if body is None else encode(body)
        for attempt in range(1, self.reach.tries + 1):
            found = self._try(call, path, content, query)
            if isinstance(found, requests.Response) and found.status_code not in AWAY | NOT_BEGUN:
                return self._read(found, call)
            wait_s = self._wait_s(found, call, attempt)
            if wait_s is None:
                break
            self.pause(wait_s)
        if isinstance(found, requests.Response):
            return self._read(found, call)
        raise self._not_reached(found, call)

    def _try(
        self, call: Call[Any], path: str, content: bytes | None, query: Mapping[str, str] | None
    ) -> requests.Response | exceptions.RequestException:
        headers = {} if content is None else {"Content-Type": "application/json"}
        try:
            return self._http.request(
                call.method,
                self.reach.url + API + path,
                params=query,
                data=content,
                headers=headers,
                timeout=self.reach.timeout_s,
                allow_redirects=False,
            )
        except exceptions.RequestException as error:
            return error

    def _wait_s(
        self, found: requests.Response | exceptions.RequestException, call: Call[Any], attempt: int
    ) -> float | None:
        """Return how long to wait before the next try, in seconds; None: there is none."""
        if attempt == self.reach.tries:
            return None
        wait_s = random.uniform(0, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (attempt - 1)))
        if not isinstance(found, requests.Response):
            is_fault = not isinstance(found, exceptions.SSLError | exceptions.InvalidURL)
            return wait_s if is_fault and (call.is_repeatable or _was_not_sent(found)) else None
        if not (call.is_repeatable or found.status_code in NOT_BEGUN):
            return None
        after_s = retry_after_s(found.headers)
        if after_s is None:
            return wait_s
        return None if after_s > LONGEST_PATIENCE_S else after_s + wait_s / 4

    def _not_reached(self, error: exceptions.RequestException, call: Call[Any]) -> NotReached:
        # the causes are not shown: their text holds the whole address, which may name a person
        url = self.reach.url
        if isinstance(error, exceptions.SSLError):
            return NotReached(f"The certificate of {url} was not accepted.", "Mend it, or correct the address.")
        if isinstance(error, exceptions.ProxyError):
            return NotReached(f"The proxy to {url} refuses.", "Correct HTTPS_PROXY, or name the host in NO_PROXY.")
        happened = f"did not answer within {self.reach.timeout_s:g} seconds" if _is_late(error) else "is not reached"
        if not (call.is_repeatable or _was_not_sent(error)):
            happened = "was called, and the connection ended before the answer: it may have been done or not"
            return NotReached(f"{url} {happened}.", LOOK_FIRST)
        remedy = "Start it with `tajo run`, or correct the address (base_url, TAJO_URL)."
        return NotReached(f"{url} {happened}, {self.reach.tries} tries in all.", remedy)

    def _read(self, answer: requests.Response, call: Call[Any]) -> Any:
        self._check_service(answer)
        try:
            body = answer.json() if answer.content else None
        except ValueError:
            body = None
        if answer.ok and (body is not None or not answer.content):
            return body
        if answer.ok:
            raise self._not_tajo("its answer is not JSON")
        problem = body if isinstance(body, dict) else {}
        kind = problem.get("type")
        if isinstance(kind, str) and kind in UNKNOWN_CALLS:
            version = answer.headers.get(VERSION_HEADER, "")
            detail = f"{self.reach.url} is version {version} and does not know {call.method} {API}{call.path}."
            raise TooOld(detail, "Upgrade the service.", status=answer.status_code, kind=kind)
        raise problem_error(answer, problem, call)

    def _check_service(self, answer: requests.Response) -> None:
        if answer.is_redirect:
            raise self._not_tajo("it sends on to another address; use that one, if you trust it")
        version = answer.headers.get(VERSION_HEADER)
        if version is None and answer.status_code not in AWAY | NOT_BEGUN:  # these may come from a proxy before it
            raise self._not_tajo(f"the header {VERSION_HEADER} is missing")
        if version is not None and numbers(version) < numbers(OLDEST):
            detail = f"{self.reach.url} is version {version}; this client needs {OLDEST} or newer."
            raise TooOld(detail, "Upgrade the service.", status=answer.status_code)

    def _not_tajo(self, why: str) -> NotTajo:
        return NotTajo(
            f"{self.reach.url} answers, but not as Tajo Customer Sync {OLDEST} or newer does: {why}.",
            "Correct the address (base_url, TAJO_URL), or upgrade the service there.",
        )


class _Bearer(AuthBase):
    """Shows the key with each request; hides it from who prints it.

    Args:
        key: the key.
    """

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


def problem_error(answer: requests.Response, problem: Mapping[str, Any], call: Call[Any]) -> TajoError:
    """Return the error that an answer is: of the service by RFC 9457, or of something before it."""
    status = answer.status_code
    kind = by_status(status)
    detail = str(problem.get("detail") or problem.get("title") or "")
    remedy = str(problem.get("remedy") or "")
    if not detail:
        detail = f"{call.method} {API}{call.path} was answered with the status {status}."
    if status in AWAY and not call.is_repeatable:
        detail, remedy = f"{detail} It may have been done or not.", f"{remedy} {LOOK_FIRST}".strip()
    elif status in AWAY and not remedy:
        remedy = "Call again later; if it stays so, look whether the service and what stands before it run."
    more: dict[str, Any] = {"after_s": retry_after_s(answer.headers)} if kind is TooManyCalls else {}
    faults = problem.get("errors") or ()
    return kind(detail, remedy, errors=faults, status=status, kind=str(problem.get("type") or ""), **more)


def part_of_path(place: str) -> str:
    """Return a name or a number as it stands in a path.

    Raises:
        TypeError: it is no text.
        ValueError: it would lead to another call.
    """
    if not isinstance(place, str):
        raise TypeError(f"A name or an id must be a text, not {type(place).__name__}; nothing was sent.")
    if place in ELSEWHERE:
        raise ValueError(f"{place!r} is no name or id: say which one is meant; nothing was sent.")
    return quote(place, safe="")


def encode(body: Mapping[str, Any]) -> bytes:
    """Return a body as JSON. Times become ISO 8601, `Decimal`s numbers.

    Raises:
        TypeError: something in it cannot be sent.
        ValueError: a number is infinite or none.
    """
    return json.dumps(body, default=_plain, allow_nan=False, ensure_ascii=False).encode()


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return how long an answer asks to wait, in seconds; a date counts from the time of the answer itself."""
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", text, re.ASCII):
        return float(text)
    try:
        at, now = parsedate_to_datetime(text), parsedate_to_datetime(headers.get("Date", ""))
        return max(0.0, (at - now).total_seconds())
    except (TypeError, ValueError):
        return None


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with, three of them: `0.2.0.dev1` → (0, 2, 0)."""
    match = re.match(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?", version, re.ASCII)
    return tuple(int(one or 0) for one in match.groups()) if match else (0, 0, 0)


def _plain(value: object) -> Any:
    if isinstance(value, datetime) and value.tzinfo is None:
        raise TypeError(f"The time {value.isoformat()} has no zone: whose clock is meant?")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON.")


def _was_not_sent(error: exceptions.RequestException) -> bool:
    """Tell whether a fault came before the service could hear anything."""
    if isinstance(error, exceptions.ConnectTimeout):
        return True
    cause = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(cause, NewConnectionError)


def _is_late(error: exceptions.RequestException) -> bool:
    return isinstance(error, exceptions.Timeout)
