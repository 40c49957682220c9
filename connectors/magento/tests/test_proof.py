"""Who calls, on both sides: webhooks of the module and of Adobe I/O, and the proof of our own calls."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as elliptic
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from oauthlib.oauth1 import SIGNATURE_HMAC_SHA256, Client

from connectors.magento import auth
from connectors.magento.api import word_of
from connectors.magento.fake.keys import signature
from connectors.magento.fake.telling import PATHS
from connectors.magento.proof import KEY_HOST, MODULE, SIGNATURES
from connectors.magento.tests.standin import NOW, Standin, inbound
from customer_sync.errors import ConfigError, Refused
from customer_sync.kit.logins import Request
from customer_sync.kit.outbound import Reply

#: Made with openssl 3: `openssl genrsa 2048`, `openssl dgst -sha256 -sign key.pem body.json | base64`.
KEY = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAl2MeKbBNeZ3xdzFp2id0
kKlGl6rq1+6ADqhTaR/NMMPdcssRBarcJLS0j9pdDSxZM+o0RccG1GY51zmJazme
+RL9s5wlzG9+ByEwytH1EW2N+tU8svdHH7spf+wobgVKS1RPXApsRU/Foer32jR5
1CVgnEJi9RGq5XZTCGS1n3gd7oU56JOo/iBFkcyw7/2wTAXHbXgGTx1XWMlgItZc
HTuI9xT3pV8rPSJf50zzpKMdefJG2JqiOcS1STtoqYxx4OL0bRrRHmsOI6JW53V9
HKpKpqaI0WAX9AE6ex+Q942isHYra9ncwxPeuYPeHaiwEZ8oIQIDLfQorOARp6CJ
1wIDAQAB
-----END PUBLIC KEY-----
"""
BODY = (
    b'{"event_id":"e1","recipient_client_id":"client-1","event":{"type":"com.adobe'
    b'.commerce.observer.customer_save_commit_after","data":{"value":{"id":"55"}}}}'
)
SIGNATURE = (
    "iCDpeBI8mzeOHJaRdHXYWni8UgJzK7xF6w6wFSXmCKuDUYAVTvDSpeAbNkqmluzFww01YlPj5Vkq3NSOiJ+rjIdkDt4O3UzNr6dU"
    "bXQZAGCmvBO6qTHyO/mkqk2lwgyMT2ulkATuNuBgwt8fkILx57LP3i4mz6Og5xkOKLeN4nV9Yle42Lay134AAh51VyGd5gtL6Zkd"
    "HhqYtZSunw1BJX9n6ChIzoo1J5HqpnhKXzx0q7o1+UwlA1iKvbmaej/hDwqi6zTuk+ufBdxrAUbVyh6W60K/cErSKlb6YaIukvaK"
    "q7THk6DYwIx0rK8X8OEiOiCQow8WFqj0uCMEBO6/DQ=="
)
#: `printf '1795255200.{"id":"e1"}' | openssl dgst -sha256 -hmac s3cret`.
MODULES = "1427f37f61882be924a187469c2a48455100321a14c5502aa381762a362c687f"
PATH = "/prod/keys/pub-key-known.pem"
IO = {"io_client_id": "client-1", "io_keys": {PATH: KEY}}


@pytest.fixture(scope="module")
def shop():
    return Standin()


# what comes in


def test_adobes_signature_is_judged_as_openssl_judges_it(shop):
    told = inbound(BODY, {SIGNATURES[0]: SIGNATURE})

    shop.connector(**IO).verify(told, ())
    with pytest.raises(Refused):
        shop.connector(**IO).verify(replace(told, body=BODY.replace(b"55", b"56")), ())


def test_the_modules_signature_is_judged_as_openssl_judges_it(shop):
    headers = {MODULE.header: f"sha256={MODULES}", MODULE.time_header: "1795255200"}

    shop.connector().verify(inbound(b'{"id":"e1"}', headers), ("other", "s3cret"))
    with pytest.raises(Refused):
        shop.connector().verify(inbound(b'{"id":"e2"}', headers), ("s3cret",))


def test_a_delivery_of_the_module_that_is_old_is_a_replay(shop):
    connector = shop.connector()
    told = connector.sign(inbound({"topic": "x"}), "s3cret")

    with pytest.raises(Refused, match="outside the window"):
        connector.verify(replace(told, received_at=NOW + timedelta(minutes=6)), ("s3cret",))


@pytest.mark.parametrize("good", SIGNATURES)
def test_one_of_adobes_two_signatures_is_enough(shop, good):
    headers = dict.fromkeys(SIGNATURES, base64.b64encode(b"x" * 256).decode())
    headers[good] = SIGNATURE

    shop.connector(**IO).verify(inbound(BODY, headers), ())


@pytest.mark.parametrize(
    ("options", "headers"),
    [
        ({}, {SIGNATURES[0]: SIGNATURE}),
        ({"io_keys": IO["io_keys"]}, {SIGNATURES[0]: SIGNATURE}),
        ({**IO, "io_client_id": "client-2"}, {SIGNATURES[0]: SIGNATURE}),
        ({**IO, "io_client_id": ""}, {SIGNATURES[0]: SIGNATURE}),
        (IO, {SIGNATURES[0]: "é"}),
        (IO, {SIGNATURES[1]: SIGNATURE[:-4]}),
        (IO, {SIGNATURES[0]: SIGNATURE, MODULE.header: "sha256=00"}),
        (IO, {}),
    ],
)
def test_what_proves_nothing_is_refused(shop, options, headers):
    with pytest.raises(Refused):
        shop.connector(**options).verify(inbound(BODY, headers), ("s3cret",))


def test_a_body_without_a_client_is_not_adobes(shop, monkeypatch):
    monkeypatch.setattr("connectors.magento.connector.verify_adobe", lambda *_: None)
    for body in (b"{}", b"[]", b"no json", b'{"recipient_client_id": null}'):
        with pytest.raises(Refused):
            shop.connector(**IO).verify(inbound(body, {SIGNATURES[0]: "x"}), ())


def test_a_request_cannot_choose_the_key_that_vouches_for_it(shop):
    pems = dict(shop.fake.telling.pems)
    message = shop.fake.telling.io_message("e1", "customer_save_after", {"id": 1})
    headers = {**message.headers, **message.sign(message.body, 0.0)}
    client = shop.fake.settings.io_client_id

    shop.connector(io_client_id=client, io_keys=pems).verify(inbound(message.body, headers), ())
    shop.connector(io_client_id=client, io_keys={PATHS[1]: pems[PATHS[1]]}).verify(inbound(message.body, headers), ())
    assert headers["x-adobe-public-key1-path"] == PATHS[0]
    shop.wire.hosts.clear()
    with pytest.raises(Refused):
        shop.connector(**{**IO, "io_client_id": client}).verify(inbound(message.body, headers), ())
    assert shop.wire.hosts == []


def short():
    shape = PublicFormat.SubjectPublicKeyInfo
    return rsa(65_537, 1_024).public_key().public_bytes(Encoding.PEM, shape).decode()


def curve():
    return elliptic(SECP256R1()).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    "keys",
    [
        "text",
        {"/prod/keys/a.pem": "no key"},
        {"/prod/../a.pem": KEY},
        {"//evil.example/a.pem": KEY},
        {"https://evil.example/a.pem": KEY},
        {"/prod/keys/a": KEY},
        {"/prod/keys/a.pem": curve()},
        {"/prod/keys/a.pem": short()},
    ],
)
def test_a_key_that_is_none_is_told_when_the_config_is_read(shop, keys):
    with pytest.raises(ConfigError, match="io_keys"):
        shop.connector(io_keys=keys)


def test_the_challenge_is_given_back_and_nothing_else(shop):
    connector = shop.connector()

    assert connector.greet(inbound(b"", method="GET", query="challenge=8ec8d794-e0ab")).body == b"8ec8d794-e0ab"
    for query in ("", "challenge=", "challenge=%3Cscript%3E", "other=1", "challenge=" + "a" * 300):
        assert connector.greet(inbound(b"", method="GET", query=query)) is None
    assert connector.greet(inbound(b"", query="challenge=abc")) is None


class Keys:
    """Answers for Adobe's host, and for the shop."""

    def __init__(self, shop, status=200, pem=KEY):
        self.shop, self.reply, self.asked = shop, Reply(status, {}, pem.encode()), []

    def send(self, method, url, **more):
        if url.startswith(KEY_HOST):
            self.asked.append(url)
            return self.reply
        return self.shop.wire.send(method, url, **more)


@pytest.mark.parametrize(
    ("status", "pem", "verdict"), [(200, KEY, "ok"), (404, "", "warn"), (302, "", "warn"), (200, "<html>", "warn")]
)
def test_the_doctor_compares_adobes_keys_with_those_of_its_one_host(shop, status, pem, verdict):
    keys = Keys(shop, status, pem)
    found = shop.connector(**IO).check(replace(shop.access, http=keys))

    assert [one.verdict for one in found if one.name == "io keys"] == [verdict]
    assert keys.asked == [f"https://static.adobeioevents.com{PATH}"]


# what goes out


def test_a_call_is_signed_as_the_library_signs_it(shop):
    login = auth.OAuth1(("ckey", "csecret", "atok", "asecret"))
    url = "https://magento.example.com/rest/all/V1/customers/search"
    params = (
        ("searchCriteria[pageSize]", "100"),
        ("searchCriteria[filter_groups][0][filters][0][value]", "2026 a+b&ä"),
    )
    made = login.prove(Request("GET", url, params), shop.access)
    given = dict(part.split("=", 1) for part in made.headers["Authorization"].removeprefix("OAuth ").split(", "))
    stamp, nonce = (given[name].strip('"') for name in ("oauth_timestamp", "oauth_nonce"))
    values = {"resource_owner_key": "atok", "resource_owner_secret": "asecret", "timestamp": stamp, "nonce": nonce}
    client = Client("ckey", client_secret="csecret", signature_method=SIGNATURE_HMAC_SHA256, **values)

    assert stamp == str(int(shop.fake.clock()))
    assert client.sign(made.url)[1]["Authorization"] == made.headers["Authorization"]
    assert tuple(parse_qsl(urlsplit(made.url).query)) == params


def test_two_independent_ways_to_sign_agree_on_a_known_answer():
    pairs = [
        ("searchCriteria[pageSize]", "50"),
        ("oauth_consumer_key", "key"),
        ("oauth_nonce", "n1"),
        ("oauth_signature_method", "HMAC-SHA256"),
        ("oauth_timestamp", "1795255200"),
        ("oauth_token", "token"),
        ("oauth_version", "1.0"),
    ]
    url = "https://shop.example.com/rest/all/V1/orders"
    values = {"resource_owner_key": "token", "resource_owner_secret": "ts", "timestamp": "1795255200", "nonce": "n1"}
    client = Client("key", client_secret="cs", signature_method=SIGNATURE_HMAC_SHA256, **values)
    header = client.sign(f"{url}?searchCriteria%5BpageSize%5D=50")[1]["Authorization"]

    # made with openssl: `printf BASE | openssl dgst -sha256 -hmac 'cs&ts' -binary | base64`
    assert signature("GET", url, pairs, ("cs", "ts")) == "onegfE3psQhEZBTZnotNpSlAdi4LBxfjaT0OZRWTQNM="
    assert "onegfE3psQhEZBTZnotNpSlAdi4LBxfjaT0OZRWTQNM%3D" in header


@pytest.mark.parametrize(
    ("options", "told", "remedy"),
    [
        ({"consumer_key": "x"}, "key does not exist", "four values"),
        ({"access_token_secret": "x"}, "signature is invalid", "four values"),
        (
            {"consumer_key": None, "consumer_secret": None, "access_token_secret": None},
            "isn't authorized",
            "as_bearer 1",
        ),
        ({"consumer_key": None}, "lacks consumer_key", "Set consumer_key"),
    ],
)
def test_keys_that_are_refused_are_told_with_their_remedy(shop, options, told, remedy):
    (found,) = shop.connector(**options).check(shop.access)

    assert (found.name, found.verdict, found.why) == ("keys", "fail", "keys")
    assert told in found.cause
    assert remedy in found.fix


def test_the_token_alone_opens_the_door_where_the_switch_is_on():
    shop = Standin(bearer=True)
    alone = {"consumer_key": None, "consumer_secret": None, "access_token_secret": None}

    assert len(shop.pull(**alone)[0]) == 24
    assert shop.connector(**alone).can_pull()


def test_a_clock_that_is_wrong_is_told_as_such(shop):
    late = replace(shop.access, now_s=lambda: shop.fake.clock() + 3_600)
    (found,) = shop.connector().check(late)

    assert "refuses the time" in found.cause
    assert "clock" in found.fix


def test_a_resource_that_is_not_ticked_is_named(shop):
    shop.fake.settings.forbidden = ("Magento_Sales::creditmemo", "Tajo_CustomerSync::webhooks")
    found = {one.name: one for one in shop.connector().check(shop.access)}
    shop.fake.settings.forbidden = ()

    assert found["creditmemos"].verdict == "fail"
    assert "Magento_Sales::creditmemo" in found["creditmemos"].cause
    assert "Sales > Operations > Credit Memos" in found["creditmemos"].fix
    assert found["webhooks"].verdict == "warn"
    assert found["orders"].verdict == "ok"
    assert found["version"].cause == "Magento/2.4 (Community)"


def test_a_shop_without_the_module_is_polled_and_the_doctor_says_so(shop):
    shop.fake.settings.module = False
    found = {one.name: one for one in shop.connector().check(shop.access)}
    with pytest.raises(ConfigError, match="no companion module"):
        shop.connector().ensure_webhooks("https://tajo.example/webhooks/magento", shop.access)
    shop.fake.settings.module = True

    assert (found["webhooks"].verdict, "polled" in found["webhooks"].cause) == ("warn", True)


def test_the_cloud_service_is_read_with_a_token_of_adobes():
    shop = Standin(client_id="app", client_secret="hush")
    saas = {**dict.fromkeys(auth.FOUR), "client_id": "app", "client_secret": "hush"}
    events, _ = shop.pull(**saas, token_url="http://shop.example.com/ims/token/v3")

    assert len(events) == 24
    assert all(path.startswith(("/V1/", "/ims/")) for _, path, _ in shop.wire.sent)
    assert (
        shop.connector(**{**saas, "client_secret": "x"}, token_url="http://shop.example.com/ims/token/v3")
        .check(replace(shop.access, vault=Standin().access.vault))[0]
        .cause.startswith("Adobe refuses")
    )


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("shop.example.com", "https://shop.example.com"),
        ("https://shop.example.com/shop/rest/all/V1", "https://shop.example.com/shop"),
        ("https://shop.example.com/admin_x/dashboard/", "https://shop.example.com"),
        (" https://shop.example.com/ ", "https://shop.example.com"),
    ],
)
def test_what_people_copy_as_an_address_is_cut(shop, written, address):
    settings = replace(shop.connector(shop_url=written).settings, base_url=None)

    assert auth.shop_address(settings) == address


@pytest.mark.parametrize(
    "written", ["http://", "https://user:pw@shop.example.com", "https://[x", "ftp://shop.example.com"]
)
def test_what_is_no_address_is_told(shop, written):
    settings = replace(shop.connector(shop_url=written).settings, base_url=None)

    assert "https://" in auth.right_address(written)
    with pytest.raises(ConfigError, match="no web address"):
        auth.shop_address(settings)


@pytest.mark.parametrize("written", ["abc", "0", "-1", "nan", "1e9"])
def test_what_is_no_pace_is_told(shop, written):
    with pytest.raises(ConfigError, match="calls_per_s"):
        shop.connector(calls_per_s=written)
    assert shop.connector(calls_per_s="2.5").pace.rate == 2.5


def test_an_error_names_the_resource_and_no_person(shop):
    answer = shop.fake.app.test_client().get("/rest/all/V1/orders")
    assert json.loads(answer.data)["parameters"] == {"resources": "Magento_Backend::admin"}

    assert word_of(answer.json) == "The consumer isn't authorized to access Magento_Backend::admin"
    assert word_of({"message": "No such entity with %fieldName", "parameters": {"fieldName": "a@b.example"}}) == (
        "No such entity with %fieldName"
    )
    assert word_of({"message": "Customer ana@example.com is gone"}) == ""


# the module's webhooks

ADDRESS = "https://tajo.example/webhooks/magento"


def test_a_changed_secret_reaches_the_module_and_a_second_webhook_of_ours_goes():
    shop = Standin()
    first = shop.connector().ensure_webhooks(ADDRESS, shop.access)
    topic = first.created[0]
    shop.act("hooks", {"topic": topic, "address": ADDRESS, "secret": "s3cret", "is_active": True})
    second = shop.connector().ensure_webhooks(ADDRESS, shop.access)
    changed = replace(shop.connector().settings, secrets=("new", "s3cret"))
    third = type(shop.connector())(changed).ensure_webhooks(ADDRESS, shop.access)

    assert second.removed == (topic,)
    assert set(third.repaired.values()) == {"another secret"}
    assert {row["secret"] for row in shop.fake.telling.hooks.values()} == {"new"}


def test_without_a_secret_no_webhook_is_made():
    shop = Standin()
    bare = replace(shop.connector().settings, secrets=("", " "))

    with pytest.raises(ConfigError, match="no webhook secret"):
        type(shop.connector())(bare).ensure_webhooks(ADDRESS, shop.access)
    assert len(shop.fake.telling.hooks) == 0
