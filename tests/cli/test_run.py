"""`tajo run`: what it refuses to start."""

from __future__ import annotations

import os

from customer_sync.cli.run import _apart, _Stack
from customer_sync.config import Settings
from customer_sync.registry import load_settings


def test_the_customers_of_the_demo_never_go_to_a_real_account(tajo):
    tajo.config.unlink()
    tajo.env["BREVO_API_KEY"] = "xkeysib-real"

    told = tajo("run", code=2).stderr

    assert "made-up customers must not go to a real account" in told
    assert "tajo init" in told
    assert not (tajo.folder / "home" / "demo.yaml").exists()


def test_a_shop_is_not_started_beside_the_people_of_a_demo(tajo):
    (tajo.folder / "home").mkdir()
    (tajo.folder / "home" / "demo.yaml").write_text("connectors: {}\n")
    del tajo.env["TAJO_REDIS_URL"]

    told = tajo("run", code=2).stderr

    assert "made-up people of a demo" in told
    assert "TAJO_HOME" in told


def test_no_setting_of_the_file_is_overruled_by_what_the_processes_are_given(tmp_path, monkeypatch):
    for name in ("BREVO_WEBHOOK_SECRET", "BREVO_API_KEY", "BREVO_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAJO_HOME", str(tmp_path / "home"))
    path = tmp_path / "tajo.yaml"
    path.write_text("brevo: {api_key: xkeysib-1, base_url: https://b.example/v3, webhook_secret: mine}\n")
    settings = load_settings(path, {})
    stack = _Stack(settings, "127.0.0.1", 8000, 1, 1)

    assert stack._start_sandbox() is None
    assert load_settings(path, stack._env).brevo == settings.brevo


def test_without_a_secret_of_the_file_one_is_made_and_kept(tmp_path, monkeypatch):
    for name in ("BREVO_WEBHOOK_SECRET", "BREVO_API_KEY", "BREVO_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAJO_HOME", str(tmp_path / "home"))
    path = tmp_path / "tajo.yaml"
    path.write_text("brevo: {api_key: xkeysib-1}\n")
    stacks = [_Stack(load_settings(path, {}), "127.0.0.1", 8000, 1, 1) for _ in range(2)]
    for stack in stacks:
        stack._start_sandbox()

    assert stacks[0]._env["BREVO_WEBHOOK_SECRET"] == stacks[1]._env["BREVO_WEBHOOK_SECRET"] != ""


def test_a_demo_has_a_folder_and_a_redis_of_its_own_whatever_is_set(monkeypatch, tmp_path):
    monkeypatch.setenv("TAJO_HOME", str(tmp_path))
    monkeypatch.setenv("TAJO_REDIS_URL", "redis://shop.example:6379/0")
    settings = _apart(Settings(redis_url="redis://shop.example:6379/0", api_key="k"))

    assert (settings.redis_url, settings.api_key) == (None, "k")
    assert "TAJO_REDIS_URL" not in os.environ
    assert os.environ["TAJO_HOME"] == str(tmp_path / "demo")
