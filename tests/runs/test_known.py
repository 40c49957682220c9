"""Full runs leave out who told nothing new, found by the text alone; everybody else is read."""

from __future__ import annotations

import random
from dataclasses import replace

import orjson
import pytest

from customer_sync.batch.runs import step
from customer_sync.engine.plan import commit
from customer_sync.kit.reach import Page
from customer_sync.model import Kind
from customer_sync.store.items import Settlement
from customer_sync.store.run import PageMove, RunKind, RunState
from tests.rig import ATTRIBUTES
from tests.runs.shop import PAGE, PullableShop, RunRig, ago


class FileShop(PullableShop):
    """The shop, whose records come as texts, as a file's lines do; `read_ids` are those that had to be read."""

    read_ids: list[int]

    def text(self, n: int) -> bytes:
        one = self.shop.people[n]
        return orjson.dumps([n, one.record, one.updated, repr(one.consents)])

    def pull(self, want, access):
        whole = super().pull(want, access)
        ids = [int(one.record_id) for one in whole.events]
        if want.known is None:
            self.read_ids += ids
            return whole
        left_out = want.known([(str(n), self.text(n)) for n in ids], "")
        news = [event for event, is_known in zip(whole.events, left_out, strict=True) if not is_known]
        self.read_ids += [int(one.record_id) for one in news]
        return Page(news, whole.cursor, whole.total, unchanged=len(ids) - len(news))


class FileRig(RunRig):
    """The line with a shop of texts."""

    def __init__(self, client) -> None:
        super().__init__(client)
        self.source = FileShop(self.sources["shop"].settings)
        self.source.shop, self.source.read_ids = self.shop, []
        self.sources["shop"] = self.source
        self.line.connectors = {**self.line.connectors, "shop": self.source}
        self.rules = self.rules.with_attributes(ATTRIBUTES)

    def reads(self, kind: RunKind = RunKind.FULL, **more: bool) -> list[int]:
        """Do a whole run and return who was read."""
        self.source.read_ids = []
        self.last = self.finish(self.start(kind, **more))
        return self.source.read_ids

    def hear(self, n: int, **record) -> None:
        """A webhook of the very second that the shop tells, and its delivery."""
        one = self.shop.people[n]
        event = replace(self.source.event(n), id=f"hook:{n}:{record}", record={**one.record, **record})
        self.send(event)
        self.settle()


class Unsteady:
    """A skill with which everybody is read."""

    name = "unsteady"

    def __init__(self, skill) -> None:
        self._skill = skill

    def intent(self, event):
        return self._skill.intent(event)


@pytest.fixture
def rig(client):
    made = FileRig(client)
    made.shop.add(2 * PAGE + 5)
    return made


def test_who_told_nothing_new_is_not_read_again(rig):
    assert len(rig.reads()) == 25
    calls = len(rig.brevo.calls)

    assert rig.reads() == []
    assert rig.last.counts["unchanged"] == rig.last.counts["read"] == 25
    assert len(rig.brevo.calls) == calls


def test_who_changed_is_read_and_sent(rig):
    rig.reads()
    rig.shop.change(7, firstName="Other")

    assert rig.reads() == [7]
    assert rig.brevo.contacts["c7@example.com"].attributes == {"FIRSTNAME": "Other"}
    assert rig.last.counts["changed"] == 1


def test_who_withdrew_is_read_and_blocked(rig):
    rig.reads()
    rig.shop.withdraw(7)

    assert rig.reads() == [7]
    assert rig.brevo.contacts["c7@example.com"].blocked


def test_what_others_put_meanwhile_makes_the_person_read_again(rig):
    rig.reads()
    rig.hear(7, firstName="Heard")

    assert rig.reads() == [7]
    # of two states of one second the one that was seen later counts: what the shop says now
    assert rig.brevo.contacts["c7@example.com"].attributes == {"FIRSTNAME": "Name 7"}
    rig.reads()
    assert rig.reads() == []


def test_who_was_first_heard_of_by_a_webhook_is_known_after_one_read(rig):
    rig.hear(7)

    assert 7 in rig.reads()
    assert rig.reads() == []


def test_what_is_put_between_the_look_and_the_page_keeps_the_imprint_away(rig):
    rig.hear(7)
    ref, fp = rig.store.people.ref("shop", "7"), rig.store.people.fingerprint("c7@example.com")
    run = rig.start()
    (known,) = rig.store.runs.lookup([(ref, fp)], "~token12")
    rig.hear(7, firstName="Meanwhile")

    move = PageMove(run.id, run.version, same=[(known.person, "abcdefgh")], token="~token12")
    assert commit(rig.store, [], rig.line.wake, move.encode(is_last=True)).is_done

    assert rig.store.imprints.known([(ref, "abcdefgh")]) == [False]


def test_who_waits_is_read_again(rig):
    rig.reads()
    rig.client.zadd("tajo:since:contacts", {rig.store.people.find("c7@example.com"): 1})
    rig.source.read_ids = []

    run = rig.start()
    while rig.read_run(run).state is RunState.RUNNING:
        step(rig.puller, run.id)

    assert rig.source.read_ids == [7]


def test_what_was_parked_is_read_again(rig):
    rig.shop.change(7, when=4000, firstName="Parked")
    ref = rig.store.people.ref("shop", "7")
    rig.reads()
    person = rig.store.people.find("c7@example.com")
    assert rig.store.imprints.known([(ref, imprint_of(rig, person))]) == [True]

    park(rig, person)

    assert rig.reads() == [7]


def imprint_of(rig, person: str) -> str:
    number = int(person)
    return rig.client.getrange(f"tajo:imprint:{number // 1000}", number % 1000 * 8, number % 1000 * 8 + 7).decode()


def park(rig, person: str) -> None:
    """Let a waiting change of a person be parked, as where Brevo refuses it; what put it there leaves no trace here."""
    kept = imprint_of(rig, person)
    rig.send(replace(rig.source.event(7), id="hook"))
    rig.read()
    number = int(person)
    rig.client.setrange(f"tajo:imprint:{number // 1000}", number % 1000 * 8, kept)
    taken = rig.store.lanes.take("contacts", 1)
    rig.store.lanes.settle("contacts", taken.token, [Settlement(person, "parked", parked=("p1", "{}"))])
    rig.client.hdel("tajo:parked", "p1")
    rig.client.zrem("tajo:parked:at", "p1")


def test_other_rules_make_everybody_read_again_and_so_do_rules_that_come_back(rig):
    before = rig.rules
    rig.reads()
    rig.rules = replace(before, lists={"shop": (5,)})
    assert len(rig.reads()) == 25
    assert rig.reads() == []

    rig.rules = before
    assert len(rig.reads()) == 25


def test_another_mapping_makes_everybody_read_again(rig, monkeypatch):
    rig.reads()
    skill = rig.line.skills[0]
    monkeypatch.setattr(type(skill), "terms", lambda *_: "another")

    assert len(rig.reads()) == 25


def test_a_skill_that_does_not_tell_its_terms_has_everybody_read(rig):
    rig.line.skills = [Unsteady(rig.line.skills[0])]
    rig.reads()

    assert len(rig.reads()) == 25


def test_a_compare_run_and_one_of_an_account_that_does_not_answer_read_everybody(rig):
    rig.reads()
    assert len(rig.reads(RunKind.COMPARE)) == 25

    rig.rules = replace(rig.rules, attributes=None)
    assert len(rig.reads()) == 25


def test_a_dry_run_leaves_out_whom_it_knows_and_forgets_nobody(rig):
    rig.reads()
    before = rig.shop.people[7]
    rig.shop.change(7, firstName="Other")

    assert rig.reads(is_dry=True) == [7]
    rig.shop.people[7] = before
    assert rig.reads() == []


def test_a_record_that_cannot_be_used_as_a_whole_is_refused_each_time(rig):
    rig.shop.withdraw(7)
    rig.shop.people[7].record["email"] = "no address"

    assert [(rig.reads().count(7), rig.last.counts["refused"]) for _ in range(3)] == [(1, 1)] * 3


def test_a_record_of_which_something_was_left_out_is_always_read(rig, monkeypatch):
    event = FileShop.event

    def noted(shop, n):
        return replace(event(shop, n), notes=("total: odd",)) if n == 7 else event(shop, n)

    monkeypatch.setattr(FileShop, "event", noted)
    rig.reads()

    assert rig.reads() == [7]


def test_who_was_deleted_in_brevo_is_read_again(rig):
    rig.reads()
    del rig.brevo.contacts["c7@example.com"]
    gone = {"event": "contact_deleted", "email": "c7@example.com", "ts_event": int(ago(1).timestamp())}
    rig.send_brevo(gone)
    rig.settle()

    assert rig.reads() == [7]


def test_a_customer_who_moves_to_another_address_is_read(rig):
    rig.reads()
    rig.shop.change(7, email="moved@example.com")
    assert rig.reads() == [7]
    rig.reads()

    assert rig.reads() == []
    assert "moved@example.com" in rig.brevo.contacts


def history(rig: FileRig, seed: int) -> list[object]:
    """Changes in the shop and by webhooks, with full runs between them; what each run counted and left."""
    rng = random.Random(seed)
    rig.shop.add(12)
    told: list[object] = []
    # far enough apart: the second in which the test runs decides nothing
    times = [5 * one for one in rng.sample(range(1, 200), 24)]
    for _ in range(6):
        for n in rng.sample(range(1, 13), 4):
            what, when, name = rng.choice(ACTS), times.pop(), rng.choice("ABC")
            if what == "change":
                rig.shop.change(n, when=when, firstName=name)
            elif what == "withdraw":
                rig.shop.withdraw(n, when=when)
            elif what == "hear":
                rig.hear(n, firstName=name)
            else:
                rig.shop.change(n, when=when, email=f"c{rng.randrange(1, 13)}@example.com")
        rig.reads()
        told.append(rig.last.counts)
        told.append({email: (one.attributes, one.blocked) for email, one in rig.brevo.contacts.items()})
    return told


ACTS = ("change", "withdraw", "hear", "share")


@pytest.mark.parametrize("seed", range(8))
def test_every_run_does_the_same_as_where_everybody_is_read(client, seed):
    rig = FileRig(client)
    found = history(rig, seed)
    read = len(rig.source.read_ids)
    client.flushall()

    control = FileRig(client)
    control.line.skills = [Unsteady(control.line.skills[0])]

    assert found == history(control, seed)
    assert read < len(control.source.read_ids) == 12


def test_kinds_that_tell_only_a_part_have_no_imprint(rig, monkeypatch):
    event = FileShop.event
    part = lambda shop, n: replace(event(shop, n), kind=Kind.CONSENT_CHANGED)  # noqa: E731  # as short as that
    monkeypatch.setattr(FileShop, "event", part)
    rig.shop.withdraw(7)
    rig.reads()

    assert 7 in rig.reads()
