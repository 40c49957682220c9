"""What proves a sender, and what is made of odd messages; the stand-in's own messages, from a save to the Ack."""

import json
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from connectors.salesforce import soap
from connectors.salesforce.tests.caller import ANA, KEYS, NOW, SECRET, Org, envelope, kinds
from customer_sync.errors import PayloadError, Refused
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Inbound
from customer_sync.store import keys
from tests.web import door as doors

ONE = ("04l1", "Contact", {"Id": "003Fak000000001IAA"})
ROWS = [{"attributes": {"type": "Contact"}, "Id": "003Fak000000001IAA"}]


def inbound(body, path=SECRET, **headers):
    return Inbound("crm", {name.replace("_", "-"): one for name, one in headers.items()}, body, NOW, path=path)


def verify(request, **options):
    Org(options).connector.verify(request, (SECRET, "older"))


def said(**more):
    return json.dumps({"organizationId": "00DFake0000000aEAA", "records": ROWS, **more}).encode()


# outbound messages


def test_a_message_needs_the_secret_in_its_address_and_the_right_org():
    verify(inbound(envelope(ONE)))
    verify(inbound(envelope(ONE), path="older"))
    verify(inbound(envelope(ONE)), organization_id="00DFake0000000a")
    for wrong, cause in (
        (inbound(envelope(ONE), path=""), "unsigned"),
        (inbound(envelope(ONE), path=SECRET[:-1]), "wrong"),
        (inbound(envelope(ONE), path="", authorization=f"Bearer {SECRET}"), "unsigned"),
        (inbound(envelope(ONE, organization="00DFAKE0000000aEAA")), "other account"),
        (inbound(envelope(ONE, organization="")), "other account"),
    ):
        with pytest.raises(Refused) as refusal:
            verify(wrong)
        assert (refusal.value.status, refusal.value.cause) == (401, cause)


def test_without_an_org_in_the_settings_no_message_is_taken():
    with pytest.raises(Refused, match="is not set"):
        verify(inbound(envelope(ONE)), organization_id="")


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE a [<!ENTITY b "b">]>' + envelope(ONE).split(b"?>", 1)[1],
        b"<!DOCTYPE Envelope>" + envelope(ONE).split(b"?>", 1)[1],
        b'<!DOCTYPE a SYSTEM "http://example.com/a.dtd"><a/>',
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        b"<a/>",
        b"<a",
        b'<?xml version="1.0" encoding="utf-99"?><a/>',
        envelope(),
        envelope(*[ONE] * 101),
        envelope(("04l1", "Contact", {"Id": "0" * soap.MAX_BYTES})),
    ],
    ids=lambda body: body[:30].decode(),
)
def test_xml_that_is_no_message_is_refused_and_cannot_be_read(body):
    with pytest.raises(Refused) as refusal:
        verify(inbound(body))
    assert refusal.value.status == 400
    with pytest.raises(PayloadError):
        Org().connector.parse(inbound(body))


def test_a_hundred_notifications_are_a_hundred_hints_and_a_session_id_is_left_alone():
    told = [(f"04l{number}", "Contact", {"Id": f"003{number:012d}AAA"}) for number in range(100)]
    body = envelope(*told, more="<SessionId>00DFake0000000a!a-session</SessionId>")
    found = Org().connector.parse(inbound(body))

    assert [one.record_id for one in found] == [one["Id"] for _, _, one in told]
    assert "a-session" not in repr(found)
    assert "a-session" not in repr(soap.read(body))


@pytest.mark.parametrize(
    ("element", "kept"),
    [
        ("<SessionId>00D!secret</SessionId>", "<SessionId></SessionId>"),
        ('<o:SessionId xmlns:o="x" a="b">00D!secret</o:SessionId>', '<o:SessionId xmlns:o="x" a="b"></o:SessionId>'),
        ('<SessionId xsi:nil="true"/>', '<SessionId xsi:nil="true"/>'),
    ],
)
def test_a_session_id_is_taken_out_before_a_message_is_kept(element, kept):
    org = Org()
    request = inbound(envelope(ONE, more=element))
    found = org.connector.redacted(request)

    assert found.body == envelope(ONE, more=kept)
    assert org.connector.parse(found) == org.connector.parse(request)
    assert org.connector.redacted(inbound(said())).body == said()


def test_the_ingress_answers_a_message_with_its_ack_and_keeps_no_session(client, redis_url, tmp_path, monkeypatch):
    source = SourceSettings("crm", "salesforce", (SECRET,), KEYS)
    settings = replace(doors.SETTINGS, sources={"crm": source})
    monkeypatch.setattr(doors, "SETTINGS", settings)
    door = doors.Door(redis_url, tmp_path / "home")
    body = envelope(ONE, more="<SessionId>00D!secret</SessionId>")
    answer = door.post(f"crm/{SECRET}", body, {"Content-Type": "text/xml"})
    wrong = door.post("crm/another", body, {"Content-Type": "text/xml"})
    kept = repr(client.xrange(keys.INBOX))
    door.close()

    assert (answer.status_code, answer.content_type) == (200, "text/xml; charset=utf-8")
    assert answer.data == soap.ACK
    assert wrong.status_code == 401
    assert b"Ack" not in wrong.data
    assert "003Fak000000001IAA" in kept
    assert "00D!secret" not in kept


def test_a_notification_without_its_own_id_does_not_hold_up_the_others():
    found = Org().connector.parse(inbound(envelope(("", "Contact", {"Id": "003A"}), ONE)))

    assert [getattr(one, "record_id", None) or one.path for one in found] == [
        "notifications.Notification[0].Id",
        "003Fak000000001IAA",
    ]


@pytest.mark.parametrize(
    ("value", "is_out"), [("true", True), ("1", True), ("false", False), ("", False), ("x", False)]
)
def test_the_opt_out_of_a_message_is_a_withdrawal_and_an_absent_one_is_nothing(value, is_out):
    fields = {"Id": "003Fak000000001IAA", "Email": ANA, "HasOptedOutOfEmail": value}
    found = Org().connector.parse(inbound(envelope(("04l1", "Contact", fields))))
    less = Org().connector.parse(inbound(envelope(ONE)))

    assert [str(one.kind) for one in found] == ["consent_changed"] * is_out + ["record_changed"]
    assert [one.kind for one in less] == ["record_changed"]
    assert [one.consents for one in less] == [()]


def test_an_opt_out_without_an_id_is_heard_by_its_address_beside_the_fault():
    fields = {"Email": ANA, "HasOptedOutOfEmail": "true"}
    left, fault = Org().connector.parse(inbound(envelope(("04l1", "Lead", fields))))

    assert left.record == {"email": ANA}
    assert left.id.endswith(":consents")
    assert fault.path.endswith("sObject.Id")


# JSON


# made with openssl 3: printf '%s' "$id.1795262400.$body" | openssl dgst -sha256 -hmac "$secret" -binary | base64
# where the body is what `said()` gives and `said(records=[])` gives
VECTORS = [
    ("msg_sf1", {}, "v1,CQjN7vN8qGDP0oEf+GxM7pqhpS5JMbvvO1qbF/aZUqI="),
    ("msg_sf2", {"records": []}, "v1,dYYijAEMducMg6BIzZ7j+Dptcg481Fg88FNLIzanJSY="),
]


@pytest.mark.parametrize(("message", "more", "signature"), VECTORS)
def test_json_is_signed_as_openssl_signs_it(message, more, signature):
    request = inbound(said(**more), "", webhook_id=message, webhook_timestamp="1795262400", webhook_signature=signature)

    verify(request)
    assert Org().connector.sign(replace(request, headers={"webhook-id": message}), SECRET).headers == request.headers
    with pytest.raises(Refused):
        verify(replace(request, body=request.body + b" "))
    with pytest.raises(Refused, match="window"):
        verify(replace(request, received_at=NOW + timedelta(seconds=301)))


def test_json_is_taken_with_the_secret_as_a_token_and_never_by_its_address():
    verify(inbound(said(), "", authorization=f"Bearer {SECRET}"))
    verify(inbound(said(), "", authorization="bearer older"))
    for wrong in (
        inbound(said()),
        inbound(said(), "", authorization=f"Basic {SECRET}"),
        inbound(said(), "", authorization="Bearer another"),
        inbound(said(), "", authorization="Bearer "),
        inbound(said(), "", authorization=f"Bearer {SECRET}", webhook_signature="v1,x", webhook_id="1"),
        inbound(said(organizationId="00DOther0000000AAA"), "", authorization=f"Bearer {SECRET}"),
    ):
        with pytest.raises(Refused):
            verify(wrong)


def test_a_faulty_record_of_json_does_not_hold_up_the_others():
    rows = [5, {"Id": "003A"}, {"attributes": {"type": "Case"}, "Id": "500A"}, *ROWS]
    found = Org().connector.parse(inbound(said(records=rows)))

    assert [getattr(one, "record_id", None) or one.path for one in found] == [
        "records[0]",
        "records[1].attributes.type",
        "003Fak000000001IAA",
    ]


# the stand-in's own messages


class Endpoint:
    """Takes messages as the web does, and acknowledges what it is told to."""

    def __init__(self, org, *answers):
        self.told, self.bodies, left = [], [], list(answers)
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Inbound("crm", headers, body, org.now, path=self.path.strip("/"))
                org.connector.verify(request, (SECRET,))
                endpoint.bodies.append(body)
                endpoint.told.append(org.connector.parse(request))
                answer = left.pop(0) if left else org.connector.accepted.body
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def heard():
    """Return a function that makes an org whose messages are heard."""
    open_ones = []

    def make(*answers, **settings):
        org = Org(**settings)
        endpoint = Endpoint(org, *answers)
        open_ones.append(endpoint.server)
        org.connector.ensure_webhooks(endpoint.address, org.access)
        return org, endpoint

    yield make
    for one in open_ones:
        one.shutdown()
        one.server_close()


def test_a_save_is_told_and_an_envelope_without_an_ack_comes_again_whole(heard):
    org, endpoint = heard(b"<Ack>false</Ack>", b"")
    number = org.contact(HasOptedOutOfEmail=True)
    org.fake.change(number, {"Title": "Dr"})
    for wait_s in (0, 5, 15):
        org.clock.offset_s += wait_s
        org.act("POST", "deliver", due=True)
    org.clock.offset_s += 86_400
    org.act("POST", "deliver", due=True)

    assert len(endpoint.told) == 3
    assert endpoint.told[0] == endpoint.told[1] == endpoint.told[2]
    assert kinds(endpoint.told[0]) == [("consent_changed", number), ("record_changed", number)] * 2
    assert endpoint.told[0][1].record == {"resource": "customers"}


def test_a_message_holds_the_record_as_it_is_when_it_is_sent(heard):
    org, endpoint = heard()
    kept, gone = org.contact(), org.contact(Email="gone@example.com")
    org.fake.change(kept, {"Email": "now@example.com", "HasOptedOutOfEmail": True})
    org.fake.delete(gone)
    org.act("POST", "deliver")

    assert {number for _, number in kinds(endpoint.told[0])} == {kept}
    assert endpoint.told[0][0].record["email"] == "now@example.com"


def test_messages_come_doubled_and_out_of_order_and_have_the_same_ids(heard):
    org, endpoint = heard()
    org.act("POST", "webhooks", duplicates=1.0)
    number = org.contact()
    org.act("POST", "deliver")
    org.act("POST", "webhooks", duplicates=0.0, reorder_s=100.0)
    for index in range(101):
        org.fake.change(number, {"Title": str(index)})
    org.act("POST", "deliver")

    assert endpoint.told[0] == endpoint.told[1]
    assert sorted(len(one) for one in endpoint.told[2:]) == [1, 100]
    ids = [one.id for told in endpoint.told for one in told]
    assert len(set(ids)) == 102


@pytest.mark.parametrize("how", ["signed", "bearer"])
def test_what_a_trigger_or_a_flow_sends_is_taken(heard, how):
    org, endpoint = heard()
    number = org.contact(HasOptedOutOfEmail=True)
    told = org.act("POST", "apex", url=endpoint.address, secret=SECRET, ids=[number], how=how)

    assert told["status"] == 200
    assert kinds(endpoint.told[0]) == [("consent_changed", number), ("record_changed", number)]
