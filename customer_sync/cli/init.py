"""`tajo init`: a commented tajo.yaml to start from, made from what the connector declares."""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Final

import click

from customer_sync.cli import complete
from customer_sync.cli.output import WRONG_USE, fail, json_option, print_json, prompt
from customer_sync.cli.source_keys import secret_key_of
from customer_sync.config import ConfigFaults
from customer_sync.config.faults import choose
from customer_sync.kit.connector import Connector, Option
from customer_sync.loading import load_settings
from customer_sync.registry import platforms, proposed

#: How a config begins.
HEAD: Final = """\
# The config of Tajo Customer Sync. `tajo check` reads it and says every fault; docs/settings.md lists every key.
# Secrets stay in the environment: ${NAME} is filled in from there.
# Contacts go to the account of BREVO_API_KEY; without that variable, to a sandbox.

"""
_CHOOSE: Final = "  # Take the `# ` away from the lines of your platform.\n"
_SKILLS: Final = """
skills:
  customer-sync:
    enabled: true
    # Field of the customer → attribute in Brevo; `tajo attributes plan` shows which of them Brevo lacks.
    field_mapping:
      firstName: FIRSTNAME
      lastName: LASTNAME
      phone: SMS
    options:
"""
_LIST: Final = "      # People who agreed to be mailed are put on this list.\n      list_id: {}\n"
_NO_LIST: Final = (
    "      # People who agreed to be mailed are put on this list: the number that Brevo shows.\n      # list_id: 5\n"
)
_DELETE: Final = "      # soft: off the lists and blocked. hard: deleted in Brevo.\n      delete_behavior: soft\n"


@click.command()
@click.option(
    "--platform", shell_complete=complete.PLATFORM, help="Where your customers live: shopify, woocommerce, ..."
)
@click.option("--shop-url", help="The shop's address, as your-store.myshopify.com.")
@click.option("--list-id", type=click.IntRange(1), help="The Brevo list of people who agreed.")
@click.option("--file", type=click.Path(path_type=Path), default=None, help="The file to write.  [default: tajo.yaml]")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing: what is not given is left out.")
@json_option
def init(  # noqa: PLR0913  # click gives each option as an argument
    platform: str | None,
    shop_url: str | None,
    list_id: int | None,
    file: Path | None,
    *,
    force: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Write a tajo.yaml to start from.

    Asks for what is not given. Secrets are never written: the file names variables of the environment.
    """
    path = file or Path(os.environ.get("TAJO_CONFIG") or "tajo.yaml")
    if path.exists() and not force:
        fail(f"{path} is there already.", "Choose another name with --file, or write over it with --force.", WRONG_USE)
    connector = _choose(platform, yes=yes)
    if connector is None and shop_url is not None:
        fail("--shop-url is given, and no platform.", f"Add --platform. Choices: {', '.join(proposed())}.", WRONG_USE)
    if shop_url is None and not yes and connector is not None and _has_shop_url(connector):
        shop_url = prompt("Address of the shop (empty: later)", yes=yes, default="", show_default=False) or None
    if list_id is None and not yes:
        list_id = prompt("Number of the Brevo list (0: later)", yes=yes, type=click.IntRange(0), default=0) or None
    text = config_text(connector, shop_url=shop_url, list_id=list_id)
    variables = sorted(set(re.findall(r"^[^#\n]*\$\{([A-Z0-9_]+)\}", text, re.MULTILINE)))
    _write(path, text, variables)
    if as_json:
        print_json({"file": str(path), "platform": connector and connector.platform, "variables": variables})
    else:
        _say_next(path, connector, variables)


def config_text(connector: type[Connector] | None, *, shop_url: str | None = None, list_id: int | None = None) -> str:
    """Return a config with one source; what is not known yet stands in comments.

    Args:
        connector: serves the source; None when that is not known yet either: one of each platform stands in comments.
        shop_url: the shop's address.
        list_id: the Brevo list.
    """
    if connector is None:
        text = _CHOOSE + "".join(_commented(source_text(one)) for one in proposed().values())
    else:
        text = source_text(connector, shop_url=shop_url)
    return HEAD + "connectors:\n" + text + _SKILLS + (_LIST.format(list_id) if list_id else _NO_LIST) + _DELETE


def source_text(connector: type[Connector], *, shop_url: str | None = None) -> str:
    """Return the lines of one source below `connectors:`; what is not known yet stands in comments."""
    lines = [f"  {connector.platform}:"]
    secret_key = secret_key_of(connector)
    if secret_key and secret_key not in {option.name for option in connector.options}:
        lines += ["    # Proves that a webhook is genuine.", f"    {secret_key}: {_variable(connector, secret_key)}"]
    for option in connector.options:
        value = shop_url if option.name == "shop_url" else None
        is_active = bool(value) or option.name == secret_key
        lines += _option_lines(connector, option, value, is_active=is_active)
    return "\n".join(lines) + "\n"


def _commented(text: str) -> str:
    """Return the lines of a source as comments: without `# ` they are what they were."""
    return "".join(f"  # {line.removeprefix('  ')}\n" for line in text.splitlines())


def _option_lines(connector: type[Connector], option: Option, value: str | None, *, is_active: bool) -> list[str]:
    shown = json.dumps(value) if value else _variable(connector, option.name) if option.secret else '"..."'
    return [f"    # {option.help}", f"    {'' if is_active else '# '}{option.name}: {shown}"]


def _variable(connector: type[Connector], name: str) -> str:
    return f'"${{{connector.platform.upper()}_{name.upper()}}}"'


def _has_shop_url(connector: type[Connector]) -> bool:
    return any(option.name == "shop_url" for option in connector.options)


def _choose(platform: str | None, *, yes: bool) -> type[Connector] | None:
    known = platforms()
    if platform is None:
        if yes:
            return None
        platform = prompt("Where do your customers live?", yes=yes, type=click.Choice(list(proposed())))
    if platform not in known:
        fail(f"No platform is called {platform}.", choose(platform, proposed()), WRONG_USE)
    return known[platform]


def _write(path: Path, text: str, variables: list[str]) -> None:
    """Write the file in one step, once it is known to be read without a fault."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".yaml", delete=False, encoding="utf-8") as draft:
            draft.write(text)
        try:
            load_settings(Path(draft.name), dict.fromkeys(variables, "x"))
        except ConfigFaults as error:
            Path(draft.name).unlink()
            told = "\n".join(f"  {fault.path}: {fault.found}. {fault.remedy}" for fault in error.faults)
            fail(f"What was given does not make a config:\n{told}", "Correct it and try again.", WRONG_USE)
        Path(draft.name).chmod(0o644)
        Path(draft.name).replace(path)
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}.", "Choose another place with --file.")


def _say_next(path: Path, connector: type[Connector] | None, variables: list[str]) -> None:
    steps = [f"export {name}=..." for name in variables]
    if connector is None:
        steps.append(f"take the `# ` away from the lines of your platform in {path}")
    steps += [
        "export BREVO_API_KEY=...   (or leave it out to try the sandbox)",
        "tajo check",
        "tajo doctor   (while tajo run runs)",
    ]
    click.echo(f"{path} is written. Next:")
    for step in steps:
        click.echo(f"  {step}")
    click.echo(f"How to make the webhooks: connectors/{connector.platform if connector else '<platform>'}/README.md")
