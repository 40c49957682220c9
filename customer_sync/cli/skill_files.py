"""`tajo skills check`: every fault of the skill files, before anything is started."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from customer_sync.cli import context
from customer_sync.cli.output import WRONG_USE, fail, json_option, paint, print_json
from customer_sync.config.faults import Fault
from customer_sync.skills.files.reading import read_skill_file
from customer_sync.skills.found import BUILT_IN, found, skill_name

SUFFIX: Final = ".md"


@click.command("check")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def check_files(files: tuple[Path, ...], *, as_json: bool) -> None:
    """Read skill files and say every fault at once, with its line.

    FILES are the ones to read; without them all of the folder with your skills.
    """
    looked = [(path, _faults_of(path)) for path in files or _own_files()]
    if as_json:
        print_json({"ok": not any(faults for _, faults in looked), "files": [_row(*one) for one in looked]})
    for path, faults in () if as_json else looked:
        click.echo(f"{paint('fail', 'fail') if faults else paint('ok', 'ok')}  {path}")
        for fault in faults:
            click.echo(f"  {fault}")
    if not looked and not as_json:
        click.echo("There is no skill file: they end with .md and lie in the folder skills/ beside tajo.yaml.")
    if any(faults for _, faults in looked):
        fail("Not every skill file can be used.", "Mend what is named above, then ask again.", WRONG_USE)


def _own_files() -> list[Path]:
    folder = context.read_settings().skills_folder
    return sorted(path for path in Path(folder).glob(f"*{SUFFIX}") if path.is_file()) if folder else []


def _faults_of(path: Path) -> list[Fault]:
    try:
        content = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return [Fault(path.name, None, "", "bytes that are no text", "Save the file as UTF-8.")]
    except OSError as error:
        return [Fault(path.name, None, "", f"it cannot be read ({error.strerror})", "Let this user read it.")]
    built_in = [name for name, origin in found().origins.items() if origin == BUILT_IN]
    file, faults = read_skill_file(content, path.name, built_in)
    if file is not None and file.name != skill_name(path.stem):
        remedy = f"Call the file {file.name}{SUFFIX}, or the skill {skill_name(path.stem)}."
        faults.append(Fault(path.name, 2, "name", f"the skill {file.name} in a file of another name", remedy))
    return faults


def _row(path: Path, faults: list[Fault]) -> dict[str, Any]:
    return {"file": str(path), "ok": not faults, "faults": [asdict(one) for one in faults]}
