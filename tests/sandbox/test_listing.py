from __future__ import annotations

import pytest


@pytest.fixture
def ten(brevo):
    other = brevo.list_id()
    for number in range(1, 11):
        brevo.clock.sleep(1)
        lists = [2] if number % 2 else [other]
        brevo.create(email=f"c{number}@example.com", attributes={"FIRSTNAME": f"N{number % 3}"}, listIds=lists)
    return brevo


def ids(brevo, query: str) -> list[int]:
    return [one["id"] for one in brevo.call("GET", "/contacts", query=query).json["contacts"]]


def test_the_newest_come_first_unless_asked_otherwise(ten):
    assert ids(ten, "limit=3") == [10, 9, 8]
    assert ids(ten, "limit=3&offset=3") == [7, 6, 5]
    assert ids(ten, "limit=3&sort=asc&offset=9") == [10]
    assert ids(ten, "limit=3&offset=99") == []
    assert ten.call("GET", "/contacts", query="limit=0").json == {"contacts": [], "count": 10}


def test_pages_shift_when_a_contact_comes_in_between(ten):
    first = ids(ten, "limit=5")
    ten.create(email="new@example.com")

    second = ids(ten, "limit=5&offset=5")

    assert set(first) & set(second) == {6}


def test_contacts_are_chosen_by_number_list_and_attribute(ten):
    assert ids(ten, "ids=3,5,99&sort=asc") == [3, 5]
    assert ids(ten, "ids=3&ids=4&sort=asc") == [3, 4]
    assert ids(ten, "listIds=2&sort=asc") == [1, 3, 5, 7, 9]
    assert ids(ten, 'filter=equals(FIRSTNAME,"n1")&sort=asc') == [1, 4, 7, 10]
    assert ids(ten, 'filter=equals(EMAIL, "c4@example.com")') == [4]


def test_a_multiple_choice_filter_wants_all_its_options(brevo):
    brevo.attribute("TAGS", "multiple-choice", multiCategoryOptions=["a", "b", "c"])
    for number, tags in enumerate((["a"], ["a", "b"], ["a", "b", "c"])):
        brevo.create(email=f"t{number}@example.com", attributes={"TAGS": tags})

    assert ids(brevo, 'filter=equals(TAGS,"a, b")&sort=asc') == [2, 3]


def test_changed_since_means_after_that_moment(ten):
    moment = ten.read(4)["modifiedAt"]
    ten.update(2, attributes={"LASTNAME": "X"})

    assert ids(ten, f"modifiedSince={moment}&sort=asc") == [2, 5, 6, 7, 8, 9, 10]
    assert ids(ten, f"createdSince={moment}&sort=asc") == [5, 6, 7, 8, 9, 10]


def test_an_update_that_changes_nothing_is_no_change(ten):
    before = ten.read(4)["modifiedAt"]
    ten.clock.sleep(5)

    ten.update(4, attributes={"FIRSTNAME": "N1"})

    assert ten.read(4)["modifiedAt"] == before


@pytest.mark.parametrize(
    "query",
    [
        "limit=1001",
        "limit=x",
        "offset=-1",
        "sort=up",
        "modifiedSince=yesterday",
        "modifiedSince=2026-11-21T10:00:00+02:00",
        "listIds=2&segmentId=1",
        "filter=like(FIRSTNAME)",
        "ids=" + ",".join(map(str, range(21))),
    ],
)
def test_wrong_parameters_are_a_400(ten, query):
    assert ten.call("GET", "/contacts", query=query, wrong=True).status_code == 400


@pytest.mark.parametrize(("path", "most"), [("/contacts/lists", 50), ("/contacts/folders", 50), ("/processes", 50)])
def test_small_listings_give_ten_and_never_more_than_fifty(brevo, path, most):
    for number in range(60):
        if path == "/contacts/lists":
            brevo.list_id(f"L{number}")
        elif path == "/contacts/folders":
            brevo.call("POST", path, {"name": f"F{number}"})
        else:
            brevo.call("POST", "/contacts/import", {"jsonBody": [{"email": "a@example.com"}], "listIds": [2]})
    name = path.rpartition("/")[2]

    assert len(brevo.call("GET", path).json[name]) == 10
    assert len(brevo.call("GET", path, query=f"limit={most}").json[name]) == most
    assert brevo.call("GET", path, query=f"limit={most + 1}", wrong=True).status_code == 400
