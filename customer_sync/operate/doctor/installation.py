"""Checks of this machine and of Redis: version, memory, what waits, secrets."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from customer_sync.base.secret_key import SecretKey
from customer_sync.brevo.hooks import token_of
from customer_sync.destinations import is_of_notices
from customer_sync.errors import ConfigError
from customer_sync.kit.own_hooks import told_secret
from customer_sync.operate.doctor.findings import Finding, Patient, grade
from customer_sync.operate.figures.faults import NO_SECRET
from customer_sync.registry import hears
from customer_sync.store.doors import Door
from customer_sync.store.spool import Spool

#: How full Redis may be, as a share.
MEMORY_WARN, MEMORY_FAIL = 0.75, 0.9
#: How long a request or an item may wait, in seconds.
WAIT_WARN_S, WAIT_FAIL_S = 30.0, 900.0


def _python(_: Patient) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", "ok", version)


def _redis_version(patient: Patient) -> Iterator[Finding]:
    # one that is too old, a cluster or a replica was refused when the store was opened
    server = patient.store.server()
    yield Finding("Redis version", "ok", f"{server.name.capitalize()} {server.version}")


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


def _waiting(patient: Patient) -> Iterator[Finding]:
    store = patient.store
    yield _wait_finding("inbox", *store.inbox.depth(), patient)
    for lane in (one for one in store.lanes.names() if not is_of_notices(one)):  # they are told of by their targets
        queue = store.lanes.queue(lane, int(patient.now_s() * 1000))
        found = _wait_finding(f"lane {lane}", queue.now, queue.since_ms, patient)
        later = f"; {queue.later:,} for a later time" if queue.later else ""
        yield found._replace(cause=found.cause + later)


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


def _secrets(patient: Patient) -> Iterator[Finding]:
    doors = patient.store.doors.read()
    for name, source in patient.settings.sources.items():
        door, title = doors.get(name, Door()), f"webhook secret of {name}"
        if not hears(source.platform):
            yield Finding(title, "ok", "not needed: it has no webhooks, and is pulled")
        else:
            yield _secret(patient, name, door, title)
    if token_of(patient.settings, patient.home):
        has_come = doors.get("brevo", Door()).accepted_ms is not None
        cause = "set, and the last webhook fits it" if has_come else "set; no webhook of Brevo has come yet"
        yield Finding("webhook secret of brevo", "ok", cause)
    else:
        yield Finding(
            "webhook secret of brevo",
            "warn",
            "not set: who unsubscribes in Brevo is not heard of here",
            "Set BREVO_WEBHOOK_SECRET, then `tajo brevo install`.",
        )


def _secret(patient: Patient, name: str, door: Door, title: str) -> Finding:
    """Return what is known of the webhook secret of a source."""
    is_set = bool(patient.settings.sources[name].secrets)
    tells = name in patient.connectors and patient.connectors[name].tells_secret
    here = "set" if is_set else "told by the platform" if tells and _is_told(patient, name) else ""
    if not here and tells:
        fix = f"`tajo connectors install {name}` makes its webhook, and the platform tells its secret."
        return Finding(title, "warn", "no webhook secret yet: the platform chooses it", fix)
    if not here:
        cause, fix = "no webhook secret: it is only pulled", f"Set one in connectors.{name} to take webhooks."
        return Finding(title, "warn", cause, fix)
    if door.in_a_row and door.cause in NO_SECRET:
        cause = f"{here}; no webhook has come since, the last was refused for want of it"
        fix = "Start `tajo run` again unless that was done since." if is_set else "Wait for the next one."
        return Finding(title, "warn", cause, fix)
    if door.in_a_row:
        cause = f"{here}; the last webhook was refused: {door.why}"
        return Finding(title, "warn", cause, "See the findings on webhooks.")
    if door.accepted_ms is None:
        return Finding(title, "ok", f"{here}; no webhook has come yet that proves it")
    return Finding(title, "ok", f"{here}, and the last webhook fits it")


def _is_told(patient: Patient, source: str) -> bool:
    """Tell whether the platform told the secret of its webhook; False where the vault cannot be read here."""
    try:
        return bool(told_secret(patient.store.vault(source, SecretKey(patient.settings.secret_key, patient.home))))
    except ConfigError:
        return False


#: In the order of causes: what stands first explains what follows. Each needs a Redis that answers.
CHECKS: tuple[Callable[[Patient], Iterator[Finding]], ...] = (
    _python,
    _redis_version,
    _redis_memory,
    _waiting,
    _spool,
    _secrets,
)
