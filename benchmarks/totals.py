"""What it costs to sum up totals: for contacts without orders, for buyers, and for one who bought a thousand times."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from benchmarks.report import Report, say
from benchmarks.stack import CONFIG, Stack
from customer_sync import loading, pipeline
from customer_sync.assembly import open_line
from customer_sync.brevo.contacts.contact_job import prepare
from customer_sync.brevo.contacts.handler import ContactsHandler
from customer_sync.brevo.lanes import ORDERS
from customer_sync.brevo.rules import RulesBook
from customer_sync.engine.lane import Done, Outcome
from customer_sync.engine.plan import Planned, Put, RecordSays, Request, Says, Step, Who, commit
from customer_sync.engine.planner import Planner
from customer_sync.kit.outbound import Reply
from customer_sync.model import PEOPLE, Priority
from customer_sync.person.person import Part
from customer_sync.pipeline import Line
from customer_sync.store.forms import Kept, encode_kept
from customer_sync.store.items import Item, Settlement
from customer_sync.store.lanes import Pace

SOURCE = "shopify"
#: How many people of each kind, and how many orders the buyers among them have.
PEOPLE_EACH, ORDERS_EACH, ORDERS_OF_ONE = 2000, 3, 1000
#: The most that contacts without orders may take, of what they take where nobody asks for totals.
GOAL = 1.1
MAPPING = """    field_mapping: {totalOrders: TOTAL_ORDERS, totalSpent: TOTAL_SPENT, lastOrderDate: LAST_ORDER_DATE}
  order-events: {enabled: true}
"""
TYPES = {"FIRSTNAME": "text", "TOTAL_ORDERS": "float", "TOTAL_SPENT": "float", "LAST_ORDER_DATE": "date"}
_NOW = datetime.now(UTC)


class _Nowhere:
    """An account that takes everything and keeps nothing."""

    def call(self, *_: Any, **__: Any) -> Reply:
        return Reply(201, {}, b"{}")


class _Kept:
    """The worker step of orders, without Brevo: what is known of them is kept."""

    lane = ORDERS

    def batch_size(self) -> int:
        return 500

    def begin(self, items: Sequence[Item], done: Done) -> None:
        for item in items:
            done(Outcome(item, Settlement(item.target, record=encode_kept(Kept(item.state))), "delivered"))


def run(*, quick: bool) -> Report:
    """Measure in pairs: with totals and without, in turns."""
    people, pairs = (PEOPLE_EACH // 4, 3) if quick else (PEOPLE_EACH, 4)
    report = Report("Totals: what it costs to sum them up", ("what", "way", "without", "with totals", "ratio"))
    with _line() as line:
        _fill(line, people)
        everybody = {
            "without orders": [str(one) for one in range(1, people + 1)],
            f"of {ORDERS_EACH} orders each": [str(one) for one in range(people + 1, 2 * people + 1)],
            f"one of {ORDERS_OF_ONE:,} orders": [str(2 * people + 1)],
        }
        for kind, numbers in everybody.items():
            say(f"totals: people {kind}")
            for way, measure in (("singly", _deliver), ("for an import", _load)):
                turns = [("", ORDERS.name), (ORDERS.name, "")] * pairs
                timed = [{lane: _time(line, measure, numbers, lane) for lane in turn} for turn in turns]
                found = [(one[""], one[ORDERS.name]) for one in timed]
                without, with_them = (median(one[turn] for one in found) / len(numbers) for turn in (0, 1))
                ratio = median(one[1] / one[0] for one in found)
                shown = (f"{without * 1e6:,.1f} µs", f"{with_them * 1e6:,.1f} µs", f"{ratio:.2f}")
                report.rows.append((f"contact {kind}", way, *shown))
                if kind == "without orders":
                    report.goal(f"contacts without orders, {way}", ratio, GOAL, " of the time", at_most=True)
    report.notes += [
        f"{people:,} people of each kind, {2 * pairs} pairs in turns, medians.",
        "Nothing of them has changed, so taking, planning and settling cost least, and what totals add shows most.",
        "Processor time of the process and of Redis. An import plans 500 people after one question for their orders.",
    ]
    return report


@contextmanager
def _line() -> Iterator[Line]:
    with Stack(plan=None) as stack:
        file = stack.folder / "tajo.yaml"
        file.write_text(CONFIG + MAPPING)
        settings, store = loading.load_settings(file, stack.env), stack.store()
        line = open_line(settings, store.client, lambda _: None)
        store.limits.learn(PEOPLE, None)
        account: Any = _Nowhere()
        line.rules = RulesBook(settings, line.store, account).read
        line.store.set_note("attributes", {"at": time.time(), "found": TYPES})
        line.store.set_note("lists", {"at": time.time(), "found": [2]})
        contacts = ContactsHandler(account, line.store.limits, line.store.people, line.rules)
        line.handlers = {PEOPLE: contacts, ORDERS.name: _Kept()}
        line.gears = {}
        yield line


def _fill(line: Line, people: int) -> None:
    """Make people without orders, as many buyers, and one who bought more than all; deliver them."""
    for start in range(1, 2 * people + 2, 500):
        _put(line, [[_customer(one)] for one in range(start, min(start + 500, 2 * people + 2))])
    orders = [[_order(buyer, nth)] for buyer in range(people + 1, 2 * people + 1) for nth in range(ORDERS_EACH)]
    orders += [[_order(2 * people + 1, nth)] for nth in range(ORDERS_OF_ONE)]
    for start in range(0, len(orders), 500):
        _put(line, orders[start : start + 500])
    _deliver(line)
    while pipeline.deliver(line, ORDERS.name).did_work:
        pass
    known = len(line.store.orders.of([str(2 * people + 1)])[0])
    if known != ORDERS_OF_ONE or line.store.lanes.depth(PEOPLE)[0]:
        raise RuntimeError(f"{known} orders are known of the one who has {ORDERS_OF_ONE}, or people wait")


def _customer(one: int) -> Step:
    who = Who(SOURCE, _NOW - timedelta(days=9), str(one), f"p{one}@mail.example")
    return Says(who, {"FIRSTNAME": f"Person {one}"})


def _order(buyer: int, nth: int) -> Step:
    at = _NOW - timedelta(days=8, minutes=nth)
    lines: list[Any] = [{"productId": str(n), "title": f"A thing {n}", "quantity": 1, "price": 12.5} for n in range(3)]
    fields: dict[str, Any] = {
        "number": f"#{buyer}-{nth}",
        "state": "paid",
        "status": "paid",
        "currency": "EUR",
        "total": 37.5,
        "amount": 37.5,
        "lines": lines,
        "coupons": [],
        "createdAt": at.isoformat(),
        "updatedAt": at.isoformat(),
    }
    return RecordSays(ORDERS.name, SOURCE, f"{buyer}-{nth}", at, fields, Who(SOURCE, at, str(buyer)))


def _put(line: Line, each: Sequence[Sequence[Step]], priority: Priority = Priority.LIVE) -> None:
    planner = Planner(line.store.people, line.store.now_ms())
    events = [Planned(planner.groups(steps, (), _NOW, priority=priority)) for steps in each]
    commit(line.store, [Request("", events)], lambda _: None)


def _time(line: Line, measure: Any, numbers: Sequence[str], lane: str) -> float:
    """Return the processor time that it takes to look at people, in seconds, with totals or without."""
    priority = Priority.BULK if measure is _load else Priority.LIVE
    look = Part("", "", None, {})
    for start in range(0, len(numbers), 500):
        part = numbers[start : start + 500]
        _put(line, [[Put(PEOPLE, one, look, priority)] for one in part], priority)
    time.sleep(0.01)  # what is due in this millisecond is left by the bulk gear
    line.store.orders.lane = lane
    begun = _cpu_s(line)
    measure(line)
    taken = _cpu_s(line) - begun
    line.store.orders.lane = ORDERS.name
    _deliver(line)
    return taken


def _cpu_s(line: Line) -> float:
    """Return the processor time of this process and of Redis, which other programs change little."""
    found = line.store.info("cpu")
    return time.process_time() + float(found["used_cpu_user"]) + float(found["used_cpu_sys"])


def _deliver(line: Line) -> None:
    while pipeline.deliver(line, PEOPLE).did_work:
        pass


def _load(line: Line) -> None:
    """Look at bulk items as an import does."""
    rules, token, pace = line.rules(), "", Pace(ripe_items=1, ripe_s=0.0, backlog=10**9)
    while True:
        taken = line.store.lanes.load(PEOPLE, 500, token, pace)
        if taken.state != "taken":
            return
        token = taken.token
        for item in taken.items:
            prepare(item, line.store.people, rules, line.clock(), frozenset)
        done = [Settlement(item.target, record=item.record) for item in taken.items]
        line.store.lanes.settle(PEOPLE, token, done)
        token = ""
