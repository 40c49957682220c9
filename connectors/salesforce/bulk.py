"""Everybody of a large org by a query job (Bulk API 2.0): CSV, piece by piece, in the order of ids.

https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/queries.htm. A job only saves calls: one
brings `PIECE` rows where a query brings 2,000. Whatever goes wrong with it, the pull goes on by queries behind the last
row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from connectors.salesforce.api import Api, Found
from connectors.salesforce.objects import SObject, soql
from customer_sync.errors import Missing, TryLater
from customer_sync.kit.rest import Rejected
from customer_sync.model import Json

#: From so many rows on a job is worth its wait.
FROM: Final = 50_000
#: How many rows a piece has.
PIECE: Final = 10_000
#: How long a job is waited for before it is looked at again, in seconds.
LOOK_S: Final = 20.0
#: What the header of the last piece says.
_END: Final = "null"
#: Type → letter: a flag, a number with a fraction, a whole one; all else is text.
_LETTERS: Final = {"boolean": "b", "double": "n", "currency": "n", "percent": "n", "int": "i"}


class Piece(NamedTuple):
    """What one look at a job brings.

    Args:
        rows: as a query would have brought them.
        locator: where the next piece begins; "" after the last.
        is_ready: False while the job runs.
    """

    rows: Found
    locator: str
    is_ready: bool = True


NOTHING: Final = Found((), is_whole=False)


def begin(api: Api, sobject: SObject, asked: Sequence[str]) -> tuple[str, str]:
    """Return the id of a new job, "" where there are too few rows, or where the org makes none.

    Beside it comes a letter for each field that is asked for: CSV has no types.

    Raises:
        TajoError: as `Api.get`.
    """
    if sobject.children or api.count(sobject.name) < FROM:
        return "", ""
    kinds = api.kinds(sobject.name)
    query = soql(sobject, asked, "Id != null", "Id")
    try:
        job = api.write("POST", "/jobs/query", {"operation": "query", "query": query}).object().get("id")
    except Rejected:
        return "", ""
    letters = "".join(_LETTERS.get(kinds.get(one, ""), "t") for one in asked)
    return (job, letters) if isinstance(job, str) else ("", "")


def piece(api: Api, job: str, locator: str, kinds: Mapping[str, str]) -> Piece | None:
    """Return the next piece; None where the job failed or is not there any more.

    Args:
        api: the org.
        job: the job.
        locator: where the piece begins; "" for the first.
        kinds: field → letter, see `begin`.

    Raises:
        TryLater: a piece is not whole.
        TajoError: as `Api.get`.
    """
    try:
        if not locator:
            state = api.get(f"/jobs/query/{job}").object().get("state")
            if state != "JobComplete":
                return Piece(NOTHING, "", is_ready=False) if state in {"UploadComplete", "InProgress"} else None
        more = {"locator": locator} if locator else {}
        reply = api.file(f"/jobs/query/{job}/results", {"maxRecords": str(PIECE), **more})
    except Missing:
        return None
    rows = _rows(reply.body, kinds)
    following, counted = reply.headers.get("sforce-locator", ""), reply.headers.get("sforce-numberofrecords", "")
    if not following or not counted.isdigit() or int(counted) != len(rows):
        raise TryLater("A piece of a query job lacks rows that it counted.")
    return Piece(Found(rows, is_whole=following == _END), "" if following == _END else following)


def _rows(body: bytes, kinds: Mapping[str, str]) -> list[Mapping[str, Json]]:
    """Return the rows of a piece; they are read one after the other, each as long as its head.

    Raises:
        TryLater: it is no such CSV.
    """
    try:
        lines = csv.reader(io.TextIOWrapper(io.BytesIO(body), "utf-8", newline=""), strict=True)
        head = next(lines)
        found = [dict(zip(head, line, strict=True)) for line in lines]
    except (ValueError, csv.Error, StopIteration) as error:
        raise TryLater("A piece of a query job is no whole CSV.") from error
    return [_row(one, kinds) for one in found]


def _row(texts: Mapping[str, str], kinds: Mapping[str, str]) -> Mapping[str, Json]:
    """Return a row as a query writes it: fields of other objects are objects again, an empty text is null."""
    row: dict[str, Json] = {}
    for name, text in texts.items():
        first, _, rest = name.partition(".")
        if rest:
            row[first] = {rest: text} if text else None
        else:
            row[name] = _value(text, kinds.get(name, "t"))
    return row


def _value(text: str, kind: str) -> Json:
    if not text:
        return None
    if kind == "b":
        return {"true": True, "false": False}.get(text, text)
    try:
        return float(text) if kind == "n" else int(text) if kind == "i" else text
    except ValueError:
        return text
