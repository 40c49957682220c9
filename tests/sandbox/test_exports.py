from __future__ import annotations

import csv
import io

import pytest

ANN, BOB, CY = "ann@example.com", "bob@example.com", "cy@example.com"


def export(brevo, choice: dict, **more) -> dict:
    answer = brevo.call("POST", "/contacts/export", {"customContactFilter": choice, **more})
    assert answer.status_code == 202, answer.data
    brevo.clock.sleep(60)
    return dict(brevo.call("GET", f"/processes/{answer.json['processId']}").json)


def rows(brevo, process: dict, delimiter: str = ";") -> list[dict]:
    text = brevo._http.get(process["export_url"].removeprefix("http://localhost")).text
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))


@pytest.fixture
def three(brevo):
    """Ann is open, Bob is blocked, Cy left list 2; each came a minute after the one before."""
    for email in (ANN, BOB, CY):
        brevo.create(email=email, listIds=[2])
        brevo.clock.sleep(60)
    brevo.update(BOB, emailBlacklisted=True)
    brevo.control("POST", "/acts/leave_list", {"email": CY, "list_ids": [2]})
    return brevo


@pytest.mark.parametrize(
    ("choice", "who"),
    [
        ({"actionForContacts": "allContacts", "listId": 2}, [ANN, BOB]),
        ({"actionForContacts": "subscribed", "listId": 2}, [ANN]),
        ({"actionForContacts": "unsubscribed", "listId": 2}, [BOB]),
        ({"actionForContacts": "unsubscribedPerList", "listId": 2}, [CY]),
        ({"actionForContacts": "allContacts", "createdSince": "2026-11-21T00:00:30Z"}, [BOB, CY]),
        ({"actionForContacts": "allContacts", "modifiedSince": "2026-11-21T00:02:30.000Z"}, [BOB, CY]),
        ({"actionForContacts": "allContacts", "modifiedSince": "2026-11-21T01:02:30+01:00", "listId": 2}, [BOB]),
        ({"actionForContacts": "unsubscribed", "modifiedSince": "2026-11-21T00:02:30Z"}, [BOB]),
        ({"actionForEmailCampaigns": "unsubscribed"}, [CY]),
        ({"actionForEmailCampaigns": "openers", "emailCampaignId": 1}, []),
        ({"actionForSmsCampaigns": "unsubscribed"}, []),
    ],
)
def test_contacts_are_chosen_by_list_subscription_and_date(three, choice, who):
    process = export(three, choice)

    assert (process["name"], process["status"]) == ("CONTACT_EXPORT", "completed")
    assert [row["EMAIL"] for row in rows(three, process)] == who
    assert process["info"]["export"]["total_records"] == len(who)


def test_an_act_that_is_no_change_is_not_found_by_its_date(three):
    three.switch(acts_modify=False)
    three.clock.sleep(60)
    three.control("POST", "/acts/unsubscribe", {"email": ANN})

    process = export(three, {"actionForContacts": "allContacts", "modifiedSince": "2026-11-21T00:03:30Z"})

    assert rows(three, process) == []


def test_a_file_has_the_columns_that_were_asked_for(brevo):
    brevo.attribute("VIP", "boolean")
    brevo.create(email=ANN, attributes={"FIRSTNAME": "A;n", "VIP": True}, listIds=[2, 3], smsBlacklisted=True)
    choice = {"actionForContacts": "allContacts", "listId": 2}

    full = export(
        brevo,
        choice,
        exportAttributes=["firstname", "VIP"],
        exportMetadata=["_listIds"],
        exportSubscriptionStatus=["email_marketing", "sms_marketing"],
        exportDateInUTC=True,
    )
    bare = export(brevo, choice, exportAttributes=["FIRSTNAME"], exportMandatoryAttributes=False)

    assert rows(brevo, full) == [
        {
            "EMAIL": ANN,
            "ADDED_TIME": "2026-11-21T00:00:00.000Z",
            "MODIFIED_TIME": "2026-11-21T00:00:00.000Z",
            "FIRSTNAME": "A;n",
            "VIP": "Yes",
            "_listIds": "2,3",
            "email_marketing": "subscribed",
            "sms_marketing": "unsubscribed",
        }
    ]
    assert rows(brevo, bare) == [{"FIRSTNAME": "A;n"}]


def test_times_have_no_zone_unless_utc_is_asked_for(brevo):
    brevo.create(email=ANN, listIds=[2])

    process = export(brevo, {"actionForContacts": "allContacts", "listId": 2})

    assert rows(brevo, process)[0]["ADDED_TIME"] == "2026-11-21 01:00:00"


def test_the_delimiter_is_a_switch(brevo):
    brevo.switch(export_delimiter=",")
    brevo.create(email=ANN, listIds=[2])

    process = export(brevo, {"actionForContacts": "allContacts", "listId": 2})

    assert rows(brevo, process, ",")[0]["EMAIL"] == ANN


def test_the_file_is_there_when_the_export_is_completed_and_that_is_told(brevo, receiver):
    brevo.create(email=ANN, listIds=[2])
    body = {"customContactFilter": {"actionForContacts": "allContacts", "listId": 2}, "notifyUrl": receiver.url}
    number = brevo.call("POST", "/contacts/export", body).json["processId"]
    early = brevo.call("GET", f"/processes/{number}").json
    brevo.create(email=BOB, listIds=[2])
    brevo.clock.sleep(60)
    late = brevo.call("GET", f"/processes/{number}").json

    assert (early["status"], early.get("export_url")) == ("queued", None)
    assert [row["EMAIL"] for row in rows(brevo, late)] == [ANN, BOB]
    assert receiver.bodies == [None]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"customContactFilter": {}},
        {"customContactFilter": {"actionForContacts": "allContacts"}},
        {"customContactFilter": {"actionForContacts": "some", "listId": 2}},
        {"customContactFilter": {"actionForContacts": "allContacts", "listId": 99}},
        {"customContactFilter": {"actionForContacts": "allContacts", "listId": "2"}},
        {"customContactFilter": {"actionForContacts": "allContacts", "segmentId": 1}},
        {"customContactFilter": {"actionForContacts": "allContacts", "modifiedSince": "2026-10-01"}},
        {"customContactFilter": {"actionForContacts": "allContacts", "modifiedSince": "2026-10-01T00:00:00"}},
        {"customContactFilter": {"actionForContacts": "allContacts", "createdSince": "yesterday"}},
        {"customContactFilter": {"actionForContacts": "unsubscribedPerList", "createdSince": "2026-10-01T00:00:00Z"}},
        {"customContactFilter": {"actionForContacts": "allContacts", "listId": 2, "actionForSmsCampaigns": "x"}},
        {"customContactFilter": {"actionForEmailCampaigns": "readers"}},
        {"customContactFilter": {"actionForSmsCampaigns": "readers"}},
        {"customContactFilter": {"actionForContacts": "allContacts", "listId": 2}, "exportAttributes": ["NOPE"]},
        {"customContactFilter": {"actionForContacts": "allContacts", "listId": 2}, "exportMandatoryAttributes": False},
        {"customContactFilter": {"actionForContacts": "allContacts", "listId": 2}, "exportMetadata": ["x"]},
        {"customContactFilter": {"actionForContacts": "allContacts", "listId": 2}, "exportSubscriptionStatus": ["x"]},
    ],
)
def test_what_cannot_be_exported_is_refused_at_once(brevo, body):
    assert brevo.call("POST", "/contacts/export", body, wrong=True).status_code == 400


def test_everybody_is_exported_where_all_are_asked_for_since_the_beginning_of_time(three):
    process = export(three, {"actionForContacts": "allContacts", "createdSince": "1970-01-01T00:00:00.000Z"})

    assert process["info"]["export"]["total_records"] == 3


def test_a_file_comes_in_the_pieces_that_are_asked_for(three):
    path = export(three, {"actionForContacts": "allContacts", "listId": 2})["export_url"].removeprefix(
        "http://localhost"
    )
    whole = three._http.get(path).data

    piece = three._http.get(path, headers={"Range": "bytes=3-9"})
    beyond = three._http.get(path, headers={"Range": f"bytes={len(whole)}-"})

    assert (piece.status_code, piece.data) == (206, whole[3:10])
    assert piece.headers["Content-Range"] == f"bytes 3-9/{len(whole)}"
    assert beyond.status_code == 416
