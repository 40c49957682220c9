"""The rules, by promtool: quiet nights, slow and fast burns, outages, resets, and every alert once."""

from __future__ import annotations

import pytest

from customer_sync.base.metrics import CATALOGUE
from customer_sync.operate.figures.codes import CODES
from customer_sync.operate.monitoring import files
from customer_sync.operate.monitoring.alerts import FOUND, SILENT, alerts
from customer_sync.operate.monitoring.objectives import IN_TIME, WINDOWS, ended, late
from customer_sync.operate.monitoring.terms import series

from .promtool import Expected, ask, ends, finding, judge, named, overdue

#: Minutes.
HOUR, DAY = 60, 1440
BURN, SLOW_BURN = "TajoDeliveryBudgetBurn", "TajoDeliveryBudgetBurnSlow"


def fires(at, *names, **values):
    return Expected(at, frozenset(names), values.get("values", {}))


def minute(value):
    """A value every minute, for as long as any test."""
    return f"{value}x{4 * DAY}"


def test_promtool_finds_no_fault_in_rules_and_config(tmp_path):
    for path, text in files().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    config = str(tmp_path / "prometheus/prometheus.yml")

    assert "SUCCESS" in ask("check", "rules", "--lint=all", "--lint-fatal", str(tmp_path / "prometheus/rules/tajo.yml"))
    assert "SUCCESS" in ask("check", "config", "--syntax-only", config)


def test_a_quiet_night_gives_no_alert_and_no_nan(tmp_path):
    values = {f"sum({late(window)})": 0 for window in WINDOWS} | {"sum(job:tajo_delivery_budget:ratio30d)": 1}

    judge(tmp_path, 12 * HOUR, {}, [fires("12h", values=values)], "1h")


def test_one_of_two_events_at_night_calls_nobody(tmp_path):
    came = {ends("in_time"): "10x39 11x600", ends("parked"): "10x50 11x600"}
    seen = {f"sum({late('1h')}) > bool 0.4": 1, f"sum({late('1h')}) < bool 0.6": 1}

    judge(tmp_path, 2 * HOUR, came, [fires("52m", values=seen), fires("56m", values=seen), fires("80m")], "2m")


def test_one_of_a_hundred_opens_a_ticket_and_calls_nobody_at_night(tmp_path):
    steady = {ends("in_time"): minute("0+99"), ends("parked"): minute("0+1")}

    judge(tmp_path, 4 * DAY, steady, [fires("80h", SLOW_BURN, values={f"round(sum({late('3d')}), 0.001)": 0.01})], "4h")


def test_one_of_a_thousand_is_within_the_objective(tmp_path):
    assert 1 - IN_TIME > 0.001
    steady = {ends("in_time"): minute("0+999"), ends("late"): minute("0+1")}

    judge(tmp_path, 4 * DAY, steady, [fires("80h")], "4h")


def test_a_total_outage_calls_within_minutes_although_nothing_ends(tmp_path):
    # an hour of traffic, then nothing is delivered: what waits for longer than a minute is bad while it waits
    stop = {ends("in_time"): "0+10x60 600x600", overdue("contacts"): "0x61 0+10x600"}
    shares = {f"sum({late('5m')}) > bool 0.9": 1}

    judge(tmp_path, 80, stop, [fires("60m"), fires("62m"), fires("75m", BURN, SLOW_BURN, values=shares)])


def test_notices_that_wait_burn_no_budget(tmp_path):
    waiting = {ends("in_time"): minute("0+10"), overdue("notify:ops"): "0x61 0+10x600"}
    names = {"sum(job:tajo_overdue:sum)": 0, f"sum({late('5m')})": 0}

    judge(tmp_path, 80, waiting, [fires("75m", values=names)], "5m")


def test_what_was_late_burns_the_budget_when_it_has_ended_as_well(tmp_path):
    back = {ends("in_time"): "0+10x60 600x60 600+10x400", overdue("contacts"): "0x60 0+10x59 0x400"}
    back[ends("late")] = "0x119 600x400"

    judge(tmp_path, 9 * HOUR, back, [fires("125m", BURN, SLOW_BURN), fires("7h", SLOW_BURN)], "5m")


def test_a_redis_that_began_anew_is_no_failure(tmp_path):
    anew = {ends("in_time"): "5000+10x120 0+10x600", ends("parked"): "70x120 0x600", ends("late"): "9x120 0x600"}
    values = {f"sum({late(window)})": 0 for window in ("5m", "1h", "6h")}

    judge(tmp_path, 4 * HOUR, anew, [fires("121m", values=values), fires("132m", values=values)], "11m")


def test_two_web_processes_that_tell_the_same_count_once(tmp_path):
    other = "web:8001"
    both = {ends(end, instance=one): minute("0+10") for end in ("in_time", "parked") for one in ("web:8000", other)}

    at = fires(
        "2h", BURN, SLOW_BURN, values={f"round(sum({ended('1h')}))": 1200, f"round(sum({late('1h')}), 0.01)": 0.5}
    )
    judge(tmp_path, 3 * HOUR, both, [at], "10m")


def test_events_of_runs_do_not_count(tmp_path):
    late_run = {ends("late", way="pull"): minute("0+100")}

    judge(tmp_path, 3 * HOUR, late_run, [fires("2h", values={f"sum({late('1h')})": 0})], "10m")


def test_without_redis_what_the_spool_holds_counts(tmp_path):
    gone = dict.fromkeys((overdue("inbox"), overdue("contacts"), *map(ends, ("late", "parked"))), "0x60 _x600")
    gone |= {ends("in_time"): "0+10x60 _x600", overdue("spool"): "0x60 0+5x600", named("tajo_up"): "1x60 0x600"}
    gone |= {named("tajo_queue_depth", lane="spool"): "0x60 5+5x600", finding("redis_away"): "0x60 3x600"}

    judge(tmp_path, 2 * HOUR, gone, [fires("90m", "TajoRedisDown", "TajoSpoolNotEmpty", BURN, SLOW_BURN)], "5m")


def test_a_page_that_cannot_be_read_is_told_whether_it_refuses_or_is_not_there(tmp_path):
    for values in (minute("0"), ""):
        judge(tmp_path, 10, {named("up"): values}, [fires("1m"), fires("5m", "TajoScrapeMissing")])


def test_a_worker_that_is_away_calls_somebody_and_one_that_never_was_opens_a_ticket(tmp_path):
    for gravity, severity in ((3, "page"), (2, "ticket")):
        seen = {f'count(ALERTS{{alertname="TajoWorkerGone",severity="{severity}",alertstate="firing"}})': 1}
        at = fires("15m", "TajoWorkerGone", values=seen)
        judge(tmp_path, 20, {finding("worker_gone"): f"0x10 {gravity}x60"}, [fires("10m"), at])


def test_customers_out_of_sync_burn_their_budget(tmp_path):
    apart = {named("tajo_in_sync_ratio", source="shop"): "1x60 0.8x5000", finding("drift", "shop"): "0x60 2x5000"}
    names = ("TajoInSyncBudgetBurn", "TajoInSyncBudgetBurnSlow", "TajoOutOfSync")

    judge(tmp_path, 4 * HOUR, apart, [fires("60m"), fires("3h", *names)], "5m")


def test_a_source_that_waits_for_its_first_run_is_not_out_of_sync(tmp_path):
    waits = {named("tajo_in_sync_ratio", source="new"): minute("0.1"), finding("drift", "new"): ""}

    judge(tmp_path, 4 * HOUR, waits, [fires("3h")], "5m")


#: Alert → the series that make it fire, which nothing else does.
METRICS = {
    "TajoSpoolNotEmpty": {named("tajo_queue_depth", lane="spool"): minute("3")},
    "TajoRedisMemoryHigh": {named("tajo_redis_memory_bytes"): minute("85000000")},
    "TajoLanePaused": {named("tajo_lane_paused", lane="contacts"): minute("1")},
    "TajoLimitNearlyUsed": {named("tajo_limit_headroom_ratio", bucket="contacts"): minute("0.05")},
    "TajoParkedGrowing": {named("tajo_parked"): "0x60 6x600"},
    "TajoRedisDown": {named("tajo_up"): minute("0")},
    "TajoCompareOld": {named("tajo_compared_timestamp_seconds", source="shop"): minute(f"-{9 * 86_400}")},
}
#: The other alerts that are no findings fire in tests of their own above.
ELSEWHERE = {BURN, SLOW_BURN, "TajoInSyncBudgetBurn", "TajoInSyncBudgetBurnSlow", "TajoScrapeMissing"}


def test_each_alert_of_a_metric_fires(tmp_path):
    judge(
        tmp_path,
        2 * HOUR,
        {name: told for series in METRICS.values() for name, told in series.items()},
        [fires("90m", *METRICS)],
        "10m",
    )


def test_each_finding_fires_its_alert_and_no_other(tmp_path):
    told = {finding(code, "shop" if one.is_of_source else ""): "0x10 2x60" for one in FOUND for code in one.codes}
    pairs = {
        f'count(ALERTS{{alertname="{one.name}",code="{code}",alertstate="firing"}})': 1
        for one in FOUND
        for code in one.codes
    }
    wrong = {f'count(ALERTS{{alertname="{one.name}",code!~"{"|".join(one.codes)}"}})': None for one in FOUND}

    judge(tmp_path, 40, told, [fires("10m"), fires("40m", *(one.name for one in FOUND), values=pairs | wrong)], "5m")


def test_every_alert_is_seen_to_fire_and_every_finding_has_one():
    told = {code for one in FOUND for code in one.codes}
    by_metric = {"redis_away", "redis_refused", "lane_paused"}

    assert {one.name for one in alerts()} == {*METRICS, *ELSEWHERE, *(one.name for one in FOUND)}
    assert told | by_metric | set(SILENT) == CODES
    assert not (told & (by_metric | set(SILENT)))


def test_every_alert_says_what_is_so_and_what_to_do():
    for one in alerts():
        assert all((one.summary, one.description, one.remedy)), one.name


def test_a_label_that_a_metric_does_not_have_cannot_be_asked_for():
    with pytest.raises(KeyError, match="has no label lane"):
        series("tajo_events_total", lane="contacts")


def test_the_rules_name_only_metrics_of_the_catalogue():
    text = files()["prometheus/rules/tajo.yml"]

    assert sum(metric.name in text for metric in CATALOGUE) >= 10
