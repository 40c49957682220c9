from __future__ import annotations

import json
import re

from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from customer_sync.web.api.call import ALWAYS
from customer_sync.web.api.document import document
from customer_sync.web.api.table import CALLS

from .calls import DOCUMENT, call

OPERATIONS = [(path, verb, one) for path, verbs in DOCUMENT["paths"].items() for verb, one in verbs.items()]


def test_the_document_is_openapi_31(web):
    assert DOCUMENT["openapi"] == "3.1.0"
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_a_document_that_is_none_is_seen():
    broken = json.loads(json.dumps(DOCUMENT).replace('"in": "path"', '"in": "pth"'))

    assert list(OpenAPIV31SpecValidator(broken).iter_errors())


def test_the_document_has_every_route_and_no_other(make_app):
    rules = [rule for rule in make_app().url_map.iter_rules() if rule.rule.startswith("/api/v1")]
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), verb.lower())
        for rule in rules
        for verb in rule.methods - {"HEAD", "OPTIONS"}
    }

    assert routes == {(path, verb) for path, verb, _ in OPERATIONS}


def test_every_schema_is_a_schema_and_every_reference_leads_somewhere():
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    references = re.findall(r"#/components/schemas/(\w+)", str(DOCUMENT))

    assert set(references) == set(DOCUMENT["components"]["schemas"])


def test_operation_ids_are_unique():
    ids = [one["operationId"] for _, _, one in OPERATIONS]

    assert len(set(ids)) == len(ids)


def test_every_call_tells_its_role_its_problems_and_the_headers_of_its_answers():
    for _, _, one in OPERATIONS:
        assert one["x-role"] in {"read", "operate"}
        assert {str(status) for status in ALWAYS} <= set(one["responses"])
        for status, answer in one["responses"].items():
            kind = "application/json" if status < "3" else "application/problem+json"
            assert list(answer["content"]) == [kind]
            assert "Tajo-Version" in answer["headers"]


def test_bodies_take_both_spellings_and_the_document_shows_one(web):
    order = DOCUMENT["components"]["schemas"]["RunOrder"]["properties"]

    assert {"dry_run", "source"} <= set(order)
    for body in ({"source": "lumen", "dry_run": True}, {"source": "lumen", "dryRun": True}):
        assert "cannot be pulled" in call(web, "post", "/api/v1/runs", 409, json=body)["detail"]


def test_the_document_is_served(web):
    assert call(web, "get", "/api/v1/openapi.json") == DOCUMENT


def test_the_document_does_not_depend_on_when_it_is_made():
    assert document(CALLS) == document(CALLS)
