"""Reading a shop page by page, against a shop of a few lines; replies that no shop should give are canned."""

import json
from datetime import timedelta

import pytest

from connectors.woocommerce.api import PER_PAGE
from connectors.woocommerce.connector import WooCommerceConnector
from connectors.woocommerce.tests.canned import NOW, access, rows, settings
from customer_sync.errors import ConfigError, PayloadError, TryLater
from customer_sync.kit.fakes.cast import roll
from customer_sync.kit.reach import Want
from customer_sync.model import ConsentState, Event, Kind

BERLIN = {"timezone_string": "Europe/Berlin", "gmt_offset": 1}
GONE = (404, {"code": "rest_no_route", "message": "", "data": {"status": 404}})


def at(minutes):
    """Return a time so many minutes before now, as WordPress writes it."""
    return (NOW - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S")


def customer(number, changed=600, **more):
    own = {"email": f"c{number}@example.com", "first_name": f"C{number}", "billing": {"country": "DE"}}
    return {"id": number, **own, "date_created_gmt": at(9000), "date_modified_gmt": at(changed), **more}


def order(number, changed, customer_id=0, **more):
    billing = {"email": f"g{number}@example.com", "first_name": "Gast", "phone": "030 1"}
    times = {"date_created_gmt": at(changed + 1), "date_modified_gmt": at(changed)}
    return {"id": number, "status": "processing", "customer_id": customer_id, "billing": billing, **times, **more}


def row(number, user_id=0, last_order="2026-11-20 09:00:00", **more):
    own = {"email": f"g{number}@example.com", "name": "Ada Love Lace", "country": "DE", "city": "Bonn", "postcode": ""}
    own |= {"orders_count": 3, "total_spend": 59.97, "date_last_order": last_order}
    return {"id": number, "user_id": user_id, "date_last_active": at(600), **own, **more}


def tied(row, params):
    """Return what equal rows are ordered by: another number on each page, as from a real database."""
    return roll(int(params.get("page", "1")), row["id"])


class Store:
    """Lists that are cut into pages, ordered and filtered as WooCommerce does it."""

    def __init__(self, customers=(), orders=(), report=(), index=BERLIN):
        self.customers, self.orders, self.report, self.index = list(customers), list(orders), report, index
        self.knows_modified, self.per_page = True, None

    def __call__(self, call):
        if call.route == "":
            return 200, self.index
        return getattr(self, "_" + call.route.rpartition("/")[2] + ("_report" * ("analytics" in call.route)))(
            call.params
        )

    def _customers(self, params):
        assert params["role"] == "all"
        if "include" in params:
            wanted = params["include"].split(",")
            return self._page([one for one in self.customers if str(one["id"]) in wanted], params)
        assert params["orderby"] == "id"
        return self._page(sorted(self.customers, key=lambda one: one["id"], reverse=params["order"] == "desc"), params)

    def _orders(self, params):
        assert (params["status"], params["dates_are_gmt"]) == ("any", "true")
        after = params.get("modified_after", "") if self.knows_modified else ""
        before = params.get("modified_before", "9") if self.knows_modified else "9"
        found = [one for one in self.orders if after < one["date_modified_gmt"] < before]
        key = {"id": lambda one: one["id"], "modified": lambda one: (one["date_modified_gmt"], tied(one, params))}
        found.sort(key=key[params["orderby"]], reverse=params["order"] == "desc")
        return self._page(found, params)

    def _customers_report(self, params):
        if self.report is None:
            return GONE
        after, before = (params.get(f"last_order_{side}", "").replace("T", " ") for side in ("after", "before"))
        found = [one for one in self.report if not before or (one["date_last_order"] or "9") <= before]
        found = [one for one in found if (one["date_last_order"] or "") >= after]
        if "customers" in params:
            found = [one for one in found if str(one["id"]) in params["customers"].split(",")]
        return self._page(sorted(found, key=lambda one: tied(one, params)), params)

    def _page(self, found, params):
        size = min(int(params["per_page"]), self.per_page or PER_PAGE)
        start = (int(params.get("page", "1")) - 1) * size
        return rows(found[start : start + size], len(found), -(-len(found) // size))


def connector(**options):
    return WooCommerceConnector(settings(**options))


def pages_of(answer, since=None, cursor=None, reader=None, now=NOW):
    """Return every page of a pull; each cursor goes through JSON, as it does between processes."""
    reader, found = reader or connector(), []
    while True:
        page = reader.pull(Want("customers", cursor, since), access(answer, now=now))
        found.append(page)
        if page.cursor is None:
            return found
        cursor = json.loads(json.dumps(page.cursor))
        assert len(json.dumps(cursor)) < 400
        assert len(found) < 60


def events_of(answer, since=None, **more):
    return [event for page in pages_of(answer, since, **more) for event in page.events]


def notes_of(answer, since=None):
    return list(dict.fromkeys(note for page in pages_of(answer, since) for note in page.notes))


SINCE = NOW - timedelta(minutes=60)


# full


def test_a_full_pull_brings_everybody_with_an_account_then_totals_and_guests():
    found = events_of(Store([customer(1), customer(2)], report=[row(7, user_id=1), row(8)]))

    assert [(one.record_id, sorted(one.record)) for one in found[2:]] == [
        ("1", ["id", "lastOrderDate", "totalOrders", "totalSpent"]),
        (
            None,
            [
                *("city", "country", "email", "firstName", "lastName"),
                *("lastOrderDate", "totalOrders", "totalSpent"),
            ],
        ),
    ]
    assert [one.record["email"] for one in found[:2]] == ["c1@example.com", "c2@example.com"]
    assert {one.kind for one in found} == {Kind.CUSTOMER_UPDATED}
    assert {one.topic for one in found} == {"pull"}


def test_a_pull_goes_on_from_any_cursor_and_the_same_cursor_brings_the_same():
    store = Store([customer(n) for n in range(1, 251)], report=[row(n) for n in range(1, 151)])
    whole = pages_of(store)

    assert [len(page.events) for page in whole] == [100, 100, 50, 100, 50, 0]
    for number, page in enumerate(whole[:-1]):
        rest = pages_of(store, cursor=page.cursor)
        assert [one.events for one in rest] == [one.events for one in whole[number + 1 :]]


def test_the_total_counts_both_lists_from_the_first_page_on():
    store = Store([customer(n) for n in range(1, 151)], report=[row(n) for n in range(1, 31)])

    assert [page.total for page in pages_of(store)] == [180, 180, 180, 180]


def test_a_short_or_empty_page_in_the_middle_is_no_end():
    numbers = list(range(1, 301))

    def answer(call):
        if call.route.startswith("wc-analytics"):
            return GONE
        if call.route != "wc/v3/customers":
            return rows([])
        start = (int(call.params["page"]) - 1) * 100
        seen = [customer(n) for n in numbers[start : start + 100] if not 101 <= n <= 200 and n != 7]
        return rows(seen, 300, 3)

    assert len(events_of(answer)) == 199


def test_without_the_count_of_pages_an_empty_one_is_the_end_and_the_operator_is_told():
    def answer(call):
        found = [customer(1)] if call.params.get("page") == "1" and call.route == "wc/v3/customers" else []
        return 200, found, {}

    assert len(events_of(answer)) == 1
    assert any("X-WP-TotalPages" in note for note in notes_of(answer))


def test_who_slips_forward_because_others_were_deleted_is_not_passed_over():
    store = Store([customer(n) for n in range(1, 301)], report=[])
    first = connector().pull(Want("customers"), access(store))
    del store.customers[:3]
    rest = events_of(store, cursor=first.cursor)

    assert {one.record_id for one in [*first.events, *rest]} >= {str(n) for n in range(4, 301)}


def test_a_list_that_loses_half_of_itself_is_not_believed():
    store = Store([customer(n) for n in range(1, 301)], report=[])
    first = connector().pull(Want("customers"), access(store))
    del store.customers[:200]

    with pytest.raises(TryLater, match="shrank from 300 to 100"):
        connector().pull(Want("customers", first.cursor), access(store))


def test_a_page_that_comes_twice_is_not_believed():
    page = [customer(n) for n in range(1, 101)]

    def answer(call):
        return rows([]) if "analytics" in call.route else rows(page, 300, 3)

    first = connector().pull(Want("customers"), access(answer))

    with pytest.raises(TryLater, match="came twice"):
        connector().pull(Want("customers", first.cursor), access(answer))


def test_without_analytics_guests_come_from_every_order():
    store = Store([customer(1)], [order(5, 9000), order(6, 30, customer_id=1)], report=None)

    assert [one.record.get("email") for one in events_of(store)] == ["c1@example.com", "g5@example.com"]
    assert any("404 rest_no_route" in note for note in notes_of(store))


def test_a_source_may_have_every_order_read_for_the_boxes_ticked_at_checkout():
    ticked = order(6, 30, customer_id=1, meta_data=[{"key": "ws_opt_in", "value": "1"}])
    store = Store([customer(1)], [ticked], report=[])
    event = events_of(store, reader=connector(read_orders=True))[-1]

    assert (event.kind, event.record_id, event.customer_id) == (Kind.ORDER_UPDATED, "6", "1")
    assert event.record["customer"] == {"id": "1", "email": "g6@example.com", "firstName": "Gast", "phone": "030 1"}
    assert (event.consents[0].state, event.consents[0].explicit) == (ConsentState.GRANTED, False)
    assert event.consents[0].at == NOW - timedelta(minutes=31)
    assert len(events_of(store)) == 1


def test_a_record_at_fault_leaves_its_error_with_its_number_and_the_others_go_on():
    store = Store([customer(1), customer(2, email="c2@shop"), customer(3)], report=[row(4, user_id=1.5)])
    found = events_of(store)

    assert [one.path for one in found if isinstance(one, PayloadError)] == ["customers.2.email", "report.4.user_id"]
    assert [one.record_id for one in found if isinstance(one, Event)] == ["1", "3"]


def test_what_is_odd_in_a_record_is_left_out_and_noted():
    odd = customer(2, billing={"phone": ["x"], "country": "DE"})
    found = events_of(Store([odd], report=[row(4, orders_count="x")]))

    assert [one.notes for one in found] == [
        ("billing.phone: expected a text, found a list",),
        ("orders_count: expected a number such as 19.99",),
    ]
    assert "phone" not in found[0].record
    assert "totalOrders" not in found[1].record


def test_a_key_that_may_not_see_the_newsletter_boxes_of_accounts_is_told():
    hidden, seen = customer(1), customer(2, meta_data=[])

    assert any("no administrator" in note for note in notes_of(Store([hidden], report=[])))
    assert any("no administrator" in note for note in notes_of(Store([{**hidden, "date_created_gmt": at(5)}]), SINCE))
    assert not any("no administrator" in note for note in notes_of(Store([hidden, seen], report=[])))


# incremental


def test_an_incremental_pull_brings_new_accounts_and_everybody_of_changed_orders():
    customers = [customer(1), customer(2), customer(3, date_created_gmt=at(10), date_modified_gmt=None)]
    orders = [
        order(5, 30, customer_id=2),
        order(6, 20),
        order(7, 500, customer_id=1),
        order(8, 15, customer_id=1, status="checkout-draft"),
    ]
    found = events_of(Store(customers, orders, [row(9, last_order="2026-11-01 09:00:00")]), SINCE)

    assert [one.record["email"] for one in found] == ["c3@example.com", "c2@example.com", "g6@example.com"]


def test_the_overlap_reaches_behind_since():
    store = Store([customer(3, date_created_gmt=at(63))], [order(5, 64), order(6, 66)], [])

    assert [one.record["email"] for one in events_of(store, SINCE)] == ["c3@example.com", "g5@example.com"]


def test_a_guest_without_an_address_is_nobody():
    store = Store(orders=[order(5, 30, billing={"email": ""}), order(6, 30, billing={"email": "deleted@site.invalid"})])

    assert events_of(store, SINCE) == []


def test_changed_orders_are_read_on_from_the_last_one_seen():
    store = Store(orders=[order(n, 50 - n / 10) for n in range(1, 251)], report=[])
    asked = []

    def answer(call):
        if call.route == "wc/v3/orders":
            asked.append((call.params["modified_after"], call.params["page"]))
        return store(call)

    found = events_of(answer, SINCE)

    assert len({one.id for one in found}) == 250
    assert [page for _, page in asked] == ["1", "1", "1"]
    assert asked == sorted(asked)
    assert asked[0][0] == at(65)


def test_an_order_that_changes_while_they_are_read_is_read_again_and_none_is_missed():
    store = Store(orders=[order(n, 50 - n / 10) for n in range(1, 251)], report=[])
    cursor, found, step = None, [], 0
    while step == 0 or cursor is not None:
        page = connector().pull(Want("customers", cursor, SINCE), access(store))
        cursor, step = page.cursor, step + 1
        found += page.events
        store.orders[step] = order(step + 1, 1)

    assert {one.record["email"] for one in found} == {f"g{n}@example.com" for n in range(1, 251)}


def test_more_orders_than_a_page_in_one_second_are_all_read_whatever_the_database_does_with_equal_ones():
    store = Store(orders=[order(n, 30) for n in range(1, 251)] + [order(300, 20), order(301, 40)], report=[])

    assert len({one.id for one in events_of(store, SINCE)}) == 252


def test_new_accounts_of_one_second_are_all_read_and_nobody_slips_by():
    store = Store([customer(n, date_created_gmt=at(10)) for n in range(1, 251)], report=[])
    first = connector().pull(Want("customers", None, SINCE), access(store))
    del store.customers[-5:]
    rest = events_of(store, cursor=first.cursor)

    assert {one.record_id for one in [*first.events, *rest]} == {str(n) for n in range(1, 251)}


def test_a_shop_that_ignores_the_filter_is_read_from_its_newest_order_and_said_so():
    store = Store([customer(1)], [order(n, n * 2) for n in range(1, 151)], [])
    store.knows_modified = False
    pages = pages_of(store, SINCE)
    found = [event for page in pages for event in page.events]

    assert {one.record["email"] for one in found} == {f"g{n}@example.com" for n in range(1, 33)}
    # new accounts, the orders as they should be and as they are, the report
    assert len(pages) == 4
    assert any("modified_after" in note for note in notes_of(store, SINCE))


def test_a_shop_that_cannot_sort_by_change_says_so_and_the_rest_goes_on():
    store = Store([customer(3, date_created_gmt=at(10))], report=[row(9, last_order="2026-11-21 09:00:00")])

    def answer(call):
        return (400, {"code": "rest_invalid_param"}) if "orders" in call.route else store(call)

    assert [one.record.get("email") for one in events_of(answer, SINCE)] == ["c3@example.com", "g9@example.com"]
    assert any("cannot list changed orders" in note for note in notes_of(answer, SINCE))


def test_a_ticked_box_of_a_registered_buyer_renames_nobody():
    ticked = order(6, 30, customer_id=1, meta_data=[{"key": "ws_opt_in", "value": "1"}])
    events = events_of(Store([customer(1)], [ticked], []), SINCE)

    assert [(one.kind, one.record.get("email")) for one in events] == [
        (Kind.CUSTOMER_UPDATED, "c1@example.com"),
        (Kind.ORDER_UPDATED, None),
    ]
    assert events[1].record["customer"]["email"] == "g6@example.com"


# by id, and what is refused


def test_fetch_reads_by_id_and_who_is_gone_is_absent():
    store = Store([customer(1), customer(2)])
    found = connector().fetch("customers", ["1", "5", "0", "x", "²"], access(store))

    assert [one.record_id for one in found] == ["1"]
    assert connector().fetch("customers", ["x"], access(lambda _: pytest.fail("nothing to ask for"))) == []


def test_fetch_does_not_take_others_for_those_it_asked_for():
    with pytest.raises(TryLater, match="other customers"):
        connector().fetch("customers", ["7"], access(lambda _: rows([customer(1)])))


def test_fetch_leaves_an_error_for_those_who_are_hidden_so_that_nobody_takes_them_as_gone():
    found = connector().fetch("customers", ["1", "2"], access(lambda _: rows([customer(1)], total=2)))

    assert [isinstance(one, PayloadError) for one in found] == [False, True]


def test_fetch_takes_nobody_for_gone_where_a_proxy_hides_how_many_there_are():
    found = connector().fetch("customers", ["1", "2"], access(lambda _: (200, [customer(1)])))
    whole = connector().fetch("customers", ["1"], access(lambda _: (200, [customer(1)])))

    assert [isinstance(one, PayloadError) for one in found] == [False, True]
    assert "X-WP-Total" in found[1].found
    assert [one.record_id for one in whole] == ["1"]


def test_coupons_are_not_pulled():
    with pytest.raises(ConfigError, match="coupons cannot be pulled"):
        connector().pull(Want("coupons"), access(Store()))


@pytest.mark.parametrize("cursor", [{"phase": "other", "began": "x"}, {"page": 2}, {"phase": ["new"]}])
def test_a_cursor_of_another_connector_is_not_followed(cursor):
    with pytest.raises(TryLater, match="cursor"):
        connector().pull(Want("customers", cursor), access(Store()))


@pytest.mark.parametrize(
    ("options", "can"),
    [({}, True), ({"consumer_secret": None}, False), ({"shop_url": None}, False), ({"consumer_key": ""}, False)],
)
def test_it_can_be_pulled_with_address_and_keys(options, can):
    assert connector(**options).can_pull() is can
