"""The webhook endpoint: made once, its secret kept, repaired as a whole; what the doctor says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.stripe.events import TOPICS
from connectors.stripe.tests.standin import Account
from customer_sync.config import ConfigFaults
from customer_sync.errors import ConfigError
from customer_sync.kit.reach import Access
from customer_sync.loading import load_settings
from customer_sync.model import Inbound

ADDRESS = "http://127.0.0.1:9/webhooks/pay"


@pytest.fixture
def account():
    return Account()


def ensure(account, address=ADDRESS):
    return account.connector().ensure_webhooks(address, account.access)


def endpoint(account):
    (found,) = account.fake.books.endpoints.shelf
    return found


def verdicts(account, **options):
    return {one.name: one.verdict for one in account.connector(**options).check(account.access)}


def test_the_secret_that_is_told_once_is_kept_and_given_on_until_the_settings_have_it(account):
    told = [ensure(account).secret, ensure(account).secret]
    secret = account.vault.load()["webhooks"]["secret"]
    account.secrets = (secret,)

    assert told == [secret] * 2
    assert ensure(account).secret == ""


def test_the_secret_of_an_endpoint_that_somebody_else_made_is_not_told(account):
    ensure(account)
    account.vault.save({"webhooks": {"id": "we_other", "secret": "whsec_other"}})

    assert ensure(account).secret == ""


def test_the_doctor_is_content_with_a_secret_that_the_vault_keeps_and_does_not_show_it(account):
    account.secrets = ()
    ensure(account)
    kept = account.vault.load()["webhooks"]
    findings = account.connector().check(account.access)

    assert (kept["id"], kept["secret"]) == (endpoint(account)["id"], endpoint(account)["_secrets"][0])
    assert [(one.verdict, one.name) for one in findings] == [("ok", "key"), ("ok", "webhooks")]
    assert kept["secret"] not in str(findings)


def test_the_doctor_asks_for_a_secret_that_is_not_known(account):
    account.secrets = ()
    ensure(account)
    account.vault.save({"webhooks": {"ids": account.vault.load()["webhooks"]["ids"]}})

    (_, found) = account.connector().check(account.access)

    assert (found.verdict, found.name) == ("warn", "signing secret")
    assert "Dashboard" in found.fix


def test_the_doctor_is_content_once_the_secret_is_set(account):
    ensure(account)

    assert verdicts(account) == {"key": "ok", "webhooks": "ok"}


def test_what_the_endpoint_sends_is_taken_with_its_secret_and_both_while_it_is_rolled(account):
    ensure(account)
    old = account.vault.load()["webhooks"]["secret"]
    (new,) = account.act("roll")["secrets"]
    account.customer()
    account.act("deliver")
    (told,) = account.http.get("/fake/deliveries").get_json()["deliveries"]
    headers = {name.lower(): value for name, value in told["headers"].items()}
    connector, now = account.connector(), datetime.fromtimestamp(account.clock(), UTC)
    sent = Inbound("pay", headers, told["body"].encode(), now)

    assert headers["stripe-signature"].count("v1=") == 2
    for secret in (old, new):
        connector.verify(sent, (secret,))


@pytest.mark.parametrize(
    ("what", "spoil"),
    [("disabled", {"status": "disabled"}), ("another address", {"url": "http://127.0.0.1:7/webhooks/pay"})],
)
def test_an_endpoint_that_is_off_or_elsewhere_is_repaired_for_all_topics(account, what, spoil):
    ensure(account)
    endpoint(account).update(spoil)
    found = ensure(account)

    assert found.repaired == dict.fromkeys(TOPICS, what)
    assert (endpoint(account)["status"], endpoint(account)["url"]) == ("enabled", ADDRESS)
    assert ensure(account).kept == tuple(TOPICS)


def test_an_endpoint_for_everything_lacks_nothing_and_keeps_it(account):
    ensure(account)
    endpoint(account)["enabled_events"] = ["*"]
    endpoint(account)["status"] = "disabled"
    ensure(account)

    assert endpoint(account)["enabled_events"] == ["*"]
    assert not ensure(account).was_deaf


def test_topics_of_the_owner_s_own_stay_and_a_second_endpoint_of_ours_goes(account):
    ensure(account)
    endpoint(account)["enabled_events"] = ["payout.paid"]
    books = account.fake.books
    books.endpoints.make("we_double", {"url": ADDRESS, "enabled_events": ["charge.failed"]}, livemode=False)
    found = ensure(account)

    assert set(found.created) == set(TOPICS)
    assert len(books.endpoints.shelf) == 1
    assert found.removed


def test_an_endpoint_is_made_in_the_version_whose_charges_name_their_invoice(account):
    ensure(account)
    assert endpoint(account)["api_version"] == "2025-02-24.acacia"


def test_an_address_without_tls_is_refused_where_stripe_itself_is_meant(account):
    connector = account.connector()
    real = type(connector)(connector.settings.__class__("pay", "stripe", (), {"api_key": "rk_live_x"}))
    with pytest.raises(ConfigError, match="https://"):
        real.ensure_webhooks(ADDRESS, Access(account, account.vault))


def test_the_doctor_names_each_permission_that_is_missing(account):
    account.fake.settings.permissions = ("customer_read", "event_read", "charge_read")
    found = {one.name: one for one in account.connector().check(account.access)}

    assert found["permissions"].cause == "the key may not read Subscriptions, Invoices"
    assert found["webhooks"].verdict == "warn"


@pytest.mark.parametrize(
    ("written", "says"),
    [("pk_live_1", "publishable"), ("whsec_1", "webhook_secret"), ("sk_tst_1", "sk_test_"), ("rk_live", "rk_live_")],
)
def test_what_is_no_key_is_named_beside_all_other_faults_and_not_shown(tmp_path, written, says):
    file = tmp_path / "tajo.yaml"
    file.write_text(f"""\
connectors:
  stripe:
    webhook_secret: whsec_2
    api_key: {written}
    consent_metadata: 7
debgu: true
""")
    with pytest.raises(ConfigFaults) as caught:
        load_settings(file, {})
    metadata, key, other = caught.value.faults

    assert (key.line, key.path) == (4, "connectors.stripe.api_key")
    assert says in key.remedy
    assert written not in key.found
    assert (metadata.path, other.path) == ("connectors.stripe", "debgu")
    assert "consent_metadata" in metadata.found


@pytest.mark.parametrize("written", ["rk_live_1", "sk_test_a1", "sk_org_live_a1", "another-kind-of-key"])
def test_a_key_of_whatever_kind_is_no_fault(tmp_path, written):
    file = tmp_path / "tajo.yaml"
    file.write_text(f"connectors: {{stripe: {{webhook_secret: whsec_2, api_key: {written}}}}}\n")

    assert load_settings(file, {}).sources["stripe"].options["api_key"] == written
