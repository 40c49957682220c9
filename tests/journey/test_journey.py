"""One whole way, the same for every platform, over real processes: its stand-in, our web and workers, Brevo, and back.

Everybody is pulled though much goes wrong, changes come by pull and by webhook, an opt-out in Brevo goes back to the
platform, and ten times a process is killed on the way. At the end Brevo has what the platform says. In the suite there
are `SIZE` customers, and one platform of each sort goes the way: a shop, a CRM and a payment platform.
`TAJO_JOURNEY=5000` takes as many customers as it says, at all platforms.
"""

from __future__ import annotations

import os
import time

import pytest

from tests.contract.test_pull import TRIALS
from tests.journey.home import Home, until
from tests.journey.killer import Killer
from tests.journey.table import Row, keep
from tests.journey.trouble import played, trouble
from tests.journey.way import Way
from tests.sandbox_server import sandbox_server
from tests.stores.servers import store_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SIZE = int(os.environ.get("TAJO_JOURNEY", "300"))
SEED = 20261129
KILLS = 10
#: A shop whose webhooks hold records, a CRM whose webhooks are hints, and a payment platform.
EACH_SORT = ("hubspot", "shopify", "stripe")
#: How many faults are on, and how many changes come silently.
FAULTS, EDITS = 14, 12
#: How often people act until so many were killed.
MOST_ROUNDS = 6


@pytest.fixture
def way(redis_url, tmp_path, platform):
    del redis_url  # skips with a sentence where no Redis can be had
    trial = TRIALS[platform]
    with (
        sandbox_server("--plan", "none", "--time-scale", "0.01", "--import-delay", "0.2") as sandbox,
        store_server(platform, *trial.arguments, *trial.hurry) as shop,
    ):
        home = Home(tmp_path, sandbox, platform, trial, shop)
        killer = Killer(home, SEED)
        try:
            yield Way(home, trial, shop, killer)
        finally:
            killer.rest()
            home.close()


@pytest.mark.parametrize("platform", sorted(TRIALS) if "TAJO_JOURNEY" in os.environ else EACH_SORT)
def test_everybody_is_in_brevo_as_the_platform_has_them_and_opt_outs_go_back(platform, way, told):
    home, trial, shop, killer = way.home, way.trial, way.shop, way.killer
    began_s = time.monotonic()

    way.set_clock()
    way.timed("connect", lambda: connect(way))
    way.silently(lambda: trial.populate(shop, max(0, SIZE - len(trial.everybody(shop)))))
    pulled = way.timed("pull", lambda: bring_everybody(way))
    way.timed("changes", lambda: bring_silent_changes(way))
    by_pull = way.timed("webhooks", lambda: hear_of_changes(way))
    later, results, rest = way.timed("back", lambda: tell_the_platform(way))

    killer.rest()
    row = Row(
        platform=platform,
        pulled=pulled,
        seconds=round(time.monotonic() - began_s, 1),
        faults=played(shop),
        kills=killer.count,
        webhooks=home.heard(),
        write_back=", ".join(f"{name} {count}" for name, count in sorted(results.items())),
        loop=sum(rest),
        by_pull=len(by_pull) + len(later),
    )
    keep(row)
    told(f"{row}; seconds of each step: {way.steps}; no such act: {sorted(way.impossible)}")
    assert way.differences() == []
    assert home.sandbox.mailable() == []
    assert home.waiting() == {}
    assert home.parked() == []
    assert rest == (0, 0), "they call one another though nothing happens"
    assert killer.count == KILLS


def connect(way):
    """Make the webhooks for the address that the web process has, and let the check of the installation be fine."""
    home, trial, shop = way.home, way.trial, way.shop
    home.launch("web")
    if not home.connector.tells_secret:
        home.start_all()
    until(lambda: home.is_up("web"), home)
    home.hear_brevo()
    made = home.tajo("connectors", "install", home.platform, "--json")
    assert not made["failed"]
    address = f"http://127.0.0.1:{home.port}/webhooks/{home.platform}"
    assert {one for _, one in trial.webhooks(shop)} == {address}
    if home.connector.tells_secret:
        home.restart()
    findings = home.tajo("doctor", "--json")
    assert [one for one in findings if one["verdict"] == "fail"] == []


def bring_everybody(way):
    """Pull everybody: counted first, then by a person's word, while calls fail and workers die."""
    trouble(way.shop, way.trial, SEED, FAULTS)
    dry = way.pull("--full", "--dry-run")
    assert way.home.sandbox.contacts() == {}
    way.killer.allow(5)
    run = way.pull("--full")
    way.settle()
    assert dry.counts["read"] > 0
    assert way.differences() == []
    return run.counts["read"]


def bring_silent_changes(way):
    """Let some change without a word; an incremental pull brings them."""
    names = way.edit_silently(EDITS)
    trouble(way.shop, way.trial, SEED + 1, FAULTS // 2)
    way.killer.allow(2)
    way.pull()
    way.settle()
    assert way.differences() == []
    assert names <= {one["attributes"].get("FIRSTNAME") for one in way.home.sandbox.contacts().values()}


def hear_of_changes(way):
    """Let people act until enough was killed; return what only the next pull brought."""
    way.killer.allow(2)
    for number in range(MOST_ROUNDS):
        if number and way.killer.is_idle:
            break
        way.round()
        trouble(way.shop, way.trial, SEED + 2 + number, FAULTS // 4)
        way.settle()
        way.shop.delete("/fake/faults")
    return way.catch_up()


def tell_the_platform(way):
    """Let somebody leave in Brevo: the platform is told once, tells of it, and then it is quiet."""
    home, trial, shop = way.home, way.trial, way.shop
    record_id, address = way.somebody_on_the_list()
    way.killer.allow(KILLS - way.killer.count)
    home.sandbox.unsubscribe(address)
    way.left.add(address)
    if home.connector.writes:
        until(lambda: trial.may_mail(shop, record_id) is False, home)
    way.settle()
    for _ in range(MOST_ROUNDS):
        if way.killer.is_idle:
            break
        way.round(is_last=True)
        way.settle()
    left = way.catch_up()
    assert home.sandbox.contacts()[address]["emailBlacklisted"]
    return left, home.told_platform(), way.calls_at_rest()
