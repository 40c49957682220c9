"""Bulk operations of the fake shop: their life, their lines, their files."""

from __future__ import annotations

import json
import time

import pytest

from connectors.shopify.tests.caller import CUSTOMERS, NODE, PLENTY, RUN, caller, recorded_queries, until

ALL = f"{{ customers {{ edges {{ node {{ {NODE} }} }} }} }}"
IDS = "{ customers { edges { node { id } } } }"
NESTED = "{ customers { edges { node { id note orders { edges { node { id name } } } } } } }"
CANCEL = """mutation($id: ID!) { bulkOperationCancel(id: $id) {
  bulkOperation { status } userErrors { field message } } }"""


@pytest.fixture
def app():
    with caller(**PLENTY) as found:
        yield found


def read(app, operation, **headers):
    return app.http.get(operation["url"], headers=headers)


def lines(app, operation):
    return [json.loads(line) for line in read(app, operation).data.splitlines()]


def start(app, query: str) -> str:
    return app.data(RUN, q=query)["bulkOperationRunQuery"]["bulkOperation"]["id"]


def refusal(app, query: str) -> dict:
    found = app.data(RUN, q=query)["bulkOperationRunQuery"]
    assert found["bulkOperation"] is None
    return found["userErrors"][0]


def test_an_export_says_of_everybody_what_a_list_says(app):
    app.fake("customers/change", {"count": 5, "fields": {"firstName": 'Zo"é\\', "email": None, "tags": ["%s", "ü"]}})
    app.fake("customers/delete", {"ids": [app.fake("customers?limit=9")["customers"][8]["id"]]})
    app.fake("customers", {"count": 3})

    exported = lines(app, app.bulk(ALL))

    assert exported == [node for page in app.pages(100, sort="ID") for node in page]
    assert len(exported) == 102


@pytest.mark.parametrize(
    "fields",
    [
        *("id", "__typename", "verifiedEmail", "mail: email", "tags taxExempt", "lastOrder { legacyResourceId }"),
        "id defaultPhoneNumber { smsMarketingConsent { state } }",
    ],
)
def test_few_fields_make_lines_as_well(app, fields):
    listed = app.data(f"{{ customers(first: 100) {{ nodes {{ {fields} }} }} }}")["customers"]["nodes"]

    assert lines(app, app.bulk(f"{{ customers {{ edges {{ node {{ {fields} }} }} }} }}")) == listed


def test_an_operation_is_created_then_runs_then_is_complete():
    with caller(bulk_s=1.0, **PLENTY) as app:
        gid = start(app, IDS)
        seen = []

        def look():
            found = app.data("query($id: ID!) { bulkOperation(id: $id) { status url completedAt } }", id=gid)
            seen.append(found["bulkOperation"])
            return seen[-1]["status"] == "COMPLETED"

        until(look)

    statuses = list(dict.fromkeys(one["status"] for one in seen))
    assert statuses == ["CREATED", "RUNNING", "COMPLETED"]
    assert all((one["url"] is not None) is (one["status"] == "COMPLETED") for one in seen)


def test_counts_and_size_are_those_of_the_file(app):
    found = app.bulk(IDS)

    assert (found["objectCount"], found["rootObjectCount"]) == ("100", "100")
    assert int(found["fileSize"]) == len(read(app, found).data)


def test_an_export_of_nobody_has_no_file(app):
    found = app.bulk("{ customers(query: \"updated_at:>='2030-01-01'\") { edges { node { id } } } }")

    assert (found["status"], found["url"], found["objectCount"]) == ("COMPLETED", None, "0")


def test_an_export_can_be_filtered(app):
    app.fake("customers/change", {"count": 7})

    exported = lines(app, app.bulk("{ customers(query: \"updated_at:>='2026-11-02'\") { edges { node { id } } } }"))

    assert (
        exported
        == app.data("{ customers(first: 100, query: \"updated_at:>='2026-11-02'\") { nodes { id } } }")["customers"][
            "nodes"
        ]
    )
    assert len(exported) == 7


def test_nested_nodes_are_lines_of_their_own_that_come_between_others(app):
    exported = lines(app, app.bulk(NESTED))

    parents = [one for one in exported if "__parentId" not in one]
    children = [one for one in exported if "__parentId" in one]
    everybody = app.fake("customers?limit=1000")["customers"]
    assert [one["id"] for one in parents] == [one["id"] for one in everybody]
    assert len(children) == sum(int(one["numberOfOrders"]) for one in everybody)
    first = children[0]["__parentId"]
    places = [exported.index(one) for one in exported if one.get("id") == first or one.get("__parentId") == first]
    assert places != list(range(places[0], places[-1] + 1))


def test_children_can_be_grouped_below_their_parent(app):
    run = """mutation($q: String!) { bulkOperationRunQuery(query: $q, groupObjects: true) { bulkOperation { id } } }"""
    gid = app.data(run, q=NESTED)["bulkOperationRunQuery"]["bulkOperation"]["id"]

    exported = lines(app, app.ended(gid))

    for line, before in zip(exported[1:], exported, strict=False):
        assert line.get("__parentId") in (None, before.get("__parentId", before["id"]))


@pytest.mark.parametrize(
    "query",
    [
        "{ shop { id } }",
        "{ customers { edges { node { ",
        "{ customers { edges { node { firstName orders { edges { node { id } } } } } } }",
        "{ collections { edges { node { id } } } }",
        "{ customers { pageInfo { hasNextPage } edges { cursor } } }",
    ],
)
def test_a_query_that_cannot_be_run_in_bulk_is_a_user_error(app, query):
    assert refusal(app, query)["code"] == "INVALID"


def test_an_export_needs_its_scope_too():
    with caller(scopes=("read_products",)) as app:
        assert app.call(RUN, q=IDS)["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"


def test_five_run_at_once_and_no_more():
    with caller(bulk_s=30, **PLENTY) as app:
        for _ in range(5):
            start(app, IDS)
        fault = refusal(app, IDS)

    assert fault["code"] == "LIMIT_REACHED"
    assert "already in progress" in fault["message"]


def test_an_operation_can_be_cancelled():
    with caller(bulk_s=30, **PLENTY) as app:
        gid = start(app, IDS)
        status = app.data(CANCEL, id=gid)["bulkOperationCancel"]["bulkOperation"]["status"]
        found = until(lambda: (one := app.ended(gid))["status"] == "CANCELED" and one)

    assert status == "CANCELING"
    assert found["url"] is None


def test_a_file_is_read_from_where_one_stopped(app):
    found = app.bulk(IDS)
    whole = read(app, found).data
    rest = read(app, found, Range="bytes=1000-")
    part = read(app, found, Range="bytes=10-19")

    assert (rest.status_code, rest.data) == (206, whole[1000:])
    assert part.data == whole[10:20]
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole)}"
    assert read(app, found, Range="bytes=-5").data == whole[-5:]
    assert read(app, found, Range=f"bytes={len(whole)}-").status_code == 416
    assert read(app, found, **{"Range": "bytes=10-19", "If-Range": '"another"'}).data == whole


def test_a_range_can_be_ignored_and_a_download_cut(app):
    found = app.bulk(IDS)
    whole = read(app, found).data
    app.fault("ignore_range")
    ignored = read(app, found, Range="bytes=1000-")
    app.fault("torn", size=100, path="/bulk/*")

    assert (ignored.status_code, ignored.data) == (200, whole)
    with pytest.raises(ConnectionResetError):
        read(app, found).get_data()
    app.fault("gone")
    assert read(app, found).status_code == 403


def test_an_operation_can_fail_half_way(app):
    app.fault("bulk_fails", error="TIMEOUT")

    found = app.bulk(IDS)

    assert (found["status"], found["errorCode"], found["url"]) == ("FAILED", "TIMEOUT", None)
    assert len(app.http.get(found["partialDataUrl"]).data.splitlines()) == 50


def test_an_operation_can_be_stuck_until_faults_are_cleared(app):
    app.fault("bulk_stuck")
    gid = start(app, IDS)
    time.sleep(0.1)
    stuck = app.data("query($id: ID!) { bulkOperation(id: $id) { status } }", id=gid)["bulkOperation"]["status"]

    app.http.delete("/fake/faults")

    assert stuck == "RUNNING"
    assert app.ended(gid)["status"] == "COMPLETED"


def test_operations_are_listed_newest_first_and_old_files_expire(app):
    made = [app.bulk(IDS)["id"] for _ in range(9)]

    found = app.data("{ bulkOperations(first: 20) { nodes { id status url } } }")["bulkOperations"]["nodes"]

    assert [one["id"] for one in found] == made[::-1]
    assert found[-1]["status"] == "EXPIRED"
    assert found[-1]["url"] is None


def test_without_protected_data_an_export_holds_no_address():
    with caller(protected_data="nulls", **PLENTY) as app:
        exported = lines(app, app.bulk(ALL))
        listed = app.data(CUSTOMERS, first=100, sort="ID")["customers"]["nodes"]

    assert exported == listed
    assert all(one["defaultEmailAddress"] is None for one in exported)


def test_the_recorded_bulk_query_is_run(app):
    exported = lines(app, app.bulk(recorded_queries()["bulk_body_customers"]))

    assert {"defaultEmailAddress", "lastOrder", "amountSpent"} <= set(exported[0])
