"""The owner's consent in a browser, and what the doctor and the upkeep of webhooks say."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from connectors.hubspot import upkeep
from connectors.hubspot.account import Account
from connectors.hubspot.fake.settings import CLIENT_ID, CLIENT_SECRET, SCOPES
from connectors.hubspot.tests.caller import Hub
from customer_sync.errors import ConfigError, Refused
from customer_sync.kit.reach import Callback, Invitation

APP = {"access_token": "", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
STATE = "0" * 32
INVITATION = Invitation(STATE, "https://sync.example.com/connect/hub", "https://sync.example.com/")


def agreed(hub: Hub, **options: str) -> dict[str, str]:
    """Let the owner agree, and return the query of HubSpot's answer."""
    there = urlsplit(hub.connector(**APP, **options).invite(INVITATION))
    assert there.path == "/oauth/authorize"
    back = hub.http.get(f"{there.path}?{there.query}")
    return dict(parse_qsl(urlsplit(back.headers["Location"]).query))


def accept(hub: Hub, query: dict[str, str], **options: str) -> str:
    return hub.connector(**APP, **options).accept(Callback(query, b"", hub.clock()), INVITATION, hub.access)


def test_an_owner_agrees_and_the_account_can_be_read():
    hub = Hub()
    said = accept(hub, agreed(hub))

    assert said.startswith("hub is connected to HubSpot account 62515.")
    assert hub.connector(**APP).can_pull()
    assert len(hub.pull(**APP)) == 10
    hub.clock.offset_s = 1900
    assert len(hub.pull(**APP)) == 10
    assert hub.fake.tokens.given == {"authorization_code": 1, "refresh_token": 1}


def test_what_is_asked_for_is_told_needed_and_wished():
    query = dict(parse_qsl(urlsplit(Hub().connector(**APP).invite(INVITATION)).query))

    assert (query["client_id"], query["state"], query["redirect_uri"]) == (CLIENT_ID, STATE, INVITATION.callback_url)
    assert query["scope"] == "crm.objects.contacts.read"
    assert "communication_preferences.read_write" in query["optional_scope"].split()


@pytest.mark.parametrize("query", [{"state": "1" * 32, "code": "c"}, {"code": "c"}, {"state": STATE}])
def test_an_answer_of_another_attempt_or_without_a_code_is_refused(query):
    with pytest.raises(Refused):
        accept(Hub(), query)


def test_a_code_is_good_once():
    hub = Hub()
    query = agreed(hub)
    accept(hub, query)

    with pytest.raises(ConfigError):
        accept(hub, query)


def test_the_answer_of_another_account_is_refused_and_not_kept():
    hub = Hub()
    with pytest.raises(Refused, match="another account"):
        accept(hub, agreed(hub), portal_id="7")

    assert hub.vault.load() == {}


def test_a_connection_that_was_ended_says_so():
    hub = Hub()
    accept(hub, agreed(hub))
    hub.fake.tokens.refusal = "invalid_grant"
    hub.clock.offset_s = 1900

    with pytest.raises(ConfigError, match="uninstalled") as fault:
        hub.pull(**APP)
    assert "tajo connectors connect hub" in fault.value.remedy


def test_without_an_apps_keys_nobody_can_be_invited():
    with pytest.raises(ConfigError, match="which app"):
        Hub().connector().invite(INVITATION)


# the doctor


def verdicts(hub: Hub, **options: str) -> dict[str, str]:
    return {one.name: one.verdict for one in hub.connector(**options).check(hub.access)}


def test_the_doctor_says_what_a_missing_scope_costs():
    hub = Hub(scopes=("crm.objects.contacts.read",))
    found = verdicts(hub)

    assert (found["contacts"], found["deals"], found["properties"], found["opt-outs"]) == ("ok", "warn", "warn", "warn")
    hub.fake.settings.scopes = ("crm.objects.deals.read",)
    assert verdicts(hub)["contacts"] == "fail"


def test_the_doctor_misses_the_properties_that_consent_depends_on():
    hub = Hub()

    assert verdicts(hub)["properties"] == "ok"
    assert verdicts(hub, properties="no_such")["properties"] == "fail"
    assert verdicts(hub, opt_out_property="no_such")["properties"] == "fail"
    assert verdicts(hub, opt_in_property="newsletter_since")["properties"] == "ok"


def test_the_doctor_knows_whose_token_it_is():
    hub = Hub()

    assert verdicts(hub)["token"] == "ok"
    assert verdicts(hub, portal_id="")["token"] == "warn"
    assert verdicts(hub, portal_id="7")["token"] == "fail"


def test_the_doctor_sees_webhooks_that_are_missing():
    hub = Hub()

    assert verdicts(hub)["webhooks"] == "warn"
    hub.connector().ensure_webhooks("http://127.0.0.1:9/webhooks/hub", hub.access)
    assert verdicts(hub)["webhooks"] == "ok"


# webhooks


def test_each_property_has_a_subscription_of_its_own_and_opt_outs_are_among_them():
    hub = Hub()
    connector = hub.connector(subscription_type="5001", opt_out_property="no_mail", properties="favourite_colour")
    done = connector.ensure_webhooks("http://127.0.0.1:9/webhooks/hub", hub.access)

    there = hub.fake_call("GET", "state")["subscriptions"]
    names = {one.get("propertyName") for one in there if one["eventType"] == "contact.propertyChange"}
    assert {"email", "hs_email_optout", "hs_email_optout_5001", "no_mail", "favourite_colour"} <= names
    assert "lastmodifieddate" not in names
    assert set(done.created) == {one["eventType"] for one in there}


def test_a_subscription_that_is_refused_costs_no_other():
    hub = Hub()
    done = hub.connector(properties="num_unique_conversion_events").ensure_webhooks("http://x", hub.access)

    assert set(done.failed) == {"contact.propertyChange"}
    assert "contact.creation" in done.created


def test_without_the_apps_keys_it_is_said_how_webhooks_are_made_by_hand():
    hub = Hub()
    with pytest.raises(ConfigError) as fault:
        hub.connector(app_id="").ensure_webhooks("https://sync.example.com/webhooks/hub", hub.access)

    for word in ("https://sync.example.com/webhooks/hub", *upkeep.PLAIN, "hs_email_optout", "app_id"):
        assert word in fault.value.remedy


def test_all_scopes_that_are_asked_for_are_known_to_the_stand_in():
    from connectors.hubspot.account import SCOPES as ASKED

    assert set(ASKED) <= set(SCOPES)
    assert Account.of(Hub().connector().settings).version == "2026-09"
