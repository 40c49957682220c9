"""The oracle: whatever loses a block is written down."""

from __future__ import annotations

import pytest

ANN = "ann@example.com"


def ways(brevo) -> list[str]:
    return [one["how"] for one in brevo.control("GET", "/mailable")["mailable"]]


@pytest.fixture
def blocked(brevo):
    brevo.create(email=ANN, emailBlacklisted=True, listIds=[2])
    return brevo


def test_a_block_stays_when_nothing_is_said_of_it(blocked):
    blocked.update(ANN, attributes={"FIRSTNAME": "Ann"}, listIds=[2])
    blocked.call("POST", "/contacts", {"email": ANN, "updateEnabled": True})
    blocked.call("POST", "/contacts/lists/2/contacts/remove", {"emails": [ANN]})

    assert blocked.read(ANN)["emailBlacklisted"] is True
    assert ways(blocked) == []


@pytest.mark.parametrize("flag", [False, None])
def test_false_or_null_makes_somebody_mailable(blocked, flag):
    blocked.call("PUT", "/contacts/ann%40example.com", {"emailBlacklisted": flag}, wrong=flag is None)

    assert blocked.read(ANN)["emailBlacklisted"] is False
    assert ways(blocked) == ["null" if flag is None else "flag"]


@pytest.mark.parametrize("more", [{}, {"emailBlacklisted": True}])
def test_a_new_address_loses_the_block_even_when_the_request_blocks(blocked, more):
    blocked.update(ANN, attributes={"EMAIL": "new@example.com"}, **more)

    assert blocked.read("new@example.com")["emailBlacklisted"] is False
    assert ways(blocked) == ["rename"]


def test_the_same_address_again_is_no_rename(blocked):
    blocked.update(ANN, attributes={"EMAIL": "Ann@example.com"})

    assert blocked.read(ANN)["emailBlacklisted"] is True


def test_blocking_again_closes_the_entry(blocked):
    blocked.update(ANN, attributes={"EMAIL": "new@example.com"})
    blocked.clock.sleep(3)
    blocked.update("new@example.com", emailBlacklisted=True)

    [entry] = blocked.control("GET", "/mailable")["mailable"]
    assert entry["id"] == 1
    assert (entry["at"][17:23], entry["blockedAgainAt"][17:23]) == ("00.000", "03.000")


def test_an_import_can_block(brevo):
    brevo.do_import(jsonBody=[{"email": ANN}], listIds=[2], emailBlacklist=True)

    assert brevo.read(ANN)["emailBlacklisted"] is True


def test_somebody_who_was_deleted_while_blocked_comes_back_mailable(blocked):
    blocked.call("DELETE", "/contacts/1")
    assert ways(blocked) == []
    blocked.create(email=ANN)

    assert ways(blocked) == ["recreated"]


def test_somebody_who_was_deleted_while_blocked_may_come_back_blocked(blocked):
    blocked.call("DELETE", "/contacts/1")
    blocked.create(email=ANN, emailBlacklisted=True)

    assert ways(blocked) == []


def test_the_old_address_of_a_renamed_contact_is_remembered(blocked):
    blocked.update(ANN, attributes={"EMAIL": "new@example.com"})
    blocked.update("new@example.com", emailBlacklisted=True)
    blocked.create(email=ANN)

    assert ways(blocked) == ["rename", "recreated"]


def test_a_merge_can_lose_a_block(brevo):
    brevo.create(email="old@example.com", ext_id="1", emailBlacklisted=True)
    brevo.clock.sleep(1)
    brevo.create(email=ANN)

    brevo.update(ANN, ext_id="1", forceMerge=True)

    assert ways(brevo) == ["merge"]


def test_a_merge_that_moves_a_blocked_address_is_told_once(brevo):
    brevo.create(email=ANN, ext_id="1", emailBlacklisted=True)
    brevo.clock.sleep(1)
    brevo.create(attributes={"SMS": "+33612345678"})

    brevo.call("PUT", "/contacts/2", {"ext_id": "1", "forceMerge": True})

    [entry] = brevo.control("GET", "/mailable")["mailable"]
    assert (entry["id"], entry["email"], entry["how"]) == (2, brevo.read(2)["email"], "merge") == (2, ANN, "merge")
