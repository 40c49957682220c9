"""The example among the connectors: it is there, it is marked, it stands last, and nobody is told to use it."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from customer_sync import registry
from customer_sync.cli.init import source_text
from customer_sync.cli.main import main
from customer_sync.config import ConfigFaults
from customer_sync.errors import ConfigError
from customer_sync.kit.connector import SourceSettings
from customer_sync.loading import load_settings
from tests.custom.bench import NOW, connector, webhook
from tests.custom.test_documented import WHOLE

EXAMPLE = "acme_crm"


def test_lists_have_it_last_and_marked():
    row = registry.connector_rows()[-1]

    assert (row.platform, row.title) == (EXAMPLE, "Acme CRM (example)")
    assert registry.connectors_table().rstrip().splitlines()[-1].startswith("| [Acme CRM (example)]")
    assert all("(example)" not in one.title for one in registry.connector_rows()[:-1])


def test_it_can_be_used_and_is_never_proposed():
    assert EXAMPLE in registry.platforms()
    assert EXAMPLE not in registry.proposed()


def test_no_remedy_names_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = []
    try:
        registry.connector_for(SourceSettings("shop", "shopfy"))
    except ConfigError as error:
        told.append(error.remedy)
    Path("tajo.yaml").write_text("connectors:\n  shop: {platform: lamps}\nskills: {customer-sync: {}}\n")
    try:
        load_settings(None, {})
    except ConfigFaults as error:
        told.append(str(error))
    Path("tajo.yaml").unlink()
    CliRunner().invoke(main, ["init", "--yes"])
    told.append(Path("tajo.yaml").read_text())
    told.append(CliRunner().invoke(main, ["connectors", "connect", "--help"]).output)

    assert [("shopify" in one, EXAMPLE in one) for one in told] == [(True, False)] * 4


def test_what_it_needs_is_told_to_whoever_names_it():
    assert "client_id" in source_text(registry.platforms()[EXAMPLE])


def test_a_strange_webhook_is_never_said_to_be_its():
    made = connector(WHOLE, secrets=("w",))
    inbound = made.sign(webhook({"type": "customer.created", "at": NOW.isoformat()}, "customer"), "w")
    other = registry.connector_for(SourceSettings("shop", "woocommerce"))

    assert registry.recognise(inbound, other, {}) is None
