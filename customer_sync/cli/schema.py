"""`tajo schema`: what a connector file may say, as JSON Schema."""

from __future__ import annotations

import click

from customer_sync.cli.output import print_json
from customer_sync.custom.schema import json_schema


@click.command()
def schema() -> None:
    """Print the JSON Schema of connector files.

    For editors, and for programs that write such files. It is JSON by itself, so there is no --json.
    """
    print_json(json_schema())
