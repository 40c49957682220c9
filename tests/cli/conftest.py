"""The command line as people call it: in a folder of its own, with a real Redis and, where asked for, the sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from customer_sync.assembly import open_line
from customer_sync.cli import main
from customer_sync.loading import load_settings
from customer_sync.model import Inbound
from customer_sync.pipeline import Line, accept, deliver, process_inbox
from customer_sync.store import Store, connect
from tests.sandbox_server import SandboxClient, sandbox_server

CONFIG = """\
connectors:
  shopify:
    shop_url: demo.myshopify.com
    api_secret: shopify-secret
  woo:
    platform: woocommerce
    webhook_secret: woo-secret
skills:
  customer-sync:
    enabled: true
    field_mapping:
      city: CITY
    options:
      list_id: 2
"""


class Tajo:
    """Calls `tajo` in a folder with a config."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder = folder
        self.config = folder / "tajo.yaml"
        self.config.write_text(CONFIG)
        self.env = env

    def __call__(self, *words: str, code: int = 0, given: str | None = None, **env: str | None) -> Result:
        result = CliRunner().invoke(main, words, env={**self.env, **env}, input=given)
        assert result.exit_code == code, f"{result.exit_code}: {result.output}\n{result.exception!r}"
        _let_go(result)
        return result

    def json(self, *words: str, code: int = 0, **env: str | None):
        return json.loads(self(*words, "--json", code=code, **env).stdout)

    def line(self) -> Line:
        """The line that a worker of this installation would have."""
        settings = load_settings(self.config, self.env)
        return open_line(settings, connect(self.env["TAJO_REDIS_URL"]), lambda _: None)

    def send(self, body: dict, topic: str = "customer.updated") -> None:
        """Put a webhook of WooCommerce into the inbox."""
        body = {"date_modified_gmt": "2026-11-20T10:00:00", **body}
        headers = {"x-wc-webhook-topic": topic}
        accept(self.line(), Inbound("woo", headers, json.dumps(body).encode(), datetime.now(UTC)))

    def work(self) -> None:
        """Do all that a worker would do now."""
        line = self.line()
        while process_inbox(line):
            pass
        while deliver(line, "contacts").did_work:
            pass


def _let_go(result: Result) -> None:
    """Forget the tracebacks: they lead to the connections of the command, which would end at any later moment."""
    error, result.exc_info = result.exception, None
    while error is not None:
        error.__traceback__ = None
        error = error.__context__


@pytest.fixture
def tajo(tmp_path: Path, store: Store, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Tajo:
    """`tajo` with an empty Redis and no Brevo."""
    monkeypatch.chdir(tmp_path)
    for name in ("BREVO_API_KEY", "BREVO_API_URL", "BREVO_WEBHOOK_SECRET", "TAJO_CONFIG", "TAJO_PUBLIC_URL"):
        monkeypatch.delenv(name, raising=False)
    return Tajo(tmp_path, {"TAJO_HOME": str(tmp_path / "home"), "TAJO_REDIS_URL": redis_url})


@pytest.fixture(scope="session")
def one_sandbox() -> Iterator[SandboxClient]:
    """One sandbox for all tests; it takes a second to start."""
    with sandbox_server() as found:
        yield found


@pytest.fixture
def sandbox(one_sandbox: SandboxClient, tajo: Tajo) -> SandboxClient:
    """A new account, to which `tajo` delivers."""
    one_sandbox.reset()
    one_sandbox.clear_faults()
    one_sandbox.limits("none")
    tajo.env["BREVO_API_URL"] = one_sandbox.url
    return one_sandbox
