"""The root of the command tree. A command's module is loaded when the command is called, so that `--help` is quick."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any, Final, NamedTuple

import click

#: Takes what is logged where a command has set up no log.
_SILENT: Final = logging.NullHandler()


class Row(NamedTuple):
    """One command of the root: its name, the module that holds it, its one-line help, and what it is called there."""

    name: str
    module: str
    help: str
    attribute: str = ""


#: Heading → the commands below it, in the order in which people meet them.
COMMANDS: Final[dict[str, tuple[Row, ...]]] = {
    "Start": (
        Row("demo", "run", "Show it at work: a demo shop, the sandbox, the dashboard."),
        Row("init", "init", "Write a tajo.yaml to start from."),
        Row("run", "run", "Start web, worker and beat in one go."),
        Row("sandbox", "run", "Run the Brevo sandbox alone."),
        Row("sign-in", "sign_in", "Print a link that opens the dashboard in a browser.", "sign_in"),
    ),
    "Set up": (
        Row("brevo", "brevo", "Make Brevo's webhook; switch eCommerce on; prove in the account what imports may do."),
        Row("attributes", "attributes", "Compare the mapping with Brevo's attributes, and create what is missing."),
        Row("check", "check", "Read the config and say every fault at once."),
        Row("connectors", "connectors", "The platforms there are, and how the sources do."),
        Row("doctor", "doctor", "Check everything that is needed; say cause and fix."),
        Row("new-connector", "new_connector", "Write a connector to start from.", "new_connector"),
        Row("schema", "schema", "Print the JSON Schema of connector files."),
        Row("notices", "notices", "Who is told what ended and what is wrong: list, test."),
        Row(
            "completion",
            "completion",
            "Print the script that completes commands, sources, runs, samples and more after Tab.",
        ),
        Row("skills", "skills", "What is done with events, and for which sources."),
        Row("trigger", "trigger", "Send a signed sample webhook, as the platform would."),
    ),
    "Look and mend": (
        Row("contacts", "contacts", "One person: where each value comes from; read again; erasure."),
        Row("events", "events", "What happened, newest last."),
        Row("monitoring", "monitoring", "Watch it with Prometheus and Grafana."),
        Row("parked", "parked", "What a person must look at: list, show, replay, drop."),
        Row("reconcile", "reconcile", "Prove that both sides agree; mend where they do not."),
        Row("replay", "parked", "Short for `tajo parked replay`."),
        Row("runs", "runs", "Batch syncs: what they did and where they stand; pause, resume, cancel."),
        Row(
            "status",
            "status",
            "Show the figures of the overview: whether all is well, what waits, how much got through.",
        ),
    ),
}
_ROWS: Final = {row.name: row for rows in COMMANDS.values() for row in rows}

_EPILOG: Final = (
    "Exit codes: 0 done; 1 it did not work; 2 wrong use or wrong config; 3 the key or a permission is refused; "
    "4 something that is needed does not answer; 5 not found; 6 both sides were compared and differ; "
    "130 ended by Ctrl-C: what was started goes on."
)


def _load(module: str, attribute: str) -> Any:
    return getattr(import_module(f"customer_sync.cli.{module}"), attribute)


class Root(click.Group):
    """Finds commands in `COMMANDS`, and turns the system's errors into a text, a remedy and an exit code."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name, None when there is none."""
        if cmd_name not in _ROWS:
            return super().get_command(ctx, cmd_name)
        row = _ROWS[cmd_name]
        command: click.Command = _load(row.module, row.attribute or row.name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's
        """Write the commands below their headings, from the table alone."""
        for heading, rows in COMMANDS.items():
            with formatter.section(heading):
                formatter.write_dl([(row.name, row.help) for row in rows])

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program; texts of strangers cannot write on the screen of whoever runs it."""
        # a command says by itself what is wrong: without a handler Python would print warnings of the log between
        logging.getLogger("customer_sync").addHandler(_SILENT)
        screen: Callable[[], AbstractContextManager[None]] = _load("output", "safe_screen")
        with screen():
            return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command.

        Raises:
            Failure: for every error that says what to do next.
        """
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            explain: Callable[[Exception], click.ClickException | None] = _load("failures", "as_failure")
            failure = explain(error)
            if failure is None:
                raise
            raise failure from error


# the placeholders let click list and suggest names; `get_command` gives the real ones
@click.group(
    cls=Root,
    commands={name: click.Command(name, short_help=row.help) for name, row in _ROWS.items()},
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=_EPILOG,
)
@click.version_option(package_name="tajo-customer-sync", prog_name="tajo")
def main() -> None:
    """Keep customers from shops, CRMs and payment platforms in step with Brevo."""
