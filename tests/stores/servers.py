"""Starts a stand-in of a platform as a process of its own, and speaks with its control routes.

```python
with store_server("shopify", "--customers", "1000") as shop:
    shop.address                                   # for `base_url`: http://127.0.0.1:40001
    shop.post("/fake/customers/change", {"count": 10})
    shop.get("/fake/state")["calls"]
```
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import urllib3

from tests.processes import running, stop


class StoreClient:
    """One running stand-in.

    Args:
        address: where it is.
        process: its process, for tests that kill it.
    """

    def __init__(self, address: str, process: subprocess.Popen[str]) -> None:
        self.address = address
        self.process = process
        self.http = urllib3.PoolManager(retries=False, timeout=30)

    def get(self, path: str) -> Any:
        """Return the JSON of a path."""
        return self._call("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        """Send JSON to a path and return what comes back, None without a body."""
        return self._call("POST", path, json={} if body is None else body)

    def delete(self, path: str) -> None:
        """Delete what a path stands for."""
        self._call("DELETE", path)

    def fault(self, kind: str, **options: Any) -> None:
        """Switch a fault on, as `fault("status", status=503, count=2)`."""
        self.post("/fake/faults", {"kind": kind, **options})

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it and wait; SIGKILL takes its worker along."""
        stop(self.process, number)

    def _call(self, method: str, path: str, **more: Any) -> Any:
        answer = self.http.request(method, self.address + path, **more)
        assert answer.status < 400, f"{method} {path}: {answer.status} {answer.data[:500]!r}"
        return answer.json() if answer.data else None


@contextmanager
def store_server(platform: str, *arguments: str, port: int = 0) -> Iterator[StoreClient]:
    """Run a stand-in while the block lasts.

    Args:
        platform: its folder below `connectors`.
        arguments: more of the command line, as `"--customers", "1000"`.
        port: the port; 0 takes a free one.
    """
    with running(f"connectors.{platform}.fake", *arguments, port=port) as (address, process):
        yield StoreClient(address, process)
