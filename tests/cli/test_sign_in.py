"""`tajo sign-in`: a link for a browser."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from customer_sync.config import Settings
from customer_sync.web import create_app


@pytest.fixture
def runs(tajo):
    """Leave the note of a `tajo run` that runs here."""
    home = Path(tajo.env["TAJO_HOME"])
    home.mkdir()
    facts = {"url": "http://127.0.0.1:8123", "redis_url": tajo.env["TAJO_REDIS_URL"], "pid": os.getpid()}
    (home / "run.json").write_text(json.dumps(facts))


@pytest.fixture
def browser(store, tmp_path, monkeypatch):
    monkeypatch.setenv("TAJO_HOME", str(tmp_path / "home"))
    app = create_app(Settings())
    app.extensions["tajo"]._store = store
    return app.test_client()


def test_the_link_leads_to_the_running_installation_and_opens_it_once(tajo, runs, browser):
    link = urlsplit(tajo("sign-in").stdout.strip())

    assert link.netloc == "127.0.0.1:8123"
    assert browser.get("/").status_code == 302
    assert browser.get(f"{link.path}?{link.query}").status_code == 200
    assert browser.get("/").status_code == 200
    browser.delete_cookie(next(iter(browser._cookies.values())).key, domain="localhost")
    assert browser.get(f"{link.path}?{link.query}").status_code == 401


def test_no_key_is_shown(tajo, runs, browser):
    key = (Path(tajo.env["TAJO_HOME"]) / "api.key").read_text().strip()

    assert key not in tajo("sign-in").output


def test_the_public_address_gets_a_link_of_its_own(tajo, runs):
    links = tajo.json("sign-in", TAJO_PUBLIC_URL="https://tajo.example/")["links"]

    assert [urlsplit(link).netloc for link in links] == ["127.0.0.1:8123", "tajo.example"]
    assert len({urlsplit(link).query for link in links}) == 2


def test_an_address_may_be_given(tajo):
    assert tajo("sign-in", "--url", "http://10.0.0.5:9000/").stdout.startswith("http://10.0.0.5:9000/sign-in?link=")


def test_a_fault_in_the_config_keeps_nobody_out(tajo, runs):
    tajo.config.write_text("connectors: {shopify: {api_secret: '${NOT_SET}'}}\n")

    assert "/sign-in?link=" in tajo("sign-in", TAJO_REDIS_URL=None).stdout


def test_where_nothing_runs_it_says_what_to_do(tajo):
    told = tajo("sign-in", code=4).stderr

    assert "Start `tajo run`" in told
    assert "--url" in told


def test_one_address_has_one_link(tajo, runs):
    assert len(tajo("sign-in", TAJO_PUBLIC_URL="http://127.0.0.1:8123/").stdout.split()) == 1
