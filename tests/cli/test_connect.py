"""`tajo connectors connect|disconnect|install`, with a web process that listens and a browser that plays the owner."""

from __future__ import annotations

import json
import os
import re
import threading
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import yaml
from flask import Flask
from werkzeug.serving import make_server

from customer_sync.batch import upkeep
from customer_sync.cli import connect as command
from customer_sync.config import Settings
from customer_sync.errors import ConfigError, TryLater, Unavailable
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.reach import Upkeep
from customer_sync.loading import load_settings
from customer_sync.operate.doctor.findings import Patient
from customer_sync.operate.doctor.sources import examine_sources
from customer_sync.store.attempts import Attempts, Outcome
from customer_sync.store.counters import Tally
from customer_sync.store.vault import RedisVault, SecretKey
from customer_sync.web import add_faces
from customer_sync.web.services import Services
from tests.shops import Lumen, open_shops

CONFIG = """\
connectors:
  lumen: {shop_url: lumen.example, api_secret: lumen-secret}
  tulip: {webhook_secret: tulip-secret}
  keyed: {platform: lumen, shop_url: keyed.example, api_secret: s, token: permanent}
  off: {platform: lumen, enabled: false}
"""
CODE = "code-5f2e91"


@pytest.fixture
def shops(monkeypatch):
    return open_shops(monkeypatch)


@pytest.fixture
def tajo(tajo, shops, monkeypatch):
    """`tajo` with a source of each platform; it looks for the outcome often."""
    tajo.config.write_text(CONFIG)
    monkeypatch.setattr(command, "LOOK_S", 0.01)
    return tajo


@pytest.fixture
def web(tajo, redis_url, monkeypatch):
    """The address of a web process of this installation; the note of `tajo run` tells it to the commands."""
    home = Path(tajo.env["TAJO_HOME"])
    home.mkdir()
    services = Services(load_settings(tajo.config, tajo.env), home, redis_url=redis_url)
    app = Flask("customer_sync.web")
    add_faces(app, services)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    (home / "run.json").write_text(json.dumps({"url": url, "redis_url": redis_url, "pid": os.getpid()}))
    yield url
    server.shutdown()
    server.server_close()
    services.spool.close()
    services.intake._inbox._pool.disconnect()
    services.store().client.connection_pool.disconnect()


class Owner:
    """Sits before the browser that the command opens, and does there what the test wants."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.code: str | None = CODE
        self.pages: list[requests.Response] = []

    def __call__(self, address: str) -> int:
        self.opened.append(address)
        with requests.Session() as browser:
            sent = browser.get(address, allow_redirects=False)
            if sent.status_code == 302:
                asked = {name: values[0] for name, values in parse_qs(urlsplit(sent.headers["Location"]).query).items()}
                answer = {"state": asked["state"]} | ({"code": self.code} if self.code else {})
                self.pages.append(browser.get(asked["redirect_uri"], params=answer))
        return 0


@pytest.fixture
def owner(monkeypatch):
    found = Owner()
    monkeypatch.setattr(command, "_has_browser", lambda: True)
    monkeypatch.setattr(command.click, "launch", found)
    return found


@pytest.fixture
def vault_of(client, tajo):
    """Return a function that gives a source's vault."""
    return lambda source: RedisVault(client, source, SecretKey(None, Path(tajo.env["TAJO_HOME"])))


@pytest.fixture
def stored(vault_of):
    """Return a function that tells what a source's vault holds."""
    return lambda source: vault_of(source).load()


# connect


def test_a_source_is_connected_when_the_owner_agrees(tajo, web, owner, stored):
    told = tajo("connectors", "connect", "lumen")

    connected, then = told.stdout.splitlines()
    assert connected == "The shop lumen.example is connected."
    assert "nobody is sent to Brevo yet" in then
    assert "`tajo connectors sync lumen --full --dry-run`" in then
    assert stored("lumen") == {"token": CODE, "shop_url": "lumen.example"}
    assert owner.opened[0].startswith(f"{web}/connect/lumen/start?ticket=")
    assert owner.opened[0] in told.stderr
    assert owner.pages[0].status_code == 200


def test_nothing_secret_is_printed(tajo, web, owner):
    shown = tajo("connectors", "connect", "lumen").output

    assert CODE not in shown
    assert parse_qs(urlsplit(owner.pages[0].url).query)["state"][0] not in shown


def test_programs_get_json(tajo, web, owner):
    assert tajo.json("connectors", "connect", "lumen") == {
        "source": "lumen",
        "connected": True,
        "text": "The shop lumen.example is connected.",
    }


def test_an_address_of_the_shop_that_is_given_is_written_and_used_at_once(tajo, web, owner, stored):
    assert "--shop-url" in tajo("connectors", "connect", "tulip", code=2).stderr

    told = tajo("connectors", "connect", "lumen", "--shop-url", "other.example")

    assert stored("lumen")["shop_url"] == "other.example"
    assert tajo.config.read_text() == CONFIG.replace("shop_url: lumen.example", 'shop_url: "other.example"')
    assert "These keys alone do not open Lumen." in told.stderr
    assert "start it again" in told.stdout


def test_a_running_service_lets_the_owner_in_for_a_source_that_is_new(tajo, web, owner, stored):
    words = ("new", "--platform", "lumen", "--shop-url", "new.example", "--api-secret", "s", "--json")

    told = json.loads(tajo("connectors", "connect", *words).stdout)

    assert told["connected"]
    assert told["keys"]["shop_url"] == "new.example"
    assert stored("new")["shop_url"] == "new.example"


def test_with_a_public_address_the_browser_is_led_there_and_the_next_step_is_told(tajo, web, owner, monkeypatch):
    monkeypatch.setattr(
        command.click, "launch", lambda address: owner(address.replace("http://localhost", "http://127.0.0.1"))
    )
    public = web.replace("127.0.0.1", "localhost")

    def outcome_of(self, attempt):
        assert attempt.base_url == public
        return Outcome("connected", "Connected.")

    monkeypatch.setattr(Attempts, "outcome", outcome_of)
    told = tajo("connectors", "connect", "lumen", TAJO_PUBLIC_URL=public)

    assert f"{public}/connect/lumen/start" in told.stderr
    assert "tajo connectors install lumen" in told.stdout


def test_no_browser_is_opened_when_none_is_wanted(tajo, web, owner, monkeypatch):
    monkeypatch.setattr(Attempts, "outcome", lambda *_: Outcome("connected", "Connected."))

    tajo("connectors", "connect", "lumen", "--no-browser")

    assert owner.opened == []


@pytest.mark.parametrize(
    ("is_terminal", "screen", "platform", "has_browser"),
    [
        (True, ":0", "linux", True),
        (True, "", "linux", False),
        (True, "", "darwin", True),
        (False, ":0", "linux", False),
    ],
)
def test_a_browser_is_there_where_a_person_sits_before_a_screen(
    monkeypatch, is_terminal, screen, platform, has_browser
):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", screen)
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal, raising=False)

    assert command._has_browser() == has_browser


def test_a_terminal_sees_one_line_that_turns_and_goes(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)

    with command._spinner() as turn:
        turn("Waiting")
        turn("Waiting")

    assert capsys.readouterr().err == "\r| Waiting \033[K\r/ Waiting \033[K\r\033[K"


@pytest.mark.parametrize(
    ("trouble", "code", "words"),
    [
        ((ConfigError, "The secret is wrong.", "Set api_secret."), 3, "Set api_secret."),
        ((Unavailable, "lumen.example did not answer"), 4, "cannot be reached"),
        ((TryLater, "Another is at it."), 1, "Wait a minute."),
        ((KeyError, "x"), 1, "A fault in this program."),
    ],
)
@pytest.mark.usefixtures("web", "owner")
def test_what_goes_wrong_in_the_browser_ends_the_command(tajo, trouble, code, words):
    Lumen.trouble = trouble

    assert words in tajo("connectors", "connect", "lumen", code=code).stderr


def test_an_answer_that_the_connector_refuses_ends_with_code_3(tajo, web, owner, stored):
    owner.code = None

    assert "not Lumen's answer" in tajo("connectors", "connect", "lumen", code=3).stderr
    assert stored("lumen") == {}


@pytest.fixture
def late(monkeypatch):
    """Make the waiting end at its second look."""
    moments = iter([0.0, 0.0, 0.0, 1000.0])
    clock = SimpleNamespace(monotonic=lambda: next(moments), sleep=lambda _: None)
    monkeypatch.setattr(command, "time", clock)


def test_without_an_answer_the_command_ends_with_code_4_and_the_attempt_with_it(tajo, web, client, late):
    told = tajo("connectors", "connect", "lumen", "--no-browser", code=4).stderr

    assert "No answer came within 300 s." in told
    assert told.count("Waiting for the answer") == 1
    assert [key for key in client.keys("tajo:connect:*") if key.count(b":") == 2] == []


def test_a_platform_that_is_not_configured_is_told_with_what_to_write(tajo):
    told = tajo("connectors", "connect", "shopify", code=2).stderr

    written = yaml.safe_load(told[told.index("connectors:\n") :])
    assert written["connectors"]["shopify"] == {"api_secret": "${SHOPIFY_API_SECRET}"}


def test_a_name_that_nobody_knows_and_a_disabled_source_end_with_code_2(tajo):
    assert "platform:" in tajo("connectors", "connect", "etsy", code=2).stderr
    assert "enabled: false" in tajo("connectors", "connect", "off", code=2).stderr


def test_without_a_web_process_the_command_ends_with_code_4(tajo):
    assert "tajo run" in tajo("connectors", "connect", "lumen", code=4).stderr

    told = tajo("connectors", "connect", "lumen", code=4, TAJO_PUBLIC_URL="http://127.0.0.1:1").stderr
    assert "does not answer at http://127.0.0.1:1" in told


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("http://0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("http://[::]:8000", "http://[::1]:8000"),
        ("http://10.0.0.7:8000", "http://10.0.0.7:8000"),
    ],
)
def test_a_web_process_that_listens_everywhere_is_found_on_this_machine(url, near):
    assert command._near(url) == near


# disconnect


def test_forgotten_credentials_are_gone(tajo, web, owner, stored):
    tajo("connectors", "connect", "lumen")

    assert "are forgotten" in tajo("connectors", "disconnect", "lumen").stdout
    assert stored("lumen") == {}
    assert tajo.json("connectors", "disconnect", "lumen") == {"source": "lumen", "forgotten": False}


def test_keys_of_the_config_are_told_to_stay(tajo):
    assert "keys stand in the config" in tajo("connectors", "disconnect", "keyed").stdout


def test_credentials_of_a_source_that_left_the_config_can_be_forgotten(tajo, client):
    RedisVault(client, "gone", SecretKey("k" * 16, Path("nowhere"))).save({"token": "t"})

    assert tajo.json("connectors", "disconnect", "gone")["forgotten"]
    assert "Did you mean lumen?" in tajo("connectors", "disconnect", "lumne", code=5).stderr


def test_what_is_no_credential_outlives_them_and_is_no_connection(tajo, vault_of):
    vault = vault_of("lumen")
    vault.save({"token": "t", "webhooks": {"7": ["", ""]}})

    before = tajo.json("connectors", "status")["items"][0]["connected"]
    told = tajo("connectors", "disconnect", "lumen").stdout
    again = tajo("connectors", "disconnect", "lumen").stdout

    assert vault.load() == {"webhooks": {"7": ["", ""]}}
    assert ("are forgotten" in told, "has none stored" in again) == (True, True)
    assert (before, tajo.json("connectors", "status")["items"][0]["connected"]) == ("in a browser", "no")


# install

PUBLIC = "https://sync.example"


def install(tajo, *words, source="keyed", **more):
    return tajo("connectors", "install", source, *words, TAJO_PUBLIC_URL=PUBLIC, **more)


def test_webhooks_are_made_at_the_public_address_of_the_source(tajo, shops):
    told = install(tajo).stdout

    assert shops.calls == [f"{PUBLIC}/webhooks/keyed"]
    assert "customers/create  kept" in told
    assert "customers/update  created" in told
    assert f"{PUBLIC}/webhooks/keyed" in told


def test_programs_get_the_webhooks_as_json(tajo):
    assert json.loads(install(tajo, "--json").stdout) == {
        "source": "keyed",
        "address": f"{PUBLIC}/webhooks/keyed",
        "kept": ["customers/create"],
        "created": ["customers/update"],
        "repaired": {},
        "failed": {},
        "removed": [],
        "was_deaf": True,
        "is_unheard": False,
    }


def test_installing_webhooks_sends_nobody_and_says_what_comes_next(tajo, store):
    told = install(tajo).stdout

    assert "nobody is sent to Brevo yet" in told
    assert "`tajo connectors sync keyed --full` begins" in told
    assert store.runs.recent(5) == []
    assert (
        next(one for one in tajo.json("connectors", "status")["items"] if one["name"] == "keyed")["first_sync"]
        == "waits"
    )
    assert "The first full run of keyed waits for your word" in tajo("connectors", "status").stdout


def test_where_events_may_have_been_missed_a_run_pulls_them(tajo, store):
    store.runs.set_reach("keyed", "customers", until_ms=1_790_000_000_000)

    assert "tajo runs list" in install(tajo).stdout

    assert [(run.source, run.by) for run in store.runs.recent(5)] == [("keyed", "install")]


def test_where_all_was_well_no_run_is_started(tajo, store):
    Lumen.upkeep = Upkeep(kept=("customers/create",))

    assert "missed" not in install(tajo).stdout
    assert store.runs.recent(5) == []


def test_a_webhook_that_could_not_be_made_ends_with_code_1_and_its_reason(tajo):
    Lumen.upkeep = Upkeep(repaired={"a": "disabled"}, failed={"b": "no permission"}, removed=("c",))

    told = install(tajo, code=1).stdout

    for row in ("a      repaired  disabled", "b      failed    no permission", "c      removed   one too many"):
        assert row in told


def test_webhooks_of_which_no_first_call_arrives_are_told_by_install_status_and_doctor(tajo, store, monkeypatch):
    Lumen.upkeep = Upkeep(created=("customers/create",), calls=1)
    monkeypatch.setattr(upkeep, "HEARD_WITHIN_S", 0.0)

    told = install(tajo, code=1).stdout
    status = tajo("connectors", "status", TAJO_PUBLIC_URL=PUBLIC).stdout
    connectors = {"keyed": Lumen(SourceSettings("keyed", "lumen"))}
    (arrival,) = examine_sources(Patient(Settings(public_url=PUBLIC), Path("nowhere"), connectors, store, None))
    Lumen.upkeep = Upkeep(kept=("customers/create",))
    again = tajo("connectors", "status", TAJO_PUBLIC_URL=PUBLIC).stdout

    assert "No call of keyed arrived" in told
    assert "none arrives" in status
    assert (arrival.name, arrival.verdict) == ("keyed: arrival", "fail")
    assert "none arrives" in again
    for _ in range(2):
        install(tajo)
    assert sum("No call of keyed" in one["alert"] for one in store.ledger.alerts()) == 1


def test_a_first_call_that_arrives_is_enough_and_a_later_one_mends_it(tajo, store, monkeypatch):
    def made(connector, address, access):
        count(store, "greeted")
        return Upkeep(created=("customers/create",), calls=1)

    Lumen.upkeep = Upkeep(created=("customers/create",), calls=1)
    monkeypatch.setattr(upkeep, "HEARD_WITHIN_S", 0.0)
    install(tajo, code=1)
    count(store, "accepted")
    mended = tajo("connectors", "status", TAJO_PUBLIC_URL=PUBLIC).stdout
    monkeypatch.setattr(Lumen, "ensure_webhooks", made)
    told = install(tajo).stdout

    assert "none arrives" not in mended
    assert "No call" not in told


def count(store, answer):
    tally = Tally()
    tally.count("tajo_inbound_total", source="keyed", answer=answer)
    store.counters.add(tally)


def test_without_a_public_address_nothing_is_made(tajo, shops):
    assert "TAJO_PUBLIC_URL" in tajo("connectors", "install", "keyed", code=2).stderr
    assert shops.calls == []


def test_a_source_that_is_not_connected_is_told_both_ways_to_do_so(tajo):
    told = install(tajo, source="lumen", code=2).stderr

    assert "connectors.lumen" in told
    assert "tajo connectors connect lumen" in told


def test_a_source_that_is_connected_in_a_browser_needs_no_keys(tajo, web, owner, shops):
    tajo("connectors", "connect", "lumen")
    install(tajo, source="lumen")

    assert shops.calls == [f"{PUBLIC}/webhooks/lumen"]


def test_a_source_that_is_not_there_ends_with_code_5_and_a_silent_platform_with_4(tajo):
    assert "Did you mean keyed?" in install(tajo, source="keyyed", code=5).stderr

    Lumen.trouble = (Unavailable, "keyed.example did not answer")
    told = install(tajo, code=4).stderr
    assert "keyed.example did not answer" in told
    assert "brevo" not in told


# list and status


def test_the_list_tells_how_each_source_is_connected_and_how_its_webhooks_are(tajo, web, owner):
    tajo("connectors", "connect", "lumen")
    install(tajo)

    rows = {
        one["name"]: one
        for one in json.loads(tajo("connectors", "list", "--json", TAJO_PUBLIC_URL=PUBLIC).stdout)["items"]
    }

    assert {name: row["connected"] for name, row in rows.items()} == {
        "lumen": "in a browser",
        "tulip": "no",
        "keyed": "by keys",
        "api": "-",
        "off": "-",
    }
    assert (rows["off"]["state"], rows["keyed"]["webhooks"]) == ("disabled", "2 well")
    assert rows["lumen"]["webhooks"] == "never looked at"
    listed = tajo("connectors", "list").stdout
    assert "in a browser" in listed
    assert re.search(r"2 well, \d s ago", tajo("connectors", "list", TAJO_PUBLIC_URL=PUBLIC).stdout)
    assert re.search(r"woocommerce .* email ", listed)
    assert re.search(r"shopify .* email, sms", listed)


def test_the_status_tells_it_too(tajo, vault_of):
    Lumen.upkeep = Upkeep(kept=("a",), failed={"b": "no permission"})
    install(tajo, code=1)

    vault_of("keyed").save({"webhooks": ["1"]})
    [_, _, keyed, *_] = tajo.json("connectors", "status")["items"]
    assert keyed["connected"] == "by keys"
    assert keyed["webhooks"] == "1 well, 1 failed"
    told = tajo("connectors", "status", TAJO_PUBLIC_URL="https://elsewhere.example").stdout
    assert "made for another address" in told


def test_without_redis_the_list_tells_what_the_config_says(tajo):
    for url in (None, "redis://127.0.0.1:1"):
        told = tajo("connectors", "list", TAJO_REDIS_URL=url).stdout
        assert re.search(r"keyed +lumen .* by keys", told)
        assert re.search(r"tulip +tulip .* unknown", told)
        assert "/webhooks/keyed" in told
        found = json.loads(tajo("connectors", "list", "--json", TAJO_REDIS_URL=url).stdout)["items"]
        assert {row["name"]: row["connected"] for row in found}["keyed"] == "by keys"
        assert {row["webhooks"] for row in found} == {"unknown", "-"}


def test_ctrl_c_while_connecting_says_that_nothing_was_connected(tajo, web, monkeypatch):
    def stop(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("customer_sync.cli.connect.time.sleep", stop)

    told = tajo("connectors", "connect", "lumen", "--no-browser", code=130)

    assert "Nothing was connected" in told.stderr
    assert "Aborted" not in told.stderr
