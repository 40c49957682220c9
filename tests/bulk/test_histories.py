"""The histories of `tests/engine/world.py` with imports running: what a pull brings goes along in one at any moment."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, note
from hypothesis import strategies as st

from customer_sync.store import connect
from tests.bulk.rig import BulkRig
from tests.engine.test_properties import judge
from tests.engine.world import SHARING, SOURCES, Step, Truth, histories
from tests.explore import PATIENT, look
from tests.rig import Contact

RELAXED = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}
#: What is done after a step: nothing; single items are delivered; what a pull brought is sent off in an import, which
#: runs on; imports end and are verified; everything is done, and judged.
AFTER = st.sampled_from(["nothing", "singles", "load", "load", "land", "settle"])
pytestmark = PATIENT


@pytest.fixture(scope="module")
def rig(redis_url):
    made = BulkRig(connect(redis_url), import_delay_s=1e9, sources=SOURCES)
    made.rules = replace(made.rules, sharing=SHARING)
    yield made
    made.sandbox.close()


def tell(rig, step: Step, *, is_pulled: bool) -> None:
    if step.event is None:
        act(rig, step)
    elif is_pulled:
        rig.put([step.event])
    else:
        rig.send(step.event)


def act(rig, step: Step) -> None:
    """Somebody does something in Brevo: the contact shows it at once, and we hear of it."""
    is_there = step.email in rig.contacts()
    if is_there and step.brevo == "contact_deleted":
        rig.call("DELETE", f"/v3/contacts/{quote(step.email)}")
    elif is_there:
        rig.call("POST", "/sandbox/unsubscribe", {"email": step.email})
    body = b'{"event":"%s","email":"%s","ts_event":%d}'
    rig.send_brevo(body % (step.brevo.encode(), step.email.encode(), int(step.when.timestamp())))


def do(rig, what: str) -> None:
    if what == "singles":
        rig.deliver()
    elif what == "load":
        rig.load()
    elif what == "land":
        rig.carry_out()
        rig.look()
    elif what == "settle":
        rig.settle()


def seen(rig):
    """The sandbox, as `judge` looks at Brevo."""
    contacts = {
        email: Contact(
            attributes={name: value for name, value in one["attributes"].items() if value not in {"", None}},
            blocked=one["emailBlacklisted"],
            lists={number for number in one["listIds"] if number in {2, 3, 5}},
        )
        for email, one in rig.contacts().items()
        if "@" in email
    }
    brevo = SimpleNamespace(contacts=contacts, lifted=())
    return SimpleNamespace(brevo=brevo, store=rig.store, rules=rig.rules, client=rig.client)


@look(150, **RELAXED)
@given(data=st.data())
def test_nobody_who_withdrew_is_mailable_while_imports_run_and_nobody_has_what_is_another_s(rig, data):
    steps = data.draw(st.permutations(data.draw(histories(most=10))))
    ways = data.draw(st.lists(st.tuples(st.booleans(), AFTER), min_size=len(steps), max_size=len(steps)))
    note("\n".join(f"{step!r} {'pulled' if way[0] else ''} /{way[1]}" for step, way in zip(steps, ways, strict=True)))
    rig.reset()

    for index, (step, (is_pulled, after)) in enumerate(zip(steps, ways, strict=True)):
        tell(rig, step, is_pulled=is_pulled)
        do(rig, after)
        if after == "settle":
            judge(seen(rig), Truth(steps[: index + 1]))
    rig.settle()

    truth = Truth(steps)
    judge(seen(rig), truth)
    for one in rig.call("GET", "/sandbox/mailable")["mailable"]:
        # lifted for an act that was given for this address; by Brevo itself, and the next call blocked again; or the
        # block was of a deletion in the shop: another customer of the address was heard of, or an erasure forgot it
        is_own_word = truth.opt_ins(one["email"]) or (one["how"] == "rename" and one["blockedAgainAt"])
        assert is_own_word or not truth.withdrew_where_they_were(one["email"]), one
