"""What can be wrong with an installation: named checks, each with a verdict, a cause and a fix.

A check is a function from `Patient` to findings; `installation`, `state`, `account`, `commerce` and `sources` hold them
in the order in which one cause explains the next. `state` is the verdict, as overview and API tell it. Brevo's checks
are cut short when the account does not answer, because one cause is enough.
"""

from __future__ import annotations

from collections.abc import Iterator

import redis

from customer_sync.operate.doctor.account import examine_account
from customer_sync.operate.doctor.commerce import examine_commerce
from customer_sync.operate.doctor.findings import Finding, Patient
from customer_sync.operate.doctor.hooks import examine_hooks
from customer_sync.operate.doctor.imports import examine_imports
from customer_sync.operate.doctor.installation import CHECKS
from customer_sync.operate.doctor.notices import examine_notices
from customer_sync.operate.doctor.skills import examine_skills
from customer_sync.operate.doctor.sources import examine_connectors, examine_key, examine_sources
from customer_sync.operate.doctor.state import examine_state
from customer_sync.store.server import told

__all__ = ["Finding", "Patient", "examine", "redis_finding"]


def examine(patient: Patient) -> Iterator[Finding]:
    """Yield every finding, as it is made.

    Raises:
        redis.RedisError: Redis does not answer; see `redis_finding`.
    """
    for check in CHECKS:
        yield from check(patient)
    yield from examine_state(patient)
    yield from examine_account(patient)
    yield from examine_hooks(patient)
    yield from examine_imports(patient)
    yield from examine_commerce(patient)
    yield from examine_connectors(patient)
    yield from examine_skills(patient)
    yield from examine_sources(patient)
    yield from examine_notices(patient)
    # last: a token that a source's check was given may be the first thing that needs the key
    yield from examine_key(patient)


def redis_finding(error: redis.RedisError) -> Finding:
    """Return the finding for a Redis that does not answer, or refuses."""
    cause = told(error)
    if cause is not None:
        return Finding("Redis", "fail", cause.reason, cause.remedy, "refused")
    fix = "Start it, or correct TAJO_REDIS_URL. Meanwhile webhooks are kept in the spool."
    return Finding(
        "Redis",
        "fail",
        f"no answer: {str(error).splitlines()[0] if str(error) else error!r}",
        fix,
        "no answer",
        "redis_away",
    )
