"""The vocabulary of connector files as JSON Schema (draft 2020-12).

It says of every table and every value what the reader says of them one by one. What must hold between two keys is the
reader's alone, but for a few pairs below. Texts of the format `jmespath` are expressions.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Final

from pydantic.json_schema import PydanticJsonSchemaWarning

from customer_sync.custom.form import Form
from customer_sync.custom.words import COMMON, WORDS


def _goes_with(word: str, header: str, alone: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """Return the rule that a word of a message is signed where its header is named; other keys need it."""
    return {
        "if": {"required": ["message"], "properties": {"message": {"pattern": rf"\{{{word}\}}"}}},
        "then": {"required": [header], "properties": {header: {"type": "string"}}},
        "else": {"properties": {header: {"type": "null"}, **dict.fromkeys(alone, False)}},
    }


#: Table → what must hold between its keys.
_BETWEEN: Final[Mapping[str, Mapping[str, Any]]] = {
    "Resource": {
        "if": {"required": ["target"], "properties": {"target": {"const": "none"}}},
        "else": {"required": ["mapping"], "properties": {"mapping": {"minProperties": 1}}},
    },
    "HmacProof": {
        "allOf": [
            _goes_with("timestamp", "timestamp_header", ("timestamp_unit", "tolerance_seconds")),
            _goes_with("id", "id_header"),
        ]
    },
    "VendorProof": {
        "if": {"properties": {"type": {"const": "shopify"}}},
        "then": {"properties": {"tolerance_seconds": False}},
    },
    "NoProof": {"required": ["type", "allow_insecure"]},
}


#: Pydantic's word for a bound → JSON Schema's.
_BOUNDS: Final = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}


def _close(table: dict[str, Any]) -> None:
    """Let a table have no other keys than those whose pattern is known, and a number its bounds in the words of JSON.

    Pydantic writes the bounds of a number that may be left out in words of its own.
    """
    for word, bound in _BOUNDS.items():
        if word in table:
            table[bound] = table.pop(word)
    if "patternProperties" in table:
        ((pattern, below),) = table.pop("patternProperties").items()
        table |= {"propertyNames": {"pattern": pattern}, "additionalProperties": below}


def json_schema() -> dict[str, Any]:
    """Return the schema. It knows the keys in snake_case; `authorizationUrl` and its like are read all the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PydanticJsonSchemaWarning)  # defaults that JSON cannot say
        found = Form.model_json_schema(by_alias=True)
    for name, table in {**found["$defs"], "Form": found}.items():
        for word, value in table.get("properties", {}).items():
            value.pop("title", None)
            for named in [value, *value.get("anyOf", ())]:
                _close(named)
            value["description"] = WORDS.get(name, {}).get(word) or COMMON[word]
        table.update(_BETWEEN.get(name, {}))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
