"""The alert rules: the objectives, what the overview finds, and what it does not look at. One truth for both.

A finding's alert asks `tajo_finding`, so its threshold is the overview's own. `docs/running.md` has a section for each.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from customer_sync.model import Json
from customer_sync.operate.figures.codes import LOOK
from customer_sync.operate.figures.faults import ERRORS_LEAST
from customer_sync.operate.monitoring import objectives
from customer_sync.operate.monitoring.terms import gauge, series

#: The share of Redis' memory from which somebody should look: a full Redis refuses webhooks, which go to the spool.
MEMORY_LOOK: Final = 0.8
#: The share of an hour's calls that is left below which somebody should know.
HEADROOM_LOOK: Final = 0.1
#: A comparison that is older is no proof of today, in days: a week's schedule may have missed one.
COMPARED_DAYS: Final = 8
#: Findings that are no reason to call anybody, and why.
SILENT: Final = {"backlog": "Work waits and is done: the objective of delivery tells when that takes too long."}

#: A finding that somebody must act on calls a person at once.
_BY_GRAVITY: Final = "{{ if ge $value 3.0 }}page{{ else }}ticket{{ end }}"
_OVERVIEW: Final = "The overview and `tajo doctor` tell it in a sentence."


class Alert(NamedTuple):
    """One alert.

    Args:
        name: its name; docs/running.md has a section of that name.
        expr: when it is so.
        after: how long that must last.
        severity: `page`: somebody must act now; `ticket`: within days.
        summary: what is so, in a few words.
        description: what that means.
        remedy: what to do.
    """

    name: str
    expr: str
    after: str
    severity: str
    summary: str
    description: str
    remedy: str


class Found(NamedTuple):
    """An alert of findings of the overview: their codes, and the rest as in `Alert`."""

    name: str
    codes: tuple[str, ...]
    summary: str
    remedy: str
    after: str = "2m"

    @property
    def is_of_source(self) -> bool:
        """Whether the findings concern one source."""
        return "{{ $labels.source }}" in self.summary


_SOURCE: Final = "{{ $labels.source }}"

FOUND: Final = (
    Found(
        "TajoNothingKept",
        ("nothing_kept",),
        "Webhooks are turned away",
        "Start Redis, or free space on the disk of the spool.",
        "0s",
    ),
    Found(
        "TajoWorkerGone",
        ("worker_gone",),
        "No worker is at work",
        "Start a worker: `tajo run`, or its unit or container. What waits is kept.",
        "1m",
    ),
    Found(
        "TajoRedisNotOnDisk",
        ("disk_fails", "disk_off"),
        "What waits is not safe on the disk of Redis",
        "Free space on the disk of Redis, or turn `appendonly` on.",
    ),
    Found(
        "TajoBrevoKeyRefused",
        ("brevo_key",),
        "Brevo refuses the key",
        "`tajo doctor` says why: a wrong key, or an address that is not authorised in Brevo. What waits is kept.",
        "1m",
    ),
    Found(
        "TajoBrevoAway",
        ("brevo_away",),
        "Brevo does not answer",
        "See https://status.brevo.com and the way from the workers to api.brevo.com. What waits is kept.",
        "10m",
    ),
    Found(
        "TajoAttributesMissing",
        ("attributes_missing",),
        "Brevo lacks attributes that the mapping needs",
        "`tajo attributes plan`, then `tajo attributes apply`.",
    ),
    Found(
        "TajoListMissing",
        ("list_missing",),
        "Brevo lacks a list that the config names",
        "Correct `list_id` in tajo.yaml, or make the list in Brevo.",
    ),
    Found(
        "TajoTemplateMissing", ("template_missing",), "A template of mails cannot be used", "`tajo doctor` names it."
    ),
    Found(
        "TajoClockWrong",
        ("clock", "host_clock"),
        "A clock is wrong",
        "Let the host take its time from NTP; `tajo doctor` names it.",
        "5m",
    ),
    Found(
        "TajoEventsFail",
        ("errors",),
        "Many events of the last hour failed",
        "`tajo parked list` shows reasons and remedies.",
    ),
    Found(
        "TajoParked",
        ("parked",),
        "Something waits in Parked for a person",
        "`tajo parked list`, mend the cause, `tajo replay`.",
        "15m",
    ),
    Found(
        "TajoWithdrawnMailable",
        ("mailable",),
        f"People of {_SOURCE} who withdrew can be mailed in Brevo",
        "`tajo reconcile <source> --heal` blocks them. Send no campaign before that.",
        "0s",
    ),
    Found(
        "TajoOutOfSync",
        ("drift",),
        f"Customers of {_SOURCE} are not in sync",
        "`tajo reconcile show` tells what differs, `tajo reconcile <source> --heal` mends it.",
        "15m",
    ),
    Found(
        "TajoScheduleStopped",
        ("schedule_stopped",),
        "Nothing that is scheduled is done",
        "Start beat: `tajo run`, or its unit or container.",
    ),
    Found(
        "TajoSourceSilent",
        ("source_silent",),
        f"The source {_SOURCE} is silent",
        "`tajo connectors install <source>` repairs its webhooks; is beat running?",
        "15m",
    ),
    Found(
        "TajoSourceUnserved",
        ("source_unserved",),
        f"The connector of {_SOURCE} cannot be loaded",
        "`tajo doctor` says why.",
    ),
    Found(
        "TajoSourceComplains",
        ("source_complains",),
        f"The platform of {_SOURCE} reports a fault",
        f"{_OVERVIEW} Do what the platform asks for.",
    ),
    Found(
        "TajoWebhooksRefused",
        ("webhooks_refused",),
        f"Webhooks of {_SOURCE} are refused",
        "Compare the secret in tajo.yaml with the one at the platform.",
        "5m",
    ),
    Found(
        "TajoWebhooksBroken",
        ("webhooks_broken",),
        f"The webhooks of {_SOURCE} are not as they should be",
        "`tajo connectors install <source>` repairs them and says what is missing.",
        "15m",
    ),
    Found(
        "TajoRunStopped",
        ("run_stopped", "run_braked"),
        f"A run of {_SOURCE} stopped",
        "`tajo runs list` and `tajo runs show` say why and how it goes on.",
    ),
    Found(
        "TajoRunPaused",
        ("run_paused",),
        f"A run of {_SOURCE} is paused and holds up the others",
        "`tajo runs resume` goes on, `tajo runs cancel` ends it.",
        "15m",
    ),
    Found(
        "TajoRunHindered",
        ("run_hindered",),
        f"A run of {_SOURCE} does not get on",
        "It is tried again by itself; `tajo runs show` says what the platform answers.",
        "15m",
    ),
    Found(
        "TajoDoorFlipped",
        ("imports_closed",),
        "Imports no longer do what was proven",
        "`tajo brevo prove --status` says what was seen; people are sent one by one meanwhile.",
    ),
    Found(
        "TajoNoticesNotTaken",
        ("notices_not_taken",),
        "A target takes no notices",
        "`tajo notices list` says which one and what it answers; `tajo notices test` tries now.",
    ),
)


def _of_objectives() -> list[Alert]:
    budget_left = "of the 30 days' budget is used up in"
    delivery = f"The objective: {objectives.IN_TIME_TEXT}."
    sync = f"The objective: {objectives.IN_SYNC_TEXT}."
    late, apart = objectives.late(""), objectives.apart("")
    judged = f"and on (job, source) ({gauge('tajo_finding', 'job', 'source', code='drift')} >= {LOOK})"
    look = "The dashboard of the queue says what events wait for; `tajo doctor` names the cause."
    mend = "`tajo reconcile show` tells what differs and why, `tajo reconcile <source> --heal` mends it."
    fast, slow = (
        objectives.burns(objectives.FAST, objectives.IN_SYNC, apart),
        objectives.burns(objectives.SLOW, objectives.IN_SYNC, apart),
    )
    return [
        Alert(
            "TajoDeliveryBudgetBurn",
            objectives.burns(objectives.FAST, objectives.IN_TIME, late, least=True),
            "0s",
            "page",
            "Too many events are late or parked",
            f"{delivery} 2 % {budget_left} an hour, or 5 % in six: {{{{ $value | humanizePercentage }}}} fail.",
            look,
        ),
        Alert(
            "TajoDeliveryBudgetBurnSlow",
            objectives.burns(objectives.SLOW, objectives.IN_TIME, late, least=True),
            "0s",
            "ticket",
            "More events are late or parked than the objective allows",
            f"{delivery} 10 % {budget_left} three days: {{{{ $value | humanizePercentage }}}} fail.",
            look,
        ),
        Alert(
            "TajoInSyncBudgetBurn",
            f"({fast}) {judged}",
            "0s",
            "page",
            f"Many customers of {_SOURCE} are not in sync",
            f"{sync} {{{{ $value | humanizePercentage }}}} are not, by the last comparison.",
            mend,
        ),
        Alert(
            "TajoInSyncBudgetBurnSlow",
            f"({slow}) {judged}",
            "0s",
            "ticket",
            f"More customers of {_SOURCE} are not in sync than the objective allows",
            f"{sync} {{{{ $value | humanizePercentage }}}} are not, by the comparisons of three days.",
            mend,
        ),
    ]


def _of_what_is_below() -> list[Alert]:
    memory = f"{gauge('tajo_redis_memory_bytes', 'job')} / {gauge('tajo_redis_memory_limit_bytes', 'job')}"
    ours = 'up{job=~"tajo.*"}'
    return [
        Alert(
            "TajoScrapeMissing",
            f"{ours} == 0 or absent({ours})",
            "2m",
            "page",
            "Prometheus cannot read /metrics",
            "Nothing is known of the installation: no other alert can come.",
            "Is the web process running, and is the key in the key file the right one? 401: compare both.",
        ),
        Alert(
            "TajoRedisDown",
            f"min by (job, instance) ({series('tajo_up')}) == 0",
            "1m",
            "page",
            "Redis does not answer, or cannot be used",
            "Webhooks are kept in the spool of {{ $labels.instance }}; nothing is delivered.",
            "Start Redis: the rest follows by itself.",
        ),
        Alert(
            "TajoSpoolNotEmpty",
            f"sum by (job, instance) ({series('tajo_queue_depth', lane='spool')}) > 0",
            "5m",
            "ticket",
            "Webhooks wait on the disk of the web process",
            "{{ $value }} webhooks wait in the spool of {{ $labels.instance }}.",
            "Redis refuses or does not answer: `tajo doctor` there. Do not remove the home folder.",
        ),
        Alert(
            "TajoRedisMemoryHigh",
            f"{memory} > {MEMORY_LOOK}",
            "5m",
            "ticket",
            "Redis is nearly full",
            "Redis uses {{ $value | humanizePercentage }} of its memory. When it is full, webhooks go to the spool.",
            "Raise `maxmemory`. Something waits: see the dashboard of the queue.",
        ),
    ]


def _of_work() -> list[Alert]:
    grown = f"{gauge('tajo_parked', 'job')} - max by (job) ({series('tajo_parked')} offset 1h)"
    compared = f"time() - {gauge('tajo_compared_timestamp_seconds', 'job', 'source')}"
    return [
        Alert(
            "TajoLanePaused",
            f"{gauge('tajo_lane_paused', 'job', 'lane')} == 1",
            "5m",
            "ticket",
            "The lane {{ $labels.lane }} stands still",
            "It waits for its destination, or for a setting to be mended. Nothing is lost.",
            "`tajo doctor` says which, and what to do.",
        ),
        Alert(
            "TajoLimitNearlyUsed",
            f"{gauge('tajo_limit_headroom_ratio', 'job', 'bucket')} < {HEADROOM_LOOK}",
            "5m",
            "ticket",
            "The hour's calls of {{ $labels.bucket }} are nearly used up",
            "{{ $value | humanizePercentage }} of the hour's calls are left. At 0 work waits for the next hour.",
            "Does another program use the account? The dashboard of Brevo's limits shows our calls.",
        ),
        Alert(
            "TajoParkedGrowing",
            f"{grown} >= {ERRORS_LEAST}",
            "0s",
            "ticket",
            "More and more is parked",
            "{{ $value }} more things wait in Parked than an hour ago.",
            "`tajo parked list` shows reasons and remedies.",
        ),
        Alert(
            "TajoCompareOld",
            f"{compared} > {COMPARED_DAYS * 86_400}",
            "15m",
            "ticket",
            f"Nobody has compared {_SOURCE} with Brevo for {COMPARED_DAYS} days",
            "The figure of customers in sync is as old as the comparison.",
            "Is beat running? `tajo reconcile <source>` compares at once.",
        ),
    ]


def alerts() -> list[Alert]:
    """Return every alert; the objectives first."""
    found = [
        Alert(one.name, _finding(one), one.after, _BY_GRAVITY, one.summary, _OVERVIEW, one.remedy) for one in FOUND
    ]
    return [*_of_objectives(), *_of_what_is_below(), *_of_work(), *found]


def _finding(one: Found) -> str:
    codes = one.codes[0] if len(one.codes) == 1 else "=~" + "|".join(one.codes)
    return f"{gauge('tajo_finding', 'job', 'code', 'source', code=codes)} >= {LOOK}"


def group(runbooks: str) -> Json:
    """Return the group of alert rules.

    Args:
        runbooks: the page with a section for each alert.
    """
    return {"name": "tajo_alerts", "rules": [_rule(one, runbooks) for one in alerts()]}


def _rule(one: Alert, runbooks: str) -> Json:
    return {
        "alert": one.name,
        "expr": one.expr,
        "for": one.after,
        "labels": {"severity": one.severity},
        "annotations": {
            "summary": f"{one.summary}.",
            "description": one.description,
            "remedy": one.remedy,
            "runbook_url": f"{runbooks}#{one.name.lower()}",
        },
    }
