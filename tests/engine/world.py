"""Histories of several sources, for the properties of the engine: what happened, in which order we hear of it, and what
must be so at the end by a second, simple reading of the same events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hypothesis import strategies as st

from customer_sync.model import Channel, Consent, ConsentState, Event, Kind
from tests.rig import at

#: The first two give an address to one customer at a time, the third lets customers share one.
SOURCES = ("shop", "woo", "crm")
SHARING = frozenset({"crm"})
EMAILS = ("a@example.com", "b@example.com", "c@example.com")
ALL_STATES = list(ConsentState)


@dataclass(frozen=True)
class Step:
    """One thing that happened: an event of a source, or one of Brevo's own (its word), whose webhook may be lost."""

    when: datetime
    event: Event | None = None
    brevo: str = ""
    email: str = ""
    is_lost: bool = False

    def __repr__(self) -> str:
        if self.event is None:
            return f"{self.when:%M:%S.%f} brevo {self.brevo} {self.email}{' lost' * self.is_lost}"
        one = self.event
        said = ", ".join(f"{c.state}{'!' if c.explicit else ''}@{c.at:%M:%S.%f}" for c in one.consents)
        return f"{self.when:%M:%S.%f} {one.source} {one.kind} {one.customer_id} {dict(one.record)} [{said}]"


@st.composite
def histories(draw, *, most=12, with_erasure=True, with_brevo=True, sources=SOURCES, own_addresses=False):
    """A list of steps, in the order in which they happened; several may share a second."""
    kinds = ["customer"] * 4 + ["consent"] * 2 + ["order", "box", "delete", "merge"]
    kinds += ["erase"] * with_erasure + ["brevo"] * (2 if with_brevo else 0)
    steps: list[Step] = []
    second = -2000
    for n in range(draw(st.integers(2, most))):
        second += draw(st.sampled_from([0, 1, 1, 30, 300]))
        # the platform's finer time: of two states of one second it tells which came later
        seen = at(second + n / 1000)
        source, number = draw(st.sampled_from(sources)), draw(st.integers(1, 2))
        email = draw(st.sampled_from(EMAILS))
        if own_addresses:
            email = f"{source}{number}.{email}"
        kind = draw(st.sampled_from(kinds))
        if kind == "brevo":
            word = draw(st.sampled_from(["unsubscribe", "spam", "hard_bounce", "contact_deleted"]))
            steps.append(Step(seen, brevo=word, email=email))
            continue
        event = Event(
            f"{source}.{n}", source, Kind.CUSTOMER_UPDATED, at(second), str(number), str(number), seen_at=seen
        )
        steps.append(Step(seen, _MAKERS[kind](draw, event, email, n)))
    return steps


def _customer(draw, event, email, n):
    record = {"email": email, "firstName": f"{event.source}.{event.customer_id}.{n}"}
    if draw(st.booleans()):
        record["phone"] = f"+3247000{SOURCES.index(event.source)}{event.customer_id}{n:03}"
    if draw(st.integers(0, 3)) == 0:
        record["firstName"] = None
    consents = (_consent(draw, event),) if draw(st.booleans()) else ()
    return replace(event, record=record, consents=consents)


def _consent_event(draw, event, email, n):
    return replace(event, kind=Kind.CONSENT_CHANGED, record={"email": email}, consents=(_consent(draw, event),))


def _order(draw, event, email, n):
    customer = {"email": email, "firstName": f"{event.source}.guest.{n}"}
    known = event.customer_id if draw(st.booleans()) else None
    return replace(event, kind=Kind.ORDER_PLACED, customer_id=known, record={"customer": customer})


def _box(draw, event, email, n):
    order = _order(draw, event, email, n)
    state = draw(st.sampled_from([ConsentState.GRANTED, ConsentState.WITHDRAWN]))
    return replace(order, consents=(Consent(Channel.EMAIL, state, event.occurred_at, "box"),))


def _delete(draw, event, email, n):
    return replace(event, kind=Kind.CUSTOMER_DELETED, record={})


def _erase(draw, event, email, n):
    event = replace(event, occurred_at=event.seen_at)
    return replace(event, kind=Kind.CUSTOMER_ERASED, record={"email": email} if draw(st.booleans()) else {})


def _merge(draw, event, email, n):
    gone, kept = "1", "2"  # no platform uses the id of a customer again that was merged away
    record = {"keptId": kept, "deletedId": gone}
    return replace(event, kind=Kind.CUSTOMER_MERGED, record_id=kept, customer_id=kept, record=record)


def _consent(draw, event):
    explicit = draw(st.booleans())
    back = draw(st.sampled_from([0, 0, 0, 5, 400])) if explicit else 0
    when = at((event.occurred_at - at(0)).total_seconds() - back)
    return Consent(Channel.EMAIL, draw(st.sampled_from(ALL_STATES)), when, "drawn", explicit)


_MAKERS = {
    "customer": _customer,
    "consent": _consent_event,
    "order": _order,
    "box": _box,
    "delete": _delete,
    "erase": _erase,
    "merge": _merge,
}


# the second reading ---------------------------------------------------------------------------------------------------


def address_of(event: Event) -> str | None:
    """The address that an event tells."""
    customer = event.record.get("customer")
    found = (customer if isinstance(customer, dict) else event.record).get("email")
    return found if isinstance(found, str) else None


@dataclass
class Truth:
    """What can be said of a list of steps without an engine.

    Args:
        homes: (source, id) → the address that its newest own event told; those that were merged away are left out.
        formers: (source, id) → every address that it ever told.
        erased: (source, id) → when it was erased.
    """

    steps: Sequence[Step]

    def __post_init__(self) -> None:
        self.homes: dict[tuple[str, str], str] = {}
        self.formers: dict[tuple[str, str], set[str]] = {}
        self.merged: dict[tuple[str, str], tuple[str, str]] = {}
        self.erased: dict[tuple[str, str], datetime] = {}
        stamps: dict[tuple[str, str], tuple] = {}
        for step in self.steps:
            one = step.event
            if one is None or one.customer_id is None:
                continue
            key = (one.source, one.customer_id)
            if one.kind is Kind.CUSTOMER_MERGED:
                gone = (one.source, str(one.record["deletedId"]))
                self.merged[gone] = key
            if one.kind is Kind.CUSTOMER_ERASED:
                self.erased[key] = max(self.erased.get(key, one.occurred_at), one.occurred_at)
            email = address_of(one)
            if email is None or one.kind in {Kind.CUSTOMER_DELETED, Kind.CUSTOMER_ERASED}:
                continue
            self.formers.setdefault(key, set()).add(email)
            strength = one.kind is not Kind.ORDER_PLACED
            stamp = (strength, one.occurred_at, one.seen_at, email)
            if key not in stamps or stamp > stamps[key]:
                stamps[key] = stamp
                self.homes[key] = email

    def could_be_named(self, email: str) -> set[str]:
        """Whose name the contact at an address may have: records that lead there, and buyers without an account."""
        found = {f"{source}.{number}" for (source, number), home in self.homes.items() if home == email}
        found |= {f"{source}.guest" for source in SOURCES}
        return found

    def withdrawals(self, email: str) -> list[datetime]:
        """Every withdrawal that was said with an address."""
        found = []
        for step in self.steps:
            if step.event is None:
                found += [step.when] if step.email == email and step.brevo != "contact_deleted" else []
            elif address_of(step.event) == email:
                found += [one.at for one in step.event.consents if one.state is ConsentState.WITHDRAWN]
        return found

    def opt_ins(self, email: str) -> list[datetime]:
        """Every act of opting in that a record that was ever here told with an address, and ticks of a box."""
        found = []
        for step in self.steps:
            if step.event is not None and address_of(step.event) == email:
                found += [one.at for one in step.event.consents if one.state is ConsentState.GRANTED]
        return found

    def explicit_opt_ins(self, email: str) -> list[datetime]:
        """Every explicit act of opting in that was told with an address."""
        found = []
        for step in self.steps:
            if step.event is not None and address_of(step.event) == email:
                found += [one.at for one in step.event.consents if one.explicit and one.state is ConsentState.GRANTED]
        return found

    def withdrew_where_they_were(self, email: str) -> bool:
        """Whether anybody withdrew at an address, or at one that its customers ever told; a bounce stays there."""
        told = set().union(*(homes for homes in self.formers.values() if email in homes)) - {email}
        others = Truth([step for step in self.steps if step.brevo != "hard_bounce"])
        return bool(self.withdrawals(email)) or any(others.withdrawals(one) for one in told)

    def lasting(self, email: str) -> bool:
        """Whether mail to an address bounced, or somebody complained."""
        return any(step.email == email and step.brevo in {"spam", "hard_bounce"} for step in self.steps)


def newest(times: Iterable[datetime]) -> datetime | None:
    """The latest of some times."""
    return max(times, default=None)
