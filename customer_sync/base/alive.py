"""Signs of life for what looks after our processes: systemd's watchdog, the age of a file, `/healthz`.

Run as a program it ends with 0 where the process of its container lives, else with 1.

systemd gets a datagram: https://www.freedesktop.org/software/systemd/man/sd_notify.html.
"""

from __future__ import annotations

import os
import socket
import sys
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from customer_sync.base.clock import Clock, system_clock

#: Names the file; whoever looks compares the time of its last change with the clock.
FILE_VARIABLE: Final = "TAJO_ALIVE_FILE"
_SOCKET_VARIABLE: Final = "NOTIFY_SOCKET"
#: A sign that is older tells of a process that hangs, in seconds.
OLDEST_S: Final = 60.0
#: Where the web process of a container answers.
HEALTH_URL: Final = "http://127.0.0.1:8000/healthz"


def tell_alive(env: Mapping[str, str] = os.environ) -> None:
    """Tell that this process does its work; nothing happens where nobody asked for that. It never raises.

    Who does not hear of it ends the process: that is right where it cannot be told, too, and can be seen there.
    """
    with suppress(OSError):
        if env.get(FILE_VARIABLE):
            Path(env[FILE_VARIABLE]).touch()
        if env.get(_SOCKET_VARIABLE):
            name = env[_SOCKET_VARIABLE]
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto(b"WATCHDOG=1", f"\0{name[1:]}" if name.startswith("@") else name)


def is_alive(env: Mapping[str, str] = os.environ, url: str = HEALTH_URL, clock: Clock = system_clock) -> bool:
    """Tell whether a process lives: its file was changed lately or, where it has none, it answers requests.

    Args:
        env: the environment that the process has, too.
        url: where a web process answers.
        clock: milliseconds since 1970.
    """
    try:
        if env.get(FILE_VARIABLE):
            return clock() / 1000 - Path(env[FILE_VARIABLE]).stat().st_mtime < OLDEST_S
        # the environment's proxy would be asked for this machine, too
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(url, timeout=4) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(0 if is_alive() else 1)
