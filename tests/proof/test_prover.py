"""The proof as a course of steps: what it makes, what it refuses, what ends it, and that it goes on after any crash."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from customer_sync.brevo.client import Brevo
from customer_sync.brevo.proof import before, canaries, passing, prover
from customer_sync.brevo.proof.cleaning import clean
from customer_sync.brevo.proof.doors import mark_of
from customer_sync.brevo.proof.hands import Hands
from customer_sync.brevo.proof.prover import REPEAT_S, STEPS
from customer_sync.brevo.webhooks import BrevoIntake
from customer_sync.config.settings import BrevoSettings
from customer_sync.engine.plan import Planned, Request, Says, Who, commit
from customer_sync.engine.planner import Planner
from customer_sync.errors import Refused
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Inbound
from customer_sync.reading import Read, Reader
from customer_sync.skills.customer_sync import CustomerSync
from customer_sync.store.counters import Tally
from customer_sync.store.inbox import Entry
from customer_sync.store.proofs import Closing
from customer_sync.worker.schedule import advance_proof
from tests.proof.rig import ADDRESS, URL, ProofRig, settings

DAY_S = 86_400


class Killed(BaseException):
    """The process ends here."""


def wipe(rig: ProofRig, **more: bool):
    return clean(rig.store, Brevo(URL, "k", rig.http, rig.store.limits, Tally()), Tally(), **more)


def known(rig: ProofRig, email: str) -> None:
    """Let a shop tell of a customer."""
    rig.store.lanes.register("contacts", keeps="people")
    planner = Planner(rig.store.people, rig.store.now_ms())
    step = Says(Who("shop", datetime.now(UTC), "7", email), {"FIRSTNAME": "Jane"})
    commit(rig.store, [Request("", [Planned(planner.groups([step], [], datetime.now(UTC)))])], lambda _: None)


# what it makes


def test_where_every_door_was_seen_to_do_harm_nobody_waits_for_more(client):
    rig = ProofRig(client, import_blocks="lift_email", import_lists="replace", import_shared="merge")
    began_ms = rig.now_ms

    receipt = rig.prove()

    assert {one["verdict"] for one in receipt["doors"].values()} == {"failed"}
    assert rig.now_ms - began_ms < 120_000


def test_another_port_of_the_sandbox_is_the_same_account(client):
    rig = ProofRig(client)
    marks = {
        mark_of(replace(rig.settings, brevo=BrevoSettings(api_key=key, base_url=url)), rig.store)
        for key in (None, "k")
        for url in ("http://localhost:1/v3", "http://localhost:2/v3")
    }

    assert len(marks) == 3


def test_no_canary_is_on_a_list_of_the_operators_or_lifted_ever(quick):
    quick.prove()

    ours = {quick.store.proofs.read().proof["emails"][letter] for letter in ("A", "B", "E", "G")}
    contacts = quick.contacts()
    assert ours <= set(contacts)
    assert all(not {1, 2} & set(one["listIds"]) for one in contacts.values())
    assert quick.call("GET", "/sandbox/mailable")["mailable"] == []


def test_no_call_of_the_proof_says_that_a_block_is_lifted(quick):
    bodies: list[str] = []
    quick.http.before = lambda method, path, body: bodies.append((body or b"").decode())
    quick.prove()

    assert not [
        body
        for body in bodies
        if 'lacklisted":false' in body.replace(" ", "") or ('acklist":' in body and "import" in body)
    ]


def test_numbers_are_those_that_nobody_has(quick):
    sent: list[str] = []
    quick.http.before = lambda method, path, body: sent.append((body or b"").decode())
    quick.prove()

    numbers = {word for body in sent for word in re.findall(r'"SMS":"([^"]*)"', body.replace(" ", ""))}
    assert numbers
    assert all(number.startswith("+447700900") and len(number) == 13 for number in numbers)


def test_what_a_pass_made_is_gone_after_it(quick):
    quick.prove()

    assert set(quick.contacts()) == set(quick.store.proofs.read().proof["emails"].values())
    lists = {one["name"] for one in quick.call("GET", "/v3/contacts/lists?limit=50")["lists"]}
    assert {name for name in lists if name.startswith("Tajo")} == {
        canaries.title_of(name, quick.store.proofs.owner()) for name in ("home", "first")
    }


def test_a_second_proof_goes_on_with_the_same_canaries(quick):
    quick.prove()
    before = set(quick.contacts())

    quick.prove()

    assert set(quick.contacts()) == before


def test_another_address_takes_over_and_the_old_canaries_go(quick):
    quick.prove()
    quick.prover.begin("you@example.com")

    quick.finish()

    assert all(email.startswith("you+tajo-") for email in quick.contacts())
    assert quick.doors().updates.is_open


def test_a_blocked_b_gets_another_address_instead_of_being_unblocked(quick):
    quick.prove()
    old = quick.canary("B")
    quick.call("POST", "/sandbox/acts/unsubscribe", {"email": old})

    quick.prove()

    assert quick.canary("B") != old
    assert old not in quick.contacts()
    assert quick.doors().updates.is_open
    assert quick.call("GET", "/sandbox/mailable")["mailable"] == []


@pytest.mark.parametrize("attribute", ["WHATSAPP", "LANDLINE_NUMBER", "EXT_ID"])
@pytest.mark.parametrize(("shared", "why"), [("merge", "failed"), ("refuse", "open")])
def test_every_attribute_that_only_one_may_have_is_tried(client, attribute, shared, why):
    rig = ProofRig(client, {"note": attribute}, import_shared=shared)
    rig.prove()

    assert rig.doors().phones.why == why


def test_without_such_an_attribute_the_door_stays_closed(client):
    rig = ProofRig(client, {})
    rig.prove()

    assert (rig.doors().updates.why, rig.doors().phones.why) == ("open", "unclear")


def test_no_other_import_begins_while_one_of_the_proof_runs(quick):
    quick.prover.begin(ADDRESS)
    quick.until("follow updates")

    assert not quick.store.imports.has_room()
    assert quick.store.imports.open("contacts") is None
    quick.finish()
    assert quick.store.imports.has_room()


def test_it_waits_for_an_import_that_runs(quick):
    held = quick.store.imports.open("contacts")
    quick.prover.begin(ADDRESS)
    for _ in range(30):
        quick.step()
    assert quick.prover.look().step == "send updates"

    quick.store.imports.close(held[0])
    quick.finish()

    assert quick.doors().updates.is_open


# bad input


@pytest.mark.parametrize("text", ["me", "", "a b@example.com", "me@", f"{'x' * 60}@example.com"])
def test_what_is_no_address_is_refused(quick, text):
    with pytest.raises(Refused):
        quick.prover.begin(text)


def test_a_customers_address_is_refused(quick):
    known(quick, ADDRESS)

    with pytest.raises(Refused, match="customer"):
        quick.prover.begin(ADDRESS)


@pytest.mark.parametrize("who", ["customer", "contact"])
def test_somebody_elses_canary_address_ends_it_and_nothing_of_theirs_changes(quick, monkeypatch, who):
    monkeypatch.setattr(canaries, "new_tag", lambda: "0000")
    email = "me+tajo-b-0000@example.com"
    if who == "customer":
        known(quick, email)
    else:
        quick.call("POST", "/v3/contacts", {"email": email, "attributes": {"FIRSTNAME": "Jane"}})

    quick.prove()

    assert quick.doors().updates.why == "unclear"
    assert who in quick.doors().updates.text.lower()
    assert wipe(quick).contacts
    assert set(quick.contacts()) == ({email} if who == "contact" else set())


@pytest.mark.parametrize("letter", ["y", "xs"])
def test_a_contact_at_an_address_of_a_row_ends_it_and_stays(quick, monkeypatch, letter):
    monkeypatch.setattr(canaries, "new_tag", lambda: "0000")
    email = f"me+tajo-{letter}-0000@example.com"
    quick.call("POST", "/v3/contacts", {"email": email, "attributes": {"FIRSTNAME": "Jane"}})

    quick.prove()

    assert quick.doors().updates.why == "unclear"
    wipe(quick)
    assert set(quick.contacts()) == {email}


def test_a_contact_that_no_proof_made_is_never_deleted(quick):
    email = "me+tajo-y-0000@example.com"
    quick.call("POST", "/v3/contacts", {"email": email})

    assert not Hands(Brevo(URL, "k", quick.http, quick.store.limits, Tally()), quick.store.limits, lambda: None).delete(
        email
    )
    assert email in quick.contacts()


def test_consent_groups_are_refused_and_remembered(quick):
    quick.call("POST", "/sandbox/switches", {"consent_groups": True})

    with pytest.raises(Refused, match="consent groups"):
        quick.prover.begin(ADDRESS)
    assert quick.store.note("consent_groups")


def test_consent_groups_that_come_later_close_all(quick):
    quick.prove()
    quick.call("POST", "/sandbox/switches", {"consent_groups": True})
    with pytest.raises(Refused):
        quick.prover.begin(ADDRESS)

    assert quick.doors().updates.why == "consent_groups"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"kind": "no_imports"}, "takes no imports"),
        ({"kind": "read_only_key"}, "lacks a permission"),
        ({"kind": "empty_error", "status": 402, "path": "/contacts/import"}, "not enough credit"),
        ({"kind": "empty_error", "status": 405, "path": "/contacts/import"}, "takes no imports"),
        ({"kind": "import_fails"}, "failed"),
    ],
)
def test_an_account_without_imports_closes_and_says_why(quick, fault, told):
    quick.call("POST", "/sandbox/faults", fault)
    quick.prover.begin(ADDRESS)

    quick.finish()

    assert quick.doors().updates.why == "unclear"
    assert told in quick.doors().updates.text
    assert quick.store.imports.has_room()


@pytest.mark.parametrize("name", ["home", "first", "second"])
def test_a_list_that_is_deleted_meanwhile_closes_and_is_made_anew(quick, name):
    quick.prover.begin(ADDRESS)
    quick.until("minute")
    state = quick.store.proofs.run()
    quick.call("DELETE", f"/sandbox/lists/{(state['lists'] | state['passes'][0]['lists'])[name]}")

    quick.finish()

    assert quick.doors().updates.why == "unclear"
    assert canaries.LISTS[name] in quick.doors().updates.text
    quick.prove()
    assert quick.doors().updates.is_open


def test_who_stops_in_the_middle_leaves_nothing_open_and_nothing_behind(quick):
    quick.prover.begin(ADDRESS)
    quick.until("follow creates")
    assert not quick.doors().updates.is_open

    wipe(quick)

    assert quick.contacts() == {}
    assert quick.prover.look().state == "none"
    assert quick.store.imports.has_room()


def test_all_is_found_where_redis_was_emptied(quick):
    quick.prove()
    quick.call("POST", "/v3/contacts", {"email": "jane@example.com"})
    quick.client.flushall()
    assert (wipe(quick).contacts, wipe(quick).others) == (0, 10)

    removed = wipe(quick, everyones=True)

    assert removed.contacts == 8
    assert set(quick.contacts()) == {"jane@example.com"}
    assert removed.folder


def test_canaries_are_found_by_their_mark_where_their_lists_are_gone(quick):
    quick.prove()
    for number in (3, 4):
        quick.call("DELETE", f"/sandbox/lists/{number}")
    quick.client.flushall()

    assert wipe(quick, everyones=True).contacts == 8


def test_cleaning_leaves_the_proof_of_another_tajo_on_the_account(quick):
    quick.prove()
    before, attributes = quick.contacts(), quick.call("GET", "/v3/contacts/attributes")
    stored = {name: quick.client.dump(name) for name in quick.client.scan_iter()}
    quick.client.flushall()  # this is the other one's Redis now
    quick.open().begin("you@example.com")
    quick.until("before")

    wipe(quick)

    assert quick.contacts() == before
    assert quick.call("GET", "/v3/contacts/attributes") == attributes
    for name, text in stored.items():
        quick.client.restore(name, 0, text, replace=True)
    quick.prove()
    assert quick.doors().updates.is_open


def test_a_folder_that_holds_other_lists_stays(quick):
    quick.prove()
    folders = quick.call("GET", "/v3/contacts/folders?limit=50")["folders"]
    number = next(one["id"] for one in folders if one["name"] == "Tajo")
    quick.call("POST", "/v3/contacts/lists", {"name": "Tajo import 1, do not send", "folderId": number})

    assert not wipe(quick).folder


# going on


def test_it_takes_at_least_half_an_hour_of_brevos_time(rig):
    begun = rig.now_ms

    rig.prove()

    assert rig.now_ms - begun >= 3 * passing.READS_S["ten"] * 1000


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_dies_in_each_step_costs_nothing_but_time(quick, when, monkeypatch):
    monkeypatch.setattr(prover, "VISIT_S", -1.0)
    killed: set[str] = set()
    calls = 0

    def die(*_: object) -> None:
        nonlocal calls
        step, calls = quick.prover.look().step, calls + 1
        if (step not in killed or calls % 23 == 0) and len(killed) < len(STEPS):
            killed.add(step)
            raise Killed

    quick.prover.begin(ADDRESS)
    setattr(quick.http, when, die)
    for _ in range(400):
        try:
            if quick.step().receipt is not None:
                break
        except Killed:
            quick.wait(3)
            quick.prover = quick.open()

    assert killed >= {step for step in STEPS if step != "click"}
    assert [quick.doors().door(name).why for name in ("updates", "phones", "lists")] == ["open"] * 3
    assert set(quick.contacts()) == set(quick.store.proofs.read().proof["emails"].values())
    assert quick.call("GET", "/sandbox/mailable")["mailable"] == []


def test_an_import_that_brevo_may_have_is_not_sent_again_as_it_is(quick):
    quick.prover.begin(ADDRESS)
    quick.until("send updates")
    texts: list[bytes] = []

    def die(method: str, path: str, body: bytes | None) -> None:
        if path.endswith("/contacts/import"):
            texts.append(body or b"")

    def after(method: str, path: str, reply: object) -> None:
        if path.endswith("/contacts/import") and len(texts) == 1:
            raise Killed

    quick.http.before, quick.http.after = die, after
    with pytest.raises(Killed):
        quick.step()
    receipt = quick.finish()

    assert any("begins anew" in one["text"] for one in receipt["log"])
    assert len(set(texts)) == len(texts) == 4
    assert quick.doors().updates.is_open


def test_a_process_that_lost_its_turn_writes_nothing(quick):
    quick.prover.begin(ADDRESS)
    quick.until("before")
    stored = quick.store.proofs.run()
    quick.http.before = lambda *_: quick.store.proofs.seize_turn()

    quick.prover.step()

    quick.http.before = lambda *_: None
    assert quick.store.proofs.run() == stored


def test_two_processes_do_not_step_at_once(quick):
    quick.prover.begin(ADDRESS)
    other = quick.open()
    seen: list[float] = []

    def meanwhile(*_: object) -> None:
        quick.http.before = lambda *_: None
        seen.append(other.step().wait_s)

    quick.http.before = meanwhile
    quick.prover.step()

    assert seen == [2.0]


def test_a_brevo_that_is_away_is_waited_for(quick):
    quick.prover.begin(ADDRESS)
    quick.until("read creates")
    quick.call("POST", "/sandbox/faults", {"kind": "down", "count": 5})

    assert quick.step().trouble
    quick.finish()

    assert quick.doors().updates.is_open


def test_what_takes_more_than_a_day_ends(quick):
    quick.prover.begin(ADDRESS)
    quick.until("ten")
    quick.wait(DAY_S)

    quick.finish()

    assert "within a day" in quick.doors().updates.text


@pytest.mark.parametrize("sights", [[], [["updates", {"A": [1, True]}]]])
def test_another_version_in_the_middle_ends_it_whatever_it_stored(quick, sights):
    quick.prover.begin(ADDRESS)
    quick.until("minute")
    state = quick.store.proofs.run()
    state["passes"][-1] |= {"sights": sights, "dropped": 1}
    quick.client.set("tajo:proof:run", json.dumps({**state, "version": "0", "dropped": [1]}))

    quick.finish()

    assert "Another version" in quick.doors().updates.text


def test_another_key_in_the_middle_ends_it(quick):
    quick.prover.begin(ADDRESS)
    quick.until("minute")
    quick.client.set("tajo:proof:run", json.dumps({**quick.store.proofs.run(), "mark": "another"}))

    quick.finish()

    assert "key or the account was changed" in quick.doors().updates.text


def test_a_click_that_never_comes_is_not_waited_for_for_ever(quick, monkeypatch):
    monkeypatch.setattr(before, "CLICK_S", 60.0)
    quick.prover.begin(ADDRESS, with_click=True)

    receipt = quick.finish()

    assert quick.doors().updates.is_open
    assert not receipt["covers_left"]
    assert "nobody clicked" in str(receipt["log"])


# the schedule


def test_the_schedule_repeats_what_was_agreed_to_before_the_week_is_over(quick):
    quick.prove(is_weekly=True)
    quick.wait(REPEAT_S - 60)
    assert not quick.prover.repeat_if_due()
    quick.wait(120)
    quick.client.delete(*quick.client.keys("tajo:slot:proof:*") or ["x"])

    assert quick.prover.repeat_if_due()
    assert quick.finish()["by"] == "schedule"

    assert quick.doors().updates.is_open
    assert quick.store.proofs.read().proof["weekly"]


@pytest.mark.parametrize("why", ["not agreed", "closed since", "failed", "another key"])
def test_the_schedule_begins_no_other_proof(quick, why):
    if why == "failed":
        quick.call(
            "POST",
            "/sandbox/switches",
            {"import_blocks": "lift_both", "import_lists": "replace", "import_shared": "merge"},
        )
    quick.prove(is_weekly=why != "not agreed")
    if why == "closed since":
        quick.store.proofs.close(["updates"], Closing("flipped", "A canary is blocked.", quick.now_ms))
    if why == "another key":
        record = {**quick.store.proofs.read().proof, "mark": "another"}
        quick.store.proofs.write(record)
    quick.wait(REPEAT_S + 60)

    assert not quick.prover.repeat_if_due()


def test_a_repeat_keeps_the_sizes_that_were_passed(quick):
    quick.prove(is_weekly=True)
    quick.store.proofs.stepped(0)
    quick.wait(REPEAT_S + 60)
    assert quick.prover.repeat_if_due()

    quick.finish()

    assert quick.doors().step == 1


def test_a_repeat_that_fails_closes_and_tells(quick):
    quick.prove(is_weekly=True)
    quick.wait(REPEAT_S + 60)
    quick.prover.repeat_if_due()
    quick.call("POST", "/sandbox/switches", {"import_blocks": "lift_email"})

    quick.finish()

    assert quick.doors().updates.why == "failed"
    assert any("no longer do this: updates" in one["alert"] for one in quick.store.ledger.alerts())


def test_a_rider_that_changed_closes_at_the_repeat(quick):
    quick.prove(is_weekly=True)
    quick.call("POST", "/sandbox/acts/unblock", {"email": quick.canary("RA")})
    quick.wait(REPEAT_S + 60)
    quick.prover.repeat_if_due()

    quick.finish()

    assert quick.doors().updates.why == "failed"
    assert "rides along" in quick.doors().updates.text


def test_a_canary_that_rides_along_is_not_mended_while_an_import_that_updates_runs(quick):
    quick.prove()
    rider = quick.canary("RA")
    quick.store.proofs.close(["updates"], Closing("unclear", "seen", quick.now_ms))
    quick.wait(1)
    held = quick.store.imports.open("contacts", "updates")
    quick.call("POST", "/sandbox/acts/unblock", {"email": rider})
    quick.prover.begin(ADDRESS)
    for _ in range(20):
        quick.step()
    assert not quick.contacts()[rider]["emailBlacklisted"]

    quick.store.imports.close(held[0])
    quick.finish()

    assert quick.contacts()[rider]["emailBlacklisted"]


@pytest.mark.parametrize("was_closed", [False, True])
def test_a_door_that_is_closed_while_the_proof_runs_stays_closed(quick, was_closed):
    quick.prove()
    if was_closed:
        quick.store.proofs.close(["updates"], Closing("unclear", "seen before", quick.now_ms))
        quick.wait(1)
    quick.prover.begin(ADDRESS)
    quick.until("ten")
    quick.store.proofs.close(["updates"], Closing("flipped", "Canary A is not blocked any more.", quick.now_ms))

    quick.finish()

    assert (quick.doors().updates.why, quick.doors().lists.why) == ("flipped", "open")


def test_a_new_proof_takes_back_what_was_closed_before_it(quick):
    quick.prove()
    quick.store.proofs.close(["updates"], Closing("flipped", "Canary A is not blocked any more.", quick.now_ms))
    quick.wait(1)

    quick.prove()

    assert quick.doors().updates.is_open


# webhooks


def read(rig: ProofRig, body: dict[str, str]) -> Read:
    """Read a webhook of Brevo's."""
    entry = Entry("1-0", Inbound("brevo", {}, json.dumps(body).encode(), datetime.now(UTC)), 0)
    intake = BrevoIntake(SourceSettings("brevo", "brevo", ("t",)))
    return Reader(rig.store, {"brevo": intake}, [CustomerSync(lambda _: {})], rig.now_ms).read(entry)


@pytest.mark.parametrize("event", ["unsubscribed", "spam", "hard_bounce", "contact_deleted"])
def test_a_webhook_about_a_canary_changes_nobody(quick, event):
    quick.prove()

    assert read(quick, {"event": event, "email": quick.canary("B").upper()}).is_ignored


def test_a_webhook_about_an_address_that_only_looks_like_one_is_read(quick):
    assert len(read(quick, {"event": "unsubscribed", "email": "jane+tajo-a-beef@example.com"}).events) == 1


# the worker


def test_the_workers_tick_advances_it(quick):
    quick.prover.begin(ADDRESS)
    for _ in range(200):
        advance_proof(quick.prover)
        if quick.prover.look().state == "none":
            break
        quick.wait(5)

    assert quick.doors().updates.is_open


def test_a_repeat_that_cannot_begin_stops_no_tick(quick):
    quick.prove(is_weekly=True)
    quick.call("POST", "/sandbox/switches", {"consent_groups": True})
    quick.wait(REPEAT_S + 60)

    advance_proof(quick.prover)

    assert quick.doors().updates.why == "consent_groups"


@pytest.mark.parametrize("attribute", ["SMS", "EXT_ID"])
def test_an_attribute_that_was_not_tried_closes_the_door_for_phones(quick, attribute):
    quick.prove()
    quick.settings = settings({"phone": "SMS", "note": attribute})

    assert quick.doors().phones.why == ("open" if attribute == "SMS" else "new_mapping")


def test_no_two_canaries_get_one_number(monkeypatch):
    drawn = iter([1, 1, 2])
    monkeypatch.setattr(canaries.secrets, "randbelow", lambda _: next(drawn))

    assert canaries.new_value("SMS", ()).endswith("001")
    assert canaries.new_value("SMS", {"+447700900001"}).endswith("002")
