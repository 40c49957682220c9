"""A sandbox in this process with a clock of its own; every call through it is checked against Brevo's document."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from customer_sync.sandbox.app import create_app
from customer_sync.sandbox.state import Sandbox, Settings
from tests.openapi import find_brevo_spec


@dataclass
class Receiver:
    """What calls webhooks get, and what they are answered. A call without a body is `None` among the bodies."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


class Clock:
    """Seconds since 1970 that pass only when told."""

    def __init__(self) -> None:
        self.now = 1_795_219_200.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Current:
    """Stands for the sandbox that is called now: one app for all, because making it takes longer than most tests."""

    sandbox: Sandbox

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sandbox, name)


@cache
def shared_app() -> tuple[Current, FlaskClient]:
    current = Current()
    return current, create_app(cast("Sandbox", current)).test_client()


class Brevo:
    """Calls one sandbox as a client would, checking each call against the document.

    Args:
        sandbox: whose routes are called.
        clock: its clock.
    """

    def __init__(self, sandbox: Sandbox, clock: Clock) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self._spec = find_brevo_spec()

    @property
    def _http(self) -> FlaskClient:
        current, client = shared_app()
        current.sandbox = self.sandbox
        return client

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = "test",
        wrong: bool = False,
        query: str = "",
    ) -> TestResponse:
        """Call a path below /v3. `wrong` says that the request is at fault on purpose."""
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {} if key is None else {"api-key": key}
        target = f"/v3{path}" + (f"?{query}" if query else "")
        answer = self._http.open(target, method=method, data=raw, headers=headers, content_type="application/json")
        if self._spec:
            faults = [] if wrong else self._spec.request_faults(method, path, query, raw)
            is_json = answer.content_type in (None, "application/json")
            faults += self._spec.answer_faults(method, path, answer.status_code, answer.data) if is_json else []
            assert not faults, f"{method} {path}: {faults}"
        return answer

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call a path below /sandbox and return its JSON."""
        answer = self._http.open(f"/sandbox{path}", method=method, json=body)
        assert answer.status_code < 300, answer.data
        return answer.json if answer.data else None

    def switch(self, **values: Any) -> None:
        """Set switches."""
        self.control("POST", "/switches", values)

    def create(self, **body: Any) -> int:
        """Create a contact and return its number."""
        answer = self.call("POST", "/contacts", body)
        assert answer.status_code == 201, answer.data
        return int(answer.json["id"])

    def update(self, identifier: str | int, **body: Any) -> None:
        """Change a contact."""
        answer = self.call("PUT", f"/contacts/{quote(str(identifier))}", body)
        assert (answer.status_code, answer.data) == (204, b""), answer.data

    def read(self, identifier: str | int) -> dict[str, Any]:
        """Return a contact."""
        answer = self.call("GET", f"/contacts/{quote(str(identifier))}")
        assert answer.status_code == 200, answer.data
        return dict(answer.json)

    def list_id(self, name: str = "Customers") -> int:
        """Add a list and return its number."""
        return int(self.call("POST", "/contacts/lists", {"name": name, "folderId": 1}).json["id"])

    def attribute(self, name: str, kind: str, category: str = "normal", **body: Any) -> None:
        """Add an attribute."""
        answer = self.call("POST", f"/contacts/attributes/{category}/{name}", {"type": kind, **body})
        assert answer.status_code == 201, answer.data

    def do_import(self, **body: Any) -> dict[str, Any]:
        """Import, let it complete, and return its process."""
        answer = self.call("POST", "/contacts/import", body)
        assert answer.status_code == 202, answer.data
        self.clock.sleep(60)
        return dict(self.call("GET", f"/processes/{answer.json['processId']}").json)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_brevo(clock: Clock) -> Iterator[Callable[..., Brevo]]:
    made: list[Sandbox] = []

    def make(**settings: Any) -> Brevo:
        sandbox = Sandbox(Settings(**settings), clock=clock)
        made.append(sandbox)
        return Brevo(sandbox, clock)

    yield make
    for sandbox in made:
        sandbox.close()


@pytest.fixture
def brevo(make_brevo: Callable[..., Brevo]) -> Brevo:
    return make_brevo()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            found.bodies.append(json.loads(body) if body else None)
            found.paths.append(self.path)
            found.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(found.statuses.pop(0) if found.statuses else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}/brevo"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        server.shutdown()
        thread.join()
