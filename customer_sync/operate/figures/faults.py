"""What can be wrong with an installation: a table of rows, each from figures to what it finds.

A row has one code, and says level, text and remedy in one place. Causes stand before their effects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal, NamedTuple

from customer_sync.base.metrics import IN_TIME_S
from customer_sync.base.share import percent
from customer_sync.brevo.proof.doors import REMEDY
from customer_sync.model import to_iso
from customer_sync.operate.figures.parts import WORKER_GONE_S, Figures, Limit
from customer_sync.operate.figures.watched import Check
from customer_sync.store.counters import Rate
from customer_sync.store.doors import Door
from customer_sync.store.hosts import REMEDY as CLOCK_REMEDY
from customer_sync.store.run import RunState

Level = Literal["ok", "busy", "look", "down"]

#: A line whose first has waited this long is a backlog and not just work under way, in seconds.
BACKLOG_S = IN_TIME_S
#: The share of parked events from which somebody should look, and must; and how many events prove a rate.
ERRORS_LOOK, ERRORS_DOWN, ERRORS_LEAST = 0.05, 0.2, 5
#: So many refused webhooks in a row are no stranger's knock any more.
REFUSED_LEAST = 3
#: Why a webhook is refused by a source that has no secret yet.
NO_SECRET: Final = ("no secret", "not told")
#: How long a refused webhook is told of while good ones come as well, in ms.
REFUSED_MS = 3_600_000
#: A platform's report of a fault is answered by good webhooks that come so long after it, in ms.
COMPLAINT_MS = 600_000
#: How long a source may be silent that sent before, and one that never sent since it was configured, in ms.
SILENT_MS, NEVER_MS = 7 * 86_400_000, 86_400_000
#: The share of a source's customers in sync below which somebody should look; on a busy shop some always wait.
IN_SYNC_LEAST = 0.99
#: A host whose clock is further from that of Redis than this must be put right, in seconds.
CLOCK_DOWN_S = 120.0
#: The account is looked at every ten minutes: with no look for so long the schedule stands still, in ms.
UNSEEN_MS = 40 * 60_000

#: How long a target may take no notice before somebody should look, in ms.
NOT_TAKEN_MS = 600_000


class Verdict(NamedTuple):
    """One sentence, what to do, and how much it matters.

    Args:
        level: ok, busy (work waits), look (a person should), down (a person must).
        text: what is so.
        remedy: what to do; "" when nothing is to be done.
        code: what it is, for programs.
        source: the source that it is about; "" for the whole installation.
        about: the destination or the target of notices that it is about, where a code may be about several.
    """

    level: Level
    text: str
    remedy: str
    code: str = ""
    source: str = ""
    about: str = ""


def _redis_away(figures: Figures) -> Iterator[Verdict]:
    if figures.redis.is_up:
        return
    if figures.watched.keeps_requests is False:
        remedy = "Start Redis, or free space on this machine's disk: until then webhooks are turned away."
        yield Verdict("down", "Neither Redis nor the spool takes requests.", remedy, "nothing_kept")
        return
    if figures.redis.reason:
        # a replica or a changed password may pass, and the spool keeps requests meanwhile; a cluster never passes
        code = "redis_refused" if figures.redis.is_wrong else "redis_away"
        yield Verdict("down", figures.redis.reason, figures.redis.remedy, code)
        return
    kept = f" ({figures.waiting} so far)" if figures.waiting else ""
    remedy = f"Webhooks are kept in the spool{kept}. Start Redis: the rest follows."
    yield Verdict("down", "Redis does not answer.", remedy, "redis_away")


def _worker_gone(figures: Figures) -> Iterator[Verdict]:
    if not figures.redis.is_up or figures.has_worker:
        return
    is_waiting = (figures.oldest_age_s or 0.0) >= WORKER_GONE_S
    text = f"{figures.waiting} wait and no worker is at work." if is_waiting else "No worker is at work."
    level: Level = "down" if is_waiting or figures.worker_seen_s is not None else "look"
    yield Verdict(level, text, "Start one: `tajo run` starts everything.", "worker_gone")


def _disk_fails(figures: Figures) -> Iterator[Verdict]:
    if figures.redis.aof == "failing":
        remedy = "Free space on the disk of Redis, or look at its log."
        yield Verdict("down", "Redis cannot write to its disk.", remedy, "disk_fails")
    elif figures.redis.is_up and figures.redis.aof == "off":
        remedy = "Set `appendonly yes` and `appendfsync everysec` in its config; at once: CONFIG SET appendonly yes."
        yield Verdict("down", "Redis keeps nothing on disk: a restart of it loses what waits.", remedy, "disk_off")


def _lanes_paused(figures: Figures) -> Iterator[Verdict]:
    told: set[tuple[str, str]] = set()
    for pause in sorted(figures.pauses, key=lambda pause: pause.kind):
        if (pause.destination, pause.kind) in told:
            continue
        told.add((pause.destination, pause.kind))
        if pause.kind == "config":
            code = "brevo_key" if pause.destination == "Brevo" else "lane_paused"
            yield Verdict("down", pause.reason, pause.remedy, code, about=pause.destination)
        else:
            code = "brevo_away" if pause.destination == "Brevo" else "lane_paused"
            text = f"{pause.destination} does not answer."
            yield Verdict("look", text, pause.remedy, code, about=pause.destination)


#: What the account's checks find → how much it matters when it fails, and when it only warns.
_ACCOUNT: dict[str, tuple[Level, Level]] = {
    "brevo_key": ("down", "look"),
    "brevo_away": ("look", "look"),
    "clock": ("down", "look"),
    "attributes_missing": ("down", "look"),
    "list_missing": ("down", "look"),
    "template_missing": ("down", "look"),
}


def _account(figures: Figures) -> Iterator[Verdict]:
    """What the last look at the account found; a lane that waits for it tells the same, and newer."""
    waits = any(pause.destination == "Brevo" for pause in figures.pauses)
    for check in figures.watched.account:
        levels = _ACCOUNT.get(check.code)
        if levels is None or check.verdict == "ok" or (waits and check.code in {"brevo_key", "brevo_away"}):
            continue
        yield Verdict(levels[check.verdict == "warn"], _said(check), check.fix, check.code)


def _said(check: Check) -> str:
    told = f"Brevo, {check.name}: {check.cause}" if check.name in {"attributes", "lists"} else check.cause
    return told if told.endswith(".") else f"{told}."


def _clocks(figures: Figures) -> Iterator[Verdict]:
    for skew in figures.watched.skews:
        level: Level = "down" if abs(skew.offset_s) >= CLOCK_DOWN_S else "look"
        yield Verdict(level, str(skew), CLOCK_REMEDY, "host_clock")


def _mailable(figures: Figures) -> Iterator[Verdict]:
    """Who withdrew and can be mailed is told of, however small a share that is; once for a receipt of all sources."""
    for source, one in {one.receipt: (source, one) for source, one in figures.compared.items()}.values():
        if one.mailable:
            who = "1 person who" if one.mailable == 1 else f"{one.mailable:,} people who"
            text = f"{who} withdrew could still be mailed in Brevo at {_time(one.at_ms)}."
            remedy = f"`tajo reconcile {source} --heal` blocks them, `tajo reconcile show` tells more."
            yield Verdict("down", text, remedy, "mailable", source)


def _drift(figures: Figures) -> Iterator[Verdict]:
    for source, one in figures.compared.items():
        # before the first full run they differ, and nothing is mended: the source waits for a word, which is told
        if one.in_sync < IN_SYNC_LEAST and source not in figures.watched.waiting:
            text = f"{percent(one.in_sync)} of the customers of {source} were in sync at {_time(one.at_ms)}."
            remedy = (
                f"`tajo reconcile show` tells what differs and why; `tajo reconcile {source} --heal` mends what can be."
            )
            yield Verdict("look", text, remedy, "drift", source)


def _schedule(figures: Figures) -> Iterator[Verdict]:
    watched, beat = figures.watched, "`tajo run` starts it, or `celery -A customer_sync.worker.app beat`."
    if figures.has_worker and watched.scheduled_ms is not None and figures.at_ms - watched.scheduled_ms > UNSEEN_MS:
        text = f"Nothing that is scheduled was done since {_time(watched.scheduled_ms)}: is beat running?"
        yield Verdict("look", text, beat, "schedule_stopped")
    for source, due_ms in watched.overdue.items():
        text = f"The source {source} was to be read at {_time(due_ms)}, and was not."
        yield Verdict("look", text, f"Is beat running? {beat}", "source_silent", source)


def _runs(figures: Figures) -> Iterator[Verdict]:
    for run in figures.watched.runs:
        if run.state is RunState.STOPPED:
            text = f"Run {run.id} of {run.place} stopped: {run.reason}"
            yield Verdict("down", text, run.remedy, "run_braked" if run.is_braked else "run_stopped", run.source)
        elif run.state is RunState.PAUSED:
            text = f"Run {run.id} of {run.place} is paused: until it goes on nothing else of the source is read."
            left = min(run.counts["held"], run.counts["blocks"])
            text += f" Up to {left:,} people who left can still be mailed." if left else ""
            remedy = f"`tajo runs resume {run.id}` goes on, `tajo runs cancel {run.id}` ends it."
            yield Verdict("look", text, remedy, "run_paused", run.source)
        else:
            text = f"Run {run.id} of {run.place} does not get on: {run.reason}"
            remedy = f"It is tried again by itself. See what the platform answers: `tajo runs show {run.id}`."
            yield Verdict("look", text, remedy, "run_hindered", run.source)


#: Why a webhook was refused → what to do; `{source}` is the source.
_DOOR_REMEDIES = {
    "unsigned": "Does the platform send it? Give its webhook a secret, and the same to connectors.{source}.",
    "wrong": "Give connectors.{source} the secret that the platform signs with, then start again.",
    "no secret": "Give connectors.{source} the secret that the platform signs with, then start again.",
    "not told": "`tajo connectors install {source}` makes its webhook where there is none; the secret that the "
    "platform then tells counts at once.",
    "other account": "Correct the address of the shop in connectors.{source}, or remove the webhook there. "
    "The secret is right.",
    "compressed": "Let the proxy pass the body on as it is: the signature is over the bytes that the platform sent. "
    "The secret of connectors.{source} may be right.",
    "other address": "Correct the address of that webhook at its platform; `tajo connectors list` shows all addresses.",
    "": "Compare connectors.{source} with the webhook at the platform.",
}


def _doors(figures: Figures) -> Iterator[Verdict]:
    for source, door in figures.watched.doors.items():
        level = _refused(door, figures.at_ms)
        if level is None:
            continue
        remedy = _DOOR_REMEDIES.get(door.cause, _DOOR_REMEDIES[""]).format(source=source)
        if source == "brevo":
            remedy = "Give brevo.webhook_secret the token of the webhook in Brevo, then start again."
        if _is_good_since(door):
            many = "1 webhook" if door.over == 1 else f"{door.over:,} webhooks" if door.over else "Webhooks"
            was = "was" if door.over == 1 else "were"
            text = f"{many} of {source} {was} refused until {_time(door.refused_ms)}, later ones not: {door.why}"
            remedy = f"If it comes again: {remedy}"
        elif door.cause == "not told" or (door.cause == "no secret" and source in figures.watched.keyed):
            text = f"Webhooks of {source} were refused until {_time(door.refused_ms)}, when it had no secret."
            if source in figures.watched.keyed:
                remedy = "It has one now: start `tajo run` again unless that was done since."
        else:
            which = "All webhooks" if door.accepted_ms is None else "Webhooks"
            text = f"{which} of {source} are refused: {door.why}"
        yield Verdict(level, text, remedy, "webhooks_refused", source)


def _is_good_since(door: Door) -> bool:
    return door.in_a_row == 0


def _refused(door: Door, now_ms: int) -> Level | None:
    """Return how much it matters what was refused; unsigned requests may come from anybody."""
    if door.refused_ms is None:
        return None
    if _is_good_since(door):
        # with a secret that was missing all are refused: once one is accepted, that is over
        is_news = door.cause not in {"unsigned", *NO_SECRET} and now_ms - door.refused_ms < REFUSED_MS
        return "look" if is_news else None
    if now_ms - door.refused_ms > SILENT_MS:
        return None
    if door.cause == "unsigned":
        return "look" if door.accepted_ms is None else None
    return "down" if door.in_a_row >= REFUSED_LEAST else "look"


def _complaints(figures: Figures) -> Iterator[Verdict]:
    """What a platform reported of itself stands until good webhooks come again."""
    for source, door in figures.watched.doors.items():
        told_ms = door.complaint_ms
        if told_ms is not None and (door.accepted_ms or 0) <= told_ms + COMPLAINT_MS:
            yield Verdict("down", f"{door.complaint} (source {source})", door.remedy, "source_complains", source)


def _errors(figures: Figures) -> Iterator[Verdict]:
    hour = figures.rates.get("hour", Rate())
    rate = hour.error or 0.0
    if rate >= ERRORS_LOOK and hour.failed >= ERRORS_LEAST:
        level: Level = "down" if rate >= ERRORS_DOWN else "look"
        text = f"{rate:.0%} of the events of the last hour failed: they are in Parked."
        yield Verdict(level, text, "The page Parked says why, and what to do.", "errors")


def _unserved(figures: Figures) -> Iterator[Verdict]:
    for source, platform in figures.watched.unserved.items():
        text = f"The source {source} stands still: the connector for {platform} cannot be loaded."
        yield Verdict("down", text, "`tajo doctor` says why.", "source_unserved", source)


def _silent(figures: Figures) -> Iterator[Verdict]:
    watched = figures.watched
    for source, why in watched.upkeep.items():
        text = f"The webhooks of {source} are not as they should be: {why}."
        remedy = f"`tajo connectors install {source}` repairs them and says what is missing."
        yield Verdict("look", text, remedy, "webhooks_broken", source)
    for source in watched.listening:
        door = watched.doors.get(source, Door())
        since_ms = door.accepted_ms or door.since_ms
        is_silent = since_ms is not None and figures.at_ms - since_ms > (SILENT_MS if door.accepted_ms else NEVER_MS)
        if not is_silent or source in watched.upkeep or _refused(door, figures.at_ms):
            continue
        never = "has sent no webhook yet." if door.accepted_ms is None else f"is silent since {_time(since_ms)}."
        remedy = f"Are its webhooks there? `tajo connectors install {source}` makes them."
        yield Verdict("look", f"The source {source} {never}", remedy, "source_silent", source)


def _imports(figures: Figures) -> Iterator[Verdict]:
    """What imports did no more since one of them showed something else than the proof did; once for each reason."""
    texts: dict[str, list[str]] = {}
    for door, closing in figures.watched.closings.items():
        texts.setdefault(closing.text, []).append(door)
    for text, doors in texts.items():
        told = f"Imports no longer do this: {', '.join(doors)}. {text}"
        yield Verdict("look", told, REMEDY, "imports_closed")


def _notices(figures: Figures) -> Iterator[Verdict]:
    for target, state in figures.watched.notices.items():
        if state.paused:
            text = f"The target {target} gets no more notices: {state.why}"
        elif state.failing_ms and figures.at_ms - state.failing_ms >= NOT_TAKEN_MS:
            text = f"The target {target} has taken no notice since {_time(state.failing_ms)}: {state.why}"
        else:
            continue
        yield Verdict("look", text, state.remedy, "notices_not_taken", about=target)


def _parked(figures: Figures) -> Iterator[Verdict]:
    if figures.parked:
        need = "1 thing needs" if figures.parked == 1 else f"{figures.parked} things need"
        yield Verdict("look", f"{need} a person.", "The page Parked says why, and what to do.", "parked")


def _backlog(figures: Figures) -> Iterator[Verdict]:
    if (figures.oldest_age_s or 0.0) >= BACKLOG_S:
        yield Verdict("busy", f"{figures.waiting} wait for their turn.", _pace(figures), "backlog")


#: What a limit holds calls for → how people say it.
_HOLDS = {
    "rate": "{} rate limit sets the pace; nothing is lost.",
    "hour": "{} calls of this hour are used up: the rest follows in the next hour; nothing is lost.",
    "refused": "{} limit was reached: all wait until it resets; nothing is lost.",
}


def _pace(figures: Figures) -> str:
    """Return what really holds the waiting work."""
    holding: Limit | None = next((one for one in figures.limits if one.holds), None)
    if holding is not None:
        return _HOLDS[holding.holds].format(f"{holding.destination}'s")
    if figures.pauses:
        return f"{figures.pauses[0].destination} does not answer; nothing is lost."
    return "The workers are busy with it, nothing is lost; `tajo run --workers 2` starts one more."


def _time(at_ms: int | None) -> str:
    return "" if at_ms is None else to_iso(at_ms)[:16].replace("T", " ") + " UTC"


#: Every row, causes before effects.
ROWS: tuple[Callable[[Figures], Iterator[Verdict]], ...] = (
    _redis_away,
    _worker_gone,
    _disk_fails,
    _account,
    _clocks,
    _lanes_paused,
    _runs,
    _unserved,
    _complaints,
    _doors,
    _errors,
    _schedule,
    _silent,
    _mailable,
    _drift,
    _imports,
    _notices,
    _parked,
    _backlog,
)
