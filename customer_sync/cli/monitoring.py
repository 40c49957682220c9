"""`tajo monitoring`: the files with which Prometheus and Grafana watch an installation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import click

from customer_sync.cli.output import WRONG_USE, count, fail, json_option, must_confirm, print_json, yes_option
from customer_sync.operate.monitoring import Place, files

_DEFAULT: Final = Place()
#: host:port, of a name, an IPv4 address or an IPv6 address in brackets.
_TARGET: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})")


def _target(_: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for one in value:
        found = _TARGET.fullmatch(one)
        if found is None or not 0 < int(found[1]) < 65_536:
            raise click.BadParameter(f"{one!r} is not host:port, as in web:8000.", param=parameter)
    return value


@click.group()
def monitoring() -> None:
    """Watch it with Prometheus and Grafana."""


@monitoring.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--target", "targets", multiple=True, callback=_target, metavar="HOST:PORT", help="A web process; may be repeated."
)
@click.option("--key-file", default=_DEFAULT.key_file, show_default=True, help="The API key's file, for Prometheus.")
@click.option(
    "--alertmanager", "alertmanagers", multiple=True, callback=_target, metavar="HOST:PORT", help="Where alerts go."
)
@click.option(
    "--prometheus", "prometheus_url", default=_DEFAULT.prometheus_url, show_default=True, help="Its URL for Grafana."
)
@click.option(
    "--dashboards", default=_DEFAULT.dashboards, show_default=True, help="The folder of the dashboards, for Grafana."
)
@click.option("--runbooks", default=_DEFAULT.runbooks, show_default=True, help="The page with a section per alert.")
@yes_option
@json_option
def write(folder: Path, *, yes: bool, as_json: bool, **where: Any) -> None:
    """Write rules, alerts, dashboards and their provisioning into FOLDER/prometheus and FOLDER/grafana.

    Without --target it watches web:8000, the web process of docker compose. Writing again replaces what was changed.
    """
    place = _DEFAULT._replace(**{name: value for name, value in where.items() if value})
    made = {folder / path: text for path, text in files(place).items()}
    changed = [path for path, text in made.items() if path.exists() and path.read_text(encoding="utf-8") != text]
    if changed:
        must_confirm(f"Replace {count(len(changed), 'file')} that differ, as {changed[0]}?", yes=yes)
    try:
        for path, text in made.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(
            f"{error.filename} cannot be written ({error.strerror}).", "Name a folder that you may write in.", WRONG_USE
        )
    if as_json:
        print_json({"files": [str(path) for path in made]})
        return
    for path in made:
        click.echo(str(path))
    click.echo("Check them: `promtool check config` and `promtool check rules`.")
