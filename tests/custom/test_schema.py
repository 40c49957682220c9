"""The JSON Schema and the reader say the same of any file, and every word of the schema is explained."""

from __future__ import annotations

import json
from functools import cache

import jmespath
import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from customer_sync.custom.form import Form
from customer_sync.custom.parts import Unknown
from customer_sync.custom.reading import read
from customer_sync.custom.schema import json_schema
from customer_sync.custom.words import COMMON, WORDS

SCHEMA = json_schema()
FORMATS = jsonschema.FormatChecker(formats=[])


@FORMATS.checks("jmespath", raises=Exception)
def is_expression(text):
    return not isinstance(text, str) or bool(jmespath.compile(text))


VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=FORMATS)
TEXTS = ["a", "id", "contact.email", "a[0]", "x[?p].v | [0]", "${secret.a}", "${env.B}", "${config.c:-d}", "/c/{id}"]
TEXTS += [
    "https://api.lamps.example",
    "https://${config.host}/x",
    "10m",
    "4xx",
    "{body}",
    "{timestamp}.{body}",
    "1.0.0",
]
TEXTS += [
    "X-A",
    "rfc3339",
    "lamps",
    "email",
    "none",
    "empty",
    "page",
    "",
    " ",
    "a b",
    "${",
    "${x}",
    "`",
    "\n",
    "é",
    "a@b",
]
TEXTS += ["${secret.platform}", "${secret.a:-b}", "https://u:p@x.example", "https://x\\y", "//x", "?", "a" * 501]
ODD = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2.5,
    404,
    10**30,
    [],
    {},
    ["a"],
    ["a", 1],
    {"a": 1},
    {"path": "a"},
    [[]],
    {"type": "none"},
]
ODD += ["trim", {"join": "+"}, {"join": {"sep": "+"}}, {"map": {}}, {"default": None}, {"if_missing": []}, [404, "5xx"]]


def is_seldom(data):
    return data.draw(st.integers(0, 150)) == 75  # not at an end, which is drawn more often


@cache
def fitting(schema, values):
    validator = jsonschema.Draft202012Validator(json.loads(schema), format_checker=FORMATS)
    return [one for one in values if validator.is_valid(one)]


def resolved(schema):
    while "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def drawn(data, schema, depth=0):  # noqa: PLR0911  # one for each kind of value
    """Return a value as the schema has it, and now and then something else."""
    if depth and is_seldom(data):
        return data.draw(st.sampled_from([*TEXTS, *ODD]))
    schema = resolved(schema)
    if ways := schema.get("oneOf") or schema.get("anyOf"):
        return drawn(data, data.draw(st.sampled_from(ways)), depth)
    if "const" in schema and not is_seldom(data):
        return schema["const"]
    if "enum" in schema:
        return data.draw(st.sampled_from(schema["enum"]))
    kind = schema.get("type", "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return table(data, schema, depth)
    if kind == "array":
        return [drawn(data, schema.get("items", {}), depth + 1) for _ in range(data.draw(st.integers(0, 2)))]
    if kind == "boolean":
        return data.draw(st.booleans())
    if kind in {"integer", "number"}:
        some = fitting(json.dumps(schema), (1, 2, 30, 404, 2.5))
        return data.draw(st.sampled_from([0, 61, 3601, 100_000, 10**9] if is_seldom(data) else some))
    if kind == "null":
        return None
    return data.draw(st.sampled_from(fitting(json.dumps(schema), tuple(TEXTS)) or TEXTS))


def table(data, schema, depth):
    found, known = {}, schema.get("properties", {})
    for word, below in known.items():
        is_wanted = word in schema.get("required", ()) or word == "mapping" or data.draw(st.integers(0, 3)) == 0
        if is_wanted and depth < 8 and not is_seldom(data):
            found[word] = drawn(data, below, depth + 1)
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        names = ("email", "customers", "X-A", "q", "")
        names = names if is_seldom(data) else fitting(json.dumps(schema.get("propertyNames", True)), names)
        for name in data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=2)) if names else ():
            found[name] = drawn(data, more, depth + 1)
    elif is_seldom(data):
        found["odd"] = 1
    return found


def is_read(document):
    """Tell whether the reader takes each table and value, and the pairs of keys that the schema knows, too."""
    unknown = Unknown()
    try:
        form = Form.model_validate(document, context=unknown)
    except ValidationError:
        return False
    is_mapped = all(one.mapping or one.target == "none" for one in form.resources.values())
    return is_mapped and not unknown.found


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_the_reader_and_the_schema_say_the_same_of_any_file(data):
    document = json.loads(json.dumps(drawn(data, SCHEMA)))

    is_valid = VALIDATOR.is_valid(document)
    assert is_valid is is_read(document), list(VALIDATOR.iter_errors(document))
    if not is_valid:
        assert read(json.dumps(document), "x.json").faults


def tables():
    return {**SCHEMA["$defs"], "Form": SCHEMA}


def test_a_number_that_may_be_left_out_keeps_its_bounds():
    document = {"name": "a", "resources": {"customers": {"endpoint": "/c", "mapping": {"email": "email"}}}}

    assert VALIDATOR.is_valid({**document, "http": {"timeout_seconds": 60}})
    assert not VALIDATOR.is_valid({**document, "http": {"timeout_seconds": 61}})


@pytest.mark.parametrize("name", sorted(tables()))
def test_every_word_is_explained(name):
    for word, value in tables()[name].get("properties", {}).items():
        assert value["description"].endswith("."), word
        assert value["description"][0].isupper() or value["description"][0] in "1t", word


def test_no_word_is_explained_that_there_is_not():
    found = {name: set(one["properties"]) for name, one in tables().items() if "properties" in one}

    assert [name for name, words in WORDS.items() if set(words) - found.get(name, set())] == []
    assert set(COMMON) <= set().union(*found.values())
