"""The signature: known answers, what is signed, how old it may be, and whose events they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.hubspot import signature
from connectors.hubspot.connector import HubSpotConnector
from customer_sync.errors import Refused
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Inbound

SECRET = "hubspotclientsecret1"
URL = "https://sync.example.com/webhooks/hubspot"
BODY = (
    b'[{"eventId":1,"subscriptionId":25,"portalId":62515,"occurredAt":1795258798000,'
    b'"subscriptionType":"contact.creation","attemptNumber":0,"objectId":101}]'
)
AT = datetime.fromtimestamp(1795258799, UTC)
#: printf '%s' "POST$URL$BODY$TIME" | openssl dgst -sha256 -hmac hubspotclientsecret1 -binary | base64
KNOWN = "O1oCp/w+kfOuOPfwPgW/jyWXJb4omOfLASvL4goi1aI="
#: The same with "?to=a@b.example&x=(1),%20" behind the address.
KNOWN_QUERY = "zIBpzZceFD25geBEvUAwn2HywQ/xwxtTB9v1B+ZVsM0="
#: printf '%s' "hubspotclientsecret1$BODY" | openssl dgst -sha256; the second with "POST$URL" before the body.
KNOWN_V1 = "17a04ccbf3d50c223835a5e6ddd04f5dca1a857b864d209b948f8d082dd6196a"
KNOWN_V2 = "c9b91815f2e4339300be68e460f3da850c7391b1a21fa1424547e97d9363b7c3"


def inbound(given=KNOWN, url=URL, body=BODY, **headers):
    told = {signature.NEW: given, signature.TIME: "1795258799000", **headers}
    return Inbound("hub", {name: value for name, value in told.items() if value}, body, AT, url=url)


def old(given, version, url=URL):
    return inbound("", url, **{signature.TIME: "", signature.OLD: given, signature.OLD_VERSION: version})


def verify(request, **options):
    HubSpotConnector(SourceSettings("hub", "hubspot", (), options)).verify(request, ("older", SECRET))


def test_a_known_signature_is_genuine():
    verify(inbound())


@pytest.mark.parametrize(
    "query", ["?to=a@b.example&x=(1),%20", "?to=a%40b.example&x=%281%29%2C%20", "%3fto=a%40b%2eexample"]
)
def test_some_escapes_of_the_address_are_signed_as_what_they_stand_for_and_all_others_as_they_are(query):
    if "%2e" in query:  # a dot is not among them
        with pytest.raises(Refused):
            verify(inbound(KNOWN_QUERY, URL + query))
    else:
        verify(inbound(KNOWN_QUERY, URL + query))


@pytest.mark.parametrize("url", [URL.replace("https", "http"), URL + "/", "http://10.0.0.1:8000/webhooks/hubspot", ""])
def test_another_address_than_the_public_one_is_refused(url):
    with pytest.raises(Refused):
        verify(inbound(url=url))


def test_another_verb_is_refused():
    with pytest.raises(Refused):
        verify(replace(inbound(), method="PUT"))


@pytest.mark.parametrize(("seconds", "is_fresh"), [(300, True), (-300, True), (301, False), (-301, False)])
def test_a_signature_is_good_for_five_minutes_before_and_after(seconds, is_fresh):
    request = replace(inbound(), received_at=AT + timedelta(seconds=seconds))
    if is_fresh:
        verify(request)
    else:
        with pytest.raises(Refused, match="outside the window"):
            verify(request)


def test_versions_1_and_2_are_taken_only_where_the_settings_say_so():
    for request in (old(KNOWN_V1, "v1"), old(KNOWN_V2, "v2")):
        with pytest.raises(Refused):
            verify(request)
        verify(request, old_signatures=True)
    for wrong in (old(KNOWN_V1, "v2"), old(KNOWN_V2, "v1"), old(KNOWN_V2, "v2", URL + "x"), old(KNOWN_V1, "v4")):
        with pytest.raises(Refused):
            verify(wrong, old_signatures=True)


def test_a_wrong_new_signature_is_refused_even_with_a_right_old_one_beside_it():
    request = inbound("wrong", **{signature.OLD: KNOWN_V1, signature.OLD_VERSION: "v1"})

    with pytest.raises(Refused):
        verify(request, old_signatures="true")


def test_an_empty_secret_proves_nothing_in_any_version():
    connector = HubSpotConnector(SourceSettings("hub", "hubspot", (), {"old_signatures": "true"}))
    for request in (inbound(), old(KNOWN_V1, "v1")):
        for secrets in ((), ("",), (" ",)):
            with pytest.raises(Refused):
                connector.verify(request, secrets)


def test_events_of_another_account_are_refused_where_the_account_is_known():
    verify(inbound(), portal_id="62515")
    verify(inbound(), hub="")
    with pytest.raises(Refused, match="another account") as refusal:
        verify(inbound(), portal_id="7")
    assert refusal.value.cause == "other account"
