"""A stand-in for the API, for the tests here: answers by method and path, remembers what it was asked. No tests here.

The whole company, behind HTTP, is `connectors.pipedrive.fake`.
"""

import json
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from connectors.pipedrive.connector import PipedriveConnector
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Access

NOW_S = 1_795_262_400.0  # 2026-11-21T12:00:00Z
TOKEN = {"api_token": "right"}
APP = {"client_id": "app", "client_secret": "app-secret"}
PERSONS, DEALS, FIELDS = "/api/v2/persons", "/api/v2/deals", "/api/v2/personFields"
FINE = {"x-ratelimit-limit": "80", "x-ratelimit-remaining": "79", "x-ratelimit-reset": "2"}


class Call(NamedTuple):
    method: str
    url: str
    headers: dict
    body: object

    @property
    def query(self):
        return dict(parse_qsl(urlsplit(self.url).query))

    @property
    def path(self):
        return urlsplit(self.url).path


class StandIn:
    """`answers` maps `GET /path` to what comes: a `Reply`, or data, or a function of the call, or a list of these."""

    def __init__(self, answers):
        self.answers, self.calls = {f"GET {FIELDS}": [], **answers}, []

    def send(self, method, url, *, headers, body=None, is_file=False):
        read = body
        if body and b"{" in body[:1]:
            read = json.loads(body)
        call = Call(method, url, dict(headers), read)
        self.calls.append(call)
        found = self.answers[f"{method} {call.path}"]
        if isinstance(found, Answers):
            found = found.pop(0) if len(found) > 1 else found[0]
        if callable(found):
            found = found(call)
        return found if isinstance(found, Reply) else reply(200, {"success": True, "data": found})

    def asked(self, method, path):
        return [one for one in self.calls if (one.method, one.path) == (method, path)]


class Answers(list):
    """Answers taken one by one; the last one stays."""


class FakeVault:
    def __init__(self, **kept):
        self.kept = kept

    def load(self):
        return json.loads(json.dumps(self.kept))

    def save(self, values):
        self.kept = dict(values)

    @contextmanager
    def locked(self):
        yield


class Clock:
    def __init__(self, now_s=NOW_S):
        self.now_s = now_s

    def __call__(self):
        return self.now_s


class Held(list):
    """How long everybody was held."""

    def __call__(self, wait_s):
        self.append(wait_s)


def access(http, vault=None, clock=None, held=None):
    return Access(http, vault or FakeVault(), clock or Clock(), Held() if held is None else held)


def connector(options=TOKEN, *, base_url="http://127.0.0.1:1", secrets=("tajo:secret",)):
    return PipedriveConnector(SourceSettings("crm", "pipedrive", secrets, dict(options), base_url))


def reply(status, body=b"", **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-").lower(): str(value) for name, value in headers.items()}
    return Reply(status, {"content-type": "application/json", **FINE, **named}, raw)


def rows(*found, cursor=None):
    return reply(200, {"success": True, "data": [*found], "additional_data": {"next_cursor": cursor}})


def person(number=1, **fields):
    """Return a person as the API writes it."""
    return {
        "id": number,
        "name": "Ann Example",
        "first_name": "Ann",
        "last_name": "Example",
        "owner_id": 12,
        "org_id": None,
        "add_time": "2026-11-20T08:15:00Z",
        "update_time": "2026-11-21T11:00:00Z",
        "emails": [{"value": f"ann{number}@example.com", "primary": True, "label": "work"}],
        "phones": [{"value": "+33612345678", "primary": True, "label": "work"}],
        "is_deleted": False,
        "label_ids": [],
        "custom_fields": {},
        "job_title": None,
        "postal_address": {"value": "1 rue A, 69003 Lyon", "locality": "Lyon", "postal_code": "69003"},
        "marketing_status": "subscribed",
        **fields,
    }


def deal(number=1, **fields):
    """Return a deal as the API writes it."""
    return {
        "id": number,
        "title": "Lamps",
        "value": 200,
        "currency": "EUR",
        "person_id": 1,
        "org_id": None,
        "stage_id": 3,
        "pipeline_id": 1,
        "status": "won",
        "add_time": "2026-11-01T08:00:00Z",
        "update_time": "2026-11-21T11:00:00Z",
        "won_time": "2026-11-21T10:59:00Z",
        "lost_time": None,
        "close_time": "2026-11-21T10:59:00Z",
        "is_deleted": False,
        "is_archived": False,
        **fields,
    }
