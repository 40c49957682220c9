"""Check that the texts made from code say what the code says; `--write` makes them anew.

Each text has one generator. A text without its generator is stale for ever, so it fails too, as does a generator
whose text was never written.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

import click

ROOT = Path(__file__).resolve().parent.parent
#: How wide the command line's help is set, in characters.
HELP_WIDTH = 110


def cli_markdown(main: click.Command) -> str:
    """Return one section for each command, its help as the terminal shows it."""
    sections = ["# Command line", "Made from the code by `make format`; `tajo <command> --help` says the same."]
    settings = {**main.context_settings, "terminal_width": HELP_WIDTH}
    for context in walk(click.Context(main, info_name="tajo", **settings)):
        text = "\n".join(line.rstrip() for line in context.get_help().splitlines())
        level = min(context.command_path.count(" ") + 2, 4)
        sections.append(f"{'#' * level} `{context.command_path}`\n\n```text\n{text}\n```")
    return "\n\n".join(sections) + "\n"


def walk(context: click.Context) -> list[click.Context]:
    """Return the command and all below it, each in its own context; hidden ones are left out."""
    found = [context]
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            child = context.command.get_command(context, name)
            if child and not child.hidden:
                found += walk(click.Context(child, parent=context, info_name=name, **child.context_settings))
    return found


#: (file, marker or "" for the whole file, module, what it gives, how that becomes the text)
TEXTS: list[tuple[str, str, str, str, Callable[..., str]]] = [
    ("README.md", "connectors", "customer_sync.registry", "connectors_table", lambda table: table()),
    ("docs/settings.md", "", "customer_sync.loading", "settings_page", lambda page: page()),
    ("docs/abandoned-cart.md", "keys", "customer_sync.series.reference", "keys_markdown", lambda markdown: markdown()),
    ("docs/metrics.md", "", "customer_sync.base.metrics", "metrics_markdown", lambda markdown: markdown()),
    ("docs/cli.md", "", "customer_sync.cli", "main", cli_markdown),
    ("tajo/answers.py", "", "client_types", "python_text", lambda text: text("answers")),
    ("tajo/doors.py", "", "client_types", "python_text", lambda text: text("doors")),
    ("tajo/figures.py", "", "client_types", "python_text", lambda text: text("figures")),
    ("tajo/person.py", "", "client_types", "python_text", lambda text: text("person")),
    ("tajo/receipts.py", "", "client_types", "python_text", lambda text: text("receipts")),
    ("clients/js/sdk/answers.d.cts", "", "client_types", "typescript_text", lambda text: text()),
    ("docs/api.md", "", "customer_sync.web.api.reference", "api_markdown", lambda markdown: markdown()),
]


#: The module whose `files` are the texts below a folder, each by its path in it, and the parts of that folder that
#: hold nothing else.
MONITORING, DEPLOY = "customer_sync.operate.monitoring", "deploy"
WHOLE = ("deploy/prometheus", "deploy/grafana")


def texts_of_monitoring() -> list[tuple[str, str, str, str, Callable[..., str]]]:
    """Return a row for each file with which Prometheus and Grafana watch an installation."""
    files = cast("Callable[[], dict[str, str]] | None", generator(MONITORING, "files"))

    def maker(path: str) -> Callable[..., str]:
        return lambda files: str(files()[path])

    made = files() if files else {}
    return [(f"{DEPLOY}/{path}", "", MONITORING, "files", maker(path)) for path in made]


def strangers(known: set[str]) -> list[str]:
    """Return a line for each file that lies among generated ones and is made by nothing."""
    found = (path for folder in WHOLE for path in sorted((ROOT / folder).rglob("*")) if path.is_file())
    names = [path.relative_to(ROOT).as_posix() for path in found]
    return [f"{name}: no generator makes it: remove it, or put it elsewhere" for name in names if name not in known]


def generator(module: str, name: str) -> object | None:
    """Return what the module calls `name`, None when the module or the name is not there."""
    try:
        return getattr(import_module(module), name, None)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        return None


def split(text: str, marker: str) -> tuple[str, str, str]:
    """Return a text as what stands before the marked part, the part, and what follows; "" marks the whole.

    Raises:
        SystemExit: a marker is missing.
    """
    if not marker:
        return "", text, ""
    start, end = f"<!-- {marker}:start -->\n", f"<!-- {marker}:end -->"
    if start not in text or end not in text:
        raise SystemExit(f"The markers {start.strip()} and {end} are missing.")
    before, rest = text.split(start, 1)
    part, after = rest.split(end, 1)
    return before + start, part, end + after


def check(file: str, marker: str, made: str | None, *, write: bool) -> str:
    """Compare one text with what its generator made; return the fault, "" when there is none."""
    path = ROOT / file
    before, part, after = split(path.read_text(encoding="utf-8") if path.exists() else "", marker)
    if made is None:
        return "its generator is missing" if part.strip() else ""
    made = made.strip("\n") + "\n"
    if part == made:
        return ""
    if write:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(before + made + after, encoding="utf-8")
        print(f"{file}: written")
        return ""
    return "stale: run `make format`"


def main(words: list[str]) -> int:
    """Check or write every text; return the exit code."""
    texts = [*TEXTS, *texts_of_monitoring()]
    faults = strangers({file for file, *_ in texts})
    for file, marker, module, name, make in texts:
        source = generator(module, name)
        fault = check(file, marker, None if source is None else make(source), write="--write" in words)
        if fault:
            faults.append(f"{file} (from {module}.{name}): {fault}")
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
