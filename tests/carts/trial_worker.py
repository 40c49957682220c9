"""A worker of contacts and mails in a process of its own, to be killed.

`python -m tests.carts.trial_worker REDIS BREVO CONFIG`; the config is the skill's, as JSON. Its clock is the one that
the trial moves.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress

from customer_sync.errors import TajoError
from customer_sync.kit.outbound import HttpClient
from customer_sync.pipeline import deliver, process_inbox
from customer_sync.store import connect
from tests.carts.line import SHOP, JsonShop, SharedTime, open_line, open_store, settings_of


def main(redis_url: str, brevo_url: str, config: str) -> None:
    client = connect(redis_url)
    shared = SharedTime(client)
    opened = open_store(client, shared, shared.now_ms)
    line = open_line(settings_of(json.loads(config)), opened, HttpClient(), brevo_url, JsonShop(SHOP))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        did_work = process_inbox(line)
        for lane in ("contacts", "mail"):
            with suppress(TajoError):
                did_work = deliver(line, lane).did_work or did_work
        if not did_work:
            time.sleep(0.003)


if __name__ == "__main__":
    main(*sys.argv[1:])
