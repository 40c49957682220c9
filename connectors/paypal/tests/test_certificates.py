"""PayPal's signatures: only what leads to a trusted root, from PayPal's hosts, over these very bytes, is believed."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.paypal.certificates import ALGORITHM, Certificates, Transmission, signed_text
from connectors.paypal.connector import ALGO, CERT, ID, SIGNATURE, TIME, PayPalConnector
from connectors.paypal.fake.authority import Authority
from connectors.paypal.tests.contract import AUTHORITY, CERT_URL, certificates, signed
from customer_sync.errors import Missing, Refused, Unavailable
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Inbound
from tests.contract.cases import REPO

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text(encoding="utf-8"))
KNOWN = REPO.parent / "shared" / "payloads" / "signature_vectors.json"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
#: The certificates of the vectors begin later than the others.
LATER = datetime(2027, 1, 15, 12, tzinfo=UTC)
BODY = b'{"id":"WH-1","event_type":"PAYMENT.SALE.COMPLETED","resource":{"id":"SALE1"}}'


def connector(**options):
    return PayPalConnector(SourceSettings("paypal", "paypal", ("hook-1",), options))


@pytest.fixture
def ours(monkeypatch):
    monkeypatch.setattr(PayPalConnector, "certificates", certificates())
    return connector()


def request(body=BODY, at=NOW):
    return signed(Inbound("paypal", {}, body, at), "hook-1")


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda one: one["id"])
def test_what_openssl_signed_is_believed(vector):
    sent = Transmission(vector["id"], vector["time"], vector["signature"], CERT_URL)
    body = vector["body"].encode()
    trusting = Certificates(VECTORS["root"].encode(), fetch=lambda _: VECTORS["certificate"].encode())

    assert signed_text(sent, vector["webhook_id"], body) == vector["signed"].encode()
    trusting.verify(sent, ("other", vector["webhook_id"]), body, LATER)
    for wrong in ({"ids": ("other",)}, {"body": body + b" "}, {"sent": replace(sent, time="2026-11-21T11:59:01Z")}):
        with pytest.raises(Refused):
            trusting.verify(
                wrong.get("sent", sent), wrong.get("ids", (vector["webhook_id"],)), wrong.get("body", body), LATER
            )


@pytest.mark.skipif(not KNOWN.is_file(), reason="the known signatures are not beside the repository")
def test_a_recorded_delivery_is_judged_as_paypal_judges_it():
    known = {one["id"]: one for one in json.loads(KNOWN.read_text(encoding="utf-8"))["vectors"]}
    right, wrong = known["paypal-rsa-1"], known["paypal-rsa-wrong-webhook-id"]
    headers = {name.lower(): value for name, value in right["headers"].items()}
    # the recorded address is that of a test; nothing else about it is changed
    sent = Transmission(headers[ID], headers[TIME], headers[SIGNATURE], CERT_URL)
    file = f"{right['certificate_pem']}\n{right['intermediate_pem']}".encode()
    trusting = Certificates(right["root_pem"].encode(), fetch=lambda _: file)
    at, body = datetime.fromisoformat(right["now"]), right["body"].encode()

    assert signed_text(sent, right["webhook_id"], body).decode() == right["signed_message"]
    trusting.verify(sent, (right["webhook_id"],), body, at)
    with pytest.raises(Refused):
        trusting.verify(sent, (wrong["webhook_id"],), body, at)
    with pytest.raises(Refused, match="not one of PayPal's"):  # its certificate ended in 2019
        Certificates(right["root_pem"].encode(), fetch=lambda _: file).verify(sent, ("x",), body, NOW)
    with pytest.raises(Refused, match="not one of PayPal's"):  # that root is not among the public ones any more
        Certificates(fetch=lambda _: file).verify(sent, (right["webhook_id"],), body, at)
    crc = known["paypal-crc32-1"]
    short = {name.lower(): value for name, value in crc["headers"].items()}
    made = signed_text(Transmission(short[ID], short[TIME], "", ""), crc["webhook_id"], crc["body"].encode())
    assert made.decode() == crc["signed_message"]


def test_a_request_of_paypal_is_accepted_and_one_of_anybody_else_is_not(ours):
    ours.verify(request(), ("hook-0", "hook-1"))

    with pytest.raises(Refused):
        ours.verify(request(), ("hook-0",))
    with pytest.raises(Refused):
        ours.verify(replace(request(), body=BODY + b" "), ("hook-1",))


@pytest.mark.parametrize(
    "url",
    [
        "http://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
        "https://evil.example/v1/notifications/certs/CERT-1",
        "https://user@api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/../../v1/x",
        "https://api.paypal.com/v1/notifications/certs/%2e%2e/x",
        "https://api.paypal.com/elsewhere/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/CERT-1?x=1",
        "https://api.paypal.com/v1/notifications/certs//CERT-1",
        "https://api.paypal.com/v1/notifications/certs/CERT-1;x",
        "https://api.paypal.com/v1/notifications/certs/",
        "file:///etc/passwd",
        "https://[::1",
    ],
)
def test_a_certificate_comes_from_paypals_hosts_alone(url):
    asked = []
    trusting = Certificates(AUTHORITY.root, fetch=lambda one: asked.append(one) or AUTHORITY.certificate)

    with pytest.raises(Refused, match="address is not PayPal's"):
        trusting.verify(Transmission("1", "2026-11-21T11:59:00Z", "AA==", url), ("hook-1",), BODY, NOW)
    assert asked == []


def test_a_name_that_looks_right_is_not_enough(ours, monkeypatch):
    stranger = Authority()
    monkeypatch.setattr(
        PayPalConnector, "certificates", Certificates(AUTHORITY.root, fetch=lambda _: stranger.certificate)
    )

    with pytest.raises(Refused, match="not one of PayPal's"):
        ours.verify(request(), ("hook-1",))


def test_another_name_is_not_enough_either(ours, monkeypatch):
    other = Authority("messageverificationcerts.paypal.com.evil.example")
    monkeypatch.setattr(PayPalConnector, "certificates", Certificates(other.root, fetch=lambda _: other.certificate))

    with pytest.raises(Refused, match="not one of PayPal's"):
        ours.verify(request(), ("hook-1",))


@pytest.mark.parametrize("file", [b"", b"<html>", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
def test_what_is_no_certificate_is_refused(ours, monkeypatch, file):
    monkeypatch.setattr(PayPalConnector, "certificates", Certificates(AUTHORITY.root, fetch=lambda _: file))

    with pytest.raises(Refused, match="not one of PayPal's"):
        ours.verify(request(), ("hook-1",))


def test_no_header_chooses_a_weaker_algorithm(ours):
    assert ALGORITHM == "SHA256withRSA"
    for word in ("SHA1withRSA", "MD5withRSA", "none", "sha256withrsa"):
        with pytest.raises(Refused, match="another kind"):
            ours.verify(replace(request(), headers={**request().headers, ALGO: word}), ("hook-1",))


@pytest.mark.parametrize(("seconds", "is_fresh"), [(0, True), (-3 * 86_400, True), (-4 * 86_400, False), (301, False)])
def test_a_time_outside_the_window_is_refused(ours, seconds, is_fresh):
    inbound = replace(request(at=NOW + timedelta(seconds=seconds)), received_at=NOW)

    if is_fresh:
        ours.verify(inbound, ("hook-1",))
    else:
        with pytest.raises(Refused, match="window"):
            ours.verify(inbound, ("hook-1",))


def test_a_certificate_is_fetched_once_a_day():
    asked = []
    trusting = Certificates(AUTHORITY.root, fetch=lambda one: asked.append(one) or AUTHORITY.certificate)
    sent = Transmission(*(request().headers[name] for name in (ID, TIME, SIGNATURE, CERT)))
    for hours in (0, 1, 23, 25):
        trusting.verify(sent, ("hook-1",), BODY, NOW + timedelta(hours=hours))

    assert len(asked) == 2


def test_while_no_certificate_can_be_had_paypal_is_asked_to_send_again_and_is_not_asked_each_time():
    asked, now = [], [0.0]

    def fetch(url):
        asked.append(url)
        raise Unavailable("no answer")

    trusting = Certificates(AUTHORITY.root, fetch=fetch, ticks=lambda: now[0])
    sent = Transmission(*(request().headers[name] for name in (ID, TIME, SIGNATURE, CERT)))
    for at in (0.0, 1.0, 9.0, 11.0):
        now[0] = at
        with pytest.raises(Refused) as refusal:
            trusting.verify(sent, ("hook-1",), BODY, NOW)
        assert refusal.value.status == 429
    assert len(asked) == 2


def sent_with(url):
    headers = request().headers
    return Transmission(*(headers[name] for name in (ID, TIME, SIGNATURE)), url)


OTHER = CERT_URL.replace("CERT-", "CERT-0-")


def test_while_a_certificate_is_waited_for_nobody_else_waits():
    asked, go_on, files = threading.Event(), threading.Event(), []

    def fetch(url):
        files.append(url)
        if url == OTHER:
            asked.set()
            assert go_on.wait(30)
        return AUTHORITY.certificate

    trusting = Certificates(AUTHORITY.root, fetch=fetch)
    trusting.verify(sent_with(CERT_URL), ("hook-1",), BODY, NOW)
    waiting = threading.Thread(target=trusting.verify, args=(sent_with(OTHER), ("hook-1",), BODY, NOW))
    waiting.start()
    done = []

    def others():
        trusting.verify(sent_with(CERT_URL), ("hook-1",), BODY, NOW)
        trusting.verify(sent_with(CERT_URL), ("hook-1",), BODY, NOW + timedelta(hours=25))
        with pytest.raises(Refused) as refusal:
            trusting.verify(sent_with(OTHER), ("hook-1",), BODY, NOW)
        done.append(refusal.value.status)

    try:
        assert asked.wait(30)
        beside = threading.Thread(target=others)
        beside.start()
        beside.join(10)
        assert done == [429]
    finally:
        go_on.set()
        waiting.join(30)
    assert files == [CERT_URL, OTHER]


def test_a_certificate_that_somebody_made_up_keeps_no_other_from_being_fetched():
    def fetch(url):
        if url != CERT_URL:
            raise Missing("PayPal has no certificate of this name")
        return AUTHORITY.certificate

    trusting = Certificates(AUTHORITY.root, fetch=fetch, ticks=lambda: 0.0)
    with pytest.raises(Refused) as refusal:
        trusting.verify(sent_with(OTHER), ("hook-1",), BODY, NOW)

    assert refusal.value.status == 401
    trusting.verify(sent_with(CERT_URL), ("hook-1",), BODY, NOW)


def test_what_was_believed_is_believed_until_it_can_be_fetched_again_and_no_longer_once_it_is_gone():
    errors: list[Exception] = []

    def fetch(url):
        if errors:
            raise errors[0]
        return AUTHORITY.certificate

    trusting = Certificates(AUTHORITY.root, fetch=fetch, ticks=lambda: 0.0)
    trusting.verify(sent_with(CERT_URL), ("hook-1",), BODY, NOW)
    errors.append(Unavailable("no answer"))
    trusting.verify(sent_with(CERT_URL), ("hook-1",), BODY, NOW + timedelta(hours=25))

    trusting = Certificates(AUTHORITY.root, fetch=fetch, ticks=lambda: 0.0)
    errors.clear()
    trusting.verify(sent_with(CERT_URL), ("hook-1",), BODY, NOW)
    errors.append(Missing("gone"))
    for _ in range(2):
        with pytest.raises(Refused):
            trusting.verify(sent_with(CERT_URL), ("hook-1",), BODY, NOW + timedelta(hours=25))


def test_roots_of_ones_own_are_read_from_a_file_or_said_to_be_missing(tmp_path):
    file = tmp_path / "roots.pem"
    file.write_bytes(AUTHORITY.root)
    own = connector(trusted_roots=str(file))
    assert own._certificates() is connector(trusted_roots=str(file))._certificates()
    assert own._certificates() is not PayPalConnector.certificates

    (tmp_path / "empty.pem").write_text("nothing")
    for name, text in (("empty.pem", "no certificate"), ("nowhere.pem", "cannot be read")):
        with pytest.raises(Exception, match=text):
            connector(trusted_roots=str(tmp_path / name)).verify(request(), ("hook-1",))
