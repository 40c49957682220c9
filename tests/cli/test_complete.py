"""What the shell offers after Tab."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from customer_sync.cli import main
from customer_sync.registry import platforms
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
    assert offered("connectors", "install") == list(dict.fromkeys(["shopify", "woo", *platforms()]))
    assert offered("trigger", begin="shop") == ["shopify"]
    assert "customers_update" in offered("trigger", "shopify", begin="customers_")
    assert offered("runs", "show") == [run.id]
    assert offered("replay") == []


def test_nothing_is_offered_and_nothing_said_where_something_is_wrong(offered, tajo, capfd):
    tajo.config.write_text("connectors: [\n")

    assert offered("connectors", "sync") == []
    assert offered("trigger", "nothing") == []
    assert "".join(capfd.readouterr()) == ""


#: What a person types → what Tab makes of it.
TYPED = {
    "tajo conn": ["connectors"],
    "tajo runs show ": ["1"],
    "tajo events tail --source w": ["woo"],
    "tajo trigger shopify customers_del": ["customers_delete"],
    "tajo completion ": ["bash", "zsh", "fish"],
}


def test_a_real_bash_completes(tajo, store):
    store.runs.start("shopify", RunKind.FULL)
    folder = Path(sys.executable).parent
    lines = ['eval "$(tajo completion bash)"']
    for typed in TYPED:
        words = typed.split(" ")
        quoted = " ".join(f"'{word}'" for word in words)
        lines += [
            f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; COMPREPLY=()",
            "_tajo_completion tajo; printf '%s ' \"${COMPREPLY[@]}\"; echo",
        ]
    env = {**os.environ, **tajo.env, "PATH": f"{folder}:{os.environ['PATH']}"}

    told = subprocess.run(["bash", "-c", "\n".join(lines)], env=env, capture_output=True, text=True, check=True)

    assert [line.split() for line in told.stdout.splitlines()] == list(TYPED.values())
    assert told.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(tajo, shell):
    told = tajo("completion", shell).stdout

    assert f"_TAJO_COMPLETE={shell}_complete" in told
    assert "tajo" in told
