"""A process of ours that dies, or meets another one, at a chosen call: `python -m tests.field.mortal MODULE WORDS...`.

A call is written with its answer, as `POST */services/oauth2/token 200`, a shell pattern. The answer has come, and
nothing was done with it yet, when

- `TAJO_DIES_AT`: the process is killed (SIGKILL);
- `TAJO_MEETS_AT`: the process waits, once, until another one is there as well; both then go on in the same moment. They
  see each other in the folder `TAJO_MEETS_IN`.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from customer_sync.kit.outbound import HttpClient, Reply

#: How long one process waits for the other, in seconds.
PATIENCE_S = 45.0
_send = HttpClient.send


def _watched(http: HttpClient, method: str, url: str, **more: Any) -> Reply:
    reply = _send(http, method, url, **more)
    call = f"{method} {url.partition('?')[0]} {reply.status}"
    if fnmatchcase(call, os.environ.get("TAJO_DIES_AT", "")):
        os.kill(os.getpid(), signal.SIGKILL)
    if fnmatchcase(call, os.environ.get("TAJO_MEETS_AT", "")):
        _meet(Path(os.environ["TAJO_MEETS_IN"]))
    return reply


def _meet(folder: Path) -> None:
    own = folder / f"{os.getpid()}.met"
    if own.exists():
        return
    own.touch()
    ends = time.monotonic() + PATIENCE_S
    while len(list(folder.glob("*.met"))) < 2 and time.monotonic() < ends:
        time.sleep(0.005)


if __name__ == "__main__":
    HttpClient.send = _watched  # type: ignore[method-assign]  # this is what the module is for
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
