"""Opt-outs told to Stripe, and what counts as consent there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest

from connectors.stripe.tests.standin import Account
from customer_sync.errors import ConfigError, Parkable
from customer_sync.kit.reach import Withdrawal, Written
from customer_sync.model import Channel

LEFT_AT = datetime(2026, 11, 20, 10, 0, 0, 500_000, tzinfo=UTC)


@pytest.fixture
def account():
    return Account()


def withdrawal(number, address="ana@example.com", at=LEFT_AT):
    return Withdrawal(number, Channel.EMAIL, address, at)


def written(account, *args, consent_metadata=None, **more):
    connector = account.connector(**({"consent_metadata": consent_metadata} if consent_metadata else {}))
    return connector.write_consent(withdrawal(*args, **more), account.access)


def posts(account):
    return [one for one in account.sent if one[0] == "POST"]


def test_an_opt_out_is_written_once_with_its_time_and_leaves_other_metadata(account):
    number = account.customer(email="Ana@Example.com", metadata={"plan": "gold"})

    assert written(account, number) is Written.WRITTEN
    assert written(account, number) is Written.UNCHANGED
    assert account.row(number)["metadata"] == {
        "plan": "gold",
        "brevo_email_optout": "true",
        "brevo_optout_at": "2026-11-20T10:00:00Z",
    }
    ((_, path, headers, body),) = posts(account)
    assert path == f"/v1/customers/{number}"
    assert "Idempotency-Key" not in headers
    assert parse_qs(body.decode())["metadata[brevo_email_optout]"] == ["true"]


def test_an_opt_out_that_somebody_took_away_is_really_written_again(account):
    number = account.customer(email="ana@example.com")
    written(account, number)
    account.row(number)["metadata"].clear()

    assert written(account, number) is Written.WRITTEN
    assert account.row(number)["metadata"]["brevo_email_optout"] == "true"


def test_an_address_of_an_international_domain_is_found_again(account):
    number = account.customer(email="Ana@Exämple.com")

    assert written(account, number, "ana@xn--exmple-cua.com") is Written.WRITTEN


def test_a_later_opt_out_moves_the_time(account):
    number = account.customer(email="ana@example.com")
    written(account, number)

    assert written(account, number, at=LEFT_AT - timedelta(days=1)) is Written.UNCHANGED
    assert written(account, number, at=LEFT_AT + timedelta(days=1)) is Written.WRITTEN
    assert account.row(number)["metadata"]["brevo_optout_at"] == "2026-11-21T10:00:00Z"


def test_who_is_gone_or_has_another_address_is_left_alone(account):
    gone, moved = account.customer(email="ana@example.com"), account.customer(email="bob@example.com")
    account.act(f"customers/{gone}", "DELETE")

    assert written(account, gone) is Written.GONE
    assert written(account, moved) is Written.GONE
    assert written(account, "cus_nobody") is Written.GONE
    assert written(account, "no id") is Written.GONE
    assert posts(account) == []


def test_a_field_that_says_yes_is_set_to_no_and_no_other(account):
    number = account.customer(email="ana@example.com", metadata={"newsletter": "Yes", "sms": "no"})
    asked = ["newsletter", "sms", "phone"]

    assert written(account, number, consent_metadata=asked) is Written.WRITTEN
    metadata = account.row(number)["metadata"]
    assert (metadata["newsletter"], metadata["sms"], "phone" in metadata) == ("no", "no", False)
    assert written(account, number, consent_metadata=asked) is Written.UNCHANGED


def test_a_field_that_is_named_later_is_set_to_no_beside_an_opt_out_that_stands(account):
    number = account.customer(email="ana@example.com", metadata={"newsletter": "yes"})
    written(account, number)

    assert written(account, number, consent_metadata="newsletter") is Written.WRITTEN
    assert account.row(number)["metadata"]["newsletter"] == "no"


def test_what_is_written_comes_back_as_nothing_new(account):
    number = account.customer(email="ana@example.com", metadata={"newsletter": "yes"})
    account.clock.offset_s += 86_400
    written(account, number, consent_metadata="newsletter")
    since = datetime.fromtimestamp(account.clock(), UTC)

    assert account.pull(since=since, consent_metadata="newsletter") == []
    account.http.post(
        f"/v1/customers/{number}",
        data={"metadata[newsletter]": "yes", "metadata[brevo_optout_at]": ""},
        headers={"Authorization": "Bearer sk_test_demo"},
    )
    (event,) = account.pull(since=since, consent_metadata="newsletter")
    assert [str(one.state) for one in event.consents] == ["granted"]


def test_metadata_that_is_full_parks_and_a_missing_right_is_a_setting(account):
    number = account.customer(email="ana@example.com")
    account.fake.faults.add({"kind": "status", "status": 400, "method": "POST"})
    with pytest.raises(Parkable, match="does not take"):
        written(account, number)
    account.fake.settings.permissions = ("customer_read",)
    with pytest.raises(ConfigError, match="rak_customer_write"):
        written(account, number)


def test_an_opt_out_that_is_not_kept_is_not_called_written(account, monkeypatch):
    number = account.customer(email="ana@example.com")
    monkeypatch.setattr(account.fake.books, "change_customer", lambda row, _fields: row)
    with pytest.raises(Parkable, match="does not show"):
        written(account, number)


@pytest.mark.parametrize(
    ("option", "value", "state"),
    [
        ("newsletter", "yes", "granted"),
        (["newsletter"], "OPT_OUT", "withdrawn"),
        ({"newsletter": ["weekly", 1]}, "Weekly", "granted"),
        ({"newsletter": ["weekly"]}, "yes", None),
        ({"newsletter": ["weekly"]}, "no", "withdrawn"),
        ("newsletter", "maybe", None),
        ("other", "yes", None),
        (None, "yes", None),
    ],
)
def test_only_configured_metadata_is_consent_and_never_an_act(account, option, value, state):
    number = account.customer(email="ana@example.com", metadata={"newsletter": value, "terms": "yes"})
    options = {"consent_metadata": option} if option else {}
    (event,) = account.connector(**options).fetch("customers", [number], account.access)

    assert [(str(one.state), one.explicit) for one in event.consents] == ([(state, False)] if state else [])


@pytest.mark.parametrize("option", [1, [1], [""], {"newsletter": []}, {"newsletter": "yes"}, {"newsletter": ["no"]}])
def test_a_setting_that_cannot_be_meant_is_refused(account, option):
    with pytest.raises(ConfigError):
        account.connector(consent_metadata=option)


@pytest.mark.parametrize(
    "options", [{"api_version": "v1"}, {"api_key": "", "mode": "sandbox"}], ids=["version", "mode"]
)
def test_other_settings_that_cannot_be_meant_are_refused(account, options):
    with pytest.raises(ConfigError):
        account.connector(**options)
