"""Batch syncs: what they read, where they stand, how they go on, when they stop."""

from __future__ import annotations

from dataclasses import replace

import pytest

from customer_sync.batch.puller import FirstSyncWaits, waits_for_word
from customer_sync.batch.reconcile.source_side import left_by_run
from customer_sync.batch.runs import LET_GO_TRIES, MAX_TRIES, step
from customer_sync.batch.starts import start_by_itself
from customer_sync.errors import ConfigError, PayloadError, TryLater, Unavailable
from customer_sync.model import Channel, Consent, ConsentState, Event, Kind, Priority, to_ms
from customer_sync.operate.erasure import forget_traces, whom
from customer_sync.person.mapping import totals_of
from customer_sync.skills.customer_sync import CustomerSync
from customer_sync.store import keys
from customer_sync.store.run import Busy, RunKind, RunState, Slot
from tests.rig import ATTRIBUTES, MAPPING
from tests.runs.shop import PullableShop, RunRig, ago


@pytest.fixture
def rig(client):
    return RunRig(client)


def test_a_full_run_brings_every_customer_to_brevo(rig):
    rig.shop.add(35)

    run = rig.finish(rig.start())

    assert run.state is RunState.DONE
    assert len(rig.brevo.contacts) == 35
    assert rig.brevo.contacts["c7@example.com"].attributes == {"FIRSTNAME": "Name 7"}
    assert run.counts["read"] == run.counts["changed"] == run.counts["creates"] == run.counts["sent"] == 35
    assert run.counts["pages"] == 4
    assert run.total == 35


def test_records_that_meet_in_one_contact_count_as_one_contact_sent(rig):
    rig.shop.add(4)
    for n in (2, 3, 4):
        rig.shop.change(n, when=4000 - n, email="c1@example.com")

    run = rig.finish(rig.start())

    assert run.counts["read"] == 4
    assert run.counts["sent"] == len(rig.brevo.contacts) == 1


def test_values_that_cannot_be_read_are_counted_in_a_run_too(rig, monkeypatch):
    rig.shop.add(3)
    read = PullableShop.event
    monkeypatch.setattr(PullableShop, "event", lambda shop, n: replace(read(shop, n), notes=("total: odd",)))

    rig.finish(rig.start())

    left_out = [one for one in rig.store.counters.read() if one.name == "tajo_values_left_out_total"]
    assert [(one.labels, one.value) for one in left_out] == [({"source": "shop"}, 3)]


def test_the_same_run_again_sends_nothing_and_puts_nothing(rig):
    rig.shop.add(35)
    rig.finish(rig.start())
    calls = len(rig.brevo.calls)

    run = rig.finish(rig.start())

    assert len(rig.brevo.calls) == calls
    assert run.counts["unchanged"] == 35
    assert run.counts["changed"] == 0


def test_a_customer_without_an_address_who_withdrew_changes_nothing_when_read_again(rig):
    rig.shop.add(1)
    rig.shop.change(1, email=None)
    rig.shop.withdraw(1, when=10)
    rig.finish(rig.start())

    assert rig.finish(rig.start()).counts["unchanged"] == 1


def test_only_what_changed_is_sent_again(rig):
    rig.shop.add(35)
    rig.finish(rig.start())
    calls = len(rig.brevo.calls)
    for n in (3, 20, 31):
        rig.shop.change(n, firstName="Other")

    run = rig.finish(rig.start())

    assert len(rig.brevo.calls) == calls + 3
    assert run.counts["updates"] == run.counts["sent"] == 3
    assert rig.brevo.contacts["c20@example.com"].attributes == {"FIRSTNAME": "Other"}


def test_a_first_incremental_run_reads_everything_where_it_may_begin_by_itself(rig):
    rig.shop.add(5)
    rig.puller.may_begin = lambda _: True

    assert rig.start(RunKind.INCREMENTAL).kind is RunKind.FULL


@pytest.mark.parametrize("kind", [RunKind.INCREMENTAL, RunKind.COMPARE])
def test_no_other_run_than_a_full_one_that_a_person_asks_for_is_the_first(rig, kind):
    rig.shop.add(5)

    with pytest.raises(FirstSyncWaits, match="tajo connectors sync shop --full"):
        rig.start(kind)
    for by_itself in RunKind:
        with pytest.raises(FirstSyncWaits):
            start_by_itself(rig.puller, "shop", by_itself, "webhooks")

    assert rig.store.runs.recent() == []
    assert waits_for_word(rig.store, "shop")


def test_once_the_first_full_run_was_asked_for_the_others_follow(rig):
    rig.shop.add(5)
    run = rig.start()
    assert not waits_for_word(rig.store, "shop")
    rig.finish(run)

    assert rig.start(RunKind.INCREMENTAL).kind is RunKind.INCREMENTAL


def test_a_first_full_run_that_was_cancelled_waits_for_the_word_again(rig):
    rig.shop.add(35)
    run = rig.start()
    step(rig.puller, run.id)

    rig.store.runs.cancel(run)

    assert waits_for_word(rig.store, "shop")
    with pytest.raises(FirstSyncWaits):
        rig.start(RunKind.INCREMENTAL)


@pytest.mark.parametrize("kind", list(RunKind))
def test_a_dry_run_is_possible_before_the_first_full_run_and_during_any(rig, kind):
    rig.shop.add(25)
    real = rig.start()

    dry = rig.start(kind, is_dry=True)
    with pytest.raises(Busy):
        rig.start(is_dry=True)
    dry = rig.finish(dry)

    assert (dry.state, dry.counts["creates"]) == (RunState.DONE, 25)
    assert rig.store.runs.open_run("shop").id == real.id
    assert rig.finish(real).state is RunState.DONE


def test_a_run_that_waits_for_a_person_is_not_forgotten_however_many_come_after(rig, monkeypatch):
    monkeypatch.setattr("customer_sync.store.runs.KEPT_RUNS", 3)
    unsubscribe_everyone(rig)
    braked = rig.finish(rig.start())

    for n in range(5):
        later = start_by_itself(rig.puller, "shop", RunKind.INCREMENTAL, "schedule", Slot("pull:shop", n + 1))
        rig.store.runs.cancel(later)

    assert rig.read_run(braked).is_braked
    assert len(rig.store.runs.held(braked.id)) == 80
    assert len(rig.store.runs.recent(-1)) == 4


def test_an_incremental_run_reads_from_the_start_of_the_last_one_with_an_overlap(rig):
    rig.shop.add(5)
    first = rig.finish(rig.start())

    run = rig.start(RunKind.INCREMENTAL)
    rig.finish(run)

    assert run.kind is RunKind.INCREMENTAL
    assert run.since_ms == first.started_ms - 600_000
    assert to_ms(rig.shop.asked[-1].since) == run.since_ms


def test_a_dry_run_counts_and_sends_nothing(rig):
    rig.shop.add(25)

    run = rig.finish(rig.start(is_dry=True))

    assert run.state is RunState.DONE
    assert run.counts["creates"] == 25
    assert rig.brevo.calls == []
    assert rig.store.lanes.depth("contacts")[0] == 0
    assert rig.store.runs.reach("shop") == {}


def test_a_run_counts_what_its_contacts_need_beside_a_row_of_an_import(rig):
    yes = Consent(Channel.EMAIL, ConsentState.GRANTED, ago(3000), "shop", explicit=True)
    rig.shop.add(6)
    for n in (1, 2, 3):
        rig.shop.change(n, when=4000, phone=f"+3247012345{n}")
    for n in (3, 4):
        rig.shop.people[n].consents = (yes,)
    dry = rig.finish(rig.start(is_dry=True))
    first = rig.finish(rig.start())
    rig.shop.change(1, when=100, firstName="Renamed")
    rig.shop.change(2, when=100, phone="+32470999999")
    rig.shop.change(5, when=100, phone="+32470888888")
    rig.shop.change(6, when=100)
    rig.shop.people[6].consents = (yes,)
    rig.shop.change(3, when=100, firstName="On the list already")
    second = rig.finish(rig.start())

    names = ("creates", "phones", "joins", "updates", "phone_updates", "join_updates")
    assert [dry.counts[name] for name in names] == [first.counts[name] for name in names] == [6, 3, 2, 0, 0, 0]
    assert [second.counts[name] for name in names] == [0, 0, 0, 5, 2, 1]


def test_who_said_nothing_joins_the_lists_where_silence_counts_as_a_yes(rig):
    rig.rules = replace(rig.rules, missing={"shop": ConsentState.GRANTED})
    rig.shop.add(2)

    assert rig.finish(rig.start(is_dry=True)).counts["joins"] == 2


def test_a_source_has_one_run_at_a_time(rig):
    run = rig.start()

    with pytest.raises(Busy) as busy:
        rig.start()

    assert busy.value.run.id == run.id


def test_a_run_goes_on_at_its_cursor_after_its_worker_was_killed(rig):
    rig.shop.add(35)
    run = rig.start()
    step(rig.puller, run.id)
    step(rig.puller, run.id)
    asked = len(rig.shop.asked)

    rig.finish(run)  # another process: nothing but Redis is known to it

    assert [want.cursor for want in rig.shop.asked[asked:]] == [{"after": 20}, {"after": 30}]
    assert len(rig.brevo.contacts) == 35


def test_a_worker_that_was_taken_for_dead_changes_nothing(rig):
    rig.shop.add(35)
    run = rig.start()

    def overtaken():
        rig.shop.faults.clear()
        rig.client.delete(f"tajo:run:{run.id}:lease")
        step(rig.puller, run.id)  # somebody else reads the same page meanwhile

    rig.shop.faults.append(overtaken)
    step(rig.puller, run.id)

    assert rig.read_run(run).counts["read"] == 10
    assert rig.read_run(run).cursor == {"source": {"after": 10}}


def test_a_paused_run_reads_no_page_and_goes_on_where_it_was(rig):
    rig.shop.add(35)
    run = rig.start()
    step(rig.puller, run.id)

    assert rig.store.runs.pause(run)
    step(rig.puller, run.id)
    assert len(rig.shop.asked) == 1

    assert rig.store.runs.resume(run)
    assert rig.finish(run).state is RunState.DONE
    assert len(rig.brevo.contacts) == 35


def test_a_page_read_while_the_run_was_paused_is_read_again_later(rig):
    rig.shop.add(15)
    run = rig.start()
    rig.shop.faults.append(lambda: rig.store.runs.pause(run))

    step(rig.puller, run.id)

    assert rig.read_run(run).state is RunState.PAUSED
    assert rig.read_run(run).counts["read"] == 0
    assert rig.store.lanes.depth("contacts")[0] == 0


def test_a_cancelled_run_frees_its_source(rig):
    rig.shop.add(35)
    run = rig.start()
    step(rig.puller, run.id)

    assert rig.store.runs.cancel(run)

    assert rig.read_run(run).state is RunState.CANCELLED
    assert rig.start().id != run.id


def test_a_wrong_key_stops_the_run_with_the_remedy_and_its_cursor(rig):
    rig.shop.add(35)
    run = rig.start()
    step(rig.puller, run.id)
    rig.shop.faults.append(ConfigError("The token has expired.", "Make a new one."))

    step(rig.puller, run.id)

    stopped = rig.read_run(run)
    assert stopped.state is RunState.STOPPED
    assert stopped.reason == "The token has expired."
    assert "Make a new one." in stopped.remedy
    assert f"tajo runs resume {run.id}" in stopped.remedy
    assert stopped.cursor == {"source": {"after": 10}}
    assert any("The token has expired" in str(alert) for alert in rig.store.ledger.alerts())


def test_a_page_that_stays_broken_is_tried_again_and_then_stops_the_run(rig):
    rig.shop.add(35)
    run = rig.start()
    rig.shop.faults += [PayloadError("$", "the answer is not JSON")] * MAX_TRIES

    for _ in range(MAX_TRIES):
        assert rig.read_run(run).state is RunState.RUNNING
        step(rig.puller, run.id)
        rig.again(run)

    assert rig.read_run(run).state is RunState.STOPPED
    assert rig.store.runs.resume(run)
    assert rig.finish(run).state is RunState.DONE


def test_a_run_tells_at_its_end_what_put_its_pages_off_and_says_each_once(rig):
    rig.shop.add(35)
    run = rig.start()
    rig.shop.faults += [TryLater("the same page came twice"), TryLater("the same page came twice")]
    rig.shop.faults += [Unavailable("no answer"), TryLater("throttled", burns=False)]

    for _ in range(4):
        step(rig.puller, run.id)
        rig.again(run)

    assert rig.finish(run).notes == (
        "A page was put off: the same page came twice",
        "A page was put off: no answer",
    )


@pytest.mark.parametrize("error", [TryLater("throttled", after_s=5, burns=False), Unavailable("no answer")])
def test_a_source_that_is_busy_or_away_is_asked_again_later(rig, error):
    rig.shop.add(5)
    run = rig.start()
    rig.shop.faults.append(error)

    step(rig.puller, run.id)
    waiting = rig.read_run(run)
    step(rig.puller, run.id)

    assert waiting.state is RunState.RUNNING
    assert waiting.due_ms > waiting.updated_ms
    assert len(rig.shop.asked) == 1, "it must not be asked before its time"
    rig.again(run)
    assert rig.finish(run).state is RunState.DONE


def test_a_record_that_cannot_be_understood_is_counted_and_told_and_harms_no_other(rig):
    rig.shop.add(5)
    rig.shop.change(3, email="no address at all")

    run = rig.finish(rig.start())

    assert run.counts["refused"] == 1
    assert len(rig.brevo.contacts) == 4
    assert "email" in run.notes[0]


def test_no_page_is_read_while_the_lane_is_full(rig, monkeypatch):
    monkeypatch.setattr("customer_sync.batch.runs.HIGH_WATER", 15)
    rig.shop.add(50)
    run = rig.start()

    for _ in range(5):
        step(rig.puller, run.id)

    assert len(rig.shop.asked) == 2
    assert rig.finish(run).counts["read"] in {20, 50}


# the brake ----------------------------------------------------------------------------------------------------------


def unsubscribe_everyone(rig, count=80):
    rig.shop.add(count)
    rig.finish(rig.start())
    for n in range(1, count + 1):
        rig.shop.withdraw(n)


def test_a_run_that_would_block_too_many_stops_before_the_first_is_sent(rig):
    unsubscribe_everyone(rig)
    rig.shop.add(5, first=81)

    run = rig.finish(rig.start())
    rig.deliver()

    assert run.state is RunState.STOPPED
    assert run.is_braked
    assert "80 blocks" in run.reason
    assert "80 of them can still be mailed" in run.reason
    assert f"tajo runs resume {run.id} --force" in run.remedy
    assert not any(contact.blocked for contact in rig.brevo.contacts.values())
    assert "c85@example.com" in rig.brevo.contacts, "what harms nobody goes on"


def test_a_run_that_would_harm_few_sends_all_when_it_has_read_everything(rig):
    unsubscribe_everyone(rig, 40)
    run = rig.start()
    for _ in range(4):
        step(rig.puller, run.id)
    rig.deliver()
    assert not any(contact.blocked for contact in rig.brevo.contacts.values())

    run = rig.finish(run)

    assert run.state is RunState.DONE
    assert all(contact.blocked for contact in rig.brevo.contacts.values())
    assert run.counts["held"] == 0
    assert rig.store.runs.held(run.id) == []


def test_a_stopped_run_sends_what_it_held_back_once_the_brake_is_off_although_workers_die(rig, monkeypatch):
    monkeypatch.setattr("customer_sync.batch.runs.PART", 7)
    unsubscribe_everyone(rig)
    run = rig.finish(rig.start())
    rig.store.runs.resume(run, is_forced=True)

    for _ in range(3):
        monkeypatch.setattr("customer_sync.batch.runs.commit", killed_in_between(rig, run))
        with pytest.raises(Killed):
            step(rig.puller, run.id)
        monkeypatch.undo()
        monkeypatch.setattr("customer_sync.batch.runs.PART", 7)
        step(rig.puller, run.id)

    assert rig.finish(run).state is RunState.DONE
    assert all(contact.blocked for contact in rig.brevo.contacts.values())
    assert rig.read_run(run).counts["sent"] == 80


class Killed(BaseException):
    """The worker is gone, in the middle of a step."""


def killed_in_between(rig, run):
    """A worker that is killed just before it commits a part."""

    def die(*_):
        rig.client.delete(f"tajo:run:{run.id}:lease")
        raise Killed

    return die


def test_of_a_cancelled_run_nothing_that_it_held_back_is_sent(rig):
    unsubscribe_everyone(rig)
    run = rig.finish(rig.start())

    rig.store.runs.cancel(run)
    rig.deliver()

    assert not any(contact.blocked for contact in rig.brevo.contacts.values())
    assert rig.store.runs.held(run.id) == []


def test_what_a_cancelled_incremental_run_held_back_is_found_again_by_the_next_one(rig):
    unsubscribe_everyone(rig)
    run = rig.finish(rig.start(RunKind.INCREMENTAL))
    assert run.is_braked
    assert rig.store.runs.reach("shop")["until_ms"] == run.started_ms, "what it read is safe with it"
    rig.store.runs.cancel(run)
    assert rig.store.runs.reach("shop")["until_ms"] == run.since_ms

    again = rig.finish(rig.start(RunKind.INCREMENTAL))

    assert again.counts["blocks"] == 80


def unsubscribed_while_nobody_read(rig):
    """Everyone left 2,000 s ago, and the last run was 3,000 s ago: beyond the overlap of a run that begins now."""
    unsubscribe_everyone(rig)
    for n in rig.shop.people:
        rig.shop.withdraw(n, when=2000)
    rig.client.hset(keys.reach("shop", "customers"), "until_ms", to_ms(ago(3000)))


@pytest.mark.parametrize("forced", [False, True])
def test_what_a_resumed_incremental_run_still_holds_when_it_is_cancelled_is_found_again(rig, forced, monkeypatch):
    monkeypatch.setattr("customer_sync.batch.runs.PART", 7)
    unsubscribed_while_nobody_read(rig)
    run = rig.finish(rig.start(RunKind.INCREMENTAL))
    rig.store.runs.resume(run, is_forced=forced)
    if forced:
        step(rig.puller, run.id)
        rig.deliver()

    rig.store.runs.cancel(rig.read_run(run))
    again = rig.finish(rig.start(RunKind.INCREMENTAL))

    assert again.counts["blocks"] == (73 if forced else 80)


def test_a_run_that_the_brake_stops_just_before_it_is_cancelled_loses_nothing(rig):
    unsubscribed_while_nobody_read(rig)
    seen = rig.start(RunKind.INCREMENTAL)
    rig.finish(seen)

    rig.store.runs.cancel(seen)

    assert rig.finish(rig.start(RunKind.INCREMENTAL)).counts["blocks"] == 80


def hindered(rig, fault, times):
    """A run whose first page, with one withdrawal, was read, and whose second page fails so often."""
    rig.shop.add(25)
    rig.finish(rig.start())
    rig.shop.withdraw(1)
    run = rig.start()
    step(rig.puller, run.id)
    rig.shop.faults += [fault] * times
    for _ in range(times):
        rig.again(run)
        step(rig.puller, run.id)
    rig.deliver()
    return rig.read_run(run)


@pytest.mark.parametrize(
    ("fault", "times", "state"),
    [
        (PayloadError("$", "the answer is not JSON"), MAX_TRIES, RunState.STOPPED),
        (ConfigError("The token has expired.", "Make a new one."), 1, RunState.STOPPED),
        (Unavailable("no answer"), LET_GO_TRIES, RunState.RUNNING),
    ],
)
def test_a_withdrawal_waits_for_no_page_that_keeps_failing(rig, fault, times, state):
    run = hindered(rig, fault, times)

    assert run.state is state
    assert run.counts["held"] == 0
    assert rig.brevo.contacts["c1@example.com"].blocked


def test_a_withdrawal_does_not_wait_until_a_long_run_finds_room_for_its_next_page(rig, monkeypatch):
    rig.shop.add(25)
    rig.finish(rig.start())
    for n in range(2, 11):
        rig.shop.change(n, firstName="Other")
    rig.shop.withdraw(1)
    monkeypatch.setattr("customer_sync.batch.runs.HIGH_WATER", 5)
    run = rig.start()

    for _ in range(3):
        step(rig.puller, run.id)

    assert rig.read_run(run).counts["read"] == 10
    [item] = rig.store.lanes.take("contacts", 1).items
    assert item.priority is Priority.URGENT


def test_what_is_held_back_is_decided_at_once_however_much_waits(rig, monkeypatch):
    unsubscribe_everyone(rig)
    rig.shop.add(10, first=81)
    monkeypatch.setattr("customer_sync.batch.runs.HIGH_WATER", 5)
    run = rig.start()

    for _ in range(12):
        step(rig.puller, run.id)

    assert rig.read_run(run).is_braked


def test_a_page_that_fails_once_lets_go_of_nothing(rig):
    run = hindered(rig, Unavailable("no answer"), 1)

    assert run.counts["held"] == 1


def test_what_was_let_go_counts_for_the_brake_and_is_not_said_to_be_held(rig, monkeypatch):
    run = hindered(rig, Unavailable("no answer"), LET_GO_TRIES)
    monkeypatch.setattr("customer_sync.batch.held.BRAKE_PEOPLE", 1)
    rig.shop.withdraw(12)
    rig.again(run)

    run = rig.finish(run)

    assert run.is_braked
    assert "would harm 2 contacts" in run.reason
    assert "1 of them can still be mailed" in run.reason
    assert "Nothing" not in run.reason


def test_a_withdrawal_by_webhook_passes_while_the_brake_holds_those_of_a_run(rig):
    unsubscribe_everyone(rig)
    rig.finish(rig.start())

    rig.send(rig.sources["shop"].event(3))
    rig.settle()

    assert [email for email, contact in rig.brevo.contacts.items() if contact.blocked] == ["c3@example.com"]


def test_of_two_runs_that_read_everything_the_newer_keeps_what_both_hold_back(rig):
    unsubscribe_everyone(rig)
    older = rig.finish(rig.start())
    newer = start_by_itself(rig.puller, "shop", RunKind.COMPARE, "schedule", Slot("compare:shop", 1))
    assert newer is not None

    newer = rig.finish(newer)

    assert newer.is_braked
    replaced = rig.read_run(older)
    assert (replaced.state, replaced.reason) == (
        RunState.CANCELLED,
        f"Run {newer.id} holds the same changes back.",
    )


def test_an_erased_person_is_forgotten_in_what_a_run_holds_back(rig):
    unsubscribe_everyone(rig)
    run = rig.finish(rig.start())

    forget_traces(rig.store, rig.sources, whom(rig.store, "c7@example.com"))

    assert len(rig.store.runs.held(run.id)) == rig.read_run(run).counts["held"] == 79
    assert not any("c7@example.com" in text for text in rig.store.runs.held(run.id))
    rig.store.runs.resume(run, is_forced=True)
    assert rig.finish(run).state is RunState.DONE


def test_a_run_that_holds_very_much_back_stops_before_it_has_read_everything(rig, monkeypatch):
    monkeypatch.setattr("customer_sync.batch.runs.MOST_HELD", 55)
    unsubscribe_everyone(rig)
    asked = len(rig.shop.asked)

    run = rig.finish(rig.start())

    assert run.is_braked
    assert len(rig.shop.asked) == asked + 6
    rig.store.runs.resume(run, is_forced=True)
    assert rig.finish(run).state is RunState.DONE
    assert all(contact.blocked for contact in rig.brevo.contacts.values())


def test_a_second_source_that_would_block_the_contacts_of_the_first_is_braked(rig):
    unsubscribe_everyone(rig)
    for n in range(1, 81):  # the same people under the ids of another shop
        rig.shop.people[n + 1000] = rig.shop.people.pop(n)

    run = rig.finish(rig.start())

    assert run.is_braked
    assert "80 blocks" in run.reason


def test_a_dry_run_warns_of_the_brake_once(rig):
    unsubscribe_everyone(rig)

    run = rig.finish(rig.start(is_dry=True))

    assert [note for note in run.notes if "would harm" in note] == [
        "The run would harm 80 contacts (80 blocks, 0 unlists, 0 deletes, 0 empties); without force 50 are allowed."
    ]


def test_force_takes_the_brake_off(rig):
    unsubscribe_everyone(rig)
    run = rig.finish(rig.start())

    rig.store.runs.resume(run, is_forced=True)

    assert rig.finish(run).state is RunState.DONE
    assert all(contact.blocked for contact in rig.brevo.contacts.values())


def test_a_first_sync_of_people_who_said_no_is_no_harm(rig):
    rig.shop.add(80)
    for n in range(1, 81):
        rig.shop.withdraw(n)

    run = rig.finish(rig.start())

    assert run.state is RunState.DONE
    assert all(contact.blocked for contact in rig.brevo.contacts.values())


def test_a_first_sync_of_people_who_said_no_goes_behind_live_work(rig):
    rig.shop.add(2)
    rig.shop.withdraw(1)
    run = rig.start()

    step(rig.puller, run.id)

    assert rig.store.lanes.take("contacts", 10, which="live").state == "empty"


def test_who_withdrew_and_can_be_mailed_goes_before_live_work(rig):
    rig.shop.add(2)
    rig.finish(rig.start())
    rig.shop.withdraw(1)
    run = rig.start()

    step(rig.puller, run.id)
    step(rig.puller, run.id)

    [item] = rig.store.lanes.take("contacts", 10, which="live").items
    assert item.priority is Priority.URGENT


def test_emptied_fields_count_as_harm(rig):
    rig.shop.add(60)
    rig.finish(rig.start())
    for n in range(1, 61):
        rig.shop.change(n, firstName="")

    run = rig.finish(rig.start(is_dry=True))

    assert run.counts["empties"] == 60
    assert any("60 empties" in note for note in run.notes)


def test_the_brake_counts_people_and_not_each_thing_that_becomes_of_them(rig):
    rig.shop.add(100)
    yes = Consent(Channel.EMAIL, ConsentState.GRANTED, ago(5000), "shop")
    for one in rig.shop.people.values():
        one.consents = (yes,)
    rig.finish(rig.start())
    for n in range(1, 41):
        del rig.shop.people[n]

    run = rig.finish(rig.start(RunKind.COMPARE))

    assert run.state is RunState.DONE
    assert (run.counts["harmed"], run.counts["blocks"], run.counts["unlists"]) == (40, 40, 40)


# the compare --------------------------------------------------------------------------------------------------------


def test_a_compare_finds_who_is_gone_and_asks_for_each_before_it_believes_so(rig):
    rig.shop.add(30)
    rig.finish(rig.start())
    del rig.shop.people[7]
    del rig.shop.people[30]

    run = rig.finish(rig.start(RunKind.COMPARE))

    assert run.state is RunState.DONE
    assert sorted(rig.shop.fetched) == ["30", "7"]
    assert run.counts["deletes"] + run.counts["blocks"] >= 2
    assert rig.brevo.contacts["c7@example.com"].blocked
    assert not rig.brevo.contacts["c8@example.com"].blocked


def test_nobody_is_taken_for_gone_where_the_platform_cannot_be_read_by_id(rig, monkeypatch):
    monkeypatch.setattr(PullableShop, "fetches", ())
    rig.shop.add(30)
    rig.finish(rig.start())
    del rig.shop.people[7]

    run = rig.finish(rig.start(RunKind.COMPARE))

    assert run.state is RunState.DONE
    assert any("cannot be read by id" in note for note in run.notes)
    assert not rig.brevo.contacts["c7@example.com"].blocked


def test_a_customer_missing_from_a_page_is_not_gone(rig):
    rig.shop.add(30)
    rig.finish(rig.start())
    hidden = rig.shop.people.pop(7)
    run = rig.start(RunKind.COMPARE)
    while "gone" not in (rig.read_run(run).cursor or {}):
        step(rig.puller, run.id)
    rig.shop.people[7] = hidden

    rig.finish(run)

    assert rig.shop.fetched == ["7"]
    assert not rig.brevo.contacts["c7@example.com"].blocked


def test_changes_made_while_webhooks_were_off_are_healed_by_the_next_incremental_run(rig):
    rig.shop.add(60)
    rig.finish(rig.start())
    for n in range(5, 55):
        rig.shop.change(n, firstName=f"Changed {n}")

    run = rig.finish(rig.start(RunKind.INCREMENTAL))

    assert run.counts["read"] == 50
    assert rig.brevo.contacts["c54@example.com"].attributes == {"FIRSTNAME": "Changed 54"}


def test_a_newer_webhook_wins_over_an_older_page(rig):
    rig.shop.add(3, when=1000)
    event = rig.sources["shop"].event(2)
    newer = event.__class__("w1", "shop", Kind.CUSTOMER_UPDATED, ago(5), "2", "2", {**event.record, "firstName": "New"})
    run = rig.start()
    rig.send(newer)
    rig.read()

    rig.finish(run)
    rig.settle()

    assert rig.brevo.contacts["c2@example.com"].attributes == {"FIRSTNAME": "New"}


def with_totals(rig):
    """The shop tells totals, too."""
    rig.line.skills = [CustomerSync(lambda _: {**MAPPING, "totalOrders": "ORDERS"})]
    totals = {"shop": totals_of({"totalOrders": "ORDERS"})}
    rig.rules = replace(rig.rules, totals=totals, attributes={**ATTRIBUTES, "ORDERS": "float"})


@pytest.mark.parametrize("kind", [RunKind.FULL, RunKind.COMPARE])
def test_totals_that_go_back_in_time_are_corrected(rig, kind):
    with_totals(rig)
    rig.shop.add(3)
    rig.shop.change(2, when=50, totalOrders=0)
    rig.finish(rig.start())
    rig.shop.change(2, when=90, totalOrders=1)  # the order is older than the visit that stamped the totals before

    run = rig.finish(rig.start(kind))
    again = rig.finish(rig.start(kind))

    assert rig.brevo.contacts["c2@example.com"].attributes["ORDERS"] == 1
    assert (run.counts["changed"], run.counts["disputed"]) == (1, 0)
    assert again.counts["unchanged"] == 3


def test_totals_that_were_told_after_the_run_began_are_left_alone(rig):
    with_totals(rig)
    rig.shop.add(1)
    rig.finish(rig.start())
    run = rig.start()

    def told_meanwhile():
        rig.send(Event("hook", "shop", Kind.CUSTOMER_UPDATED, ago(0), "1", "1", {"totalOrders": 7}))
        rig.settle()

    rig.shop.change(1, when=90, totalOrders=6)
    rig.tick()
    rig.shop.faults.append(told_meanwhile)
    run = rig.finish(run)

    assert rig.brevo.contacts["c1@example.com"].attributes["ORDERS"] == 7
    assert (run.counts["disputed"], run.differing) == (0, {})


def test_any_other_value_that_loses_by_its_time_is_counted_by_its_field(rig):
    with_totals(rig)
    rig.shop.add(3)
    rig.shop.change(2, when=50, firstName="Ann")
    rig.finish(rig.start())
    rig.shop.change(2, when=90, firstName="Zoe")

    run = rig.finish(rig.start(RunKind.COMPARE))
    drift = left_by_run([run], "shop")

    assert rig.brevo.contacts["c2@example.com"].attributes["FIRSTNAME"] == "Ann"
    assert (run.counts["disputed"], run.differing) == (1, {"FIRSTNAME": 1})
    assert (drift.customers, drift.differ, dict(drift.by_field)) == (3, 1, {"FIRSTNAME": 1})
    assert drift.in_sync == pytest.approx(2 / 3)


def test_an_older_withdrawal_is_never_moved_ahead_by_a_run(rig):
    with_totals(rig)
    rig.shop.add(1)
    yes = Consent(Channel.EMAIL, ConsentState.GRANTED, ago(50), "shop", explicit=True)
    rig.shop.people[1].consents = (yes,)
    rig.finish(rig.start())
    rig.shop.withdraw(1, when=90)

    rig.finish(rig.start())

    assert not rig.brevo.contacts["c1@example.com"].blocked


def test_a_withdrawal_that_loses_by_its_time_is_no_customer_in_sync(rig):
    rig.shop.add(2)
    yes = Consent(Channel.EMAIL, ConsentState.GRANTED, ago(50), "shop", explicit=True)
    rig.shop.people[1].consents = (yes,)
    rig.finish(rig.start())
    rig.shop.withdraw(1, when=90)

    run = rig.finish(rig.start(RunKind.COMPARE))
    drift = left_by_run([run], "shop")

    assert (drift.differ, dict(drift.by_field)) == (1, {"consent.email.withdrawn": 1})
    assert drift.in_sync == 0.5


# how long it takes ------------------------------------------------------------------------------------------------


def delivering(rig, *, waiting, measured_s_ago):
    """A run whose pages are read, with so much left when it was last looked, and settled something that long ago."""
    run = rig.start()
    rig.store.runs.move(run, (RunState.RUNNING,), RunState.DELIVERING)
    ago_ms = rig.clock() - measured_s_ago * 1000
    rig.client.hset(f"tajo:run:{run.id}", mapping={"lanes": "contacts", "waiting": waiting, "measured": ago_ms})
    return run


def test_while_an_import_settles_nothing_the_time_that_is_left_does_not_grow(rig, monkeypatch):
    run = delivering(rig, waiting=300, measured_s_ago=60)
    rig.client.hset(f"tajo:run:{run.id}", "rate", 30)
    monkeypatch.setattr(rig.store.runs, "left_to_deliver", lambda _: 300)

    for _ in range(20):
        rig.again(run)
        step(rig.puller, run.id)

    assert rig.read_run(run).left_s == 10


def test_the_rate_is_measured_from_one_settling_to_the_next(rig, monkeypatch):
    run = delivering(rig, waiting=10_000, measured_s_ago=10)
    monkeypatch.setattr(rig.store.runs, "left_to_deliver", lambda _: 5_000)

    step(rig.puller, run.id)

    assert rig.read_run(run).left_s == pytest.approx(10, rel=0.05)


def test_nobody_knows_how_long_it_takes_before_anything_was_settled(rig, monkeypatch):
    run = delivering(rig, waiting=0, measured_s_ago=0)
    rig.client.hset(f"tajo:run:{run.id}", "measured", 0)
    monkeypatch.setattr(rig.store.runs, "left_to_deliver", lambda _: 300)

    for _ in range(3):
        rig.again(run)
        step(rig.puller, run.id)

    assert rig.read_run(run).left_s is None
