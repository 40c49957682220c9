"""The table of keys in `store/keys.py` is true: it names what the scripts and the code use, and nothing else."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from customer_sync.store import keys

PACKAGE = Path(keys.__file__).parents[1]
SCRIPTS = sorted((PACKAGE / "store").glob("*.lua"))
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != Path(keys.__file__)]
#: Parts of the functions of `keys` that make one key of many kinds: which argument tells the kind.
KINDS = {"lane": 1, "run": 1, "attempt": 1}
#: The functions that make keys.
MAKERS = {name for name, one in vars(keys).items() if inspect.isfunction(one)}


def plain(key: str) -> str:
    """A key with `<>` for each part that differs."""
    return re.sub(r"<[^>]*>", "<>", key.removeprefix(keys.PREFIX))


def in_the_table() -> set[str]:
    rows = [line.split("|")[1] for line in inspect.getdoc(keys).splitlines() if line.startswith("| `")]
    return {plain(name) for row in rows for name in re.findall(r"`([^`]+)`", row)}


def in_lua(text: str) -> Iterator[str]:
    """Yield the keys of a script: `P .. 'c:' .. lane .. ':' .. target` is `c:<>:<>`."""
    piece = r"(?:'[^']*'|[\w.]+(?:\([^()]*\))?(?:\[\w+\])?)"
    for found in re.finditer(rf"\bP((?:\s*\.\.\s*{piece})+)", text):
        pieces = re.findall(rf"\.\.\s*({piece})", found.group(1))
        yield "".join(one.strip("'") if one.startswith("'") else "<>" for one in pieces)


def in_python() -> Iterator[str]:
    """Yield the constants of `keys`, and what its functions make where they are called."""
    yield from (
        plain(value) for value in vars(keys).values() if isinstance(value, str) and value.startswith(keys.PREFIX)
    )
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and re.match(r"keys\.\w+$", name := ast.unparse(node.func))
                and name[5:] in MAKERS
            ):
                yield made_by(node)


def made_by(call: ast.Call) -> str:
    name = ast.unparse(call.func).removeprefix("keys.")
    arguments = ["<x>"] * len(call.args)
    kind = KINDS.get(name)
    if kind is not None and kind < len(call.args):
        told = call.args[kind]
        assert isinstance(told, ast.Constant), f"which key is it? {ast.unparse(call)}"
        arguments[kind] = told.value
    return plain(getattr(keys, name)(*arguments))


def used() -> set[str]:
    # a wake-up of a fixed name is one of `wake:<what>`
    found = {*in_python(), *(key for path in SCRIPTS for key in in_lua(path.read_text(encoding="utf-8")))}
    return {re.sub(r"^(wake|since):\w+$", r"\1:<>", key) for key in found} - {"", "workers"}


def test_the_table_names_every_key_that_is_used():
    assert used() - in_the_table() == set()


def test_the_table_names_no_key_that_is_not_used():
    of_celery = {"celery:<>"}  # kombu makes them, below the prefix of celeryconfig.py

    assert in_the_table() - used() == of_celery


def test_no_key_stands_twice_in_the_table():
    rows = [line.split("|")[1] for line in inspect.getdoc(keys).splitlines() if line.startswith("| `")]
    names = [plain(name) for row in rows for name in re.findall(r"`([^`]+)`", row)]

    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_other_module_makes_keys(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        assert not (is_text and re.match(r"tajo:\w", node.value)), f"line {node.lineno}: {node.value}"
        assert not (isinstance(node, ast.Attribute) and ast.unparse(node) == "keys.PREFIX"), f"line {node.lineno}"


@pytest.mark.parametrize(
    ("lua", "found"),
    [
        ("redis.call('GET', P .. 'named')", ["named"]),
        ("P .. 'c:' .. lane .. ':' .. item.target, 0", ["c:<>:<>"]),
        ("P .. 'em:' .. string.sub(fp, 1, 3) end", ["em:<>"]),
        ("{P .. 'a', P .. 'run:' .. ARGV[1] .. ':seen'}", ["a", "run:<>:seen"]),
    ],
)
def test_the_keys_of_a_script_are_found(lua, found):
    assert list(in_lua(lua)) == found
