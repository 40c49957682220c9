"""A stand-in in this process, as the trials of the connectors and our own line call one over the network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from customer_sync.errors import Unavailable
from customer_sync.kit.fakes.fake import Fake
from customer_sync.kit.outbound import Reply


class Answer:
    """What a trial sees of an answer, as `urllib3` gives it."""

    def __init__(self, status: int, data: bytes) -> None:
        self.status, self.data = status, data

    def json(self) -> Any:
        return json.loads(self.data)


class Client:
    """Calls one stand-in; see `tests.stores.servers.StoreClient`, in whose place it stands.

    Args:
        fake: the stand-in.
        address: where it seems to be.
    """

    def __init__(self, fake: Fake[Any], address: str) -> None:
        self.fake, self.address = fake, address
        self._client = fake.app.test_client(use_cookies=False)
        #: What our line called: (method, path).
        self.calls: list[tuple[str, str]] = []
        self.is_down = False
        #: The token that is shown next is refused.
        self.is_expired = False

    @property
    def http(self) -> Client:
        """What a trial calls the platform's own API with."""
        return self

    def request(  # as urllib3 has it
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | None = None,
        fields: Mapping[str, Any] | None = None,
        encode_multipart: bool = True,
        **more: Any,
    ) -> Answer:
        """Call what stands at an address, as another program does."""
        del encode_multipart  # forms are never sent in parts here
        path = url.removeprefix(self.address)
        if fields is not None and method == "GET":
            path, fields = f"{path}?{urlencode(fields)}", None
        kind = {} if fields is None else {"content_type": "application/x-www-form-urlencoded"}
        data = body if fields is None else urlencode(fields)
        found = self._client.open(
            path, base_url=self.address, method=method, data=data, headers=dict(headers or {}), **kind, **more
        )
        return Answer(found.status_code, found.get_data())

    def get(self, path: str) -> Any:
        """Return the JSON of a path."""
        return self._call("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        """Send JSON to a path and return what comes back, None without a body."""
        return self._call("POST", path, json={} if body is None else body)

    def delete(self, path: str) -> None:
        """Delete what a path stands for."""
        self._call("DELETE", path)

    def send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, is_file: bool = False
    ) -> Reply:
        """Stand for our line's way to the platform.

        Raises:
            Unavailable: nobody answers.
        """
        del is_file
        parts = urlsplit(url)
        self.calls.append((method, parts.path))
        if self.is_down:
            raise Unavailable("nobody answers")
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        if self.is_expired:
            self.is_expired = False
            self.fake.faults.add({"kind": "unauthorized"})
        found = self._client.open(path, base_url=self.address, method=method, data=body, headers=dict(headers))
        self.fake.clear_faults()
        return Reply(found.status_code, {name.lower(): text for name, text in found.headers.items()}, found.get_data())

    def _call(self, method: str, path: str, **more: Any) -> Any:
        answer = self.request(method, self.address + path, **more)
        assert answer.status < 400, f"{method} {path}: {answer.status} {answer.data[:500]!r}"
        return answer.json() if answer.data else None
