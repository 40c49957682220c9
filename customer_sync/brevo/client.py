"""Brevo's API v3: one call, and its answer as a reply or as the error that says what to do next."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

import orjson

from customer_sync.base.log import get
from customer_sync.brevo.answers import Answer, Answers, Next, Refusal, read_refusal
from customer_sync.brevo.gate import Gate
from customer_sync.errors import ConfigError, FieldRefused, Missing, Parkable, TryLater, Unavailable
from customer_sync.kit.outbound import HttpClient, Reply
from customer_sync.kit.transport import Timeout
from customer_sync.model import Json
from customer_sync.store.counters import Tally
from customer_sync.store.limits import Limits

log = get(__name__)

#: How long Brevo is waited for. While one call about a contact waits, the others of its batch wait for it.
TIMEOUT: Final = Timeout(connect_s=3.0, silence_s=10.0, answer_s=20.0)
#: The rate limit that calls about contacts, lists and attributes share.
BUCKET: Final = "contacts"


class NoList(Parkable):
    """A list that was named is not in Brevo (404 as well)."""


class Brevo:
    """The account at Brevo.

    Args:
        base_url: the API's address, with `/v3`.
        api_key: sent as `api-key`.
        http: the connection pool.
        limits: told of every answer.
        tally: counts the calls; the caller writes it out.
    """

    def __init__(self, base_url: str, api_key: str, http: HttpClient, limits: Limits, tally: Tally) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"api-key": api_key, "Content-Type": "application/json", "Accept": "application/json"}
        self._http = http
        self._limits = limits
        self._tally = tally

    def gate(self, bucket: str, expected: int) -> Gate:
        """Return what lets about so many calls through, as fast as the shared limit allows."""
        return Gate(self._limits, bucket, expected)

    def call(  # noqa: PLR0913  # what a call is, most of it by name
        self, method: str, path: str, body: Json = None, *, bucket: str, answers: Answers, endpoint: str = ""
    ) -> Reply:
        """Make one call and return its answer, always a success (2xx).

        Args:
            method: the HTTP verb.
            path: what follows `/v3`, already quoted.
            body: sent as JSON; None sends none.
            bucket: the rate limit it counts against.
            answers: what the answers of this API mean.
            endpoint: the route for the metrics; the path when it holds nobody's name.

        Raises:
            TajoError: as the table says; `TryLater` for a 429 burns no try.
            Unavailable: no answer came.
        """
        raw = None if body is None else _encoded(body)
        return self.send(method, path, raw, bucket=bucket, answers=answers, endpoint=endpoint)

    def send(  # noqa: PLR0913  # as `call`
        self, method: str, path: str, raw: bytes | None, *, bucket: str, answers: Answers, endpoint: str = ""
    ) -> Reply:
        """Make one call with a body that is encoded already; all else as `call`."""
        label = f"{method} {endpoint or path}"
        try:
            reply = self._http.send(method, self._base_url + path, headers=self._headers, body=raw)
        except Unavailable:
            self._tally.count("tajo_brevo_requests_total", endpoint=label, status="none")
            raise
        self._tally.count("tajo_brevo_requests_total", endpoint=label, status=str(reply.status))
        log.debug("called", call=label, status=reply.status)
        if reply.status < 300:
            self._limits.learn(bucket, *_limit_of(reply.headers))
            return reply
        raise self._error(reply, bucket, answers)

    def _error(self, reply: Reply, bucket: str, answers: Answers) -> Exception:
        refusal = read_refusal(reply)
        row = answers.find(reply.status, refusal)
        if row.next is Next.HOLD:
            return TryLater(row.reason, after_s=self._limits.hold(bucket, _number(reply.headers, "reset")), burns=False)
        self._limits.learn(bucket, *_limit_of(reply.headers))
        return _ERRORS[row.next](answers, row, refusal)


def _encoded(body: Json) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:  # a whole number of more than 64 bits
        return json.dumps(body, separators=(",", ":")).encode()


def _limit_of(headers: Mapping[str, str]) -> tuple[float | None, float, float]:
    """Return what an answer tells of its limit: how many calls, how many are left, and for how many seconds more.

    `x-sib-ratelimit-reset` is a duration, not a time: https://developers.brevo.com/docs/limit-headers. Some answers
    have no such headers; rubbish counts as none.
    """
    limit = _number(headers, "limit")
    if limit is None:
        return None, 0.0, 1.0
    remaining, reset_s = _number(headers, "remaining"), _number(headers, "reset")
    return limit, 0.0 if remaining is None else remaining, 1.0 if reset_s is None else reset_s


def _number(headers: Mapping[str, str], name: str) -> float | None:
    text = headers.get(f"x-sib-ratelimit-{name}")
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _fields(answers: Answers, row: Answer, refusal: Refusal) -> FieldRefused:
    fields = answers.fields_at_fault(row, refusal)
    return FieldRefused(fields, row.reason, is_taken=row.next is Next.TAKEN)


#: The next step → the error that says so.
_ERRORS: Mapping[Next, Callable[[Answers, Answer, Refusal], Exception]] = {
    Next.LATER: lambda _, row, __: TryLater(row.reason),
    Next.WAIT: lambda _, row, __: Unavailable(row.reason),
    Next.CONFIG: lambda _, row, __: ConfigError(row.reason, row.remedy),
    Next.FIELDS: _fields,
    Next.TAKEN: _fields,
    Next.MISSING: lambda _, row, __: Missing(row.reason),
    Next.NO_LIST: lambda _, row, __: NoList(row.reason, row.remedy),
    Next.PARK: lambda _, row, __: Parkable(row.reason, row.remedy),
}


def contact_path(email: str) -> str:
    """Return the path of a contact, found by its address."""
    return f"/contacts/{quote(email, safe='')}"
