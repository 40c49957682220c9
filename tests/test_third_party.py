"""A connector that an installed package brings and that fails at import: the others go on, and people are told once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from customer_sync import assembly, registry
from customer_sync.config import Settings
from customer_sync.kit.connector import SourceSettings
from customer_sync.operate.doctor.findings import Patient
from customer_sync.operate.doctor.sources import examine_connectors
from customer_sync.operate.settings_book import SettingsBook
from customer_sync.web import ingress
from tests.web.door import Door

WHY = "ImportError: needs another library"


@pytest.fixture
def broken(monkeypatch):
    """Make the registry know a package that fails at import, beside the real connectors."""
    real = registry._found()
    found = registry.Found(real.classes, real.origins, {"acme": WHY}, {"acme": "tajo-acme"})
    monkeypatch.setattr(registry, "_found", lambda: found)
    return found


def settings(**more):
    return Settings(sources={"lamps": SourceSettings("lamps", "shopify", ("s",))}, unserved={"desk": "acme"}, **more)


def test_one_alert_names_connector_source_and_package(broken, store):
    for _ in range(3):
        assembly.open_line(settings(), store.client, lambda _: None)

    (alert,) = [one for one in store.ledger.alerts() if one.get("cause") == "code"]
    assert alert["alert"] == f"The connector for acme cannot be loaded ({WHY}); desk stands still."
    assert alert["remedy"] == "Update the package tajo-acme, or uninstall it; then start again."


def test_another_fault_of_the_same_connector_is_another_alert(broken, store):
    broken.broken["umbra"], broken.blamed["umbra"] = WHY, "tajo-umbra"
    assembly.tell_broken(settings(), store)
    broken.broken["acme"] = "SyntaxError: line 3"
    assembly.tell_broken(settings(), store)
    broken.broken.clear()
    assembly.tell_broken(settings(), store)

    assert [one["alert"].split()[3] for one in store.ledger.alerts()] == ["acme", "umbra", "acme"]


@pytest.mark.parametrize(("unserved", "verdict"), [({"desk": "acme"}, "fail"), ({}, "warn")])
def test_the_doctor_says_what_to_do(broken, store, unserved, verdict):
    patient = Patient(replace(settings(), unserved=unserved), Path("nowhere"), {}, store, None)
    (found,) = examine_connectors(patient)

    assert (found.name, found.verdict) == ("connector acme", verdict)
    assert WHY in found.cause
    assert ("desk stands still" in found.cause) is bool(unserved)
    assert "tajo-acme" in found.fix


def test_webhooks_of_the_source_are_asked_for_again_and_others_are_taken(broken, redis_url, client, tmp_path):
    door = Door(redis_url, tmp_path / "home")
    door.services.connectors = assembly.connectors_of(settings())
    door.services._book = SettingsBook(settings())
    door.app.wsgi_app = ingress.Ingress(door.services, door.app.wsgi_app)
    still = door.post("desk", b"{}")
    other = door.post("lamps", b"{}", door.signed("lamps", b"{}", {"x-shopify-topic": "customers/update"}, "s"))
    door.close()

    assert (still.status_code, other.status_code) == (503, 202)
    assert int(still.headers["Retry-After"]) > 0


@pytest.mark.slow
@pytest.mark.parametrize("code", ["1 / 0", "raise SystemExit('not on this Python')", "import no_such_module"])
def test_a_package_that_fails_at_import_leaves_the_command_line_and_the_others_well(tmp_path, code):
    (tmp_path / "acme_connector.py").write_text(code)
    about = tmp_path / "tajo_acme-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tajo-acme\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[customer_sync.connectors]\nacme = acme_connector:Acme\n")
    config = tmp_path / "tajo.yaml"
    config.write_text("connectors: {desk: {platform: acme}, lamps: {platform: shopify, webhook_secret: s}}\n")
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "TAJO_CONFIG": str(config), "TAJO_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "customer_sync", "connectors", "list"]

    said, told = (
        subprocess.run([*command, *more], env=env, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        for more in ((), ("--json",))
    )

    assert "Update the package tajo-acme" in said
    states = {one["name"]: one["state"] for one in json.loads(told)["items"]}
    assert states == {"lamps": "quiet", "desk": "stands still"}
    assert "cannot be loaded" in next(one["why"] for one in json.loads(told)["items"] if one["name"] == "desk")
    assert list(json.loads(told)["broken"]) == ["acme"]
