"""HubSpot's API: its paths, what its answers mean, and the calls that several parts make.

https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines and .../api-reference/error-handling
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from connectors.hubspot.account import Account
from connectors.hubspot.tokens import KEYS, login_of
from customer_sync.errors import ConfigError, Missing, TryLater
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Access, Http, Left
from customer_sync.kit.rest import Action, Answer, Rejected, Rest, Rule
from customer_sync.model import Json

#: How many records a batch read takes.
BATCH: Final = 100
#: The share of the day's calls that is kept for opt-outs, and how long readers wait when it is reached, in seconds.
RESERVE: Final = 0.02
REST_S: Final = 1800.0
#: What an error calls records that are not there.
NOT_FOUND: Final = "OBJECT_NOT_FOUND"
NO_SCOPE: Final = "MISSING_SCOPES"
#: The property that names the records that were merged into this one.
MERGED: Final = "hs_merged_object_ids"

#: What to do where an account with data privacy switched on refuses an opt-out.
BASIS_REMEDY: Final = "Set legal_basis and legal_basis_explanation of the source."

#: The limits have several texts: `policyName` and `message` are not in all of them.
RULES: Final[tuple[Rule, ...]] = (
    Rule(429, Action.LIMITED, '"DAILY"|daily limit', "HubSpot's calls of the day are used up.", wait_s=1800.0),
    # searching has a limit of its own, five a second, and its answers have no headers that tell of it
    Rule(429, Action.LIMITED, "your secondly limit", "HubSpot wants searches asked for more slowly.", wait_s=1.0),
    Rule(429, Action.LIMITED, reason="HubSpot wants it slower (429).", wait_s=10.0),
    Rule(477, Action.LIMITED, reason="HubSpot is moving the account to another data centre (477).", wait_s=600.0),
    Rule(414, Action.SPLIT),
    # a second opt-out is an error in older versions, and no more than a word in a 200 in newer ones
    Rule(400, Action.TAKE, r"(?i)already\s+(?:been\s+)?(?:unsubscribed|opted\s+out)"),
    Rule(
        400,
        Action.KEYS,  # it is about the account, and so about every opt-out: the lane waits, and somebody is told
        r"(?i)legal\s*basis",
        "HubSpot takes no opt-out without a legal basis: data privacy is switched on there",
        BASIS_REMEDY,
    ),
    Rule(
        403,
        Action.KEYS,
        NO_SCOPE,
        "The token lacks a scope.",
        "Give the app the scopes that the README names, then install it again (or make a new token).",
    ),
)


class Watched:
    """Sends calls, and keeps what the last answer told of the calls of the day.

    Args:
        http: what really sends.
    """

    def __init__(self, http: Http) -> None:
        self._http = http
        #: Which share of the day's calls is left, as far as anybody told: only answers to private apps tell it.
        self.left = 1.0

    def send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, is_file: bool = False
    ) -> Reply:
        """Send one call; see `Http.send`."""
        reply = self._http.send(method, url, headers=headers, body=body, is_file=is_file)
        try:
            limit, left = (int(reply.headers[f"x-hubspot-ratelimit-daily{name}"]) for name in ("", "-remaining"))
        except (KeyError, ValueError):
            return reply
        self.left = left / limit if limit > 0 else 1.0
        return reply


class Api:
    """One account, for the length of one piece of work.

    Args:
        account: whose.
        access: how it is reached.
    """

    def __init__(self, account: Account, access: Access) -> None:
        account.must_be_sound()
        self.account, self.access, self.calls = account, access, Watched(access.http)
        watched = replace(access, http=self.calls)
        self.rest = Rest(watched, account.root, "HubSpot", login_of(account, watched), RULES, KEYS, word_of=word)

    @property
    def must_rest(self) -> bool:
        """Whether so few of the day's calls are left that reading stops: opt-outs must still get through."""
        return self.calls.left < RESERVE

    def objects(self, kind: str, rest: str = "") -> str:
        """Return the path of contacts or deals."""
        return f"/crm/objects/{self.account.version}/{kind}{rest}"

    def search(self, kind: str, filters: Sequence[Json], properties: Sequence[str], limit: int) -> Mapping[str, Json]:
        """Return what a search finds, by id; archived records never come."""
        asked: dict[str, Json] = {
            "filterGroups": [{"filters": list(filters)}],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": list(properties),
            "limit": limit,
        }
        return self.rest.call("POST", self.objects(kind, "/search"), json_body=asked).object()

    def read(self, kind: str, ids: Sequence[str], properties: Sequence[str]) -> list[Mapping[str, Json]]:
        """Return the records with these ids, at most 100; what is not there is absent, for certain.

        An id that the answer neither brings nor calls missing is asked for by itself.

        Raises:
            TryLater: a part of the batch failed.
            TajoError: as `Rest.call`.
        """
        if not ids:
            return []
        asked: dict[str, Json] = {"properties": list(properties), "inputs": [{"id": one} for one in ids]}
        answer = self.rest.call("POST", self.objects(kind, "/batch/read"), json_body=asked)
        found = {str(row.get("id")): row for row in rows_of(answer.object())}
        known = {*found, *_missing(answer), *(one for row in found.values() for one in merged_ids(row))}
        for one in ids:
            if one not in known:
                found |= {str(row.get("id")): row for row in self.one(kind, one, properties)}
        return list(found.values())

    def one(self, kind: str, record_id: str, properties: Sequence[str]) -> list[Mapping[str, Json]]:
        """Return one record in a list, an empty one where it is not there."""
        try:
            answer = self.rest.get(self.objects(kind, f"/{record_id}"), {"properties": ",".join(properties)})
        except Missing:
            return []
        return [answer.object()]


def rows_of(value: Mapping[str, Json], key: str = "results") -> Iterator[Mapping[str, Json]]:
    """Yield the objects of an answer's list.

    Raises:
        TryLater: there is no such list.
    """
    found = value.get(key)
    if not isinstance(found, list):
        raise TryLater(f"HubSpot's answer holds no {key}.")
    yield from (one for one in found if isinstance(one, dict))


def merged_ids(row: Mapping[str, Json]) -> list[str]:
    """Return the ids of the records that were merged into one."""
    properties = row.get("properties")
    value = properties.get(MERGED) if isinstance(properties, dict) else None
    return [one.strip() for one in value.split(";") if one.strip()] if isinstance(value, str) else []


def word(value: Json) -> str:
    """Return HubSpot's own word for an error, "" without one."""
    found = value.get("category") if isinstance(value, dict) else None
    return found if isinstance(found, str) and found.replace("_", "").isalnum() else ""


def is_unscoped(error: ConfigError) -> bool:
    """Tell whether a call failed because a scope is missing."""
    return isinstance(error, Rejected) and error.status == 403 and error.word == NO_SCOPE


def is_id(text: str) -> bool:
    """Tell whether a text can be an id of HubSpot's."""
    return text.isascii() and text.isdecimal() and len(text) <= 20


def tells(headers: Mapping[str, str]) -> Left | None:
    """Return what the headers tell of the limit in ten seconds; searches tell nothing."""
    try:
        limit, left, ms = (
            int(headers[f"x-hubspot-ratelimit-{name}"]) for name in ("max", "remaining", "interval-milliseconds")
        )
    except (KeyError, ValueError):
        return None
    return Left(limit, left, ms / 1000) if limit > 0 and left >= 0 and ms > 0 else None


def _missing(answer: Answer) -> Iterator[str]:
    """Yield the ids that a batch calls missing.

    Raises:
        TryLater: an error of it is another one.
    """
    errors = answer.object().get("errors")
    for one in errors if isinstance(errors, list) else ():
        error = one if isinstance(one, dict) else {}
        context = error.get("context")
        if not isinstance(context, dict) or error.get("category") != NOT_FOUND:
            raise TryLater("HubSpot could not read a part of the records.")
        ids = context.get("ids")
        yield from map(str, ids if isinstance(ids, list) else ())
