"""The catalogue of metrics: each one once, with its meaning and what to do when it looks wrong.

Values live in Redis (`customer_sync.store.counters`), so they are right with any number of processes and hosts.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

#: Upper bounds of the latency buckets, in seconds: from a quiet line to a backlog of an hour. None is far above the one
#: before, because an estimated percentile may be off by as much as its bucket is wide.
LATENCY_BUCKETS_S = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0),
    *(10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0),
)

#: An event that Brevo has so soon after it arrived came in time; one that waits for longer is late while it waits. One
#: of the buckets, in seconds.
IN_TIME_S = 60.0


class Metric(NamedTuple):
    """One metric: what it counts, what its labels are, what to do when it rises."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    meaning: str
    remedy: str


CATALOGUE: tuple[Metric, ...] = (
    Metric(
        "tajo_inbound_total",
        "counter",
        ("source", "answer"),
        "Webhook requests by source and answer: accepted, spooled, greeted, refused, too_large, busy.",
        "Refused rising: the secret in tajo.yaml is not the one the platform signs with. "
        "Spooled or busy: Redis does not answer.",
    ),
    Metric(
        "tajo_parked_dropped_total",
        "counter",
        ("why",),
        "Parked things that were dropped: `age`, after 90 days; `number`, the oldest of more than 20,000.",
        "Mend what parks them: `tajo parked list` shows the reasons.",
    ),
    Metric(
        "tajo_notices_total",
        "counter",
        ("target", "result"),
        "Notices by target and result: delivered, again (a try failed), parked, paused (not sent).",
        "Again or parked rising: `tajo notices list` says what the target answers.",
    ),
    Metric(
        "tajo_writebacks_total",
        "counter",
        ("source", "result"),
        "Opt-outs that a platform was to be told, by what became of them: written, unchanged (it knew), gone (no such "
        "record, or another address), newer (an opt-in there is newer), lifted (an opt-in here is newer), unsupported "
        "(the platform takes none), no_account (a buyer without an account), no_keys (it cannot be called), off, "
        "parked.",
        "Parked: `tajo parked list`. No_keys: give the source its keys, `tajo connectors connect`. Unsupported and "
        "no_account: opt these people out at the platform by hand, if it mails anybody by itself.",
    ),
    Metric(
        "tajo_events_total",
        "counter",
        ("source", "state"),
        "Events by the state they reached: ignored, repeated, pending, delivered, retrying, parked.",
        "Parked rising: `tajo parked list` shows reason and remedy.",
    ),
    Metric(
        "tajo_parked_taken_out_total",
        "counter",
        ("source", "how"),
        "Parked events that a person took out again: replayed, dropped. The rates count them as failing no more.",
        "Replayed and parked again: the cause is still there; `tajo parked list` shows the remedy.",
    ),
    Metric(
        "tajo_event_latency_seconds",
        "histogram",
        ("source", "way"),
        "From the arrival of an event (way `webhook`), or from its reading by a run (way `pull`), to its acceptance by "
        "Brevo. Sources that left the config are `other`.",
        "Compare with tajo_queue_depth and the headroom of the rate limit: a backlog waits for the limit, not for us.",
    ),
    Metric(
        "tajo_event_ends_total",
        "counter",
        ("source", "way", "end"),
        f"Events that ended: in_time, when Brevo had them within {IN_TIME_S:.0f} s; late, when it took longer; parked. "
        "By the way they came: webhook, or pull for those that a run read. What was parked, replayed and delivered "
        "counts for both ends.",
        "Late rising: tajo_queue_depth and tajo_limit_headroom_ratio say what they waited for. Parked rising: "
        "`tajo parked list`.",
    ),
    Metric(
        "tajo_items_total",
        "counter",
        ("lane", "outcome"),
        "Items by outcome: delivered, unchanged, again, parked.",
        "Again rising: look at tajo_brevo_requests_total for the status that comes back.",
    ),
    Metric(
        "tajo_run_records_total",
        "counter",
        ("source", "result"),
        "Records read by runs: changed (put into the lane), unchanged (cost nothing), refused.",
        "Refused rising: `tajo runs show` tells which records cannot be understood, and why.",
    ),
    Metric(
        "tajo_brevo_requests_total",
        "counter",
        ("endpoint", "status"),
        "Calls to Brevo by endpoint and status.",
        "429: another program uses the same account. 401: run `tajo doctor`.",
    ),
    Metric(
        "tajo_calls_saved_total",
        "counter",
        ("why",),
        "Calls to Brevo that were not needed: merged (several events, one call), unchanged, "
        "import (many contacts, one call).",
        "None: the more, the better.",
    ),
    Metric(
        "tajo_imports_total",
        "counter",
        ("outcome",),
        "Imports of many contacts by what became of them: sent; done, failed, lost (Brevo knows nothing of it), "
        "overdue; unclear and refused at the call; void (never sent), late (ended long after it was given up).",
        "Failed or overdue rising: https://status.brevo.com. Nothing is lost: the contacts are sent one by one.",
    ),
    Metric(
        "tajo_import_rows_total",
        "counter",
        ("outcome",),
        "Contacts in imports: sent; updated (of an import that updates), without phone (it follows singly); refused "
        "(Brevo lists the row as faulty), existed (the contact was there already), not as sent (the contact shows "
        "other values), unproven (the canaries did not pass). The last four are sent one by one.",
        "Existed rising: most customers were in Brevo before. Run `tajo reconcile`: it finds existing contacts, "
        "so they are not put into an import in vain. Unproven: `tajo brevo prove --status`.",
    ),
    Metric(
        "tajo_fields_refused_total",
        "counter",
        ("field",),
        "Fields left out because Brevo would refuse or drop them; the rest of the contact was sent.",
        "An attribute that does not exist: `tajo attributes plan`. SMS: the phone number is not valid or is taken.",
    ),
    Metric(
        "tajo_values_left_out_total",
        "counter",
        ("source",),
        "Values that a source sent in a form that cannot be read: each was left out, as if it were unknown, and the "
        "rest of its record was used.",
        "Rising: `tajo events show` of one of the source's events names the fields. A plugin there writes them.",
    ),
    Metric(
        "tajo_orders_left_out_total",
        "counter",
        ("source", "why"),
        "Orders that were not sent to Brevo: currency (not the account's, or none), no address, withdrawn (the buyer "
        "left and is no contact there), test, not known (only a part of the order was heard of).",
        "currency: compare the currencies, `tajo doctor` shows them. The others need nothing.",
    ),
    Metric(
        "tajo_consent_blocked_total",
        "counter",
        ("channel",),
        "Times the consent rules kept a withdrawn person from becoming mailable: they did not follow a yes that came, "
        "or set a block that Brevo did not have.",
        "Rising after a change at the platform: it may be signing people up again. Look before you trust it.",
    ),
    Metric(
        "tajo_lane_pauses_total",
        "counter",
        ("lane", "why"),
        "Times a lane stopped: unavailable (Brevo is down) or config (a wrong setting, or no worker delivers it).",
        "`tajo doctor` says which setting it is and what to do.",
    ),
    Metric(
        "tajo_leases_lost_total",
        "counter",
        ("lane",),
        "Items whose lease ended before they were settled: a worker died or stood still.",
        "A few after a restart are normal. Steadily rising: the machine is too slow or Redis is.",
    ),
    Metric(
        "tajo_queue_depth",
        "gauge",
        ("lane",),
        "Items that wait, leased ones too; `inbox` and `spool` are the lines before the lanes.",
        "Rising for long: more comes in than the rate limit lets out.",
    ),
    Metric(
        "tajo_oldest_age_seconds",
        "gauge",
        ("lane",),
        "How long the oldest waiting item has waited.",
        "Above a minute with a free rate limit: is a worker running? `tajo doctor`.",
    ),
    Metric(
        "tajo_overdue",
        "gauge",
        ("lane",),
        f"Requests and items that wait for longer than {IN_TIME_S:.0f} s at this moment, without those of runs and "
        "without notices. Several events of one customer are one item. More than 1,000 of a line are estimated.",
        "Above 0: `tajo doctor` says what they wait for.",
    ),
    Metric(
        "tajo_success_ratio",
        "gauge",
        ("span",),
        "Delivered events as a share of delivered and parked ones, over the last `hour`, the last `day`, and `ever`. "
        "Absent where none ended. What was replayed or dropped is parked no more.",
        "Below 1: `tajo parked list`.",
    ),
    Metric(
        "tajo_error_ratio",
        "gauge",
        ("span",),
        "Parked events as a share of delivered and parked ones, by the same spans.",
        "Above 0: `tajo parked list`.",
    ),
    Metric(
        "tajo_in_sync_ratio",
        "gauge",
        ("source",),
        "Share of a source's customers who were the same at the source, here and in Brevo when both sides were "
        "compared last, before anything was mended: the worst of both sides. Absent before the first comparison. The "
        "figure of `tajo reconcile` and of the overview is the smallest of these.",
        "Below 1: `tajo reconcile show` tells what differs, `tajo reconcile --heal` mends it.",
    ),
    Metric(
        "tajo_compared_timestamp_seconds",
        "gauge",
        ("source",),
        "When the comparison ended that tajo_in_sync_ratio tells of, in seconds since 1970.",
        "Older than two nights: is beat running? `tajo reconcile` compares at once.",
    ),
    Metric("tajo_parked", "gauge", (), "Things a person must look at.", "`tajo parked list`, mend, `tajo replay`."),
    Metric("tajo_people", "gauge", (), "People known.", "None."),
    Metric(
        "tajo_limit_headroom_ratio",
        "gauge",
        ("bucket",),
        "Share of this hour's calls that is left, as Brevo last told.",
        "Near 0: the hour's limit is used up; work goes on when it ends.",
    ),
    Metric(
        "tajo_lane_paused",
        "gauge",
        ("lane",),
        "1 while a lane waits for its destination or for a setting to be mended.",
        "`tajo doctor`.",
    ),
    Metric(
        "tajo_door_open",
        "gauge",
        ("door",),
        "1 while imports may do this in the account: `updates` of contacts that exist, `phones` and other values that "
        "only one contact may have, `lists` of those who agreed.",
        "0: these go one by one, which is slow and safe. The page Imports and `tajo brevo prove --status` say why.",
    ),
    Metric("tajo_redis_memory_bytes", "gauge", (), "Memory that Redis uses.", "Near its limit: raise maxmemory."),
    Metric(
        "tajo_redis_memory_limit_bytes",
        "gauge",
        (),
        "The memory that Redis may use (`maxmemory`). Absent where there is no limit.",
        "None: without a limit the memory of the machine is the limit.",
    ),
    Metric(
        "tajo_finding",
        "gauge",
        ("code", "source"),
        "What the overview finds, by its code: 0 it is not so, 1 work waits, 2 a person should look, 3 a person must. "
        "`source` is empty for what concerns the whole installation.",
        "2 or 3: the overview and `tajo doctor` tell the finding in a sentence, and what to do.",
    ),
    Metric(
        "tajo_redis_aof_ok",
        "gauge",
        (),
        "1 while the append-only file of Redis is on and its last write worked.",
        "0: what waits may be lost with the machine. Turn `appendonly` on, or free space on its disk.",
    ),
    Metric(
        "tajo_worker_seen_timestamp_seconds",
        "gauge",
        (),
        "When a worker last looked for work that waits, in seconds since 1970. Absent when none ever did.",
        "Older than 15 s: no worker runs, or none reaches Redis.",
    ),
    Metric(
        "tajo_up",
        "gauge",
        (),
        "1 while Redis answers. At 0 the page has this metric, the spool and the findings only: the rest is in Redis.",
        "Start Redis. Webhooks are kept in the spool meanwhile.",
    ),
)

BY_NAME = {metric.name: metric for metric in CATALOGUE}


#: How Prometheus is told of us.
_SCRAPE = """\
scrape_configs:
  - job_name: tajo
    authorization:
      credentials_file: /etc/prometheus/tajo.key
    static_configs:
      - targets: ["127.0.0.1:8000"]
"""


def metrics_markdown() -> str:
    """Return the reference page of the metrics."""
    lines = [
        "# Metrics",
        "",
        "Every metric of `/metrics`, with its meaning and what to do. Generated from the code.",
        "",
        "Prometheus needs the API key: copy the value of `TAJO_API_KEY` or, if that is not set, of `api.key` in the",
        "folder that `tajo run` names as Data, into a file that Prometheus alone can read.",
        "",
        "```yaml",
        *_SCRAPE.splitlines(),
        "```",
        "",
    ]
    lines += ["| metric | type | labels | meaning | what to do |", "|---|---|---|---|---|"]
    lines += [
        f"| `{m.name}` | {m.type} | {', '.join(f'`{label}`' for label in m.labels) or '-'} | {m.meaning} | {m.remedy} |"
        for m in CATALOGUE
    ]
    return "\n".join(lines) + "\n"
