"""Salesforce's REST API: one question, what its answer means, and how much of the day's calls is left.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple
from urllib.parse import urlencode

from connectors.salesforce.account import Account
from connectors.salesforce.session import Session, terms
from customer_sync.errors import ConfigError, Missing, TryLater, Unavailable
from customer_sync.kit.logins import Request
from customer_sync.kit.oauth import Tokens
from customer_sync.kit.outbound import Reply
from customer_sync.kit.paging import dig
from customer_sync.kit.reach import Access
from customer_sync.kit.rest import Action, Answer, Rejected, Rest, Rule
from customer_sync.model import Json

#: The share of the day's calls that reads may use up, and the one that opt-outs may: people who left go first.
READS: Final = 0.80
WRITES: Final = 0.95
#: How long to wait for calls that come back: they are counted over the last 24 hours.
SPENT_S: Final = 900.0

#: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm
RULES: Final = (
    Rule(
        403, Action.LIMITED, "REQUEST_LIMIT_EXCEEDED", "Salesforce's calls of the last 24 hours are used up.", "", 900.0
    ),
    Rule(400, Action.RETRY, "QUERY_TIMEOUT", "Salesforce took too long for a query."),
    Rule(400, Action.RETRY, "UNABLE_TO_LOCK_ROW", "Somebody else changes the record just now.", wait_s=5.0),
    Rule(401, Action.RENEW, reason="Salesforce refuses the session (401)."),
    Rule(
        403,
        Action.KEYS,
        reason="Salesforce does not allow it (403).",
        remedy="Give the integration user the permission set that the README names, with `API Enabled`.",
        fits=lambda one: isinstance(one.value, list),
    ),
)
#: With these a file is not there, or not any more.
_NO_FILE: Final = frozenset({400, 401, 404, 410})
#: What is wrong with a query that names a field which the user may not see.
INVALID_FIELD: Final = "INVALID_FIELD"

_USAGE: Final = re.compile(r"api-usage=(\d+)/(\d+)")
_SHORT_ID: Final = re.compile(r"[A-Za-z0-9]{15}")
_ID: Final = re.compile(r"[A-Za-z0-9]{15}(?:[A-Z0-5]{3})?")
_SUFFIX: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


class Part(NamedTuple):
    """One of several requests that go as one call.

    Args:
        method: the HTTP verb.
        path: below `/services/data/v..`.
        params: the query.
        body: sent as JSON; None for none.
    """

    method: str
    path: str
    params: Mapping[str, str] = {}
    body: Json = None


class Found(NamedTuple):
    """The rows of a query.

    Args:
        rows: as the platform wrote them.
        is_whole: whether the answer holds all that the query asked for.
    """

    rows: Sequence[Mapping[str, Json]]
    is_whole: bool


class Api:
    """The API of one org, for the length of one piece of work.

    Args:
        account: the org.
        access: how it is reached.
        share: how much of the day's calls may be used up before a read waits.
    """

    def __init__(self, account: Account, access: Access, share: float = READS) -> None:
        self.account, self.access = account, access
        self.session = Session(account, Tokens(terms(account, access), access))
        self._share = share
        self._path = f"/services/data/v{account.version}"
        words = terms(account, access).keys
        self._rest = Rest(access, "", "Salesforce", self.session, RULES, words, word_of=_word)

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Return the answer of a read below `/services/data/v..`.

        Raises:
            TryLater: the share of the day's calls is used up, too.
            TajoError: as `Rest.call`.
        """
        return self._within(self._rest.get(f"{self._path}{path}", params))

    def _within(self, answer: Answer) -> Answer:
        used, limit = usage(answer)
        if limit and used >= limit * self._share:
            raise TryLater(
                f"Salesforce has answered {used} of {limit} calls in 24 hours: reads wait, opt-outs keep the rest.",
                after_s=SPENT_S,
                burns=False,
            )
        return answer

    def write(self, method: str, path: str, body: Json = None) -> Answer:
        """Return the answer of a change; see `get`."""
        return self._rest.call(method, f"{self._path}{path}", json_body=body)

    def query(self, soql: str, *, with_deleted: bool = False, is_tooling: bool = False) -> Found:
        """Return the rows of a query.

        Only the first page of an answer is taken: the next one has an address that dies with the session, so the asker
        asks again from its last row (seen 2026-08: such an address is refused with the new token as well).

        Raises:
            TryLater: the answer is no list of rows, or lacks some of those that it counted.
            TajoError: as `get`.
        """
        verb = "/queryAll" if with_deleted else "/tooling/query" if is_tooling else "/query"
        return found_in(self.get(verb, {"q": soql}))

    def together(self, *parts: Part) -> list[Answer]:
        """Return the answers of several requests that count as one call, in their order; `judged` tells what they mean.

        Each is done after the one before it, whatever became of that. At most 25, five of them queries.
        https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-composite-post.html

        Raises:
            TryLater: an answer is missing; or reads wait, see `get`, where all of them are.
            TajoError: as `get`, about the call as a whole.
        """
        asked: list[Json] = []
        for number, one in enumerate(parts):
            url = f"{self._path}{one.path}" + (f"?{urlencode(one.params)}" if one.params else "")
            more: dict[str, Json] = {} if one.body is None else {"body": one.body}
            asked.append({"method": one.method, "url": url, "referenceId": f"r{number}", **more})
        whole = self.write("POST", "/composite", {"allOrNone": False, "compositeRequest": asked})
        rows = whole.object().get("compositeResponse")
        there = [one for one in (rows if isinstance(rows, list) else []) if isinstance(one, dict)]
        found = {str(one.get("referenceId")): one for one in there}
        answers = [_part_of(found.get(f"r{number}")) for number in range(len(parts))]
        if all(one.method == "GET" for one in parts):
            self._within(whole)
        return answers

    def judged(self, answer: Answer) -> Answer:
        """Return one of the answers of `together`.

        Raises:
            TajoError: as `get`.
        """
        return self._rest.judged(answer)

    def count(self, sobject: str) -> int:
        """Return how many records of an object there are, those in the bin without.

        Raises:
            TryLater: the answer does not tell.
            TajoError: as `get`.
        """
        asked = f"SELECT COUNT() FROM {sobject}"  # noqa: S608  # a name of ours
        total = self.get("/query", {"q": asked}).object().get("totalSize")
        if not isinstance(total, int):
            raise TryLater("Salesforce does not tell how many records there are.")
        return total

    def file(self, path: str, params: Mapping[str, str]) -> Reply:
        """Return a file, which is no JSON.

        Raises:
            Missing: it is not there, or its address is refused, with a new session as well: it may have died with the
                session that it was given to.
            TajoError: as `get`.
        """
        request = Request("GET", f"{self._path}{path}", tuple(params.items()), {"Accept": "text/csv"})
        for _ in range(2):
            proven = self.session.prove(request, self.access)
            url = f"{proven.url}?{urlencode(proven.params)}"
            reply = self.access.http.send("GET", url, headers=proven.headers, is_file=True)
            if reply.status != 401:
                break
            self.session.renew(self.access)
        if reply.status == 200 and "csv" in reply.headers.get("content-type", ""):
            return reply
        if reply.status in _NO_FILE:
            raise Missing(f"Salesforce has no such file ({reply.status}).")
        if reply.status >= 500:
            raise Unavailable(f"Salesforce answers {reply.status} in the place of a file.")
        raise TryLater(f"Salesforce answers {reply.status} in the place of a file.")

    def describe(self, sobject: str) -> Mapping[str, bool]:
        """Return the fields of an object that the user sees, each with whether the user may change it.

        What the user may not see is left out without a word.

        Raises:
            ConfigError: the user does not see the object.
            TajoError: as `get`.
        """
        return {str(one["name"]): one.get("updateable") is True for one in self._fields(sobject)}

    def kinds(self, sobject: str) -> Mapping[str, str]:
        """Return the fields of an object that the user sees, each with its type; see `describe`."""
        return {str(one["name"]): str(one.get("type") or "") for one in self._fields(sobject)}

    def described(self, sobject: str, answer: Answer) -> Mapping[str, bool]:
        """Return the same of an answer of `together`."""
        return {str(one["name"]): one.get("updateable") is True for one in self._fields(sobject, answer)}

    def _fields(self, sobject: str, answer: Answer | None = None) -> Sequence[Mapping[str, Json]]:
        try:
            value = (self.get(f"/sobjects/{sobject}/describe") if answer is None else self.judged(answer)).object()
        except Missing as error:
            raise ConfigError(
                f"The integration user does not see {sobject} at all.", f"Give its permission set Read on {sobject}."
            ) from error
        fields = value.get("fields")
        found: list[Mapping[str, Json]] = [
            one
            for one in (fields if isinstance(fields, list) else [])
            if isinstance(one, dict) and isinstance(one.get("name"), str)
        ]
        if not any(one["name"] == "Id" for one in found):
            raise TryLater(f"Salesforce's description of {sobject} holds no fields.")
        return found


def found_in(answer: Answer) -> Found:
    """Return the rows in the answer to a query.

    Raises:
        TryLater: it is no list of rows, or lacks some of those that it counted.
    """
    value = answer.object()
    rows, total, is_whole = value.get("records"), value.get("totalSize"), value.get("done")
    if not isinstance(rows, list) or not isinstance(total, int) or not isinstance(is_whole, bool):
        raise TryLater("Salesforce's answer holds no rows of a query.")
    found = [row for row in rows if isinstance(row, dict)]
    if len(found) != len(rows) or (is_whole and len(found) != total) or (not is_whole and not found):
        raise TryLater("Salesforce's answer lacks rows that it counted.")
    return Found(found, is_whole)


def _part_of(row: Mapping[str, Json] | None) -> Answer:
    """Return one of several answers.

    Raises:
        TryLater: it is missing.
    """
    status = None if row is None else row.get("httpStatusCode")
    if row is None or not isinstance(status, int):
        raise TryLater("Salesforce's answer lacks a part of what was asked for.")
    value = row.get("body")
    return Answer(status, {}, value, b"" if value is None else json.dumps(value).encode())


def usage(answer: Answer) -> tuple[int, int]:
    """Return how many calls were used of how many, (0, 0) where an answer does not tell: `api-usage=896/15000`."""
    found = _USAGE.search(answer.headers.get("sforce-limit-info", ""))
    return (int(found[1]), int(found[2])) if found else (0, 0)


def is_invalid_field(error: Rejected) -> bool:
    """Tell whether a query was refused for a field that the user does not see."""
    return error.status == 400 and error.word == INVALID_FIELD


def quoted(text: str) -> str:
    """Return a text as it stands in a query, with its quotes.

    https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_quotedstringescapes.htm
    """
    for plain, escaped in (("\\", "\\\\"), ("'", "\\'"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = text.replace(plain, escaped)
    return f"'{text}'"


def moment_text(at: datetime) -> str:
    """Return a time as it stands in a query, in milliseconds and without quotes."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def is_id(text: str) -> bool:
    """Tell whether a text can be an id of Salesforce's."""
    return _ID.fullmatch(text) is not None


def full_id(text: str) -> str:
    """Return an id with all its 18 characters: the last three tell which of the first 15 are capitals."""
    if not _SHORT_ID.fullmatch(text):
        return text
    bits = (sum(text[at + bit].isupper() << bit for bit in range(5)) for at in (0, 5, 10))
    return text + "".join(_SUFFIX[one] for one in bits)


def _word(value: Json) -> str:
    """Return the code of the first error: errors are a list."""
    found = dig("0.errorCode")(value)
    return found[:60] if isinstance(found, str) else ""
