"""The API as an OpenAPI document: a table of operations and the schemas of their answers, written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from customer_sync import __version__
from customer_sync.base.metrics import CATALOGUE
from customer_sync.brevo.proof.doors import DOORS
from customer_sync.model import EventState
from customer_sync.store.run import COUNTS, RunKind, RunState
from customer_sync.web.guard import WHERE_THE_KEY_IS

Schema = Mapping[str, Any]


class Operation(NamedTuple):
    """One call: verb, path below `/api/v1`, what it does, the schema of its answer, what it takes, other statuses."""

    verb: str
    path: str
    summary: str
    answer: str
    query: tuple[Mapping[str, Any], ...] = ()
    body: str = ""
    fails: tuple[int, ...] = ()
    success: int = 200


def _query(name: str, description: str, schema: Schema) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


_STATES = [str(state) for state in EventState]
_LIMIT = _query(
    "limit", "At most so many, the newest first.", {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}
)
_SOURCE = _query("source", "Only those of this source; items stand under their lane.", {"type": "string"})
_REASON = _query("reason", "Only those with exactly this reason.", {"type": "string"})

_RUN_SOURCE = _query("source", "Only those of this source.", {"type": "string"})
_RUN_VERBS = {
    "pause": "Let a run wait after its current page",
    "resume": "Go on with a run that is paused or stopped; `force` takes the brake off",
    "cancel": "End a run where it stands",
}

OPERATIONS: tuple[Operation, ...] = (
    Operation("get", "/status", "The figures of the whole installation at this moment", "Status"),
    Operation(
        "get",
        "/events",
        "The newest events",
        "Events",
        query=(_LIMIT, _SOURCE, _query("state", "Only those in this state.", {"type": "string", "enum": _STATES})),
        fails=(400,),
    ),
    Operation("get", "/events/{event_id}", "One event with every state it was in", "EventDetail", fails=(404,)),
    Operation(
        "get", "/parked", "What waits for a person", "ParkedList", query=(_LIMIT, _SOURCE, _REASON), fails=(400,)
    ),
    Operation(
        "get",
        "/parked/{parked_id}",
        "One parked thing; its personal data only when asked for, which is logged",
        "ParkedDetail",
        query=(_query("reveal", "1 adds the request or the change as it waits.", {"type": "string", "enum": ["1"]}),),
        fails=(404,),
    ),
    Operation("post", "/parked/{parked_id}/replay", "Send one parked thing again", "Replayed", fails=(404,)),
    Operation("delete", "/parked/{parked_id}", "Forget one parked thing for good", "Dropped", fails=(404,)),
    Operation(
        "post",
        "/parked/replay",
        "Send all parked things again that have a reason, come from a source, or both",
        "Replayed",
        body="Choice",
        fails=(400,),
    ),
    Operation("get", "/alerts", "What a person should know, newest first", "Alerts"),
    Operation("get", "/runs", "The newest runs, newest first", "Runs", query=(_RUN_SOURCE,)),
    Operation("post", "/runs", "Start a run", "Run", body="RunOrder", fails=(400, 404, 409), success=201),
    Operation("get", "/runs/{number}", "One run, as it stands", "Run", fails=(404,)),
    *(
        Operation("post", f"/runs/{{number}}/{verb}", what, "Run", body="RunMove", fails=(400, 404, 409))
        for verb, what in _RUN_VERBS.items()
    ),
    Operation("get", "/receipts", "The newest comparisons of both sides, newest first", "Receipts"),
    Operation(
        "get", "/receipts/{receipt_id}", "One comparison: what differed and what was mended", "Receipt", fails=(404,)
    ),
    Operation("get", "/openapi.json", "This document", "Document"),
)


def _object(**properties: Schema) -> dict[str, Any]:
    return {"type": "object", "required": [*properties], "additionalProperties": False, "properties": properties}


def _list(items: Schema) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _maybe(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}
_COUNT = {"type": "integer", "minimum": 0}
_YES = {"type": "boolean"}
_TIME = {"type": "string", "format": "date-time"}
_COUNTS = {"type": "object", "additionalProperties": _COUNT}
_EVENT: dict[str, Schema] = {
    "id": _TEXT,
    "source": _TEXT,
    "kind": {**_TEXT, "description": "What happened, in our word; empty for a request that could not be read."},
    "topic": {**_TEXT, "description": "The platform's word for it."},
    "state": {"type": "string", "enum": _STATES},
    "person": {**_TEXT, "description": "The number of the person; empty when nobody was found."},
    "at": _TIME,
    "settled_at": _TIME,
    "note": _TEXT,
}
_PARKED: dict[str, Schema] = {
    "id": _TEXT,
    "what": {"type": "string", "enum": ["inbound", "item"]},
    "source": _TEXT,
    "topic": _TEXT,
    "person": _TEXT,
    "reason": _TEXT,
    "remedy": _TEXT,
    "at": _TIME,
    "size_bytes": _COUNT,
}

_OUTLOOK: dict[str, Any] = {
    **_object(
        calls={**_COUNT, "description": "About how many calls to Brevo it takes as things are now."},
        seconds={**_maybe("number"), "description": "About how long they take; null where no limit holds them up."},
        rate_per_s={**_NUMBER, "description": "The calls a second that Brevo allows; 0: no limit."},
        rate_is_assumed={**_YES, "description": "Whether Brevo has not told that yet."},
        doors=_list(
            _object(
                door={"type": "string", "enum": [*DOORS]},
                is_open={**_YES, "description": "Whether imports may do this in the account."},
                why={**_TEXT, "description": "A code: open, trusted, or why it is closed."},
                people={**_COUNT, "description": "Whom it is about."},
                calls=_COUNT,
                seconds=_maybe("number"),
                proven_calls={
                    **_maybe("integer"),
                    "description": "About how many calls it takes where the door is open; null where no proof can "
                    "open it.",
                },
                proven_seconds=_maybe("number"),
                text=_TEXT,
            )
        ),
    ),
    "type": ["object", "null"],
    "description": "How many calls a run takes, door by door, and how many a proof can save; of a run that is over, "
    "what the same again would take. null: it changes no contact.",
}
_RUN: dict[str, Schema] = {
    "id": _TEXT,
    "source": _TEXT,
    "resource": _TEXT,
    "kind": {"type": "string", "enum": [str(kind) for kind in RunKind]},
    "state": {"type": "string", "enum": [str(state) for state in RunState]},
    "by": {**_TEXT, "description": "Who started it: cli, api, dashboard, schedule, webhooks."},
    "dry_run": _YES,
    "forced": {**_YES, "description": "Whether the brake on mass changes is off."},
    "braked": {**_YES, "description": "Whether the brake stopped it: what it holds back waits for a person."},
    "since": {**_maybe("string"), "description": "Only what changed since; null reads everything."},
    "total": {**_maybe("integer"), "description": "How many records there are, where the platform tells."},
    "counts": {**_COUNTS, "description": "; ".join(f"{name}: {meaning}" for name, meaning in COUNTS.items())},
    "differing": {**_COUNTS, "description": "Field → in how many of the disputed records it differs."},
    "rate_per_s": _NUMBER,
    "share": {
        **_maybe("number"),
        "description": "How much is read, then how much of it is delivered, 0 to 1; null when nobody can know.",
    },
    "left_s": {
        **_maybe("number"),
        "description": "Seconds of reading, then of delivering, left at this rate; null when nobody can know.",
    },
    "phase": _TEXT,
    "reason": _TEXT,
    "remedy": _TEXT,
    "notes": _list(_TEXT),
    "outlook": _OUTLOOK,
    "started_at": _TIME,
    "updated_at": _TIME,
    "ended_at": _maybe("string"),
}

SCHEMAS: dict[str, Schema] = {
    "Error": _object(error=_TEXT, remedy=_TEXT),
    "Verdict": _object(
        level={"type": "string", "enum": ["ok", "busy", "look", "down"]},
        text=_TEXT,
        remedy=_TEXT,
        code={**_TEXT, "description": "What it is, for programs: worker_gone, webhooks_refused, ..."},
        source={**_TEXT, "description": "The source that it is about; empty for the whole installation."},
    ),
    "Latency": _object(average_s=_maybe("number"), p50_s=_maybe("number"), p99_s=_maybe("number"), events=_COUNT),
    "Queue": _object(name=_TEXT, waiting=_COUNT, oldest_age_s=_maybe("number")),
    "Limit": _object(
        bucket=_TEXT,
        rate_per_s=_maybe("number"),
        hour_headroom=_maybe("number"),
        destination=_TEXT,
        holds={
            "type": "string",
            "enum": ["", "rate", "hour", "refused"],
            "description": "What calls wait for now: the rate, the next hour, the reset after a refusal, nothing.",
        },
    ),
    "Pause": _object(
        lane=_TEXT,
        kind={"type": "string", "enum": ["unavailable", "config"]},
        reason=_TEXT,
        remedy=_TEXT,
        since=_TIME,
        destination=_TEXT,
    ),
    "Calls": _object(made=_COUNT, merged=_COUNT, unchanged=_COUNT, saved=_COUNT),
    "Redis": _object(
        is_up=_YES,
        memory_bytes={**_COUNT, "type": ["integer", "null"], "description": "null: not told to this user of Redis."},
        memory_limit_bytes={**_COUNT, "description": "0: no limit."},
        aof={"type": "string", "enum": ["on", "off", "failing", "unknown"]},
        reason={"type": "string", "description": "Why it cannot be used although it answers."},
        remedy={"type": "string"},
        is_wrong={"type": "boolean", "description": "It can never be used."},
    ),
    "Alert": _object(at=_TIME, text=_TEXT, remedy=_TEXT),
    "Status": _object(
        at=_TIME,
        verdict={**_ref("Verdict"), "description": "The first of the findings."},
        findings={**_list(_ref("Verdict")), "description": "All that is wrong or waits, the worst first."},
        success_rate={**_maybe("number"), "description": "Delivered events of delivered and parked ones, 0 to 1."},
        error_rate={**_maybe("number"), "description": "Parked events of delivered and parked ones, 0 to 1."},
        rates={
            "type": "object",
            "description": "Span (hour, day, ever) → what ended in it; replayed and dropped ones are parked no more.",
            "additionalProperties": _object(
                success_rate=_maybe("number"), error_rate=_maybe("number"), delivered=_COUNT, failed=_COUNT
            ),
        },
        latency={**_ref("Latency"), "description": "Of events that came by webhook."},
        pulled_latency={**_ref("Latency"), "description": "Of records that runs read, from the reading on."},
        waiting=_COUNT,
        oldest_age_s=_maybe("number"),
        queues=_list(_ref("Queue")),
        events={**_COUNTS, "description": "State → how many events ever reached it."},
        sources={"type": "object", "additionalProperties": _COUNTS},
        parked=_COUNT,
        people=_COUNT,
        limits=_list(_ref("Limit")),
        pauses=_list(_ref("Pause")),
        calls=_ref("Calls"),
        redis={**_ref("Redis"), "description": "While it is away only the spool is known; the rest here is empty."},
        in_sync={
            "type": "object",
            "additionalProperties": {"type": "number"},
            "description": "Source → the share of its customers in sync when both sides were compared last.",
        },
        in_sync_ratio={**_maybe("number"), "description": "The worst of these; null before the first comparison."},
        compared_at={**_maybe("string"), "description": "When the source was compared that was compared first."},
        worker_seen_s={**_maybe("number"), "description": "Seconds since a worker was seen; null when none was."},
        brevo={"type": "string", "enum": ["sandbox", "account"]},
        brevo_looked_at={**_maybe("string"), "description": "When the account was looked at; null: not yet."},
        alerts=_list(_ref("Alert")),
    ),
    "Event": _object(**_EVENT),
    "Events": _object(events=_list(_ref("Event"))),
    "Step": _object(state={"type": "string", "enum": _STATES}, at=_TIME, note=_TEXT),
    "EventDetail": _object(**_EVENT, steps=_list(_ref("Step"))),
    "Parked": _object(**_PARKED),
    "ParkedList": _object(parked=_list(_ref("Parked")), count={**_COUNT, "description": "All that is parked."}),
    "ParkedDetail": {**_object(**_PARKED, content={"type": "object"}), "required": [*_PARKED]},
    "Choice": {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {"reason": _TEXT, "source": _TEXT},
    },
    "Replayed": _object(replayed=_COUNT),
    "Dropped": _object(dropped=_COUNT),
    "Alerts": _object(alerts=_list(_ref("Alert"))),
    "Run": _object(**_RUN),
    "Runs": _object(runs=_list(_ref("Run"))),
    "RunOrder": {
        **_object(source=_TEXT, kind=_RUN["kind"], dry_run=_YES, force=_YES),
        "required": ["source"],
    },
    "RunMove": {**_object(force=_YES), "required": []},
    "Drifts": {
        "type": "object",
        "description": "What differs → how many people, and the numbers of the first few.",
        "additionalProperties": _object(count=_COUNT, people=_list(_TEXT)),
    },
    "Receipt": {
        "type": "object",
        "required": ["id", "started", "ended", "sources", "heal", "stopped", "in_sync", "totals", "by_field", "notes"],
        "properties": {
            "id": _TEXT,
            "started": _TIME,
            "ended": _TIME,
            "sources": _list(_TEXT),
            "heal": _YES,
            "stopped": {**_TEXT, "description": "Why nothing was mended; empty when the brake did not act."},
            "in_sync": {
                **_maybe("number"),
                "description": "The worst of all sources on both sides, before anything was mended, 0 to 1; null when "
                "nobody was compared.",
            },
            "worst": {
                "type": ["object", "null"],
                "description": "Whose figure that is: the source (empty: everybody), the side, how many of how many.",
            },
            "totals": _COUNTS,
            "by_source": {"type": "object", "description": "Source → its figures on both sides."},
            "mailable_though_withdrawn": _ref("Drifts"),
            "left_in_brevo_since": _ref("Drifts"),
            "by_field": _ref("Drifts"),
            "refused": _COUNTS,
            "not_in_brevo": _COUNTS,
            "calls": _COUNT,
            "notes": _list(_TEXT),
        },
    },
    "Receipts": _object(receipts=_list(_ref("Receipt"))),
    "Document": {"type": "object", "required": ["openapi", "info", "paths"]},
}

#: Every operation may answer so.
_ALWAYS = {
    401: "The API key is missing or wrong.",
    403: "Not from here.",
    429: "Too many wrong API keys; `Retry-After` tells how many seconds to wait. The right key is taken at once.",
    503: "Redis does not answer.",
}
_SOMETIMES = {
    400: "The question is not understood.",
    404: "There is no such thing.",
    409: "It cannot be done as things stand.",
}


def document() -> dict[str, Any]:
    """Return the whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault("/api/v1" + operation.path, {})[operation.verb] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tajo Customer Sync",
            "version": __version__,
            "description": f"What the dashboard shows, for programs. {len(CATALOGUE)} metrics are at /metrics.",
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": f"Send {WHERE_THE_KEY_IS}"}},
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    in_path = [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names]
    failures = _ALWAYS | {status: _SOMETIMES[status] for status in operation.fails}
    made: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": f"{operation.verb}{operation.path}".replace("/", "_").replace("{", "").replace("}", ""),
        "parameters": [*in_path, *operation.query],
        "responses": {
            str(operation.success): _content(operation.answer, operation.summary),
            **{str(status): _content("Error", text) for status, text in sorted(failures.items())},
        },
    }
    if operation.body:
        made["requestBody"] = {"required": True, **_content(operation.body, "What to choose.")}
    return made


def _content(schema: str, description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": _ref(schema)}}}
