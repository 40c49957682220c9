"""Signs of life: who asks for them gets them, and nobody else."""

from __future__ import annotations

import socket

from customer_sync.base.alive import is_alive, tell_alive


def test_a_file_changes_with_each_sign(tmp_path):
    file = tmp_path / "alive"
    tell_alive({"TAJO_ALIVE_FILE": str(file)})
    before = file.stat().st_mtime_ns

    tell_alive({"TAJO_ALIVE_FILE": str(file)})

    assert file.stat().st_mtime_ns > before


def test_systemd_hears_of_it_at_its_socket(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)

        tell_alive({"NOTIFY_SOCKET": str(tmp_path / "notify")})

        assert systemd.recv(100) == b"WATCHDOG=1"


def test_a_name_with_an_at_sign_is_an_abstract_socket():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0tajo-test-alive")
        systemd.setblocking(False)

        tell_alive({"NOTIFY_SOCKET": "@tajo-test-alive"})

        assert systemd.recv(100) == b"WATCHDOG=1"


def test_what_cannot_be_told_stops_nobody(tmp_path):
    tell_alive({"TAJO_ALIVE_FILE": str(tmp_path / "none" / "alive"), "NOTIFY_SOCKET": str(tmp_path / "nobody")})
    tell_alive({})

    assert list(tmp_path.iterdir()) == []


def test_a_sign_is_believed_for_a_minute_and_without_a_file_the_web_process_is_asked(tmp_path):
    env = {"TAJO_ALIVE_FILE": str(tmp_path / "alive")}
    tell_alive(env)
    told_ms = int((tmp_path / "alive").stat().st_mtime * 1000)

    assert is_alive(env, clock=lambda: told_ms + 59_000)
    assert not is_alive(env, clock=lambda: told_ms + 61_000)
    assert not is_alive({"TAJO_ALIVE_FILE": str(tmp_path / "none")})
    assert not is_alive({}, "http://127.0.0.1:1/healthz")
