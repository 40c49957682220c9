"""The embedded Redis stands on the loopback, where every user of the machine comes by."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from customer_sync.base import embedded
from customer_sync.errors import ConfigError
from customer_sync.store import keys
from tests.reliability.servers import wait_until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / 'a folder with "odd" letters é'


@pytest.fixture
def running(folder: Path) -> Iterator[embedded.Running]:
    found = embedded.ensure(folder)
    yield found
    embedded.stop(found)


def stranger(url: str) -> redis.Redis:
    """Another user of the machine: knows the port, and no password."""
    return redis.Redis(host="127.0.0.1", port=urlsplit(url).port or 0)


def test_who_does_not_know_the_password_can_neither_write_nor_read(running):
    with stranger(running.url) as other:
        with pytest.raises(redis.AuthenticationError):
            other.xadd(keys.INBOX, {"raw": b"a webhook that nobody signed"})
        with pytest.raises(redis.AuthenticationError):
            other.keys("*")
    with redis.Redis.from_url(running.url) as own:
        assert not own.exists(keys.INBOX)


def test_no_list_of_processes_shows_the_password(running):
    password = urlsplit(running.url).password

    listed = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(running.pid)], capture_output=True, check=True)

    assert password
    assert password.encode() not in listed.stdout


def test_everything_that_it_keeps_is_for_its_owner_alone(running, folder):
    with redis.Redis.from_url(running.url) as own:
        own.set("name", "amelie.durand@example.com")

    found = [folder, *folder.rglob("*")]

    assert len(found) > 5
    assert [path.name for path in found if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_it_is_found_again_and_keeps_its_address_when_it_is_started_again(running, folder):
    assert embedded.ensure(folder) == running

    embedded.stop(running)
    again = embedded.ensure(folder, url=running.url)
    try:
        assert again.url == running.url
    finally:
        embedded.stop(again)


def test_one_that_an_older_version_started_without_a_password_gets_one(folder):
    folder.mkdir(mode=0o755)
    port = embedded.free_port()
    url = f"redis://127.0.0.1:{port}/0"
    command = [str(embedded.server_path()), "--port", str(port), "--dir", str(folder), "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: embedded._answers(url, folder), "the server")
            (folder / "redis.json").write_text(json.dumps({"url": url, "pid": server.pid}))

            found = embedded.ensure(folder)

            assert found.pid == server.pid
            with stranger(url) as other, pytest.raises(redis.AuthenticationError):
                other.ping()
            assert embedded.ensure(folder) == found
        finally:
            server.terminate()


def test_a_server_that_says_nothing_is_ended_so_that_no_second_one_writes_to_its_files(tmp_path, folder, monkeypatch):
    silent = tmp_path / "server"
    silent.write_text("#!/bin/sh\nexec sleep 60\n")
    silent.chmod(0o700)
    monkeypatch.setattr(embedded, "server_path", lambda: silent)
    monkeypatch.setattr(embedded, "START_S", 0.2)
    monkeypatch.setattr(embedded, "_children", {})

    with pytest.raises(ConfigError, match="did not start"):
        embedded.ensure(folder)

    assert [child.poll() is None for child in embedded._children.values()] == [False]
