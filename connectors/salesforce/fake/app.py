"""The routes around an org: tokens, queries, records, limits, the Tooling API."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Final

from flask import Flask, Response, g, redirect, request
from flask.testing import FlaskClient

from connectors.salesforce.fake import acts, soql
from connectors.salesforce.fake.bulk import Bulk
from connectors.salesforce.fake.org import ApiError, Org
from connectors.salesforce.fake.schema import PREFIXES, describe, seen
from connectors.salesforce.fake.tooling import KINDS, ToolingError
from customer_sync.kit.fakes.answers import Row, reply
from customer_sync.kit.fakes.clock import seconds_of
from customer_sync.kit.fakes.fake import Act
from customer_sync.kit.fakes.faults import PAGES, Fault
from customer_sync.kit.fakes.oauth import OAuthError, back_to
from customer_sync.kit.fakes.pages import window

#: Status → the code and the sentence of an error.
_WORDS: Final[Mapping[int, tuple[str, str]]] = {
    400: ("MALFORMED_QUERY", "unexpected token"),
    401: ("INVALID_SESSION_ID", "Session expired or invalid"),
    403: ("INSUFFICIENT_ACCESS", "insufficient access rights on cross-reference id"),
    404: ("NOT_FOUND", "The requested resource does not exist"),
    500: ("UNKNOWN_EXCEPTION", "An unexpected error occurred."),
    503: ("SERVER_UNAVAILABLE", "Server is unavailable"),
}
#: How many requests one call may hold, and how many of them queries.
MOST_PARTS: Final = 25
MOST_QUERIES: Final = 5
_SPENT: Final = ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
_DATA: Final = "/services/data/<version>"
_BATCH: Final = re.compile(r"batchSize=(\d+)")
#: The two conditions by the time of change, which the fault `ignore_filter` forgets.
_SINCE: Final = re.compile(r"\(SystemModstamp >= \S+\) AND|\(SystemModstamp > \S+ OR \([^()]*\)\) AND")


class FakeOrg(Org):
    """A Salesforce org in memory, on the loopback."""

    struck = "/services/data/*"
    strikes: ClassVar = {
        "spent": "403 REQUEST_LIMIT_EXCEEDED: the calls of the day are used up",
        "unavailable": "503 SERVER_UNAVAILABLE",
        "hidden_field": "400 INVALID_FIELD: the query names a field that was hidden meanwhile",
    }
    kinds: ClassVar = {"oauth": "the next token is refused with `error`, invalid_grant when not given"}

    def routes(self, app: Flask) -> None:
        """Add the routes of the platform."""
        add = app.add_url_rule
        add("/services/oauth2/token", view_func=self._token, methods=["POST"])
        add("/services/oauth2/authorize", view_func=self._authorize, methods=["GET"])
        for path, view, methods in (
            ("/query", lambda: self._query(with_deleted=False), ["GET"]),
            ("/query/", lambda: self._query(with_deleted=False), ["GET"]),
            ("/queryAll", lambda: self._query(with_deleted=True), ["GET"]),
            ("/queryAll/", lambda: self._query(with_deleted=True), ["GET"]),
            ("/query/<locator>", self._more, ["GET"]),
            ("/composite", self._composite, ["POST"]),
            ("/limits", self._limits, ["GET"]),
            ("/limits/", self._limits, ["GET"]),
            ("/sobjects/<sobject>", self._create, ["POST"]),
            ("/sobjects/<sobject>/", self._create, ["POST"]),
            ("/sobjects/<sobject>/describe", self._describe, ["GET"]),
            ("/sobjects/<sobject>/<word>/", self._since, ["GET"]),
            ("/sobjects/<sobject>/<number>", self._record, ["GET", "PATCH", "DELETE"]),
            ("/tooling/query", self._tooling_query, ["GET"]),
            ("/tooling/sobjects/<kind>", self._tooling_make, ["POST"]),
            ("/tooling/sobjects/<kind>/<number>", self._tooling_one, ["GET", "PATCH", "DELETE"]),
            ("/jobs/query", partial(self._job, "create"), ["POST"]),
            ("/jobs/query/<job>", partial(self._job, "one"), ["GET", "PATCH", "DELETE"]),
            ("/jobs/query/<job>/results", partial(self._job, "results"), ["GET"]),
        ):
            add(_DATA + path, f"{path} {methods[0]}", self._guarded(view), methods=methods)

    def fill(self) -> None:
        """Make the records of the start, and nothing that was asked for."""
        super().fill()
        self._locators: dict[str, tuple[str, list[Row]]] = {}
        self.bulk = Bulk(self)

    def acts(self) -> Sequence[Act]:
        """Return the control routes."""
        return acts.acts_of(self)

    def state(self) -> Row:
        """Return counts, calls and tokens."""
        counts = {name: len(rows) for name, rows in self.tables.items()}
        return {"records": counts, "used": self.used, "tokens": dict(self.tokens.oauth.given)}

    # What the platform says in its own words

    def status(self, status: int) -> Response:
        """Return an answer with a status."""
        return refused(*_WORDS.get(status, _WORDS[500]), status)

    def unauthorized(self) -> Response:
        """Refuse the session and end it."""
        with self.lock:
            self.tokens.oauth.revoke(request.headers.get("Authorization", "").partition(" ")[2])
        return self.status(401)

    def strike(self, fault: Fault) -> Response | None:
        """Answer with one of the platform's own faults."""
        if fault.kind == "spent":
            return refused(*_SPENT, 403)
        if fault.kind == "hidden_field":
            is_query = request.path.endswith(("/query", "/queryAll"))
            return refused("INVALID_FIELD", "No such column 'Title' on entity.", 400) if is_query else self.status(503)
        return self.status(503)

    # Tokens

    def _token(self) -> Response:
        fault = self.take("oauth")
        with self.lock:
            self.tokens.oauth.refusal = str(fault.options.get("error", "invalid_grant")) if fault else None
            try:
                told = request.headers.get("Authorization", "")
                return reply(self.tokens.answer(request.form.to_dict(), request.host_url.rstrip("/"), told))
            except OAuthError as error:
                return reply(error.body(), error.status)

    def _authorize(self) -> Any:
        with self.lock:
            try:
                back = self.tokens.authorize(request.args)
            except OAuthError as error:
                return reply(error.body(), error.status)
        return redirect(back_to(request.args["redirect_uri"], back))

    # Below /services/data

    def _guarded(self, view: Callable[..., Any]) -> Callable[..., Response]:
        def answer(version: str, **named: str) -> Response:
            del version
            with self.lock:
                if self.tokens.find(request.headers.get("Authorization", "")) is None:
                    return self.status(401)
                g.auth = "bearer"
                if self.used >= self.settings.limit:
                    return refused(*_SPENT, 403)
                self.used += 1
                try:
                    found = view(**named)
                except ApiError as error:
                    found = refused(error.word, error.message, error.status)
                except soql.Malformed as error:
                    found = refused("MALFORMED_QUERY", str(error), 400)
                except ToolingError as error:
                    found = refused("INVALID_FIELD", str(error), 400)
                response = found if isinstance(found, Response) else reply(found)
                response.headers["Sforce-Limit-Info"] = f"api-usage={self.used}/{self.settings.limit}"
                return response

        return answer

    def _query(self, *, with_deleted: bool) -> Row:
        text = request.args.get("q", "")
        fault = None if "COUNT()" in text else self.take(*PAGES)
        if fault and fault.kind == "ignore_filter":
            text = _SINCE.sub("", text)
        query = soql.read(text)
        rows = self.answer(query, with_deleted=with_deleted)
        if query.counts:
            return {"totalSize": len(rows), "done": True, "records": []}
        if fault and fault.kind == "repeat_page":
            query = soql.read(re.sub(r" WHERE .*? ORDER BY ", " ORDER BY ", text))
            rows = self.answer(query, with_deleted=with_deleted)
        kept = fault if fault and fault.kind not in {"ignore_filter", "repeat_page"} else None
        shown = window(rows, 0, len(rows), kept)
        return self._paged(shown, len(rows))

    def _paged(self, rows: list[Row], total: int) -> Row:
        """Return the first rows, and the address of the others, which lives as long as the session."""
        asked = _BATCH.search(request.headers.get("Sforce-Query-Options", ""))
        size = min(self.settings.batch, max(int(asked[1]), 200) if asked else self.settings.batch)
        told: Row = {"totalSize": total, "done": len(rows) <= size}
        if len(rows) > size:
            locator = f"01gFake{len(self._locators):08d}AAA-{total - len(rows) + size}"
            self._locators[locator] = (request.headers["Authorization"], rows[size:])
            told["nextRecordsUrl"] = f"{request.path.partition('/query')[0]}/query/{locator}"
        return {**told, "records": rows[:size]}

    def _more(self, locator: str) -> Any:
        owner, rows = self._locators.get(locator, ("", []))
        if not owner:
            raise ApiError("INVALID_QUERY_LOCATOR", "invalid query locator")
        if owner != request.headers["Authorization"]:
            return self.status(401)
        return self._paged(rows, int(locator.rpartition("-")[2]) + len(rows))

    def _composite(self) -> Row:
        """Do several requests one after the other; together they count as one call."""
        asked = _fields().get("compositeRequest") or []
        queries = sum("/query" in str(one.get("url")) for one in asked)
        if not 1 <= len(asked) <= MOST_PARTS or queries > MOST_QUERIES:
            raise ApiError("INVALID_INPUT", f"1 to {MOST_PARTS} subrequests, {MOST_QUERIES} of them queries.")
        used, headers = self.used, {"Authorization": request.headers["Authorization"]}
        told = [_part(self.app.test_client(), one, headers) for one in asked]
        self.used = used
        return {"compositeResponse": told}

    def _limits(self) -> Row:
        left = max(0, self.settings.limit - self.used)
        return {"DailyApiRequests": {"Max": self.settings.limit, "Remaining": left}}

    def _describe(self, sobject: str) -> Any:
        if not seen(sobject, self.settings):
            return self.status(404)
        return describe(sobject, self.settings)

    def _create(self, sobject: str) -> Response:
        number = self.write(sobject, None, _fields())
        return reply({"id": number, "success": True, "errors": []}, 201)

    def _record(self, sobject: str, number: str) -> Any:
        row = self.there(sobject, number)
        if request.method == "GET":
            known = seen(sobject, self.settings)
            told = {name: value for name, value in row.items() if name in known}
            return {"attributes": {"type": sobject, "url": request.path}, **told}
        if request.method == "DELETE":
            self.delete(number)
        else:
            self.write(sobject, number, _fields())
        return Response(status=204)

    def _job(self, act: str, **named: str) -> Any:
        """Answer about a job; a reset makes the jobs anew."""
        return getattr(self.bulk, act)(**named)

    def _since(self, sobject: str, word: str) -> Any:
        """Answer which records were deleted or updated between two times."""
        if word not in {"deleted", "updated"} or sobject not in PREFIXES:
            return self.status(404)
        start, end = (seconds_of(request.args.get(name, "")) or 0.0 for name in ("start", "end"))
        rows = [
            row
            for row in self.tables[sobject].values()
            if row["IsDeleted"] is (word == "deleted") and start <= (seconds_of(row["SystemModstamp"]) or 0.0) <= end
        ]
        told = {"latestDateCovered": request.args.get("end")}
        if word == "updated":
            return {"ids": [row["Id"] for row in rows], **told}
        found = [{"id": row["Id"], "deletedDate": row["SystemModstamp"]} for row in rows]
        return {"deletedRecords": found, "earliestDateAvailable": request.args.get("start"), **told}

    # The Tooling API

    def _tooling_query(self) -> Row:
        rows = self.tooling.answer(soql.read(request.args.get("q", "")))
        return {"size": len(rows), "totalSize": len(rows), "done": True, "records": rows}

    def _tooling_make(self, kind: str) -> Response:
        body = _fields()
        number = self.tooling.make(kind, str(body.get("FullName")), body.get("Metadata") or {})
        return reply({"id": number, "success": True, "errors": []}, 201)

    def _tooling_one(self, kind: str, number: str) -> Any:
        if kind not in KINDS or number not in self.tooling.rows[kind]:
            return self.status(404)
        if request.method == "GET":
            return self.tooling.rows[kind][number]
        if request.method == "DELETE":
            self.tooling.delete(kind, number)
        else:
            self.tooling.change(kind, number, _fields().get("Metadata") or {})
        return Response(status=204)


def _part(client: FlaskClient, one: Row, headers: Mapping[str, str]) -> Row:
    found = client.open(one["url"], method=one["method"], json=one.get("body"), headers=dict(headers))
    told = {"httpHeaders": {}, "httpStatusCode": found.status_code, "referenceId": one["referenceId"]}
    return {"body": found.get_json(silent=True), **told}


def refused(word: str, message: str, status: int) -> Response:
    """Return an error as the API writes it: a list."""
    return reply([{"message": message, "errorCode": word}], status)


def _fields() -> Row:
    found = request.get_json(silent=True)
    if not isinstance(found, dict):
        raise ApiError("JSON_PARSER_ERROR", "an object is expected")
    return found
