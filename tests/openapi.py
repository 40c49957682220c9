"""Checks requests and answers against an OpenAPI 3.0 document.

`BREVO` is Brevo's own document, beside the repository or further up; where it is absent `brevo_spec()` skips the test.
What the document says wrongly or not at all is in `DEVIATIONS` and `GENERIC_STATUSES`, each with its reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from jsonschema import Draft202012Validator

_PLACES = [folder / "shared" / "brevo" / "openapi.json" for folder in Path(__file__).resolve().parents[1:]]
BREVO = next((one for one in _PLACES if one.exists()), _PLACES[0])

#: Answers every operation can give though most do not list them: key, permission, verb, limit, edge.
GENERIC_STATUSES = frozenset({401, 403, 405, 410, 429, 500, 502, 503, 520, 524})
#: (verb, template, status) → why the answer is right although the document does not have it.
DEVIATIONS = {
    ("GET", "/contacts/{identifier}", 425): "a contact being processed cannot be read either",
    ("DELETE", "/contacts/{identifier}", 425): "the same for a delete",
    ("POST", "/contacts", 404): "an unknown list id, when the sandbox is told to answer 404",
    ("POST", "/contacts/import", 404): "the same",
    ("POST", "/contacts/import", 413): "a body above 10 MB, when the sandbox is told to answer 413",
    ("GET", "/contacts", 404): "an unknown segment",
    ("POST", "/smtp/email", 402): "the account's mails are used up; 402 is on the document's own list of statuses",
}
_GENERIC_ERROR = {
    "type": "object",
    "required": ["message"],
    "properties": {"code": {"type": "string"}, "message": {"type": "string"}, "metadata": {"type": "object"}},
}
_VERBS = ("get", "post", "put", "delete", "patch")


class Spec:
    """One document, indexed by verb and path.

    Args:
        document: the parsed OpenAPI document.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._operations: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._patterns: list[tuple[re.Pattern[str], str]] = []
        self._validators: dict[int, Draft202012Validator] = {}
        # Fixed paths go before paths with parameters, as in every router.
        for template in sorted(document["paths"], key=lambda one: (one.count("{"), one)):
            pattern = re.sub(r"\\\{[^/]+?\\\}", "[^/]+", re.escape(template))
            self._patterns.append((re.compile(pattern), template))
            item = document["paths"][template]
            for verb in _VERBS:
                if verb in item:
                    self._operations[verb.upper(), template] = item[verb]

    def find(self, method: str, path: str) -> tuple[str, Mapping[str, Any]] | None:
        """Return the template and the operation of a call, None when the document has none."""
        for pattern, template in self._patterns:
            if pattern.fullmatch(path) and (method, template) in self._operations:
                return template, self._operations[method, template]
        return None

    def request_faults(self, method: str, path: str, query: str = "", body: bytes = b"") -> list[str]:
        """Return what is wrong with a request: unknown path, query key or body key, wrong types."""
        found = self.find(method, path)
        if found is None:
            return [f"{method} {path}: no such operation"]
        _, operation = found
        faults = self._query_faults(operation, query)
        schema = self._json_schema(operation.get("requestBody", {}))
        if not body:
            needed = operation.get("requestBody", {}).get("required", False)
            return [*faults, "body: missing"] if needed and schema is not None else faults
        if schema is None:
            return [*faults, "body: none is documented"]
        value = json.loads(body)
        return [*faults, *self._schema_faults(schema, value), *_unknown_keys(self._resolve(schema), value)]

    def answer_faults(self, method: str, path: str, status: int, body: bytes = b"") -> list[str]:
        """Return what is wrong with an answer: a status the operation does not have, a body that does not fit."""
        found = self.find(method, path)
        if found is None:
            return [] if status in (401, 404, 405, 429) else [f"{method} {path}: {status} for no operation"]
        template, operation = found
        answer = self._resolve(operation["responses"].get(str(status)))
        if answer is None:
            if status not in GENERIC_STATUSES and (method, template, status) not in DEVIATIONS:
                return [f"{method} {template}: {status} is not documented"]
            return self._schema_faults(_GENERIC_ERROR, json.loads(body))
        schema = self._json_schema(answer)
        if schema is None:
            is_open = not answer or "application/json" in answer.get("content", {}) or status == 200
            return [f"{method} {template}: {status} has no body"] if body and not is_open else []
        if not body:
            return [f"{method} {template}: {status} needs a body"]
        return self._schema_faults(schema, json.loads(body))

    def _query_faults(self, operation: Mapping[str, Any], query: str) -> list[str]:
        known = {one["name"]: one["schema"] for one in operation.get("parameters", ()) if one["in"] == "query"}
        faults = []
        for name, text in parse_qsl(query, keep_blank_values=True):
            if name not in known:
                faults.append(f"query {name}: not documented")
                continue
            schema = known[name]
            each = schema.get("items", schema) if schema.get("type") == "array" else schema
            parts = text.split(",") if schema.get("type") == "array" else [text]
            found = [fault for part in parts for fault in self._schema_faults(each, _typed(each, part))]
            faults += [f"query {name}: {fault}" for fault in found]
        return faults

    def _json_schema(self, holder: Any) -> Any:
        return (self._resolve(holder) or {}).get("content", {}).get("application/json", {}).get("schema")

    def _schema_faults(self, schema: Any, value: Any) -> list[str]:
        validator = self._validators.get(id(schema))
        if validator is None:
            validator = self._validators[id(schema)] = Draft202012Validator(self._plain(schema))
        return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]

    def _resolve(self, node: Any) -> Any:
        while isinstance(node, dict) and "$ref" in node:
            target: Any = self._document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def _plain(self, node: Any) -> Any:
        """Return the schema as JSON Schema: references put in, `nullable` and `oneOf` rewritten.

        `oneOf` becomes `anyOf`: the document uses it for "a list of texts or a list of numbers", which an empty list is
        both of.
        """
        node = self._resolve(node)
        if isinstance(node, list):
            return [self._plain(one) for one in node]
        if not isinstance(node, dict):
            return node
        plain = {key: self._plain(value) for key, value in node.items() if key not in ("example", "examples", "format")}
        if isinstance(plain.get("oneOf"), list):
            plain["anyOf"] = plain.pop("oneOf")
        if plain.pop("nullable", False) is True:
            return {"anyOf": [plain, {"type": "null"}]}
        return plain


def _typed(schema: Mapping[str, Any], text: str) -> Any:
    kind = schema.get("type")
    try:
        if kind in ("integer", "number"):
            return json.loads(text)
    except ValueError:
        return text
    return text == "true" if kind == "boolean" else text


def _unknown_keys(schema: Mapping[str, Any], value: Any) -> list[str]:
    """Keys at the top of a body that no variant of its schema has: most likely a slip of the pen."""
    variants = [schema, *schema.get("oneOf", ()), *schema.get("allOf", ())]
    known = {name for one in variants for name in one.get("properties", {})}
    return [f"$.{name}: not documented" for name in value if name not in known] if known else []


@cache
def _load(path: Path) -> Spec:
    return Spec(json.loads(path.read_text(encoding="utf-8")))


def brevo_spec() -> Spec:
    """Return Brevo's document, read once; skips the test when it is not there."""
    if not BREVO.exists():
        pytest.skip("Brevo's OpenAPI document is not beside the repository")
    return _load(BREVO)


def find_brevo_spec() -> Spec | None:
    """Return Brevo's document, None when it is not there."""
    return _load(BREVO) if BREVO.exists() else None
