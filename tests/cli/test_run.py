"""`tajo run`: what it refuses to start, what it says, what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from customer_sync.base import embedded
from customer_sync.cli.banner import url_of
from customer_sync.cli.run import _apart, _Stack
from customer_sync.cli.supervisor import Child, Supervisor
from customer_sync.config import Settings
from customer_sync.loading import load_settings
from customer_sync.store import Store
from tests.reliability.servers import wait_until

CONFIG = "connectors: {shopify: {api_secret: hush}}\n"


class Run:
    """A `tajo run` in a folder, with the sandbox of its own."""

    def __init__(self, folder: Path, *words: str, config: str = CONFIG, **env: str) -> None:
        self.home = folder / "home"
        self.port = embedded.free_port()
        (folder / "tajo.yaml").write_text(config)
        self.log = folder / f"log-{self.port}"
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("TAJO_", "BREVO_"))}
        self.env = clean | {"TAJO_HOME": str(self.home)} | env
        command = [sys.executable, "-m", "customer_sync", "run", "--port", str(self.port), *words]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=self.env, stdout=log, stderr=log, umask=0o022, start_new_session=True
            )

    @property
    def told(self) -> str:
        return self.log.read_text()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_up(self) -> Run:
        """Return once it has said where it is."""
        wait_until(lambda: "Ctrl-C" in self.told or self.process.poll() is not None, lambda: self.told)
        assert self.process.poll() is None, self.told
        return self

    def ended(self) -> int:
        """Wait for the end; return the exit code."""
        return self.process.wait(40)

    def redis(self) -> embedded.Running:
        note = json.loads((self.home / "redis" / "redis.json").read_text())
        return embedded.Running(note["url"], note["pid"])

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(40)


def opens(url: str) -> tuple[int, str]:
    """Ask as a new browser does; return the status and the address it was led to."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with browser.open(url, timeout=5) as answer:
        return answer.status, answer.url


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A `tajo run` that runs."""
    found = Run(tmp_path_factory.mktemp("first"))
    yield found.wait_up()
    found.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[object]:
    """Start `tajo run`; what is left of it at the end of the test is stopped."""
    runs: list[Run] = []

    def begin(*words: str, folder: Path = tmp_path, **more: str) -> Run:
        runs.append(Run(folder, *words, **more))
        return runs[-1]

    yield begin
    for run in runs:
        run.close()


def test_the_customers_of_the_demo_never_go_to_a_real_account(tajo):
    tajo.config.unlink()
    tajo.env["BREVO_API_KEY"] = "xkeysib-real"

    told = tajo("run", code=2).stderr

    assert "made-up customers must not go to a real account" in told
    assert "tajo init" in told
    assert not (tajo.folder / "home" / "demo.yaml").exists()


def test_a_shop_is_not_started_beside_the_people_of_a_demo(tajo):
    (tajo.folder / "home").mkdir()
    (tajo.folder / "home" / "demo.yaml").write_text("connectors: {}\n")
    del tajo.env["TAJO_REDIS_URL"]

    told = tajo("run", code=2).stderr

    assert "made-up people of a demo" in told
    assert "TAJO_HOME" in told


def test_no_setting_of_the_file_is_overruled_by_what_the_processes_are_given(tmp_path, monkeypatch):
    for name in ("BREVO_WEBHOOK_SECRET", "BREVO_API_KEY", "BREVO_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAJO_HOME", str(tmp_path / "home"))
    path = tmp_path / "tajo.yaml"
    path.write_text("brevo: {api_key: xkeysib-1, base_url: https://b.example/v3, webhook_secret: mine}\n")
    settings = load_settings(path, {})
    stack = _Stack(settings, "127.0.0.1", 8000, 1, 1)

    assert stack._start_sandbox() is None
    assert load_settings(path, stack._env).brevo == settings.brevo


def test_without_a_secret_of_the_file_one_is_made_and_kept(tmp_path, monkeypatch):
    for name in ("BREVO_WEBHOOK_SECRET", "BREVO_API_KEY", "BREVO_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAJO_HOME", str(tmp_path / "home"))
    path = tmp_path / "tajo.yaml"
    path.write_text("brevo: {api_key: xkeysib-1}\n")
    stacks = [_Stack(load_settings(path, {}), "127.0.0.1", 8000, 1, 1) for _ in range(2)]
    for stack in stacks:
        stack._start_sandbox()

    assert stacks[0]._env["BREVO_WEBHOOK_SECRET"] == stacks[1]._env["BREVO_WEBHOOK_SECRET"] != ""


def test_a_demo_has_a_folder_and_a_redis_of_its_own_whatever_is_set(monkeypatch, tmp_path):
    monkeypatch.setenv("TAJO_HOME", str(tmp_path))
    monkeypatch.setenv("TAJO_REDIS_URL", "redis://shop.example:6379/0")
    settings = _apart(Settings(redis_url="redis://shop.example:6379/0", api_key="k"))

    assert (settings.redis_url, settings.api_key) == (None, "k")
    assert "TAJO_REDIS_URL" not in os.environ
    assert os.environ["TAJO_HOME"] == str(tmp_path / "demo")


# one run in a folder


@pytest.mark.slow
@pytest.mark.parametrize("is_same_port", [True, False])
def test_a_second_run_in_a_folder_names_the_first_and_touches_nothing_of_it(first: Run, start, is_same_port):
    note, pid = (first.home / "run.json").read_text(), first.redis().pid
    words = ["--port", str(first.port)] if is_same_port else []

    second = start(*words, folder=first.home.parent)

    assert second.ended() == 1
    assert f"process {first.process.pid}, at {first.url}" in second.told
    assert "sign-in" in second.told
    assert first.process.poll() is None
    assert (first.home / "run.json").read_text() == note
    assert first.redis().pid == pid
    with redis.Redis.from_url(first.redis().url) as client:
        assert client.ping()
    assert opens(f"{first.url}/healthz")[0] == 200


@pytest.mark.slow
def test_a_run_that_was_killed_is_not_in_the_way_and_leaves_no_redis_for_ever(start):
    killed = start().wait_up()
    pid = killed.redis().pid
    killed.process.kill()
    killed.process.wait(10)

    again = start().wait_up()

    assert again.redis().pid == pid
    again.close()
    assert not embedded.is_alive(embedded.Running("", pid))


@pytest.mark.slow
@pytest.mark.usefixtures("client")  # an empty Redis
def test_a_redis_that_the_run_did_not_start_is_not_stopped(start, redis_url):
    run = start(TAJO_REDIS_URL=redis_url).wait_up()

    run.close()

    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()


# what it says


@pytest.mark.slow
def test_the_link_that_it_prints_opens_the_dashboard_at_one_click(first: Run):
    link = re.search(r"Sign in +(\S+)", first.told).group(1)

    assert opens(f"{first.url}/")[1].startswith(f"{first.url}/sign-in?next=")
    assert opens(link)[0] == 200


@pytest.mark.slow
def test_it_says_where_everything_is_and_how_the_command_is_called(first: Run):
    for line in (
        f"Dashboard   {first.url}/",
        f"Webhooks    {first.url}/webhooks/shopify",
        "no BREVO_API_KEY is set",
        f"Data        {first.home}",
        f"{Path(sys.executable).with_name('tajo')} --help",
    ):
        assert line in first.told, line


@pytest.mark.slow
def test_all_that_it_makes_is_for_its_owner_alone(first: Run):
    found = [first.home, *first.home.rglob("*")]

    names = {path.name for path in found}
    assert names >= {"api.key", "run.json", "redis.json", "sandbox.jsonl", "run.lock", "brevo-webhook-secret"}
    assert [path.name for path in found if stat.S_IMODE(path.lstat().st_mode) & 0o077] == []


@pytest.mark.slow
def test_ctrl_c_ends_all_of_it_without_a_word_of_an_error(start):
    run = start().wait_up()
    pid = run.redis().pid

    run.process.send_signal(signal.SIGINT)

    assert run.ended() == 0
    assert not re.search(r"Traceback|[Ee]rror|Abort|killed", run.told.partition("Ctrl-C")[2])
    assert not (run.home / "run.json").exists()
    assert not embedded.is_alive(embedded.Running("", pid))


@pytest.mark.slow
def test_ctrl_c_before_it_is_up_leaves_nothing_behind(start):
    run = start()
    wait_until((run.home / "redis" / "redis.json").exists, lambda: run.told)
    pid = run.redis().pid

    run.process.send_signal(signal.SIGINT)

    assert run.ended() == 0
    assert "Traceback" not in run.told
    assert not embedded.is_alive(embedded.Running("", pid))


@pytest.mark.slow
def test_a_redis_that_is_away_is_told_with_what_to_do_and_work_begins_when_it_is_back(start, tmp_path):
    server = embedded.ensure(tmp_path / "elsewhere")
    embedded.stop(server)

    run = start(TAJO_REDIS_URL=server.url).wait_up()

    assert "CANNOT BE USED" in run.told
    assert "correct TAJO_REDIS_URL" in run.told
    assert "Traceback" not in run.told
    assert "consumer: Cannot connect" not in run.told
    assert "Sign in" not in run.told
    server = embedded.ensure(tmp_path / "elsewhere", url=server.url)
    try:
        wait_until(lambda: "worker-0@" in run.told, lambda: run.told)
        run.close()
    finally:
        embedded.stop(server)


@pytest.mark.slow
def test_listening_elsewhere_needs_no_key_of_ones_own_and_says_what_is_missing(start):
    run = start("--host", "0.0.0.0", TAJO_PUBLIC_URL="https://tajo.example").wait_up()

    assert f"Dashboard   {run.url}/" in run.told
    assert "Listens     at 0.0.0.0, without TLS" in run.told
    assert "Sign in     https://tajo.example/sign-in?link=" in run.told
    assert opens(f"{run.url}/")[1].startswith(f"{run.url}/sign-in")


def test_a_folder_that_cannot_be_used_is_told_with_what_to_do(tajo):
    (tajo.folder / "home").touch()

    told = tajo("run", code=2).stderr

    assert "TAJO_HOME" in told


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
        ("10.0.0.5", "http://10.0.0.5:80"),
        ("shop.example", "http://shop.example:80"),
    ],
)
def test_the_address_is_one_that_this_machine_can_open(host, url):
    assert url_of(host, 80) == url


def test_who_was_told_to_go_on_when_the_terminal_ends_goes_on(monkeypatch):
    handlers = {signal.SIGHUP: signal.SIG_IGN}
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    monkeypatch.setattr(signal, "getsignal", handlers.get)

    Supervisor().listen()

    assert handlers[signal.SIGHUP] == signal.SIG_IGN
    assert set(handlers) == {signal.SIGHUP, signal.SIGINT, signal.SIGTERM}


def test_what_the_others_call_ends_after_them(tmp_path):
    log = tmp_path / "log"
    code = (
        "import signal, sys, time; name, wait_s = sys.argv[1:]\n"
        f"def end(*_): time.sleep(float(wait_s)); print(name, file=open({str(log)!r}, 'a')); sys.exit()\n"
        f"signal.signal(signal.SIGTERM, end); print('up', file=open({str(log)!r}, 'a')); time.sleep(60)\n"
    )
    supervisor = Supervisor()
    for name, wait_s, is_called in (("sandbox", "0", True), ("worker", "0.3", False)):
        command = [sys.executable, "-c", code, name, wait_s]
        supervisor.add(Child(name, command, dict(os.environ), is_called=is_called))
    wait_until(lambda: log.exists() and log.read_text().count("up") == 2, "the children")

    supervisor.stop()

    assert log.read_text().split() == ["up", "up", "worker", "sandbox"]


def test_a_folder_that_cannot_be_written_is_told_without_a_traceback(tajo):
    # root, who runs tests here and there, may write into read-only folders, but into no file
    (tajo.folder / "file").write_text("")

    told = tajo("run", code=2, TAJO_HOME=str(tajo.folder / "file" / "home")).stderr

    assert "cannot be made" in told
    assert "TAJO_HOME" in told
    assert "Traceback" not in told


def test_the_sign_in_link_begins_an_empty_redis_with_the_key_of_the_installation(client, redis_url):
    secret = "0123456789abcdef" * 2
    stack = _Stack(Settings(secret_key=secret), "127.0.0.1", 8000, 1, 1)
    stack._env["TAJO_REDIS_URL"] = redis_url

    stack._links()
    made = Store(client).people.salt
    client.flushall()

    assert Store(client, secret).people.salt == made
