from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.base.clock import utc_now
from customer_sync.base.metrics import LATENCY_BUCKETS_S
from customer_sync.batch.starts import start_by_itself
from customer_sync.config import BrevoSettings, Settings
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.outbound import Reply
from customer_sync.model import Event, EventState, Inbound, Kind
from customer_sync.operate.figures import (
    Figures,
    figures_without_redis,
    findings,
    judge,
    parked_groups,
    read_figures,
)
from customer_sync.operate.figures.parts import Alert, Calls, Latency, Limit, Paused, Queue, RedisHealth
from customer_sync.operate.figures.read import _redis, quantile
from customer_sync.operate.figures.telling import tell_findings
from customer_sync.operate.figures.watched import Watched
from customer_sync.store import Store, inbox
from customer_sync.store.breaker import Pause
from customer_sync.store.counters import Rate, Tally
from customer_sync.store.doors import Refusals
from customer_sync.store.receipts import Drift, Receipt, Share
from customer_sync.store.run import RunKind, Slot
from customer_sync.store.spool import Spool
from tests.rig import Rig
from tests.runs.shop import RunRig

from .conftest import ADDRESS, AT, Seed, sources

SETTINGS = Settings(sources=sources("lumen", "tulip"))
LONG_AGO_S = 24 * 3600.0


def read(store: Store, home: Path) -> Figures:
    return read_figures(store, SETTINGS, home)


def tally(store: Store, **states: int) -> None:
    counted = Tally()
    for state, number in states.items():
        counted.count("tajo_events_total", by=number, source="lumen", state=state)
    store.counters.add(counted)


def put(store: Store, lane: str, target: str) -> None:
    store.scripts.run("replay", target, "none", "", "")
    store.client.hset("tajo:parked", "px", "{}")
    store.scripts.run("replay", "px", lane, target, '{"S":{},"E":[]}')


def raw(minutes: int = 0) -> bytes:
    return inbox.encode(Inbound("lumen", {}, b"{}", AT.replace(minute=minutes)))


def test_an_empty_installation_has_no_rates_and_names_its_sources(store, tmp_path):
    figures = read(store, tmp_path)

    assert (figures.success_rate, figures.error_rate, figures.latency) == (None, None, Latency(None, None, None, 0))
    assert (figures.waiting, figures.oldest_age_s, figures.parked, figures.people) == (0, None, 0, 0)
    assert set(figures.sources) == {"lumen", "tulip"}
    assert figures.events == dict.fromkeys(EventState, 0)


def test_rates_are_shares_of_what_was_delivered_or_parked(store, tmp_path):
    tally(store, delivered=97, parked=3, pending=100, ignored=50)

    figures = read(store, tmp_path)

    assert (figures.success_rate, figures.error_rate) == (0.97, 0.03)
    assert figures.sources["lumen"]["ignored"] == 50
    assert figures.sources["tulip"]["delivered"] == 0


def ended(store: Store, at_ms: int, **states: int) -> None:
    counted = Tally()
    for state, number in states.items():
        counted.count("tajo_events_total", by=number, source="lumen", state=state)
    store.counters.add(counted, at_ms)


def test_rates_heal_with_time_and_are_kept_for_all_time_too(store, tmp_path):
    now_ms, minute_ms = store.now_ms(), 60_000
    ended(store, now_ms, delivered=9, parked=1)
    ended(store, now_ms - 70 * minute_ms, delivered=5, parked=5)
    ended(store, now_ms - 25 * 60 * minute_ms, delivered=6, parked=14, ignored=9)

    figures = read(store, tmp_path)

    assert figures.rates == {"hour": Rate(9, 1), "day": Rate(14, 6), "ever": Rate(20, 20)}
    assert (figures.success_rate, figures.rates["hour"].error, figures.rates["day"].error) == (0.5, 0.1, 0.3)
    assert figures.to_json()["rates"]["hour"] == {"success_rate": 0.9, "error_rate": 0.1, "delivered": 9, "failed": 1}


def test_what_the_rates_are_made_of_stays_small_and_ends_by_itself(store):
    now_ms = store.now_ms()
    for back in range(3 * 24 * 12):
        ended(store, now_ms - back * 300_000, delivered=1)

    slots = list(store.client.scan_iter("tajo:ended:*"))

    assert all(0 < store.client.ttl(slot) <= 86_400 + 3600 for slot in slots)
    assert store.counters.rates(now_ms)["hour"] == Rate(12, 0)


def park(store: Store, seed: Seed, number: int) -> list[str]:
    ended(store, store.now_ms(), delivered=7, parked=number)
    return [seed.inbound("Truncated.") for _ in range(number)]


def test_what_was_replayed_and_is_parked_again_counts_once(store, tmp_path, seed: Seed):
    ids = park(store, seed, 1)
    before = read(store, tmp_path).rates

    store.parked.replay(store.parked.get(ids[0]))
    meanwhile = read(store, tmp_path).rates
    ended(store, store.now_ms(), parked=1)

    assert [before[span].error for span in ("hour", "day", "ever")] == [0.125] * 3
    assert [meanwhile[span].error for span in ("hour", "day", "ever")] == [0.0] * 3
    assert read(store, tmp_path).rates == before


def test_what_was_dropped_fails_no_more(store, tmp_path, seed: Seed):
    ids = park(store, seed, 3)
    found = [store.parked.get(one) for one in ids]

    for one in [*found, *found]:  # a second hand on the same button changes nothing
        store.parked.drop(one)

    assert [rate.error for rate in read(store, tmp_path).rates.values()] == [0.0] * 3


def test_all_events_behind_a_parked_item_fail_no_more(client, tmp_path):
    rig = Rig(client)
    refused = Reply(400, {}, b'{"code": "invalid_parameter", "message": "no"}')
    rig.brevo.answers += [refused] * 4
    for n in (1, 2):
        at = utc_now(rig.clock)
        rig.send(Event(f"e{n}", "shop", Kind.CUSTOMER_UPDATED, at, "1", "1", {"email": ADDRESS, "firstName": f"N{n}"}))
    rig.settle()
    (item,) = rig.store.parked.list()
    before = read(rig.store, tmp_path)

    rig.store.parked.replay(item)
    rig.brevo.answers.clear()
    rig.settle()

    assert (before.rates["hour"], before.events["parked"]) == (Rate(0, 2), 2)
    assert read(rig.store, tmp_path).rates == dict.fromkeys(("hour", "day", "ever"), Rate(2, 0))


def test_a_source_that_left_the_config_is_still_counted(store, tmp_path):
    counted = Tally()
    counted.count("tajo_events_total", source="gone", state="delivered")
    store.counters.add(counted)

    assert read(store, tmp_path).sources["gone"]["delivered"] == 1


def test_an_erasure_that_was_asked_for_here_is_told_as_the_metrics_tell_it(store, tmp_path):
    counted = Tally()
    counted.count("tajo_events_total", source="tajo", state="delivered")
    store.counters.add(counted)

    assert set(read(store, tmp_path).sources) == {"lumen", "tulip", "tajo"}


def test_latency_has_an_exact_average_and_percentiles_within_their_bucket(store, tmp_path):
    counted = Tally()
    for seconds in [0.03] * 98 + [4.0] * 2:
        counted.observe_latency(seconds, source="lumen", way="webhook")
    counted.observe_latency(900.0, source="lumen", way="pull")
    store.counters.add(counted)

    latency = read(store, tmp_path).latency

    assert latency.events == 100
    assert latency.average_s == pytest.approx(0.1094)
    assert 0.025 <= latency.p50_s <= 0.05
    assert 3.0 <= latency.p99_s <= 4.0


@pytest.mark.parametrize("longest_s", [0.045, 0.4, 7.0, 42.0, 75.0, 1100.0])
def test_a_percentile_is_told_nearly_as_it_was(store, tmp_path, longest_s):
    counted = Tally()
    for _ in range(100):
        counted.observe_latency(longest_s, source="lumen", way="webhook")
    store.counters.add(counted)

    assert read(store, tmp_path).latency.p99_s <= longest_s * 1.3


def test_what_only_runs_brought_has_a_latency(client, tmp_path):
    rig = RunRig(client)
    rig.shop.add(5)
    rig.finish(rig.start())

    figures = read_figures(rig.store, Settings(sources=sources("shop")), tmp_path)

    assert (figures.latency.events, figures.pulled_latency.events) == (0, 5)
    assert 0 < figures.pulled_latency.average_s < 60
    assert figures.to_json()["pulled_latency"]["events"] == 5


def test_a_run_that_is_paused_for_long_or_holds_withdrawals_back_is_told_of(client, tmp_path):
    rig = RunRig(client)
    rig.shop.add(25)
    rig.finish(rig.start())
    run = rig.start()
    rig.store.runs.pause(run)

    def told():
        figures = read_figures(rig.store, Settings(sources=sources("shop")), tmp_path)
        return [one for one in findings(figures) if one.code == "run_paused"]

    just_paused = told()
    client.hset(f"tajo:run:{run.id}", mapping={"n.held": 2, "n.blocks": 2})
    [with_withdrawals] = told()
    client.hset(f"tajo:run:{run.id}", mapping={"n.held": 0, "updated": rig.store.now_ms() - 2 * 3_600_000})
    [paused_long] = told()

    assert just_paused == []
    assert "Up to 2 people who left can still be mailed" in with_withdrawals.text
    assert "nothing else of the source is read" in paused_long.text
    assert paused_long.remedy == f"`tajo runs resume {run.id}` goes on, `tajo runs cancel {run.id}` ends it."


@pytest.mark.parametrize(("heals", "stopped", "codes"), [(False, "", 1), (True, "too many", 1), (True, "", 0)])
def test_who_withdrew_and_is_left_mailable_is_told_of_however_few_they_are(store, tmp_path, heals, stopped, codes):
    many = {name: Share(10_000, 9_998) for name in ("lumen", "tulip")}
    receipt = Receipt(sources=("lumen", "tulip"), ended_ms=store.now_ms(), shares=many, is_healing=heals)
    receipt.stopped, receipt.mailable = stopped, {"email": Drift(2, ["1", "2"])}
    store.receipts.keep(receipt)

    found = [one for one in findings(read(store, tmp_path)) if one.code == "mailable"]

    assert [one.level for one in found] == ["down"] * codes
    assert all("2 people who withdrew" in one.text and "--heal" in one.remedy for one in found)


def test_a_run_that_the_brake_stopped_is_told_of_after_a_scheduled_run_took_its_place(client, tmp_path):
    rig = RunRig(client)
    rig.shop.add(80)
    rig.finish(rig.start())
    for n in range(1, 81):
        rig.shop.withdraw(n)
    braked = rig.finish(rig.start(RunKind.INCREMENTAL))
    later = start_by_itself(rig.puller, "shop", RunKind.INCREMENTAL, "schedule", Slot("pull:shop", 1))
    rig.shop.people.clear()
    rig.finish(later)

    figures = read_figures(rig.store, Settings(sources=sources("shop")), tmp_path)

    assert [run.id for run in figures.watched.runs] == [braked.id]
    assert any(one.code == "run_braked" and one.level == "down" for one in findings(figures))


def test_every_line_tells_its_depth_and_its_oldest(store, tmp_path):
    store.inbox.append([raw(), raw()])
    put(store, "contacts", "7")
    store.client.zadd("tajo:since:contacts", {"7": 1})
    spool = Spool(tmp_path / "spool-1.sqlite")
    spool.append([raw(30), raw()])
    Spool(tmp_path / "spool-2.sqlite").append([raw(10)])

    figures = read(store, tmp_path)

    lines = {queue.name: queue for queue in figures.queues}
    assert {name: queue.waiting for name, queue in lines.items()} == {"inbox": 2, "spool": 3, "contacts": 1}
    assert lines["inbox"].oldest_age_s < 60
    assert lines["contacts"].oldest_age_s > LONG_AGO_S
    assert lines["spool"].oldest_age_s == pytest.approx(figures.at_ms / 1000 - AT.replace(minute=10).timestamp())
    assert figures.waiting == 6
    assert figures.oldest_age_s == lines["contacts"].oldest_age_s


def test_a_spool_that_cannot_be_read_does_not_hide_the_others(store, tmp_path):
    (tmp_path / "spool-1.sqlite").write_text("no database")
    Spool(tmp_path / "spool-2.sqlite").append([raw()])

    assert read(store, tmp_path).waiting == 1


def test_looking_at_a_spool_changes_nothing_in_it(store, tmp_path):
    Spool(tmp_path / "spool-1.sqlite").append([raw()])

    read(store, tmp_path)

    with sqlite3.connect(tmp_path / "spool-1.sqlite") as db:
        assert db.execute("SELECT count(*) FROM spool").fetchone() == (1,)
    db.close()


def test_a_paused_lane_tells_why_and_what_to_do(store, tmp_path):
    put(store, "contacts", "7")
    store.breakers.trip("contacts", Pause("config", "The API key is refused.", "Set BREVO_API_KEY.", 5), wait_s=60)

    assert read(store, tmp_path).pauses == (
        Paused("contacts", "config", "The API key is refused.", "Set BREVO_API_KEY.", 5, "Brevo"),
    )


def test_calls_that_were_made_and_saved_are_told(store, tmp_path):
    counted = Tally()
    counted.count("tajo_brevo_requests_total", by=4, endpoint="/contacts", status="201")
    counted.count("tajo_brevo_requests_total", endpoint="/contacts", status="400")
    counted.count("tajo_calls_saved_total", by=3, why="merged")
    counted.count("tajo_calls_saved_total", by=2, why="unchanged")
    store.counters.add(counted)

    assert read(store, tmp_path).calls == Calls(made=5, merged=3, unchanged=2)
    assert read(store, tmp_path).calls.saved == 5


def test_the_rate_limit_is_what_brevo_told(store, tmp_path):
    store.limits.learn("contacts", 10)
    store.limits.learn("contacts", 36_000, 9000, 600)

    limit = next(one for one in read(store, tmp_path).limits if one.bucket == "contacts")

    assert (limit.rate_per_s, limit.hour_headroom, limit.destination) == (10.0, 0.25, "Brevo")


def test_a_worker_that_told_that_it_lives_is_seen(store, tmp_path):
    assert not read(store, tmp_path).has_worker
    seconds, _ = store.client.time()
    store.set_note("worker_seen", {"at": seconds - 3})

    figures = read(store, tmp_path)

    assert 2 < figures.worker_seen_s < 5
    assert figures.has_worker
    store.set_note("worker_seen", {"at": seconds - 60})
    assert not read(store, tmp_path).has_worker


def test_redis_tells_its_memory_and_whether_its_disk_works(store, tmp_path):
    health = read(store, tmp_path).redis

    assert health.is_up
    assert health.memory_bytes > 500_000
    assert health.aof == "on"


@pytest.mark.parametrize(
    ("told", "aof"),
    [
        ({"aof_enabled": 0}, "off"),
        ({"aof_enabled": 1, "aof_last_write_status": "ok", "aof_last_bgrewrite_status": "ok"}, "on"),
        ({"aof_enabled": 1, "aof_last_write_status": "err"}, "failing"),
        ({"aof_enabled": 1, "aof_last_bgrewrite_status": "err"}, "failing"),
        ({"aof_enabled": 0, "aof_last_write_status": "err"}, "off"),
    ],
)
def test_the_append_only_file_is_on_off_or_failing(told, aof):
    assert _redis({"used_memory": 1}, told).aof == aof


def test_alerts_come_newest_first(store, tmp_path):
    store.ledger.alert("Lane contacts waits.", "Wait.", lane="contacts")
    store.ledger.alert("Lane contacts goes on.", "")

    alerts = read(store, tmp_path).alerts

    assert [(one.text, one.remedy) for one in alerts] == [
        ("Lane contacts goes on.", ""),
        ("Lane contacts waits.", "Wait."),
    ]


def test_figures_hold_no_address(store, tmp_path, seed: Seed):
    seed.event(1)
    seed.inbound()
    seed.item()
    store.inbox.append([inbox.encode(Inbound("lumen", {}, ADDRESS.encode(), AT))])

    text = json.dumps(read(store, tmp_path).to_json())

    assert "example.com" not in text
    assert '"parked": 2' in text


def test_without_redis_the_spool_is_still_counted(tmp_path):
    Spool(tmp_path / "spool-1.sqlite").append([raw()])

    figures = figures_without_redis(SETTINGS, tmp_path)

    assert (figures.redis.is_up, figures.waiting) == (False, 1)
    assert json.dumps(figures.to_json())


def test_an_account_is_told_from_the_sandbox(tmp_path):
    assert figures_without_redis(SETTINGS, tmp_path).brevo == "sandbox"
    assert figures_without_redis(Settings(brevo=BrevoSettings(api_key="k")), tmp_path).brevo == "account"


def test_parked_things_are_grouped_by_reason_the_largest_first(store, seed: Seed):
    seed.item("One.")
    for _ in range(3):
        seed.item("Two.")
    seed.inbound("Two.")
    seed.inbound("Two.")

    groups = parked_groups(store)

    assert [(group.reason, group.remedy, len(group.members)) for group in groups] == [
        ("Two.", "Compare the mapping.", 3),
        ("Two.", "Fix the sender, then replay.", 2),
        ("One.", "Compare the mapping.", 1),
    ]
    assert [group.sources for group in groups] == [("lane contacts",), ("lumen",), ("lane contacts",)]
    of_two = replace(groups[0].members[0], topic="lumen, tulip")
    assert replace(groups[0], members=(of_two, replace(of_two, topic="tulip"))).sources == ("lumen", "tulip")


# quantiles -----------------------------------------------------------------------------------------------------------

counts_of = st.lists(st.integers(0, 50), min_size=len(LATENCY_BUCKETS_S) + 1, max_size=len(LATENCY_BUCKETS_S) + 1)


def bucket(value: float) -> int:
    return next((i for i, bound in enumerate(LATENCY_BUCKETS_S) if value <= bound), len(LATENCY_BUCKETS_S))


@given(st.lists(st.floats(0, 4000), min_size=1, max_size=60), st.integers(1, 100))
def test_an_estimated_percentile_lies_in_the_bucket_of_the_true_one(values, percent):
    counts = [0] * (len(LATENCY_BUCKETS_S) + 1)
    for value in values:
        counts[bucket(value)] += 1
    true = sorted(values)[max(0, -(-percent * len(values) // 100) - 1)]

    estimate = quantile(counts, percent / 100)

    assert bucket(estimate) == min(bucket(true), len(LATENCY_BUCKETS_S) - 1)


@given(counts_of, st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_never_has_a_smaller_latency(counts, one, other):
    low, high = (quantile(counts, share) for share in sorted([one, other]))

    assert (low is None) == (sum(counts) == 0)
    assert low is None or 0 <= low <= high <= LATENCY_BUCKETS_S[-1]


# the verdict ---------------------------------------------------------------------------------------------------------

UP = RedisHealth(is_up=True, aof="on")
PAUSE = Paused("contacts", "unavailable", "host did not answer: ProtocolError", "Nothing to do.", 0, "Brevo")
OLD = Queue("contacts", 12, 90.0)


@pytest.mark.parametrize(
    ("facts", "level", "text"),
    [
        ({}, "ok", "Ready for the first event."),
        ({"events": {"delivered": 1}}, "ok", "In step: everything is delivered."),
        ({"queues": (Queue("contacts", 12, 1.0),)}, "ok", "In step: 12 on the way to Brevo."),
        ({"queues": (OLD,)}, "busy", "12 wait for their turn."),
        ({"parked": 1, "queues": (OLD,)}, "look", "1 thing needs a person."),
        ({"parked": 3}, "look", "3 things need a person."),
        ({"pauses": (PAUSE,), "parked": 1}, "look", "Brevo does not answer."),
        (
            {"pauses": (PAUSE, PAUSE._replace(lane="orders", kind="config", reason="No key."))},
            "down",
            "No key.",
        ),
        ({"pauses": (PAUSE._replace(lane="fetch:shop", destination="Tulip"),)}, "look", "Tulip does not answer."),
        ({"redis": UP._replace(aof="failing"), "pauses": (PAUSE,)}, "down", "Redis cannot write to its disk."),
        ({"queues": (OLD,), "worker_seen_s": 40.0}, "down", "12 wait and no worker is at work."),
        ({"queues": (OLD,), "worker_seen_s": None}, "down", "12 wait and no worker is at work."),
        ({"worker_seen_s": None}, "look", "No worker is at work."),
        ({"worker_seen_s": 40.0}, "down", "No worker is at work."),
        ({"people": 7}, "ok", "In step: everything is delivered."),
        ({"redis": RedisHealth(is_up=False)}, "down", "Redis does not answer."),
    ],
)
def test_the_verdict_is_the_worst_thing_in_one_sentence(facts, level, text):
    figures = Figures(**{"at_ms": 0, "redis": UP, "brevo": "sandbox", "worker_seen_s": 1.0, **facts})

    verdict = judge(figures)

    assert (verdict.level, verdict.text) == (level, text)
    assert level == "ok" or verdict.remedy


def test_an_alert_is_told_with_its_time():
    figures = Figures(at_ms=0, redis=UP, brevo="sandbox", alerts=(Alert(1_795_262_400_000, "A", "B"),))

    assert figures.to_json()["alerts"] == [{"at": "2026-11-21T12:00:00.000Z", "text": "A", "remedy": "B"}]


# what holds a backlog ------------------------------------------------------------------------------------------------


def holding(word: str) -> Limit:
    return Limit("contacts", 10.0, None, "Brevo", word)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"limits": (holding("rate"),)}, "Brevo's rate limit sets the pace"),
        ({"limits": (holding("hour"),)}, "Brevo's calls of this hour are used up"),
        ({"limits": (holding("refused"),)}, "Brevo's limit was reached"),
        ({"limits": (holding(""),)}, "The workers are busy with it"),
        ({"limits": (holding(""),), "pauses": (PAUSE._replace(destination="Tulip"),)}, "Tulip does not answer"),
    ],
)
def test_a_backlog_says_what_really_holds_it(facts, words):
    figures = Figures(**{"at_ms": 0, "redis": UP, "brevo": "sandbox", "worker_seen_s": 1.0, "queues": (OLD,), **facts})

    [backlog] = [one for one in findings(figures) if one.code == "backlog"]

    assert backlog.remedy.startswith(words)


def test_a_limit_tells_what_calls_wait_for(store):
    limits = store.limits
    assert limits.holds("contacts") == ""
    limits.learn("contacts", 10)
    assert limits.holds("contacts") == ""

    while limits.reserve("contacts", 10).offsets_s:
        pass
    assert limits.holds("contacts") == "rate"

    limits.learn("orders", 100, 1, 600)
    assert limits.holds("orders") == "hour"
    limits.hold("products", 60)
    assert limits.holds("products") == "refused"


def test_a_source_whose_connector_cannot_be_loaded_is_told():
    watched = Watched(unserved={"desk": "acme"})
    figures = Figures(at_ms=0, redis=UP, brevo="sandbox", worker_seen_s=1.0, watched=watched)

    [found] = findings(figures)

    assert (found.code, found.source, found.level) == ("source_unserved", "desk", "down")


def test_all_findings_are_told_the_worst_first_and_causes_before_effects():
    figures = Figures(at_ms=0, redis=UP, brevo="sandbox", worker_seen_s=40.0, parked=1, pauses=(PAUSE,), queues=(OLD,))

    assert [one.code for one in findings(figures)] == ["worker_gone", "brevo_away", "parked", "backlog"]


# findings become alerts ----------------------------------------------------------------------------------------------


def test_a_new_finding_becomes_one_alert_in_the_same_words(store, tmp_path):
    store.set_note("worker_seen", {"at": store.now_ms() / 1000})
    store.doors.write([], {"lumen": Refusals(3, "wrong", "The signature does not fit the secret.")})

    for _ in range(2):
        tell_findings(store, SETTINGS, tmp_path)

    [alert] = store.ledger.alerts()
    found = next(one for one in findings(read(store, tmp_path)) if one.code == "webhooks_refused")
    assert (alert["alert"], alert["remedy"], alert["source"]) == (found.text, found.remedy, "lumen")


def test_a_body_that_a_proxy_compressed_is_no_matter_of_the_secret(store, tmp_path):
    store.set_note("worker_seen", {"at": store.now_ms() / 1000})
    store.doors.write([], {"lumen": Refusals(3, "compressed", "The body came compressed.")})

    found = next(one for one in findings(read(store, tmp_path)) if one.code == "webhooks_refused")

    assert "proxy" in found.remedy
    assert "Give connectors" not in found.remedy


def refused(store, folder, settings=SETTINGS):
    """Return what is told of refused webhooks: sentence and remedy of each."""
    found = findings(read_figures(store, settings, folder))
    return [(one.text, one.remedy) for one in found if one.code == "webhooks_refused"]


@pytest.mark.parametrize("cause", ["no secret", "not told"])
def test_webhooks_that_came_before_the_secret_are_over_with_the_first_that_is_accepted(store, tmp_path, cause):
    store.doors.write([], {"lumen": Refusals(5, cause, "No secret.")})
    assert len(refused(store, tmp_path)) == 1

    store.doors.write(["lumen"], {})

    assert refused(store, tmp_path) == []


@pytest.mark.parametrize(("number", "words"), [(1, "1 webhook of lumen was refused"), (5, "5 webhooks of lumen were")])
def test_refused_webhooks_before_accepted_ones_are_told_as_over_with_their_number(store, tmp_path, number, words):
    store.doors.write([], {"lumen": Refusals(number, "wrong", "No.")})
    store.doors.write(["lumen"], {})
    store.doors.write(["lumen"], {})

    ((text, remedy),) = refused(store, tmp_path)

    assert text.startswith(words)
    assert "later ones not" in text
    assert remedy.startswith("If it comes again:")


def test_what_was_refused_before_the_settings_had_the_secret_asks_for_no_secret(store, tmp_path):
    store.doors.write([], {"lumen": Refusals(3, "no secret", "No secret.")})
    keyed = replace(SETTINGS, sources={"lumen": SourceSettings("lumen", "shopify", ("s",))})
    bare = replace(SETTINGS, sources={"lumen": SourceSettings("lumen", "shopify")})

    ((before, asks),) = refused(store, tmp_path, bare)
    ((after, remedy),) = refused(store, tmp_path, keyed)

    assert "are refused" in before
    assert asks.startswith("Give connectors.lumen the secret")
    assert "were refused until" in after
    assert remedy == "It has one now: start `tajo run` again unless that was done since."


def test_what_is_back_within_the_hour_is_not_told_again_and_later_it_is(store, tmp_path):
    store.set_note("worker_seen", {"at": store.now_ms() / 1000})
    refused = {"lumen": Refusals(3, "wrong", "No.")}
    store.doors.write([], refused)
    tell_findings(store, SETTINGS, tmp_path)

    store.client.delete("tajo:doors")
    tell_findings(store, SETTINGS, tmp_path)
    store.doors.write([], refused)
    tell_findings(store, SETTINGS, tmp_path)
    assert len(store.ledger.alerts()) == 1

    store.client.delete("tajo:doors")
    store.set_note("findings_told", {"webhooks_refused|lumen": store.now_ms() - 3_700_000})
    tell_findings(store, SETTINGS, tmp_path)
    store.doors.write([], refused)
    tell_findings(store, SETTINGS, tmp_path)
    assert len(store.ledger.alerts()) == 2
