"""Connectors are found by name, and a broken one never stops the others."""

from __future__ import annotations

import itertools
import subprocess
import sys
import textwrap
from importlib.metadata import EntryPoint

import pytest

from customer_sync import loading, registry
from customer_sync.config import ConfigFaults
from customer_sync.errors import ConfigError
from customer_sync.kit.connector import Connector, SourceSettings

GOOD = """
    from customer_sync.kit.connector import Connector, Option

    class ConnectorGood(Connector):
        platform = "good"
        title = "Good"
        proof, judges = "HMAC", "its own client"
        resources = ("customers", "orders")
        topics = ("made",)
        options = (Option("url", "Where it is."), Option("key", "The key.", required=True))

        def verify(self, inbound, secrets): ...

        def parse(self, inbound):
            return []

    CONNECTOR = ConnectorGood
"""


class ConnectorInstalled(Connector):
    """What an installed package brings."""

    platform = "installed"
    title = "Installed"

    def verify(self, inbound, secrets):
        """Accept everything."""

    def parse(self, inbound):
        """Find nothing."""
        return []


#: Opens the line as a worker does, and says which connectors that took.
WORKER = """
import sys
from customer_sync.worker.app import app, line

app.loader.import_default_modules()
line()
print(*sorted(name for name in sys.modules if name.startswith("connectors.") and name.endswith(".connector")))
assert "customer_sync.custom" not in sys.modules, "what reads connector files was loaded"
"""

_names = itertools.count()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a function that writes connectors, folder name → code, and searches for them."""
    monkeypatch.syspath_prepend(tmp_path)

    def folder(installed=(), **codes):
        package = f"connectors_of_test_{next(_names)}"
        for name, code in codes.items():
            (tmp_path / package / name).mkdir(parents=True)
            (tmp_path / package / name / "__init__.py").touch()
            (tmp_path / package / name / "connector.py").write_text(textwrap.dedent(code))
        (tmp_path / package / "__init__.py").touch()
        return registry.discover([str(tmp_path / package)], package, installed)

    yield folder
    for name in [name for name in sys.modules if name.startswith("connectors_of_test_")]:
        del sys.modules[name]


@pytest.fixture
def fake(monkeypatch, folder):
    """Make the registry know one good and one broken connector of this file."""
    found = folder(good=GOOD, odd="raise OSError('gone')")
    monkeypatch.setattr(registry, "_found", lambda: found)
    return found


def point(name, value, group=registry.ENTRY_POINTS):
    return EntryPoint(name, value, group)


def test_every_folder_with_a_connector_is_found(folder, tmp_path):
    found = folder(good=GOOD, able=GOOD.replace("good", "able"))

    assert list(found.classes) == ["able", "good"]
    assert found.origins == {"able": "built-in", "good": "built-in"}
    assert found.broken == {}


def test_a_folder_without_a_connector_is_no_platform(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "empty_of_test" / "notes").mkdir(parents=True)
    (tmp_path / "empty_of_test" / "notes" / "__init__.py").touch()

    found = registry.discover([str(tmp_path / "empty_of_test")], "empty_of_test", [])

    assert found == registry.Found()


def test_an_installed_package_brings_a_connector(folder):
    found = folder([point("installed", f"{__name__}:ConnectorInstalled")], good=GOOD)

    assert found.classes["installed"] is ConnectorInstalled
    assert found.origins["installed"] == __name__


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit('wants another Python')", "SystemExit: wants another Python"),
        ("def broken(:", "SyntaxError"),
        ("", "its connector.py names no CONNECTOR"),
        ("CONNECTOR = 5", "what it names is no subclass of Connector"),
        (GOOD.replace("def parse", "def pars"), "it does not define parse"),
        (GOOD.replace('title = "Good"', ""), "it has no title"),
        (GOOD.replace('"good"', '"better"'), "it calls its platform better"),
    ],
)
def test_a_broken_connector_is_reported_and_the_others_go_on(folder, code, why, caplog):
    found = folder(good=code, able=GOOD.replace("good", "able"))

    assert list(found.classes) == ["able"]
    assert list(found.broken) == ["good"]
    assert found.broken["good"].startswith(why)
    assert found.blamed == {}
    assert [record.message for record in caplog.records] == ["connector cannot be loaded"]


def test_a_built_in_connector_is_loaded_once_when_it_is_asked_for(folder):
    found = folder(good=GOOD, able="raise AssertionError('nobody asked for it')")

    assert found.classes["good"] is found.classes["good"]
    assert "better" not in found.classes
    assert not any(name.endswith("able.connector") for name in sys.modules)
    assert list(found.broken) == ["able"]


@pytest.mark.usefixtures("client")  # an empty Redis
def test_a_worker_loads_the_connectors_of_its_sources_and_no_others(tmp_path, redis_url, monkeypatch):
    (tmp_path / "tajo.yaml").write_text("connectors: {till: {platform: stripe, webhook_secret: whsec_x}}")
    for name, value in {
        "TAJO_HOME": tmp_path,
        "TAJO_CONFIG": tmp_path / "tajo.yaml",
        "TAJO_REDIS_URL": redis_url,
    }.items():
        monkeypatch.setenv(name, str(value))

    done = subprocess.run([sys.executable, "-c", WORKER], check=False, capture_output=True, text=True)

    assert done.stdout.split() == ["connectors.api.connector", "connectors.stripe.connector"], done.stderr


def test_a_broken_package_is_reported_and_the_others_go_on(folder):
    found = folder([point("gone", "no_such_module:Connector"), point("lost", f"{__name__}:NoSuch")], good=GOOD)

    assert list(found.classes) == ["good"]
    assert found.broken["gone"] == "ModuleNotFoundError: No module named 'no_such_module'"
    assert found.broken["lost"].startswith("AttributeError")
    assert found.blamed == {"gone": "no_such_module", "lost": __name__}


def test_a_package_cannot_replace_a_built_in_connector(folder):
    found = folder([point("good", f"{__name__}:ConnectorInstalled")], good=GOOD)

    assert found.classes["good"].title == "Good"
    assert found.broken == {f"good ({__name__})": "built-in serves good already"}


def test_a_source_gets_a_connector_of_its_platform_with_its_settings(fake):
    settings = SourceSettings("shop-de", "good", ("s",))

    connector = registry.connector_for(settings)

    assert isinstance(connector, fake.classes["good"])
    assert connector.settings is settings


@pytest.mark.parametrize(
    ("platform", "reason"),
    [("none", "no such platform"), ("odd", "the connector for odd cannot be loaded (OSError: gone)")],
)
def test_a_source_of_a_platform_that_is_not_there_is_a_config_error(fake, platform, reason):
    with pytest.raises(ConfigError) as caught:
        registry.connector_for(SourceSettings("shop", platform))

    assert str(caught.value) == f"connectors.shop: {reason}. Choices: good."


def test_settings_are_loaded_with_the_connectors_there_are(fake, tmp_path):
    path = tmp_path / "tajo.yaml"
    path.write_text("connectors: {shop: {platform: good, webhook_secret: s}}")

    assert loading.load_settings(path, {}).sources["shop"].platform == "good"
    path.write_text("connectors: {odd: {webhook_secret: s}}")
    assert loading.load_settings(path, {}).unserved == {"odd": "odd"}
    path.write_text("connectors: {none: {webhook_secret: s}}")
    with pytest.raises(ConfigFaults, match="no platform is called none"):
        loading.load_settings(path, {})


def test_the_table_has_a_row_for_each_connector_with_the_required_keys_first(fake):
    assert registry.connector_rows() == [
        registry.ConnectorRow(
            platform="good",
            title="Good",
            resources=("customers", "orders"),
            topics=("made",),
            keys=("key", "url"),
            secret_keys=("webhook_secret",),
            pulls=(),
            writes=(),
            shares_addresses=False,
            origin="built-in",
            auth="",
            proof="HMAC",
            judges="its own client",
        )
    ]
    (row,) = registry.connectors_table().splitlines()[2:]
    told = ["customers, orders", "nothing", "no consent", "nothing", "HMAC", "its own client"]
    assert row == f"| [Good](connectors/good/README.md) | {' | '.join(told)} |"


def test_what_is_installed_on_one_machine_is_not_in_the_readmes_table(folder, monkeypatch):
    found = folder([point("installed", f"{__name__}:ConnectorInstalled")], good=GOOD)
    monkeypatch.setattr(registry, "_found", lambda: found)

    assert "Installed" in [row.title for row in registry.connector_rows()]
    assert "Installed" not in registry.connectors_table()


def test_the_built_in_connectors_can_all_be_loaded():
    assert registry.broken() == {}
    assert all(platform == connector.platform for platform, connector in registry.platforms().items())


def test_connectors_are_searched_for_once():
    assert registry.platforms() is registry.platforms()
