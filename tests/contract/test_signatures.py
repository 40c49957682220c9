"""The tools with which connectors check signatures."""

import base64
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.errors import ConfigError, Refused
from customer_sync.kit import signatures
from customer_sync.model import Inbound
from tests.contract.cases import REPO

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
VECTORS = REPO.parent / "shared" / "payloads" / "signature_vectors.json"
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()


def message(secret=SECRET, sent_at=NOW, body=b'{"a": 1}', prefix="webhook-"):
    headers = signatures.sign_standard(body, secret, message_id="msg_1", sent_at=sent_at, prefix=prefix)
    return Inbound("notices", headers, body, NOW)


@pytest.mark.parametrize(
    ("key", "message_", "digest"),
    [
        # RFC 4231, sections 4.3 and 4.4: https://www.rfc-editor.org/rfc/rfc4231
        ("Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    ],
)
def test_the_published_digests_of_hmac_sha256_are_made(key, message_, digest):
    assert signatures.sign_hex(message_, key) == digest
    assert signatures.sign_base64(message_, key) == base64.b64encode(bytes.fromhex(digest)).decode()


@pytest.mark.parametrize(
    ("secret", "message_id", "body", "signature"),
    [
        # made with: printf '%s' "$id.1795262400.$body" | openssl dgst -sha256 $key -binary | base64
        # where key is -mac HMAC -macopt hexkey:... with what follows whsec_, decoded (base64 -d | xxd -p);
        # -hmac "$secret" for a secret without it
        (
            "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3",
            "msg_2b1",
            b'{"type":"sync_completed","data":{"source":"lamps"}}',
            "v1,rVWwJYUpPKwUo3xJT/mFZ2v3RyjvICP139LW0HU8AAQ=",
        ),
        ("plain text", "msg_2b2", b'{"a": 1}', "v1,TvdXJsAXzhukDBRVxfaY0QatyYFTZLSvVs0VWhQR9VA="),
    ],
)
def test_a_standard_message_is_signed_as_openssl_signs_it(secret, message_id, body, signature):
    headers = {"webhook-id": message_id, "webhook-timestamp": "1795262400", "webhook-signature": signature}

    assert signatures.sign_standard(body, secret, message_id=message_id, sent_at=NOW) == headers
    signatures.verify_standard(Inbound("notices", headers, body, NOW), (secret,))


@pytest.mark.parametrize("sign", [signatures.sign_base64, signatures.sign_hex])
@given(body=st.binary(max_size=60), secrets=st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=3))
def test_a_signature_holds_for_each_live_secret_and_only_for_its_bytes(sign, body, secrets):
    for secret in secrets:
        signatures.verify(body, sign(body, secret), ["", *secrets], sign)
        with pytest.raises(Refused):
            signatures.verify(body + b" ", sign(body, secret), secrets, sign)


@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_an_empty_secret_neither_signs_nor_verifies(empty):
    forged = base64.b64encode(hmac.digest(empty.encode(), b"body", "sha256")).decode()

    with pytest.raises(Refused):
        signatures.verify(b"body", forged, (empty,))
    with pytest.raises(Refused):
        signatures.verify(b"body", forged, (empty, "another"))
    with pytest.raises(Refused):
        signatures.verify_token(empty, (empty,))
    with pytest.raises(ConfigError):
        signatures.sign_hex(b"body", empty)


@pytest.mark.parametrize("given_signatures", ["", (), ("",), "é", "\ud800"])
def test_no_signature_is_never_enough(given_signatures):
    with pytest.raises(Refused):
        signatures.verify(b"body", given_signatures, ("secret",))


def test_one_good_signature_of_several_is_enough():
    signatures.verify(b"body", ["other", signatures.sign_hex(b"body", "new")], ("new", "old"), signatures.sign_hex)


def test_other_spellings_of_the_same_base64_are_refused():
    proof = signatures.sign_base64(b"body", "secret")
    last = chr(ord(proof[-2]) + 1)
    assert base64.b64decode(proof[:-2] + last + "=") == base64.b64decode(proof)

    for spelling in (proof[:-2] + last + "=", proof.rstrip("="), proof + "\n"):
        with pytest.raises(Refused):
            signatures.verify(b"body", spelling, ("secret",))


def test_a_shared_secret_in_a_header_is_compared_with_every_live_one():
    signatures.verify_token("user:pass", ("old:pass", "user:pass"))
    with pytest.raises(Refused):
        signatures.verify_token("user:pas", ("old:pass", "user:pass"))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Basic dXNlcjpww6Rzcw==", "user:päss"),
        ("basic  dTpw ", "u:p"),
        ("Bearer dTpw", ""),
        ("Basic ???", ""),
        ("Basic d!Tpw", ""),
        ("Basic /w==", ""),
        ("", ""),
    ],
)
def test_basic_credentials_are_read_or_are_none(header, expected):
    assert signatures.read_basic(header) == expected


def test_a_header_of_pairs_keeps_every_value():
    assert signatures.read_pairs("t=15, v1=ab,v1=c=d,odd") == {"t": ["15"], "v1": ["ab", "c=d"], "odd": [""]}


def test_a_stamp_is_read_in_its_unit():
    assert signatures.unix_time("1795262400") == NOW
    assert signatures.unix_time("1795262400000", units_per_s=1000) == NOW


@pytest.mark.parametrize("stamp", ["", "-1", "1.5", "1e9", "٣", "9" * 17, "9" * 16])
def test_a_stamp_that_is_no_time_is_refused(stamp):
    with pytest.raises(Refused):
        signatures.unix_time(stamp)


@pytest.mark.parametrize(("seconds", "is_fresh"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)])
def test_a_time_outside_the_window_is_refused_on_either_side(seconds, is_fresh):
    inbound = message(sent_at=NOW + timedelta(seconds=seconds))

    if is_fresh:
        signatures.verify_standard(inbound, (SECRET,))
    else:
        with pytest.raises(Refused, match="window"):
            signatures.verify_standard(inbound, (SECRET,))


@pytest.mark.parametrize("prefix", ["webhook-", "svix-"])
def test_a_standard_message_is_genuine_with_any_live_secret(prefix):
    inbound = message(secret="plain text", prefix=prefix)

    signatures.verify_standard(inbound, (SECRET, "plain text"), prefix=prefix)
    with pytest.raises(Refused):
        signatures.verify_standard(inbound, (SECRET,), prefix=prefix)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_each_part_of_a_standard_message_is_signed(name):
    inbound = message()
    for value in ("", inbound.headers[name] + "1", "1795262401"):
        with pytest.raises(Refused):
            signatures.verify_standard(replace(inbound, headers={**inbound.headers, name: value}), (SECRET,))


def test_only_the_version_that_we_know_counts():
    inbound = message()
    proof = inbound.headers["webhook-signature"]
    several = {**inbound.headers, "webhook-signature": f"v1a,xyz {proof} v1,old"}
    other = {**inbound.headers, "webhook-signature": proof.replace("v1,", "v2,")}

    signatures.verify_standard(replace(inbound, headers=several), (SECRET,))
    with pytest.raises(Refused):
        signatures.verify_standard(replace(inbound, headers=other), (SECRET,))


def test_a_secret_may_have_lost_its_padding():
    padded = "whsec_" + base64.b64encode(b"0123456789").decode()

    assert padded.endswith("==")
    signatures.verify_standard(message(secret=padded), (padded.rstrip("="),))


def test_a_secret_that_is_no_base64_is_refused_and_named_when_signing():
    with pytest.raises(Refused, match="whsec_"):
        signatures.verify_standard(message(), ("whsec_!!",))
    with pytest.raises(ConfigError, match="whsec_"):
        message(secret="whsec_!!")
    with pytest.raises(ConfigError):
        message(secret="whsec_")


@pytest.mark.skipif(not VECTORS.is_file(), reason="the known signatures are not beside the repository")
def test_the_vendors_known_signatures_are_reproduced():
    seen = set()
    for doc in json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"]:
        body, headers = doc.get("body", "").encode(), {k.lower(): v for k, v in doc.get("headers", {}).items()}
        if doc["scheme"] in ("standard_webhooks", "svix"):
            at = datetime.fromtimestamp(doc["now_unix"], tz=UTC)
            prefix = "svix-" if doc["scheme"] == "svix" else "webhook-"
            signatures.verify_standard(Inbound("x", headers, body, at), (doc["secret"],), prefix=prefix)
        elif doc["scheme"] == "hubspot_v3":
            stamp = headers["x-hubspot-request-timestamp"]
            signed = f"{doc['method']}{doc['url']}".encode() + body + stamp.encode()
            signatures.verify(signed, headers["x-hubspot-signature-v3"], (doc["secret"],))
        elif doc["scheme"] == "stripe_v1" and doc["expect"] == "valid":
            pairs = signatures.read_pairs(headers["stripe-signature"])
            signed = f"{pairs['t'][0]}.".encode() + body
            signatures.verify(signed, pairs["v1"], (doc["secret"],), signatures.sign_hex)
        else:
            continue
        seen.add(doc["scheme"])

    assert seen == {"standard_webhooks", "svix", "hubspot_v3", "stripe_v1"}


SCHEMES = {
    "hex of body": signatures.Hmac("x-sign"),
    "prefixed": signatures.Hmac("x-hub", prefix="sha256="),
    "base64 with all": signatures.Hmac(
        "x-sign", "{method}{url}{body}{timestamp}", "base64", time_header="x-at", units_per_s=1000
    ),
    "pairs": signatures.Hmac("stripe-signature", "{timestamp}.{body}", pair="v1", time_pair="t"),
    "sha512": signatures.Hmac("x-sign", "{id}:{path}:{body}", algorithm="sha512", id_header="x-id"),
}
REQUEST = Inbound("x", {"x-id": "é1"}, b'{"a": 1}', NOW, path="p", url="https://example.com/p?q=1")


@pytest.mark.parametrize("name", SCHEMES)
def test_a_scheme_holds_for_its_request_and_for_no_other(name):
    scheme = SCHEMES[name]
    signed = replace(REQUEST, headers={**REQUEST.headers, **scheme.sign(REQUEST, "secret")})

    scheme.verify(signed, ("other", "secret"))
    for wrong in (
        replace(signed, body=signed.body + b" "),
        replace(signed, headers=REQUEST.headers),
        *(
            [replace(signed, method="PUT"), replace(signed, url="https://example.com/")]
            if "url" in scheme.message
            else []
        ),
    ):
        with pytest.raises(Refused):
            scheme.verify(wrong, ("secret",))
    with pytest.raises(Refused):
        scheme.verify(signed, ("other", ""))


@pytest.mark.parametrize("name", ["base64 with all", "pairs"])
def test_a_scheme_with_a_time_refuses_what_is_old_or_ahead(name):
    scheme = SCHEMES[name]
    signed = replace(REQUEST, headers=scheme.sign(REQUEST, "secret"))

    scheme.verify(replace(signed, received_at=NOW + timedelta(seconds=300)), ("secret",))
    for seconds in (301, -301):
        with pytest.raises(Refused, match="window"):
            scheme.verify(replace(signed, received_at=NOW + timedelta(seconds=seconds)), ("secret",))


def test_one_of_several_signatures_of_a_pair_header_is_enough():
    scheme = SCHEMES["pairs"]
    header = scheme.sign(REQUEST, "secret")["stripe-signature"]
    several = replace(REQUEST, headers={"stripe-signature": header.replace("v1=", "v0=ab,v1=old,v1=")})

    scheme.verify(several, ("secret",))
    with pytest.raises(Refused):
        scheme.verify(replace(REQUEST, headers={"stripe-signature": header.replace("v1=", "v0=")}), ("secret",))


@given(template=st.text(alphabet="{}abt.iody", max_size=30))
def test_any_template_signs_its_own_text(template):
    scheme = signatures.Hmac("x-sign", template)
    signed = replace(REQUEST, headers=scheme.sign(REQUEST, "secret"))

    scheme.verify(signed, ("secret",))
