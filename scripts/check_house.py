"""Check what no other tool checks: words that must not stand in the repository, unexplained exemptions, sizes."""

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
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
