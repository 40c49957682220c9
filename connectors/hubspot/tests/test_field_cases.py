"""What real HubSpot accounts did that made other connectors stumble: H1 to H7.

At the connector's face: what becomes of the events in the persons and lists is the engine's, asked in `tests`.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest

from connectors.hubspot import pull
from connectors.hubspot.fake.settings import CLIENT_ID, CLIENT_SECRET
from connectors.hubspot.tests.caller import NOW, Hub, event, kinds, told
from customer_sync.errors import ConfigError, Parkable, TryLater
from customer_sync.kit.oauth import CONNECTION
from customer_sync.kit.reach import Want
from customer_sync.model import OrderState

ANA = {"email": "ana@example.com", "lastname": "Old"}


def connected(hub: Hub) -> dict[str, str]:
    """Let the owner have agreed, and return the settings of such a source."""
    token = hub.fake.tokens.pair(hub.fake.settings.scopes)
    now_s = hub.clock()
    kept = {"kind": CONNECTION, "client_id": CLIENT_ID, "access_token": token.value, "refresh_token": token.refresh}
    hub.vault.save({**kept, "expires_at_s": now_s + 1800, "renew_at_s": now_s + 1440})
    return {"access_token": "", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


def test_h1_a_search_that_meets_its_limit_goes_on_with_the_same_page(monkeypatch):
    monkeypatch.setattr(pull, "SEARCH_PAGE", 10)
    hub = Hub(customers=2, deals=105, searches=0)
    hub.clock.offset_s = 60
    hub.fake_call("POST", "touch", kind="deals", count=105, properties={"pipeline": "edited"})
    hub.fault("secondly", skip=5, path="*/deals/search")
    found, cursor, refusals = [], None, []
    while True:
        try:  # another process each time, as after a kill
            page = hub.connector().pull(Want("orders", cursor, NOW + timedelta(seconds=30)), hub.access)
        except TryLater as error:
            refusals.append((error.after_s, error.burns))
            continue
        found += [one.record_id for one in page.events]
        if page.cursor is None:
            break
        cursor = page.cursor

    assert refusals == [(1.0, False)]
    assert found == [str(9001 + at) for at in range(105)]
    assert hub.calls.count("POST /crm/objects/2026-09/deals/search") == 12


def test_h1_ten_thousand_changes_at_one_moment_are_all_read(monkeypatch):
    monkeypatch.setattr(pull, "SEARCH_PAGE", 10)
    hub = Hub(customers=95, most_results=40, searches=0, calls=0)
    hub.fake_call("POST", "touch", count=95, properties={"city": "Here"})

    assert [one.record_id for one in hub.pull(since=NOW)] == [str(101 + at) for at in range(95)]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_h2_a_merge_leads_both_to_the_third_that_is_left_in_whatever_order(order):
    hub = Hub(customers=0)
    for number, more in ((101, ANA), (102, {"email": "old.ana@example.com"})):
        hub.fake_call("POST", "contacts", id=number, **more)
    left = str(hub.fake_call("POST", "merge", kept=101, gone=102)["id"])
    merge = event("contact.merge", 101, primaryObjectId=101, mergedObjectIds=[102], newObjectId=int(left))
    heard = [merge, event("contact.deletion", 102), event("contact.deletion", 101)]
    events = told(*(heard[at] for at in order))

    merged = [one for one in events if one.kind == "customer_merged"]
    assert {(one.record["deletedId"], one.record["keptId"]) for one in merged} == {("101", left), ("102", left)}
    assert not [one for one in events if one.kind == "customer_deleted"]
    hints = [one.record_id for one in events if one.kind == "record_changed"]
    assert sorted(hints) == sorted(["101", "102", left])
    for one in hints:
        read = hub.fetch(one)
        assert ("customer_updated", left) in kinds(read)
        assert one == left or read[0].record == {"id": left, "keptId": left, "deletedId": one}


def test_h2_a_deletion_alone_is_followed_to_what_is_left_whichever_way_the_old_id_is_answered():
    for merged_ids in ("gone", "redirect"):
        hub = Hub(customers=3, merged_ids=merged_ids)
        left = str(hub.fake_call("POST", "merge", kept=101, gone=102)["id"])

        assert kinds(hub.fetch("101", "103")) == [
            ("customer_merged", left),
            ("customer_updated", "103"),
            ("customer_updated", left),
        ] or kinds(hub.fetch("101", "103")) == [
            ("customer_merged", left),
            ("customer_updated", left),
            ("customer_updated", "103"),
        ]


def test_h2_a_contacts_deletion_is_not_believed_before_it_was_looked_for():
    (deletion,) = told(event("contact.deletion", 102))

    assert deletion.record == {"resource": "customers"}


@pytest.mark.parametrize("is_deletion_first", [True, False])
def test_h3_a_privacy_deletion_is_an_erasure_at_once_and_no_repetition_of_the_deletion(is_deletion_first):
    # without subscription and time, as it was reported
    heard = [{"subscriptionType": "contact.deletion", "objectId": 101, "portalId": 62515}]
    heard.insert(is_deletion_first, {"subscriptionType": "contact.privacyDeletion", "objectId": 101, "portalId": 62515})
    events = told(*heard)

    erased = [one for one in events if one.kind == "customer_erased"]
    assert [(one.record_id, one.customer_id) for one in erased] == [("101", "101")]
    assert len({one.id for one in events}) == 2
    assert kinds(told(event("contact.propertyChange", 101, propertyName="city", propertyValue="X"))) == [
        ("record_changed", "101")
    ]
    hub = Hub(customers=1)
    hub.fake_call("POST", "contacts/101/erase")
    assert hub.fetch("101") == []


def test_h4_the_opt_out_of_an_additional_address_is_written_for_that_address_only():
    hub = Hub(customers=0)
    who = hub.person(email="b@example.com", hs_additional_emails="a@example.com;c@example.com")

    assert hub.withdraw(who, "A@example.com") == "written"
    assert hub.statuses("a@example.com") == {"UNSUBSCRIBED"}
    assert hub.statuses("b@example.com") == hub.statuses("c@example.com") == {"NOT_SPECIFIED"}
    assert hub.fake_call("GET", f"contacts/{who}").get("hs_email_optout") is None
    (read,) = hub.fetch(who)
    assert (read.record["email"], read.consents) == ("b@example.com", ())


@pytest.mark.parametrize(("repeats", "type_"), [("word", ""), ("word", "5001"), ("error", ""), ("error", "5001")])
def test_h5_an_opt_out_that_was_written_before_a_crash_is_done(monkeypatch, repeats, type_):
    hub = Hub(customers=0, repeats=repeats)
    who = hub.person(**ANA)
    options = {"subscription_type": type_}
    assert hub.withdraw(who, "ana@example.com", **options) == "written"
    assert hub.withdraw(who, "ana@example.com", **options) == "unchanged"

    # nobody sees it before it is written again
    monkeypatch.setattr("connectors.hubspot.statuses.is_out_of_all", lambda *_: False)
    monkeypatch.setattr("connectors.hubspot.statuses.read", lambda *_: [])
    assert hub.withdraw(who, "ana@example.com", **options) == "unchanged"


def test_h5_another_400_stays_open():
    hub = Hub(customers=0, privacy=True)
    who = hub.person(**ANA)

    with pytest.raises(ConfigError, match="legal basis") as fault:
        hub.withdraw(who, "ana@example.com", subscription_type="5001")
    assert "legal_basis" in fault.value.remedy
    basis = {"legal_basis": "CONSENT_WITH_NOTICE", "legal_basis_explanation": "They left."}
    assert hub.withdraw(who, "ana@example.com", subscription_type="5001", **basis) == "written"
    hub.fault("status", status=400, method="POST", path="*/unsubscribe-all")
    with pytest.raises(Parkable, match="No opt-out is taken"):
        hub.withdraw(who, "ana@example.com")


@pytest.mark.parametrize("at", ["*/associations/*", "*/deals", "*/contacts/batch/read"])
def test_h6_a_token_that_ends_between_two_calls_is_renewed_and_the_page_goes_on(at):
    hub = Hub(deals=8)
    options = connected(hub)
    hub.fault("unauthorized", path=at)
    found = hub.pull("orders", **options)

    assert sorted(one.record_id for one in found) == [str(9001 + number) for number in range(8)]
    assert hub.fake.tokens.given["refresh_token"] == 1


def test_h6_a_token_is_renewed_ahead_of_its_end():
    hub = Hub()
    options = connected(hub)
    hub.clock.offset_s = 1500

    assert len(hub.pull(**options)) == 10
    assert hub.fake.tokens.given["refresh_token"] == 1
    assert hub.fake.faults.happened == {}


@pytest.mark.parametrize(("label", "buyer"), [("buyer", "102"), ("", "102"), ("payer", "101")])
def test_h7_each_contact_of_a_deal_counts_once_and_the_same_one_is_the_buyer_at_each_read(label, buyer):
    hub = Hub(deals=0)
    deal = hub.fake_call("POST", "deals", dealname="A", amount="500", dealstage="closedwon", hs_is_closed_won="true")
    for contact, labels in ((102, ["deal_to_contact", "Buyer"]), (101, ["deal_to_contact"])):
        hub.fake_call("POST", "ties", deal=deal["id"], contact=contact, labels=labels)

    for _ in range(5):
        (read,) = hub.fetch(str(deal["id"]), resource="orders", buyer_label=label)
        assert (read.customer_id, read.record["customer"]["id"]) == (buyer, buyer)
        assert (read.record["state"], read.record["amount"]) == (OrderState.PAID, 500.0)


def test_h7_the_older_shape_of_associations_is_read_as_well():
    from connectors.hubspot.deals import buyer_of, ties_in

    rows = [{"id": "102", "type": "deal_to_contact"}, {"id": "101", "type": "deal_to_contact"}]
    rows.append({"id": "102", "type": "buyer"})

    for order in permutations(rows):
        assert buyer_of(list(ties_in(list(order))), "buyer") == "102"
        assert buyer_of(list(ties_in(list(order))), "none") == "101"
