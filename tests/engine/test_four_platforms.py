"""One person known at four platforms at once, over random histories: whatever arrives when, twice or after a crash,
nobody has another's name or consent, nobody who withdrew is mailable, and who left in Brevo is opted out everywhere.
"""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, note
from hypothesis import strategies as st

from customer_sync.brevo.contacts.contact_plan import view
from customer_sync.model import Kind
from customer_sync.store import connect
from tests.engine.four import DONE, EMAILS, GRANTED, KINDS, WITHDRAWN, Act, Town, do, let_claim_at_once
from tests.engine.hands import texts
from tests.engine.world import Truth, address_of, newest
from tests.explore import PATIENT, look
from tests.rig import LIST

pytestmark = PATIENT
RELAXED = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}
OFTEN = ["opt in", "tick", "box", "unsubscribe", "unsubscribe", "rename", "rename", "exchange", "withdraw", "merge"]
WORK = ["arrive"] * 5 + ["twice", "read", "settle", "settle", "fetch", "told", "told", "down", "up", "dies", "dies"]


@st.composite
def scripts(draw):
    """What happens, and who works when; in most of them nobody is erased."""
    words = [*OFTEN, *(one for one in DONE if one != "erase" or draw(st.integers(0, 3)) == 0)]
    acts = st.builds(Act, st.sampled_from(words), st.sampled_from([*KINDS]), st.integers(0, 3), st.sampled_from(EMAILS))
    works = st.tuples(st.sampled_from(WORK), st.integers(0, 30))
    begin = [Act("register", source, 0, email) for source in KINDS for email in EMAILS[:2]]
    known = [("arrive", 0)] * len(begin) + [("settle", 0), ("fetch", 0), ("settle", 0)]
    return [*begin, *(known if draw(st.booleans()) else []), *draw(st.lists(acts | works, min_size=4, max_size=30))]


@pytest.fixture(scope="module")
def town(redis_url):
    with pytest.MonkeyPatch.context() as patch:
        let_claim_at_once(patch)
        yield Town(connect(redis_url))


def play(town, script):
    """Let it all happen, and look in between; return when nothing is left to be done."""
    town.reset()
    note("\n".join(str(one) for one in script))
    for one in script:
        if isinstance(one, Act):
            do(town, one)
        else:
            work(town, *one)
    town.drain()


def work(town, word, number):
    """Somebody works, or something fails."""
    names = list(KINDS)
    if word in {"arrive", "twice"}:
        town.arrive(number, doubled=word == "twice")
    elif word == "read":
        town.read_inbox()
    elif word == "settle":
        town.read_inbox()
        town.step("contacts")
        tells_no_lie(town)
        if not town.brevo.is_down and not town.client.zcard("tajo:since:contacts"):
            nobody_who_left_is_mailable(town)
    elif word == "fetch":
        town.step("fetch:crm")
    elif word == "told":
        town.step(f"writeback:{names[number % 4]}")
    elif word in {"down", "up"}:
        is_down, which = word == "down", number % 5
        if which == 4:
            town.brevo.is_down = is_down
        else:
            town.sites[names[which]].is_down = is_down
    elif number % 6 == 5:
        town.read_inbox(dies=True)
    else:
        town.step(town.lanes[number % 6], dies="settle" if number < 15 else "commit")


def nobody_who_left_is_mailable(town):
    """Whoever withdrew, as far as was heard, is blocked unless they opted in since."""
    heard, said = Truth(town.heard), Truth(town.known)
    for email, contact in town.brevo.contacts.items():
        withdrawn, granted = newest(heard.withdrawals(email)), newest(said.opt_ins(email))
        if withdrawn is not None and (granted is None or granted <= withdrawn):
            assert contact.blocked, f"{email} withdrew at {withdrawn}"
        if heard.lasting(email):
            assert contact.blocked, f"{email} bounced or complained"
        if contact.lists:
            assert any(
                one.state is GRANTED for step in town.said if step.event is not None for one in step.event.consents
            ), email
    for email in town.brevo.lifted:
        assert said.opt_ins(email), f"{email} was lifted without an opt-in"


def tells_no_lie(town):
    """What waits for Brevo is not told to be delivered."""
    for key in town.client.scan_iter("tajo:c:contacts:*"):
        number = key.decode().rpartition(":")[2]
        (waiting,) = town.store.lanes.waiting("contacts", [number])
        for _, events in waiting:
            for one in events:
                row = town.store.ledger.event(one.event_id)
                assert row is None or str(row.state) != "delivered", one


def judge(town):
    """Everything that must hold once all arrived and all are up again."""
    nobody_who_left_is_mailable(town)
    tells_no_lie(town)
    for name, site in town.sites.items():
        for id_, account in site.accounts.items():
            if _erased_since(town, account.changed):
                continue  # an erasure is of the person, under all addresses: until they are heard of again
            number = town.store.people.find(account.email)
            assert number is not None, f"{name} {id_} is not known at {account.email}"
            person = town.store.people.read(number)
            living = {(one.source, one.id) for one in view(person, town.rules).roll.living}
            assert (name, id_) in living, f"{name} {id_} does not lead to {account.email}: {living}"
            _is_told(town, name, id_, account)
    _has_right_name(town)
    _withdrawals_stay_with_their_records(town)
    _was_asked_for(town)
    _is_forgotten(town)
    _list_stays_left(town)
    states = {str(row.state) for row in town.store.ledger.events(1000)}
    assert states <= {"delivered", "ignored", "repeated"}, states


def _left_in_brevo(town, email) -> datetime | None:
    """Return when somebody left everything in Brevo for good: no opt-in for the address answers it."""
    acts = [(when, word) for mail, when, word in town.acts if mail == email and word != "list"]
    lasting = [when for when, word in acts if word in {"spam", "hard_bounce"}]
    granted = newest(Truth(town.known).opt_ins(email))
    left = newest(when for when, _ in acts)
    if left is not None and granted is not None and granted > left:
        left = None
    return newest([*lasting, *([left] if left else [])])


def _is_told(town, name, id_, account):
    left = _left_in_brevo(town, account.email)
    if left is None or _erased_since(town, left):
        return
    if name == "payer":
        assert town.result(name, id_) == "unsupported"
    elif account.state is not WITHDRAWN:
        is_newer = account.state is GRANTED and account.said > left
        assert is_newer, f"{name} {id_} was not told that {account.email} left at {left}: {town.result(name, id_)}"


def _erased_since(town, when):
    """Whether anybody was erased: that forgets what was said before, but that somebody withdrew."""
    return any(
        step.event.kind is Kind.CUSTOMER_ERASED and step.when > when for step in town.said if step.event is not None
    )


def _has_right_name(town):
    for email, contact in town.brevo.contacts.items():
        person = town.store.people.read(town.store.people.find(email))
        name = contact.attributes.get("FIRSTNAME")
        if not name or view(person, town.rules).word != "active":
            assert view(person, town.rules).word == "active" or not contact.lists, email
            continue
        all_of_them = [one for site in town.sites.values() for one in site.accounts.values() if one.email == email]
        here = {one.name for one in all_of_them}
        may_be_a_guest = not any(not _erased_since(town, one.changed) for one in all_of_them)
        assert name in here or (".guest." in name and may_be_a_guest), f"{email} is called {name}, not {here}"


def _withdrawals_stay_with_their_records(town):
    """A withdrawal of a record holds wherever it goes, and for the record that it was merged into."""
    crm = town.sites["crm"]
    events = [step.event for step in town.heard if step.event is not None and step.event.customer_id is not None]
    for name, site in town.sites.items():
        for id_, account in site.accounts.items():
            own = {id_} if name != "crm" else {id_, *(one for one in crm.merged if crm.kept(one) == id_)}
            theirs = [one for one in events if one.source == name and one.customer_id in own]
            theirs = [one for one in theirs if one.kind is not Kind.ORDER_PLACED]
            said = [(seen.at, seen.state) for one in theirs for seen in one.consents]
            withdrawn = newest(when for when, state in said if state is WITHDRAWN)
            granted = newest(when for when, state in said if state is GRANTED)
            here = newest(Truth(town.known).opt_ins(account.email))
            answers = newest(one for one in (granted, here) if one is not None)
            is_known = not _erased_since(town, account.changed)
            if is_known and withdrawn is not None and (answers is None or answers <= withdrawn):
                contact = town.brevo.contacts.get(account.email)
                assert contact is not None, account.email
                assert contact.blocked, f"{name} {id_} at {account.email} withdrew at {withdrawn}"


def _was_asked_for(town):
    """No platform was ever told anything but what was said in Brevo, of whoever had the address then or later."""
    for name, site in town.sites.items():
        for withdrawal, _ in site.told:
            when = withdrawal.at
            acts = [mail for mail, at_, word in town.acts if abs((at_ - when).total_seconds()) < 1]
            assert acts, f"{name} was told without a withdrawal: {withdrawal}"
            told = {
                address_of(step.event)
                for step in town.said + town.heard
                if step.event is not None and step.event.source == name
            }
            assert withdrawal.address in acts or told & set(acts), withdrawal


def _is_forgotten(town):
    for name, site in town.sites.items():
        if not site.erased:
            continue
        everything = texts(town)
        for id_ in site.erased:
            old = f"{name}.{id_}."
            held = [key for key, text in everything.items() if old in text and b"seen" not in key]
            assert not any(f'"{old}' in everything[key] for key in held), f"{name} {id_} was erased: {held}"
            assert town.result(name, id_) is None, f"{name} {id_} was erased"
            names = [str(one.attributes.get("FIRSTNAME")) for one in town.brevo.contacts.values()]
            assert not any(one.startswith(old) for one in names), f"{name} {id_} was erased"


def _list_stays_left(town):
    for email, when, word in town.acts:
        contact = town.brevo.contacts.get(email)
        if word == "list" and contact is not None and LIST in contact.left:
            granted = newest(Truth(town.known).opt_ins(email))
            assert LIST not in contact.lists or (granted is not None and granted > when), f"{email} left at {when}"


@look(150, **RELAXED)
@given(script=scripts())
def test_whatever_happens_when_at_four_platforms_the_end_is_what_they_know(town, script):
    play(town, script)

    judge(town)


@look(60, **RELAXED)
@given(data=st.data())
def test_whatever_the_order_of_arrival_the_end_is_that_of_a_straight_replay(town, data):
    """All that happened is under way; it arrives as it was sent, and then in another order, twice, and in parts."""
    acts = [one for one in data.draw(scripts()) if isinstance(one, Act) and one.what not in OF_BREVO]
    expected = _end(town, acts, [])
    order = data.draw(st.lists(st.tuples(st.sampled_from(WORK), st.integers(0, 30)), max_size=40))

    found = _end(town, acts, [one for one in order if one[0] in {"arrive", "twice", "read", "settle", "fetch", "dies"}])

    note(f"expected {expected}\nfound    {found}")
    assert found.keys() == expected.keys()
    for email, (name, lists, blocked) in expected.items():
        assert found[email][0] == name, email
        # a customer who was deleted or left while another one of the address was not known may be blocked on either
        if found[email][2] == blocked and not blocked:
            assert found[email][1] == lists, email


#: What is done in Brevo needs a contact there, and an erasure forgets what came before it.
OF_BREVO = {"unsubscribe", "spam", "hard_bounce", "leave list", "erase"}


def _end(town, acts, works):
    """Return what is in Brevo at every address where a customer lives: name, lists, whether it is blocked."""
    town.reset()
    note("\n".join(str(one) for one in [*acts, *works]))
    for one in acts:
        do(town, one)
    for one in works:
        work(town, *one)
    town.drain()
    judge(town)
    found = {}
    for email, contact in town.brevo.contacts.items():
        person = town.store.people.read(town.store.people.find(email))
        if view(person, town.rules).word == "active":
            found[email] = (contact.attributes.get("FIRSTNAME"), sorted(contact.lists), contact.blocked)
    return found


#: In each round, five records are told of again.
ROUNDS = 200


def test_a_thousand_words_of_what_four_platforms_said_before_make_no_call(town):
    town.reset()
    for source in KINDS:
        do(town, Act("register", source, 0, EMAILS[0]))
    do(town, Act("register", "till", 1, EMAILS[0]))
    for account in (one for site in town.sites.values() for one in site.accounts.values()):
        account.name = "Ann"
    do(town, Act("opt in", "crm", 0, EMAILS[0]))
    town.waiting.clear()
    _tell_all(town)
    town.drain()
    do(town, Act("unsubscribe", "shop", 0, EMAILS[0]))
    town.drain()
    judge(town)
    calls = len(town.brevo.calls)
    assert sum(len(site.accounts) for site in town.sites.values()) * ROUNDS == 1_000
    told = {name: len(site.told) for name, site in town.sites.items()}
    assert [told[name] for name in KINDS] == [1, 1, 2, 0]

    for _ in range(ROUNDS):
        _tell_all(town)
        while town.waiting:
            town.arrive(0)
        town.read()
        for lane in town.lanes:
            town.step(lane)

    assert len(town.brevo.calls) == calls
    assert {name: len(site.told) for name, site in town.sites.items()} == told


def _tell_all(town):
    """Every platform tells of each of its customers."""
    for site in town.sites.values():
        for id_ in site.accounts:
            site.tell(id_, town.now())


def test_a_late_word_of_somebody_erased_brings_nobody_back(town):  # field case H3
    town.reset()
    do(town, Act("register", "crm", 0, EMAILS[0]))
    do(town, Act("register", "shop", 0, EMAILS[0]))
    town.drain()
    do(town, Act("unsubscribe", "crm", 0, EMAILS[0]))
    town.drain()
    crm = town.sites["crm"]
    (id_,) = crm.accounts
    assert town.result("crm", id_) == "written"
    crm.hint(id_, town.now())  # it is under way, and so is a read
    town.arrive(0)
    town.read()
    do(town, Act("erase", "crm", 1, EMAILS[0]))
    town.drain()
    crm.hint(id_, town.now())
    crm.hint(id_, town.now(), is_deletion=True)
    town.drain()

    assert EMAILS[0] not in town.brevo.contacts
    everything = texts(town)
    assert not [key for key, text in everything.items() if EMAILS[0] in text or f"crm.{id_}." in text]
    assert town.result("crm", id_) is None
    assert not [key for key in everything if b"rec:writeback" in key or b"c:fetch" in key]
