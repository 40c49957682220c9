"""What can be thrown at a client of the fake WooCommerce, the control routes, and the fake as a process of its own."""

from __future__ import annotations

import contextlib

import pytest
import urllib3

from connectors.woocommerce.fake import acts
from connectors.woocommerce.fake.app import FakeStore
from connectors.woocommerce.fake.settings import Settings
from connectors.woocommerce.tests.caller import Woo, basic
from customer_sync.kit.fakes.main import parser, settings_of
from tests.stores.servers import store_server


@pytest.fixture
def woo():
    return Woo()


def test_a_fault_strikes_as_often_as_it_was_told_and_then_is_gone(woo):
    woo.fake("POST", "faults", {"kind": "down", "count": 2})

    assert [woo.call("GET", "customers").status for _ in range(3)] == [503, 503, 200]
    assert woo.fake("GET", "faults")["faults"] == []


def test_a_fault_may_be_narrowed_to_a_verb_a_path_and_a_page(woo):
    woo.fake("POST", "faults", {"kind": "storm", "path": "/wc/v3/orders*", "method": "GET"})
    woo.fake("POST", "faults", {"kind": "empty_page", "path": "/wc/v3/customers", "page": 2})

    assert woo.call("GET", "customers").status == 200
    assert woo.call("PUT", "orders/5001", {"customer_note": "x"}).status == 200
    assert woo.call("GET", "orders").status == 429
    assert [len(woo.get(f"customers?page={page}")) for page in (1, 2, 2)] == [10, 0, 10]


@pytest.mark.parametrize(
    ("fault", "status", "retry_after", "kind"),
    [
        ({"kind": "html"}, 200, None, "text/html"),
        ({"kind": "firewall"}, 403, None, "text/html"),
        ({"kind": "storm"}, 429, "1", "text/html"),
        (
            {"kind": "storm", "retry_after": "Sun, 06 Nov 2094 08:49:37 GMT"},
            429,
            "Sun, 06 Nov 2094 08:49:37 GMT",
            "text",
        ),
        ({"kind": "storm", "retry_after": None}, 429, None, "text/html"),
        ({"kind": "down", "retry_after": 7}, 503, "7", "text/html"),
        ({"kind": "error"}, 500, None, "application/json"),
    ],
)
def test_faults_in_the_place_of_an_answer(woo, fault, status, retry_after, kind):
    woo.fake("POST", "faults", fault)

    reply = woo.call("GET", "customers")

    assert (reply.status, reply.headers.get("retry-after")) == (status, retry_after)
    assert reply.headers["content-type"].startswith(kind)


def test_faults_of_a_page_leave_the_totals_alone(woo):
    rows = woo.get("customers?page=1"), woo.get("customers?page=2")
    for fault in ({"kind": "short_page", "drop": 3}, {"kind": "empty_page"}, {"kind": "repeat_page"}):
        woo.fake("POST", "faults", fault)

    short, empty, again = (woo.call("GET", "customers?page=2") for _ in range(3))

    assert short.json() == rows[1][:7]
    assert empty.json() == []
    assert again.json() == rows[0]
    assert {one.headers["x-wp-total"] for one in (short, empty, again)} == {
        woo.call("GET", "customers").headers["x-wp-total"]
    }


def test_faults_on_the_way(woo):
    woo.fake("POST", "faults", {"kind": "strip_authorization"})
    assert woo.call("GET", "customers").status == 401

    woo.fake("POST", "faults", {"kind": "ignore_filter"})
    assert woo.get("orders?modified_after=2099-01-01T00:00:00")
    assert woo.get("orders?modified_after=2099-01-01T00:00:00") == []


def test_faults_of_the_body(woo):
    whole = woo.call("GET", "customers").body
    for kind in ("junk", "cut"):
        woo.fake("POST", "faults", {"kind": kind})

    assert woo.call("GET", "customers").body.startswith(b"<br />\n<b>Warning</b>")
    assert woo.call("GET", "customers").body == whole[: len(whole) // 2]


@pytest.mark.parametrize(("kind", "name"), [("broken", "Before"), ("lost", "Ann")])
def test_a_broken_connection_may_come_before_or_after_the_deed(woo, kind, name):
    woo.fake("PATCH", "customers/11", {"first_name": "Before"})
    woo.fake("POST", "faults", {"kind": kind, "method": "PUT"})

    with pytest.raises(ConnectionResetError):
        woo.call("PUT", "customers/11", {"first_name": "Ann"})

    assert woo.get("customers/11")["first_name"] == name


def test_a_slow_answer_is_an_answer(woo):
    woo.fake("POST", "faults", {"kind": "slow", "delay_s": 0.01})

    assert woo.call("GET", "customers").status == 200


@pytest.mark.parametrize("body", [{"kind": "odd"}, {"kind": "down", "count": 0}, {"kind": "down", "page": "1"}, {}])
def test_a_fault_that_makes_no_sense_is_refused(woo, body):
    assert woo.raw("POST", "/fake/faults", body=body).status == 400


def test_every_kind_of_fault_strikes_somewhere(woo):
    for kind in woo.store.faults.kinds:
        number = woo.fake("POST", "faults", {"kind": kind, "count": None, "delay_s": 0})["id"]
        with contextlib.suppress(ConnectionResetError):
            woo.call("GET", "orders?modified_after=2020-01-01T00:00:00")
        hits = {one["id"]: one["hits"] for one in woo.fake("GET", "faults")["faults"]}
        woo.fake("DELETE", f"faults/{number}")

        assert hits[number] == 1, kind


def test_faults_that_are_not_narrowed_leave_the_owners_browser_alone(woo):
    woo.fake("POST", "faults", {"kind": "down", "count": None})

    assert woo.raw("GET", "/wc-auth/v1/authorize").status == 401
    assert woo.call("GET", "/wc-analytics/reports/customers").status == 503


def test_a_host_may_allow_so_many_calls_a_second():
    woo = Woo(max_per_second=2)

    statuses = [woo.call("GET", "customers").status for _ in range(3)]
    woo.clock.offset_s += 1

    assert statuses == [200, 200, 429]
    assert woo.call("GET", "customers").status == 200
    assert woo.fake("GET", "calls")["maxInOneSecond"] == 3


# The control routes


def test_calls_are_counted_by_route_and_by_how_the_key_was_shown(woo):
    woo.call("GET", "customers/11")
    woo.raw("GET", f"/wp-json/wc/v3/customers/12?consumer_key=x&consumer_secret={woo.store.settings.secret}")

    told = woo.fake("GET", "calls?limit=1")

    assert told["totals"] == [
        {"method": "GET", "path": "/wc/v3/customers/{id}", "status": 200, "calls": 1},
        {"method": "GET", "path": "/wc/v3/customers/{id}", "status": 401, "calls": 1},
    ]
    assert told["auth"] == {"basic": 1, "none": 1}
    assert told["calls"][0]["query"]["consumer_secret"] == "..."


def test_many_customers_are_changed_at_once(woo):
    assert woo.fake("POST", "customers/touch", {"every": 10})["changed"] == 4

    changed = [row for row in woo.all("customers?role=all") if row["first_name"].startswith("Changed")]

    assert len(changed) == 4


@pytest.mark.parametrize(
    ("body", "word"),
    [({"colour": "red"}, "colour"), ({"owner": "odd"}, "owner"), ({"behind_tls": 1}, "behind_tls")],
)
def test_a_switch_that_does_not_exist_is_refused(woo, body, word):
    reply = woo.raw("POST", "/fake/settings", body=body)

    assert (reply.status, word in reply.json()["error"]) == (400, True)


@pytest.mark.parametrize("name", FakeStore.switches)
def test_every_switch_can_be_thrown(woo, name):
    value = getattr(Settings(), name)

    assert woo.fake("POST", "settings", {name: list(value) if name == "forbidden" else value})[name] == (
        [] if name == "forbidden" else value
    )


def test_reset_brings_the_first_records_back(woo):
    woo.hook("order.created", "http://127.0.0.1:9/")
    before = woo.get("customers/11")
    woo.fake("DELETE", "customers/11")
    woo.fake("POST", "products", {"name": "New"})
    woo.fake("POST", "reset")

    state = woo.fake("GET", "state")

    assert woo.get("customers/11") == before
    assert state["counts"] == {"customers": 40, "orders": 50, "products": 24}
    assert state["webhooks"] == []


def test_a_product_is_made_changed_and_deleted(woo):
    made = woo.fake("POST", "products", {"name": "Cup", "regular_price": "3.50"})
    woo.fake("PATCH", f"products/{made['id']}", {"regular_price": "4.00"})

    assert woo.get(f"products/{made['id']}")["price"] == "4.00"
    assert len(woo.all("products")) == 25
    woo.fake("DELETE", f"products/{made['id']}?force=true")
    assert woo.call("GET", f"products/{made['id']}").status == 404


def test_a_control_route_that_does_not_exist_is_404_and_every_one_is_in_the_table(woo):
    assert woo.raw("GET", "/fake/nothing").status == 404
    assert woo.raw("POST", "/fake/customers/11/dance").status == 404
    for _, path, _ in woo.store.acts():
        assert path.partition("/")[0] in acts.__doc__
        assert path.rpartition("/")[2].strip("<>").removeprefix("int:") in f"{acts.__doc__} number"


# The package


def test_the_command_line_says_what_the_store_is():
    line = "--customers 7 --permissions read --strip-authorization --no-pretty-permalinks --seed 3"
    words = [*line.split(), "--forbidden", "webhooks,orders"]

    found = settings_of(Settings, parser(FakeStore, Settings).parse_args(words))

    assert (found.customers, found.permissions, found.seed) == (7, "read", 3)
    assert (found.strip_authorization, found.pretty_permalinks) == (True, False)
    assert found.forbidden == ("webhooks", "orders")
    assert settings_of(Settings, parser(FakeStore, Settings).parse_args([])) == Settings()


def test_as_a_process_the_first_line_is_the_address_and_the_store_answers():
    with store_server("woocommerce", "--customers", "16", "--behind-tls") as shop:
        url = f"{shop.address}/wp-json/wc/v3/customers"
        answer = urllib3.request("GET", url, headers=basic(), retries=False)
        head = urllib3.request("HEAD", url, headers=basic(), retries=False)
        shop.fault("broken", path="/wc/v3/*")
        with pytest.raises(urllib3.exceptions.ProtocolError):
            urllib3.request("GET", url, headers=basic(), retries=False)

        assert (answer.status, len(answer.json())) == (200, 10)
        assert (head.status, head.headers["x-wp-total"], head.data) == (200, answer.headers["x-wp-total"], b"")
        assert shop.get("/fake/state")["counts"]["customers"] == 16
