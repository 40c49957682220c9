"""What opens the door: keys, a signed text, the owner's consent; where the token may be shown; when reads stop."""

from dataclasses import replace
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from connectors.salesforce.account import Account, right_domain, right_field, right_organization, right_version
from connectors.salesforce.api import full_id, quoted
from connectors.salesforce.tests.caller import ADDRESS, KEYS, Org, kinds
from connectors.salesforce.tests.keys import PRIVATE, PUBLIC
from customer_sync.errors import ConfigError, Refused, TryLater, Unavailable
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.reach import Callback, Invitation, Want, Written

INVITATION = Invitation("a" * 32, "https://ours.test/back", "https://ours.test/")


def tokens_asked(org):
    return [dict(parse_qsl(body.decode())) for _, path, body in org.calls if path == "/services/oauth2/token"]


def agreed(org, invitation=INVITATION):
    """Return the query that the owner's browser brings back."""
    address = org.connector.invite(invitation)
    back = org.http.get(address, base_url=ADDRESS).headers["Location"]
    return {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}


# the ways in


def test_keys_alone_bring_a_token_that_is_kept_until_it_is_refused():
    org = Org()
    org.contact()
    org.pull()
    org.clock.offset_s = 7_201  # no answer said when it ends
    org.pull()

    assert [form["grant_type"] for form in tokens_asked(org)] == ["client_credentials"] * 2
    assert org.vault.values["instance_url"] == ADDRESS


def test_a_private_key_signs_a_text_about_user_and_app_in_the_place_of_a_secret():
    org = Org({"private_key": PRIVATE.replace("\n", "\\n"), "username": "sync@lamps.example", "client_secret": ""})
    org.act("POST", "certificate", pem=PUBLIC)
    org.contact()

    assert len(org.pull()) == 1
    assert tokens_asked(org)[0]["grant_type"].endswith("jwt-bearer")
    assert "client_secret" not in tokens_asked(org)[0]
    assert org.fake.tokens.oauth.given


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"username": ""}, "username"),
        ({"private_key": "not a key"}, "no RSA key"),
        ({"username": "other@lamps.example"}, "invalid_grant"),
        ({"client_id": "another"}, "invalid_client_id"),
    ],
)
def test_what_is_wrong_with_a_signed_text_is_said(options, words):
    org = Org({"private_key": PRIVATE, "username": "sync@lamps.example", "client_secret": "", **options})
    org.act("POST", "certificate", pem=PUBLIC)

    with pytest.raises(ConfigError, match=words) as error:
        org.pull()
    assert error.value.remedy
    assert "BEGIN" not in str(error.value).replace("its BEGIN", "")


def test_the_owner_agrees_with_proof_of_who_asked_and_refresh_tokens_rotate():
    org = Org()
    said = org.connector.accept(Callback(agreed(org), b"", org.clock()), INVITATION, org.access)
    first = org.vault.values["refresh_token"]
    org.contact()
    org.act("POST", "tokens/expire")

    assert "connected" in said
    assert len(org.pull()) == 1
    assert org.vault.values["refresh_token"] not in {"", first}
    assert [form["grant_type"] for form in tokens_asked(org)] == ["authorization_code", "refresh_token"]
    assert "password" not in str(tokens_asked(org))


def test_an_answer_of_another_attempt_without_a_code_or_of_another_org_is_refused():
    org = Org()
    query = agreed(org)
    for wrong in ({**query, "state": "b" * 32}, {"state": query["state"], "error": "access_denied"}):
        with pytest.raises(Refused):
            org.connector.accept(Callback(wrong, b"", org.clock()), INVITATION, org.access)
    other = Org({"organization_id": "00DOther0000000"})
    with pytest.raises(ConfigError, match="another one"):
        other.connector.accept(Callback(agreed(other), b"", other.clock()), INVITATION, other.access)

    assert org.vault.values == other.vault.values == {}


def test_a_code_is_worth_nothing_to_whoever_did_not_ask_for_it():
    org = Org()
    query = agreed(org)
    stolen = replace(INVITATION, state="c" * 32)

    with pytest.raises(ConfigError, match="invalid_grant"):
        org.connector.accept(Callback({**query, "state": "c" * 32}, b"", org.clock()), stolen, org.access)


def test_a_session_that_stays_refused_is_renewed_once_and_then_said():
    org = Org()
    org.contact()
    org.fault("status", status=401, count=None)

    with pytest.raises(ConfigError, match="INVALID_SESSION_ID"):
        org.pull()
    assert len(tokens_asked(org)) == 2


# where the token is shown


@pytest.mark.parametrize(
    ("instance", "is_called"),
    [
        ("https://lamps.my.salesforce.com", True),
        ("https://lamps--box.sandbox.my.salesforce.com", True),
        ("https://salesforce.com.evil.example", False),
        ("https://evilsalesforce.com", False),
        ("http://lamps.my.salesforce.com", False),
        ("", False),
    ],
)
def test_the_data_are_where_the_token_says_and_with_nobody_but_salesforce(instance, is_called):
    account = Account.of(SourceSettings("crm", "salesforce", (), {**KEYS, "my_domain": "lamps.my.salesforce.com"}))

    if is_called:
        assert account.data(instance) == instance
        assert account.root() == "https://lamps.my.salesforce.com"
    else:
        with pytest.raises(ConfigError, match="not called"):
            account.data(instance)


@pytest.mark.parametrize("domain", ["login.salesforce.com", "test.salesforce.com", "", "lamps.example"])
def test_tokens_are_asked_for_at_my_domain_only(domain):
    account = Account.of(SourceSettings("crm", "salesforce", (), {**KEYS, "my_domain": domain}))

    with pytest.raises(ConfigError, match="my_domain"):
        account.root()


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (right_domain, "https://Lamps.my.salesforce.com/", "lamps.lightning.force.com"),
        (right_organization, "00DFake0000000aEAA", "00D123"),
        (right_version, "v62.0", "59.0"),
        (right_field, "Newsletter__c", "News letter"),
    ],
)
def test_a_wrong_setting_is_told_with_what_to_write(check, right, wrong):
    assert check(right) == ""
    assert check(wrong).startswith("Write ")


def test_the_remedy_for_a_lightning_address_is_its_my_domain():
    assert right_domain("https://lamps.lightning.force.com/x") == "Write lamps.my.salesforce.com."


# the calls of a day


def test_reads_stop_at_80_percent_and_opt_outs_go_on_until_95():
    org = Org(limit=1000, used=796)
    number = org.contact()

    assert len(org.connector.pull(Want("customers"), org.access).events) == 1  # calls 797 to 799
    with pytest.raises(TryLater) as wait:
        org.pull()
    assert (wait.value.after_s, wait.value.burns) == (900.0, False)
    with pytest.raises(TryLater):
        org.fetch(number)
    assert org.withdraw(number) is Written.WRITTEN
    org.act("POST", "settings", used=0)
    org.fake.used = 950
    with pytest.raises(TryLater):
        org.withdraw(number)


def test_calls_that_are_used_up_and_a_server_that_is_away_are_no_failure_of_the_keys():
    org = Org()
    number = org.contact()
    for kind, error in (("spent", TryLater), ("unavailable", Unavailable), ("html", TryLater)):
        org.fault(kind, count=None)
        with pytest.raises(error):
            org.fetch(number)
        org.act("DELETE", "faults")

    assert kinds(org.fetch(number)) == [("customer_updated", number)]


# what stands in queries


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("O'Neil", r"'O\'Neil'"),
        ("a\\b", r"'a\\b'"),
        ("x' OR Id != null --", r"'x\' OR Id != null --'"),
        ("\n", r"'\n'"),
    ],
)
def test_a_text_cannot_leave_its_quotes(text, written):
    assert quoted(text) == written


@pytest.mark.parametrize(
    ("short", "full"),
    # each of the last three tells which of five characters are capitals, the first of them counting one
    [
        ("00Q000000000001", "00Q000000000001EAA"),
        ("003Fak000000001", "003Fak000000001IAA"),
        ("003AAaaaaaaaaaB", "003AAaaaaaaaaaBYAQ"),
    ],
)
def test_a_short_id_is_made_long_as_salesforce_does(short, full):
    assert full_id(short) == full
    assert full_id(full) == full
