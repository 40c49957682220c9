"""The service as it is: the web process in a thread, a real Redis, the sandbox of Brevo, and a worker on demand."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from customer_sync.assembly import open_line
from customer_sync.loading import load_settings
from customer_sync.pipeline import deliver, process_inbox
from customer_sync.store import connect
from customer_sync.web import create_app
from tests.sandbox_server import SandboxClient, sandbox_server

KEY = "a-key-of-the-service-0123456789"
READ_KEY = "a-key-that-reads-0123456789abcd"
BREVO_KEY = "xkeysib-of-the-tests"
#: Both shops of the documents, and their list; both receive only.
CONFIG = f"""
connectors:
  shopify:
    shop_url: your-store.myshopify.com
    api_secret: shopify-secret-0123456789
  woocommerce:
    shop_url: https://shop.example.com
    webhook_secret: woocommerce-secret-0123456789
skills:
  customer-sync:
    enabled: true
api:
  keys:
    - {{name: grafana, key: {READ_KEY}, role: read}}
  rate_per_minute: 100000
"""
#: Attributes of the documents that a new account has not.
ATTRIBUTES = {"TOTAL_ORDERS": "float", "TOTAL_SPENT": "float"}


class Service:
    """A running service.

    Args:
        app: its web process.
        url: where that is.
        sandbox: where it delivers to.
        redis_url: where its Redis is.
    """

    def __init__(self, app: Any, url: str, sandbox: SandboxClient, redis_url: str) -> None:
        self.url = url
        self.sandbox = sandbox
        self._app = app
        self._redis_url = redis_url

    def work(self) -> None:
        """Do what a worker does until nothing is left to do."""
        client = connect(self._redis_url)
        line = open_line(self._app.extensions["tajo"].settings, client, lambda _: None)
        while process_inbox(line) or deliver(line, "contacts").did_work:
            pass
        client.connection_pool.disconnect()

    def attributes(self, address: str) -> dict[str, Any]:
        """Return what Brevo has of a person."""
        found: dict[str, Any] = self.sandbox.contacts()[address]["attributes"]
        return found


class Quiet(WSGIRequestHandler):
    """Answers without a word, and keeps connections as the real server does."""

    protocol_version = "HTTP/1.1"

    def log(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def service(redis_url: str, home: Path) -> Iterator[Service]:
    """Run a service while the block lasts."""
    client = connect(redis_url)
    client.flushall()
    client.connection_pool.disconnect()
    path = home / "tajo.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    with sandbox_server("--plan", "none") as sandbox, pytest.MonkeyPatch.context() as patch:
        for name, kind in ATTRIBUTES.items():
            sandbox.call("POST", f"/v3/contacts/attributes/normal/{name}", {"type": kind})
        env = {"TAJO_API_KEY": KEY, "BREVO_API_KEY": BREVO_KEY, "BREVO_API_URL": sandbox.url, "TAJO_HOME": str(home)}
        patch.setenv("TAJO_HOME", str(home / ".tajo"))
        patch.setenv("TAJO_REDIS_URL", redis_url)
        # `work` is called by hand, and Celery may know the broker of a test before: it is looked for in vain for 6 s
        patch.setattr("customer_sync.web.services.wake", lambda _: None)
        app = create_app(load_settings(path, env))
        server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield Service(app, f"http://127.0.0.1:{server.server_port}", sandbox, redis_url)
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
            app.extensions["tajo"].intake.stop()
            app.extensions["tajo"].spool.close()
