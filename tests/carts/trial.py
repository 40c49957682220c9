"""The trial of series: carts with a fate each, real workers that are killed, a Brevo, and one clock for all.

`python -m tests.carts.trial --carts 1000` prints what came of it. Nothing is measured in seconds: the clock goes as
fast as the workers are done. Whatever a person does happens before the mail that it must stop, some of it in the very
second before: then it waits in the inbox, unread, when the mail is due, or is known to Brevo alone.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import redis
from werkzeug.serving import make_server

from customer_sync.base import embedded
from customer_sync.brevo.mail import counts
from customer_sync.model import Inbound, Json, Kind
from customer_sync.sandbox.app import create_app
from customer_sync.sandbox.state import Sandbox, Settings
from customer_sync.store import connect, inbox
from tests.carts.line import open_store, written
from tests.redis_time import StandingTime

HOME = Path(__file__).parents[2]
WORKERS = 2
EXTRA: dict[str, Json] = {
    "sequence": [{"delay": delay, "template_id": 1} for delay in ("1h", "24h", "48h")],
    "ab_testing": {"enabled": True, "variants": [{"name": "a"}, {"name": "b", "subject": "Still there"}]},
}
#: When mails are due after a cart was touched: half an hour until it counts as left, then the delays.
DUE = (timedelta(minutes=90), timedelta(minutes=90, hours=24), timedelta(minutes=90, hours=72))
SECOND = timedelta(seconds=1)


class Fate(NamedTuple):
    """What a person does.

    Args:
        what: `buys`, `leaves` (in Brevo, unheard of), `withdraws` (in the shop), `empties` the cart, or nothing.
        mails: how many mails there are until then.
        share: of all carts.
        in_last_second: done in the second before the next mail is due, and not read by then.
    """

    what: str
    mails: int
    share: int
    in_last_second: bool = False


FATES = (
    Fate("buys", 0, 20),
    Fate("buys", 0, 10, in_last_second=True),
    Fate("buys", 1, 8),
    Fate("buys", 1, 3, in_last_second=True),
    Fate("buys", 2, 6),
    Fate("buys", 3, 3),
    Fate("leaves", 0, 4, in_last_second=True),
    Fate("leaves", 1, 4, in_last_second=True),
    Fate("withdraws", 0, 3, in_last_second=True),
    Fate("withdraws", 2, 3, in_last_second=True),
    Fate("empties", 0, 4),
    Fate("", 3, 32),
)


@dataclass
class Person:
    """One person with one cart."""

    number: int
    fate: Fate
    touched_at: datetime
    amount: float
    #: When the deed of the fate was to be done, and was: later where a lease had to end first.
    planned_at: datetime | None = None
    done_at: datetime | None = None

    @property
    def email(self) -> str:
        return f"person{self.number}@example.com"


@dataclass
class Result:
    """What came of a trial."""

    people: list[Person]
    mails: list[dict[str, Any]]
    report: counts.Report
    kills: int
    seconds: float
    wrong: dict[str, int] = field(default_factory=dict)

    def text(self) -> str:
        """The table, for people."""
        steps = Counter(one["params"]["step"] for one in self.mails)
        fates = Counter(one.fate.what or "does nothing" for one in self.people)
        lines = [
            f"{len(self.people)} carts, workers killed {self.kills} times, {self.seconds:.0f} s",
            "did: " + ", ".join(f"{what} {number}" for what, number in sorted(fates.items())),
            "mails: " + ", ".join(f"step {step}: {number}" for step, number in sorted(steps.items())),
            "ended: " + ", ".join(f"{why} {number}" for why, number in sorted(self.report.ended.items())),
        ]
        for one in self.report.variants:
            money = ", ".join(
                f"{two.total:.2f} {two.currency}, {two.mean:.2f} ± {1.96 * (two.standard_error or 0):.2f} per cart"
                for two in one.revenue
            )
            lines.append(f"variant {one.name}: {one.carts} carts mailed, {one.recovered} recovered, {money}")
        lines += [f"{what}: {number}" for what, number in self.wrong.items()]
        return "\n".join(lines)


class Trial:
    """See the module.

    Args:
        client: an empty Redis.
        carts: how many.
        kills: how often a worker is killed.
        seed: of all that is left to chance.
    """

    def __init__(self, client: redis.Redis, url: str, *, carts: int, kills: int, seed: int) -> None:
        self.luck = random.Random(seed)
        self.client, self.redis_url = client, url
        self.time = StandingTime(client, float(int(datetime.now(UTC).timestamp()) // 60 * 60))
        self.store = open_store(client, self.time, self.now_ms)
        self.sandbox = Sandbox(Settings(), clock=lambda: self.time.now_s)
        self.app = create_app(self.sandbox)
        self.control = self.app.test_client()
        self.begun = self.now
        self.workers: list[subprocess.Popen[str]] = []
        self.kills, self.to_kill = 0, kills
        whole = [fate for fate in FATES for _ in range(fate.share)]
        self.luck.shuffle(whole)
        self.people = [self._person(number, whole[number % len(whole)]) for number in range(carts)]

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time.now_s, UTC)

    def now_ms(self) -> int:
        return round(self.time.now_s * 1000)

    def _person(self, number: int, fate: Fate) -> Person:
        touched_at = self.begun + timedelta(minutes=10, seconds=self.luck.randrange(3600))
        return Person(number, fate, touched_at, float(self.luck.randrange(1000, 20000)) / 100)

    # what people do

    def _tell(self, request: Inbound) -> None:
        self.store.inbox.append([inbox.encode(request)])

    def _register(self, one: Person) -> None:
        key, record = str(one.number), {"id": str(one.number), "email": one.email, "firstName": f"P{one.number}"}
        more: dict[str, Any] = {"customer": key, "consents": ["granted"]}
        self._tell(written(Kind.CUSTOMER_UPDATED, key, record, self.now, **more))

    def _fill(self, one: Person, *, is_empty: bool = False) -> None:
        key = f"t{one.number}"
        lines: list[Json] = [] if is_empty else [{"productId": "p", "quantity": 1, "price": one.amount}]
        total = 0.0 if is_empty else one.amount
        cart: dict[str, Json] = {"id": key, "email": one.email, "total": total, "currency": "EUR", "lines": lines}
        self._tell(written(Kind.CART_UPDATED, key, {**cart, "url": f"https://shop.example/{key}"}, self.now))

    def _do(self, one: Person) -> None:
        one.done_at = self.now
        key, what = str(one.number), one.fate.what
        if what == "buys":
            order: dict[str, Json] = {"id": f"o{key}", "state": "paid", "email": one.email, "total": one.amount}
            order |= {"amount": one.amount, "currency": "EUR", "createdAt": self.now.isoformat()}
            order |= {"customer": {"email": one.email}, "carts": [f"t{key}"]}
            self._tell(written(Kind.ORDER_PLACED, f"o{key}", order, self.now))
        elif what == "leaves":
            self.control.post("/sandbox/acts/unsubscribe", json={"email": one.email})
        elif what == "withdraws":
            record: dict[str, Json] = {"email": one.email}
            self._tell(written(Kind.CONSENT_CHANGED, key, record, self.now, customer=key, consents=["withdrawn"]))
        elif what == "empties":
            self._fill(one, is_empty=True)

    def _acts(self) -> list[tuple[datetime, bool, Callable[[], None]]]:
        """What happens when: the time, whether it is read at leisure, the deed."""
        found: list[tuple[datetime, bool, Callable[[], None]]] = []
        for one in self.people:
            found.append((one.touched_at, True, lambda one=one: self._fill(one)))  # type: ignore[misc]  # bound now
            if not one.fate.what:
                continue
            if one.fate.in_last_second:
                one.planned_at = one.touched_at + DUE[one.fate.mails] - SECOND
            else:
                after = DUE[one.fate.mails - 1] + timedelta(minutes=10) if one.fate.mails else SECOND
                one.planned_at = one.touched_at + after + timedelta(seconds=self.luck.randrange(3000))
            deed = lambda one=one: self._do(one)  # type: ignore[misc]  # noqa: E731  # as above
            found.append((one.planned_at, not one.fate.in_last_second, deed))
        return sorted(found, key=lambda act: act[:2])

    # how it goes

    def run(self) -> Result:
        """Let everything happen, and judge it."""
        started = time.monotonic()
        with self._brevo() as url:
            try:
                for _ in range(WORKERS):
                    self._launch(url)
                for one in self.people:
                    self._register(one)
                self._settle()
                self._days(url)
            finally:
                for worker in self.workers:
                    _end(worker)
        mails = [row for row in self.sandbox.mails.rows() if row["state"] == "sent"]
        self.sandbox.close()
        report = counts.report("abandoned-cart", self.store.mails.report("abandoned-cart"))
        result = Result(self.people, mails, report, self.kills, time.monotonic() - started)
        result.wrong = faults(result)
        return result

    def _days(self, url: str) -> None:
        acts, ends = self._acts(), self.begun + timedelta(days=7)
        killing = self._when_to_kill()
        while True:
            due = self._next_due()
            nexts = [one for one in (acts[0][0] if acts else None, due) if one is not None and one < ends]
            if not nexts:
                return
            self._move_to(min(nexts))
            is_leisurely = True
            while acts and acts[0][0] <= self.now:
                _, at_leisure, deed = acts.pop(0)
                is_leisurely = is_leisurely and at_leisure
                deed()
            if not is_leisurely:
                self._move_to(self.now + SECOND)  # and the mail is due
            if killing and self.now >= killing[0]:
                killing.pop(0)
                time.sleep(self.luck.uniform(0.001, 0.06))
                self._kill(url)
            self._settle()

    def _when_to_kill(self) -> list[datetime]:
        """Times at which mails are due, so that workers are at it."""
        people = [one for one in self.people if one.fate.mails or one.fate.in_last_second]
        chosen = [self.luck.choice(people) for _ in range(self.to_kill)]
        times = [one.touched_at + DUE[self.luck.randrange(max(1, one.fate.mails))] for one in chosen]
        return sorted(times)

    def _move_to(self, when: datetime) -> None:
        self.time.move(max(0.0, (when - self.now).total_seconds()))

    def _next_due(self) -> datetime | None:
        found = [self.client.zrange(f"tajo:q:mail:{prio}", 0, 0, withscores=True) for prio in range(3)]
        due = [score for rows in found for _, score in rows]
        return datetime.fromtimestamp(-(-min(due) // 1000), UTC) if due else None  # whole seconds, and not before

    def _settle(self) -> None:
        """Wait until nothing is left to do at this time; what a killed worker held is free after its lease."""
        looked, gives_up = time.monotonic(), time.monotonic() + 120
        while self._is_busy():
            time.sleep(0.002)
            if time.monotonic() - looked > 1.0:
                self.time.move(4.0)
                looked = time.monotonic()
            assert time.monotonic() < gives_up, "the workers are not done in time"

    def _is_busy(self) -> bool:
        pipe = self.client.pipeline(transaction=False)
        pipe.xlen("tajo:inbox")
        pipe.zcard("tajo:since:contacts")
        pipe.zcard("tajo:lease:mail")
        for prio in range(3):
            pipe.zcount(f"tajo:q:mail:{prio}", "-inf", self.now_ms())
        return any(pipe.execute())

    def _launch(self, url: str) -> None:
        command = [sys.executable, "-m", "tests.carts.trial_worker", self.redis_url, url, json.dumps(EXTRA)]
        worker = subprocess.Popen(command, cwd=HOME, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        self.workers.append(worker)

    def _kill(self, url: str) -> None:
        victim = self.workers.pop(self.luck.randrange(len(self.workers)))
        _end(victim)
        self.kills += 1
        self._launch(url)

    @contextmanager
    def _brevo(self) -> Iterator[str]:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server = make_server("127.0.0.1", 0, self.app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v3"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def _end(worker: subprocess.Popen[str]) -> None:
    """Kill a worker that this trial started, by SIGKILL."""
    worker.kill()
    worker.wait()
    assert worker.stdout is not None
    worker.stdout.close()


def faults(result: Result) -> dict[str, int]:
    """What must never be, and how often it was."""
    found = dict.fromkeys(
        (
            "mails after the purchase",
            "mails after leaving",
            "mails sent twice",
            "mails too many",
            "mails missing",
            "mails in doubt",
            "mails miscounted",
            "recoveries miscounted",
        ),
        0,
    )
    by_email: dict[str, list[dict[str, Any]]] = {one.email: [] for one in result.people}
    for mail in result.mails:
        by_email[mail["to"]].append(mail)
    for one in result.people:
        steps = [mail["params"]["step"] for mail in by_email[one.email]]
        late = [
            mail for mail in by_email[one.email] if one.done_at and datetime.fromisoformat(mail["at"]) > one.done_at
        ]
        found["mails after the purchase" if one.fate.what == "buys" else "mails after leaving"] += len(late)
        # where a deed came late, because a lease had to end first, the mail before it was right
        is_late = one.done_at is not None and one.done_at != one.planned_at
        found["mails sent twice"] += len(steps) - len(set(steps))
        found["mails too many"] += 0 if is_late else len(set(steps) - set(range(1, one.fate.mails + 1)))
        found["mails missing"] += len(set(range(1, one.fate.mails + 1)) - set(steps))
    counted = sum(sum(one.mails.values()) for one in result.report.variants)
    found["mails in doubt"] = sum(one.in_doubt for one in result.report.variants)
    found["mails miscounted"] = abs(counted - len(result.mails))
    bought = [one for one in result.people if one.fate.what == "buys" and by_email[one.email]]
    revenue = sum(two.total for one in result.report.variants for two in one.revenue)
    is_wrong = abs(revenue - sum(one.amount for one in bought)) > 0.01
    recovered = sum(one.recovered for one in result.report.variants)
    found["recoveries miscounted"] = abs(recovered - len(bought)) + is_wrong
    return found


def run(carts: int, kills: int, seed: int = 7) -> Result:
    """Run a trial with a Redis of its own."""
    with tempfile.TemporaryDirectory() as folder:
        running = embedded.ensure(Path(folder))
        client = connect(running.url)
        try:
            return Trial(client, running.url, carts=carts, kills=kills, seed=seed).run()
        finally:
            client.connection_pool.disconnect()
            embedded.stop(running)


def main() -> int:
    parser = argparse.ArgumentParser("tests.carts.trial")
    parser.add_argument("--carts", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    result = run(options.carts, options.kills, options.seed)
    sys.stdout.write(result.text() + "\n")
    return int(any(result.wrong.values()))


if __name__ == "__main__":
    sys.exit(main())
