"""What the shell offers after Tab."""

from __future__ import annotations

import pytest
from click.shell_completion import ShellComplete

from customer_sync.cli import main
from customer_sync.store.run import RunKind


@pytest.fixture
def offered(tajo, monkeypatch):
    for name, value in tajo.env.items():
        monkeypatch.setenv(name, value)

    def offered(*words, begin=""):
        shell = ShellComplete(main, {}, "tajo", "_TAJO_COMPLETE")
        return [one.value for one in shell.get_completions(list(words), begin)]

    return offered


def test_commands_and_what_they_take_are_offered(offered, store):
    run = store.runs.start("shopify", RunKind.FULL, by="test")

    assert "connectors" in offered(begin="con")
    assert "sync" in offered("connectors", begin="s")
    assert offered("connectors", "sync", begin="w") == ["woo"]
    assert offered("connectors", "install") == ["shopify", "woo"]
    assert offered("trigger", begin="shop") == ["shopify"]
    assert "customers_update" in offered("trigger", "shopify", begin="customers_")
    assert offered("runs", "show") == [run.id]
    assert offered("replay") == []


def test_nothing_is_offered_and_nothing_said_where_something_is_wrong(offered, tajo, capfd):
    tajo.config.write_text("connectors: [\n")

    assert offered("connectors", "install") == []
    assert offered("trigger", "nothing") == []
    assert "".join(capfd.readouterr()) == ""
