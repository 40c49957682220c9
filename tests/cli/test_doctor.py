"""`tajo doctor`: each check can fail, says why and what to do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from email.utils import formatdate
from pathlib import Path

import pytest
import redis
from redis.exceptions import NoPermissionError

from customer_sync.assembly import brevo_of, connectors_of
from customer_sync.base.metrics import CATALOGUE
from customer_sync.base.secret_key import SecretKey
from customer_sync.brevo.rules import RulesBook
from customer_sync.cli.doctor import exit_code
from customer_sync.config import Settings
from customer_sync.errors import ConfigError, PayloadError, TryLater, Unavailable
from customer_sync.kit import reach
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.outbound import Reply
from customer_sync.kit.own_hooks import OwnHooks
from customer_sync.loading import load_settings
from customer_sync.operate.doctor import Finding, Patient, examine, redis_finding
from customer_sync.operate.doctor import account as account_checks
from customer_sync.operate.doctor import installation as installation_checks
from customer_sync.operate.doctor.state import examine_state
from customer_sync.store import keys
from customer_sync.store.breaker import Pause
from customer_sync.store.counters import Tally
from customer_sync.store.doors import Refusals
from customer_sync.store.receipts import Receipt, SourceDrift
from customer_sync.store.server import ask
from customer_sync.store.spool import Spool
from tests.own_skills import add_skill


@pytest.fixture
def healthy(tajo, sandbox, store):
    """An installation at which nothing is wrong."""
    store.client.config_set("appendonly", "yes")
    store.set_note("worker_seen", {"at": time.time()})
    sandbox.call("POST", "/v3/contacts/attributes/normal/CITY", {"type": "text"})
    tajo.env |= {"BREVO_WEBHOOK_SECRET": "s", "BREVO_API_KEY": "k", "TAJO_PUBLIC_URL": "https://sync.example.com"}
    tajo("brevo", "install")
    sources = ("shopify", "woo")
    drift = {name: SourceDrift(customers=20) for name in sources}
    store.receipts.keep(Receipt(sources=sources, ended_ms=store.now_ms(), source_drift=drift))
    return tajo


def finding(tajo, name, code=0):
    found = [one for one in tajo.json("doctor", code=code) if one["name"] == name]
    assert len(found) == 1, name
    return found[0]["verdict"], found[0]["cause"], found[0]["fix"]


def test_a_healthy_installation_passes_every_check(healthy):
    told = healthy("doctor").stdout

    assert "fail" not in told
    assert "warn" not in told
    assert told.splitlines()[-1].endswith("checks passed.")


def test_every_finding_that_is_not_ok_says_what_to_do(tajo, sandbox, store):
    store.client.config_set("maxmemory-policy", "allkeys-lru")
    found = tajo.json("doctor")
    store.client.config_set("maxmemory-policy", "noeviction")

    assert {one["name"] for one in found if one["verdict"] != "ok"} >= {"worker", "sandbox", "attributes"}
    assert [one["name"] for one in found if one["verdict"] != "ok" and not one["fix"]] == []


def test_a_wrong_config_is_told_fault_by_fault_with_code_2(tajo):
    tajo.config.write_text("connectors: {shopify: {api_secret: x, shop: y}, etsy: {}}\n")

    found = tajo.json("doctor", code=2)

    assert [(one["name"], one["verdict"]) for one in found] == [("config", "fail")] * 2
    assert found[0]["cause"].startswith("tajo.yaml:1: connectors.")


def test_warnings_of_the_config_are_told(healthy):
    healthy.config.write_text(healthy.config.read_text() + "      missing_consent: granted\n")

    assert finding(healthy, "config")[0] == "warn"


def test_no_source_is_worth_a_warning(healthy):
    healthy.config.write_text("{}\n")

    assert finding(healthy, "config")[:2] == ("warn", "no source is configured")


def test_a_redis_that_does_not_answer_ends_with_code_4(tajo):
    verdict, cause, fix = finding_of(tajo.json("doctor", code=4, TAJO_REDIS_URL="redis://127.0.0.1:1/0"), "Redis")

    assert verdict == "fail"
    assert cause.startswith("no answer")
    assert "TAJO_REDIS_URL" in fix


def finding_of(found, name):
    return next((one["verdict"], one["cause"], one["fix"]) for one in found if one["name"] == name)


def test_no_redis_at_all_ends_with_code_4(tajo):
    assert finding_of(tajo.json("doctor", code=4, TAJO_REDIS_URL=None), "Redis")[0] == "fail"


def test_an_append_only_file_that_is_off_fails(healthy, store):
    store.client.config_set("appendonly", "no")
    try:
        verdict, _, fix = finding(healthy, "Redis keeps its data", code=1)
    finally:
        store.client.config_set("appendonly", "yes")

    assert verdict == "fail"
    assert "appendonly yes" in fix


@pytest.mark.parametrize(("limit", "verdict", "code"), [(0, "warn", 0), (2**40, "fail", 1)])
def test_a_redis_that_evicts_fails_where_it_has_a_limit(healthy, store, limit, verdict, code):
    store.client.config_set("maxmemory", limit)
    store.client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert finding(healthy, "Redis evicts nothing", code=code)[0] == verdict
    finally:
        store.client.config_set("maxmemory", 0)
        store.client.config_set("maxmemory-policy", "noeviction")


@pytest.mark.parametrize(("share", "verdict"), [(0.5, "ok"), (0.8, "warn"), (0.95, "fail")])
def test_a_redis_that_is_nearly_full_is_told(tajo, store, monkeypatch, share, verdict):
    info = {"used_memory": int(share * 10**9), "maxmemory": 10**9, "maxmemory_policy": "noeviction"}
    monkeypatch.setattr(store.client, "info", lambda _section: info)

    found = list(installation_checks._redis_memory(patient(store)))

    assert [one.verdict for one in found] == ["ok", verdict]


def test_the_version_of_redis_is_told_without_info(store, monkeypatch):
    monkeypatch.setattr(store.client, "info", refuse_info)

    [found] = installation_checks._redis_version(patient(store))

    assert found.verdict == "ok"
    assert found.cause == f"Valkey {ask(store.client).version}"


def refuse_info(_section):
    raise NoPermissionError("this user has no permissions to run the 'info' command")


def test_what_a_user_of_redis_may_not_know_is_told_as_not_known(store, monkeypatch):
    monkeypatch.setattr(store.client, "info", refuse_info)
    monkeypatch.setattr(store.client, "config_get", refuse_info)
    monkeypatch.setattr(store, "now_and_info", lambda *sections: (store.now_ms(), [{} for _ in sections]))
    one = patient(store)

    disk = [one for one in examine_state(one) if one.name == "Redis keeps its data"]
    found = [*disk, *installation_checks._redis_memory(one)]

    assert [(one.name, one.verdict) for one in found] == [
        ("Redis keeps its data", "warn"),
        ("Redis evicts nothing", "warn"),
    ]
    assert all("may not ask for INFO" in one.cause for one in found)


def patient(store, **more):
    settings = more.pop("settings", Settings())
    return Patient(settings, Path("nowhere"), connectors_of(settings), store, None, **more)


@pytest.mark.parametrize(
    ("silent_s", "verdict", "words"),
    [(None, "warn", "No worker is at work."), (100, "fail", "No worker is at work."), (5, "ok", "at work")],
)
def test_a_worker_must_have_been_seen_lately(healthy, store, silent_s, verdict, words):
    store.set_note("worker_seen", None if silent_s is None else {"at": time.time() - silent_s})

    assert finding(healthy, "worker", code=int(verdict == "fail"))[:2] == (verdict, words)


@pytest.mark.parametrize(("age_s", "verdict"), [(1, "ok"), (60, "warn"), (3600, "fail")])
def test_what_waits_too_long_is_told(store, age_s, verdict):
    now = time.time()
    store.client.xadd(keys.INBOX, {"r": b"x"}, id=f"{int((now - age_s) * 1000)}-0")
    store.lanes.register("contacts", keeps="people")
    store.client.zadd(keys.lane("contacts", "since"), {"1": (now - age_s) * 1000})

    found = {one.name: one for one in installation_checks._waiting(patient(store, now_s=lambda: now))}

    assert found["inbox"].verdict == found["lane contacts"].verdict == verdict
    assert found["inbox"].cause == f"1 waiting, the oldest for {age_s} s"


@pytest.mark.parametrize(
    ("kind", "told", "code"),
    [("config", ("fail", "The reason."), 3), ("unavailable", ("warn", "Brevo does not answer."), 0)],
)
def test_a_lane_that_waits_is_told_with_reason_and_remedy(healthy, store, kind, told, code):
    store.lanes.register("contacts", keeps="people")
    store.breakers.trip("contacts", Pause(kind, "The reason.", "The remedy.", 1))

    assert finding(healthy, "lanes", code=code) == (*told, "The remedy.")


def test_requests_in_the_spool_are_told(healthy):
    home = Path(healthy.env["TAJO_HOME"])
    home.mkdir()
    for number in (1, 2):
        Spool(home / f"spool-{number}.sqlite").append([b"x", b"y"])

    assert finding(healthy, "spool")[:2] == ("warn", "4 on disk, waiting for Redis")


def test_parked_things_are_told(healthy, store):
    store.client.hset(keys.PARKED, "p1", "{}")

    assert finding(healthy, "parked")[:2] == ("warn", "1 thing needs a person.")


def test_a_source_without_a_webhook_secret_is_told(store):
    settings = Settings(sources={"woo": SourceSettings("woo", "woocommerce")})

    found = {one.name: one for one in installation_checks._secrets(patient(store, settings=settings))}

    assert found["webhook secret of woo"].verdict == "warn"


NO_SECRET = Refusals(2, "not told", "This source has no webhook secret, so nothing sent to it can be trusted.")


def secret_of_stripe(store, home, *secrets):
    """Return what is told of the webhook secret of a source of Stripe."""
    settings = Settings(sources={"pay": SourceSettings("pay", "stripe", secrets, {"api_key": "rk_test_1"})})
    examined = Patient(settings, home, connectors_of(settings), store, None)
    (found,) = (one for one in installation_checks._secrets(examined) if one.name == "webhook secret of pay")
    return found


def test_a_secret_that_the_platform_has_yet_to_tell_is_its_to_choose(store, tmp_path):
    store.doors.write([], {"pay": NO_SECRET})

    found = secret_of_stripe(store, tmp_path)

    assert (found.verdict, found.cause) == ("warn", "no webhook secret yet: the platform chooses it")
    assert "tajo connectors install pay" in found.fix


def test_a_secret_that_the_platform_told_is_known_to_the_doctor(store, tmp_path):
    OwnHooks(store.vault("pay", SecretKey(None, tmp_path))).keep(["we_1"], "whsec_1")

    assert secret_of_stripe(store, tmp_path).cause == "told by the platform; no webhook has come yet that proves it"
    store.doors.write([], {"pay": NO_SECRET})
    waiting = secret_of_stripe(store, tmp_path)
    store.doors.write(["pay"], {})

    assert (waiting.verdict, waiting.fix) == ("warn", "Wait for the next one.")
    assert "no webhook secret" not in waiting.cause
    assert secret_of_stripe(store, tmp_path).cause == "told by the platform, and the last webhook fits it"


def test_a_webhook_that_was_refused_before_the_secret_was_set_does_not_deny_it(store, tmp_path):
    store.doors.write([], {"pay": NO_SECRET})

    found = secret_of_stripe(store, tmp_path, "whsec_1")

    assert found.cause == "set; no webhook has come since, the last was refused for want of it"
    assert found.fix == "Start `tajo run` again unless that was done since."


def test_the_secret_of_brevos_own_webhook_may_be_the_one_that_run_made(healthy):
    del healthy.env["BREVO_WEBHOOK_SECRET"]
    assert finding(healthy, "webhook secret of brevo")[0] == "warn"

    home = Path(healthy.env["TAJO_HOME"])
    home.mkdir()
    (home / "brevo-webhook-secret").write_text("x")
    assert finding(healthy, "webhook secret of brevo")[0] == "ok"


def test_that_brevo_never_told_of_anybody_is_no_fault_and_is_told(healthy, store):
    before = finding(healthy, "webhook secret of brevo")
    store.doors.write(["brevo"], {})
    after = finding(healthy, "webhook secret of brevo")

    assert before == ("ok", "set; no webhook of Brevo has come yet", "")
    assert after == ("ok", "set, and the last webhook fits it", "")


# Brevo


@pytest.mark.parametrize(
    ("fault", "words", "remedy"),
    [
        ("wrong_key", "does not accept the API key", "https://app.brevo.com/settings/keys/api"),
        ("unknown_ip", "does not know this machine's IP address", "https://app.brevo.com/security/authorised_ips"),
        ("restricted_key", "lacks a permission", "read and write access"),
    ],
)
def test_key_address_and_permission_are_told_apart_with_code_3(healthy, sandbox, fault, words, remedy):
    sandbox.fault(fault)

    verdict, cause, fix = finding(healthy, "Brevo key", code=3)

    assert verdict == "fail"
    assert words in cause
    assert remedy in fix


def test_what_brevo_refuses_for_another_reason_fails_and_is_told(healthy, sandbox):
    sandbox.fault("empty_error", status=402, path="/account")

    verdict, cause, fix = finding(healthy, "Brevo key", code=1)

    assert verdict == "fail"
    assert "not enough credit" in cause
    assert fix


def test_every_metric_that_is_named_is_in_the_catalogue():
    named = re.findall(r"`(tajo_\w+)`", Path(installation_checks.__file__).read_text())

    assert named
    assert set(named) <= {metric.name for metric in CATALOGUE}


def test_a_brevo_that_is_down_ends_with_code_4(healthy, sandbox):
    sandbox.fault("down")

    assert finding(healthy, "Brevo key", code=4)[0] == "fail"


def test_one_cause_is_enough_when_the_account_does_not_answer(healthy, sandbox):
    sandbox.fault("wrong_key")

    assert "lists" not in [one["name"] for one in healthy.json("doctor", code=3)]


def test_used_up_questions_are_no_failure_and_the_rest_is_checked(healthy, sandbox):
    sandbox.fault("storm", path="/account", reset_s=1800)

    found = healthy.json("doctor")

    verdict, cause, fix = finding_of(found, "Brevo key")
    assert verdict == "warn"
    assert "few such questions an hour" in cause
    assert "1800 s" in fix
    assert finding_of(found, "lists")[0] == "ok"


def test_the_questions_left_this_hour_are_told(healthy, sandbox):
    sandbox.limits("general")

    assert "of 100 such questions left" in finding(healthy, "Brevo key")[1]


def test_attributes_that_are_missing_or_of_a_wrong_type_are_told(healthy):
    healthy.config.write_text(
        healthy.config.read_text().replace("city: CITY", "city: TOWN\n      totalSpent: FIRSTNAME")
    )

    verdict, cause, fix = finding(healthy, "attributes")

    assert (verdict, cause) == ("warn", "missing: TOWN")
    assert "tajo attributes" in fix


def test_a_skill_that_cannot_be_used_is_told_and_fails_only_where_it_is_on(healthy):
    (healthy.folder / "skills").mkdir()
    (healthy.folder / "skills" / "odd.py").write_text("1 / 0")
    assert finding(healthy, "skill odd")[0] == "warn"

    healthy.config.write_text(healthy.config.read_text().replace("skills:\n", "skills:\n  odd: {enabled: true}\n"))
    verdict, cause, fix = finding(healthy, "skill odd", code=2)

    assert verdict == "fail"
    assert cause == "cannot be used (ZeroDivisionError: division by zero): it is on, and does nothing"
    assert fix == "Mend the file skills/odd.py, or take it away; then start again."


def test_a_skill_that_gets_nothing_of_what_it_needs_is_told(healthy):
    add_skill(healthy.folder, "vip", resources=("orders",))
    switched_off = "  woo:\n    sync: {orders: false}\n"
    written = healthy.config.read_text().replace("skills:\n", "skills:\n  vip: {source: woo}\n")
    healthy.config.write_text(written.replace("  woo:\n", switched_off))
    assert finding(healthy, "skill vip")[:2] == (
        "warn",
        "is on, and no source gives orders. woo gives no orders: connectors.woo.sync switches them off",
    )

    healthy.config.write_text(written)
    assert finding(healthy, "skill vip")[:2] == ("ok", "acts on woo")


def test_what_imports_may_do_is_told(healthy):
    verdict, cause, fix = finding(healthy, "imports")

    assert verdict == "ok"
    assert cause.startswith("create only; updates, phones, lists closed: What imports do in this account was never")
    assert "tajo brevo prove" in fix


@pytest.mark.parametrize("are_on", [True, False])
def test_the_look_at_the_account_sees_consent_groups(healthy, sandbox, store, are_on):
    store.set_note("consent_groups", not are_on or None)
    sandbox.switch(consent_groups=are_on)

    names = {one["name"]: one["verdict"] for one in healthy.json("doctor")}

    assert names.get("consent groups") == ("warn" if are_on else None)
    assert bool(store.note("consent_groups")) is are_on


def test_who_may_not_ask_for_consent_groups_knows_what_was_known(healthy, sandbox, store):
    store.set_note("consent_groups", True)
    sandbox.fault("restricted_key", path="/contacts/consent-groups")

    healthy.json("doctor")

    assert store.note("consent_groups")


def test_an_attribute_of_a_wrong_type_is_told(healthy, sandbox):
    sandbox.call("POST", "/v3/contacts/attributes/normal/TOWN", {"type": "date"})
    healthy.config.write_text(healthy.config.read_text().replace("city: CITY", "city: TOWN"))

    assert finding(healthy, "attributes")[1] == "wrong type: TOWN (date, needed text)"


def test_a_list_that_is_not_there_fails(healthy):
    healthy.config.write_text(healthy.config.read_text().replace("list_id: 2", "list_id: [2, 77, 78]"))

    verdict, cause, fix = finding(healthy, "lists", code=1)

    assert (verdict, cause) == ("fail", "not in Brevo: 77, 78; people are synced and put on the others only")
    assert "list_id" in fix


def test_deliveries_know_which_lists_are_not_there(healthy, store):
    healthy.config.write_text(healthy.config.read_text().replace("list_id: 2", "list_id: [2, 77]"))
    settings = load_settings(healthy.config, healthy.env)
    book = RulesBook(settings, store, brevo_of(settings, store, Tally()))

    assert book.read().absent == {77}
    assert store.note("lists")["found"][:2] == [1, 2]


def test_lists_beyond_the_first_page_are_found(healthy, sandbox):
    folder = sandbox.call("POST", "/v3/contacts/folders", {"name": "f"})["id"]
    for number in range(60):
        last = sandbox.call("POST", "/v3/contacts/lists", {"name": f"l{number}", "folderId": folder})["id"]
    healthy.config.write_text(healthy.config.read_text().replace("list_id: 2", f"list_id: [2, {last}]"))

    assert finding(healthy, "lists")[0] == "ok"


def test_no_list_is_a_choice(healthy):
    healthy.config.write_text(healthy.config.read_text().replace("    options:\n      list_id: 2\n", ""))

    assert finding(healthy, "lists")[0] == "ok"


@pytest.mark.parametrize(("skew_s", "verdict"), [(0, "ok"), (-30, "warn"), (30, "warn"), (600, "fail"), (-600, "fail")])
def test_a_clock_that_is_not_brevos_is_told(skew_s, verdict):
    reply = Reply(200, {"date": formatdate(10**9, usegmt=True)}, b"")

    assert account_checks._clock(reply, 10**9 + skew_s, 10**9).verdict == verdict
    assert account_checks._clock(reply, 10**9, 10**9 + skew_s).verdict == verdict


@pytest.mark.parametrize(
    ("here_s", "redis_s", "words"),
    [
        (3601, 0, "This machine's clock is 3,601 s ahead of Brevo's"),
        (-3601, 5, "This machine's clock is 3,601 s behind Brevo's"),
        (2, 700, "Redis' clock is 700 s ahead of Brevo's"),
    ],
)
def test_it_is_said_whose_clock_is_wrong_and_in_which_direction(here_s, redis_s, words):
    reply = Reply(200, {"date": formatdate(10**9, usegmt=True)}, b"")

    assert account_checks._clock(reply, 10**9 + here_s, 10**9 + redis_s).cause == words


def test_a_brevo_without_a_clock_is_no_fault():
    assert account_checks._clock(Reply(200, {}, b""), 1.0, 1.0).verdict == "ok"


def test_the_sandbox_is_worth_a_warning(healthy):
    del healthy.env["BREVO_API_KEY"]

    assert finding(healthy, "sandbox")[0] == "warn"


def test_neither_key_nor_sandbox_ends_with_code_4(healthy):
    verdict, _, fix = finding_of(healthy.json("doctor", code=4, BREVO_API_KEY=None, BREVO_API_URL=None), "Brevo")

    assert verdict == "fail"
    assert "BREVO_API_KEY" in fix


# Connectors


class Careful:
    """A connector whose check gives this finding, or raises this: a class and its arguments."""

    def __init__(self, gives: tuple) -> None:
        self.gives = gives

    def check(self, access):
        if not isinstance(self.gives, reach.Finding):
            kind, *words = self.gives
            raise kind(*words)
        return [self.gives]


def found_at(store, careful, access="reached"):
    """What the doctor tells of a source with this connector."""
    who = Patient(Settings(), Path("nowhere"), {"shop": careful}, store, None, access=lambda _: access)
    return [one for one in examine(who) if one.name.startswith("shop: ")]


def test_a_connector_that_looks_after_itself_adds_its_findings(store):
    found = found_at(store, Careful(reach.Finding("webhooks", "warn", "one is missing", "Install it.")))

    assert found == [Finding("shop: webhooks", "warn", "one is missing", "Install it.")]


def test_a_connector_that_is_not_connected_is_not_asked(store):
    assert found_at(store, Careful((AssertionError,)), access=None) == []


@pytest.mark.parametrize(
    ("trouble", "verdict", "why", "words"),
    [
        ((Unavailable, "shop.example did not answer"), "fail", "no answer", "did not answer"),
        ((ConfigError, "The token is revoked.", "Connect again."), "fail", "refused", "revoked"),
        ((TryLater, "The shop is busy."), "warn", "", "busy"),
        ((PayloadError, "$", "jane@example.com"), "fail", "", "could not be used"),
        ((KeyError, "jane@example.com"), "fail", "", "KeyError"),
    ],
)
def test_what_a_check_raises_is_a_finding_and_no_traceback(store, trouble, verdict, why, words):
    [found] = found_at(store, Careful(trouble))

    assert (found.name, found.verdict, found.why) == ("shop: connection", verdict, why)
    assert words in found.cause
    assert found.fix
    assert "jane" not in str(found)


def test_a_redis_that_goes_away_during_a_check_is_not_taken_for_the_platform(store):
    with pytest.raises(redis.RedisError):
        found_at(store, Careful((redis.ConnectionError, "gone")))


def test_the_key_of_stored_credentials_is_looked_at(healthy, store):
    def told(code=0, **env):
        return finding_of(healthy.json("doctor", code=code, **env), "key of stored credentials")

    assert told()[:2] == ("ok", "not needed: no credentials are stored")
    store.client.set(keys.vault("shopify"), b"x")
    verdict, cause, fix = told(code=2)
    assert (verdict, "shopify" in cause) == ("fail", True)
    assert "TAJO_SECRET_KEY" in fix
    home = Path(healthy.env["TAJO_HOME"])
    home.mkdir()
    (home / "secret.key").write_text("k" * 40)
    (home / "secret.key").chmod(0o644)
    store.client.delete(keys.vault("shopify"))
    assert told()[0] == "warn"
    (home / "secret.key").chmod(0o600)
    assert told()[0] == "ok"
    assert told(TAJO_SECRET_KEY="k" * 16)[1] == "TAJO_SECRET_KEY is set"


@pytest.mark.parametrize(
    ("whys", "code"),
    [([], 0), ([""], 1), (["", "no answer"], 4), (["no answer", "refused"], 3), (["config", "refused"], 2)],
)
def test_the_exit_code_is_that_of_the_first_cause(whys, code):
    assert exit_code([Finding("x", "fail", "", "", why) for why in whys]) == code


def test_warnings_do_not_fail():
    assert exit_code([Finding("x", "warn", "", "", "refused")]) == 0


def test_a_redis_error_without_words_is_still_told():

    assert "ConnectionError" in redis_finding(redis.ConnectionError()).cause


LOGS_IN_A_CHECK = """
import customer_sync.operate.doctor as doctor
from customer_sync.base.log import get
from customer_sync.cli import main

def check(patient):
    get("customer_sync.store.vault").warning("key made: keep it")
    return iter(())

doctor.CHECKS = (check,)
main(["doctor"])
"""


def test_the_log_does_not_write_into_the_table(healthy):
    done = subprocess.run(
        [sys.executable, "-c", LOGS_IN_A_CHECK],
        env={**os.environ, **healthy.env},
        cwd=healthy.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert "parked: nothing" in done.stdout
    assert "key made" not in done.stdout + done.stderr
    assert done.stdout.index("key of stored credentials") > done.stdout.index("Brevo key")


#: A skill file that sends a mail.
THANKS = """---
name: thanks
version: 1.0.0
description: Thanks for an order
category: email-marketing
triggers:
  - event: order_placed
actions:
  - brevo/send-email:
      template_id: 7
      to: "{{ contact.email }}"
permissions:
  - email:send
---
"""
CART_MAILS = "  abandoned-cart:\n    sequence: [{delay: 1h, template_id: 1}]\n"


def test_the_shops_own_cart_mails_are_asked_about_until_somebody_says_that_they_are_off(healthy):
    written = healthy.config.read_text().replace("skills:\n", f"skills:\n{CART_MAILS}")
    healthy.config.write_text(written)

    verdict, cause, fix = finding(healthy, "skill abandoned-cart beside shopify")
    assert verdict == "warn"
    assert cause.startswith("Shopify sends cart mails of its own: turn off the abandoned checkout automation")
    assert fix.startswith("Turn it off there, then say so: skills.abandoned-cart.shop_mails_are_off: true.")
    assert "the abandoned cart recovery e-mail" in finding(healthy, "skill abandoned-cart beside woo")[1]

    said = f"{CART_MAILS}    shopMailsAreOff: true\n"
    healthy.config.write_text(written.replace(CART_MAILS, said))
    assert not [one for one in healthy.json("doctor") if one["name"].startswith("skill abandoned-cart beside")]


def test_each_template_of_the_mails_of_skills_that_are_on_is_asked_for(healthy, sandbox, store):
    variants = "[{name: a}, {name: b, template_id: 3}]"
    mails = f"{CART_MAILS}    ab_testing: {{enabled: true, variants: {variants}}}\n".replace(": 1}", ": 2}")
    (healthy.folder / "skills").mkdir()
    (healthy.folder / "skills" / "thanks.md").write_text(THANKS)
    written = healthy.config.read_text().replace("skills:\n", f"skills:\n{mails}  thanks: {{enabled: true}}\n")
    healthy.config.write_text(written)

    verdict, cause, fix = finding(healthy, "template 2", code=2)
    assert (verdict, cause) == ("fail", "Template 2 is not active in Brevo: mails of abandoned-cart wait")
    assert "https://app.brevo.com/templates/listing" in fix
    assert finding(healthy, "template 3", code=2)[0] == "ok"
    assert finding(healthy, "template 7", code=2)[1] == "Template 7 is not in Brevo: mails of thanks wait"

    findings = {one["text"]: one["code"] for one in healthy.json("status", code=1)["findings"]}
    assert findings["Template 2 is not active in Brevo: mails of abandoned-cart wait."] == "template_missing"

    healthy.config.write_text(written.replace("enabled: true}\n", "enabled: false}\n").replace(": 2}", ": 1}"))
    found = [one["name"] for one in healthy.json("doctor") if one["name"].startswith("template")]
    assert found == ["template 1", "template 3"]


def test_what_workers_found_of_a_template_is_told_where_brevo_does_not_answer(healthy, sandbox, store):
    healthy.config.write_text(healthy.config.read_text().replace("skills:\n", f"skills:\n{CART_MAILS}"))
    sandbox.fault("empty_error", status=500, path="/smtp/templates/1")
    unknown = finding(healthy, "template 1")
    store.set_note("template:1", "Template 1 is not active in Brevo.")

    assert unknown[0] == "warn"
    assert finding(healthy, "template 1", code=2)[:2] == (
        "fail",
        "Template 1 is not active in Brevo: mails of abandoned-cart wait",
    )
