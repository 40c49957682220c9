from __future__ import annotations

import pytest

ANN, BOB = "ann@example.com", "bob@example.com"


def test_folders_and_lists_are_made_renamed_moved_and_deleted(brevo):
    folder = brevo.call("POST", "/contacts/folders", {"name": "Shop"}).json["id"]
    number = brevo.list_id("Old name")

    assert brevo.call("PUT", f"/contacts/folders/{folder}", {"name": "Store"}).status_code == 204
    assert brevo.call("PUT", f"/contacts/lists/{number}", {"name": "New name"}).status_code == 204
    assert brevo.call("PUT", f"/contacts/lists/{number}", {"folderId": folder}).status_code == 204
    row = brevo.call("GET", f"/contacts/lists/{number}").json
    assert (row["name"], row["folderId"]) == ("New name", folder)
    assert brevo.call("GET", f"/contacts/folders/{folder}/lists").json["count"] == 1
    assert brevo.call("GET", f"/contacts/folders/{folder}").json["name"] == "Store"
    assert brevo.call("DELETE", f"/contacts/lists/{number}").status_code == 204
    assert brevo.call("GET", f"/contacts/lists/{number}").status_code == 404


def test_deleting_a_folder_deletes_its_lists_but_not_their_contacts(brevo):
    brevo.create(email=ANN, listIds=[2])

    assert brevo.call("DELETE", "/contacts/folders/1").status_code == 204

    assert brevo.call("GET", "/contacts/lists").json == {"lists": [], "count": 0}
    assert brevo.read(ANN)["listIds"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/contacts/lists/2", {"name": "a", "folderId": 1}, 400),
        ("PUT", "/contacts/lists/2", {}, 400),
        ("POST", "/contacts/lists", {"name": "a", "folderId": 9}, 400),
        ("POST", "/contacts/lists", {"name": " ", "folderId": 1}, 400),
        ("GET", "/contacts/folders/9", None, 404),
        ("GET", "/contacts/lists/99/contacts", None, 404),
        ("POST", "/contacts/lists/2/contacts/add", {}, 400),
        ("POST", "/contacts/lists/2/contacts/add", {"emails": [ANN], "ids": [1]}, 400),
        ("POST", "/contacts/lists/99/contacts/add", {"ids": [1]}, 404),
    ],
)
def test_wrong_calls_are_refused(brevo, method, path, body, status):
    assert brevo.call(method, path, body, wrong=True).status_code == status


def test_more_than_150_members_at_once_are_refused(brevo):
    brevo.create(email=ANN)

    answer = brevo.call("POST", "/contacts/lists/2/contacts/add", {"ids": list(range(1, 152))}, wrong=True)

    assert (answer.status_code, answer.json["code"]) == (400, "out_of_range")
    assert brevo.read(ANN)["listIds"] == []


@pytest.mark.parametrize(("way", "known", "unknown"), [("emails", ANN, BOB), ("ids", 1, 9), ("extIds", "a", "b")])
def test_members_are_added_and_removed_and_nobody_is_created(brevo, way, known, unknown):
    brevo.create(email=ANN, ext_id="a")
    path = "/contacts/lists/2/contacts"

    added = brevo.call("POST", f"{path}/add", {way: [known, unknown]})
    again = brevo.call("POST", f"{path}/add", {way: [known]})
    removed = brevo.call("POST", f"{path}/remove", {way: [known]})

    assert added.json == {"contacts": {"success": [known], "failure": [unknown]}}
    assert again.json["message"] == "Contact already in list and/or does not exist"
    assert removed.json["contacts"]["success"] == [known]
    assert brevo.call("GET", "/contacts").json["count"] == 1


def test_all_members_are_removed_in_a_process(brevo):
    for email in (ANN, BOB):
        brevo.create(email=email, listIds=[2])

    answer = brevo.call("POST", "/contacts/lists/2/contacts/remove", {"all": True}).json["contacts"]

    assert answer["total"] == 2
    assert brevo.call("GET", f"/processes/{answer['processId']}").json["status"] == "completed"
    assert brevo.call("GET", "/contacts/lists/2/contacts").json["count"] == 0


def test_attributes_are_listed_made_changed_and_deleted(brevo):
    brevo.attribute("TAGS", "multiple-choice", multiCategoryOptions=["a", "b"])
    brevo.create(email=ANN, attributes={"TAGS": ["a", "b"], "FIRSTNAME": "Ann"})

    again = brevo.call("POST", "/contacts/attributes/normal/tags", {"type": "text"})
    option = brevo.call("DELETE", "/contacts/attributes/multiple-choice/TAGS/a")
    left = brevo.read(ANN)["attributes"]["TAGS"]
    gone = brevo.call("DELETE", "/contacts/attributes/normal/TAGS")

    assert (again.status_code, again.json["message"]) == (400, "Attribute name must be unique")
    assert (option.status_code, left, gone.status_code) == (204, ["b"], 204)
    assert brevo.read(ANN)["attributes"] == {"FIRSTNAME": "Ann"}
    assert brevo.call("DELETE", "/contacts/attributes/normal/TAGS").status_code == 404


@pytest.mark.parametrize(
    ("category", "body", "change"),
    [
        ("category", {"enumeration": [{"value": 1, "label": "A"}]}, {"enumeration": [{"value": 2, "label": "B"}]}),
        ("calculated", {"value": "COUNT[X]"}, {"value": "COUNT[Y]"}),
        ("global", {"value": "COUNT[X]"}, {"value": "COUNT[Y]"}),
        ("normal", {"type": "multiple-choice", "multiCategoryOptions": ["a"]}, {"multiCategoryOptions": ["b"]}),
    ],
)
def test_every_category_can_be_made_and_changed(brevo, category, body, change):
    path = f"/contacts/attributes/{category}/THING"

    assert brevo.call("POST", path, body).status_code == 201
    before = brevo.call("GET", "/contacts/attributes").json["attributes"][-1]
    assert brevo.call("PUT", path, change).status_code == 204

    after = brevo.call("GET", "/contacts/attributes").json["attributes"][-1]
    assert (after["name"], after["category"]) == ("THING", category)
    assert after != before


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("normal/X", {"type": "id"}),
        ("normal/X", {}),
        ("category/X", {}),
        ("calculated/X", {}),
        ("normal/X", {"type": "multiple-choice"}),
    ],
)
def test_attributes_that_make_no_sense_are_refused(brevo, path, body):
    assert brevo.call("POST", f"/contacts/attributes/{path}", body, wrong=True).status_code == 400


def test_a_type_cannot_be_changed(brevo):
    assert brevo.call("PUT", "/contacts/attributes/normal/FIRSTNAME", {"type": "date"}, wrong=True).status_code == 400
