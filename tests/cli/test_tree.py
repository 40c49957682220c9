"""What holds for every command: `--json`, `--yes`, and no question where nobody can answer."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from customer_sync import cli
from customer_sync.cli import main
from customer_sync.cli.output import confirm, must_confirm, prompt

FOLDER = Path(cli.__file__).parent
#: Commands without `--json`: each says why in its help.
SERVERS = {"run": "It is a server", "demo": "It is a server", "sandbox": "It is a server"}
TEXTS = {"completion": "there is no --json", "schema": "there is no --json"}
QUESTIONS = {"confirm", "must_confirm", "prompt"}


def leaves(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, by its words."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for word in command.list_commands(context):
        found = command.get_command(context, word)
        assert found is not None
        yield from leaves(found, f"{name} {word}".strip())


def options(command: click.Command) -> set[str]:
    return {word for one in command.params for word in one.opts}


LEAVES = dict(leaves(main))


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_prints_json_or_says_why_it_does_not(name):
    reason = {**SERVERS, **TEXTS}.get(name)

    if reason is None:
        assert "--json" in options(LEAVES[name])
    else:
        assert "--json" not in options(LEAVES[name])
        assert reason in " ".join((LEAVES[name].help or "").split())


def test_every_function_that_asks_has_a_yes():
    asking = []
    for path in sorted(FOLDER.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef) or path.name == "output.py":
                continue
            calls = [one for one in ast.walk(node) if isinstance(one, ast.Call)]
            asked = [one for one in calls if isinstance(one.func, ast.Name) and one.func.id in QUESTIONS]
            raw = [one for one in calls if ast.unparse(one.func) in {"click.confirm", "click.prompt", "input"}]
            assert not raw, f"{path.name}:{node.lineno}: ask with customer_sync.cli.output"
            assert all("yes" in {word.arg for word in one.keywords} for one in asked), f"{path.name}:{node.lineno}"
            asking += [(path.name, node.name)] if asked else []
            assert not asked or "yes" in {one.arg for one in (*node.args.args, *node.args.kwonlyargs)}, node.name

    assert ("parked.py", "drop") in asking
    assert ("init.py", "init") in asking


@pytest.mark.parametrize("name", ["attributes apply", "contacts erase", "contacts clear", "parked drop", "runs cancel",
                                  "runs resume", "trigger", "brevo prove", "init", "connectors connect",
                                  "connectors install"])  # fmt: skip
def test_a_command_that_may_ask_takes_yes(name):
    assert "--yes" in options(LEAVES[name])


def test_a_question_without_a_terminal_is_an_error_that_names_yes(tajo):
    told = tajo("contacts", "erase", "jane@example.com", code=2, given="").stderr

    assert "There is no terminal to ask in: This deletes the contact in Brevo" in told
    assert "→ Add --yes to go on without being asked." in told


def test_an_answer_may_be_piped_in(tajo):
    assert tajo("contacts", "erase", "jane@example.com", code=1, given="n\n").stderr.endswith("Aborted!\n")


def test_at_a_terminal_ctrl_c_at_a_question_ends_the_command(monkeypatch):
    def stop(*_, **__):
        raise click.Abort

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(click, "confirm", stop)
    monkeypatch.setattr(click, "prompt", stop)

    with pytest.raises(click.Abort):
        must_confirm("Go on?", yes=False)
    with pytest.raises(click.Abort):
        prompt("Name", yes=False)
    assert confirm("Go on?", yes=True)
    with pytest.raises(click.ClickException, match="Not asked, because of --yes: Name"):
        prompt("Name", yes=True)
