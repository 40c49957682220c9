from __future__ import annotations

import json

ANN = "ann@example.com"


def test_the_state_is_every_contact(brevo):
    brevo.create(email=ANN, listIds=[2])
    brevo.create(attributes={"SMS": "+33612345678"})

    state = brevo.control("GET", "/state")

    assert state["count"] == 2
    assert [one["id"] for one in state["contacts"]] == [1, 2]
    assert {**state["contacts"][0], "statistics": None} == {**brevo.read(ANN), "statistics": None}


def test_calls_are_counted_by_route_and_by_second(brevo, clock):
    for number in range(3):
        brevo.create(email=f"a{number}@example.com")
    clock.sleep(1)
    brevo.call("GET", "/contacts/a0%40example.com")
    brevo.call("GET", "/nothing/here", wrong=True)

    calls = brevo.control("GET", "/calls?limit=2")

    assert (calls["total"], calls["maxInOneSecond"], calls["refused429"]) == (5, 3, 0)
    assert {"method": "GET", "route": "/contacts/{identifier}", "status": 200, "calls": 1} in calls["totals"]
    assert [(one["path"], one["status"]) for one in calls["calls"]] == [
        ("/v3/nothing/here", 404),
        ("/v3/contacts/a0@example.com", 200),
    ]
    brevo.control("DELETE", "/calls")
    assert brevo.control("GET", "/calls")["total"] == 0


def test_a_reset_is_a_new_account(make_brevo, tmp_path):
    brevo = make_brevo(journal=tmp_path / "j")
    brevo.create(email=ANN, emailBlacklisted=True)
    brevo.attribute("SPENT", "float")
    brevo.call("POST", "/contacts/import", {"jsonBody": [{"email": "b@example.com"}], "listIds": [2]})
    brevo.call("DELETE", "/contacts/lists/2")
    brevo.control("POST", "/faults", {"kind": "busy"})

    brevo.control("POST", "/reset")
    brevo.clock.sleep(60)

    assert brevo.control("GET", "/state")["count"] == 0
    assert brevo.control("GET", "/faults")["faults"] == []
    assert brevo.call("GET", "/contacts/lists").json["count"] == 10
    assert brevo.create(email=ANN) == 1
    assert brevo.control("GET", "/mailable") == {"mailable": [], "count": 0}


def test_a_restart_keeps_everything(make_brevo, tmp_path):
    path = tmp_path / "deep" / "journal"
    brevo = make_brevo(journal=path)
    brevo.create(email=ANN, ext_id="a", attributes={"SMS": "+33612345678", "FIRSTNAME": "Ann"}, emailBlacklisted=True)
    brevo.create(email="gone@example.com", emailBlacklisted=True)
    brevo.update(ANN, listIds=[2], emailBlacklisted=False)
    brevo.call("DELETE", "/contacts/2")
    brevo.attribute("SPENT", "float")
    brevo.call("DELETE", "/contacts/attributes/normal/JOB_TITLE")
    brevo.do_import(jsonBody=[{"email": "new@example.com"}, {"email": "x"}], listIds=[2])
    brevo.call("POST", "/contacts/import", {"jsonBody": [{"email": "lost@example.com"}], "listIds": [2]})
    before = (brevo.control("GET", "/state"), brevo.control("GET", "/mailable"))
    names = brevo.call("GET", "/contacts/attributes").json

    for _ in range(2):
        brevo = make_brevo(journal=path)

        assert (brevo.control("GET", "/state"), brevo.control("GET", "/mailable")) == before
        assert brevo.call("GET", "/contacts/attributes").json == names
        assert [one["status"] for one in brevo.call("GET", "/processes").json["processes"]] == ["failed", "completed"]
        assert brevo.call("GET", "/contacts/lists/2/contacts").json["count"] == 2
    brevo.update(ANN, emailBlacklisted=True)
    brevo.create(email="gone@example.com")
    assert [one["how"] for one in brevo.control("GET", "/mailable")["mailable"]] == ["flag", "recreated"]
    assert brevo.control("GET", "/mailable")["mailable"][0]["blockedAgainAt"] is not None


def test_numbers_of_deleted_contacts_are_not_given_again_after_restarts(make_brevo, tmp_path):
    brevo = make_brevo(journal=tmp_path / "j")
    brevo.create(email=ANN)
    brevo.call("DELETE", "/contacts/1")
    for _ in range(2):
        brevo = make_brevo(journal=tmp_path / "j")

    assert brevo.create(email=ANN) == 2


def test_a_line_that_was_cut_off_is_left_out_and_the_file_is_compacted(make_brevo, tmp_path):
    path = tmp_path / "j"
    brevo = make_brevo(journal=path)
    brevo.create(email=ANN)
    for number in range(50):
        brevo.update(ANN, attributes={"FIRSTNAME": str(number)})
    with path.open("a") as file:
        file.write('["contacts",1,{"identif')

    brevo = make_brevo(journal=path)

    assert brevo.read(ANN)["attributes"] == {"FIRSTNAME": "49"}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len([line for line in lines if line[0] == "contacts"]) == 1
