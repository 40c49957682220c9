"""A table of broken set-ups: overview, API, doctor and `connectors status` say the same of each, and say it first."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from customer_sync import __version__, assembly
from customer_sync.base.clock import system_clock
from customer_sync.brevo.proof.doors import DOORS, DoorBook, mark_of
from customer_sync.cli import main
from customer_sync.config import Settings
from customer_sync.loading import load_settings
from customer_sync.model import Inbound
from customer_sync.operate.figures.watched import is_account_due
from customer_sync.pipeline import process_inbox
from customer_sync.registry import connector_for
from customer_sync.store import Store, keys
from customer_sync.store.breaker import Pause
from customer_sync.store.counters import Tally
from customer_sync.store.hosts import Hosts
from customer_sync.store.receipts import Receipt, SourceDrift
from customer_sync.store.run import RunKind, RunState
from customer_sync.web import create_app, watch
from tests.web.conftest import KEY, with_key

from .conftest import Tajo

HOUR_MS = 3_600_000
NOWHERE = "redis://127.0.0.1:1/0"


class Setup:
    """One installation, well at first: the command line, the web process, Redis and an account at Brevo."""

    def __init__(self, tajo: Tajo, sandbox, store: Store, patch: pytest.MonkeyPatch) -> None:
        self.tajo, self.sandbox, self.store, self.patch = tajo, sandbox, store, patch
        tajo.env |= {"BREVO_API_KEY": "k", "BREVO_WEBHOOK_SECRET": "s"}
        sandbox.call("POST", "/v3/contacts/attributes/normal/CITY", {"type": "text"})
        patch.setenv("TAJO_HOME", tajo.env["TAJO_HOME"])
        self.open_web(tajo.env["TAJO_REDIS_URL"])
        store.lanes.register("contacts", keeps="people")
        store.set_note("worker_seen", {"at": store.now_ms() / 1000})
        store.doors.know(["shopify", "woo"])
        self.look_at_account()

    @property
    def settings(self) -> Settings:
        return load_settings(self.tajo.config, self.tajo.env)

    def open_web(self, redis_url: str) -> None:
        self.patch.setenv("TAJO_REDIS_URL", redis_url)
        self.app = create_app(replace(self.settings, api_key=KEY))
        self.app.extensions["tajo.watch"].max_age_s = 0.0
        self.intake = self.app.extensions["tajo"].intake
        self.intake._wake = lambda _: None
        self.web = with_key(self.app)

    def close_web(self) -> None:
        services = self.app.extensions["tajo"]
        services.intake.stop()
        services.spool.close()
        services.intake._inbox._pool.disconnect()
        services.hosts._client.connection_pool.disconnect()
        if services._store is not None:
            services._store.client.connection_pool.disconnect()

    def look_at_account(self, ahead_ms: int = 0) -> None:
        """Do what a worker does when it comes up, and every ten minutes."""
        assembly.check_account(self.settings, self.store, lambda: system_clock() + ahead_ms)

    def webhook(self, *, secret: str = "shopify-secret", times: int = 1, **headers: str) -> list[str]:
        """Send webhooks of the store; return the answers."""
        answers = []
        for _ in range(times):
            inbound = Inbound("shopify", {"x-shopify-topic": "customers/update", **headers}, b"{}", datetime.now(UTC))
            signed = connector_for(self.settings.sources["shopify"]).sign(inbound, secret) if secret else inbound
            answers.append(self.web.post("/webhooks/shopify", data=b"{}", headers=dict(signed.headers)).text)
        self.intake.tend()
        return answers

    # what is said

    def status(self) -> dict:
        return self.web.get("/api/v1/status").json

    def doctor(self) -> list[dict]:
        told = CliRunner().invoke(main, ["doctor", "--json"], env=self.tajo.env)
        told.exc_info = None
        return json.loads(told.stdout)


@pytest.fixture
def setup(tajo: Tajo, sandbox, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setup]:
    made = Setup(tajo, sandbox, store, monkeypatch)
    yield made
    made.close_web()


# how each is broken ---------------------------------------------------------------------------------------------------


def wrong_key(setup: Setup) -> None:
    setup.sandbox.fault("wrong_key")
    setup.look_at_account()


def key_refused_at_work(setup: Setup) -> None:
    setup.store.breakers.trip("contacts", Pause("config", "Brevo refuses the key.", "Make a new key.", 1))


def brevo_away(setup: Setup) -> None:
    setup.store.breakers.trip("contacts", Pause("unavailable", "No answer.", "Nothing to do.", 1))


def list_missing(setup: Setup) -> None:
    setup.tajo.config.write_text(setup.tajo.config.read_text().replace("list_id: 2", "list_id: 77"))
    setup.look_at_account()


def template_missing(setup: Setup) -> None:
    mails = "  abandoned-cart: {sequence: [{delay: 1h, template_id: 2}]}\n"
    setup.tajo.config.write_text(setup.tajo.config.read_text().replace("skills:\n", f"skills:\n{mails}"))
    setup.look_at_account()


def attribute_missing(setup: Setup) -> None:
    setup.tajo.config.write_text(setup.tajo.config.read_text().replace("city: CITY", "city: TOWN"))
    setup.look_at_account()


def clock_ahead(setup: Setup) -> None:
    setup.look_at_account(ahead_ms=HOUR_MS)
    setup.patch.setattr("customer_sync.operate.doctor.findings.system_clock", lambda: system_clock() + HOUR_MS)


def secret_changed(setup: Setup) -> None:
    setup.webhook()
    assert setup.webhook(secret="another", times=3) == ["The signature does not fit the secret.\n"] * 3


def secret_wrong_from_the_start(setup: Setup) -> None:
    setup.webhook(secret="another", times=12)


def unsigned(setup: Setup) -> None:
    assert setup.webhook(secret="", times=3) == ["The signature is missing.\n"] * 3


def other_store(setup: Setup) -> None:
    setup.webhook(times=3, **{"x-shopify-shop-domain": "other.myshopify.com"})


def app_removed(setup: Setup) -> None:
    setup.store.doors.complain("shopify", "The app was uninstalled.", "Install it again.")


def run_failed(setup: Setup) -> None:
    run = setup.store.runs.start("shopify", RunKind.FULL)
    setup.store.runs.move(run, (RunState.RUNNING,), RunState.STOPPED, reason="A page is broken.", remedy="Resume.")


def run_braked(setup: Setup) -> None:
    run = setup.store.runs.start("shopify", RunKind.FULL)
    put = {"reason": "It would block 400 contacts.", "remedy": "Look at the source.", "braked": 1}
    setup.store.runs.move(run, (RunState.RUNNING,), RunState.STOPPED, **put)


def pull_stuck(setup: Setup) -> None:
    run = setup.store.runs.start("shopify", RunKind.FULL)
    setup.store.runs.put_off(run, setup.store.now_ms() + HOUR_MS, "The shop answers 503.", 5)


def many_errors(setup: Setup) -> None:
    tally = Tally()
    tally.count("tajo_events_total", by=78, source="shopify", state="delivered")
    tally.count("tajo_events_total", by=22, source="shopify", state="parked")
    setup.store.counters.add(tally)


def silent(setup: Setup) -> None:
    setup.webhook()
    long_ago_ms = setup.store.now_ms() - 8 * 24 * HOUR_MS
    setup.store.client.hset(keys.DOORS, "shopify|accepted_ms", long_ago_ms)


def never_heard_of(setup: Setup) -> None:
    setup.store.client.hset(keys.DOORS, "woo|since_ms", setup.store.now_ms() - 25 * HOUR_MS)


def webhooks_broken(setup: Setup) -> None:
    setup.store.set_note(
        "installed:shopify",
        {"at_ms": 1, "address": "x", "failed": {"customers/update": "no"}, "kept": [], "created": [], "repaired": {}},
    )


def no_call_arrived(setup: Setup) -> None:
    setup.store.set_note(
        "installed:shopify",
        {"at_ms": 1, "address": "x", "failed": {}, "kept": [], "created": ["customers/update"], "repaired": {}},
    )
    setup.store.set_note("unheard:shopify", {"heard": 0, "at_ms": setup.store.now_ms() - 60_000})


def not_read(setup: Setup) -> None:
    setup.store.runs.take_slot("pull:shopify", setup.store.now_ms() - 2 * HOUR_MS)


def beat_gone(setup: Setup) -> None:
    noted = setup.store.note("account_look")
    setup.store.set_note("account_look", {**noted, "scheduled_ms": noted["scheduled_ms"] - 2 * HOUR_MS})


def parked(setup: Setup) -> None:
    setup.store.client.hset(keys.PARKED, "p1", json.dumps({"what": "inbound", "source": "woo"}))


def worker_gone(setup: Setup) -> None:
    setup.store.set_note("worker_seen", {"at": setup.store.now_ms() / 1000 - 100})


def disk_fails(setup: Setup) -> None:
    real = Store.now_and_info

    def failing(self: Store, *sections: str) -> tuple[int, list[dict]]:
        now_ms, (memory, persistence) = real(self, *sections)
        return now_ms, [memory, {**persistence, "aof_last_write_status": "err"}]

    setup.patch.setattr(Store, "now_and_info", failing)
    info = Store.info
    setup.patch.setattr(Store, "info", lambda self, name: {**info(self, name), "aof_last_write_status": "err"})


def host_ahead(setup: Setup) -> None:
    Hosts(setup.store.client, "web-2", lambda: system_clock() + 300_000).tend()


def drifted(setup: Setup) -> None:
    drift = {"shopify": SourceDrift(customers=20, differ=1)}
    now_ms = setup.store.now_ms()
    setup.store.receipts.keep(Receipt(sources=("shopify",), ended_ms=now_ms, source_drift=drift))


def canary_flipped(setup: Setup) -> None:
    passed = {name: {"verdict": "passed", "text": "It holds."} for name in DOORS}
    about = {"mark": mark_of(setup.settings, setup.store), "version": __version__, "proven_ms": setup.store.now_ms()}
    setup.store.proofs.open({**about, "doors": passed, "unique": ["SMS"]}, DOORS)
    DoorBook(setup.settings, setup.store, setup.store.now_ms).close("flipped", "Canary A is not blocked any more.")


TABLE: dict[str, tuple[Callable[[Setup], None], str, str, str]] = {
    "the key is wrong before the first event": (wrong_key, "brevo_key", "down", "does not accept the API key"),
    "the key is refused at work": (key_refused_at_work, "brevo_key", "down", "Brevo refuses the key."),
    "Brevo does not answer": (brevo_away, "brevo_away", "look", "Brevo does not answer."),
    "a list is missing": (list_missing, "list_missing", "down", "not in Brevo: 77"),
    "an attribute is missing": (attribute_missing, "attributes_missing", "look", "missing: TOWN"),
    "a template is not active": (template_missing, "template_missing", "down", "Template 2 is not active in Brevo"),
    "the clock is an hour ahead": (clock_ahead, "clock", "down", "clock is 3,6"),
    "the clock of a host is wrong": (host_ahead, "host_clock", "down", "The clock of web-2 is 5 min ahead of"),
    "customers differ": (drifted, "drift", "look", "95.0 % of the customers of shopify were in sync"),
    "the secret was changed": (secret_changed, "webhooks_refused", "down", "does not fit the secret"),
    "the secret is wrong": (secret_wrong_from_the_start, "webhooks_refused", "down", "All webhooks of shopify"),
    "webhooks are not signed": (unsigned, "webhooks_refused", "look", "The signature is missing."),
    "webhooks are of another store": (other_store, "webhooks_refused", "down", "of another store"),
    "the app was uninstalled": (app_removed, "source_complains", "down", "The app was uninstalled."),
    "a run failed": (run_failed, "run_stopped", "down", "Run 1 of shopify stopped: A page is broken."),
    "the brake stopped a run": (run_braked, "run_braked", "down", "It would block 400 contacts."),
    "a pull is stuck": (pull_stuck, "run_hindered", "look", "does not get on: The shop answers 503."),
    "many events fail": (many_errors, "errors", "down", "22% of the events of the last hour failed"),
    "a source fell silent": (silent, "source_silent", "look", "The source shopify is silent since"),
    "a source never sent anything": (
        never_heard_of,
        "source_silent",
        "look",
        "The source woo has sent no webhook yet.",
    ),
    "webhooks could not be made": (webhooks_broken, "webhooks_broken", "look", "1 could not be made"),
    "no call of new webhooks arrived": (no_call_arrived, "webhooks_broken", "look", "none of their calls has arrived"),
    "a scheduled pull did not begin": (not_read, "source_silent", "look", "The source shopify was to be read at"),
    "the schedule stands still": (beat_gone, "schedule_stopped", "look", "is beat running?"),
    "a canary flipped": (canary_flipped, "imports_closed", "look", "updates, phones, lists. Canary A is not blocked"),
    "something is parked": (parked, "parked", "look", "1 thing needs a person."),
    "the worker is gone": (worker_gone, "worker_gone", "down", "No worker is at work."),
    "the disk of Redis fails": (disk_fails, "disk_fails", "down", "Redis cannot write to its disk."),
}


def test_a_healthy_set_up_is_well_everywhere(setup):
    assert [one["code"] for one in setup.status()["findings"]] == ["ready"]
    assert 'class="verdict ok"' in setup.web.get("/").text
    assert setup.web.get("/readyz").text == "ready\n"
    assert [one for one in setup.doctor() if one["verdict"] == "fail" or one["code"]] == []


def test_nobody_is_called_in_sync_before_both_sides_were_compared(setup):
    def told() -> tuple[str, str]:
        (one,) = (one for one in setup.doctor() if one["name"] == "in sync")
        return one["verdict"], one["cause"]

    assert told() == ("warn", "not compared yet: shopify, woo")
    drift = {name: SourceDrift(customers=20) for name in ("shopify", "woo")}
    now_ms = setup.store.now_ms()
    setup.store.receipts.keep(Receipt(sources=("shopify",), ended_ms=now_ms, source_drift=drift))
    assert told() == ("warn", "not compared yet: woo")
    setup.store.receipts.keep(Receipt(sources=("shopify", "woo"), ended_ms=now_ms, source_drift=drift))
    assert told()[0] == "ok"


@pytest.mark.parametrize("name", TABLE)
def test_a_broken_set_up_is_told_first_and_the_same_everywhere(setup, name):
    breaks, code, level, words = TABLE[name]

    breaks(setup)

    first, *_ = setup.status()["findings"]
    assert (first["code"], first["level"]) == (code, level)
    assert words in first["text"]
    assert first["remedy"]
    page = setup.web.get("/").text
    assert f'class="verdict {level}"' in page
    assert html.escape(first["text"], quote=False).replace("'", "&#39;") in page
    told = [one for one in setup.doctor() if one["code"] == code]
    assert [one["verdict"] for one in told] == [{"down": "fail", "look": "warn"}[level]]
    assert told[0]["fix"] == first["remedy"]
    rows = setup.tajo.json("connectors", "status")["items"]
    about = [row for row in rows if not first["source"] or row["name"] == first["source"]]
    assert all(code in row["findings"] for row in about)
    assert about
    assert setup.web.get("/readyz").status_code == 200


def test_redis_away_is_told_and_requests_are_still_taken(setup):
    setup.close_web()
    setup.open_web(NOWHERE)
    setup.tajo.env["TAJO_REDIS_URL"] = NOWHERE

    assert setup.status()["verdict"]["code"] == "redis_away"
    assert 'class="verdict down"' in setup.web.get("/").text
    assert [one["code"] for one in setup.doctor() if one["verdict"] == "fail"] == ["redis_away"]
    assert setup.web.get("/readyz", headers={"Accept": "application/json"}).json["down"] == ["redis_away"]


def test_only_what_keeps_no_request_makes_the_web_process_not_ready(setup, monkeypatch):
    setup.close_web()
    setup.open_web(NOWHERE)
    monkeypatch.setattr(watch, "MIN_FREE_BYTES", 1 << 62)

    assert setup.status()["verdict"]["code"] == "nothing_kept"
    assert setup.web.get("/readyz").status_code == 503


def test_before_anybody_looked_the_account_is_not_called_well(setup):
    setup.store.set_note("account_look", None)
    strip = setup.web.get("/").text.partition('id="strip"')[2]
    assert re.search(r'<li class="unknown">.*?<b>Brevo</b>\s*your account, not looked at yet', strip, re.DOTALL)

    setup.look_at_account()

    strip = setup.web.get("/").text.partition('id="strip"')[2]
    assert re.search(r'<li class="ok">.*?<b>Brevo</b>\s*your account, looked at <time', strip, re.DOTALL)


def test_good_webhooks_after_refused_ones_are_no_trouble_an_hour_later(setup):
    setup.webhook(secret="another", times=5)
    setup.webhook()
    assert setup.status()["verdict"]["code"] == "webhooks_refused"
    assert setup.status()["verdict"]["text"].startswith("5 webhooks of shopify were refused until ")

    setup.store.client.hset(keys.DOORS, "shopify|refused_ms", setup.store.now_ms() - 2 * HOUR_MS)

    assert "webhooks_refused" not in [one["code"] for one in setup.status()["findings"]]


def test_who_knocks_unsigned_beside_good_webhooks_makes_no_alarm(setup):
    setup.webhook()
    setup.webhook(secret="", times=20)

    assert "webhooks_refused" not in [one["code"] for one in setup.status()["findings"]]


def test_once_brevo_answers_again_whoever_looks_ends_the_word_of_its_fault(setup):
    wrong_key(setup)
    setup.sandbox.clear_faults()

    setup.doctor()

    assert "brevo_key" not in [one["code"] for one in setup.status()["findings"]]


def test_the_account_is_looked_at_again_soon_while_brevo_refuses_or_a_lane_waits_for_it(setup):
    def is_due(after_s: float) -> bool:
        return is_account_due(setup.store, setup.store.now_ms() + int(after_s * 1000), 600)

    assert (is_due(0), is_due(599), is_due(601)) == (False, False, True)
    key_refused_at_work(setup)
    assert is_due(0)
    setup.store.breakers.close("contacts")
    wrong_key(setup)
    assert is_due(0)


def test_a_lane_in_which_nothing_waits_goes_on_when_brevo_answers(setup):
    key_refused_at_work(setup)
    setup.look_at_account()
    assert setup.store.breakers.read("contacts") is None

    setup.tajo.send({"id": 7, "email": "jane@example.com"})
    process_inbox(setup.tajo.line())
    key_refused_at_work(setup)
    setup.look_at_account()

    assert setup.store.breakers.read("contacts") is not None  # the first of those who wait tries it


def test_customers_who_differ_are_no_fault_while_the_first_full_run_waits_for_a_word(setup):
    drifted(setup)
    setup.patch.setattr("customer_sync.operate.figures.watched.waiting_sources", lambda *_: ["shopify"])

    assert "drift" not in [one["code"] for one in setup.status()["findings"]]
