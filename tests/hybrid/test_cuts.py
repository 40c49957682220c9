"""Redis stands still and the source goes away in the middle of a run: it ends as if nothing had been."""

from __future__ import annotations

import signal
import time

import pytest

from tests.stores.servers import store_server

pytestmark = pytest.mark.slow
FREEZE_S = 5.0
STORE = ("--customers", "600", "--report-lag", "0", "--behind-tls")


def test_a_run_ends_exactly_though_redis_froze_and_its_source_was_killed_meanwhile(house, places, told):
    port = places["corner"]
    with store_server("woocommerce", *STORE, port=port) as store:
        store.fault("slow", delay_s=0.3, count=None)
        number = house.begin("corner", "full")
        house.wait_until(lambda: house.run(number).counts["pages"] >= 2)
        house.server.freeze()
        time.sleep(FREEZE_S)
        house.server.thaw()
        house.wait_until(lambda: house.run(number).counts["pages"] >= 5)
        store.stop(signal.SIGKILL)
        house.wait_until(lambda: house.run(number).reason)
        at_cut = house.run(number)
    with store_server("woocommerce", *STORE, port=port):
        run = house.wait_for(number, "done")
        contacts, sent = house.sandbox.contacts(), house.sent()
        again = house.sync("corner", "full")

    told(
        f"cuts: Redis frozen for {FREEZE_S:.0f} s and the source killed after {at_cut.counts['read']} of "
        f"{run.counts['read']} records; {len(contacts)} contacts, {sent.all} written"
    )
    assert "did not answer" in at_cut.reason
    assert 0 < at_cut.counts["read"] < run.counts["read"]
    assert any("did not answer" in note for note in run.notes)
    # the run after it reads as many records, and finds nothing to do
    assert (again.counts["read"], again.counts["changed"]) == (run.counts["read"], 0)
    assert (house.sandbox.contacts(), house.sent()) == (contacts, sent)
    # each phone followed its row in a call of its own; beside that nobody was written twice but two whose second record
    # had more to tell, if it was read behind the first delivery
    assert 0 <= sent.all - len(contacts) - house.phones_followed() <= 2
