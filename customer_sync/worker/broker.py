"""Where Redis is for a process, and the same for Celery: it comes from the environment or from `tajo.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from customer_sync import loading
from customer_sync.base.redis_url import Broker, read_redis_url
from customer_sync.config import ConfigFaults
from customer_sync.errors import ConfigError

#: Where Redis is when nothing tells it.
DEFAULT_URL: Final = "redis://127.0.0.1:6379/0"


def redis_url(env: Mapping[str, str]) -> str:
    """Return where Redis is: `TAJO_REDIS_URL`, else `redis_url` of the config, else this machine.

    A config with faults tells nothing: the process ends over them when it reads its settings.
    """
    if env.get("TAJO_REDIS_URL"):
        return env["TAJO_REDIS_URL"]
    try:
        return loading.load_settings(None, env).redis_url or DEFAULT_URL
    except ConfigFaults:
        return DEFAULT_URL


def broker(env: Mapping[str, str], **waits: Any) -> Broker:
    """Return where Redis is, in Celery's words; `waits` are redis-py's `socket_` options."""
    try:
        return read_redis_url(redis_url(env)).broker(**waits)
    except ConfigError:
        return read_redis_url(DEFAULT_URL).broker()
