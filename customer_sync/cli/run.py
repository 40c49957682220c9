"""`tajo run`, `tajo demo`, `tajo sandbox`: everything up with one command."""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click
import redis

from customer_sync import registry
from customer_sync.base import embedded
from customer_sync.base.log import configure, get
from customer_sync.cli.output import fail
from customer_sync.cli.supervisor import Child, Supervisor, platform_words, queues_for
from customer_sync.config import BREVO_URL, ConfigFaults, Settings
from customer_sync.demo import stage
from customer_sync.destinations import LANES
from customer_sync.errors import ConfigError
from customer_sync.sandbox.__main__ import main as sandbox_main
from customer_sync.store import connect, server

log = get(__name__)

#: The config of a demo, in the demo's folder.
DEMO_FILE = "demo.yaml"
#: The lists of the built-in sandbox, beside those that the config names.
SANDBOX_LISTS = range(1, 11)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen at.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Celery worker processes.")
@click.option("--web", "web_processes", default=1, show_default=True, type=click.IntRange(1), help="Web processes.")
def run(host: str, port: int, workers: int, web_processes: int) -> None:
    """Start web, worker and beat in one go.

    Without BREVO_API_KEY everything goes to a built-in sandbox. If there is no tajo.yaml either, a demo shop sends
    customers to it.
    """
    settings = read_settings()
    is_demo = not settings.sources and settings.file is None
    if is_demo and not settings.brevo.is_sandbox:
        fail(
            "BREVO_API_KEY is set, and there is no tajo.yaml: made-up customers must not go to a real account.",
            "Write tajo.yaml with your shop (`tajo init`), or unset BREVO_API_KEY to see the demo.",
            2,
        )
    if is_demo:
        settings = _apart(settings)
    _Stack(settings, host, port, workers, web_processes).up(is_demo=is_demo)


@click.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen at.")
def demo(port: int) -> None:
    """Show it at work: a demo shop, the sandbox, the dashboard. Touches no account and no config of yours."""
    os.environ.pop("BREVO_API_KEY", None)
    os.environ.pop("TAJO_CONFIG", None)
    _Stack(_apart(Settings()), "127.0.0.1", port, 1, 1).up(is_demo=True)


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Run the Brevo sandbox alone; `tajo sandbox --help` lists its options."""
    sys.exit(sandbox_main(list(arguments)))


def _apart(settings: Settings) -> Settings:
    """Return the settings of a demo: its people live in a folder and a Redis of their own, never beside a real shop."""
    os.environ["TAJO_HOME"] = str(_home() / "demo")
    os.environ.pop("TAJO_REDIS_URL", None)
    return replace(settings, redis_url=None)


def read_settings() -> Settings:
    """Return the settings; a wrong config prints every fault and ends the program with code 2."""
    try:
        return registry.load_settings(None, os.environ)
    except ConfigFaults as error:
        click.echo(str(error), err=True)
        sys.exit(2)


def need_redis(url: str) -> None:
    """End the program where nothing could work with a Redis, and say why; one that is away may come later."""
    try:
        found = list(server.faults(connect(url)))
    except ConfigError as error:
        fail(error.reason, error.remedy, 4)
    except redis.RedisError as error:
        log.warning("Redis is away: waiting for it", error=type(error).__name__)
        return
    for fault in found:
        if fault.is_fatal:
            fail(fault.reason, fault.remedy, 4)
        log.warning("Redis wants a look", reason=fault.reason, remedy=fault.remedy)


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
        self._home.mkdir(parents=True, exist_ok=True)
        self._env: dict[str, str] = {**os.environ, "TAJO_HOME": str(self._home)}
        self._redis: embedded.Running | None = None
        self._supervisor = Supervisor(self._mind_redis)

    def up(self, *, is_demo: bool) -> None:
        """Start everything, say where it is, and stay until stopped."""
        configure(self._settings.log_level)
        self._check_address()
        if is_demo or sys.stderr.isatty():
            self._env.setdefault("TAJO_LOG", "brief")
        shops = self._use_demo_config() if is_demo else {}
        if not is_demo:
            self._refuse_demo_data()
        self._start_redis()
        sandbox_url = self._start_sandbox()
        self._start_processes()
        if is_demo:
            self._start_demo(shops)
        self._note_where()
        self._say_where(sandbox_url)
        try:
            self._supervisor.run()
        finally:
            (self._home / "run.json").unlink(missing_ok=True)
            if self._redis is not None:
                embedded.stop(self._redis)

    def _check_address(self) -> None:
        if self._host not in {"127.0.0.1", "localhost", "::1"} and not self._settings.api_key:
            fail(
                f"Listening at {self._host} would open the dashboard to everyone.",
                "Set TAJO_API_KEY (openssl rand -hex 32 makes one), or listen at 127.0.0.1.",
                2,
            )
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self._host, self._port))
            except OSError as error:
                fail(f"Port {self._port} is taken ({error.strerror}).", f"Choose another: --port {self._port + 1}", 4)

    def _use_demo_config(self) -> Mapping[str, int]:
        """Write the demo's config; return where its shops will listen: platform → port."""
        ports = {platform: embedded.free_port() for platform in stage.parts()}
        path = self._home / DEMO_FILE
        path.write_text(stage.config(ports, self._own_url))
        self._env["TAJO_CONFIG"] = str(path)
        return ports

    def _refuse_demo_data(self) -> None:
        """Refuse to start where a demo of an older version left its people: they would go where the config points."""
        if (self._home / DEMO_FILE).exists() and not self._settings.redis_url:
            fail(
                f"{self._home} holds the made-up people of a demo; they must not be mixed with those of a shop.",
                f"Move or remove {self._home}, or set TAJO_HOME to another folder. A demo of today has its own.",
                2,
            )

    def _start_redis(self) -> None:
        if self._settings.redis_url:
            need_redis(self._settings.redis_url)
            self._env["TAJO_REDIS_URL"] = self._settings.redis_url
            return
        try:
            self._redis = embedded.ensure(self._home / "redis")
        except ConfigError as error:
            fail(error.reason, error.remedy, 4)
        self._env["TAJO_REDIS_URL"] = self._redis.url

    def _mind_redis(self) -> None:
        if self._redis is not None and not embedded.is_alive(self._redis):
            log.warning("Redis ended: starting it again")
            try:
                self._redis = embedded.ensure(self._home / "redis", url=self._redis.url)
            except ConfigError as error:
                log.exception("Redis does not start", reason=error.reason)

    def _start_sandbox(self) -> str | None:
        brevo = self._settings.brevo
        if not brevo.webhook_secrets:
            self._env["BREVO_WEBHOOK_SECRET"] = _kept_secret(self._home / "brevo-webhook-secret")
        if not brevo.is_sandbox or brevo.base_url != BREVO_URL:
            return None
        port = embedded.free_port()
        journal = self._home / "sandbox.jsonl"
        url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "customer_sync.sandbox", "--port", str(port), "--journal", str(journal)]
        wanted = {one for name in self._settings.sources for one in self._settings.options_for(name).list_ids}
        lists = [f"--list={number}" for number in sorted({*SANDBOX_LISTS, *wanted})]
        self._supervisor.add(Child("sandbox", [*command, "--plan", "general", *lists], self._env, is_silent=True))
        self._env["BREVO_API_URL"] = f"{url}/v3"
        return url

    def _start_processes(self) -> None:
        # the warnings of libraries (running as root, say) would bury what the user must see
        python = [sys.executable, "-W", "ignore"]
        web = [*python, "-m", "granian", "customer_sync.web.front:create_front", "--factory", "--interface", "rsgi"]
        web += ["--host", self._host, "--port", str(self._port), "--workers", str(self._web_processes)]
        web += ["--no-ws", "--log-level", "error", "--respawn-failed-workers"]
        celery = [*python, "-m", "celery", "--quiet", "-A", "customer_sync.worker.app"]
        beat = self._home / "beat-schedule"
        self._supervisor.add(Child("web", web, self._env))
        workers = {f"worker-{number}": ["-Q", queues_for(number, self._workers)] for number in range(self._workers)}
        if words := platform_words(LANES):
            workers["worker-platforms"] = words
        for name, words in workers.items():
            command = [*celery, "worker", "-n", f"{name}@%h", *words, "--without-gossip", "--without-mingle"]
            self._supervisor.add(Child(name, [*command, "--without-heartbeat"], self._env))
        env = {**self._env, "TAJO_BEAT_FILE": str(beat)}
        self._supervisor.add(Child("beat", [*celery, "beat", "--pidfile="], env))

    def _start_demo(self, shops: Mapping[str, int]) -> None:
        for platform, part in stage.parts().items():
            command = stage.command(platform, part, shops[platform])
            self._supervisor.add(Child(f"shop {platform}", command, self._env, is_silent=True))
        words = [sys.executable, "-W", "ignore", "-m", "customer_sync.demo", "--url", self._own_url]
        self._supervisor.add(Child("demo", words, self._env))

    def _note_where(self) -> None:
        """Tell the other commands of this machine where everything is."""
        facts = {
            "url": self._url,
            "redis_url": self._env["TAJO_REDIS_URL"],
            "brevo_url": self._env.get("BREVO_API_URL") or self._settings.brevo.base_url,
            "config": self._env.get("TAJO_CONFIG"),
            "pid": os.getpid(),
        }
        path = self._home / "run.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(facts))

    @property
    def _url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def _own_url(self) -> str:
        """How this machine reaches us."""
        return self._url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")

    def _say_where(self, sandbox_url: str | None) -> None:
        url = self._url
        if not _answers(f"{url}/healthz"):
            log.error("the web process does not answer yet", url=url)
        lines = [f"Dashboard   {url}/"]
        lines += [f"Webhooks    {url}/webhooks/{name}" for name in _source_names(self._env)]
        if sandbox_url:
            lines.append(f"Sandbox     {sandbox_url}/  (a Brevo of your own; no BREVO_API_KEY is set)")
        lines.append("Stop        Ctrl-C")
        click.echo("\n" + "\n".join(f"  {line}" for line in lines) + "\n")
        sys.stdout.flush()


def _source_names(env: Mapping[str, str]) -> list[str]:
    try:
        return sorted(registry.load_settings(None, env).sources)
    except ConfigFaults:
        return []


def _kept_secret(path: Path) -> str:
    """Return the secret kept in a file, made at first use."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
    return path.read_text()


def _answers(url: str, patience_s: float = 20.0) -> bool:
    ends = time.monotonic() + patience_s
    while time.monotonic() < ends:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310  # our own address
                return bool(answer.status == 200)
        except OSError:
            time.sleep(0.05)
    return False
