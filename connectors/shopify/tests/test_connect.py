"""The owner's consent in a browser: what is asked, and which answers are believed."""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.shopify.account import SCOPES
from connectors.shopify.connect import message
from connectors.shopify.tests.standin import KEYS, NOW_S, SHOP, FakeVault, StandIn, access, connector, reply, token
from customer_sync.errors import ConfigError, Refused, Unavailable
from customer_sync.kit.reach import Callback, Invitation
from customer_sync.kit.signatures import sign_hex

VECTORS = Path(__file__).parents[4] / "shared" / "payloads" / "ecommerce_signature_vectors.json"
INVITATION = Invitation("a" * 32, "https://sync.example.com/connect/lamps", "https://sync.example.com/")
ANSWER = {"code": "c0de", "host": "YWRtaW4", "shop": SHOP, "state": INVITATION.state, "timestamp": str(int(NOW_S))}


def signed(secret="client-secret", **fields):
    query = {name: value for name, value in {**ANSWER, **fields}.items() if value is not None}
    return {**query, "hmac": sign_hex(message(query), secret)}


def accept(query, http=None, vault=None, options=KEYS, **settings):
    ours, http = connector(options, **settings), http or StandIn()
    return ours.accept(Callback(query, b"", NOW_S + 5), INVITATION, access(http, vault))


def test_the_owner_is_sent_to_the_store_with_app_scopes_and_state():
    found = urlsplit(connector(KEYS).invite(INVITATION))

    assert (found.scheme, found.netloc, found.path) == ("https", SHOP, "/admin/oauth/authorize")
    assert parse_qs(found.query) == {
        "client_id": ["client-id"],
        "scope": [",".join(SCOPES)],
        "redirect_uri": [INVITATION.callback_url],
        "state": [INVITATION.state],
    }


@pytest.mark.parametrize("scopes", [["read_customers", "write_customers"], "read_customers, write_customers"])
def test_the_scopes_may_be_chosen(scopes):
    assert "scope=read_customers%2Cwrite_customers&" in connector({**KEYS, "scopes": scopes}).invite(INVITATION)


def test_a_stand_in_is_where_the_owner_agrees():
    assert (
        connector(KEYS, base_url="http://127.0.0.1:9").invite(INVITATION).startswith("http://127.0.0.1:9/admin/oauth/")
    )


@pytest.mark.parametrize("missing", ["shop_url", "api_key", "api_secret"])
def test_what_is_missing_for_it_is_named(missing):
    with pytest.raises(ConfigError, match=missing):
        connector({**KEYS, missing: ""}).invite(INVITATION)


def test_a_genuine_answer_becomes_a_connection_that_ends_and_is_renewed():
    answer = token("shpat_new", expires_in=3600, refresh_token="shprt_1", refresh_token_expires_in=7_776_000)
    http, vault = StandIn(token=answer), FakeVault()

    said = accept(signed(), http, vault)

    assert said == f"lamps is connected to {SHOP}. Not granted: write_customers, read_products, read_customer_merge."
    assert "shp" not in said
    (call,) = http.asked("token")
    assert call.url == f"https://{SHOP}/admin/oauth/access_token"
    assert (call.body["code"], call.body["expiring"]) == ("c0de", "1")
    assert (vault.kept["kind"], vault.kept["shop"], vault.kept["refresh_token"]) == ("connection", SHOP, "shprt_1")


def test_a_source_without_shop_url_learns_its_store_from_the_answer():
    vault = FakeVault()
    options = {"api_key": "client-id", "api_secret": "client-secret"}
    accept(signed(shop="other.myshopify.com"), StandIn(token=token()), vault, options, base_url="http://127.0.0.1:9")

    assert vault.kept["shop"] == "other.myshopify.com"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (signed(state="b" * 32), "another attempt"),
        (signed(state=None), "another attempt"),
        (signed(shop="lamps.example.com"), "name a store"),
        (signed(shop="lamps.myshopify.com.evil.example"), "name a store"),
        (signed(shop="evil.example/lamps.myshopify.com"), "name a store"),
        (signed(shop=None), "name a store"),
        (signed(shop="other.myshopify.com"), "another store"),
        (signed(timestamp=str(int(NOW_S) - 86)), "too old"),
        (signed(timestamp=str(int(NOW_S) + 96)), "too old"),
        (signed(timestamp="now"), "too old"),
        (signed(timestamp="²"), "too old"),
        (signed(timestamp=None), "too old"),
        (signed("another-secret"), "signature"),
        ({**signed(), "hmac": ""}, "signature"),
        ({**signed(), "code": "another"}, "signature"),
        ({**signed(), "extra": "1"}, "signature"),
        (signed(code=None), "no code"),
    ],
)
def test_an_answer_that_is_not_genuine_fresh_and_ours_is_refused_before_anything_is_asked(query, words):
    http, vault = StandIn(), FakeVault()

    with pytest.raises(Refused, match=words):
        accept(query, http, vault)
    assert (http.calls, vault.saved) == ([], [])


def test_while_the_client_secret_is_changed_the_old_one_is_believed_too():
    query = signed("older-secret")

    assert "connected" in accept(query, StandIn(token=token()), secrets=("client-secret", "older-secret"))
    with pytest.raises(Refused):
        accept(query)


@pytest.mark.parametrize(
    ("answer", "kind"), [(reply(400, {"error": "invalid_request"}), ConfigError), (reply(503), Unavailable)]
)
def test_a_code_that_is_not_exchanged_keeps_nothing(answer, kind):
    vault = FakeVault()

    with pytest.raises(kind):
        accept(signed(), StandIn(token=answer), vault)
    assert vault.saved == []


@pytest.mark.parametrize(
    ("fields", "digest"),
    [
        # made with: printf '%s' "$query" | openssl dgst -sha256 -hmac hush
        # where the query is code=..&host=..&shop=..&state=..&timestamp=.., with % and & of a value as %25 and %26
        (
            {"code": "0907a61c0c8d55e99db179b68161bc00", "host": "YWRtaW4"},
            "f8b8d5fa471640f1d1570e9bc01ed8bb7a96092ca068b93386477559dba35b11",
        ),
        ({"code": "a&b", "host": "x%y"}, "89f89bc14932665065185ce17bb5505efaee5f3aac6ad1d6745572bb8e014a19"),
    ],
)
def test_an_answer_that_openssl_signed_is_believed(fields, digest):
    query = {**ANSWER, **fields, "hmac": digest}
    options = {**KEYS, "api_secret": "hush"}

    assert "connected" in accept(query, StandIn(token=token("a")), options=options)
    with pytest.raises(Refused):
        accept({**query, "code": "another"}, StandIn(token=token("a")), options=options)


def test_the_published_signatures_are_the_same():
    if not VECTORS.exists():
        pytest.skip("the recorded signatures are not beside the repository")
    found = [one for one in json.loads(VECTORS.read_text())["vectors"] if one["id"].startswith("shopify.oauth")]

    assert found
    for one in found:
        # A list parameter cannot come in a callback's query; the Python library writes it like this.
        params = {
            name.removesuffix("[]"): value if isinstance(value, str) else json.dumps([str(v) for v in value])
            for name, value in one["params"].items()
        }
        assert message({**params, "hmac": "x", "signature": "y"}).decode() == one["message"]
        assert sign_hex(message(params), one["secret"]) == one["hmac_hex"]


@given(st.dictionaries(st.text("ab=&%", min_size=1, max_size=4), st.text("ab=&%", max_size=4), max_size=4))
def test_no_two_queries_are_signed_alike(query):
    pairs = [pair.partition("=") for pair in message(query).decode().split("&") if query]
    undo = {
        name.replace("%3D", "=").replace("%26", "&").replace("%25", "%"): value.replace("%26", "&").replace("%25", "%")
        for name, _, value in pairs
    }

    assert undo == query
