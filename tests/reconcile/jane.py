"""Jane, as she may be known here, and what Brevo may have of her: for the rules of reconciling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import strategies as st

from customer_sync.brevo.contacts.contact_plan import Rules, after_delete, after_write, make_plan
from customer_sync.brevo.contacts.leavings import BREVO
from customer_sync.model import Json
from customer_sync.person.consent import label_of
from customer_sync.person.merge import Stamped, earliest, stamp
from customer_sync.person.person import Has, Person, Record

JANE = "jane@example.com"
TYPES = {
    "FIRSTNAME": "text",
    "SMS": "text",
    "SINCE": "date",
    "TOTAL": "float",
    "VIP": "boolean",
    "TAGS": "multiple-choice",
}
RULES = Rules(lists={"shop": (5, 3), "woo": (7,)}, attributes=TYPES)
#: When Brevo accepted the contact last; what is known is mostly older.
NOW = 1_000

NO = {"consent.email.withdrawn": Stamped("form", 5)}
STOP = {"consent.sms.withdrawn": Stamped("STOP", 5)}
YES = {"consent.email.granted": Stamped(["double opt-in", label_of(JANE)], 5)}
YES_AFTER_NO = NO | {"consent.email.granted": Stamped(["double opt-in", label_of(JANE)], 6)}
DELETED = {"deleted": Stamped(None, 7)}
GONE = {"gone": Stamped(value=True, at_ms=5)}


def ref(source: str, number: int = 1) -> str:
    """The key of a customer, in letters as the stored ones."""
    return f"{source:a<15.15}{'abcdefgh'[number]}"


def person(*registers: Mapping[str, Stamped], source: str = "shop", **values: Json) -> Person:
    """Jane, customer 1 of a source, with these registers of hers and these attributes."""
    state = stamp({"FIRSTNAME": "Jane", **values, "claim": None}, 1) | {"since": earliest(1)}
    for more in registers:
        state |= more
    return Person(JANE, {ref(source): Record(ref(source), source, "1", state)})


def departed(**said: Stamped) -> Person:
    """Jane's address, after she has told another one."""
    return Person(JANE, said=said, has=Has(is_there=True, at_ms=NOW, is_read=True))


def written(one: Person, rules: Rules = RULES, **corrections: object) -> Person:
    """The same person after all this was written once."""
    plan = make_plan(one, rules, NOW)
    assert plan.desired is not None
    return replace(one, has=replace(after_write(plan.has, plan.desired, NOW), is_read=True, **corrections))


# Anybody

TIMES = st.integers(1, 6)
SOURCES = st.sampled_from(["shop", "woo"])


def _stamped(values: st.SearchStrategy[Json]) -> st.SearchStrategy[Stamped]:
    return st.builds(Stamped, values, TIMES)


GRANTED = st.builds(lambda method, label: [method, label], st.sampled_from(["form", "api"]), st.just(label_of(JANE)))
STATED = st.builds(lambda strictness: [strictness, "box", label_of(JANE)], st.integers(0, 2))
STATES = st.fixed_dictionaries(
    {
        "FIRSTNAME": _stamped(st.sampled_from(["Jane", "Jo", "", None])),
        "claim": _stamped(st.none()),
    },
    optional={
        "SMS": _stamped(st.sampled_from(["+31612345678", None])),
        "consent.email.withdrawn": _stamped(st.just("form")),
        "consent.email.granted": _stamped(GRANTED),
        "consent.email.stated": _stamped(STATED),
        "consent.sms.withdrawn": _stamped(st.just("STOP")),
        "consent.sms.granted": _stamped(st.just(["form", ""])),
        "deleted": _stamped(st.none()),
    },
)
RECORDS = st.builds(
    lambda source, number, state: Record(ref(source, number), source, str(number), state),
    SOURCES,
    st.integers(1, 2),
    STATES,
)
SAID = st.fixed_dictionaries(
    {},
    optional={
        "consent.email.withdrawn": _stamped(st.sampled_from([["brevo:unsubscribed", BREVO], ["form", "shop"]])),
        "consent.email.complained": _stamped(st.just(["brevo:spam", BREVO])),
        "consent.email.bounced": _stamped(st.just(["brevo:hard_bounce", BREVO])),
        "gone": _stamped(st.just(True)),
    },
)
HAS = st.builds(
    lambda is_there, has: replace(has, is_there=True) if is_there else after_delete(has, has.at_ms),
    st.booleans(),
    st.builds(
        Has,
        digest=st.sampled_from(["", "as last written"]),
        blocked=st.booleans(),
        sms_blocked=st.booleans(),
        lists=st.sampled_from([(), (3,), (3, 5), (7,)]),
        at_ms=st.integers(0, 6),
        left_ms=st.integers(0, 6),
        filled=st.sets(st.sampled_from(["FIRSTNAME", "SMS"])).map(frozenset),
        is_read=st.booleans(),
    ),
) | st.just(Has())
PEOPLE = st.builds(
    lambda records, said, has: Person(JANE, {one.ref: one for one in records}, said, has),
    st.lists(RECORDS, max_size=3),
    SAID,
    HAS,
)
CHOICES = st.builds(
    Rules,
    lists=st.sampled_from([{}, {"shop": (3, 5)}, {"shop": (3, 5), "woo": (7,)}]),
    delete=st.sampled_from([{}, {"shop": "hard"}]),
    update=st.sampled_from([{}, {"shop": False}]),
    sharing=st.sampled_from([frozenset(), frozenset({"shop"})]),
    attributes=st.sampled_from([TYPES, None]),
)
