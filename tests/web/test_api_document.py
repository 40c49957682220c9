from __future__ import annotations

import re

from jsonschema import Draft202012Validator

from .calls import DOCUMENT, call


def test_the_document_has_every_route_and_no_other(make_app):
    rules = [rule for rule in make_app().url_map.iter_rules() if rule.rule.startswith("/api/v1")]
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), verb.lower())
        for rule in rules
        for verb in rule.methods - {"HEAD", "OPTIONS"}
    }

    assert routes == {(path, verb) for path, verbs in DOCUMENT["paths"].items() for verb in verbs}


def test_every_schema_is_a_schema_and_every_reference_leads_somewhere():
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    references = re.findall(r"#/components/schemas/(\w+)", str(DOCUMENT))

    assert set(references) == set(DOCUMENT["components"]["schemas"])


def test_operation_ids_are_unique():
    ids = [operation["operationId"] for verbs in DOCUMENT["paths"].values() for operation in verbs.values()]

    assert len(set(ids)) == len(ids)


def test_the_document_is_served(web):
    assert call(web, "get", "/api/v1/openapi.json") == DOCUMENT
