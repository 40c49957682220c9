"""A single mail that a skill asks for: once, to somebody who may be mailed, by the same rules of sending."""

from __future__ import annotations

from datetime import timedelta

import pytest

from customer_sync import pipeline
from customer_sync.config.settings import SkillSettings
from customer_sync.engine.plan import RecordSays, Who
from customer_sync.model import Kind, to_ms
from customer_sync.skills import Intent
from tests.carts.test_never_twice import SEND, Killed
from tests.carts.world import EMAIL

TARGET = "shop:skill:thanks:1:o1"


class Thanks:
    """A skill that sends a mail after each order."""

    name = "thanks"

    def intent(self, event):
        if event.kind is not Kind.ORDER_PLACED:
            return Intent()
        mail = {"templateId": 1, "subject": "Thank you", "params": {"step": 0, "number": "1001"}}
        fields = {"mail": mail, "skill": self.name, "askedAt": to_ms(event.occurred_at)}
        who = Who(event.source, event.occurred_at, email=event.record["email"])
        return Intent(
            [RecordSays("mail", event.source, f"skill:thanks:1:{event.record_id}", event.occurred_at, fields, who)]
        )


@pytest.fixture
def thanks(world):
    """The skill is on."""
    world.settings.skills["thanks"] = SkillSettings("thanks", True)
    world.line.skills.append(Thanks())
    return world


def test_the_mail_goes_once(thanks):
    thanks.order()
    thanks.work()
    thanks.order()
    thanks.pass_time(days=2)

    (mail,) = thanks.mails()
    assert (mail["to"], mail["subject"], mail["params"]["number"]) == (EMAIL, "Thank you", "1001")
    assert thanks.store.mails.report("thanks") == {'["mails","",1]': 1, '["carts",""]': 1}


def test_nobody_without_a_yes_gets_it(thanks):
    thanks.order("o1", "bob@example.com")
    thanks.pass_time(days=1)

    assert thanks.mails() == []
    assert thanks.why(TARGET) == "no_consent"


def test_what_was_asked_for_long_ago_is_not_sent(thanks):
    thanks.order()
    thanks.read()
    thanks.time.move(timedelta(days=8).total_seconds())
    thanks.work()

    assert thanks.mails() == []
    assert thanks.why(TARGET) == "too_old"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_killed_at_the_call_sends_it_once(thanks, when):
    thanks.order()
    thanks.read()

    def kill():
        raise Killed

    getattr(thanks.http, when)[SEND] = kill
    with pytest.raises(Killed):
        deliver_on(thanks)
    thanks.pass_time(minutes=10)

    assert len(thanks.mails()) == 1


def deliver_on(world):
    """Deliver without end: the order settles meanwhile, so that what is known is read again."""
    while True:
        pipeline.deliver(world.line, "mail")
        world.time.move(1)
