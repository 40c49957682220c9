"""`tajo run`, `tajo demo`, `tajo sandbox`: everything up with one command."""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import click
import redis

from customer_sync import loading
from customer_sync.base import embedded, private
from customer_sync.base.alone import Taken, alone
from customer_sync.base.log import configure, get
from customer_sync.brevo.hooks import KEPT_AT
from customer_sync.cli.banner import Facts, banner, command, url_of
from customer_sync.cli.brevo_webhook import let_sandbox_tell
from customer_sync.cli.context import RUN_NOTE
from customer_sync.cli.output import NO_ANSWER, WRONG_USE, fail
from customer_sync.cli.parts import BEAT_FILE, PARTS, PYTHON, beat_words, become, web_words, words_of, worker_words
from customer_sync.cli.sign_in import link_to
from customer_sync.cli.supervisor import Child, Supervisor, platform_words, queues_for
from customer_sync.config import BREVO_URL, ConfigFaults, Settings
from customer_sync.demo import stage
from customer_sync.destinations import lanes_of
from customer_sync.errors import ConfigError
from customer_sync.registry import hears
from customer_sync.sandbox.__main__ import main as sandbox_main
from customer_sync.store import Store, connect, server

log = get(__name__)

#: What `tajo run` holds in its home while it runs.
LOCK: Final = "run.lock"
#: How often a Redis that could not be used at the start is asked again, in seconds.
ASK_REDIS_S = 1.0

#: The config of a demo, in the demo's folder.
DEMO_FILE: Final = "demo.yaml"
#: The lists of the built-in sandbox, beside those that the config names.
SANDBOX_LISTS: Final = range(1, 11)
#: The currency of the demo's shops: orders in another one than the account's are left out.
SANDBOX_CURRENCY: Final = "EUR"


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen at.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Celery worker processes.")
@click.option("--web", "web_processes", default=1, show_default=True, type=click.IntRange(1), help="Web processes.")
@click.option("--only", type=click.Choice(PARTS), help="Be this one process; something else starts the others.")
def run(host: str, port: int, workers: int, web_processes: int, only: str | None) -> None:
    """Start web, worker and beat in one go, or with --only one of them in the place of this program.

    Without BREVO_API_KEY everything goes to a built-in sandbox. If there is no tajo.yaml either, a demo shop sends
    customers to it. With --only a Redis of yours must be named, and Brevo's key or a sandbox. It is a server, and
    prints for people: `tajo status --json` tells of it.
    """
    settings = read_settings()
    if only is not None:
        become(only, settings, _home().resolve(), words_of(only, settings, host, port, web_processes))
    is_demo = not settings.sources and settings.file is None
    if is_demo and not settings.brevo.is_sandbox:
        fail(
            "BREVO_API_KEY is set, and there is no tajo.yaml: made-up customers must not go to a real account.",
            "Write tajo.yaml with your shop (`tajo init`), or unset BREVO_API_KEY to see the demo.",
            WRONG_USE,
        )
    if is_demo:
        settings = _apart(settings)
    _Stack(settings, host, port, workers, web_processes).up(is_demo=is_demo)


@click.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen at.")
def demo(port: int) -> None:
    """Show it at work: a demo shop, the sandbox, the dashboard. Touches no account and no config of yours.

    It is a server, and prints for people: `tajo status --json` tells of it.
    """
    os.environ.pop("BREVO_API_KEY", None)
    os.environ.pop("TAJO_CONFIG", None)
    _Stack(_apart(Settings()), "127.0.0.1", port, 1, 1).up(is_demo=True)


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Run the Brevo sandbox alone; `tajo sandbox --help` lists its options. It is a server."""
    sys.exit(sandbox_main(list(arguments)))


def _apart(settings: Settings) -> Settings:
    """Return the settings of a demo: its people live in a folder and a Redis of their own, never beside a real shop."""
    os.environ["TAJO_HOME"] = str(_home() / "demo")
    os.environ.pop("TAJO_REDIS_URL", None)
    return replace(settings, redis_url=None)


def read_settings() -> Settings:
    """Return the settings; a wrong config prints every fault and ends the program with code 2."""
    try:
        return loading.load_settings(None, os.environ)
    except ConfigFaults as error:
        click.echo(str(error), err=True)
        sys.exit(2)


def need_redis(url: str, *, is_waiting: bool = False) -> str | None:
    """Return why the Redis at a URL cannot be used yet, None when it can.

    The program ends where nothing could ever work with it, and says why.

    Args:
        url: where Redis is.
        is_waiting: whether webhooks are kept on disk meanwhile: then it ends for a wrong server only. A replica may be
            made the master, and what refuses us may be put right.
    """
    try:
        found = list(server.faults(connect(url)))
    except ConfigError as error:
        if is_waiting and not isinstance(error, server.WrongServer):
            return error.reason
        fail(error.reason, error.remedy, NO_ANSWER)
    except redis.RedisError as error:
        return str(error).partition("\n")[0].rstrip(".") + "."
    for fault in found:
        if is_waiting and fault.kind == "role":
            return fault.reason
        if fault.is_fatal:
            fail(fault.reason, fault.remedy, NO_ANSWER)
        log.warning("Redis wants a look", reason=fault.reason, remedy=fault.remedy)
    return None


def _home() -> Path:
    return Path(os.environ.get("TAJO_HOME", ".tajo"))


class _Stack:
    """All the processes of one installation on this machine."""

    def __init__(self, settings: Settings, host: str, port: int, workers: int, web_processes: int) -> None:
        self._settings = settings
        self._host = host
        self._port = port
        self._workers = workers
        self._web_processes = web_processes
        self._home = _home().resolve()
        self._url = url_of(host, port)
        self._env: dict[str, str] = {**os.environ, "TAJO_HOME": str(self._home)}
        self._redis: embedded.Running | None = None
        self._supervisor = Supervisor(self._mind_redis)
        #: What cannot work without Redis, as long as Redis cannot be used.
        self._waiting: list[Child] = []
        self._ask_again_at = 0.0

    def up(self, *, is_demo: bool) -> None:
        """Start everything, say where it is, and stay until stopped."""
        configure(self._settings.log_level)
        if is_demo or sys.stderr.isatty():
            self._env.setdefault("TAJO_LOG", "brief")
        os.umask(0o077)  # whatever is made in the home folder is personal
        self._supervisor.listen()
        with self._alone():
            self._check_port()
            try:
                self._start(is_demo=is_demo)
                self._supervisor.run()
            finally:
                self._supervisor.stop()
                (self._home / RUN_NOTE).unlink(missing_ok=True)
                # the folder is ours alone, so a Redis in it that a killed run left is ours as well
                if self._redis is not None:
                    embedded.stop(self._redis)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the home folder while the block lasts."""
        with ExitStack() as held:
            try:
                private.own_folder(self._home)
                held.enter_context(alone(self._home / LOCK, pid=str(os.getpid()), url=self._url))
            except ConfigError as error:
                fail(error.reason, error.remedy, WRONG_USE)
            except OSError as error:
                fail(
                    f"Nothing can be written in {self._home} ({error.strerror}).",
                    "Let this user write there, or name another folder: TAJO_HOME=/path/of/a/folder.",
                    WRONG_USE,
                )
            except Taken as taken:
                pid, url = taken.note.get("pid", "?"), taken.note.get("url", "an unknown address")
                fail(
                    f"A `tajo run` runs in {self._home} already: process {pid}, at {url}.",
                    f"`{command()} sign-in` opens it, `kill {pid}` ends it; TAJO_HOME=<another> makes a second one.",
                )
            yield

    def _start(self, *, is_demo: bool) -> None:
        shops = self._use_demo_config() if is_demo else {}
        if not is_demo:
            self._refuse_demo_data()
        trouble = self._start_redis()
        sandbox_url = self._start_sandbox()
        self._start_web()
        background = [*self._workers_and_beat(), *self._demo(shops)]
        if trouble is None:
            self._add(background)
        else:
            self._waiting = background
        self._note_where()
        self._say_where(sandbox_url, trouble)
        if sandbox_url is not None and trouble is None:
            brevo = replace(self._settings.brevo, base_url=self._env["BREVO_API_URL"])
            there = replace(self._settings, brevo=brevo, redis_url=self._env["TAJO_REDIS_URL"])
            let_sandbox_tell(there, self._url, self._home)

    def _add(self, children: list[Child]) -> None:
        for child in children:
            self._supervisor.add(child)

    def _check_port(self) -> None:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self._host, self._port))
            except OSError as error:
                fail(
                    f"Nothing can listen at {self._host}, port {self._port} ({error.strerror}).",
                    f"Choose another: --port {self._port + 1}",
                    NO_ANSWER,
                )

    def _use_demo_config(self) -> Mapping[str, int]:
        """Write the demo's config and go by it; return where its shops will listen: platform → port."""
        ports = {platform: embedded.free_port() for platform in stage.parts()}
        path = self._home / DEMO_FILE
        path.write_text(stage.config(ports, self._url))
        self._env["TAJO_CONFIG"] = str(path)
        self._settings = replace(loading.load_settings(path, self._env), redis_url=None)
        return ports

    def _refuse_demo_data(self) -> None:
        """Refuse to start where a demo of an older version left its people: they would go where the config points."""
        if (self._home / DEMO_FILE).exists() and not self._settings.redis_url:
            fail(
                f"{self._home} holds the made-up people of a demo; they must not be mixed with those of a shop.",
                f"Move or remove {self._home}, or set TAJO_HOME to another folder. A demo of today has its own.",
                WRONG_USE,
            )

    def _start_redis(self) -> str | None:
        """Find Redis, or start the embedded one; return why it cannot be used, None when it can."""
        if self._settings.redis_url:
            self._env["TAJO_REDIS_URL"] = self._settings.redis_url
            return need_redis(self._settings.redis_url)
        try:
            self._redis = embedded.ensure(self._home / "redis")
        except ConfigError as error:
            fail(error.reason, error.remedy, NO_ANSWER)
        self._env["TAJO_REDIS_URL"] = self._redis.url
        return None

    def _mind_redis(self) -> None:
        if self._waiting and time.monotonic() >= self._ask_again_at:
            self._ask_again_at = time.monotonic() + ASK_REDIS_S
            if need_redis(self._env["TAJO_REDIS_URL"], is_waiting=True) is None:
                log.warning("Redis answers: workers start")
                self._add(self._waiting)
                self._waiting = []
        if self._redis is not None and not embedded.is_alive(self._redis):
            log.warning("Redis ended: starting it again")
            try:
                self._redis = embedded.ensure(self._home / "redis", url=self._redis.url)
            except ConfigError as error:
                log.exception("Redis does not start", reason=error.reason)

    def _start_sandbox(self) -> str | None:
        brevo = self._settings.brevo
        if not brevo.webhook_secrets:
            path = self._home / KEPT_AT
            self._env["BREVO_WEBHOOK_SECRET"] = private.keep(path, lambda: secrets.token_urlsafe(24))
        if not brevo.is_sandbox or brevo.base_url != BREVO_URL:
            return None
        port = embedded.free_port()
        journal = self._home / "sandbox.jsonl"
        url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "customer_sync.sandbox", "--port", str(port), "--journal", str(journal)]
        wanted = {one for name in self._settings.all_sources for one in self._settings.options_for(name).list_ids}
        command += [
            "--plan",
            "general",
            "--currency",
            SANDBOX_CURRENCY,
            *(f"--list={number}" for number in sorted({*SANDBOX_LISTS, *wanted})),
        ]
        self._supervisor.add(Child("sandbox", command, self._env, is_silent=True, is_called=True))
        self._env["BREVO_API_URL"] = f"{url}/v3"
        return url

    def _start_web(self) -> None:
        words = web_words(self._host, self._port, self._web_processes)
        self._supervisor.add(Child("web", words, self._env))

    def _workers_and_beat(self) -> Iterator[Child]:
        workers = {f"worker-{number}": ["-Q", queues_for(number, self._workers)] for number in range(self._workers)}
        if words := platform_words(lanes_of(self._settings)):
            workers["worker-platforms"] = words
        for name, words in workers.items():
            yield Child(name, worker_words(name, words), self._env)
        env = {**self._env, "TAJO_BEAT_FILE": str(self._home / BEAT_FILE)}
        yield Child("beat", beat_words(), env)

    def _demo(self, shops: Mapping[str, int]) -> Iterator[Child]:
        """Yield the processes of a demo: its shops, and what makes their customers move."""
        for platform, part in stage.parts().items() if shops else ():
            words = stage.command(platform, part, shops[platform])
            yield Child(f"shop {platform}", words, self._env, is_silent=True)
        if shops:
            yield Child("demo", [*PYTHON, "-m", "customer_sync.demo", "--url", self._url], self._env)

    def _note_where(self) -> None:
        """Tell the other commands of this machine where everything is."""
        facts = {
            "url": self._url,
            "redis_url": self._env["TAJO_REDIS_URL"],
            "brevo_url": self._env.get("BREVO_API_URL") or self._settings.brevo.base_url,
            "config": self._env.get("TAJO_CONFIG"),
            "pid": os.getpid(),
            "public_url": self._settings.public_url,
        }
        private.write(self._home / RUN_NOTE, json.dumps(facts))

    def _say_where(self, sandbox_url: str | None, trouble: str | None) -> None:
        if not self._is_up():
            if self._supervisor.is_stopping:
                return
            log.error("the web process does not answer yet", url=self._url)
        facts = Facts(
            url=self._url,
            host=self._host,
            links=[] if trouble else self._links(),
            sources=_hearing(self._env),
            sandbox_url=sandbox_url,
            brevo_url=self._settings.brevo.base_url,
            is_account=not self._settings.brevo.is_sandbox,
            redis_trouble=trouble,
            home=self._home,
        )
        click.echo(banner(facts))
        sys.stdout.flush()

    def _links(self) -> list[str]:
        known = (address.rstrip("/") for address in (self._url, self._settings.public_url) if address)
        addresses = list(dict.fromkeys(known))
        try:
            store = Store(connect(self._env["TAJO_REDIS_URL"]), self._settings.secret_key)
            return [link_to(address, store) for address in addresses]
        except redis.RedisError as error:
            log.warning("no sign-in link: Redis does not answer any more", error=type(error).__name__)
            return []

    def _is_up(self, patience_s: float = 20.0) -> bool:
        """Wait until the web process answers; tell whether it does."""
        ends = time.monotonic() + patience_s
        while time.monotonic() < ends and not self._supervisor.is_stopping:
            try:
                with urllib.request.urlopen(f"{self._url}/healthz", timeout=1) as answer:  # noqa: S310  # our own
                    return bool(answer.status == 200)
            except OSError:
                time.sleep(0.05)
        return False


def _hearing(env: Mapping[str, str]) -> list[str]:
    """Return the sources that have an address for webhooks."""
    try:
        sources = loading.load_settings(None, env).sources
        return sorted(name for name, one in sources.items() if hears(one.platform))
    except ConfigFaults:
        return []
