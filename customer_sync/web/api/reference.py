"""docs/api.md, made from the OpenAPI document: so it cannot go stale unnoticed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from customer_sync.web.api.call import BASE, Call
from customer_sync.web.api.document import document
from customer_sync.web.api.gate import ACCOUNT
from customer_sync.web.api.table import CALLS

Schema = Mapping[str, Any]

_INTRO: Final = f"""\
# The HTTP API

Made from the code by `make format`. The same for programs, as OpenAPI 3.1: `GET {BASE}/openapi.json`.

The address is that of the dashboard, with `{BASE}` behind it. Send the key as a bearer token: `TAJO_API_KEY`, or, where
that is not set, what stands in `api.key` in the folder that `tajo run` names as Data. Bodies and answers are JSON.

```sh
curl -H "Authorization: Bearer $TAJO_API_KEY" "$TAJO_URL/api/v1/status"
curl -H "Authorization: Bearer $TAJO_API_KEY" "$TAJO_URL/api/v1/events?state=parked&limit=5"
curl -H "Authorization: Bearer $TAJO_API_KEY" "$TAJO_URL/api/v1/runs?source=lumen&since=2026-11-01T00:00:00Z"
curl -H "Authorization: Bearer $TAJO_API_KEY" -H "Content-Type: application/json" \\
  -d '{{"reason": "Brevo refused SMS."}}' "$TAJO_URL/api/v1/parked/replay"
```

## Keys and roles

The installation's own key does everything, and so does a key of the role `operate`. A key of the role `read` does every
GET without personal data and opens `/metrics`; contacts, personal data of parked things and the dashboard stay closed
to it. Each call below names its role. Further keys stand in `tajo.yaml`; [the settings](settings.md) tell the rest.

```yaml
api:
  keys:
    - {{name: grafana, key: "${{GRAFANA_KEY}}", role: read}}
  rate_per_minute: 600
```

Each key has its calls of a minute. `RateLimit-Policy` tells how many, `RateLimit` how many are left and in how many
seconds there are all again. A call too many gets 429, and `Retry-After` says when to come back. Who shows many wrong
keys gets 429, too; the right key is taken at once.

Every answer has the server's version in `Tajo-Version`. Where `{ACCOUNT}` is sent, the server compares it with its
own Brevo key and answers 409 when they differ: it is the HMAC-SHA256 of Brevo's key under the API key, in hexadecimal
digits.

## Lists

Lists are newest first. `limit` says how many at most (1 to 500, 50 without it); `next_cursor` of a page is the `cursor`
of the next one, and null at the end. What comes meanwhile moves no page. Times are ISO 8601 with their zone: `since` is
part of the list, `until` is not. An unknown parameter is refused.

## Problems

A problem is an `application/problem+json` of RFC 9457, with what to do in `remedy` and every single fault in `errors`:

```json
{{
  "type": "urn:tajo:problem:not-understood",
  "title": "Not understood",
  "status": 400,
  "detail": "state: Input should be 'running', 'paused', 'stopped', 'delivering', 'done' or 'cancelled'.",
  "remedy": "GET /api/v1/openapi.json lists what each call takes.",
  "errors": [{{"path": "state", "detail": "...", "found": "half", "choices": ["running", "paused"]}}]
}}
```

| status | meaning |
|---|---|
"""


def api_markdown(calls: Sequence[Call] = CALLS) -> str:
    """Return docs/api.md."""
    made = json.loads(document(calls))
    statuses = {status: text for call in calls for status, text in call.statuses.items()}
    parts = [_INTRO + "".join(f"| {status} | {text} |\n" for status, text in sorted(statuses.items())), "## Calls\n"]
    for path, operations in made["paths"].items():
        parts += [_call(verb, path, operation) for verb, operation in operations.items()]
    parts.append("## What bodies and answers hold\n")
    parts += [_model(name, schema) for name, schema in made["components"]["schemas"].items()]
    return "\n".join(parts)


def _call(verb: str, path: str, operation: Schema) -> str:
    (good,) = [status for status in operation["responses"] if status < "400"]
    answer = _type(operation["responses"][good]["content"]["application/json"]["schema"])
    failures = ", ".join(status for status in operation["responses"] if status >= "400")
    lines = [f"### {verb.upper()} {path}\n", f"{operation['summary']}. Role: {operation['x-role']}.\n"]
    rows = [
        f"| `{one['name']}` | {_type(one['schema'])} | {one.get('description', '')} |"
        for one in operation["parameters"]
        if one["in"] == "query"
    ]
    if rows:
        lines += ["| parameter | value | meaning |", "|---|---|---|", *rows, ""]
    if "requestBody" in operation:
        body = operation["requestBody"]
        taken = _type(body["content"]["application/json"]["schema"])
        lines.append(f"Takes {taken}{'' if body['required'] else ', or nothing'}.")
    lines.append(f"Answers {good} with {answer}; else {failures}.\n")
    return "\n".join(lines)


def _model(name: str, schema: Schema) -> str:
    text = schema.get("description", "")
    lines = [f"### {name}\n", *([f"{text}\n"] if text else [])]
    if "enum" in schema:
        return "\n".join([f"### {name}\n", f"One of {', '.join(f'`{word}`' for word in schema['enum'])}.\n"])
    needed = schema.get("required", ())
    rows = [
        f"| `{field}` | {_type(one)} | {'' if field in needed else 'may be left out. '}{one.get('description', '')} |"
        for field, one in schema.get("properties", {}).items()
    ]
    if rows:
        lines += ["| field | value | meaning |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _type(schema: Schema) -> str:
    """Return what may stand somewhere, in a few words."""
    return " or ".join(_variants(schema))


def _variants(schema: Schema) -> Iterator[str]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield f"[{name}](#{name.lower()})"
    elif "anyOf" in schema or "oneOf" in schema:
        for one in schema.get("anyOf") or schema["oneOf"]:
            yield from _variants(one)
    elif "const" in schema:
        yield f"`{schema['const']}`"
    elif "enum" in schema:
        yield " or ".join(f"`{word}`" for word in schema["enum"])
    elif schema.get("type") == "array":
        yield f"list of {_type(schema.get('items', {}))}"
    elif isinstance(schema.get("additionalProperties"), dict):
        yield f"table of {_type(schema['additionalProperties'])}"
    else:
        kinds = schema.get("type", "")
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            yield _WORDS.get(schema.get("format") or kind, "anything")


_WORDS: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    "object": "table",
    "date-time": "time",
}
