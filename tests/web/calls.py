"""Calls of the API in this process, each answer checked against the OpenAPI document."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator, FormatChecker
from werkzeug.serving import make_server

from customer_sync.web.api.document import document
from customer_sync.web.api.table import CALLS

DOCUMENT: Final[dict[str, Any]] = json.loads(document(CALLS))


def schema_of(path: str, verb: str, status: int) -> dict[str, Any]:
    """Return the schema of an answer, in whichever type of content it comes."""
    ((_, content),) = DOCUMENT["paths"][path][verb]["responses"][str(status)]["content"].items()
    return content["schema"]


def check(value: object, schema: dict[str, Any]) -> None:
    """Compare a value with a schema of the document."""
    whole = {**schema, "components": DOCUMENT["components"]}
    Draft202012Validator(whole, format_checker=FormatChecker()).validate(value)


def call(web: FlaskClient, verb: str, template: str, status: int = 200, **how: Any) -> Any:
    """Make a call, check the answer against the document, return it."""
    names = {name: how.pop(name) for name in re.findall(r"{(\w+)}", template)}
    answer = web.open(template.format(**names), method=verb.upper(), **how)
    assert answer.status_code == status, answer.text
    check(answer.json, schema_of(template.partition("?")[0], verb, status))
    return answer.json


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve an app on this machine; give its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
