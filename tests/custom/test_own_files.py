"""Connector files beside `tajo.yaml` become platforms; a file at fault stops no other."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from customer_sync import registry
from customer_sync.config import ConfigFaults
from customer_sync.loading import load_settings

LAMPS = """
name: lamps
display_name: Lamps
base_url: https://api.lamps.example
auth: {type: api_key}
resources:
  customers:
    endpoint: /customers
    pagination: {type: none}
    mapping: {email: email, attributes.TIER: tier}
webhooks:
  verify: {type: static_header, header: X-Lamps-Token}
  events: {customer_changed: {path: /customer}}
"""
CONFIG = """
connectors:
  shop:
    platform: lamps
    api_key: key
    webhook_secret: secret
skills:
  customer-sync: {}
"""


def discover(folder):
    return registry.discover([str(folder / "none")], "none", [], folder)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with a tajo.yaml; what was said of the folder is forgotten afterwards."""
    monkeypatch.setattr(registry, "_OWN", registry._Own())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tajo.yaml").write_text(CONFIG)
    (tmp_path / "connectors").mkdir()
    return tmp_path


def test_a_file_is_a_platform_by_the_name_in_it(tmp_path):
    (tmp_path / "any name.yml").write_text(LAMPS)
    (tmp_path / "notes.txt").write_text("no connector")
    (tmp_path / ".hidden.yaml").write_text("no connector")

    found = discover(tmp_path)

    assert list(found.classes) == ["lamps"]
    assert found.origins == {"lamps": f"{tmp_path.name}/any name.yml"}
    assert (found.classes["lamps"].title, found.broken) == ("Lamps", {})


def test_a_file_at_fault_is_told_by_its_name_and_stops_no_other(tmp_path):
    (tmp_path / "lamps.yaml").write_text(LAMPS)
    (tmp_path / "chairs.yaml").write_text(LAMPS.replace("lamps", "chairs").replace("api_key}", "key}"))
    (tmp_path / "raw.yaml").write_bytes(b"\xff\xfe")
    (tmp_path / "second.json").write_text('{"name": "lamps"}')
    (tmp_path / "third.yaml").write_text(LAMPS)

    found = discover(tmp_path)

    assert list(found.classes) == ["lamps"]
    assert set(found.broken) == {"chairs", "raw", f"lamps ({tmp_path.name}/third.yaml)", "lamps"}
    assert found.broken["chairs"].startswith("chairs.yaml:5: auth.type: found 'key'. Choices: none, bearer,")
    assert found.blamed["chairs"] == f"{tmp_path.name}/chairs.yaml"


def test_a_folder_that_is_not_there_or_not_open_is_no_reason_to_fail(tmp_path):
    assert discover(tmp_path / "nowhere") == registry.Found()
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "x.yaml").mkdir()

    assert discover(closed) == registry.Found()


def test_a_source_uses_its_keys_and_its_attributes(home):
    (home / "connectors" / "lamps.yaml").write_text(LAMPS)
    settings = load_settings(None, {})

    source = settings.sources["shop"]
    options = {"api_key": "key", "webhook_secret": "secret"}
    assert (source.platform, source.secrets, dict(source.options)) == ("lamps", ("secret",), options)
    assert settings.mapping_for("shop")["TIER"] == "TIER"
    assert registry.connector_for(source).can_pull()
    assert "lamps" not in registry.connectors_table()
    assert [row.origin for row in registry.connector_rows() if row.platform == "lamps"] == ["connectors/lamps.yaml"]


def test_what_field_mapping_says_of_an_attribute_wins(home):
    (home / "connectors" / "lamps.yaml").write_text(LAMPS)
    (home / "tajo.yaml").write_text(CONFIG.replace("    api_key", "    field_mapping: {TIER: LEVEL}\n    api_key"))

    assert load_settings(None, {}).mapping_for("shop")["TIER"] == "LEVEL"


def test_the_source_of_a_file_at_fault_stands_still_and_the_others_go_on(home):
    (home / "connectors" / "lamps.yaml").write_text(LAMPS.replace("/customers", "customers"))
    (home / "tajo.yaml").write_text(
        f"{CONFIG}".replace("skills:", "  api:\n    webhook_secret: " + "s" * 32 + "\nskills:")
    )

    settings = load_settings(None, {})

    assert settings.unserved == {"shop": "lamps"}
    assert list(settings.sources) == ["api"]
    assert "no path that begins with a slash" in settings.warnings[0]
    assert "tajo connectors check" in registry.mend("lamps")


def test_a_folder_without_a_tajo_yaml_is_not_believed(home):
    (home / "connectors" / "lamps.yaml").write_text(LAMPS)
    (home / "tajo.yaml").rename(home / "other.yaml")

    assert registry.folder_beside(None, {}) is None
    assert "lamps" not in registry.platforms()
    with pytest.raises(ConfigFaults):
        load_settings(None, {"TAJO_CONFIG": str(home / "nowhere.yaml")})
    assert registry.folder_beside(None, {"TAJO_CONFIG": str(home / "other.yaml")}) == home / "connectors"
    assert "shop" in load_settings(home / "other.yaml", {}).sources


def test_a_folder_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    """Root reads every folder, so the system's answer is given here."""

    def refuse(_):
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", refuse)
        found = discover(tmp_path)

    assert "cannot be read" in next(iter(found.broken.values()))


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "connectors").write_text("")

    assert "cannot be read" in next(iter(discover(tmp_path / "connectors").broken.values()))
