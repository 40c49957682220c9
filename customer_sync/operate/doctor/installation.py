"""Checks of this machine and of Redis: version, durability, memory, worker, what waits, secrets."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from customer_sync.operate.doctor.findings import Finding, Patient, Verdict, Why, grade
from customer_sync.store.spool import Spool

#: How full Redis may be, as a share.
MEMORY_WARN, MEMORY_FAIL = 0.75, 0.9
#: How long a request or an item may wait, in seconds.
WAIT_WARN_S, WAIT_FAIL_S = 30.0, 900.0
#: How long a worker may be silent, in seconds; it refreshes its mark every five.
WORKER_SILENT_S = 20.0


def _python(_: Patient) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", "ok", version)


def _redis_version(patient: Patient) -> Iterator[Finding]:
    # one that is too old, a cluster or a replica was refused when the store was opened
    server = patient.store.server()
    yield Finding("Redis version", "ok", f"{server.name.capitalize()} {server.version}")


def _redis_keeps(patient: Patient) -> Iterator[Finding]:
    info = patient.store.info("persistence")
    name = "Redis keeps its data"
    if "aof_enabled" not in info:
        yield Finding(name, "warn", "not told: this user of Redis may not ask for INFO", "See `CONFIG GET appendonly`.")
    elif not info.get("aof_enabled"):
        yield Finding(
            name,
            "fail",
            "the append-only file is off: a restart of Redis loses what was accepted",
            "Set `appendonly yes` and `appendfsync everysec` in its config; at once: CONFIG SET appendonly yes.",
        )
    elif info.get("aof_last_write_status", "ok") != "ok":
        yield Finding(name, "fail", "the append-only file cannot be written", "Look at its disk: full, or read-only?")
    else:
        yield Finding(name, "ok", "the append-only file is on")


def _redis_memory(patient: Patient) -> Iterator[Finding]:
    info = patient.store.info("memory")
    policy, limit = patient.store.eviction(), int(info.get("maxmemory", 0))
    if not policy:
        fix = "See `CONFIG GET maxmemory-policy`: it must be noeviction."
        yield Finding("Redis evicts nothing", "warn", "not told: this user of Redis may not ask for INFO", fix)
    elif policy != "noeviction":
        yield Finding(
            "Redis evicts nothing",
            "fail" if limit else "warn",
            f"maxmemory-policy is {policy}: a full Redis throws away what waits",
            "Set `maxmemory-policy noeviction`; share no Redis with a cache.",
        )
    else:
        yield Finding("Redis evicts nothing", "ok", "maxmemory-policy is noeviction")
    if not info:
        return
    total = limit or int(info.get("total_system_memory", 0))
    used = int(info.get("used_memory", 0))
    share = used / total if total else 0.0
    cause = f"{used / 2**20:.0f} MB of {total / 2**20:.0f} MB"
    verdict = grade(share, MEMORY_WARN, MEMORY_FAIL)
    fix = "Give Redis more memory: when it is full, requests wait in the spool on disk." if verdict != "ok" else ""
    yield Finding("Redis memory", verdict, cause, fix)


def _worker(patient: Patient) -> Iterator[Finding]:
    seen = patient.store.note("worker_seen")
    silent_s = None if seen is None else patient.now_s() - float(seen["at"])
    if silent_s is not None and silent_s < WORKER_SILENT_S:
        yield Finding("worker", "ok", "alive")
        return
    cause = "none was ever seen" if silent_s is None else f"silent for {silent_s:.0f} s"
    yield Finding("worker", "fail", cause, "Start `tajo run`, or `celery -A customer_sync.worker.app worker`.")


def _waiting(patient: Patient) -> Iterator[Finding]:
    store = patient.store
    yield _wait_finding("inbox", *store.inbox.depth(), patient)
    for lane in store.lanes.names():
        yield _wait_finding(f"lane {lane}", *store.lanes.depth(lane), patient)
        pause = store.breakers.read(lane)
        if pause is not None:
            verdict: Verdict = "fail" if pause.kind == "config" else "warn"
            why: Why = "refused" if pause.kind == "config" else ""
            yield Finding(f"lane {lane} paused", verdict, pause.reason, pause.remedy, why)


def _wait_finding(name: str, waiting: int, oldest_ms: int | None, patient: Patient) -> Finding:
    if oldest_ms is None:
        return Finding(name, "ok", "nothing waits")
    wait_s = max(0.0, patient.now_s() - oldest_ms / 1000)
    verdict = grade(wait_s, WAIT_WARN_S, WAIT_FAIL_S)
    fix = "See the worker, the pauses and `tajo_limit_headroom_ratio`; a backlog after a pause is normal."
    return Finding(name, verdict, f"{waiting} waiting, the oldest for {wait_s:.0f} s", fix if verdict != "ok" else "")


def _spool(patient: Patient) -> Iterator[Finding]:
    spools = [Spool(path) for path in sorted(patient.home.glob("spool*.sqlite"))]
    waiting = sum(spool.depth() for spool in spools)
    for spool in spools:
        spool.close()
    if waiting:
        fix = "They move to the inbox within seconds once Redis takes them and the web process runs."
        yield Finding("spool", "warn", f"{waiting} on disk, waiting for Redis", fix)
    else:
        yield Finding("spool", "ok", "empty")


def _parked(patient: Patient) -> Iterator[Finding]:
    number = patient.store.parked.count()
    fix = "`tajo parked list` shows reason and remedy." if number else ""
    yield Finding("parked", "warn" if number else "ok", f"{number} to look at" if number else "nothing", fix)


def _secrets(patient: Patient) -> Iterator[Finding]:
    for name, source in patient.settings.sources.items():
        if not source.secrets:
            cause, fix = "no webhook secret: it is only pulled", f"Set one in connectors.{name} to take webhooks."
            yield Finding(f"webhook secret of {name}", "warn", cause, fix)
        else:
            yield Finding(f"webhook secret of {name}", "ok", "set")
    if patient.settings.brevo.webhook_secrets or (patient.home / "brevo-webhook-secret").exists():
        yield Finding("webhook secret of brevo", "ok", "set")
    else:
        yield Finding(
            "webhook secret of brevo",
            "warn",
            "not set: who unsubscribes in Brevo is not heard of here",
            "Set BREVO_WEBHOOK_SECRET, and point a marketing webhook in Brevo to /webhooks/brevo with it as token.",
        )


#: In the order of causes: what stands first explains what follows. Each needs a Redis that answers.
CHECKS: tuple[Callable[[Patient], Iterator[Finding]], ...] = (
    _python,
    _redis_version,
    _redis_keeps,
    _redis_memory,
    _worker,
    _waiting,
    _spool,
    _parked,
    _secrets,
)
