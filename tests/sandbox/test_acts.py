"""What people do in Brevo without a call of the API, and the webhooks that tell of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

ANN, BOB = "ann@example.com", "bob@example.com"
EVENTS = (
    *("unsubscribed", "spam", "hardBounce", "softBounce", "delivered", "opened", "click"),
    *("listAddition", "contactUpdated", "contactDeleted"),
)
STAMPS = {"camp_id", "campaign name", "tag", "segment_ids", "date_sent", "date_event", "ts_sent", "ts_event", "ts"}


@pytest.fixture
def told(brevo, receiver):
    """A Brevo with Ann on lists 2 and 3, that tells the receiver of everything."""
    brevo.create(email=ANN, listIds=[2, 3])
    hook = {"url": receiver.url, "events": list(EVENTS), "type": "marketing"}
    assert brevo.call("POST", "/webhooks", hook).status_code == 201
    return brevo


def act(brevo, name: str, **body) -> None:
    brevo.control("POST", f"/acts/{name}", {"email": ANN, **body})
    brevo.call("GET", "/contacts")


@pytest.mark.parametrize(
    ("name", "body", "event", "more"),
    [
        ("unsubscribe", {}, "unsubscribe", {"list_id": [2, 3]}),
        ("unsubscribe", {"list_ids": [2]}, "unsubscribe", {"list_id": [2]}),
        ("leave_list", {"list_ids": [3]}, "unsubscribe", {"list_id": [3]}),
        ("spam", {}, "spam", {"reason": "undesired"}),
        ("hard_bounce", {}, "hard_bounce", {"reason": "550 5.1.1 no such mailbox"}),
        ("soft_bounce", {}, "soft_bounce", {"reason": "452 4.2.2 mailbox full"}),
        ("delivered", {}, "delivered", {}),
        ("opened", {}, "opened", {}),
        ("click", {}, "click", {"URL": "https://shop.example/sale"}),
    ],
)
def test_an_event_of_a_mail_has_its_shape(told, receiver, name, body, event, more):  # noqa: PLR0917 - a table
    act(told, name, **body)

    [found] = receiver.bodies
    assert (found["event"], found["email"], found["id"]) == (event, ANN, 1)
    assert set(found) == {"id", "event", "email", "sending_ip"} | STAMPS | set(more)
    assert {key: found[key] for key in more} == more


@pytest.mark.parametrize(
    ("name", "body", "event", "more"),
    [
        ("join_list", {"list_ids": [4]}, "list_addition", {"list_id": [4]}),
        ("resubscribe", {"list_ids": [4]}, "list_addition", {"list_id": [4]}),
        ("block", {}, "contact_updated", {"content": []}),
        ("unblock", {}, "contact_updated", {"content": []}),
        ("edit", {"attributes": {"firstname": "Ann"}}, "contact_updated", {"content": [{"FIRSTNAME": "Ann"}]}),
        ("delete", {}, "contact_deleted", {"list_id": [2, 3]}),
    ],
)
def test_an_event_of_a_contact_has_its_shape(told, receiver, name, body, event, more):  # noqa: PLR0917 - a table
    act(told, name, **body)

    [found] = receiver.bodies
    assert {key: found[key] for key in ("id", "event", "email", *more)} == {
        "id": 1,
        "event": event,
        "email": ANN,
        **more,
    }
    assert set(found) == {"id", "event", "email", "key", "date", "ts"} | set(more)


def test_contacts_that_are_deleted_together_are_told_in_one_event(told, receiver):
    told.create(email=BOB)

    act(told, "delete", others=[BOB])

    assert [one["email"] for one in receiver.bodies] == [[ANN, BOB]]
    assert told.call("GET", "/contacts").json["count"] == 0


@pytest.mark.parametrize(
    ("now", "hours"),
    [("2026-01-15", 1), ("2026-07-15", 2), ("2026-03-29", 1), ("2026-03-30", 2), ("2026-10-25", 2), ("2026-10-26", 1)],
)
def test_only_the_stamps_of_the_event_are_utc(told, receiver, now, hours):
    start = datetime.fromisoformat(f"{now}T00:30:00+00:00")
    told.clock.now = start.timestamp()
    act(told, "unsubscribe", ago_s=0)

    [found] = receiver.bodies
    assert found["ts_event"] == int(start.timestamp())
    assert found["ts"] == found["ts_event"] + hours * 3600
    assert found["date_event"] == datetime.fromtimestamp(found["ts"], tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def test_the_stamps_and_the_word_of_a_webhook_are_switches(told, receiver):
    told.switch(webhook_ts="utc", webhook_unsubscribe="unsubscribed")

    act(told, "unsubscribe")

    [found] = receiver.bodies
    assert (found["event"], found["ts"]) == ("unsubscribed", found["ts_event"])


def test_a_webhook_may_come_late_or_never(told, receiver):
    act(told, "spam", webhook=False)
    act(told, "hard_bounce", ago_s=3600)

    [found] = receiver.bodies
    assert (found["event"], found["ts_event"]) == ("hard_bounce", int(told.clock()) - 3600)
    assert told.read(ANN)["emailBlacklisted"] is True


@pytest.mark.parametrize(
    ("name", "body", "changed"),
    [
        ("unsubscribe", {}, {"emailBlacklisted": True}),
        ("spam", {}, {"emailBlacklisted": True}),
        ("hard_bounce", {}, {"emailBlacklisted": True}),
        ("block", {}, {"emailBlacklisted": True}),
        ("leave_list", {"list_ids": [2]}, {"listIds": [3], "listUnsubscribed": [2]}),
        ("soft_bounce", {}, {}),
        ("delivered", {}, {}),
        ("opened", {}, {}),
        ("click", {}, {}),
        ("block_transactional", {}, {}),
        ("edit", {"attributes": {"FIRSTNAME": "A"}}, {"attributes": {"FIRSTNAME": "A"}}),
        ("join_list", {"list_ids": [5]}, {"listIds": [2, 3, 5]}),
    ],
)
@pytest.mark.parametrize("is_modified", [True, False])
def test_an_act_changes_what_it_says_and_perhaps_the_time(told, name, body, changed, is_modified):
    told.switch(acts_modify=is_modified)
    before = told.read(ANN)
    told.clock.sleep(5)

    act(told, name, **body)

    after = told.read(ANN)
    assert {key: after[key] for key in after if key not in ("statistics", "modifiedAt")} == {
        **{key: before[key] for key in before if key not in ("statistics", "modifiedAt")},
        **changed,
    }
    assert (after["modifiedAt"] > before["modifiedAt"]) is (is_modified and bool(changed))


@pytest.mark.parametrize(("name", "how"), [("unblock", "operator"), ("resubscribe", "resubscribed")])
def test_a_lift_by_hand_is_told_apart_from_one_by_a_call(told, name, how):
    act(told, "unsubscribe")

    act(told, name)

    assert told.read(ANN)["emailBlacklisted"] is False
    [entry] = told.control("GET", "/mailable")["mailable"]
    assert (entry["how"], entry["by"]) == (how, f"act {name}")


def test_who_signs_up_again_for_a_list_is_not_put_back_on_it(told):
    act(told, "leave_list", list_ids=[2, 3])

    act(told, "resubscribe", list_ids=[2])
    act(told, "join_list", list_ids=[3])

    contact = told.read(ANN)
    assert (contact["listIds"], contact["listUnsubscribed"]) == ([2, 3], [])
    assert told.control("GET", "/mailable?how=list")["count"] == 0


def test_the_statistics_of_a_contact_tell_what_it_did(told):
    for name in ("delivered", "opened", "click", "soft_bounce", "hard_bounce", "spam", "unsubscribe", "block"):
        act(told, name, ago_s=60)

    found = told.read(ANN)["statistics"]
    leavings = found["unsubscriptions"]
    names = ("delivered", "opened", "clicked", "softBounces", "hardBounces", "complaints")
    assert [len(found[name]) for name in names] == [1] * 6
    assert [len(leavings[name]) for name in ("userUnsubscription", "adminUnsubscription")] == [1, 1]
    assert found["complaints"][0]["eventTime"] == "2026-11-20T23:59:00.000Z"
    assert told.call("GET", f"/contacts/{ANN}/campaignStats").json == found


def test_statistics_outlive_a_restart(make_brevo, tmp_path):
    for _ in range(2):
        brevo = make_brevo(journal=tmp_path / "j")
        if not brevo.call("GET", "/contacts").json["count"]:
            brevo.create(email=ANN)
            act(brevo, "spam")

    assert len(brevo.read(ANN)["statistics"]["complaints"]) == 1
    brevo.control("POST", "/reset")
    assert brevo.create(email=ANN) == 1
    assert brevo.read(ANN)["statistics"]["complaints"] == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/acts/dance", {"email": ANN}, 404),
        ("/acts/spam", {"email": BOB}, 404),
        ("/acts/spam", {"id": 9}, 404),
        ("/acts/spam", {"email": ANN, "list_ids": [2]}, 400),
        ("/acts/spam", {"email": ANN, "ago_s": "x"}, 400),
        ("/acts/leave_list", {"email": ANN}, 400),
        ("/acts/leave_list", {"email": ANN, "list_ids": [99]}, 400),
        ("/acts/leave_group", {"email": ANN, "group_ids": [1]}, 403),
        ("/acts/leave_group", {"email": ANN}, 400),
        ("/acts/edit", {"email": ANN}, 400),
        ("/acts/delete", {"email": ANN, "others": [BOB]}, 404),
    ],
)
def test_an_act_that_makes_no_sense_is_refused(told, path, body, status):
    assert told._http.post(f"/sandbox{path}", json=body).status_code == status
    assert told.call("GET", "/contacts").json["count"] == 1


def test_the_acts_there_are_say_what_they_do(brevo):
    acts = brevo.control("GET", "/acts")["acts"]

    assert {"unsubscribe", "leave_list", "leave_group", "spam", "hard_bounce", "unblock", "delete"} <= set(acts)
    assert all(one["plays"] for one in acts.values())
    assert {one["event"] for one in acts.values()} == {*EVENTS, ""}


def test_a_list_is_deleted_by_hand_and_nobody_is_told(told, receiver):
    calls = told.control("GET", "/calls")["total"]

    told.control("DELETE", "/lists/2")

    assert told.read(ANN)["listIds"] == [3]
    assert told.call("GET", "/contacts/lists/2").status_code == 404
    assert told._http.delete("/sandbox/lists/2").status_code == 404
    assert told.control("GET", "/calls")["total"] == calls + 2
    assert receiver.bodies == []


def test_batched_events_arrive_as_a_list_of_the_same_objects(brevo, receiver):
    hook = {"url": receiver.url, "events": ["spam", "contactUpdated"], "type": "marketing", "batched": True}
    brevo.call("POST", "/webhooks", hook)
    brevo.create(email=ANN)
    act(brevo, "spam")
    act(brevo, "edit", attributes={"FIRSTNAME": "A"})
    brevo.clock.sleep(300)
    brevo.call("GET", "/contacts")

    [batch] = receiver.bodies
    assert [(one["event"], one["email"]) for one in batch] == [("spam", ANN), ("contact_updated", ANN)]
    assert set(batch[0]) == {"id", "event", "email", "sending_ip", "reason"} | STAMPS
