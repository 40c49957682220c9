"""What is told of a person's opt-out at the platforms: nothing open is called done."""

from __future__ import annotations

import pytest

from customer_sync.cli import contacts
from customer_sync.config import Settings, SkillSettings
from customer_sync.errors import Parkable, Unavailable
from customer_sync.kit.connector import SourceSettings
from customer_sync.operate.explain import explain
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
