from __future__ import annotations

import pytest

ANN = "ann@example.com"


def register(brevo, url: str, *events: str, **more) -> int:
    body = {"url": url, "events": list(events), "type": "marketing", **more}
    answer = brevo.call("POST", "/webhooks", body)
    assert answer.status_code == 201, answer.data
    return answer.json["id"]


def test_webhooks_are_registered_read_changed_and_deleted(brevo):
    number = register(brevo, "https://x.example/a", "unsubscribed", description="ours")

    assert brevo.call("GET", "/webhooks").json == {"webhooks": []}
    [row] = brevo.call("GET", "/webhooks", query="type=marketing").json["webhooks"]
    assert (row["id"], row["description"], row["events"]) == (number, "ours", ["unsubscribed"])
    assert (
        brevo.call("PUT", f"/webhooks/{number}", {"events": ["spam"], "url": "https://x.example/b"}).status_code == 204
    )
    assert brevo.call("GET", f"/webhooks/{number}").json["url"] == "https://x.example/b"
    assert brevo.call("DELETE", f"/webhooks/{number}").status_code == 204
    assert brevo.call("GET", f"/webhooks/{number}").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"events": ["spam"]},
        {"url": "https://x.example", "events": []},
        {"url": "https://x.example", "events": ["contactCreated"], "type": "marketing"},
        {"url": "https://x.example", "events": ["listAddition"], "type": "transactional"},
        {"url": "x.example", "events": ["spam"]},
    ],
)
def test_a_webhook_that_makes_no_sense_is_refused(brevo, body):
    assert brevo.call("POST", "/webhooks", body, wrong=True).status_code == 400


def test_there_are_forty_webhooks_at_most(brevo):
    for number in range(40):
        register(brevo, f"https://x.example/{number}", "spam")
    body = {"url": "https://x.example/41", "events": ["spam"], "type": "marketing"}

    assert brevo.call("POST", "/webhooks", body).status_code == 400


def test_camel_case_is_registered_and_snake_case_arrives(brevo, receiver):
    events = ("unsubscribed", "spam", "hardBounce", "listAddition", "contactUpdated", "contactDeleted")
    number = register(brevo, receiver.url, *events)
    brevo.create(email=ANN, listIds=[2])
    brevo.update(ANN, attributes={"FIRSTNAME": "Ann"})
    for act in ("unsubscribe", "spam", "hard_bounce"):
        brevo.control("POST", f"/{act}", {"email": ANN})
    brevo.call("DELETE", "/contacts/1")
    brevo.call("GET", "/contacts")

    names = [body["event"] for body in receiver.bodies]
    assert names == ["list_addition", "contact_updated", "unsubscribe", "spam", "hard_bounce", "contact_deleted"]
    assert {(body["id"], body["email"]) for body in receiver.bodies} == {(number, ANN)}
    assert receiver.bodies[0]["list_id"] == [2]
    assert receiver.bodies[1]["content"] == [{"FIRSTNAME": "Ann"}]
    assert receiver.bodies[2]["ts_event"] == int(brevo.clock())


def test_an_update_that_changes_nothing_and_other_events_are_not_told(brevo, receiver):
    brevo.create(email=ANN, listIds=[2])
    register(brevo, receiver.url, "contactUpdated", "listAddition")
    register(brevo, receiver.url, "unsubscribed", type="transactional")
    brevo.update(ANN, listIds=[2])
    brevo.control("POST", "/unsubscribe", {"email": ANN})
    brevo.call("GET", "/contacts")

    assert receiver.bodies == []


def test_bearer_basic_and_extra_headers_are_sent(brevo, receiver):
    register(brevo, receiver.url, "spam", auth={"type": "bearer", "token": "t"}, headers=[{"key": "X-A", "value": "1"}])
    register(brevo, receiver.url.replace("http://", "http://user:pass@"), "spam")
    brevo.create(email=ANN)
    brevo.control("POST", "/spam", {"email": ANN})
    brevo.call("GET", "/contacts")

    assert [one["authorization"] for one in receiver.headers] == ["Bearer t", "Basic dXNlcjpwYXNz"]
    assert receiver.headers[0]["x-a"] == "1"


@pytest.mark.parametrize(
    ("answers", "statuses", "state"),
    [
        ([200], [200], "delivered"),
        ([429, 429, 200], [429, 429, 200], "delivered"),
        ([429] * 9, [429] * 5, "dropped"),
        ([503], [503], "dropped"),
        ([500], [500], "dropped"),
        ([404], [404], "dropped"),
    ],
)
def test_only_429_and_silence_are_tried_again_five_times_in_all(brevo, receiver, answers, statuses, state):
    receiver.statuses = list(answers)
    register(brevo, receiver.url, "spam")
    brevo.create(email=ANN)
    brevo.control("POST", "/spam", {"email": ANN})
    for wait in (0, 600, 3600, 7200, 28800, 86400):
        brevo.clock.sleep(wait)
        brevo.call("GET", "/contacts")

    [delivery] = brevo.control("GET", "/webhooks")["deliveries"]
    assert (delivery["statuses"], delivery["state"]) == (statuses, state)


def test_a_retry_is_not_made_before_its_time(make_brevo, receiver):
    brevo = make_brevo(time_scale=0.001)
    receiver.statuses = [429]
    register(brevo, receiver.url, "spam")
    brevo.create(email=ANN)
    brevo.control("POST", "/spam", {"email": ANN})
    tries = []
    for wait in (0, 0.59, 0.02):
        brevo.clock.sleep(wait)
        brevo.call("GET", "/contacts")
        tries.append(len(receiver.bodies))

    assert tries == [1, 1, 2]


def test_nobody_at_the_address_is_tried_again(brevo, receiver):
    register(brevo, "http://127.0.0.1:9/closed", "spam")
    brevo.create(email=ANN)
    brevo.control("POST", "/spam", {"email": ANN})
    brevo.call("GET", "/contacts")

    [delivery] = brevo.control("GET", "/webhooks")["deliveries"]
    assert (delivery["statuses"], delivery["state"]) == ([0], "waiting")


def test_a_batched_webhook_gets_one_list_per_window(brevo, receiver):
    register(brevo, receiver.url, "unsubscribed", batched=True)
    for number in range(3):
        brevo.create(email=f"a{number}@example.com")
        brevo.control("POST", "/unsubscribe", {"email": f"a{number}@example.com"})
    brevo.clock.sleep(299)
    brevo.call("GET", "/contacts")
    early = len(receiver.bodies)
    brevo.clock.sleep(1)
    brevo.call("GET", "/contacts")

    assert (early, [len(body) for body in receiver.bodies]) == (0, [3])


def test_the_end_of_an_import_is_told(brevo, receiver):
    process = brevo.do_import(jsonBody=[{"email": ANN}], listIds=[2], notifyUrl=receiver.url)

    assert process["status"] == "completed"
    assert (receiver.bodies, receiver.paths) == ([None], ["/brevo"])
