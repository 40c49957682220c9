"""The checker itself: a small document with every construct Brevo's uses."""

from __future__ import annotations

import pytest

from tests.openapi import DEVIATIONS, Spec, brevo_spec

NUMBERS = {"type": "array", "items": {"type": "integer"}}
TEXTS = {"type": "array", "items": {"type": "string"}}
DOCUMENT = {
    "components": {
        "schemas": {"thing": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}},
        "responses": {"error": {"content": {"application/json": {"schema": {"required": ["message"]}}}}},
    },
    "paths": {
        "/things/{id}": {
            "get": {
                "parameters": [{"in": "query", "name": "limit", "schema": {"type": "integer", "maximum": 9}}],
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/thing"}}}},
                    "204": {"content": {}},
                    "400": {"$ref": "#/components/responses/error"},
                },
            }
        },
        "/things/new": {
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "properties": {
                                    "name": {"type": "string", "nullable": True},
                                    "ids": {
                                        "oneOf": [{"type": "array"}, {"type": "array", "items": {"type": "string"}}]
                                    },
                                },
                            }
                        }
                    },
                },
                "responses": {"201": {}},
            }
        },
    },
}


@pytest.fixture
def spec() -> Spec:
    return Spec(DOCUMENT)


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "words"),
    [
        ("GET", "/things/7", "limit=9", b"", ""),
        ("GET", "/things/7", "limit=10", b"", "maximum"),
        ("GET", "/things/7", "limit=x", b"", "not of type 'integer'"),
        ("GET", "/things/7", "page=1", b"", "query page: not documented"),
        ("GET", "/other", "", b"", "no such operation"),
        ("POST", "/things/new", "", b'{"name": null, "ids": []}', ""),
        ("POST", "/things/new", "", b'{"name": 1}', "$.name"),
        ("POST", "/things/new", "", b'{"nmae": "x"}', "$.nmae: not documented"),
        ("POST", "/things/new", "", b"", "body: missing"),
    ],
)
def test_requests(spec, method, path, query, body, words):  # noqa: PLR0917 - a table
    faults = " ".join(spec.request_faults(method, path, query, body))

    assert words in faults
    assert bool(words) == bool(faults)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, b'{"id": 1}', ""),
        (200, b'{"id": "1"}', "$.id"),
        (200, b"", "needs a body"),
        (204, b"", ""),
        (204, b"{}", "has no body"),
        (400, b'{"message": "x"}', ""),
        (400, b"{}", "message"),
        (404, b'{"message": "x"}', "404 is not documented"),
        (429, b'{"message": "x"}', ""),
        (429, b"{}", "message"),
    ],
)
def test_answers(spec, status, body, words):
    faults = " ".join(spec.answer_faults("GET", "/things/7", status, body))

    assert words in faults
    assert bool(words) == bool(faults)


def test_brevos_document_is_read_whole():
    spec = brevo_spec()

    assert spec.find("GET", "/contacts/attributes")[0] == "/contacts/attributes"
    assert spec.find("GET", "/contacts/ann%40example.com")[0] == "/contacts/{identifier}"
    assert all(any(each[:2] == (verb, path) for each in spec._operations) for verb, path, _ in DEVIATIONS)
