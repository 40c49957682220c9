"""Checks of the sources: the stored credentials and the key to them, and what each connector finds at its platform."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence

import redis

from customer_sync.batch.upkeep import UNHEARD, UNHEARD_FIX, is_unheard
from customer_sync.errors import ConfigError, TajoError, TryLater, Unavailable
from customer_sync.kit.connector import Connector
from customer_sync.kit.reach import Access
from customer_sync.operate.doctor.findings import Finding, Patient
from customer_sync.registry import broken, mend
from customer_sync.store.vault import KEY_FILE


def examine_key(patient: Patient) -> Iterator[Finding]:
    """Yield what is found of the key that encrypts the stored credentials."""
    name = "key of stored credentials"
    path = patient.home / KEY_FILE
    stored = [source for source in patient.settings.sources if patient.store.has_vault(source)]
    if patient.settings.secret_key:
        yield Finding(name, "ok", "TAJO_SECRET_KEY is set")
    elif path.exists() and stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        yield Finding(name, "warn", f"others on this machine may read {path}", f"chmod 600 {path}")
    elif path.exists():
        yield Finding(name, "ok", f"{path}; several hosts must share TAJO_SECRET_KEY instead")
    elif stored:
        cause = (
            f"TAJO_SECRET_KEY is not set and {path} is not there: what is stored for {', '.join(stored)} is unreadable"
        )
        yield Finding(name, "fail", cause, "Set TAJO_SECRET_KEY to the key it was stored with.", "config")
    else:
        yield Finding(name, "ok", "not needed: no credentials are stored")


def examine_connectors(patient: Patient) -> Iterator[Finding]:
    """Yield the connectors that cannot be loaded: a failure where a source needs one."""
    for platform, why in broken().items():
        idle = [source for source, wanted in patient.settings.unserved.items() if wanted == platform]
        cause = f"cannot be loaded ({why})" + (f": {', '.join(idle)} stands still" if idle else "")
        yield Finding(f"connector {platform}", "fail" if idle else "warn", cause, mend(platform), "config")


def examine_sources(patient: Patient) -> Iterator[Finding]:
    """Yield what each connector finds at its platform; a fault of one never hides the others.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    for source, connector in patient.connectors.items():
        access = patient.access(source)
        if access is not None:
            for one in _findings(connector, access):
                yield one._replace(name=f"{source}: {one.name}")
        if is_unheard(patient.store, source, int(patient.now_s() * 1000)):
            address = f"{patient.settings.public_url or ''}/webhooks/{source}"
            fix = UNHEARD_FIX.format(address=address)
            yield Finding(f"{source}: arrival", "fail", UNHEARD.format(source=source), fix)


def _findings(connector: Connector, access: Access) -> Sequence[Finding]:
    try:
        return [Finding(one.name, one.verdict, one.cause, one.fix) for one in connector.check(access)]
    except redis.RedisError:
        raise
    except Exception as error:  # noqa: BLE001  # others' code: whatever it does, the other checks go on
        return [_fault(error)]


def _fault(error: Exception) -> Finding:
    """Return what a check that could not be done tells."""
    name = "connection"
    if isinstance(error, ConfigError):
        return Finding(name, "fail", error.reason, error.remedy, "refused")
    if isinstance(error, Unavailable):
        return Finding(name, "fail", str(error), "Look at the platform and at this machine's network.", "no answer")
    if isinstance(error, TryLater):
        return Finding(name, "warn", f"not checked: {error}", "Try again in a moment.")
    if isinstance(error, TajoError):
        return Finding(name, "fail", "the platform's answer could not be used", "Look at base_url of the source.")
    # the text of a fault that nobody planned may hold anything
    return Finding(name, "fail", f"the check has a fault ({type(error).__name__})", "Report it; the rest goes on.")
