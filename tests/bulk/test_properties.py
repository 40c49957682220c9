"""Whatever happens while an import is under way: the end is that of single delivery, and nobody becomes mailable."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, note
from hypothesis import strategies as st

from customer_sync.model import Channel, Consent, ConsentState, Event, Kind
from customer_sync.store import connect
from tests.bulk.rig import BulkRig, at, customer
from tests.explore import look
from tests.rig import LIST

SHARED_PHONE = "+32470123456"
PEOPLE = st.integers(1, 5)
#: An address that a customer gets and that is a contact of others already.
TAKEN = "taken2@example.com"


@pytest.fixture(scope="module")
def rig(redis_url):
    made = BulkRig(connect(redis_url), import_delay_s=1e9)
    yield made
    made.sandbox.close()


def consent(number, state, when, *, explicit=True):
    seen = Consent(Channel.EMAIL, state, at(when), "drawn", explicit)
    return Event(
        f"c{number}{when}{state}", "shop", Kind.CONSENT_CHANGED, at(when), str(number), str(number), {}, (seen,)
    )


@st.composite
def people(draw):
    """Who is read by the run, and what Brevo has already. They are for the same lists: one import takes them along."""
    found = []
    words = draw(st.sampled_from([["granted", "granted", "withdrawn"], [None, None, "unknown", "withdrawn"]]))
    for number in range(1, draw(st.integers(1, 5)) + 1):
        before = draw(st.sampled_from(["absent", "absent", "there", "blocked"]))
        said = draw(st.sampled_from(words))
        phone = draw(st.sampled_from([None, None, SHARED_PHONE, f"+3247012345{number}"]))
        found.append((number, before, said, phone))
    return found


ACTIONS = ["name", "city", "bulk", "rename", "rename", "erase", "delete", "withdraw", "reset", "leave", "deliver"]
actions = st.lists(st.tuples(st.sampled_from(ACTIONS), PEOPLE), max_size=4)


class Story:
    """One history, played on one rig."""

    def __init__(self, rig, is_bulk, left=None):
        self.rig = rig
        self.is_bulk = is_bulk
        self.line = rig.line if is_bulk else replace(rig.line, gears={})
        self.seconds = itertools.count(-90)
        #: When somebody left Brevo: only where an import has made the contact by then, and then either way.
        self.left = set() if left is None else left
        self.gone = set()
        self.deleted = set()

    def begin(self, crowd):
        rig = self.rig
        rig.reset()
        for number, before, _, _ in crowd:
            if before != "absent":
                body = {"email": f"p{number}@example.com", "attributes": {"LASTNAME": "Before"}}
                rig.call("POST", "/v3/contacts", {**body, "emailBlacklisted": before == "blocked"})
        rig.call("POST", "/v3/contacts", {"email": TAKEN, "attributes": {"LASTNAME": "Taken"}})
        for number, _, said, phone in crowd:
            event = customer(number, city="Ghent", phone=phone)
            if said:
                seen = Consent(Channel.EMAIL, ConsentState(said), at(-200), "drawn", explicit=said == "granted")
                event = replace(event, consents=(seen,))
            rig.put([event])
        self.dispatch()

    def dispatch(self):
        """The run's work goes to Brevo: as an import that is under way, or singly."""
        if self.is_bulk:
            self.rig.load()
            self.singles()
        else:
            self.singles()

    def singles(self):
        kept, self.rig.line = self.rig.line, self.line
        if self.is_bulk:
            self.rig.deliver()
        else:
            from customer_sync import pipeline  # the other way, in a test

            while pipeline.deliver(self.line, "contacts").did_work:
                pass
        self.rig.line = kept

    def act(self, what, number):
        when = next(self.seconds)
        if number in self.gone:
            return
        if what in {"erase", "delete"}:
            self.gone.add(number)
        if what == "delete":
            self.deleted.add(number)
        getattr(self, f"_{what}")(number, when)

    def _deliver(self, *_):
        self.singles()

    def _name(self, number, when):
        self.rig.send(customer(number, email=None, when=when, lastName=f"New{when}"))

    def _city(self, number, when):
        self.rig.send(customer(number, email=None, when=when, city=None))

    def _bulk(self, number, when):
        self.rig.put([customer(number, email=None, when=when, lastName=f"Run{when}")])

    def _rename(self, number, when):
        self.rig.send(customer(number, email=f"taken{number}@example.com", when=when))

    def _erase(self, number, when):
        self.rig.send(Event(f"x{when}", "shop", Kind.CUSTOMER_ERASED, at(when), str(number), str(number), {}))

    def _delete(self, number, when):
        self.rig.send(Event(f"d{when}", "shop", Kind.CUSTOMER_DELETED, at(when), str(number), str(number), {}))

    def _withdraw(self, number, when):
        self.rig.send(consent(number, ConsentState.WITHDRAWN, when))

    def _reset(self, number, when):
        self.rig.send(consent(number, ConsentState.UNKNOWN, when, explicit=False))

    def _leave(self, number, when):
        contacts = self.rig.contacts()
        theirs = [one for one in (f"p{number}@example.com", f"taken{number}@example.com") if one in contacts]
        email = next((one for one in theirs if one != TAKEN), None)
        if email and (self.is_bulk or when in self.left):
            self.left.add(when)
            self.rig.call("POST", "/sandbox/unsubscribe", {"email": email})
            stamp = int(at(when).timestamp())
            self.rig.send_brevo(b'{"event":"unsubscribe","email":"%s","ts_event":%d}' % (email.encode(), stamp))

    def end(self):
        if self.is_bulk:
            self.rig.settle()
            return
        for _ in range(40):
            self.singles()
            if not self.rig.store.lanes.depth("contacts")[0]:
                return
            self.rig.hasten()
        raise AssertionError("still waiting")

    def outcome(self):
        """Address → what is there. Whose turn came first decides who has a phone that two share. Of customers who were
        deleted, and of contacts left behind for another address, it only counts that nobody mails them: whether a
        contact was made before depends on the way.
        """
        found = {}
        for email, one in self.people().items():
            values = dict(one["attributes"])
            # a contact left behind may have the phone: it depends on the way whether it was made
            if values.get("SMS") == SHARED_PHONE[1:] or email == TAKEN:
                values.pop("SMS", None)
            lists = [] if one["emailBlacklisted"] else [number for number in one["listIds"] if number == LIST]
            if email == "p2@example.com" and 2 in self.gone:
                continue  # left behind for TAKEN before the erasure, on one way or the other
            if self._is_left_behind(email):
                assert not lists
            elif int(email[-13]) not in self.deleted:
                found[email] = (values, one["emailBlacklisted"], lists)
            else:
                # the contact of others at the address they had last may have been theirs for a moment, or not
                assert email == TAKEN or one["emailBlacklisted"]
        return found

    def people(self):
        return self.rig.contacts()

    def _is_left_behind(self, email):
        people = self.rig.store.people
        number = people.find(email)
        return number is not None and not people.read(number).records and bool(people.left(number))


def go_through(played, crowd, early, middle, late):
    """Play a story: actions before Brevo has carried the import out, before that is seen, and after it."""
    played.begin(crowd)
    for action in early:
        played.act(*action)
    if played.is_bulk:
        played.rig.carry_out()
    for action in middle:
        played.act(*action)
    if played.is_bulk:
        played.rig.look()
    for action in late:
        played.act(*action)
    played.end()
    return played.outcome(), played.rig.call("GET", "/sandbox/mailable")["mailable"], played.left


def play(rig, story, is_bulk, left=None):
    crowd, early, middle, late = story
    # nobody can leave Brevo before Brevo has them
    early = [action if action[0] != "leave" else ("deliver", 1) for action in early]
    return go_through(Story(rig, is_bulk, left), crowd, early, middle, late)


@look(
    60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],
)
@given(story=st.tuples(people(), actions, actions, actions))
def test_an_import_ends_as_single_delivery_does_and_makes_nobody_mailable(rig, story):
    bulk, mailable, left = play(rig, story, is_bulk=True)
    assert not rig.client.keys("tajo:import:*")
    assert not rig.client.exists("tajo:imports")
    single, _, _ = play(rig, story, is_bulk=False, left=left)

    note(f"single {single}")
    note(f"bulk   {bulk}")
    assert not [one for one in mailable if one["blockedAgainAt"] is None]
    assert bulk == single
