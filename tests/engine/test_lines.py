"""What the log says of an event and of an item: which, and what became of it; nobody's address."""

from __future__ import annotations

import logging

import pytest

from customer_sync.config import Settings
from customer_sync.config.settings import SkillSettings
from customer_sync.kit.outbound import Reply
from customer_sync.skills.chosen import Chosen
from tests.engine.hands import answer
from tests.engine.test_addresses import customer, opt_in
from tests.rig import Rig


@pytest.fixture
def rig(client):
    return Rig(client, sources=("shop",))


def told(caplog):
    return [f"{one.getMessage()} {getattr(one, 'facts', {})}" for one in caplog.records]


def test_an_item_that_was_not_delivered_is_not_said_to_be(rig, caplog):
    caplog.set_level(logging.INFO)
    answer(rig, lambda m, u, d: Reply(401, {}, b'{"code":"unauthorized","message":"Key not found"}'))
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.settle_quietly()

    (line,) = [one for one in told(caplog) if one.startswith("settled")]
    assert "'held': 1" in line
    assert "delivered" not in line


def test_a_single_event_and_a_single_item_are_named_without_an_address(rig, caplog):
    caplog.set_level(logging.INFO)
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann"))
    rig.settle()

    read, settled = (next(one for one in told(caplog) if one.startswith(word)) for word in ("inbox read", "settled"))
    assert "'source': 'shop'" in read
    assert "'kind': 'customer_updated'" in read
    assert f"'target': '{rig.store.people.find('ann@example.com')}'" in settled
    assert "'delivered': 1" in settled
    assert "ann@" not in "".join(told(caplog))


def test_debug_lines_tell_what_was_read_planned_and_called_and_nothing_personal(rig, caplog):
    caplog.set_level(logging.DEBUG)
    settings = Settings(skills={"customer-sync": SkillSettings("customer-sync", True)})
    rig.line.skills = [Chosen(rig.line.skills[0], settings, of_all="brevo")]
    rig.send(customer(1, "ann@example.com", -100, opt_in(-100), firstName="Ann", phone="no number"))
    rig.settle()

    lines = told(caplog)
    read, planned, called = (next(one for one in lines if one.startswith(w)) for w in ("read", "planned", "called"))
    assert "'steps': 'Says'" in read
    assert "'left_out': 'phone'" in read
    assert "'action': 'write'" in planned
    assert "FIRSTNAME" in planned
    assert "'call': 'POST /contacts'" in called
    assert not [one for one in lines if "ann@" in one or "'Ann'" in one or "no number" in one]
