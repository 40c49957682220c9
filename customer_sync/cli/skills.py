"""`tajo skills`: what is done with events, and for which sources; switched on, off, and told of a customer."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
import yaml

from customer_sync.api.inbox import KINDS, EventsBody, trigger_skill
from customer_sync.api.reports import SkillReport, show_report
from customer_sync.api.skills import Skill, SkillConfig, disable_skill, enable_skill, list_skills, reset_skill
from customer_sync.cli import complete
from customer_sync.cli.api_calls import installation, print_model
from customer_sync.cli.output import WRONG_USE, count, fail, json_option, paint, print_table
from customer_sync.cli.skill_files import check_files

#: Who decided → how that is told.
_SET_BY: Final = {"file": "tajo.yaml", "api": "a command or a call"}


@click.group()
def skills() -> None:
    """What is done with events, and for which sources."""


skills.add_command(check_files)


@skills.command("list")
@json_option
def list_command(*, as_json: bool) -> None:
    """List the skills: what each does, whether it is enabled and who said so, the sources it acts on.

    What a skill needs of a source and does not get there is told, and each skill that cannot be used.
    """
    found = list_skills(installation())
    if as_json:
        print_model(found)
        return
    headers = ("skill", "state", "acts on", "needs", "said by", "comes from")
    print_table([_line(one) for one in found.items], headers)
    for one in found.items:
        click.echo(f"\n{one.name}: {one.summary}")
        for line in (*one.lacking, *one.warnings):
            click.echo(f"  {paint('look', 'warn')}: {line}")
    for name, why in found.broken.items():
        click.echo(f"\n{paint('broken', 'fail')}: {name}: {why}")


@skills.command()
@click.argument("name", shell_complete=complete.SKILL)
@click.option("--source", shell_complete=complete.SOURCE_OR_PLATFORM, help="The only source or platform it acts on.")
@click.option(
    "--set",
    "pairs",
    multiple=True,
    metavar="KEY=VALUE",
    help="A key as in tajo.yaml, such as options.list_id=5 or field_mapping.firstName=FIRSTNAME; may be repeated.",
)
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A YAML file with the keys of the skill, as they stand below it in tajo.yaml.",
)
@json_option
def enable(name: str, source: str | None, pairs: tuple[str, ...], file: Path | None, *, as_json: bool) -> None:
    """Switch a skill on, with these keys; without any it keeps those that it has.

    It wins over tajo.yaml, holds after a restart, and running processes take it up within two seconds. `tajo skills
    reset` lets the file say again.
    """
    config = _from_file(file, name) if file else {}
    if source is not None:
        config["source"] = source
    for pair in pairs:
        _put(config, pair)
    told = enable_skill(installation(), name, SkillConfig.model_validate(config))
    _tell(told, f"{name} is on.", as_json=as_json)


@skills.command()
@click.argument("name", shell_complete=complete.SKILL)
@json_option
def disable(name: str, *, as_json: bool) -> None:
    """Switch a skill off; it keeps its keys."""
    _tell(disable_skill(installation(), name), f"{name} is off.", as_json=as_json)


@skills.command()
@click.argument("name", shell_complete=complete.SKILL)
@json_option
def reset(name: str, *, as_json: bool) -> None:
    """Let tajo.yaml say again whether a skill is on, and with which keys."""
    told = reset_skill(installation(), name)
    _tell(told, f"tajo.yaml says it again: {name} is {'on' if told.enabled else 'off'}.", as_json=as_json)


@skills.command()
@click.argument("name", shell_complete=complete.SKILL)
@click.option("--event", type=click.Choice(KINDS), help="What happened; not needed where the data is a whole body.")
@click.option(
    "--data", required=True, metavar="JSON", help="The customer as JSON; @FILE reads a file, - the standard input."
)
@click.option("--timestamp", metavar="TIME", help="When it happened: 2026-11-21T10:00:00Z.  [default: now]")
@click.option("--id", "event_id", help="The same id again is one event.  [default: a new one]")
@json_option
def trigger(  # noqa: PLR0913  # click gives each option as an argument
    name: str, event: str | None, data: str, timestamp: str | None, event_id: str | None, *, as_json: bool
) -> None:
    """Tell a skill that is on of a customer. It goes the way of a webhook; workers do the rest."""
    body = _read_data(data)
    if event is not None:
        body = {"event": event, "data": body}
    elif not isinstance(body, dict) or not {"event", "events"} & set(body):
        fail("What happened is not said.", f"Add --event {' | '.join(KINDS)}.", WRONG_USE)
    more = {"timestamp": timestamp, "id": event_id}
    body |= {key: value for key, value in more.items() if value is not None}
    tajo = installation()
    tajo.store()  # hears whether the skill is on now
    told = trigger_skill(tajo, name, EventsBody.model_validate(body))
    if as_json:
        print_model(told)
        return
    click.echo(f"{count(told.accepted, 'event')} taken: {', '.join(told.ids)}. `tajo events tail` shows the rest.")
    for line in told.left_out:
        click.echo(f"Left out: {line}")


@skills.command()
@click.argument("name", shell_complete=complete.SKILL)
@json_option
def report(name: str, *, as_json: bool) -> None:
    """Show what came of a skill's mails: carts left, mails, carts recovered, revenue for each variant."""
    found = show_report(installation(), name)
    if as_json:
        print_model(found)
        return
    click.echo(f"{name}: {count(found.carts_left, 'cart')} left.")
    if found.variants:
        headers = ("variant", "carts mailed", "mails", "recovered", "revenue", "per cart mailed (95 %)")
        print_table(_variants(found), headers)
    for why, number in found.ended.items():
        click.echo(f"  ended, {why.replace('_', ' ')}: {number}")
    doubt = sum(one.in_doubt for one in found.variants)
    if doubt:
        click.echo(f"  {count(doubt, 'mail')} may have gone or not: nobody knows, so nothing was sent again.")


def _variants(found: SkillReport) -> list[tuple[object, ...]]:
    """Return a row for each variant, and one more for each further currency."""
    rows: list[tuple[object, ...]] = []
    for one in found.variants:
        mails = ", ".join(f"{step}: {number}" for step, number in one.mails.items())
        share = "" if one.recovered_share is None else f" ({one.recovered_share:.1%})"
        about = (one.name or "-", one.carts, mails, f"{one.recovered}{share}")
        money = [
            (
                f"{two.total:.2f} {two.currency}",
                f"{two.mean_per_cart:.2f}" + ("" if two.low is None else f" ({two.low:.2f} to {two.high:.2f})"),
            )
            for two in one.revenue
        ] or [("-", "-")]
        rows += [(*about, *money[0]), *(("", "", "", "", *two) for two in money[1:])]
    return rows


def _from_file(file: Path, name: str) -> dict[str, Any]:
    """Return the keys of a file; of a whole tajo.yaml those below the skill."""
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        fail(f"{file} cannot be read as YAML{where}.", "`tajo check FILE` says what is wrong.", WRONG_USE)
    if isinstance(found, dict) and isinstance(found.get("skills"), dict):
        found = found["skills"].get(name)
    if found is None or not isinstance(found, dict):
        fail(f"{file} holds no keys of {name}.", "Write them as they stand below it in tajo.yaml.", WRONG_USE)
    return {key: value for key, value in found.items() if key != "enabled" or value is not True}


def _put(config: dict[str, Any], pair: str) -> None:
    """Put `options.list_id=5` into a config."""
    path, is_there, text = pair.partition("=")
    keys = path.strip().split(".")
    if not is_there or not all(keys):
        fail(f"--set {pair}: this is no KEY=VALUE.", "Write it as --set options.list_id=5.", WRONG_USE)
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = text
    here: Any = config
    for key in keys[:-1]:
        here = here.setdefault(key, {})
        if not isinstance(here, dict):
            fail(f"--set {pair}: {key} is a single value already.", "Give each key once.", WRONG_USE)
    here[keys[-1]] = value


def _read_data(text: str) -> Any:
    source = "--data"
    if text == "-":
        source, text = "the standard input", sys.stdin.read()
    elif text.startswith("@"):
        source = text[1:]
        try:
            text = Path(source).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8"
            fail(f"{source} cannot be read: {why}.", "Name a file that holds JSON.", WRONG_USE)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        place = f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        remedy = 'Write it as --data \'{"email": "ann@example.com"}\', in single quotes for the shell.'
        fail(f"{source} holds no JSON{place}.", remedy, WRONG_USE)


def _tell(skill: Skill, text: str, *, as_json: bool) -> None:
    if as_json:
        print_model(skill)
        return
    click.echo(text)
    if skill.enabled:
        click.echo(f"It acts on: {', '.join(skill.acts_on) or 'no source yet'}.")
    for key, value in _said(skill.config):
        click.echo(f"  {key}: {value}")
    for warning in (*skill.lacking, *skill.warnings):
        click.echo(f"  {warning}")


def _said(config: Mapping[str, Any], above: str = "") -> Sequence[tuple[str, Any]]:
    """Return the keys that say something, with their path."""
    rows: list[tuple[str, Any]] = []
    for key, value in config.items():
        if isinstance(value, dict):
            rows += _said(value, f"{above}{key}.")
        elif value not in (None, False, ""):
            rows.append((above + key, json.dumps(value, ensure_ascii=False)))
    return rows


def _line(one: Skill) -> tuple[str, ...]:
    state, needs = "enabled" if one.enabled else "off", ", ".join(one.resources) or "-"
    return one.name, state, ", ".join(one.acts_on) or "-", needs, _SET_BY[one.set_by], one.origin
