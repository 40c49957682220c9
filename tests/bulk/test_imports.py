"""Many new people go along in one import, and everything about it is verified before it counts."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import redis

from customer_sync import pipeline
from customer_sync.brevo.contacts import imports, kept_loads
from customer_sync.brevo.contacts.import_rows import MAX_BYTES, Key, Load
from customer_sync.brevo.contacts.imports import Terms
from customer_sync.brevo.contacts.technical_list import list_name
from customer_sync.config.settings import BrevoSettings, Settings
from customer_sync.model import Channel, Consent, ConsentState, Priority
from customer_sync.store.import_row import Row
from customer_sync.store.imports import Gone
from customer_sync.store.items import SOLO_TRIES
from customer_sync.store.lanes import Pace
from tests.bulk.rig import EAGER, LANE, RIDERS, BulkRig, at, customer, customers
from tests.reliability.servers import wait_until
from tests.rig import LIST


def sent_imports(rig):
    """The bodies of the imports that Brevo was sent, as they were."""
    found = []
    rig.http.before = lambda method, path, body: path == "v3/contacts/import" and found.append(json.loads(body))
    return found


def agreed(event):
    seen = Consent(Channel.EMAIL, ConsentState.GRANTED, at(-200), "form", explicit=True)
    return replace(event, consents=(seen,))


def withdrawn(event, when=-150):
    seen = Consent(Channel.EMAIL, ConsentState.WITHDRAWN, at(when), "form", explicit=True)
    return replace(event, consents=(seen,))


def test_many_new_people_go_along_in_one_call(rig):
    rig.put(customers(30))

    rig.settle()

    assert rig.calls("POST", "/contacts/import") == 1
    assert rig.calls("POST", "/contacts") == 0
    assert len(rig.contacts()) == 30
    assert rig.contacts()["p7@example.com"]["attributes"]["FIRSTNAME"] == "Jane 7"


def test_the_next_run_finds_them_unchanged(rig):
    rig.put(customers(30))
    rig.settle()

    rig.put(customers(30, when=-50))
    rig.settle()

    assert rig.calls("POST", "/contacts/import") == 1
    assert rig.calls("POST", "/contacts") == 0
    assert rig.counted()["tajo_items_total|contacts|unchanged"] == 30


def test_what_is_remembered_is_what_a_single_delivery_would_remember(rig):
    rig.put([agreed(customer(1, city="Ghent"))])
    rig.settle()
    rig.put([agreed(customer(2, city="Ghent"))], Priority.LIVE)
    rig.settle()

    imported, single = rig.has("p1@example.com"), rig.has("p2@example.com")
    assert (imported.lists, imported.blocked, imported.refused) == (single.lists, single.blocked, single.refused)
    assert (imported.is_there, imported.is_read, imported.filled) == (single.is_there, single.is_read, single.filled)
    assert imported.digest
    assert len(imported.digest) == len(single.digest)


def test_no_import_can_change_anybody_or_touch_a_block(rig):
    bodies = sent_imports(rig)
    rig.put(customers(3))

    rig.settle()

    (body,) = bodies
    assert body["updateExistingContacts"] is False
    assert body["disableNotification"] is True
    assert not [name for name in body if "lacklist" in name]


def test_who_withdrew_never_goes_along(rig):
    bodies = sent_imports(rig)
    rig.put([agreed(customer(1)), withdrawn(customer(2))])

    rig.settle()

    assert [row["email"] for body in bodies for row in body["jsonBody"]] == ["p1@example.com"]
    assert rig.contacts()["p2@example.com"]["emailBlacklisted"]


def test_who_agreed_joins_the_lists_and_nobody_else(rig):
    rig.put([agreed(customer(1)), customer(2)])

    rig.settle()

    assert LIST in rig.contacts()["p1@example.com"]["listIds"]
    assert LIST not in rig.contacts()["p2@example.com"]["listIds"]
    assert rig.has("p1@example.com").lists == (LIST,)
    assert rig.has("p2@example.com").lists == ()


def test_booleans_are_sent_as_texts_and_empty_values_not_at_all(rig):
    rig.sandbox.attributes.create("normal", "VIP", {"type": "boolean"})
    rig.rules = rig.rules.with_attributes({**(rig.rules.attributes or {}), "VIP": "boolean"})
    bodies = sent_imports(rig)
    rig.put([customer(1, city=None)])
    rig.put_fields(1, {"VIP": True})

    rig.settle()

    assert bodies[0]["jsonBody"] == [{"email": "p1@example.com", "attributes": {"FIRSTNAME": "Jane 1", "VIP": "true"}}]
    assert rig.contacts()["p1@example.com"]["attributes"]["VIP"] is True


def test_lists_of_values_go_singly_because_nobody_knows_whether_an_import_reads_them(rig):
    rig.sandbox.attributes.create("normal", "TAGS", {"type": "multiple-choice", "multiCategoryOptions": ["a", "b"]})
    rig.rules = rig.rules.with_attributes({**(rig.rules.attributes or {}), "TAGS": "multiple-choice"})
    rig.put([customer(1)])
    rig.put_fields(1, {"TAGS": ["a", "b"]})

    rig.settle()

    assert rig.calls("POST", "/contacts/import") == 0
    assert rig.contacts()["p1@example.com"]["attributes"]["TAGS"] == ["a", "b"]


def test_who_is_in_brevo_already_is_found_out_and_updated_singly(rig):
    rig.call("POST", "/v3/contacts", {"email": "p2@example.com", "attributes": {"FIRSTNAME": "Old"}})
    rig.put(customers(5))

    rig.settle()

    assert rig.contacts()["p2@example.com"]["attributes"]["FIRSTNAME"] == "Jane 2"
    assert rig.calls("POST", "/contacts") == 2  # the one by others, and ours
    assert rig.counted()["tajo_import_rows_total|existed"] == 1


def test_who_is_in_brevo_already_joins_the_lists_that_they_agreed_to(rig):
    rig.call("POST", "/v3/contacts", {"email": "p2@example.com"})
    rig.put([agreed(one) for one in customers(5)])

    rig.settle()

    assert LIST in rig.contacts()["p2@example.com"]["listIds"]
    assert rig.calls("GET", "/contacts/{identifier}") == 1  # whether they left the list before


def test_who_left_a_list_in_brevo_before_is_not_put_on_it_again_by_an_import(rig):
    body = {"email": "p2@example.com", "listIds": [LIST], "updateEnabled": True}
    rig.call("POST", "/v3/contacts", body)
    rig.call("POST", "/sandbox/unsubscribe", {"email": "p2@example.com", "list_ids": [LIST]})
    rig.put([agreed(one) for one in customers(5)])

    rig.settle()

    assert LIST not in rig.contacts()["p2@example.com"]["listIds"]


def test_who_is_blocked_in_brevo_without_our_knowledge_stays_blocked(rig):
    rig.call("POST", "/v3/contacts", {"email": "p2@example.com", "emailBlacklisted": True})
    rig.put([agreed(one) for one in customers(5)])

    rig.settle()

    assert rig.contacts()["p2@example.com"]["emailBlacklisted"]
    assert rig.contacts()["p2@example.com"]["attributes"]["FIRSTNAME"] == "Jane 2"
    assert rig.call("GET", "/sandbox/mailable")["mailable"] == []


def test_others_who_create_contacts_meanwhile_do_not_hide_one_that_was_there(rig):
    rig.call("POST", "/v3/contacts", {"email": "p2@example.com", "attributes": {"FIRSTNAME": "Old"}})
    rig.sandbox_passes(60)
    rig.put(customers(5))
    rig.load()
    # as many new ones as rows that were not imported: a mere count of new contacts would be right by accident
    rig.call("POST", "/v3/contacts", {"email": "somebody@example.com"})

    rig.settle()

    assert rig.contacts()["p2@example.com"]["attributes"]["FIRSTNAME"] == "Jane 2"


def with_phones(client):
    """A rig of an operator who lets rows carry phones."""
    rig = BulkRig(client)
    rig.settings = Settings(brevo=BrevoSettings(api_key="k", import_phones=True))
    rig.line = rig.open_line()
    rig.sandbox.switches.import_shared = "refuse"
    rig.call("POST", "/v3/contacts", {"email": "other@example.com", "attributes": {"SMS": "+32470123456"}})
    return rig


def test_a_phone_follows_its_row_singly_because_an_import_may_merge_contacts_that_share_one(rig):
    bodies = sent_imports(rig)
    rig.put([customer(1, phone="+32470123451"), customer(2)])

    rig.settle()

    assert [sorted(row["attributes"]) for row in bodies[0]["jsonBody"]] == [["FIRSTNAME"], ["FIRSTNAME"]]
    assert rig.contacts()["p1@example.com"]["attributes"] == {"FIRSTNAME": "Jane 1", "SMS": "32470123451"}
    assert rig.calls("POST", "/contacts") == 1
    assert rig.counted()["tajo_import_rows_total|without phone"] == 1


def test_a_phone_that_another_contact_has_is_found_out_when_it_follows(rig):
    rig.call("POST", "/v3/contacts", {"email": "other@example.com", "attributes": {"SMS": "+32470123456"}})
    rig.put([customer(1), customer(2, phone="+32470123456"), customer(3)])

    rig.settle()

    assert "SMS" not in rig.contacts()["p2@example.com"]["attributes"]
    assert rig.contacts()["other@example.com"]["attributes"] == {"SMS": "32470123456"}
    assert "SMS" in rig.has("p2@example.com").refused
    assert rig.calls("POST", "/contacts/import") == 1


def test_where_rows_may_carry_phones_they_do_and_nothing_follows(client):
    rig = with_phones(client)
    rig.put([customer(1, phone="+32470123451"), customer(2)])

    rig.settle()

    assert rig.contacts()["p1@example.com"]["attributes"] == {"FIRSTNAME": "Jane 1", "SMS": "32470123451"}
    assert rig.calls("POST", "/contacts") == 1  # the one by others
    assert "tajo_import_rows_total|without phone" not in rig.counted()


def test_rows_that_an_import_refuses_go_singly_without_the_field_that_is_at_fault(client):
    rig = with_phones(client)
    rig.put([customer(1), customer(2, phone="+32470123456"), customer(3)])

    rig.settle()

    assert "SMS" not in rig.contacts()["p2@example.com"]["attributes"]
    assert "SMS" in rig.has("p2@example.com").refused
    assert rig.calls("POST", "/contacts/import") == 1
    assert rig.counted()["tajo_import_rows_total|refused"] == 1


def test_files_of_refused_rows_that_cannot_be_read_cost_a_closer_look_and_nothing_else(client):
    rig = with_phones(client)
    rig.put([customer(1), customer(2, phone="+32470123456"), customer(3)])
    rig.load()

    rig.http.before = lambda _, path, __: path.startswith("sandbox/files") and rig.down()
    rig.settle()

    assert set(rig.contacts()) == {"p1@example.com", "p2@example.com", "p3@example.com", "other@example.com"}
    assert rig.has("p1@example.com").digest


def test_a_few_go_singly(client):
    rig = BulkRig(client, terms=Terms(min_rows=5, pace=EAGER.pace))
    rig.put(customers(4))

    rig.settle()

    assert rig.calls("POST", "/contacts/import") == 0
    assert rig.calls("POST", "/contacts") == 4


def test_bulk_items_wait_until_there_are_enough_or_one_has_waited_long_enough(client):
    rig = BulkRig(client, terms=Terms(min_rows=1, pace=Pace(ripe_items=10, ripe_s=0.15)))
    rig.put(customers(9))
    rig.load()
    assert rig.calls("POST", "/contacts/import") == 0

    rig.tick(0.15)
    rig.load()

    assert rig.calls("POST", "/contacts/import") == 1


def test_updates_of_a_run_go_singly(rig):
    rig.put(customers(3))
    rig.settle()

    rig.put(customers(3, when=-50, city="Ghent"))
    rig.settle()

    assert rig.calls("POST", "/contacts/import") == 1
    assert rig.calls("POST", "/contacts") == 3
    assert rig.contacts()["p3@example.com"]["attributes"]["CITY"] == "Ghent"


def test_a_backlog_of_live_work_goes_along_and_what_is_urgent_does_not(client):
    rig = BulkRig(client, terms=Terms(min_rows=1, pace=Pace(ripe_items=1, ripe_s=0.0, backlog=20)))
    bodies = sent_imports(rig)
    rig.put(customers(30), Priority.LIVE)
    rig.put([withdrawn(customer(99))], Priority.URGENT)

    rig.settle()

    assert len(bodies[0]["jsonBody"]) == 30
    assert rig.contacts()["p99@example.com"]["emailBlacklisted"]


def test_live_work_below_a_backlog_is_left_to_the_live_loop(rig):
    rig.put(customers(30), Priority.LIVE)

    rig.load()

    assert rig.calls("POST", "/contacts/import") == 0


def test_live_items_that_cannot_go_along_keep_their_place_and_are_looked_at_once(client):
    rig = BulkRig(client, terms=Terms(min_rows=1, pace=Pace(ripe_items=1, ripe_s=0.0, backlog=2)))
    rig.put([withdrawn(one) for one in customers(5)], Priority.LIVE)
    before = client.zrange("tajo:q:contacts:1", 0, -1, withscores=True)

    rig.load()
    rig.load()

    assert client.zrange("tajo:q:contacts:1", 0, -1, withscores=True) == before
    assert rig.store.lanes.load(LANE, 10, "", rig.terms.pace).state == "empty"


def test_more_than_eight_megabytes_go_in_several_imports(rig, monkeypatch):
    monkeypatch.setattr("customer_sync.brevo.contacts.import_rows.MAX_BYTES", 3_000)
    sizes = []
    rig.http.before = lambda method, path, body: path == "v3/contacts/import" and sizes.append(len(body))
    rig.put(customers(30))

    rig.settle()

    assert len(sizes) > 1
    assert max(sizes) <= 3_000
    assert len(rig.contacts()) == 30


def test_the_size_is_that_of_the_encoded_body():
    load = Load(Key("creates", (2, 3)), 0)
    load.texts = [b"{}"] * 3
    load.size += 9
    load.rows = [Row(str(n), "", "", (), 0) for n in range(3)]

    body = load.body(9, "https://tajo:secret@shop.example/webhooks/brevo/imports")

    assert len(body) <= load.size
    assert load.size < MAX_BYTES
    assert json.loads(body)["listIds"] == [2, 3, 9]


def test_the_technical_list_is_made_in_a_folder_of_ours_and_made_again_when_it_is_gone(rig):
    rig.put(customers(2))
    rig.settle()
    (first,) = technical_lists(rig)

    rig.call("DELETE", f"/v3/contacts/lists/{first['id']}")
    rig.sandbox_passes(5)
    rig.put([customer(3)])
    rig.settle()

    (second,) = technical_lists(rig)
    assert second["id"] != first["id"]
    assert [one["name"] for one in rig.call("GET", "/v3/contacts/folders")["folders"]].count("Tajo") == 1
    assert len(rig.contacts()) == 3


def test_the_technical_list_is_found_again_when_redis_has_forgotten_it(rig):
    rig.put(customers(2))
    rig.settle()
    rig.client.delete("tajo:imports:lists")
    rig.sandbox_passes(5)

    rig.put([customer(3)])
    rig.settle()

    assert len(technical_lists(rig)) == 1


def technical_lists(rig):
    lists = rig.call("GET", "/v3/contacts/lists?limit=50")["lists"]
    return [one for one in lists if one["name"] == list_name(1)]


def test_the_lists_of_imports_that_follow_one_another_take_turns(rig, monkeypatch):
    monkeypatch.setattr("customer_sync.brevo.contacts.import_rows.MAX_BYTES", 3_000)
    rig.line = rig.open_line(rest_s=60.0)
    bodies = sent_imports(rig)
    rig.put(customers(40))

    for _ in range(2):
        rig.load()
        rig.follow()
        rig.hasten()

    assert len({tuple(body["listIds"]) for body in bodies}) == len(bodies) == 2


def test_one_import_runs_at_a_time(rig):
    for number in range(1, 4):
        rig.put([customer(number)])
        rig.load()

    assert rig.calls("POST", "/contacts/import") == 1
    assert rig.store.lanes.depth(LANE)[0] == 3

    rig.settle()
    assert len(rig.contacts()) == 3
    assert rig.calls("POST", "/contacts/import") == 2


def mixed(first=1, count=6):
    """People for two imports: every second one agreed."""
    return [agreed(customer(n)) if n % 2 else customer(n) for n in range(first, first + count)]


def test_people_for_other_lists_wait_for_the_next_import_and_are_worked_out_once(rig, monkeypatch):
    rig.prove("lists")
    bodies, planned = sent_imports(rig), []
    real = imports.prepare
    monkeypatch.setattr(imports, "prepare", lambda item, *args: planned.append(item.target) or real(item, *args))
    rig.put(mixed())

    rig.load()
    rig.load()  # the first one is under way
    assert len(bodies) == 1
    rig.follow()
    rig.sandbox_passes(5)
    rig.load()

    assert sorted(len(body["jsonBody"]) for body in bodies) == [3, 3]
    assert len(planned) == 6
    rig.settle()
    assert len(rig.contacts()) == 6 + len(RIDERS)
    assert rig.calls("POST", "/contacts") == len(RIDERS)


def test_what_waits_for_the_next_import_goes_before_what_comes_later(rig):
    rig.prove("lists")
    bodies = sent_imports(rig)
    rig.put(mixed(count=5))  # three agreed
    rig.load()
    rig.put([agreed(one) for one in customers(9)[5:]])
    rig.follow()
    rig.sandbox_passes(5)

    rig.load()

    assert [len(body["listIds"]) for body in bodies] == [2, 1]  # with the technical list


def test_live_work_takes_a_person_out_of_a_load_that_waits(rig):
    rig.prove("lists")
    bodies = sent_imports(rig)
    rig.put(mixed())
    rig.load()

    rig.send(customer(2, email=None, when=-50, lastName="Doe"))
    rig.deliver()
    assert rig.contacts()["p2@example.com"]["attributes"]["LASTNAME"] == "Doe"
    rig.follow()
    rig.sandbox_passes(5)
    rig.load()

    assert "p2@example.com" not in [row["email"] for row in bodies[1]["jsonBody"]]


def test_a_load_that_waited_too_long_is_worked_out_anew(rig, monkeypatch):
    rig.prove("lists")
    bodies = sent_imports(rig)
    monkeypatch.setattr(kept_loads, "KEEP_S", 0.0)
    rig.put(mixed())
    rig.load()
    rig.follow()
    rig.sandbox_passes(5)

    rig.load()
    rig.tick()
    rig.load()

    assert len(bodies) == 2
    rig.settle()
    assert len(rig.contacts()) == 6 + len(RIDERS)


def leased(rig):
    return {person.decode(): ends for person, ends in rig.client.zrange(f"tajo:lease:{LANE}", 0, -1, withscores=True)}


def token_of(rig, person):
    return rig.client.hget(f"tajo:tok:{LANE}", person).partition(b"|")[0]


def test_the_next_import_is_worked_out_while_one_runs(rig):
    bodies = sent_imports(rig)
    rig.put(customers(3))
    rig.load()
    rig.put(customers(9)[3:])

    rig.load()

    assert len(bodies) == 1
    assert len(leased(rig)) == 9
    rig.follow()
    rig.sandbox_passes(5)
    rig.load()
    assert [len(body["jsonBody"]) for body in bodies] == [3, 6]


def test_the_leases_of_a_load_that_waits_are_renewed_and_not_for_ever(rig, monkeypatch):
    now_s = [0.0]
    monkeypatch.setattr(kept_loads, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    bodies = sent_imports(rig)
    rig.put(customers(3))
    rig.load()
    rig.put(customers(6)[3:])
    rig.load()
    before = leased(rig)
    waiting = [person for person in before if before[person] == min(before.values())]
    assert len(waiting) == 3
    tokens = {token_of(rig, person) for person in waiting}

    now_s[0] += kept_loads.KEEP_S * 0.6
    rig.tick()
    rig.load()

    assert all(leased(rig)[person] > before[person] for person in waiting)
    while now_s[0] <= kept_loads.MOST_KEPT_S:
        now_s[0] += kept_loads.KEEP_S * 0.6
        rig.load()
    rig.tick()
    rig.load()
    assert not {token_of(rig, person) for person in waiting} & tokens
    assert len(bodies) == 1


def test_the_bulk_gear_is_woken_while_a_load_waits(rig):
    rig.prove("lists")
    rig.put(mixed())
    rig.load()
    rig.client.delete("tajo:wake:sweep", "tajo:wake:bulk:contacts")

    assert "bulk:contacts" in rig.store.sweep(1)


def test_a_failed_import_is_tried_again_then_each_goes_singly_and_one_alert_tells_each_time(rig):
    rig.fault("import_fails")
    rig.put(customers(3))

    rig.settle()

    assert rig.calls("POST", "/contacts/import") == SOLO_TRIES
    assert rig.calls("POST", "/contacts") == 3
    assert len(rig.contacts()) == 3
    alerts = [one for one in rig.store.ledger.alerts() if "the import failed" in one["alert"]]
    assert len(alerts) == SOLO_TRIES
    assert rig.counted()["tajo_imports_total|failed"] == SOLO_TRIES


def test_two_people_with_one_address_do_not_go_along_together(rig):
    load = Load(Key("creates", ()), 0)
    load.emails.add("p1@example.com")

    assert not load.takes("p1@example.com", b"{}")


@pytest.mark.parametrize("status", [400, 402])
def test_what_brevo_refuses_as_a_whole_is_tried_again_and_goes_singly_in_the_end(rig, status):
    rig.answer("v3/contacts/import", status, {"code": "invalid_parameter", "message": "no"}, times=SOLO_TRIES)
    rig.put(customers(3))

    rig.settle()

    assert len(rig.contacts()) == 3
    assert rig.calls("POST", "/contacts") == 3
    assert any("refuses imports" in one["alert"] for one in rig.store.ledger.alerts())


@pytest.mark.parametrize("step", ["save_rows", "import_take", "replace_rows"])
def test_while_redis_has_no_room_for_an_import_people_go_singly(rig, monkeypatch, step):
    real = getattr(rig.imports, step)

    def full(*args):
        if step == "import_take":
            real(*args)  # some have taken along already
        raise redis.OutOfMemoryError("OOM command not allowed")

    def take_back(method, path, _):
        if step == "replace_rows" and path.startswith("v3/contacts/lists/") and method == "GET":
            rig.send(customer(1, email=None, when=-50, lastName="Doe"))

    rig.http.before = take_back
    monkeypatch.setattr(rig.imports, step, full)
    rig.put(customers(3))

    rig.load()
    rig.deliver()

    assert not rig.imports.ids()
    assert len(rig.contacts()) == 3
    assert rig.calls("POST", "/contacts/import") == 0
    assert rig.store.lanes.depth(LANE)[0] == 0


@pytest.mark.parametrize("step", ["save_rows", "import_take"])
def test_who_was_taken_along_by_an_import_that_was_given_up_before_it_was_sent_is_free_at_once(rig, monkeypatch, step):
    real = getattr(rig.imports, step)

    def given_up(*args):
        if step == "import_take":
            real(*args)  # all have taken along already
        for import_ in rig.imports.ids():
            rig.imports.close(import_)
        raise Gone

    monkeypatch.setattr(rig.imports, step, given_up)
    rig.put(customers(3))

    rig.load()
    monkeypatch.undo()
    rig.settle()

    assert len(rig.contacts()) == 3
    assert rig.store.lanes.depth(LANE)[0] == 0


def test_a_429_releases_the_items_unburnt_and_holds_everybody(rig):
    rig.answer("v3/contacts/import", 429, {"code": "x", "message": "x"}, times=1, reset_s=1)
    rig.put(customers(3))

    rig.load()

    assert rig.client.hlen("tajo:tries:contacts") == 0
    assert not rig.imports.ids()
    assert rig.store.limits.reserve("contacts", 1).offsets_s == ()
    rig.client.hset("tajo:lim:contacts", "hold", 0)
    rig.settle()
    assert len(rig.contacts()) == 3


def test_a_wrong_key_pauses_the_lane_with_one_alert(rig):
    rig.answer("v3/contacts/import", 401, {"code": "unauthorized", "message": "Key not found"}, times=1)
    rig.put(customers(3))

    rig.load()

    pause = rig.store.breakers.read(LANE)
    assert pause is not None
    assert pause.kind == "config"
    assert rig.client.hlen("tajo:tries:contacts") == 0
    assert not rig.imports.ids()


def test_calls_that_wait_for_the_limit_keep_no_import_waiting(rig):
    rig.put([customer(number) for number in range(1, 4)])
    for number in range(1, 4):
        rig.client.hset(f"tajo:tries:{LANE}", number, 3)  # they go alone

    def do_single() -> bool:
        while pipeline.bulk(rig.line, LANE).did_work:
            pass
        assert rig.contacts() == {}
        return pipeline.single(rig.line, LANE).did_work

    wait_until(do_single, "single calls", 5)  # what is due in this very millisecond is left for the next look
    assert f"single:{LANE}" in rig.woken
    assert len(rig.contacts()) == 3
