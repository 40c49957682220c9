"""Where commands find things: the settings, the Redis and the Brevo of the installation, running or not."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import redis

from customer_sync.assembly import brevo_of
from customer_sync.brevo.client import Brevo
from customer_sync.brevo.proof.outlook import OutlookBook, open_outlook
from customer_sync.cli.output import NO_ANSWER, WRONG_USE, fail
from customer_sync.config import BREVO_URL, ConfigFaults, Settings
from customer_sync.loading import load_settings
from customer_sync.operate.settings_book import settings_now
from customer_sync.store import Store, connect, folder_of, skill_states_at
from customer_sync.store.counters import Tally

#: What `tajo run` leaves in its home while it runs.
RUN_NOTE: Final = "run.json"


class Running(NamedTuple):
    """What a running `tajo run` says of itself.

    Args:
        url: where its web process is.
        redis_url: its Redis.
        brevo_url: the API it delivers to, with `/v3`; "" when it did not say.
        config: its config file; "" when it has none.
        pid: its process.
        public_url: how platforms reach it; "" when it does not know.
    """

    url: str
    redis_url: str
    brevo_url: str
    config: str
    pid: int
    public_url: str = ""


def home() -> Path:
    """Return the folder of this installation's files: `TAJO_HOME`, else `.tajo` here; while a demo runs, the demo's."""
    found = _running()
    return found[0] if found else homes()[0]


def homes() -> list[Path]:
    """Return where a running installation may be: our own, and the demo's when there is no config of our own."""
    own = Path(os.environ.get("TAJO_HOME", ".tajo"))
    return [own] if has_config() else [own, own / "demo"]


def has_config() -> bool:
    """Tell whether the user has a config, so that a demo is not meant."""
    return bool(os.environ.get("TAJO_CONFIG")) or Path("tajo.yaml").exists()


def running() -> Running | None:
    """Return what a running `tajo run` says of itself, None when none runs."""
    found = _running()
    return found[1] if found else None


def _running() -> tuple[Path, Running] | None:
    """Return the folder of a running `tajo run`, and what it says of itself."""
    for folder in homes():
        found = _read_note(folder / RUN_NOTE)
        if found is not None and _is_alive(found.pid):
            return folder, found
    return None


def read_settings(path: Path | None = None) -> Settings:
    """Return the settings; what they do not name of Redis, sandbox and public address is that of a running `tajo run`.

    Args:
        path: the file; None takes the user's own, else the one that a running `tajo run` uses.

    Raises:
        ConfigFaults: with every fault.
    """
    run = running()
    if path is None and run is not None and run.config and not has_config():
        path = Path(run.config)
    return complete(load_settings(path, os.environ))


def complete(settings: Settings) -> Settings:
    """Return settings with what they do not name of Redis, sandbox and public address: that of a running `tajo run`."""
    run = running()
    if settings.redis_url is None:
        settings = replace(settings, redis_url=run.redis_url if run and run.redis_url else _embedded_url())
    if settings.public_url is None and run is not None and run.public_url:
        settings = replace(settings, public_url=run.public_url)
    brevo = settings.brevo
    if run is not None and run.brevo_url and brevo.is_sandbox and brevo.base_url == BREVO_URL:
        settings = replace(settings, brevo=replace(brevo, base_url=run.brevo_url))
    return _with_skills(settings)


def _with_skills(settings: Settings) -> Settings:
    """Return the settings with what was said of skills since; those of the file alone while Redis does not answer."""
    if settings.redis_url is None:
        return settings
    try:
        with skill_states_at(settings.redis_url) as states:
            return settings_now(settings, states)
    except redis.RedisError:
        return settings  # who needs Redis is told so where it is needed


def open_store(settings: Settings) -> Store:
    """Return the store of the installation; no Redis is started here.

    Raises:
        Failure: there is no Redis to ask.
        redis.RedisError: it does not answer.
    """
    if settings.redis_url is None:
        fail(
            f"There is no Redis to ask: TAJO_REDIS_URL is not set and no `tajo run` runs in {home()}.",
            "Start `tajo run`, or set TAJO_REDIS_URL.",
            NO_ANSWER,
        )
    return Store(connect(settings.redis_url), settings.secret_key)


def find_store() -> Store:
    """Return the store for commands that need nothing else: a fault elsewhere in the config is not in their way.

    Who looks after a service often has not the secrets of its config at hand.

    Raises:
        ConfigFaults: the config is wrong, and nothing else tells where Redis is.
        Failure: there is no Redis to ask.
        redis.RedisError: it does not answer.
    """
    try:
        return open_store(read_settings())
    except ConfigFaults:
        run = running()
        url = os.environ.get("TAJO_REDIS_URL") or (run.redis_url if run else "") or _embedded_url()
        if not url:
            raise
        return Store(connect(url), os.environ.get("TAJO_SECRET_KEY"))


def find_outlook(store: Store) -> OutlookBook | None:
    """Return what tells how long runs take at Brevo; None while the config is wrong, which says whose account it is."""
    try:
        return open_outlook(read_settings(), store)
    except ConfigFaults:
        return None


def has_brevo(settings: Settings) -> bool:
    """Tell whether there is an account or a sandbox to ask."""
    return not settings.brevo.is_sandbox or settings.brevo.base_url != BREVO_URL


def open_brevo(settings: Settings, store: Store) -> Brevo:
    """Return the account at Brevo, or the sandbox of a running `tajo run`.

    Raises:
        Failure: there is neither.
    """
    if not has_brevo(settings):
        fail(
            "There is no Brevo to ask: BREVO_API_KEY is not set and no sandbox runs.",
            "Set BREVO_API_KEY, or start `tajo run`.",
            NO_ANSWER,
        )
    return brevo_of(settings, store, Tally())


def public_url(settings: Settings, whom: str) -> str:
    """Return how others reach the ingress.

    Args:
        settings: the config.
        whom: who is to reach it, for people.

    Raises:
        Failure: nobody could.
    """
    if settings.public_url is None:
        fail(
            f"Nobody knows how {whom} reaches this service.",
            "Set TAJO_PUBLIC_URL to its address on the internet, such as https://sync.example.com.",
            WRONG_USE,
        )
    return settings.public_url


def _read_note(path: Path) -> Running | None:
    facts = _read_json(path)
    try:
        brevo_url = str(facts.get("brevo_url") or "").rstrip("/")
        if brevo_url and not brevo_url.endswith("/v3"):
            brevo_url += "/v3"
        return Running(
            url=str(facts["url"]).rstrip("/"),
            redis_url=str(facts.get("redis_url") or ""),
            brevo_url=brevo_url,
            config=str(facts.get("config") or ""),
            pid=int(facts["pid"]),
            public_url=str(facts.get("public_url") or ""),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _embedded_url() -> str | None:
    """Return the address of an embedded Redis that answers and keeps its data where its note lies."""
    for folder in homes():
        facts = _read_json(folder / "redis" / "redis.json")
        url = facts.get("url") if isinstance(facts, dict) else None
        if isinstance(url, str) and _keeps(url, folder / "redis"):
            return url
    return None


def _keeps(url: str, folder: Path) -> bool:
    """Tell whether the Redis at an address keeps its data in a folder: the port may be another's by now."""
    return folder_of(url) == folder.resolve()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None
