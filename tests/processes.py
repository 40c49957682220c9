"""Servers of ours as processes of their own: the sandbox, the stand-ins of platforms."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_START_S = 60.0
_STOP_S = 20.0


@contextmanager
def workers(module: str, *arguments: str) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Give what starts workers that say that they are ready; those that still run are killed when the block ends.

    Args:
        module: as after `python -m`.
        arguments: of every one, before those of one.
    """
    started: list[subprocess.Popen[str]] = []

    def start(*more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", module, *arguments, *more]
        process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


@contextmanager
def running(module: str, *arguments: str, port: int = 0) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run a module as a server while the block lasts; gives its address, its first line, and its process.

    Args:
        module: as after `python -m`.
        arguments: more of the command line.
        port: the port; 0 takes a free one.
    """
    command = [sys.executable, "-m", module, "--port", str(port), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT, env=dict(os.environ)) as process:
        try:
            yield _first_line(process), process
        finally:
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def stop(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> None:
    """End a server and wait for it; SIGKILL takes its worker along."""
    if process.poll() is None:
        process.send_signal(number)
    process.wait(_STOP_S)


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    timer = threading.Timer(_START_S, process.kill)
    timer.start()
    try:
        line = process.stdout.readline().strip()
    finally:
        timer.cancel()
    assert line.startswith("http://"), f"it did not start: {line!r}, exit {process.poll()}"
    return line
