"""What the service answers, as types of the clients: Python and TypeScript, made from the OpenAPI document.

`scripts/check_docs.py` writes and checks them, like every text that is made from code.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from customer_sync.web.api.document import document
from customer_sync.web.api.table import CALLS

Schema = Mapping[str, Any]

PYTHON_HEAD = '''"""{title}, as types. Made from the service's OpenAPI document by `make format`.

Nothing is converted: an answer is the JSON as it came, and a newer service may add to it.
"""

from __future__ import annotations

'''
TYPESCRIPT_HEAD = """// What the service answers, as types. Made from its OpenAPI document by `make format`.
// Nothing is converted: an answer is the JSON as it came, and a newer service may add to it.
"""
#: Modules of `tajo` that hold one answer and what nothing else holds → the answer, and what the module is about.
MODULES = {
    "doors": ("Imports", "What imports may do in the Brevo account"),
    "figures": ("Status", "The figures of an installation"),
    "person": ("Contact", "One person, explained"),
    "receipts": ("Receipt", "A comparison of both sides"),
}
#: The module with all others.
REST = "answers"
#: JSON's words → Python's, TypeScript's.
PLAIN = {
    "string": ("str", "string"),
    "integer": ("int", "number"),
    "number": ("float", "number"),
    "boolean": ("bool", "boolean"),
    "null": ("None", "null"),
}
WIDTH = 116


def python_text(module: str) -> str:
    """Return one of the modules of `tajo` that hold types, laid out as `make format` does."""
    made = python_module(json.loads(document(CALLS)), module)
    ruff = [sys.executable, "-m", "ruff", "format", "--quiet", "--stdin-filename", f"tajo/{module}.py", "-"]
    return subprocess.run(ruff, input=made, capture_output=True, text=True, check=True).stdout


def typescript_text() -> str:
    """Return `clients/js/sdk/answers.d.cts`."""
    return typescript_types(json.loads(document(CALLS)))


def python_module(described: Schema, module: str) -> str:
    """Return one of the modules of `tajo` that hold types."""
    homes = modules(described)
    parts, used = [], set()
    for name, schema in answers(described):
        if homes[name] == module:
            used |= set(refs(schema))
            parts.append(python_class(name, schema))
    body = "\n\n".join(parts)
    typing = [word for word in ("Any", "Literal", "NotRequired", "TypedDict") if f"{word}" in body]
    head = [f"from typing import {', '.join(typing)}\n"]
    for home in sorted({homes[name] for name in used} - {module}):
        names = sorted(name for name in used if homes[name] == home)
        head.append(f"from tajo.{home} import {', '.join(names)}\n")
    title = MODULES[module][1] if module in MODULES else "What the service answers"
    return PYTHON_HEAD.replace("{title}", title) + "\n".join(head) + "\n\n" + body + "\n"


def modules(described: Schema) -> dict[str, str]:
    """Return for each type the module of `tajo` that holds it."""
    schemas: Schema = described["components"]["schemas"]
    found = dict(answers(described))
    lists = set(answered(described)) - set(found)
    whole = (set(answered(described)) - lists).union(*(refs(schemas[name]) for name in lists))
    homes = dict.fromkeys(found, REST)
    for module, (root, _) in MODULES.items():
        rest = set(reached(schemas, {name for name in whole if name != root}))
        homes |= {name: module for name in reached(schemas, [root]) if name not in rest}
    return homes


def reached(found: Schema, roots: Iterable[str]) -> Iterator[str]:
    """Yield each type that is one of the roots or stands below one."""
    waiting, seen = list(roots), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            yield name
            waiting += refs(found[name])


def python_class(name: str, schema: Schema) -> str:
    """Return one type."""
    if "enum" in schema:
        return f"#: {about(schema)}\n{name} = {python(schema)}"
    lines = [f"class {name}(TypedDict):", f'    """{about(schema)}"""', ""]
    for key, value in schema.get("properties", {}).items():
        text = python(value)
        lines.append(f"    {key}: {text if key in schema.get('required', ()) else f'NotRequired[{text}]'}")
    return "\n".join(lines)


def typescript_types(described: Schema) -> str:
    """Return `clients/js/sdk/answers.d.cts`."""
    parts = [TYPESCRIPT_HEAD.rstrip()]
    for name, schema in answers(described):
        head = f"/** {about(schema)} */\n"
        if "enum" in schema:
            parts.append(f"{head}export type {name} = {typescript(schema)};")
            continue
        lines = [f"{head}export interface {name} {{"]
        for key, value in schema.get("properties", {}).items():
            if "description" in value:
                lines += [f"  /** {value['description']} */"]
            lines.append(f"  {key}{'' if key in schema.get('required', ()) else '?'}: {typescript(value)};")
        parts.append("\n".join([*lines, "}"]))
    return "\n\n".join(parts) + "\n"


def answers(described: Schema) -> list[tuple[str, Schema]]:
    """Return what calls that are done answer, and all that stands in it, by name; lists only as what they hold."""
    schemas: Schema = described["components"]["schemas"]
    found: dict[str, Schema] = {}
    waiting = list(answered(described))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = schemas[name]
            waiting += refs(schemas[name])
    lists = {name for name, schema in found.items() if "next_cursor" in schema.get("properties", {})}
    return sorted((name, schema) for name, schema in found.items() if name not in lists)


def answered(described: Schema) -> Iterator[str]:
    """Yield the name of each schema that an answer from 200 to 299 has."""
    for methods in described["paths"].values():
        for call in methods.values():
            for status, answer in call.get("responses", {}).items():
                if status.startswith("2"):
                    yield from refs(answer.get("content", {}).get("application/json", {}))


def refs(schema: Any) -> Iterator[str]:
    """Yield the name of each schema that is named anywhere below."""
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for value in schema.values():
            yield from refs(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from refs(value)


def about(schema: Schema) -> str:
    """Return the first paragraph of a description, on one line."""
    text = " ".join(schema.get("description", "One of these words.").split("\n\n")[0].split())
    return textwrap.shorten(text, WIDTH - 12, placeholder=" ...")


def python(schema: Schema) -> str:
    """Return a schema as a Python type."""
    return typed(schema, 0, json.dumps, lambda one: f"list[{one}]", lambda one: f"dict[str, {one}]")


def typescript(schema: Schema) -> str:
    """Return a schema as a TypeScript type."""
    return typed(schema, 1, json.dumps, lambda one: f"Array<{one}>", lambda one: f"Record<string, {one}>")


def typed(
    schema: Schema,
    place: int,
    word: Callable[[str], str],
    array: Callable[[str], str],
    table: Callable[[str], str],
) -> str:
    """Return a schema as a type of a language.

    Args:
        schema: the schema.
        place: where the language's words stand in `PLAIN`.
        word: writes one allowed value.
        array: writes a list of something.
        table: writes an object with values of something.
    """

    def again(one: Schema) -> str:
        return typed(one, place, word, array, table)

    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    values = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    if values:
        words = ", ".join(map(word, values)) if place == 0 else " | ".join(map(word, values))
        return f"Literal[{words}]" if place == 0 else words
    choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if choices:
        return " | ".join(dict.fromkeys(map(again, choices)))
    kind = schema.get("type")
    if kind == "array":
        return array(again(schema.get("items", {})))
    if kind == "object":
        inner = schema.get("additionalProperties", {})
        return table(again(inner) if isinstance(inner, Mapping) else ("Any", "unknown")[place])
    return PLAIN[str(kind)][place] if kind in PLAIN else ("Any", "unknown")[place]
