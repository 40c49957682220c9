"""What others recorded or published of Salesforce, where it lies beside the repository: the stand-in has its shapes."""

import json
import re

import pytest

from connectors.salesforce import soap
from connectors.salesforce.tests.caller import KEYS, Org
from customer_sync.kit.outbound import Reply
from customer_sync.kit.rest import json_of
from customer_sync.model import Event
from tests.contract.cases import REPO

PAYLOADS = REPO.parent / "shared" / "payloads" / "salesforce"
pytestmark = pytest.mark.skipif(not PAYLOADS.is_dir(), reason="the recorded payloads are not beside the repository")


def recorded(name):
    return json.loads((PAYLOADS / name).read_text(encoding="utf-8"))


def shape(value):
    """Return a value's keys and types, one entry of each list."""
    if isinstance(value, dict):
        return {key: shape(child) for key, child in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else type(value).__name__


def ask(org, path, **query):
    token = org.fake.settings.session
    return org.http.get(
        f"/services/data/v62.0{path}",
        query_string=query,
        headers={"Authorization": f"Bearer {token}"},
        base_url="http://org.example",
    )


def test_a_token_has_the_recorded_keys():
    org = Org()
    form = {"grant_type": "client_credentials", **{name: KEYS[name] for name in ("client_id", "client_secret")}}
    answer = org.http.post("/services/oauth2/token", data=form).json

    assert shape(recorded("oauth.token.docs.json")).items() <= shape(answer).items()
    assert re.fullmatch(r"http://\S+/id/00D\w{15}/005\w{15}", answer["id"])
    assert "expires_in" not in answer


def test_an_ended_session_is_refused_in_the_recorded_words():
    org = Org()
    org.fault("unauthorized")

    assert ask(org, "/limits").json == recorded("error.invalid-session.docs.json")


def test_pages_have_the_recorded_shape():
    org = Org(customers=8, batch=4)
    first = ask(org, "/query", q="SELECT Id FROM Contact").json
    last = ask(org, "/query/" + first["nextRecordsUrl"].rpartition("/")[2]).json
    known, end = shape(recorded("api.query.page1.fixture.json")), shape(recorded("api.query.page2.fixture.json"))

    assert first.keys() == known.keys()
    assert last.keys() == end.keys()
    assert shape(first["records"][0]["attributes"]) == known["records"][0]["attributes"]
    assert (first["done"], last["done"], first["totalSize"]) == (False, True, 6)


def test_deleted_and_updated_records_are_listed_in_the_recorded_shape():
    org = Org()
    gone, kept = org.contact(), org.contact()
    org.fake.delete(gone)
    span = {"start": "2026-11-01T00:00:00+00:00", "end": "2026-12-01T00:00:00+00:00"}

    deleted, updated = (ask(org, f"/sobjects/Contact/{word}/", **span).json for word in ("deleted", "updated"))
    assert shape(deleted) == shape(recorded("api.get-deleted.docs.json"))
    assert shape(updated) == shape(recorded("api.get-updated.docs.json"))
    assert updated["ids"] == [kept]


def test_a_message_reduced_from_real_traffic_is_understood():
    body = next(PAYLOADS.glob("outbound-message.*.xml")).read_bytes()
    message = soap.read(body)
    org = Org({"organization_id": message.organization})
    inbound = org.verified(body)
    told = org.connector.parse(inbound)

    assert [(one.record_id, one.topic) for one in told if isinstance(one, Event)] == [("003o0000xxxxxxxxxx", "Contact")]
    assert told[0].occurred_at.isoformat() == "2014-07-10T00:05:38+00:00"


def test_the_published_error_is_read_as_json_by_its_body_alone():
    body = (PAYLOADS / "error.invalid-session.docs.json").read_bytes()

    assert json_of(Reply(401, {}, body))[0]["errorCode"] == "INVALID_SESSION_ID"
