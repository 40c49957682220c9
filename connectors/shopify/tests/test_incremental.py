"""Pages of what changed, whatever Shopify does with filter, order, size and cost; and customers by id."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.shopify import queries
from connectors.shopify.pull import IGNORED, SHORT, UNSORTED
from connectors.shopify.tests.standin import NOW_S, StandIn, access, connector, customer, customers, error, graph, reply
from customer_sync.errors import ConfigError, PayloadError, TryLater
from customer_sync.kit.reach import Want
from customer_sync.model import Event, from_ms

SINCE = datetime(2026, 11, 20, 10, tzinfo=UTC)


def at(hours):
    """Return a time that many hours after what is wanted begins, as Shopify writes it."""
    return (SINCE + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")


def people(*hours, start=1):
    return [customer(number, updatedAt=at(hour)) for number, hour in enumerate(hours, start)]


def store(*pages, sample=None):
    """Return a stand-in that shows a sample of everybody, then the pages; who asks the same again gets the same.

    Pages here are shorter than asked for. A list of pages is what comes when the same is asked again and again.
    """
    queue, last = list(pages), {}

    def answer(call):
        asked = call.variables
        if asked["query"] is None:
            return sample or graph(customers(customer(900)))
        key = (asked["after"], asked["first"], asked["reverse"])
        if key not in last:
            last[key] = queue.pop(0)
        found = last[key]
        return found.pop(0) if isinstance(found, list) else found

    return StandIn(Customers=answer)


def asked(http):
    """Return the variables of each page that was asked for, without those asked for again because they were short."""
    found = [call.variables for call in http.asked("Customers")]
    return [one for number, one in enumerate(found) if one not in found[:number]]


def pull(http, cursor=None, since=SINCE):
    return connector().pull(Want("customers", cursor, since), access(http))


def pull_all(http):
    """Return the pages until the end, each cursor as it comes out of a store."""
    pages, cursor = [], None
    while True:
        page = pull(http, cursor)
        pages.append(page)
        if page.cursor is None:
            return pages
        assert len(json.dumps(page.cursor)) < 4096
        cursor = json.loads(json.dumps(page.cursor))


def ids(pages):
    return [event.record_id for page in pages for event in page.events]


def test_pages_follow_one_another_by_cursor_until_there_are_no_more():
    http = store(customers(*people(1, 2), end="c1"), customers(*people(3, start=3)))

    assert ids(pull_all(http)) == ["1", "2", "3"]
    look, first, second = asked(http)
    assert (look["first"], look["reverse"]) == (10, True)
    assert first["query"] == "updated_at:>='2026-11-19T10:00:00Z'"
    assert (first["after"], second["after"], second["query"]) == (None, "c1", first["query"])


def test_what_is_older_than_wanted_is_dropped_by_its_own_time():
    http = store(customers(*people(-20, -1, 0, 1)))

    assert ids(pull_all(http)) == ["3", "4"]


def test_the_time_that_was_asked_for_first_counts_to_the_end():
    http = store(customers(*people(1), end="c1"), customers(*people(2, start=2)))
    first = pull(http)
    pull(http, first.cursor, since=SINCE + timedelta(days=30))

    assert asked(http)[2]["query"] == "updated_at:>='2026-11-19T10:00:00Z'"


def test_the_size_of_a_page_is_what_the_points_allow():
    look = graph(customers(customer(1)), requested=60, maximum=1000)
    cheap = graph(customers(customer(1)), requested=10, maximum=20_000)

    for sample, size in ((look, 83), (cheap, 250)):
        http = store(customers(), sample=sample)
        pull(http)
        assert asked(http)[1]["first"] == size


def test_the_next_page_waits_until_it_fits():
    http = store(graph(customers(*people(1), end="c1"), requested=500, available=100, restore=50), customers())

    assert [page.wait_s for page in pull_all(http)] == [8.0, 0.0]


def test_a_page_that_costs_too_much_is_halved_until_it_fits():
    too_much = graph(None, error("MAX_COST_EXCEEDED"))
    http = store(too_much, too_much, customers(*people(1), end="c1"))

    assert pull(http).cursor["size"] == 20
    assert [one["first"] for one in asked(http)] == [10, 83, 41, 20]


def test_one_customer_that_costs_too_much_is_an_error():
    with pytest.raises(ConfigError, match="costs more"):
        pull(store(*[graph(None, error("MAX_COST_EXCEEDED"))] * 9))


@pytest.mark.parametrize(
    "second",
    [
        customers(*people(1), end="c1"),
        customers(end="c2"),
        {"customers": {"pageInfo": {"hasNextPage": True, "endCursor": None}, "nodes": people(1)}},
        {"customers": {"pageInfo": None, "nodes": []}},
        {"customers": None},
    ],
)
def test_a_page_that_repeats_or_is_empty_or_broken_is_tried_again(second):
    http = store(customers(*people(1), end="c1"), second)
    cursor = pull(http).cursor

    with pytest.raises(TryLater) as later:
        pull(http, cursor)
    assert later.value.burns


def test_a_page_that_shrank_is_asked_for_again_and_believed_when_it_comes_twice():
    short, longer = customers(*people(1), end="c1"), customers(*people(1, 2), end="c2")
    mended = pull(store([short, longer]))
    same = pull(store(short))

    assert (len(mended.events), mended.cursor["after"], mended.notes) == (2, "c2", ())
    assert (len(same.events), same.cursor["after"], same.notes) == (1, "c1", (SHORT,))


def test_a_filter_that_is_ignored_turns_the_order_and_stops_at_the_time_asked_for():
    old = customers(*people(-2000, -1900), end="old")
    newest = customers(*people(9, 8, start=3), end="n1")
    older = customers(*people(1, -1, start=5), end="n2")
    oldest = customers(*people(-2, -3, start=7), end="n3")
    pages = pull_all(store(old, newest, older, oldest))

    assert ids(pages) == ["3", "4", "5"]
    assert IGNORED in pages[0].notes
    assert IGNORED not in pages[1].notes


def test_single_records_in_the_wrong_place_do_not_end_the_reading():
    old, misplaced = customers(*people(-2000), end="old"), customers(*people(9, 8, 7, -5, 6, 5, start=2), end="n1")
    rest = customers(*people(4, start=9))
    pages = pull_all(store(old, misplaced, rest))

    assert ids(pages) == ["2", "3", "4", "6", "7", "9"]


def test_when_the_order_is_ignored_too_everybody_is_read_and_the_old_ones_are_dropped():
    old = customers(*people(-2000), end="old")
    first, second = customers(*people(-9, 3, -8, 4, start=2), end="n1"), customers(*people(-6, -7, start=6), end="n2")
    last = customers(*people(5, start=9))
    pages = pull_all(store(old, first, second, last))

    assert ids(pages) == ["3", "5", "9"]
    assert UNSORTED in pages[1].notes


def test_nulls_of_fields_that_nobody_shows_are_unknown_until_somebody_does():
    hidden = dict.fromkeys(queries.PROTECTED)
    http = store(
        customers(customer(1, **hidden, updatedAt=at(1)), end="c1"),
        customers(
            customer(2, **{**hidden, "firstName": "Ann"}, updatedAt=at(2)), customer(3, **hidden, updatedAt=at(3))
        ),
        sample=graph(customers(customer(900, **hidden))),
    )
    first, second = pull_all(http)

    assert not {"email", "firstName", "phone", "city"} & set(first.events[0].record)
    assert "protected customer data" in first.notes[0]
    assert second.events[1].record["firstName"] is None
    assert "email" not in second.events[1].record


def test_denied_fields_are_not_asked_for_again():
    denied = error("ACCESS_DENIED", path=["customers", "nodes", 0, "lastOrder"])
    http = store(customers(*people(1)), sample=graph(customers(customer(1, lastOrder=None)), denied))
    (page,) = pull_all(http)

    assert "lastOrder" in page.notes[0]
    assert ["lastOrder" in call.body["query"] for call in http.asked("Customers")] == [True, False]


def test_a_phone_that_one_of_the_sample_has_is_known_to_be_empty_for_another():
    http = store(customers(customer(1, defaultPhoneNumber=None, updatedAt=at(1))))

    assert pull_all(http)[0].events[0].record["phone"] is None


def test_a_customer_that_cannot_be_read_stands_in_its_place():
    http = store(customers(customer(1, id=5.5), None, customer(2, defaultEmailAddress="x", updatedAt=at(1))))
    (page,) = pull_all(http)

    assert [error.path for error in page.events if isinstance(error, PayloadError)] == [
        "id",
        "$",
        "defaultEmailAddress",
    ]
    # the numbers of both left SMS: that is heard
    assert [event.id for event in page.events if isinstance(event, Event)] == [
        "shopify:pull::2026-11-21T11:00:00Z:consents",
        f"shopify:pull:2:{at(1)}:consents",
    ]


def test_a_customer_whose_time_cannot_be_read_counts_from_when_it_was_read():
    (page,) = pull_all(store(customers(customer(1, updatedAt="soon"), customer(2, updatedAt=None))))

    assert [event.occurred_at for event in page.events] == [from_ms(int(NOW_S * 1000))] * 2
    assert [event.notes for event in page.events] == [
        ("updatedAt: expected an ISO 8601 time such as 2026-11-21T10:00:00Z",),
        ("updatedAt: expected a time, found nothing",),
    ]


@pytest.mark.parametrize("want", [Want("carts"), Want("customers", {"mode": "other"}), Want("customers", {})])
def test_what_cannot_be_pulled_is_told(want):
    with pytest.raises(ConfigError):
        connector().pull(want, access(StandIn()))


# by id


def fetch(http, *ids):
    return connector().fetch("customers", ids, access(http))


def test_customers_are_fetched_by_id_and_who_is_gone_is_absent():
    http = StandIn(Fetch={"nodes": [customer(1), None, customer(3)]})

    assert [event.record_id for event in fetch(http, "1", "2", "3")] == ["1", "3"]
    assert http.asked("Fetch")[0].variables["ids"][1] == "gid://shopify/Customer/2"


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Asia/Tokyo", "2026-11-20T17:15:00+09:00"),
        ("Etc/UTC", "2026-11-20T08:15:00Z"),
        ("Mars/Base", "2026-11-20T08:15:00Z"),
        ("../etc/passwd", "2026-11-20T08:15:00Z"),
        (None, "2026-11-20T08:15:00Z"),
    ],
)
def test_times_are_shown_in_the_stores_own_zone(zone, shown):
    shop = {"shop": {"ianaTimezone": zone}}
    http = StandIn(
        Fetch={"nodes": [customer(1)], **shop},
        Customers=lambda call: {**customers(customer(1, updatedAt=at(1))), **shop},
    )

    assert [event.record["createdAt"] for event in fetch(http, "1")] == [shown]
    assert [event.record["createdAt"] for page in pull_all(http) for event in page.events] == [shown]


def test_what_none_of_the_fetched_has_is_unknown():
    http = StandIn(Fetch={"nodes": [customer(1, defaultPhoneNumber=None)]})

    assert "phone" not in fetch(http, "1")[0].record


def test_too_many_at_once_are_fetched_in_halves():
    def answer(call):
        asked = call.variables["ids"]
        if len(asked) > 1:
            return graph(None, error("MAX_COST_EXCEEDED"))
        return {"nodes": [customer(asked[0].rpartition("/")[2])]}

    assert [event.record_id for event in fetch(StandIn(Fetch=answer), "1", "2", "3")] == ["1", "2", "3"]


@pytest.mark.parametrize(
    "answer",
    [
        graph({"nodes": [None]}, error("ACCESS_DENIED", path=["nodes", 0])),
        graph({"nodes": [None]}, error("INTERNAL_SERVER_ERROR", path=["nodes", 0])),
        {"nodes": []},
    ],
)
def test_nobody_who_cannot_be_seen_counts_as_gone(answer):
    with pytest.raises((ConfigError, TryLater)):
        fetch(StandIn(Fetch=answer), "1")


def test_an_id_that_is_none_is_not_asked_for():
    (found,) = fetch(StandIn(), "ann@example.com")

    assert isinstance(found, PayloadError)
    assert "@" not in str(found)


# whole answers, in the documented shapes


ANSWERS = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in (Path(__file__).parents[1] / "fixtures/api").glob("*.json")
}


def as_json(event):
    def iso(at):
        return at.isoformat().replace("+00:00", "Z")

    names = ("id", "kind", "record_id", "customer_id", "record")
    seen = [
        {name: getattr(one, name) for name in ("channel", "state", "method", "explicit")} | {"at": iso(one.at)}
        for one in event.consents
    ]
    return {name: getattr(event, name) for name in names} | {"occurred_at": iso(event.occurred_at), "consents": seen}


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_an_answer_in_the_documented_shape_gives_what_it_expects(name):
    told = ANSWERS[name]
    http = StandIn(Customers=reply(200, told["answer"]))

    assert told["origin"]
    if "reason" in told["expect"]:
        with pytest.raises(ConfigError) as refusal:
            pull(http)
        assert refusal.value.reason == told["expect"]["reason"]
    elif "after_s" in told["expect"]:
        with pytest.raises(TryLater) as later:
            pull(http)
        assert later.value.after_s == told["expect"]["after_s"]
    else:
        page = pull(http)
        assert [as_json(event) for event in page.events] == told["expect"]["events"]
        assert [note.partition(" These")[0] for note in page.notes] == told["expect"]["notes"]
