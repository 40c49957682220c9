"""How a shop is called: keys, addresses, and what is made of each answer. Replies are canned."""

import base64
import json
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from connectors.woocommerce import auth
from connectors.woocommerce.answers import Rejected
from connectors.woocommerce.api import CUSTOMERS, WEBHOOKS, pace_of
from connectors.woocommerce.auth import Keys, Way
from connectors.woocommerce.connector import WooCommerceConnector
from connectors.woocommerce.tests.caller import Woo, connected
from connectors.woocommerce.tests.canned import (
    ANONYMOUS,
    KEYS,
    NOW,
    OPTIONS,
    REFUSED,
    Vault,
    in_turn,
    rows,
    settings,
    shop,
)
from customer_sync.errors import ConfigError, TajoError, TryLater, Unavailable
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.outbound import Reply
from customer_sync.kit.reach import Want
from customer_sync.kit.signatures import sign_base64

CUSTOMERS_PATH = "/wp-json/wc/v3/customers"
VECTORS = Path(__file__).parents[4] / "shared" / "payloads" / "ecommerce_signature_vectors.json"


# addresses


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("https://shop.example.com", "https://shop.example.com"),
        ("https://shop.example.com/", "https://shop.example.com"),
        ("shop.example.com", "https://shop.example.com"),
        ("http://shop.example.com:8080/blog/", "http://shop.example.com:8080/blog"),
        ("https://shop.example.com/wp-admin/admin.php?page=wc-settings", "https://shop.example.com"),
        ("https://shop.example.com/shop/wp-json/wc/v3", "https://shop.example.com/shop"),
        (" https://shop.example.com?x=1 ", "https://shop.example.com"),
    ],
)
def test_the_address_is_taken_as_people_copy_it(written, address):
    assert auth.shop_address(settings(shop_url=written)) == address


@pytest.mark.parametrize("written", ["ftp://shop.example.com", "https://", "https://a:b@shop.example.com", "http://["])
def test_what_is_no_web_address_is_named_without_being_repeated(written):
    with pytest.raises(ConfigError, match="shop_url") as fault:
        auth.shop_address(settings(shop_url=written))
    assert "a:b" not in str(fault.value)


def test_a_base_url_stands_in_for_the_shop():
    source = SourceSettings("tea", "woocommerce", (), OPTIONS, "http://127.0.0.1:9")

    assert auth.shop_address(source) == "http://127.0.0.1:9"


def test_keys_of_the_settings_come_before_stored_ones_and_stored_ones_suffice():
    stored = {"consumer_key": "ck_stored", "consumer_secret": "cs_stored"}

    assert auth.keys_of(settings(), stored) == KEYS
    assert auth.keys_of(settings(consumer_key=None), stored) == Keys("ck_stored", "cs_stored")
    assert auth.keys_of(settings(consumer_secret=" "), {}) is None
    assert "cs_hidden" not in repr(KEYS)


@pytest.mark.parametrize(("missing", "named"), [("shop_url", "shop_url"), ("consumer_key", "tajo connectors connect")])
def test_missing_settings_are_named_with_the_source(missing, named):
    with pytest.raises(ConfigError, match=named) as fault:
        shop(None, **{missing: None})
    assert "connectors.tea" in str(fault.value)


# ways


def test_the_oauth_signature_is_the_one_of_the_official_client():
    if not VECTORS.exists():
        pytest.skip("the known-answer vectors are not beside this checkout")
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"]
    known = next(one for one in vectors if one["id"] == "woocommerce.oauth1_one_legged")
    parts = urlsplit(known["url"])
    keys = Keys(known["consumer_key"], known["consumer_secret"])

    url, headers = auth.proven(
        Way.OAUTH1,
        known["method"],
        f"{parts.scheme}://{parts.netloc}{parts.path}",
        dict(parse_qsl(parts.query)),
        keys,
        at_s=known["timestamp"],
        nonce=known["nonce"],
    )

    assert url == known["signed_url"]
    assert headers == {}


@pytest.mark.parametrize(
    ("path", "params", "signature"),
    [
        # made with: printf '%s' "$base" | openssl dgst -sha256 -hmac 'cs_hidden&' -binary | base64
        # where the base is the text of RFC 5849, section 3.4.1, written by hand; that of the first one is, in one line,
        #   GET&http%3A%2F%2Ftea.example%2Fwp-json%2Fwc%2Fv3%2Fcustomers&oauth_consumer_key%3Dck_public
        #   %26oauth_nonce%3Dn0nce%26oauth_signature_method%3DHMAC-SHA256%26oauth_timestamp%3D1795262400
        #   %26page%3D2%26per_page%3D100
        (CUSTOMERS_PATH, {"per_page": "100", "page": "2"}, "ZVuPMxCCSW0P3TaMHrGTlquPBNFhMziiszdmEC9Pjvo="),
        (
            CUSTOMERS_PATH,
            {"search": "a b", "email": "jo+tea@example.com"},
            "tGUfgDXBserUmiOcorsQzs1P7UDOKJOght5RNh8de6E=",
        ),
        # the odd parameters of RFC 5849, section 3.4.1.3.1, encoded as the RFC prints them
        (
            CUSTOMERS_PATH,
            {"b5": "=%3D", "c@": "", "a2": "r b", "c2": ""},
            "0ReMb4/gD6XG2iMlGzwIoEnkiPjEqzwM0XBaySjfFX0=",
        ),
        # sorted as they are encoded: `role%5B0%5D` stands before `role1`, `role[0]` does not
        (CUSTOMERS_PATH, {"role1": "é~", "role[0]": "all"}, "mQzM0KlsaksrZTpH+Olji9CYQrHArF6oktQDmqh51zs="),
        # a home page is signed without the slash behind the host
        ("/", {"rest_route": "/wc/v3/customers"}, "jsXhkQxwzz46zlPl93xROmsHr6BwrijA6SY4eTCAji4="),
    ],
)
def test_a_request_is_signed_as_openssl_signs_it(path, params, signature):
    url = f"http://tea.example{path}"

    proof = auth.oauth1("GET", url, params, KEYS, at_s=1_795_262_400, nonce="n0nce")

    assert proof["oauth_signature"] == signature


def test_names_are_sorted_as_names_before_they_are_signed():
    # "a-b" sorts behind "a" as a name, before it as the text "a=..."
    base = (
        "GET&http%3A%2F%2Fx.example&a%3D1%26a-b%3D2%26oauth_consumer_key%3Dck_public%26oauth_nonce%3Dn"
        "%26oauth_signature_method%3DHMAC-SHA256%26oauth_timestamp%3D1"
    )
    for order in ([("a", "1"), ("a-b", "2")], [("a-b", "2"), ("a", "1")]):
        proof = auth.oauth1("GET", "http://x.example", dict(order), KEYS, at_s=1, nonce="n")

        assert proof["oauth_signature"] == sign_base64(base.encode(), "cs_hidden&")


@pytest.mark.parametrize(
    ("address", "chosen", "learned", "expected"),
    [
        ("https://x", None, None, [Way.BASIC, Way.QUERY, Way.OAUTH1_AS_HTTP]),
        ("https://x", Way.BASIC, None, [Way.BASIC, Way.QUERY, Way.OAUTH1_AS_HTTP]),
        ("https://x", None, Way.QUERY, [Way.QUERY, Way.BASIC, Way.OAUTH1_AS_HTTP]),
        ("https://x", Way.QUERY, Way.BASIC, [Way.QUERY]),
        ("https://x", Way.OAUTH1, None, [Way.OAUTH1, Way.OAUTH1_AS_HTTP]),
        ("http://x", None, Way.QUERY, [Way.OAUTH1]),
        ("http://x", Way.BASIC, Way.QUERY, [Way.BASIC]),
        ("http://127.0.0.1:8026", None, None, [Way.OAUTH1]),
        ("http://[::1]:8026", Way.BASIC, None, [Way.BASIC, Way.QUERY, Way.OAUTH1_AS_HTTP]),
    ],
)
def test_which_ways_are_tried(address, chosen, learned, expected):
    assert list(auth.ways(address, chosen, learned)) == expected


@pytest.mark.parametrize("written", ["digest", 7, True, "oauth1-as-http", ["basic"]])
def test_an_unknown_way_is_refused_with_the_choices(written):
    with pytest.raises(ConfigError, match="basic, query, oauth1"):
        WooCommerceConnector(settings(auth=written))


def test_basic_over_https_is_tried_first():
    caller, http = shop(in_turn(rows([])))
    caller.listing(CUSTOMERS)

    assert http.calls[0].headers["Authorization"] == "Basic " + base64.b64encode(b"ck_public:cs_hidden").decode()
    assert "cs_hidden" not in http.calls[0].url
    assert caller.notes == []


def test_where_a_proxy_takes_the_header_the_query_string_is_used_from_then_on():
    vault = Vault(other=1)
    caller, http = shop(lambda call: ANONYMOUS if call.way == "basic" else rows([]), vault)
    caller.listing(CUSTOMERS)
    caller.listing(CUSTOMERS)
    later, later_http = shop(in_turn(rows([])), vault)
    later.listing(CUSTOMERS)

    assert [call.way for call in http.calls + later_http.calls] == ["basic", "query", "query", "query"]
    assert vault.values["other"] == 1
    assert "query string" in caller.notes[0]
    assert later.notes == caller.notes


def test_what_was_learned_of_another_address_is_forgotten():
    vault = Vault(learned={"shop": "https://old.example.com", "way": "query", "route": "query"})
    caller, http = shop(in_turn(rows([])), vault)
    caller.listing(CUSTOMERS)

    assert (http.calls[0].way, caller.by_query) == ("basic", False)


def test_behind_a_proxy_that_hides_https_requests_are_signed_as_wordpress_sees_them():
    vault = Vault()
    caller, http = shop(lambda call: rows([]) if call.way == "oauth1" else ANONYMOUS, vault)
    caller.listing(CUSTOMERS, page="2")
    call = http.calls[-1]
    proof = auth.oauth1(
        "GET",
        "http://shop.example.com/wp-json/wc/v3/customers",
        {"per_page": "100", "page": "2"},
        KEYS,
        at_s=NOW.timestamp(),
        nonce=call.params["oauth_nonce"],
    )

    assert call.address.startswith("https://")
    assert call.params["oauth_signature"] == proof["oauth_signature"]
    assert vault.values["learned"]["way"] == "oauth1-as-http"
    assert "is_ssl()" in caller.notes[0]


def test_a_signature_is_made_for_the_other_scheme_where_the_first_does_not_fit():
    caller, http = shop(in_turn((401, {**REFUSED, "message": "Invalid signature"}), rows([])), auth="oauth1")
    caller.listing(CUSTOMERS)

    assert len({call.params["oauth_signature"] for call in http.calls}) == 2
    assert caller.way is Way.OAUTH1_AS_HTTP


@pytest.mark.parametrize("second", [(503, "<html>"), (429, {}), (200, "<html>")])
def test_a_way_that_did_not_work_is_not_remembered(second):
    vault = Vault()
    caller, _ = shop(in_turn(ANONYMOUS, second), vault)

    with pytest.raises(TajoError):
        caller.listing(CUSTOMERS)
    assert vault.values == {}


def test_over_http_every_request_is_signed_with_a_nonce_of_its_own_and_the_secret_stays():
    caller, http = shop(lambda _: rows([]), shop_url="http://shop.example.com")
    caller.listing(CUSTOMERS)
    caller.listing(CUSTOMERS)

    assert [call.way for call in http.calls] == ["oauth1", "oauth1"]
    assert len({call.params["oauth_nonce"] for call in http.calls}) == 2
    assert not any("cs_hidden" in call.url for call in http.calls)


def test_keys_that_were_seen_and_refused_are_not_sent_in_the_query_string():
    refused = (401, {"code": "woocommerce_rest_authentication_error", "message": "", "data": {"status": 401}})
    caller, http = shop(lambda _: refused)

    with pytest.raises(ConfigError, match="refused the keys"):
        caller.listing(CUSTOMERS)
    assert [call.way for call in http.calls] == ["basic"]


# permalinks


def test_plain_permalinks_are_found_out_and_remembered():
    vault = Vault()
    caller, http = shop(lambda call: (404, "<html>") if "/wp-json/" in call.address else rows([]), vault)
    caller.listing(CUSTOMERS, page="3")
    later, later_http = shop(in_turn(rows([])), vault)
    later.listing(CUSTOMERS)

    assert http.calls[1].address == "https://shop.example.com/"
    assert http.calls[1].params["rest_route"] == "/wc/v3/customers"
    assert http.calls[1].params["page"] == "3"
    assert "rest_route" in later_http.calls[0].params
    assert "permalinks" in later.notes[0]


@pytest.mark.parametrize("options", [{}, {"shop_url": "http://shop.test", "auth": "oauth1"}])
def test_a_shop_with_plain_permalinks_is_pulled_by_either_way(options):
    woo = Woo(pretty_permalinks=False, behind_tls=not options)
    reader, access = connected(woo, **options)

    page = reader.pull(Want("customers"), access)

    assert len(page.events) == 40
    assert any("permalinks are plain" in note for note in page.notes)
    assert all("/wp-json/wc/" in path for _, path in access.http.sent if "rest_route" in path)


def test_where_neither_way_leads_to_the_api_the_permalinks_are_named():
    moved = (301, "", {"location": "/wp-json/wc/v3/customers/", "x-redirect-by": "WordPress"})
    caller, http = shop(lambda call: moved if "/wp-json/" in call.address else (200, "<html>"))

    with pytest.raises(ConfigError, match=r"no /wp-json/.*Plain"):
        caller.listing(CUSTOMERS)
    assert len(http.calls) == 2


def test_one_404_page_of_a_deploy_is_not_remembered():
    vault, answers = Vault(), [(404, "<html>"), (401, {"code": "woocommerce_rest_cannot_view"})]
    caller, _ = shop(lambda call: answers["/wp-json/" not in call.address], vault)

    with pytest.raises(ConfigError):
        caller.listing(CUSTOMERS)
    assert vault.values == {}


def test_a_shop_whose_permalinks_are_pretty_again_is_called_so_at_once_or_a_day_later():
    learned = {"shop": "https://shop.example.com", "route": "query", "at_s": int(NOW.timestamp())}

    def pretty(call):
        return rows([]) if "/wp-json/" in call.address else (404, "<html>")

    vault = Vault(learned=learned)
    caller, http = shop(pretty, vault)
    caller.listing(CUSTOMERS)
    later, later_http = shop(pretty, vault)
    later.listing(CUSTOMERS)
    old, old_http = shop(in_turn(rows([])), Vault(learned={**learned, "at_s": learned["at_s"] - 86_400}))
    old.listing(CUSTOMERS)

    assert [bool(call.params.get("rest_route")) for call in http.calls] == [True, False]
    assert [bool(call.params.get("rest_route")) for call in [*later_http.calls, *old_http.calls]] == [False, False]


def test_a_day_later_the_secret_leaves_the_query_string_where_the_header_comes_through_again():
    vault = Vault(learned={"shop": "https://shop.example.com", "way": "query", "at_s": int(NOW.timestamp()) - 86_401})
    caller, http = shop(lambda _: rows([]), vault)
    caller.listing(CUSTOMERS)

    assert [call.way for call in http.calls] == ["basic"]


def test_the_home_page_is_signed_without_its_slash_as_wordpress_does_it():
    vault = Vault(learned={"shop": "http://shop.example.com", "route": "query", "at_s": int(NOW.timestamp())})
    caller, http = shop(in_turn(rows([])), vault, shop_url="http://shop.example.com")
    caller.listing(CUSTOMERS)
    params = {name: value for name, value in http.calls[0].params.items() if not name.startswith("oauth")}
    nonce = http.calls[0].params["oauth_nonce"]
    proof = auth.oauth1("GET", "http://shop.example.com", params, KEYS, at_s=NOW.timestamp(), nonce=nonce)

    assert http.calls[0].params["oauth_signature"] == proof["oauth_signature"]


def test_no_api_either_way_is_the_fault_of_the_address():
    caller, http = shop(lambda _: (404, "<html>"))

    for _ in range(2):
        with pytest.raises(ConfigError, match="no WooCommerce REST API"):
            caller.listing(CUSTOMERS)
    assert [("/wp-json/" in call.address) for call in http.calls] == [True, False] * 2


def test_the_index_is_asked_without_keys_and_may_be_hidden():
    caller, http = shop(in_turn((200, {"timezone_string": "Europe/Berlin"}), (401, {"code": "x"}), (200, "<html>")))

    assert [caller.index() for _ in range(3)] == [{"timezone_string": "Europe/Berlin"}, {}, {}]
    assert {call.way for call in http.calls} == {"none"}


# answers


ANSWERS = {
    "throttled": ((429, {}), TryLater, "throttled"),
    "maintenance": ((503, "<html>", {"retry-after": "120"}), TryLater, "throttled"),
    "down": ((503, "<html>"), Unavailable, "503"),
    "critical": ((500, {"code": "internal_server_error"}), Unavailable, "500"),
    "firewall": ((403, "<html>"), TryLater, "firewall"),
    "firewall in json": ((403, {"error": "no"}), TryLater, "firewall"),
    "captcha": ((200, "<html>"), TryLater, "firewall"),
    "php warning": (
        (200, "<br />\n<b>Warning</b>:  Undefined x in <b>a.php</b> on line <b>3</b><br />\n[{}]"),
        TryLater,
        "PHP",
    ),
    "php notice": ((200, "\nNotice: Undefined index: x in a.php on line 3\n[{}]"), TryLater, "WP_DEBUG_DISPLAY"),
    "php deprecated": ((200, "<br />Deprecated: x[{}]"), TryLater, "PHP"),
    "php fatal error": ((200, "PHP Fatal error:  Uncaught x"), TryLater, "PHP"),
    "a page that warns": ((200, "<html><h1>Warning: too fast</h1></html>"), TryLater, "firewall"),
    "an object": ((200, {"a": 1}), TryLater, "expected a list"),
    "a list of texts": ((200, ["a"]), TryLater, "expected a list"),
    "moved": ((301, "", {"location": "https://www.shop.example.com/wp-json/?x=1"}), ConfigError, r"www\.shop\.example"),
    "moved to itself": ((301, "", {"location": "/wp-json/x/"}), ConfigError, "Plain"),
    "moved nowhere": ((302, "", {"location": "http://["}), ConfigError, "elsewhere"),
    "user may not": ((403, {"code": "woocommerce_rest_cannot_view"}), Rejected, "administrator"),
    "no route": ((404, {"code": "rest_no_route"}), Rejected, "rest_no_route"),
    "invalid": ((400, {"code": "rest_invalid_param"}), Rejected, "rest_invalid_param"),
    "not seen": (ANONYMOUS, ConfigError, "auth: oauth1"),
    "closed by a plugin": ((401, {"code": "rest_not_logged_in"}), ConfigError, "rest_not_logged_in"),
    "password of the server": ((401, "<html>"), ConfigError, "web server itself"),
    "clock": ((401, {**REFUSED, "message": "Invalid timestamp."}), ConfigError, "clock"),
    "signature": ((401, {**REFUSED, "message": "Invalid signature - x"}), ConfigError, "Site address"),
    "away": (Unavailable("shop.example.com did not answer"), Unavailable, "did not answer"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_each_answer_says_what_to_do_next_and_tells_no_secret(name):
    answer, kind, words = ANSWERS[name]
    caller, _ = shop(lambda _: answer)

    with pytest.raises(kind, match=words) as fault:
        caller.listing(CUSTOMERS)
    assert type(fault.value) is kind
    assert not re.search("ck_public|cs_hidden|oauth_signature|x=1", str(fault.value))


@pytest.mark.parametrize(
    ("headers", "after_s"),
    [({"retry-after": "7"}, 7), ({"retry-after": "99999"}, 3600), ({}, 30), ({"retry-after": "Sat"}, 30)],
)
def test_a_throttled_shop_names_the_wait_and_no_try_is_burnt(headers, after_s):
    caller, _ = shop(lambda _: (429, {}, headers))

    with pytest.raises(TryLater) as fault:
        caller.listing(CUSTOMERS)
    assert (fault.value.after_s, fault.value.burns) == (after_s, False)


def test_a_key_that_may_only_read_is_named_when_it_should_write():
    refused = (401, {"code": "woocommerce_rest_authentication_error", "message": "Der Schlüssel ...", "data": {}})
    caller, _ = shop(lambda _: refused)

    with pytest.raises(ConfigError, match="Read/Write"):
        caller.call("POST", WEBHOOKS, body={})


@pytest.mark.parametrize(
    "headers", [{"content-type": "text/html"}, {"content-type": "application/json; charset=UTF-8"}]
)
def test_json_is_json_whatever_the_type_says_and_a_byte_order_mark_does_no_harm(headers):
    caller, http = shop(None)
    http.send = lambda *_, **__: Reply(200, headers, b'\xef\xbb\xbf[{"id": 1}]')

    assert caller.listing(CUSTOMERS).rows == [{"id": 1}]


def test_missing_counts_are_unknown():
    caller, _ = shop(lambda _: (200, [], {"x-wp-total": "many"}))

    assert caller.listing(CUSTOMERS)[1:] == (None, None)


@pytest.mark.parametrize(("options", "rate"), [({}, 3.0), ({"calls_per_s": "12.5"}, 12.5), ({"calls_per_s": 0}, 3.0)])
def test_the_pace_is_three_calls_a_second_unless_the_settings_know_better(options, rate):
    assert pace_of(settings(**options)).rate == rate


@pytest.mark.parametrize("written", [0, -1, "fast", [], "nan"])
def test_a_pace_that_is_no_number_is_refused(written):
    with pytest.raises(ConfigError, match="calls_per_s"):
        shop(None, calls_per_s=written)
