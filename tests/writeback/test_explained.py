"""What is told of a person's opt-out at the platforms: nothing open is called done."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from customer_sync.base.clock import utc_now
from customer_sync.cli import contacts
from customer_sync.config import Settings, SkillSettings
from customer_sync.errors import Parkable, Unavailable
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import to_ms
from customer_sync.operate.erasure import clear_address
from customer_sync.operate.explain import explain
from tests.rig import at
from tests.writeback.world import ANN, Mute, World


def explained(world, email=ANN):
    """What is known of a person."""
    world.store.set_note("attributes", {"at": 0, "found": {}})
    settings = Settings(
        sources={name: SourceSettings(name, "shopify") for name in world.sources},
        skills={"customer-sync": SkillSettings("customer-sync", enabled=True)},
    )
    return explain(world.store, settings, email)


def told(world):
    """What `tajo contacts explain` says of the platforms: source → (state, whether it is open)."""
    found = explained(world)
    for one in found.to_json()["write_backs"]:
        assert one["said_at"].endswith("Z")
    return {one.source: (one.state, one.is_open) for one in found.write_backs}


def test_nothing_is_told_of_who_never_left(world):
    world.join("shop", "1")

    assert told(world) == {}


def test_an_opt_out_is_open_until_the_platform_has_it(world):
    world.join("shop", "1")
    world.leave()
    assert told(world) == {"shop": ("waits", True)}

    world.write_back()

    assert told(world) == {"shop": ("written", False)}


@pytest.mark.parametrize(
    ("fault", "state"),
    [(Parkable("No.", "Do it there."), "parked"), (Unavailable("Tulip is closed"), "waits")],
)
def test_what_failed_stays_open(world, fault, state):
    world.join("shop", "1")
    world.leave()
    world["shop"].faults.append(fault)
    if state == "waits":
        with pytest.raises(Unavailable):
            world.once("shop")
    else:
        world.once("shop")

    assert told(world) == {"shop": (state, True)}


def test_a_person_who_looks_reads_of_each_account_what_became_of_it(world, capsys):
    world.join("shop", "1")
    world.guest("woo")
    world.leave()
    world.write_back()

    contacts._print(explained(world))

    shown = capsys.readouterr().out.partition("Told to the platforms")[2]
    assert "shop: 1: written" in shown
    assert "woo: a buyer without an account: no account (open)" in shown


def test_what_is_not_possible_is_no_success(client):
    world = World(client, kinds={"woo": Mute})
    world.guest("shop")
    world.join("woo", "7")
    world.leave()
    world.write_back()

    assert told(world) == {"shop": ("no_account", True), "woo": ("unsupported", True)}


def come_back(world, when, source="shop", id_="1"):
    """The platform sends what it was told, with a time of its own: that, or so many seconds before the tests began."""
    world[source].echoes.clear()
    account = world[source].accounts[id_]
    account.subscribed, account.changed = False, when if isinstance(when, datetime) else at(when)
    world.send(world[source].event(id_))
    world.settle()
    world.write_back()


def email_of(world):
    """How the consent to e-mails was decided."""
    return next(one for one in explained(world).consents if one.channel == "email")


@pytest.mark.parametrize("seconds", [-60, -30])
def test_what_was_written_stays_told_with_its_time_once_it_came_back(world, seconds):
    world.join("shop", "1")
    world.leave(seconds=-60)
    world.write_back()
    before = explained(world).write_backs

    come_back(world, seconds)

    assert [one.state for one in before] == ["written"]
    assert explained(world).write_backs == before


def test_our_own_word_that_comes_back_later_does_not_decide(world):
    world.join("shop", "1")
    world.leave(seconds=-60)
    world.write_back()

    come_back(world, -30)
    found = email_of(world)

    assert found.evidence is not None
    assert (found.evidence.source, found.evidence.method) == ("brevo", "brevo:unsubscribed")
    assert (found.evidence.at_ms // 1000, found.evidence.of) == (to_ms(at(-60)) // 1000, "address")
    lost = {(one.source, one.at_ms) for one in found.losing if one.register == "withdrawn"}
    assert lost == {("shop", to_ms(at(-30)))}
    assert "What shop says is our own word" in found.why


def test_a_true_withdrawal_at_another_platform_decides_though_our_own_word_came_back_after_it(world):
    world.join("shop", "1")
    world.join("woo", "7")
    world.leave(seconds=-60)
    world.write_back("shop")
    world["woo"].accounts["7"].subscribed, world["woo"].accounts["7"].changed = False, at(-40)
    world.send(world["woo"].event("7"))

    come_back(world, -30)
    found = email_of(world)

    assert found.evidence is not None
    assert (found.evidence.source, found.evidence.at_ms) == ("woo", to_ms(at(-40)))


def test_a_withdrawal_long_after_the_platform_was_told_is_the_platforms_own(world):
    world.join("shop", "1")
    world.leave(seconds=-60)
    world.write_back()

    later = utc_now(world.clock) + timedelta(seconds=600)
    come_back(world, later)
    found = email_of(world)

    assert found.evidence is not None
    assert (found.evidence.source, found.evidence.at_ms) == ("shop", to_ms(later))
    assert "our own word" not in found.why
    assert ("brevo", "brevo:unsubscribed") in {(one.source, one.method) for one in found.losing}


def test_a_withdrawal_of_a_platform_that_was_told_nothing_is_its_own(world):
    world.join("shop", "1")
    world.leave(seconds=-60)

    come_back(world, -30)
    found = email_of(world)

    assert found.evidence is not None
    assert found.evidence.source == "shop"
    assert told(world) == {}


def test_an_opt_in_between_the_opt_out_and_our_own_word_that_came_back_lifts_nothing(world):
    world.join("shop", "1")
    world.join("woo", "7")
    world.leave(seconds=-60)
    world.write_back()
    come_back(world, -30)

    world["woo"].accounts["7"].subscribed, world["woo"].accounts["7"].changed = True, at(-45)
    world.send(world["woo"].event("7"))
    world.settle()

    assert email_of(world).state == "withdrawn"


@pytest.mark.parametrize(("word", "register"), [("spam", "complained"), ("hard_bounce", "bounced")])
def test_the_headline_is_the_ground_that_no_shop_lifts(world, word, register):
    world.join("shop", "1")
    world.leave(word=word, seconds=-60)
    world.write_back()

    come_back(world, -30)
    found = email_of(world)

    assert found.evidence is not None
    assert found.evidence.register == register
    assert "No shop lifts that: `tajo contacts clear` does" in found.why
    assert "holds after that" in found.why


def test_a_complaint_stands_before_a_bounce_of_later(world):
    world.join("shop", "1")
    world.leave(word="spam", seconds=-60)
    world.leave(word="hard_bounce", seconds=-30)

    assert email_of(world).why.startswith("The person complained of spam")


def test_a_complaint_that_was_cleared_decides_nothing_any_more(world):
    world.join("shop", "1")
    world.leave(word="spam", seconds=-60)
    world.write_back()
    come_back(world, -30)

    clear_address(world.store, ANN, utc_now(world.clock))
    world.settle()
    found = email_of(world)

    assert found.evidence is not None
    assert (found.evidence.register, found.evidence.source) == ("withdrawn", "shop")
    assert "brevo:spam" not in {one.method for one in found.losing if one.register == "withdrawn"}
