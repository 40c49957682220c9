"""What commands share that call the functions of the API: the installation, filters of lists, models as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import click
from pydantic import BaseModel, ValidationError

from customer_sync.api.installation import Installation
from customer_sync.api.paging import MAX_LIMIT, Query
from customer_sync.brevo.proof.outlook import Outlook, OutlookBook
from customer_sync.cli import context
from customer_sync.cli.output import WRONG_USE, fail, print_json
from customer_sync.config import ConfigFaults, Settings
from customer_sync.store.run import Run

F = TypeVar("F", bound=Callable[..., Any])
Q = TypeVar("Q", bound=Query)

#: How many entries a list shows when nothing is said.
SHOWN: Final = 20


def installation() -> Installation:
    """Return the installation.

    Raises:
        ConfigFaults: the config is wrong.
    """
    settings = context.read_settings()
    return Installation(settings, context.home(), lambda: context.open_store(settings))


def find_installation() -> Installation:
    """Return the installation also where the config is wrong, as far as it is known then: `context.find_store`."""
    try:
        return installation()
    except ConfigFaults:
        return _Unread(Settings(), context.home(), context.find_store)


class _Unread(Installation):
    """An installation whose config has faults: nobody knows whose account it is, so nobody knows how long runs take."""

    def outlook(self) -> OutlookBook:
        return _Nothing(self.doors().read, self.store().limits)


class _Nothing(OutlookBook):
    def of(self, run: Run) -> Outlook | None:  # noqa: ARG002  # as in the class above
        return None


def span_options(command: F) -> F:
    """Add what lists share: how much of them, from where, and of which time."""
    for add in (
        click.option("--until", metavar="TIME", help="Only what is older than this: 2026-11-21T10:00:00Z."),
        click.option("--since", metavar="TIME", help="Only what is of this time or later: 2026-11-21T10:00:00Z."),
        click.option("--cursor", metavar="TEXT", help="Go on behind a page: its `next_cursor` in --json."),
        click.option(
            "-n",
            "limit",
            default=SHOWN,
            show_default=True,
            type=click.IntRange(1, MAX_LIMIT),
            help="How many to show at most.",
        ),
    ):
        command = add(command)
    return command


def read_query(model: type[Q], given: Mapping[str, Any]) -> Q:
    """Return what a list is asked for.

    Args:
        model: the API's words for it.
        given: the options of the command, by the API's names; None stands for one that was not given.

    Raises:
        Failure: with everything that is wrong.
    """
    try:
        return model.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        faults = [f"--{fault['loc'][0]}: {_sentence(fault['msg'])}" for fault in error.errors()]
        fail("\n".join(faults), "", WRONG_USE)


def print_model(model: BaseModel) -> None:
    """Print what the API answers, as JSON."""
    print_json(model.model_dump(mode="json"))


def _sentence(text: str) -> str:
    plain = text.removeprefix("Value error, ")
    return f"{plain[:1].upper()}{plain[1:].rstrip('.')}."
