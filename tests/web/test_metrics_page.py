from __future__ import annotations

import ast
import re
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse

from customer_sync.base.metrics import CATALOGUE, LATENCY_BUCKETS_S, metrics_markdown
from customer_sync.brevo.proof.doors import DOORS
from customer_sync.model import Inbound
from customer_sync.operate.figures import faults
from customer_sync.operate.figures.codes import CODES, GRAVITY, LOOK
from customer_sync.store import inbox
from customer_sync.store.counters import Tally
from customer_sync.store.proofs import Closing
from customer_sync.store.receipts import Receipt, Share
from customer_sync.store.spool import Spool
from customer_sync.web.metrics_page import GAUGES, KNOWN, LOCAL
from tests.programs import need

from .conftest import KEY, prove


def values(web) -> dict[tuple[str, frozenset], float]:
    answer = web.get("/metrics")
    assert answer.status_code == 200
    samples = [sample for family in parse(answer.text) for sample in family.samples]
    found = {(one.name, frozenset(one.labels.items())): one.value for one in samples}
    assert len(found) == len(samples), "a series stands twice"
    return found


def key(name: str, **labels: str) -> tuple[str, frozenset]:
    return name, frozenset(labels.items())


def test_every_gauge_of_the_catalogue_has_its_reader():
    assert set(GAUGES) == {metric.name for metric in CATALOGUE if metric.type == "gauge"}


def test_known_label_values_are_those_of_labels_in_the_catalogue():
    labels = {metric.name: set(metric.labels) for metric in CATALOGUE}

    assert all(set(known) | {"source", "lane", "target"} >= labels[name] >= set(known) for name, known in KNOWN.items())


def test_doors_are_told_as_closed_until_a_proof_opens_them(web, store):
    closed = {door: values(web)[key("tajo_door_open", door=door)] for door in DOORS}
    prove(store, passed=("updates", "lists"))
    opened = {door: values(web)[key("tajo_door_open", door=door)] for door in DOORS}
    store.proofs.close(["lists"], Closing("flipped", "Canary A is not blocked any more.", 1))

    assert closed == dict.fromkeys(DOORS, 0)
    assert opened == {"updates": 1, "phones": 0, "lists": 1}
    assert values(web)[key("tajo_door_open", door="lists")] == 0


def test_the_whole_catalogue_is_there_with_type_and_meaning(web, store):
    store.set_note("worker_seen", {"at": time.time()})

    families = {family.name: family for family in parse(web.get("/metrics").text)}

    for metric in CATALOGUE:
        family = families[metric.name.removesuffix("_total") if metric.type == "counter" else metric.name]
        assert family.type == metric.type
        assert family.documentation == metric.meaning


def test_prometheus_own_checker_finds_nothing_to_say(web, store):
    store.set_note("worker_seen", {"at": time.time()})
    page = web.get("/metrics").data

    done = subprocess.run([need("promtool"), "check", "metrics"], input=page, capture_output=True, check=False)

    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_counters_of_configured_sources_begin_at_zero(web):
    found = values(web)

    assert found[key("tajo_events_total", source="tulip", state="parked")] == 0
    assert found[key("tajo_inbound_total", source="lumen", answer="refused")] == 0
    assert found[key("tajo_inbound_total", source="brevo", answer="busy")] == 0
    assert found[key("tajo_calls_saved_total", why="merged")] == 0


def test_counters_of_a_lane_begin_at_zero_when_it_has_its_first_item(web, store):
    store.lanes.register("contacts", keeps="people")

    found = values(web)

    assert found[key("tajo_lane_pauses_total", lane="contacts", why="config")] == 0
    assert found[key("tajo_leases_lost_total", lane="contacts")] == 0
    assert found[key("tajo_lane_paused", lane="contacts")] == 0


def test_what_any_process_counted_is_told(web, store):
    for _ in range(2):
        counted = Tally()
        counted.count("tajo_events_total", by=3, source="lumen", state="delivered")
        counted.count("tajo_brevo_requests_total", endpoint="/contacts", status="201")
        store.counters.add(counted)

    found = values(web)

    assert found[key("tajo_events_total", source="lumen", state="delivered")] == 6
    assert found[key("tajo_brevo_requests_total", endpoint="/contacts", status="201")] == 2


def test_latency_is_a_real_histogram(web, store):
    counted = Tally()
    for seconds in (0.01, 0.04, 0.04, 9999.0):
        counted.observe_latency(seconds, source="lumen", way="webhook")
    counted.observe_latency(70.0, source="tulip", way="pull")
    counted.observe_latency(2.0, source="left long ago", way="webhook")
    counted.observe_latency(2.0, source="and another", way="webhook")
    store.counters.add(counted)

    found = values(web)
    name, lumen = "tajo_event_latency_seconds", {"source": "lumen", "way": "webhook"}

    buckets = [found[key(f"{name}_bucket", **lumen, le=str(bound))] for bound in LATENCY_BUCKETS_S]
    assert buckets[:3] == [1, 1, 3]
    assert buckets == sorted(buckets)
    assert found[key(f"{name}_bucket", **lumen, le="+Inf")] == found[key(f"{name}_count", **lumen)] == 4
    assert found[key(f"{name}_sum", **lumen)] == pytest.approx(9999.09)
    assert found[key(f"{name}_sum", source="tulip", way="pull")] == 70.0
    assert found[key(f"{name}_count", source="other", way="webhook")] == 2
    assert len([labels for one, labels in found if one == f"{name}_count"]) == 3


def test_a_share_of_nothing_is_left_out(web):
    found = values(web)

    assert not [name for name, _ in found if name in {"tajo_success_ratio", "tajo_error_ratio"}]
    assert found[key("tajo_parked")] == 0


def test_the_rates_are_told_by_span(web, store):
    for back_s, state in ((0, "delivered"), (2 * 3600, "parked")):
        counted = Tally()
        counted.count("tajo_events_total", source="lumen", state=state)
        store.counters.add(counted, store.now_ms() - back_s * 1000)

    found = values(web)

    errors = {span: found[key("tajo_error_ratio", span=span)] for span in ("hour", "day", "ever")}
    assert errors == {"hour": 0.0, "day": 0.5, "ever": 0.5}
    assert found[key("tajo_success_ratio", span="day")] == 0.5


def test_a_label_may_hold_any_character(web, store):
    counted = Tally()
    counted.count("tajo_fields_refused_total", field='a"b\\c\nd')
    store.counters.add(counted)

    assert values(web)[key("tajo_fields_refused_total", field='a"b\\c\nd')] == 1


def test_without_redis_it_says_so_and_tells_of_the_spool(web, without_redis, tmp_path):
    Spool(tmp_path / "spool-1.sqlite").append([inbox.encode(Inbound("lumen", {}, b"{}", datetime.now(UTC)))])

    found = values(web)

    assert found[key("tajo_up")] == 0
    assert found[key("tajo_queue_depth", lane="spool")] == 1
    assert found[key("tajo_overdue", lane="spool")] == 0
    assert found[key("tajo_finding", code="redis_away", source="")] == 3
    assert {name for name, _ in found} == set(LOCAL)


def test_up_is_one_while_redis_answers(web):
    assert values(web)[key("tajo_up")] == 1


def test_a_scraper_that_asks_for_openmetrics_gets_it(web):
    answer = web.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert answer.content_type.startswith("application/openmetrics-text")
    assert {family.name for family in parse_open(answer.text)} >= {"tajo_up", "tajo_events"}


@pytest.mark.parametrize("address", ["127.0.0.1", "172.18.0.5", "8.8.8.8"])
def test_a_scraper_needs_the_key_wherever_it_is(make_app, address):
    web = make_app().test_client()
    from_there = {"environ_overrides": {"REMOTE_ADDR": address}}

    refused = web.get("/metrics", **from_there)

    assert refused.status_code == 401
    assert "api.key" in refused.text
    assert "tajo_up" not in refused.text
    assert web.get("/metrics", **from_there, headers={"Authorization": f"Bearer {KEY}"}).status_code == 200


def test_prometheus_understands_the_lines_that_the_page_of_metrics_gives(tmp_path):
    lines = re.search(r"```yaml\n(.*?)```", metrics_markdown(), re.DOTALL).group(1)
    (tmp_path / "prometheus.yml").write_text(lines)

    checked = [need("promtool"), "check", "config", "--syntax-only", str(tmp_path / "prometheus.yml")]

    done = subprocess.run(checked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "credentials_file" in lines


def test_every_finding_of_the_overview_has_its_code_among_the_metrics():
    tree = ast.parse(Path(faults.__file__).read_text())
    texts = [one.value for one in ast.walk(tree) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    verdicts = [one for one in ast.walk(tree) if isinstance(one, ast.Call) and ast.unparse(one.func) == "Verdict"]
    direct = {one.args[3].value for one in verdicts if isinstance(one.args[3], ast.Constant)}

    assert len(verdicts) > 20
    assert direct <= CODES <= set(texts)
    assert set(faults._ACCOUNT) <= CODES


def test_a_finding_is_told_by_its_code_and_source(web, store):
    store.set_note("worker_seen", None)
    store.doors.complain("lumen", "The app was removed.", "Install it again.")

    found = values(web)

    assert found[key("tajo_finding", code="worker_gone", source="")] == LOOK
    assert found[key("tajo_finding", code="source_complains", source="lumen")] == GRAVITY["down"]
    assert found[key("tajo_finding", code="source_complains", source="")] == 0
    assert {dict(labels)["code"] for name, labels in found if name == "tajo_finding"} == CODES


def test_only_a_limit_of_memory_is_told(web, store):
    assert key("tajo_redis_memory_limit_bytes") not in values(web)

    store.client.config_set("maxmemory", "500mb")
    try:
        assert values(web)[key("tajo_redis_memory_limit_bytes")] == 500 * 1024**2
    finally:
        store.client.config_set("maxmemory", 0)


def test_the_time_of_the_last_comparison_is_told(web, store):
    receipt = Receipt(sources=("lumen",), ended_ms=1_795_000_000_000, shares={"lumen": Share(4, 3)})
    store.receipts.keep(receipt)

    found = values(web)

    assert found[key("tajo_in_sync_ratio", source="lumen")] == 0.75
    assert found[key("tajo_compared_timestamp_seconds", source="lumen")] == 1_795_000_000
