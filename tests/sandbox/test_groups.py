from __future__ import annotations

import pytest

ANN, BOB = "ann@example.com", "bob@example.com"
PATH = "/contacts/consent-groups"


@pytest.fixture
def brevo(make_brevo):
    return make_brevo(switches={"consent_groups": True})


def group(brevo, name: str = "Sales", **more) -> int:
    answer = brevo.call("POST", PATH, {"name": name, "signupMode": "manual", **more})
    assert answer.status_code == 201, answer.data
    return answer.json["id"]


def status(brevo, email: str) -> dict:
    return {one["id"]: one["status"] for one in brevo.read(email)["consentGroups"]}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", PATH, None),
        ("POST", PATH, {"name": "Sales", "signupMode": "manual"}),
        ("GET", f"{PATH}/1", None),
        ("PUT", f"{PATH}/1", {"name": "Sales"}),
        ("DELETE", f"{PATH}/1", None),
    ],
)
def test_without_the_feature_every_call_is_forbidden_and_contacts_show_no_groups(brevo, method, path, body):
    brevo.switch(consent_groups=False)
    brevo.create(email=ANN)

    answer = brevo.call(method, path, body)

    assert (answer.status_code, answer.json["code"]) == (403, "CONSENT_GROUP_NOT_ENABLED")
    assert "consentGroups" not in brevo.read(ANN)
    assert "consentGroups" not in brevo.call("GET", "/contacts").json["contacts"][0]


def test_groups_are_made_read_changed_listed_and_deleted(brevo):
    number = group(brevo, description="of things")
    brevo.clock.sleep(5)

    changed = brevo.call("PUT", f"{PATH}/{number}", {"name": "Offers"}).json
    read = brevo.call("GET", f"{PATH}/{number}").json
    listed = brevo.call("GET", PATH, query="limit=1&offset=1").json

    assert changed == read == listed["consentGroups"][0]
    assert (read["name"], read["description"], read["isDefault"]) == ("Offers", "of things", False)
    assert read["updatedAt"] > read["createdAt"]
    assert {key: listed[key] for key in ("total", "limit", "offset")} == {"total": 2, "limit": 1, "offset": 1}
    assert brevo.call("DELETE", f"{PATH}/{number}").status_code == 204
    assert brevo.call("GET", f"{PATH}/{number}").status_code == 404


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["Marketing", "Sales", "News"]),
        ("name=ar", ["Marketing"]),
        ("name=S", ["Sales", "News"]),
        ("id=2", ["Sales"]),
        ("signupMode=automatic", ["Marketing", "News"]),
    ],
)
def test_groups_are_found_by_number_name_and_mode(brevo, query, names):
    group(brevo, "Sales")
    group(brevo, "News", signupMode="automatic")

    assert [one["name"] for one in brevo.call("GET", PATH, query=query).json["consentGroups"]] == names


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"signupMode": "manual"}, 400),
        ({"name": "X"}, 400),
        ({"name": "X", "signupMode": "never"}, 400),
        ({"name": "x" * 256, "signupMode": "manual"}, 400),
        ({"name": "X", "signupMode": "manual", "description": "x" * 501}, 400),
        ({"name": "marketing", "signupMode": "manual"}, 409),
        ({"name": "X", "signupMode": "manual", "listIds": [99]}, 400),
    ],
)
def test_a_group_that_makes_no_sense_is_refused(brevo, body, code):
    assert brevo.call("POST", PATH, body, wrong=True).status_code == code


def test_a_group_may_keep_its_name_but_not_take_another_s(brevo):
    number = group(brevo)

    assert brevo.call("PUT", f"{PATH}/{number}", {"name": "Sales", "description": "x"}).status_code == 200
    assert brevo.call("PUT", f"{PATH}/{number}", {"name": "Marketing"}).status_code == 409
    assert brevo.call("PUT", f"{PATH}/{number}", {}).status_code == 400


def test_contacts_of_lists_are_copied_into_a_new_group_once(brevo):
    brevo.create(email=ANN, listIds=[2])
    number = group(brevo, listIds=[2])
    brevo.create(email=BOB, listIds=[2])

    assert brevo.call("GET", f"{PATH}/{number}").json["contactsCount"] == 1
    assert status(brevo, ANN) == {1: "subscribed", number: "subscribed"}
    assert status(brevo, BOB) == {1: "subscribed"}


@pytest.mark.parametrize("is_import", [True, False])
def test_new_contacts_join_the_groups_with_automatic_sign_up(brevo, is_import):
    number = group(brevo, signupMode="automatic")
    group(brevo, "By hand")
    if is_import:
        brevo.do_import(jsonBody=[{"email": ANN}], listIds=[2])
    else:
        brevo.create(email=ANN)

    assert status(brevo, ANN) == {1: "subscribed", number: "subscribed"}


def test_who_leaves_a_group_is_not_blocked_and_an_import_that_takes_them_back_is_counted(brevo, receiver):
    brevo.call("POST", "/webhooks", {"url": receiver.url, "events": ["unsubscribed"], "type": "marketing"})
    brevo.create(email=ANN)

    brevo.control("POST", "/acts/leave_group", {"email": ANN, "group_ids": [1]})
    left = brevo.read(ANN)
    brevo.do_import(jsonBody=[{"email": ANN}], listIds=[2])
    still = status(brevo, ANN)
    brevo.do_import(jsonBody=[{"email": ANN}], listIds=[2], consentGroupIds=[1])

    assert (left["emailBlacklisted"], left["consentGroups"]) == (False, [{"id": 1, "status": "unsubscribed"}])
    assert (still, status(brevo, ANN)) == ({1: "unsubscribed"}, {1: "subscribed"})
    assert [one["event"] for one in receiver.bodies] == ["unsubscribe"]
    [entry] = brevo.control("GET", "/mailable")["mailable"]
    assert (entry["how"], entry["groupId"], entry["by"]) == ("group", 1, "POST /contacts/import (process 2)")
    brevo.control("POST", "/acts/leave_group", {"email": ANN, "group_ids": [1]})
    assert brevo.control("GET", "/mailable")["mailable"][0]["blockedAgainAt"] is not None


def test_groups_outlive_a_restart_and_a_deleted_one_leaves_no_trace(make_brevo, tmp_path):
    brevo = make_brevo(journal=tmp_path / "j", switches={"consent_groups": True})
    brevo.create(email=ANN)
    number = group(brevo)
    brevo.do_import(jsonBody=[{"email": ANN}], listIds=[2], consentGroupIds=[number])
    brevo.control("POST", "/acts/leave_group", {"email": ANN, "group_ids": [1]})

    again = make_brevo(journal=tmp_path / "j", switches={"consent_groups": True})

    assert status(again, ANN) == {1: "unsubscribed", number: "subscribed"}
    again.call("DELETE", f"{PATH}/{number}")
    assert status(again, ANN) == {1: "unsubscribed"}
