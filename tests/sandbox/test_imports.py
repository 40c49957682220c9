from __future__ import annotations

import json

import pytest

from customer_sync.sandbox import imports

ANN = "ann@example.com"


def csv_of(brevo, process: dict, report: str) -> str:
    url = process["info"]["import"][report]
    return brevo._http.get(url.removeprefix("http://localhost")).text


def test_nothing_can_be_seen_before_it_is_completed(make_brevo, clock):
    brevo = make_brevo(import_delay_s=9)
    number = brevo.call("POST", "/contacts/import", {"jsonBody": [{"email": ANN}], "listIds": [2]}).json["processId"]
    seen = []
    for wait in (0, 4, 4.9, 0.2):
        clock.sleep(wait)
        status = brevo.call("GET", f"/processes/{number}").json["status"]
        seen.append((status, brevo.call("GET", "/contacts").json["count"]))

    assert seen == [("queued", 0), ("in_process", 0), ("in_process", 0), ("completed", 1)]


def test_rows_create_and_update_and_join_the_lists(brevo):
    brevo.create(email=ANN, attributes={"FIRSTNAME": "Ann", "LASTNAME": "B"})

    process = brevo.do_import(
        jsonBody=[
            {"email": "Ann@example.com", "attributes": {"LASTNAME": "C", "FIRSTNAME": "", "NOPE": 1}},
            {"email": "new@example.com", "attributes": {"SMS": "+33612345678"}},
        ],
        listIds=[2],
        disableNotification=True,
    )

    assert set(process["info"]["import"].values()) == {None}
    assert brevo.read(ANN)["attributes"] == {"FIRSTNAME": "Ann", "LASTNAME": "C"}
    assert brevo.read("new@example.com")["attributes"] == {"SMS": "33612345678"}
    assert brevo.call("GET", "/contacts/lists/2/contacts").json["count"] == 2


def test_empty_values_empty_only_when_asked(brevo):
    brevo.create(email=ANN, attributes={"FIRSTNAME": "Ann"})

    row = {"email": ANN, "attributes": {"FIRSTNAME": ""}}
    brevo.do_import(jsonBody=[row], listIds=[2], emptyContactsAttributes=True)

    assert brevo.read(ANN)["attributes"] == {}


def test_json_booleans_are_not_applied_but_texts_are(brevo):
    brevo.attribute("VIP", "boolean")
    brevo.attribute("OLD", "boolean")

    brevo.do_import(jsonBody=[{"email": ANN, "attributes": {"VIP": True, "OLD": "yes"}}], listIds=[2])

    assert brevo.read(ANN)["attributes"] == {"OLD": True}


def test_a_file_body_is_text_with_semicolons(brevo):
    brevo.attribute("SPENT", "float")

    brevo.do_import(fileBody="email;Firstname;SPENT\nann@example.com;Ann;12.5\nbob@example.com;Bob;x\n", listIds=[2])

    assert brevo.read(ANN)["attributes"] == {"FIRSTNAME": "Ann", "SPENT": 12.5}
    assert brevo.read("bob@example.com")["attributes"] == {"FIRSTNAME": "Bob"}


def test_refused_rows_are_told_in_csv_files_only(make_brevo):
    brevo = make_brevo(switches={"import_shared": "refuse"})
    brevo.create(email="bob@example.com", attributes={"SMS": "+33612345678"})

    process = brevo.do_import(
        jsonBody=[
            {"email": "no address", "attributes": {"FIRSTNAME": "X"}},
            {"email": ANN, "attributes": {"SMS": "+33612345678"}},
            {"email": "cy@example.com"},
            {"email": "CY@example.com", "attributes": {"FIRSTNAME": "Second"}},
        ],
        listIds=[2],
    )

    assert process["status"] == "completed"
    assert csv_of(brevo, process, "invalid_emails") == "FIRSTNAME;EMAIL\nX;no address\n"
    assert csv_of(brevo, process, "duplicate_phone_id") == f"SMS;EMAIL\n+33612345678;{ANN}\n"
    assert csv_of(brevo, process, "duplicate_email_id") == "FIRSTNAME;EMAIL\nSecond;CY@example.com\n"
    assert brevo.call("GET", "/contacts").json["count"] == 2
    assert brevo.read("cy@example.com")["attributes"] == {}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"jsonBody": [{"email": ANN}]}, "missing_parameter"),
        ({"listIds": [2]}, "missing_parameter"),
        ({"jsonBody": [{"email": ANN}], "fileBody": "EMAIL\na@b.co", "listIds": [2]}, "invalid_parameter"),
        ({"jsonBody": [{"email": "x"}], "listIds": [2]}, "invalid_parameter"),
        ({"jsonBody": [{"email": ANN}], "listIds": [77]}, "invalid_parameter"),
        ({"jsonBody": [{"email": ANN}], "newList": {"listName": "N"}}, "invalid_parameter"),
    ],
)
def test_what_cannot_be_imported_is_refused_at_once(brevo, body, code):
    answer = brevo.call("POST", "/contacts/import", body)

    assert (answer.status_code, answer.json["code"]) == (400, code)


def test_a_new_list_is_made_first(brevo):
    brevo.do_import(jsonBody=[{"email": ANN}], newList={"listName": "Fresh", "folderId": 1})

    assert brevo.read(ANN)["listIds"] == [11]


def test_a_body_above_ten_megabytes_is_refused(make_brevo):
    row = {"email": ANN, "attributes": {"FIRSTNAME": "x" * 10_000_000}}
    body = json.dumps({"jsonBody": [row], "listIds": [2]}).encode()

    assert make_brevo().call("POST", "/contacts/import", body).status_code == 400
    assert make_brevo(max_import_status=413).call("POST", "/contacts/import", body).status_code == 413


def test_an_import_that_was_being_read_when_all_was_reset_brings_nothing(brevo, monkeypatch):
    prepare = imports.prepare

    def prepare_slowly(job, attributes, **more):
        brevo.sandbox.reset()
        return prepare(job, attributes, **more)

    monkeypatch.setattr(imports, "prepare", prepare_slowly)
    brevo.call("POST", "/contacts/import", {"jsonBody": [{"email": ANN}], "listIds": [2]})
    brevo.clock.sleep(60)

    assert brevo.call("GET", "/contacts").json["count"] == 0


def test_an_import_can_fail(brevo):
    brevo.control("POST", "/faults", {"kind": "import_fails", "count": 1})

    failed = brevo.do_import(jsonBody=[{"email": ANN}], listIds=[2])
    done = brevo.do_import(jsonBody=[{"email": ANN}], listIds=[2])

    assert (failed["status"], done["status"]) == ("failed", "completed")
