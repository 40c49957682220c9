"""The rest of what others reported of Salesforce, through the whole line and its runs: S1, S3, S5, S6."""

from __future__ import annotations

import json
import threading
from contextlib import suppress

import pytest

from connectors.salesforce.tests.caller import ANA, Org, of_kind
from connectors.salesforce.tests.test_field_cases import CONFIG, connected, hear, tell
from customer_sync import assembly
from customer_sync.batch.runs import step
from customer_sync.batch.starts import start
from customer_sync.errors import Unavailable
from customer_sync.kit.reach import Want
from customer_sync.model import Inbound
from customer_sync.operate.explain import explain
from customer_sync.pipeline import deliver
from customer_sync.store import inbox
from customer_sync.store.run import RunKind, RunState
from tests.field import house as houses


@pytest.fixture
def house(client, tmp_path, monkeypatch):
    boxes = tuple(f"{name}.News__c" for name in ("Contact", "Lead"))
    times = tuple(f"{name}.At__c" for name in ("Contact", "Lead"))
    monkeypatch.setattr(houses, "CONFIG", CONFIG)
    org = Org(address="http://shop.example.com", custom=(*boxes, *times), boxes=boxes)
    found = houses.House(client, tmp_path, monkeypatch, org)
    org.clock.set(found.time.now_s)
    found.org = org
    found.tell = lambda *told: tell(found, *told)
    found.hear = lambda events: hear(found, monkeypatch, events)
    yield found
    found.sandbox.close()


def leave(house, email=ANA):
    """Let somebody leave in Brevo, and do what follows."""
    house.brevo("PUT", f"/contacts/{email}", {"emailBlacklisted": True})
    told = {"event": "unsubscribed", "email": email, "ts_event": int(house.time.now_s)}
    house.store.inbox.append([inbox.encode(Inbound("brevo", {}, json.dumps(told).encode(), house.now), ())])
    for _ in range(3):
        house.work()
        for lane in ("writeback:crm", "fetch:crm"):
            with suppress(Unavailable):
                while deliver(house.line, lane).did_work:
                    pass
        house.pass_time(seconds=40)
        house.org.clock.set(house.time.now_s)


def counted(house):
    found = house.store.counters.read()
    return {one.labels["result"]: int(one.value) for one in found if one.name == "tajo_writebacks_total"}


def patches(house):
    return [path.rpartition("/")[2] for method, path, _ in house.org.calls if method == "PATCH"]


@pytest.mark.parametrize("is_known", [True, False], ids=["told before", "found out by the refusal"])
def test_s5_an_opt_out_of_a_converted_lead_goes_to_its_contact_and_never_again_to_the_lead(house, is_known):
    contact, lead = house.org.contact(), house.org.lead()
    house.tell(("04l1", "Contact", {"Id": contact}), ("04l2", "Lead", {"Id": lead}))
    house.org.fake.convert(lead, contact)
    if is_known:
        house.tell(("04l3", "Lead", {"Id": lead}))
    leave(house)
    calls = len(house.org.calls)
    house.pass_time(hours=48)

    assert house.org.row(contact)["HasOptedOutOfEmail"] is True
    assert house.org.row(lead)["HasOptedOutOfEmail"] is False
    assert set(patches(house)) == {contact}
    assert "parked" not in counted(house)
    assert not [one for method, one, _ in house.org.calls[calls:] if method == "PATCH"]
    assert house.store.lanes.depth("writeback:crm")[0] == 0
    assert list(house.contacts) == [ANA]


@pytest.mark.parametrize("is_told", [True, False], ids=["told before", "found out by the refusal"])
def test_s6_an_opt_out_after_a_merge_of_two_of_one_address_is_repeated_at_who_is_kept(house, is_told):
    kept, gone = house.org.contact(), house.org.contact()
    house.tell(("04l1", "Contact", {"Id": kept}), ("04l2", "Contact", {"Id": gone}))
    house.org.fake.merge(kept, gone)
    if is_told:
        house.tell(("04l3", "Contact", {"Id": gone}))
    leave(house)
    house.pass_time(hours=48)

    assert house.org.row(kept)["HasOptedOutOfEmail"] is True
    assert set(patches(house)) <= {kept}
    assert "parked" not in counted(house)
    assert house.contacts[ANA]["emailBlacklisted"] is True


def test_s6_an_opt_out_of_the_loser_survives_where_both_have_one_address(house):
    kept, gone = house.org.contact(), house.org.contact()
    house.hear(house.org.pull())
    assert house.contacts[ANA]["emailBlacklisted"] is False
    since = house.now
    house.org.clock.offset_s += 60
    house.org.fake.change(gone, {"HasOptedOutOfEmail": True})
    house.org.fake.merge(kept, gone)
    house.org.clock.offset_s += 60
    house.pass_time(minutes=2)
    told = house.org.pull(since)
    house.hear(told)

    assert [one.record for one in of_kind(told, "customer_merged")] == [{"keptId": kept, "deletedId": gone}]
    assert list(house.contacts) == [ANA]
    assert (house.contacts[ANA]["emailBlacklisted"], house.contacts[ANA]["listIds"]) == (True, [])


def run(house, kind):
    """Begin a run, and do its steps until it ends, stops or waits."""
    puller = assembly.open_puller(house.settings, house.line, house._folder)
    number = start(puller, "crm", kind).id
    for _ in range(30):
        step(puller, number)
        found = house.store.runs.read(number)
        if found.state is not RunState.RUNNING:
            step(puller, number)
            return found
        house.pass_time(seconds=5)
    return found


def test_s1_a_refresh_token_that_is_dead_stops_the_source_with_connect_again_and_no_loop(client, tmp_path, monkeypatch):
    monkeypatch.setattr(houses, "CONFIG", CONFIG)
    org = Org(address="http://shop.example.com", rotation="revoke")
    house = houses.House(client, tmp_path, monkeypatch, org)
    org.clock.set(house.time.now_s)
    house.org = org
    org.contact()
    vault = house.line.handlers["fetch:crm"]._access().vault
    with vault.locked():
        vault.save(
            {
                "kind": "connection",
                "client_id": "demo-consumer-key",
                "access_token": "old",
                "refresh_token": "spent",
                "instance_url": "http://shop.example.com",
                "expires_at_s": house.time.now_s - 10,
                "renew_at_s": house.time.now_s - 100,
            }
        )
    found = run(house, RunKind.FULL)
    calls = len([1 for _, path, _ in org.calls if "oauth2/token" in path])

    assert found.state is RunState.STOPPED
    assert "connect crm" in found.remedy
    assert calls == 1
    assert [one for one in house.store.ledger.alerts() if "stopped" in one["alert"]]
    house.pass_time(hours=2)
    assert len([1 for _, path, _ in org.calls if "oauth2/token" in path]) == 1
    house.sandbox.close()


def test_s8_a_write_back_to_a_field_that_the_user_may_not_see_is_claimed_by_nobody(house):
    ana = house.org.contact(News__c=True, At__c=house.iso(-60))
    house.tell(("04l1", "Contact", {"Id": ana}))
    house.org.fake.settings.hidden = ("Contact.HasOptedOutOfEmail",)
    leave(house)
    house.pass_time(hours=1)

    assert counted(house) == {}
    assert patches(house) == []
    (told,) = explain(house.store, house.settings, ANA).write_backs
    assert (told.state, told.is_open) == ("waits", True)
    assert [one for one in house.store.ledger.alerts() if "does not see" in one["alert"]]
    assert house.contacts[ANA]["emailBlacklisted"] is True


def test_s1_processes_with_one_vault_renew_once_between_them(client, tmp_path, monkeypatch):
    monkeypatch.setattr(houses, "CONFIG", CONFIG)
    org = Org(address="http://shop.example.com", rotation="revoke")
    house = houses.House(client, tmp_path, monkeypatch, org)
    org.clock.set(house.time.now_s)
    org.contact()
    connected(org)
    first = house.line.handlers["fetch:crm"]._access().vault
    with first.locked():
        first.save(org.vault.load())
    org.act("POST", "tokens/expire")
    pages, go = [], threading.Barrier(4)

    def work(line):
        access = line.handlers["fetch:crm"]._access()
        go.wait(10)
        pages.append(line.connectors["crm"].pull(Want("customers"), access))

    workers = [threading.Thread(target=work, args=(house.another(),)) for _ in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()

    assert [len(page.events) for page in pages] == [1] * 4
    assert org.fake.tokens.oauth.given["refresh_token"] == 1
    assert first.load()["refresh_token"] != org.vault.values["refresh_token"]
    house.sandbox.close()
