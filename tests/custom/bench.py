"""A connector out of a text, and a platform out of a function: what the tests of connector files share."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import yaml

from customer_sync.custom import connector_of
from customer_sync.custom.reading import read
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Access, Want
from customer_sync.model import Event, Inbound

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
#: The least that a connector file says.
LEAST = {
    "name": "lamps",
    "base_url": "https://api.lamps.example",
    "resources": {"customers": {"endpoint": "/customers", "mapping": {"email": "email"}}},
}


def form_of(document):
    found = read(document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False), "lamps.yaml")
    assert found.form is not None, "\n".join(map(str, found.faults))
    return found.form


def faults_of(document):
    found = read(document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False), "lamps.yaml")
    assert (found.form is None) == bool(found.faults)
    return {one.path: one for one in found.faults}


def connector(document, secrets=(), base_url=None, **options):
    return connector_of(form_of(document))(SourceSettings("shop", "lamps", tuple(secrets), options, base_url))


def with_customers(**more):
    """Return the least file, with more said of its customers."""
    return {**LEAST, "resources": {"customers": {**LEAST["resources"]["customers"], **more}}}


class Vault:
    """Keeps credentials in memory."""

    def __init__(self):
        self.text = "{}"

    def load(self):
        return json.loads(self.text)

    def save(self, values):
        self.text = json.dumps(dict(values))

    @contextmanager
    def locked(self):
        yield


class Asked:
    """One call, as the platform sees it."""

    def __init__(self, method, url, headers, body):
        parts = urlsplit(url)
        self.method, self.url, self.headers, self.body = method, url, dict(headers), body
        self.path, self.query = parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}

    @property
    def json(self):
        return json.loads(self.body)


class Wire:
    """A platform: `answer(asked)` gives a value, or (status, value, headers)."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def send(self, method, url, *, headers, body=None, is_file=False):
        self.asked.append(Asked(method, url, headers, body))
        found = self.answer(self.asked[-1])
        status, value, more = found if isinstance(found, tuple) else (200, found, {})
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        return Reply(status, {"content-type": "application/json", **more}, raw)

    def access(self, vault=None):
        return Access(self, vault or Vault(), now_s=NOW.timestamp)


def pages(made, wire, since=None, resource="customers", most=50):
    """Return all pages of a pull; each cursor goes through text, as in a database."""
    found, cursor = [], None
    for _ in range(most):
        page = made.pull(Want(resource, cursor, since), wire.access())
        found.append(page)
        if page.cursor is None:
            return found
        cursor = json.loads(json.dumps(page.cursor))
    raise AssertionError("a pull without end")


def ids(found):
    return [one.record_id for page in found for one in page.events if isinstance(one, Event)]


def webhook(body, path="", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Inbound("shop", named, raw, NOW, path=path, url=f"https://tajo.example/webhooks/shop/{path}")
