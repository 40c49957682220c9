"""Check what no other tool checks: forbidden words, unexplained exemptions, sizes, and who speaks to Redis."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60

#: What must not stand in any text, and why. Written in pieces, so that this file passes its own check.
FORBIDDEN = {
    r"(?<![\w.:/*-])/(?:home|root|work|Users)" + r"/[\w.]": "a path of one machine",
    r"\b(?:pypi\.org|pythonhosted" + r"\.org|registry\.npmjs" + r"\.org|npmjs" + r"\.com)": "a package registry's host",
}
#: `noqa: CODE  reason` and `type: ignore[code]  # reason`: an exemption says why on its line.
UNEXPLAINED = re.compile(r"# (?:noqa(?!: [A-Z]+\d+(?:, ?[A-Z]+\d+)*\W+\w)|type: ignore(?!\[[\w, -]+\]\W+\w))")
#: Where the raw Redis, its keys and its scripts may be named, and what must not be named elsewhere in the package.
STORE = "customer_sync/store/"
#: Starts a Redis and waits for it, below the store.
EMBEDDED = "customer_sync/base/embedded.py"
INSIDE_STORE = {"customer_sync.store.keys", "customer_sync.store.scripts"}
RAW = {"client", "scripts"}
#: What has something else under one of these names.
OTHERS = {"self", "http", "scope"}


def tracked() -> list[Path]:
    """Return the files of the repository: what git tracks or would, or all that is not hidden where there is no git."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        hidden = (path.relative_to(ROOT) for path in ROOT.rglob("*"))
        names = [str(path) for path in hidden if not any(part.startswith(".") for part in path.parts)]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def word_faults(name: str, text: str) -> Iterator[str]:
    """Yield a line for each forbidden word."""
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, why in FORBIDDEN.items():
            if match := re.search(pattern, line):
                yield f"{name}:{number}: {match.group()}: {why}"


def python_faults(name: str, text: str) -> Iterator[str]:
    """Yield a line for each exemption without a reason and, outside of tests, for what is too long."""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if UNEXPLAINED.search(line):
            yield f"{name}:{number}: an exemption needs its code and a reason on the line"
    if name.startswith(("tests/", "benchmarks/")) or "/tests/" in name:
        return
    if len(lines) > MAX_MODULE_LINES:
        yield f"{name}: {len(lines)} lines; {MAX_MODULE_LINES} are allowed: let it do one thing less"
    for node in ast.walk(ast.parse(text, name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and function_lines(node) > MAX_FUNCTION_LINES:
            yield f"{name}:{node.lineno}: {node.name} has more than {MAX_FUNCTION_LINES} lines"


def store_faults(name: str, text: str) -> Iterator[str]:
    """Yield a line for each place outside the store that names its keys, its scripts or its client."""
    if not name.startswith("customer_sync/") or name.startswith((STORE, EMBEDDED)):
        return
    for node in ast.walk(ast.parse(text, name)):
        if isinstance(node, ast.Attribute | ast.Import | ast.ImportFrom):
            for raw in raw_names(node):
                yield f"{name}:{node.lineno}: {raw}: only {STORE} speaks to Redis; call or add a method there"


def raw_names(node: ast.Attribute | ast.Import | ast.ImportFrom) -> list[str]:
    """Return what a piece of code names of the inside of the store."""
    if isinstance(node, ast.Attribute):
        of = ast.unparse(node.value)
        return [f"{of}.{node.attr}"] if of == "client" or (node.attr in RAW and of not in OTHERS) else []
    if isinstance(node, ast.ImportFrom):
        named = [f"{node.module}.{one.name}" for one in node.names]
        return [node.module] if node.module in INSIDE_STORE else [one for one in named if one in INSIDE_STORE]
    return [one.name for one in node.names if one.name in INSIDE_STORE]


def function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the length of a function without its docstring."""
    docstring = ast.get_docstring(node, clean=False)
    return (node.end_lineno or node.lineno) - node.lineno + 1 - (docstring.count("\n") + 1 if docstring else 0)


def main() -> int:
    """Print every fault; return the exit code."""
    faults: list[str] = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        name = path.relative_to(ROOT).as_posix()
        faults += word_faults(name, text)
        if path.suffix == ".py":
            faults += python_faults(name, text)
            faults += store_faults(name, text)
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
