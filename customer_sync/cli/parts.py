"""The processes of an installation as command lines: `tajo run` starts them all, `tajo run --only` becomes one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn

from customer_sync.base.private import own_folder
from customer_sync.cli.output import WRONG_USE, fail
from customer_sync.cli.supervisor import platform_words, queues_for
from customer_sync.config import BREVO_URL, Settings
from customer_sync.destinations import lanes_of
from customer_sync.engine.lane import PLATFORMS

#: The warnings of libraries (running as root, say) would bury what the user must see.
PYTHON: Final = (sys.executable, "-W", "ignore")
_CELERY: Final = (*PYTHON, "-m", "celery", "--quiet", "-A", "customer_sync.worker.app")
#: The file that beat keeps in the home folder. Its loss does no harm.
BEAT_FILE: Final = "beat-schedule"
#: What a worker for Brevo serves, by the part's name; see celeryconfig.py.
_QUEUES: Final[Mapping[str, str]] = {
    "worker-live": queues_for(0, 1),
    "worker-imports": queues_for(0, 2),
    "worker-reads": queues_for(1, 2),
}
#: What `--only` may name.
PARTS: Final = ("web", *_QUEUES, "worker-platforms", "beat")


def web_words(host: str, port: int, processes: int) -> list[str]:
    """Return the command of the web server; it starts a worker process again that ended."""
    words = [*PYTHON, "-m", "granian", "customer_sync.web.front:create_front", "--factory", "--interface", "rsgi"]
    words += ["--host", host, "--port", str(port), "--workers", str(processes)]
    return [*words, "--no-ws", "--log-level", "error", "--respawn-failed-workers"]


def worker_words(name: str, serves: list[str]) -> list[str]:
    """Return the command of one worker.

    Args:
        name: what Celery calls it; each on a host has its own.
        serves: the queues, and the number of threads where it is not the usual one, as Celery's options.
    """
    flags = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return [*_CELERY, "worker", "-n", f"{name}@%h", *serves, *flags]


def beat_words() -> list[str]:
    """Return the command of beat, which starts what the schedule names."""
    return [*_CELERY, "beat", "--pidfile="]


def words_of(part: str, settings: Settings, host: str, port: int, processes: int) -> list[str]:
    """Return the command of one of `PARTS`; host, port and processes are the web server's.

    A worker for platforms that finds no lane for it waits, so that what starts processes need not know the lanes.
    """
    if part == "web":
        return web_words(host, port, processes)
    if part == "beat":
        return beat_words()
    serves = platform_words(lanes_of(settings)) or ["-Q", PLATFORMS, "-c", "1"]
    if part in _QUEUES:
        serves = ["-Q", _QUEUES[part]]
    return worker_words(f"{part}-{os.getpid()}", serves)


def become(part: str, settings: Settings, home: Path, words: list[str]) -> NoReturn:
    """Become one process: what started this one (systemd, a container) looks after it, and its signals reach it.

    Args:
        part: one of `PARTS`.
        settings: the config, read before so that its faults are told here.
        home: the folder of this installation.
        words: the command.

    Raises:
        Failure: nothing names a Redis, or where contacts go.
        ConfigError: the home folder cannot be used.
    """
    need_apart(settings)
    os.umask(0o077)  # whatever is made in the home folder is personal
    own_folder(home)
    env = {**os.environ, "TAJO_HOME": str(home)}
    if settings.redis_url:
        env["TAJO_REDIS_URL"] = settings.redis_url
    if part == "beat":
        env.setdefault("TAJO_BEAT_FILE", str(home / BEAT_FILE))
    sys.stdout.flush()
    os.execve(words[0], words, env)  # noqa: S606  # our own programs


def need_apart(settings: Settings) -> None:
    """Return where processes that run apart find one another and Brevo; else end the program, with what to do."""
    if settings.redis_url is None:
        fail(
            "Processes that run apart meet in a Redis of yours, and none is named.",
            "Set TAJO_REDIS_URL, as in redis://:password@host:6379/0. `tajo run` without --only starts one itself.",
            WRONG_USE,
        )
    if settings.brevo.is_sandbox and settings.brevo.base_url == BREVO_URL:
        fail(
            "BREVO_API_KEY is not set, and no sandbox is named: contacts would go nowhere.",
            "Set BREVO_API_KEY; or start `tajo sandbox` and set BREVO_API_URL=http://127.0.0.1:8000/v3 (its address).",
            WRONG_USE,
        )
