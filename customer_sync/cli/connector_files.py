"""`tajo connectors check`: every fault of the connector files, and what they would make of a sample."""

from __future__ import annotations

import json
from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from customer_sync.base.clock import utc_now
from customer_sync.cli import context
from customer_sync.cli.output import FAILED, NOT_FOUND, WRONG_USE, fail, json_option, paint, print_json
from customer_sync.config.faults import ConfigFaults, Fault, choose
from customer_sync.config.keys import CONNECTOR_SUFFIXES
from customer_sync.custom import connector_of
from customer_sync.custom.form import Form
from customer_sync.custom.reading import Read, read
from customer_sync.custom.samples import of_list, of_webhook
from customer_sync.errors import FIX_SENDER, PayloadError
from customer_sync.model import Event, Kind
from customer_sync.person.mapping import DEFAULT_MAPPING
from customer_sync.registry import FOLDER, folder_beside

_SAMPLE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("check")
@click.argument("files", nargs=-1, type=_SAMPLE)
@click.option("--answer", type=_SAMPLE, help="A file with an answer of the platform's list: show what becomes of it.")
@click.option("--resource", help="Which list that is; the first of the file when not given.")
@click.option("--webhook", type=_SAMPLE, help="A file with the body of a webhook: show what becomes of it.")
@json_option
def check_connectors(
    files: tuple[Path, ...], answer: Path | None, resource: str | None, webhook: Path | None, *, as_json: bool
) -> None:
    """Read connector files and say every fault at once, with its line; show what becomes of a sample.

    FILES are the ones to read; without them all of the folder connectors/ beside tajo.yaml. Nothing is sent anywhere.
    """
    looked = [(path, _read(path)) for path in files or _own_files()]
    if (answer or webhook) and len(looked) != 1:
        fail("A sample belongs to one file.", "Name the connector file.", WRONG_USE)
    made = _tried(looked[0][1], answer, resource, webhook) if answer or webhook else []
    is_lacking = any(isinstance(one, PayloadError) for one in made)
    taken = _attributes(looked[0][1].form) if made else {}
    events = [_event(one, taken) for one in made]
    if as_json:
        rows = [_row(*one) for one in looked]
        print_json(
            {
                "ok": all(one["ok"] for one in rows) and not is_lacking,
                "files": rows,
                "events": events,
            }
        )
    else:
        _show(looked, made, events)
    if any(found.form is None for _, found in looked):
        fail("Not every connector file can be used.", "Mend what is named above, then ask again.", WRONG_USE)
    if is_lacking:
        fail("Not every record of the sample can be read.", "Mend what is named above, then ask again.", FAILED)


def _own_files() -> list[Path]:
    settings = context.read_settings()
    folder = None if settings.file is None else folder_beside(Path(settings.file), {})
    there = folder.iterdir() if folder is not None and folder.is_dir() else ()
    return sorted(path for path in there if path.suffix in CONNECTOR_SUFFIXES and path.is_file())


def _read(path: Path) -> Read:
    try:
        return read(path.read_bytes().decode(), path.name)
    except UnicodeDecodeError:
        return Read(None, (Fault(path.name, None, "", "bytes that are no text", "Save the file as UTF-8."),))
    except OSError as error:
        why = f"it cannot be read ({error.strerror})"
        return Read(None, (Fault(path.name, None, "", why, "Let this user read it."),))


def _tried(
    found: Read, answer: Path | None, resource: str | None, webhook: Path | None
) -> Sequence[Event | PayloadError]:
    if found.form is None:
        return []
    now = utc_now()
    if resource is not None and resource not in found.form.resources:
        fail(f"The file has no resource {resource}.", choose(resource, found.form.resources), NOT_FOUND)
    made: list[Event | PayloadError] = []
    if answer is not None:
        made += of_list(found.form, resource or next(iter(found.form.resources)), answer.read_bytes(), now)
    if webhook is not None:
        made += of_webhook(found.form, webhook.read_bytes(), now)
    return made


def _attributes(form: Form | None) -> Mapping[str, str]:
    """Return our field → its attribute in Brevo, as the sources of a file say; without one, as the file alone says."""
    if form is None:
        return {}
    own = {**DEFAULT_MAPPING, **connector_of(form).attributes}
    try:
        settings = context.read_settings()
    except ConfigFaults:
        return own
    sources = [name for name, one in settings.sources.items() if one.platform == form.name]
    return ChainMap(*(dict(settings.mapping_for(name)) for name in sources)) if sources else own


def _show(
    looked: Sequence[tuple[Path, Read]], made: Sequence[Event | PayloadError], events: Sequence[Mapping[str, Any]]
) -> None:
    for path, found in looked:
        is_bad = found.form is None or any(isinstance(one, PayloadError) for one in made)
        verdict = "fail" if is_bad else "warn" if found.warnings else "ok"
        click.echo(f"{paint(verdict, verdict)}  {path}")
        for fault in (*found.faults, *found.warnings):
            click.echo(f"  {fault}")
    for event in events:
        click.echo(json.dumps(event, indent=2, ensure_ascii=False))
    lost = dict.fromkeys(name for event in events for name, taken in event.get("attributes", {}).items() if not taken)
    if lost:
        remedy = "name one in field_mapping of the source, or map it as attributes.NAME"
        click.echo(f"No attribute in Brevo takes {', '.join(lost)}: {remedy}.")
    if not looked:
        click.echo(f"There is no connector file: they end with .yaml and lie in the folder {FOLDER}/ beside tajo.yaml.")


def _row(path: Path, found: Read) -> dict[str, Any]:
    told = {"faults": [asdict(one) for one in found.faults], "warnings": [asdict(one) for one in found.warnings]}
    return {"file": str(path), "ok": found.form is not None, **told}


def _event(one: Event | PayloadError, taken: Mapping[str, str]) -> dict[str, Any]:
    """Return what is shown of an event; of a person, which attribute takes each field (`taken`), null for none."""
    if isinstance(one, PayloadError):
        fault = {"fault": one.path, "found": one.found}
        return fault if one.remedy == FIX_SENDER else {**fault, "remedy": one.remedy}
    consents = [
        {"channel": str(seen.channel), "state": str(seen.state), "at": _time(seen.at), "explicit": seen.explicit}
        for seen in one.consents
    ]
    told: dict[str, Any] = {"kind": str(one.kind), "record_id": one.record_id, "occurred_at": _time(one.occurred_at)}
    told |= {"record": dict(one.record), "consents": consents, "notes": list(one.notes)}
    if one.kind not in {Kind.CUSTOMER_CREATED, Kind.CUSTOMER_UPDATED}:
        return told
    return {**told, "attributes": {name: taken.get(name) for name in one.record if name not in {"id", "email"}}}


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
