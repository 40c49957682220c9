"""Query jobs (Bulk API 2.0): made, looked at, their rows as CSV by locator.

https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/queries.htm
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from flask import Response, request

from connectors.salesforce.fake import soql
from customer_sync.kit.fakes.answers import Row

if TYPE_CHECKING:
    from connectors.salesforce.fake.app import FakeOrg


class Bulk:
    """The jobs of an org. The caller holds the lock.

    Args:
        org: whose rows they give.
    """

    def __init__(self, org: FakeOrg) -> None:
        self._org = org
        self._jobs: dict[str, tuple[Row, list[Row], list[str]]] = {}

    def create(self) -> Any:
        """Make a job; it is done at once, and looks as if it ran when it is looked at first."""
        body = request.get_json(silent=True) or {}
        query = soql.read(str(body.get("query", "")))
        is_all = body.get("operation") == "queryAll"
        rows = self._org.answer(query, with_deleted=is_all)
        number = f"750Fake{len(self._jobs) + 1:08d}AAA"
        job = {"id": number, "operation": body.get("operation"), "object": query.sobject, "state": "UploadComplete"}
        self._jobs[number] = (job, rows, query.fields)
        return dict(job)

    def one(self, job: str) -> Any:
        """Show a job, end it or delete it."""
        if job not in self._jobs:
            return self._org.status(404)
        row = self._jobs[job][0]
        if request.method == "DELETE":
            del self._jobs[job]
            return Response(status=204)
        if request.method == "PATCH":
            row["state"] = "Aborted"
            return dict(row)
        told = dict(row)
        row["state"] = {"UploadComplete": "InProgress", "InProgress": "JobComplete"}.get(row["state"], row["state"])
        return told

    def results(self, job: str) -> Any:
        """Give rows as CSV from a locator on; the header says where the next ones are, `null` at the end."""
        if job not in self._jobs or self._jobs[job][0]["state"] != "JobComplete":
            return self._org.status(404)
        _, rows, fields = self._jobs[job]
        start = int(request.args.get("locator") or 0)
        most = int(request.args.get("maxRecords") or 50_000)
        shown = rows[start : start + most]
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow(fields)
        writer.writerows([_text(soql.value_of(row, name)) for name in fields] for row in shown)
        response = Response(out.getvalue(), content_type="text/csv; charset=UTF-8")
        response.headers["Sforce-Locator"] = str(start + most) if start + most < len(rows) else "null"
        response.headers["Sforce-NumberOfRecords"] = str(len(shown))
        return response


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
