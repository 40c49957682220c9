"""`tajo new-connector`: a connector to start from, in Python or as one file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import click

from customer_sync.cli.output import WRONG_USE, fail, json_option, print_json
from customer_sync.registry import FOLDER, platforms

#: What a folder of Python may be called.
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,40}")
_STARTER: Final = Path(__file__).parent / "starter"
_CUSTOMER: Final[Mapping[str, Any]] = {
    "id": 7,
    "email": "ann@example.com",
    "first_name": "Ann",
    "last_name": "Abel",
    "agrees": True,
    "agreed_at": "2026-11-20T10:00:00Z",
    "updated_at": "2026-11-21T11:00:00Z",
}


@click.command("new-connector")
@click.argument("name")
@click.option("--title", help="How people write the platform's name.")
@click.option("--yaml", "is_yaml", is_flag=True, help="One connector file, for the folder beside tajo.yaml.")
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(FOLDER),
    show_default=True,
    help="The folder it is written into.",
)
@json_option
def new_connector(name: str, title: str | None, folder: Path, *, is_yaml: bool, as_json: bool) -> None:
    """Write a connector to start from.

    NAME is the platform's: small letters, digits and _. In Python it is a folder of a checkout of the repository, with
    connector, README, fixtures, stand-in and tests, and passes the contract suite as it is; with --yaml one connector
    file.
    """
    if not _NAME.fullmatch(name):
        fail(
            f"{name[:60]} is no name for a connector.", "Use small letters, digits and _, such as lamp_shop.", WRONG_USE
        )
    if name in platforms():
        fail(f"There is a connector for {name} already.", "Choose another name.", WRONG_USE)
    words = {"__platform__": name, "__Title__": title or name.replace("_", " ").title()}
    words["__Class__"] = "".join(part.title() for part in name.split("_"))
    target = folder / (f"{name}.yaml" if is_yaml else name)
    if target.exists():
        fail(f"{target} is there already.", "Choose another name, or take it away.", WRONG_USE)
    if is_yaml:
        _write(target, _filled((_STARTER / "connector.yaml.txt").read_text(encoding="utf-8"), words))
        _say(target, f"Change it, and read it with `tajo connectors check {target}`.", as_json=as_json)
        return
    if not (folder / "__init__.py").is_file():
        remedy = "Call it in a checkout of the repository; or add --yaml for one file beside tajo.yaml."
        fail(f"{folder} holds no connectors in Python.", remedy, WRONG_USE)
    for path in sorted(one for one in _STARTER.rglob("*.txt") if one.name != "connector.yaml.txt"):
        place = target / path.relative_to(_STARTER).with_suffix("")
        _write(place, _filled(path.read_text(encoding="utf-8"), words))
    for case, text in _fixtures(name).items():
        _write(target / "fixtures" / f"{case}.json", text)
    _say(target, f"Its tests: pytest tests/contract -k {name}", as_json=as_json)


def _say(target: Path, following: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"written": str(target)})
        return
    click.echo(f"Written: {target}. {following}")


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _fixtures(name: str) -> dict[str, str]:
    """Return the samples; what they expect is what the connector of the starter makes of them."""

    def case(body: Mapping[str, Any], expect: Mapping[str, Any], **more: Any) -> str:
        request = {"headers": {"Content-Type": "application/json"}, "body": body, "path": ""}
        return json.dumps({"origin": "made up", "request": request, **more, "expect": expect}, indent=2) + "\n"

    def event(body: Mapping[str, Any], kind: str, record: Mapping[str, Any], consents: list[Any]) -> dict[str, Any]:
        raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        told = {"id": f"{name}:{sha256(raw).hexdigest()[:32]}", "kind": kind, "occurred_at": body["at"]}
        return {**told, "record_id": "7", "customer_id": "7", "record": record, "consents": consents}

    at = "2026-11-21T11:00:00Z"
    changed = {"type": "customer.changed", "at": at, "customer": dict(_CUSTOMER)}
    left = {**changed, "customer": {**_CUSTOMER, "agrees": False}}
    removed = {"type": "customer.removed", "at": at, "customer": {"id": 7}}
    record = {"id": "7", "email": "ann@example.com", "firstName": "Ann", "lastName": "Abel", "updatedAt": at}
    said = {"channel": "email", "at": _CUSTOMER["agreed_at"], "method": "agrees", "explicit": True}
    granted, withdrawn = ([{**said, "state": state}] for state in ("granted", "withdrawn"))
    needs = {"withdrawal": ["type", "customer.agrees"]}
    odd = "expected an id, found a number with a fraction"
    return {
        "customer_changed": case(changed, {"events": [event(changed, "customer_updated", record, granted)]}),
        "customer_changed_left": case(left, {"events": [event(left, "customer_updated", record, withdrawn)]}, **needs),
        "customer_removed": case(removed, {"events": [event(removed, "customer_deleted", {"id": "7"}, [])]}),
        "topic_other": case({"type": "lamp.lit", "at": at}, {"events": []}),
        "broken_id": case({**removed, "customer": {"id": 1.5}}, {"error": {"path": "customer.id", "found": odd}}),
    }
