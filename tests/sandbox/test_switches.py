from __future__ import annotations

import pytest

from customer_sync.sandbox import switches
from customer_sync.sandbox.__main__ import main

ANN = "ann@example.com"


def values(brevo) -> dict:
    return {one["name"]: one["value"] for one in brevo.control("GET", "/switches")["switches"]}


def test_every_switch_says_what_it_plays_what_it_takes_and_why_its_default(brevo):
    rows = brevo.control("GET", "/switches")["switches"]

    assert {one["name"] for one in rows} == set(switches.ALL)
    assert all(one["plays"] and one["why"] for one in rows)
    assert all(one["default"] in one["choices"] for one in rows if one["choices"])
    named = [(one["plays"], choice) for one in rows for choice in one["choices"] if isinstance(choice, str)]
    assert [choice for plays, choice in named if f"`{choice}`" not in plays] == []


def test_switches_are_set_all_or_none(brevo):
    brevo.switch(import_blocks="lift_both", import_reads_s=3)
    answer = brevo._http.post("/sandbox/switches", json={"import_shared": "refuse", "import_blocks": "x"})

    assert answer.status_code == 400
    assert answer.json["message"] == "import_blocks: one of keep, lift_email, lift_sms, lift_both, lift_new"
    found = values(brevo)
    assert (found["import_blocks"], found["import_reads_s"], found["import_shared"]) == ("lift_both", 3, "merge")


@pytest.mark.parametrize(
    "body",
    [
        {"nope": 1},
        {"import_reads_s": -1},
        {"import_reads_s": "1"},
        {"import_reads_s": True},
        {"consent_groups": 1},
        {"import_ignores": 1},
        {"batch_status": "404"},
        {"batch_status": 405},
    ],
)
def test_a_switch_that_makes_no_sense_is_refused(brevo, body):
    assert brevo._http.post("/sandbox/switches", json=body).status_code == 400


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/switches"), ("POST", "/reset")])
def test_switches_go_back_to_what_the_sandbox_started_with(make_brevo, method, path):
    brevo = make_brevo(import_delay_s=9, switches={"import_blocks": "lift_sms"})
    started = values(brevo)
    brevo.switch(import_blocks="keep", import_delay_s=1, consent_groups=True)

    brevo.control(method, path)

    assert values(brevo) == started
    assert (started["import_delay_s"], started["import_blocks"]) == (9, "lift_sms")


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("import_blocks=lift_sms", ("import_blocks", "lift_sms")),
        ("consent_groups=true", ("consent_groups", True)),
        ("import_reads_s=2.5", ("import_reads_s", 2.5)),
        ("batch_status=410", ("batch_status", 410)),
        ("import_ignores=a=b*", ("import_ignores", "a=b*")),
    ],
)
def test_a_switch_can_be_written_on_the_command_line(text, pair):
    assert switches.parse(text) == pair


@pytest.mark.parametrize("text", ["nope=1", "import_blocks", "consent_groups=yes", "import_reads_s=x"])
def test_a_command_line_with_a_wrong_switch_is_refused(text, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--switch", text])

    assert caught.value.code == 2
    assert "argument --switch" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("way", "on", "left", "counted"),
    [("list", [2, 3], [2], 1), ("forget", [2, 3], [], 1), ("ignore", [3], [2], 0)],
)
def test_a_list_that_a_person_left_can_be_joined_again_or_not(brevo, way, on, left, counted):
    brevo.switch(relisting=way)
    brevo.create(email=ANN, listIds=[2])
    brevo.control("POST", "/unsubscribe", {"email": ANN, "list_ids": [2]})

    brevo.update(ANN, listIds=[2, 3])

    contact = brevo.read(ANN)
    assert (sorted(contact["listIds"]), contact["listUnsubscribed"]) == (on, left)
    found = brevo.control("GET", "/mailable?how=list")["mailable"]
    assert [(one["listId"], one["by"]) for one in found] == [(2, "PUT /contacts/{identifier}")] * counted


def test_no_webhook_tells_of_a_list_that_was_not_joined(brevo, receiver):
    brevo.switch(relisting="ignore")
    brevo.call("POST", "/webhooks", {"url": receiver.url, "events": ["listAddition"], "type": "marketing"})
    brevo.create(email=ANN)
    brevo.control("POST", "/acts/leave_list", {"email": ANN, "list_ids": [2]})

    brevo.update(ANN, listIds=[2, 3])
    brevo.call("GET", "/contacts")

    assert [one["list_id"] for one in receiver.bodies] == [[3]]


def test_being_put_back_on_a_list_ends_when_the_contact_is_off_it_again(brevo):
    brevo.create(email=ANN, listIds=[2])
    brevo.control("POST", "/unsubscribe", {"email": ANN, "list_ids": [2]})
    brevo.call("POST", "/contacts/lists/2/contacts/add", {"emails": [ANN]})
    brevo.update(ANN, listIds=[2])
    open_one = brevo.control("GET", "/mailable")["mailable"]
    brevo.call("POST", "/contacts/lists/2/contacts/remove", {"emails": [ANN]})
    brevo.update(ANN, listIds=[2])

    first, second = brevo.control("GET", "/mailable")["mailable"]
    assert (len(open_one), open_one[0]["blockedAgainAt"]) == (1, None)
    assert (first["by"], first["blockedAgainAt"] is None) == ("POST /contacts/lists/{list_id}/contacts/add", False)
    assert (second["by"], second["blockedAgainAt"]) == ("PUT /contacts/{identifier}", None)


@pytest.mark.parametrize("status", [400, 404])
def test_an_unknown_list_is_answered_as_the_switch_says(brevo, status):
    brevo.switch(unknown_list_status=status)

    answer = brevo.call("POST", "/contacts", {"email": ANN, "listIds": [99]})

    assert (answer.status_code, answer.json["message"]) == (status, "List ID does not exist")


def test_a_fresh_account_has_lists_one_to_ten(brevo):
    rows = brevo.call("GET", "/contacts/lists", query="limit=50&sort=asc").json["lists"]

    assert [row["id"] for row in rows] == list(range(1, 11))
    assert brevo.create(email=ANN, listIds=[5]) == 1


def test_the_end_of_batches_is_answered_as_the_switch_says(brevo):
    brevo.switch(batch_status=410)

    assert brevo.call("POST", "/contacts/batch", {"contacts": []}, wrong=True).status_code == 410


def test_imports_take_as_long_as_the_switch_says(brevo):
    brevo.switch(import_delay_s=100)
    brevo.call("POST", "/contacts/import", {"jsonBody": [{"email": ANN}], "listIds": [2]})
    brevo.clock.sleep(99)
    early = brevo.call("GET", "/contacts").json["count"]
    brevo.clock.sleep(1)

    assert (early, brevo.call("GET", "/contacts").json["count"]) == (0, 1)
