"""The root of the command tree."""

from __future__ import annotations

import click

from customer_sync.cli.run import demo, run, sandbox


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="tajo-customer-sync", prog_name="tajo")
def main() -> None:
    """Keep customers from shops, CRMs and payment platforms in step with Brevo."""


for command in (run, demo, sandbox):
    main.add_command(command)
