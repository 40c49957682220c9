"""The API as an OpenAPI 3.1 document, made from the table of calls and the models of their functions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from customer_sync import __version__
from customer_sync.api.paging import Query
from customer_sync.api.problem import ProblemDetails
from customer_sync.base.metrics import CATALOGUE
from customer_sync.config import Role
from customer_sync.web.api.call import ALWAYS, BASE, MEANINGS, Call
from customer_sync.web.api.gate import ACCOUNT
from customer_sync.web.guard import WHERE_THE_KEY_IS

_REF: Final = "#/components/schemas/{model}"
_TEXT: Final = {"type": "string"}
_VERSION: Final = {
    "Tajo-Version": {"description": "The version of the server.", "schema": _TEXT},
    "RateLimit-Policy": {"description": '`"key";q=600;w=60`: so many calls in so many seconds.', "schema": _TEXT},
    "RateLimit": {
        "description": '`"key";r=599;t=42`: so many are left; all in so many seconds.',
        "schema": _TEXT,
    },
}
_ACCOUNT: Final = {
    "name": ACCOUNT,
    "in": "header",
    "required": False,
    "description": "Which Brevo account is meant: HMAC-SHA256 of Brevo's API key, under the API key that is sent, in "
    "hexadecimal digits. Where the server delivers to another one: 409.",
    "schema": {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"},
}
_NAME: Final = {"type": "string", "minLength": 1}


def document(calls: Sequence[Call]) -> str:
    """Return the whole document as JSON."""
    paths: dict[str, dict[str, Any]] = {}
    for call in calls:
        paths.setdefault(BASE + call.template, {})[call.verb.lower()] = _operation(call)
    paths[f"{BASE}/openapi.json"] = {"get": _itself()}
    made = {
        "openapi": "3.1.0",
        "info": {
            "title": "Tajo Customer Sync",
            "version": __version__,
            "description": f"What the dashboard shows, for programs. {len(CATALOGUE)} metrics are at /metrics.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas(calls),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": f"Send {WHERE_THE_KEY_IS}"}},
        },
    }
    return json.dumps(made, ensure_ascii=False, indent=1)


def _operation(call: Call) -> dict[str, Any]:
    in_path = [{"name": name, "in": "path", "required": True, "schema": _NAME} for name in call.parts]
    made: dict[str, Any] = {
        "operationId": call.name,
        "summary": call.summary,
        "tags": [call.path.split("/")[1]],
        "x-role": str(call.role),
        "parameters": [*in_path, *(_parameters(call) if call.query else ()), _ACCOUNT],
        "responses": {
            str(call.status): _answer(call.summary, call.answer),
            **{str(status): _problem(text) for status, text in call.statuses.items()},
        },
    }
    if call.body:
        schema = {"$ref": _REF.format(model=call.body.__name__)}
        made["requestBody"] = {"required": call.needs_body, "content": {"application/json": {"schema": schema}}}
    return made


def _parameters(call: Call) -> list[dict[str, Any]]:
    """Return the parameters of a call; what may be left out is not null, it is left out."""
    assert call.query is not None
    schema = call.query.model_json_schema(mode="validation", ref_template=_REF)
    found = []
    for name, described in schema.get("properties", {}).items():
        one = {key: value for key, value in described.items() if key not in {"title", "description"}}
        variants = [variant for variant in one.pop("anyOf", ()) if variant != {"type": "null"}]
        one |= variants[0] if variants else {}
        if one.get("default", "") is None:
            del one["default"]
        text = described.get("description", "")
        if name in call.guarded:
            text += f" Needs the role {call.guarded[name]}."
        is_needed = name in schema.get("required", ())
        found.append({"name": name, "in": "query", "required": is_needed, "description": text, "schema": one})
    return found


def _itself() -> dict[str, Any]:
    kind = {"type": "object", "required": ["openapi", "info", "paths"]}
    return {
        "operationId": "get_openapi_json",
        "summary": "This document",
        "tags": ["openapi.json"],
        "x-role": str(Role.READ),
        "parameters": [_ACCOUNT],
        "responses": {
            "200": {
                "description": "This document",
                "headers": _VERSION,
                "content": {"application/json": {"schema": kind}},
            },
            **{str(status): _problem(MEANINGS[status]) for status in ALWAYS},
        },
    }


def _answer(text: str, model: type[BaseModel]) -> dict[str, Any]:
    schema = {"$ref": _REF.format(model=model.__name__)}
    return {"description": text, "headers": _VERSION, "content": {"application/json": {"schema": schema}}}


def _problem(text: str) -> dict[str, Any]:
    schema = {"$ref": _REF.format(model="Problem")}
    return {"description": text, "headers": _VERSION, "content": {"application/problem+json": {"schema": schema}}}


def _schemas(calls: Sequence[Call]) -> dict[str, Any]:
    """Return the schema of every model, by its name."""
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(ProblemDetails, "serialization"): None}
    for call in calls:
        wanted[call.answer, "serialization"] = None
        if call.body:
            wanted[call.body, "validation"] = None
        if call.query:
            wanted[call.query, "validation"] = None
    _, made = models_json_schema([*wanted], by_alias=False, ref_template=_REF)
    found: dict[str, Any] = made["$defs"]
    found["Problem"] = found.pop(ProblemDetails.__name__)
    queries = {model.__name__ for model, _ in wanted if issubclass(model, Query)}
    return {name: schema for name, schema in sorted(found.items()) if name not in queries}
