"""What closed doors cost, in calls, minutes and words."""

from __future__ import annotations

import pytest

from customer_sync.brevo.proof.doors import ALL_ROWS, DOORS, OPENING, REMEDY, Door, Doors
from customer_sync.brevo.proof.outlook import OutlookBook, Wanted, headline, look_ahead, wanted_of
from customer_sync.store.run import COUNTS, RunKind, RunState

NEVER = ("never_proven", "What imports do in this account was never proven.", REMEDY)
MILLION = Wanted(updates=1_000_000)


def doors(*opened: str, why: tuple[str, str, str] = NEVER, step: int = len(OPENING)) -> Doors:
    found = [Door(name, True, "open", "Seen.") if name in opened else Door(name, False, *why) for name in DOORS]
    return Doors(*found, most_rows=OPENING[step] if step < len(OPENING) else ALL_ROWS, step=step)


def told(wanted: Wanted, found: Doors, rate: float | None = 10.0) -> list[str]:
    return look_ahead(wanted, found, rate).sentences


def test_phones_after_an_import_are_a_call_each_and_a_proof_may_save_them():
    outlook = look_ahead(Wanted(creates=50_000, phones=41_000), doors(), 10.0)

    assert outlook.sentences == [
        (
            "phones: about 41,000 calls, 1 h 8 min, one for each contact after the import. What imports do in this "
            "account was never proven. `tajo brevo prove` can make it none: they go along in imports, if the proof is "
            "passed."
        )
    ]
    assert (outlook.calls, outlook.costs[0].seconds) == (41_010, 4_100)


def test_a_million_changed_contacts_are_hours_singly_and_minutes_in_imports():
    (closed,), (open_,) = look_ahead(MILLION, doors(), 10.0).costs, look_ahead(MILLION, doors("updates"), 10.0).costs

    assert (closed.calls, closed.seconds) == (1_000_000, 100_000)
    assert "about 1,000,000 calls, 27 h 46 min" in closed.text
    assert "`tajo brevo prove` can make it about 17 min 4 s" in closed.text
    assert open_.calls == 2_200
    assert open_.text == "updates: about 2,200 calls, 13 min 40 s, in imports."


def test_what_a_proof_promises_counts_the_small_imports_that_come_first():
    (first,) = look_ahead(MILLION, doors("updates", step=0), 10.0).costs

    assert first.proven_calls == look_ahead(MILLION, doors(), 10.0).costs[0].proven_calls == 3_340
    assert "The next import takes 10 contacts at most" in first.text


@pytest.mark.parametrize(
    "why",
    [
        ("failed", "This account's imports lift blocks.", ""),
        ("consent_groups", "The account has consent groups, which no import can be trusted with.", REMEDY),
    ],
)
def test_nothing_is_promised_where_the_account_is_so(why):
    outlook = look_ahead(Wanted(10_000, 10_000, 10_000, 10_000), doors(why=why), 10.0)

    assert [one.text.endswith(f"It stays so: {why[1]}") for one in outlook.costs] == [True] * 3
    assert not any("prove" in text for text in outlook.sentences)
    assert [one["proven_calls"] for one in outlook.to_json()["doors"]] == [None] * 3


def test_a_door_that_a_canary_closed_says_what_was_seen_and_promises_no_time():
    (text,) = told(MILLION, doors(why=("flipped", "Canary A is not blocked any more.", REMEDY)))

    assert text.endswith(f"Canary A is not blocked any more. {REMEDY}")
    assert "can make it" not in text


def test_a_contact_that_is_written_singly_takes_its_phone_and_lists_along():
    wanted = Wanted(updates=5_000, phone_updates=4_000, join_updates=3_000)

    assert [one.door.name for one in look_ahead(wanted, doors(), 10.0).costs] == ["updates"]
    assert [(one.door.name, one.calls) for one in look_ahead(wanted, doors("updates"), 10.0).costs] == [
        ("updates", 20),
        ("phones", 4_000),
        ("lists", 20),
    ]


def test_what_goes_along_in_imports_takes_no_calls():
    outlook = look_ahead(Wanted(creates=50_000, phones=41_000, joins=30_000), doors("phones", "lists"), 10.0)

    assert outlook.calls == 10
    assert outlook.sentences == [
        f"{name}: no calls of their own; they go along in the imports." for name in ("phones", "lists")
    ]


def test_whom_imports_update_joins_by_calls_whatever_was_proven():
    wanted, opened = Wanted(creates=1, joins=300, updates=5_000, join_updates=3_000), doors("updates", "lists")

    assert [one.calls for one in look_ahead(wanted, opened, 10.0).costs if one.door.name == "lists"] == [20]
    assert "lists: about 20 calls, 2 s, one for 150 contacts that imports update." in told(wanted, opened)


def test_a_proof_that_saves_less_than_a_minute_is_not_mentioned():
    assert told(Wanted(creates=10, phones=10, joins=10), doors()) == [
        "phones: about 10 calls, 1 s, one for each contact after the import.",
        "lists: about 1 call, 1 s, one for 150 contacts.",
    ]
    assert "prove" not in told(Wanted(updates=500), doors())[0]


def test_few_contacts_are_never_told_to_take_more_calls_in_imports_than_singly():
    (cost,) = look_ahead(Wanted(updates=3), doors("updates"), 10.0).costs

    assert (cost.calls, cost.seconds) == (3, 0.3)


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (10.0, "about 6,000 calls to Brevo, about 10 min 0 s (at 10 calls a second)"),
        (
            None,
            (
                "about 6,000 calls to Brevo, about 10 min 0 s "
                "(at 10 calls a second, which is assumed until Brevo tells its limit)"
            ),
        ),
        (0.0, "about 6,000 calls to Brevo, which has no limit here"),
    ],
)
def test_the_total_says_by_which_limit_it_counts(rate, words):
    outlook = look_ahead(Wanted(updates=6_000), doors(), rate)

    assert outlook.total == words
    assert (outlook.seconds, outlook.is_assumed) == (None if rate == 0 else 600, rate is None)


def test_every_number_comes_from_a_count_of_runs():
    assert wanted_of({name: n for n, name in enumerate(Wanted._fields, 1)}) == Wanted(1, 2, 3, 4, 5, 6)
    assert set(Wanted._fields) <= set(COUNTS)


def test_a_run_tells_its_outlook_in_its_own_tense(store):
    run = store.runs.start("lumen", RunKind.FULL)
    store.runs.count(run.id, {"updates": 600})
    book = OutlookBook(doors, store.limits)
    said = []
    for state in (RunState.DELIVERING, RunState.DONE):
        store.runs.move(store.runs.read(run.id), (RunState.RUNNING, RunState.DELIVERING), state)
        now = store.runs.read(run.id)
        said.append(headline(now, book.of(now)).partition(" about ")[0])
    dry = store.runs.start("lumen", RunKind.FULL, is_dry=True)
    store.runs.count(dry.id, {"updates": 600})
    store.runs.move(dry, (RunState.RUNNING,), RunState.DONE)
    dry = store.runs.read(dry.id)

    assert said == ["What is counted so far takes", "With these doors a run with so much to send takes"]
    assert headline(dry, book.of(dry)).startswith("What it counted takes about 600 calls to Brevo")


def test_a_run_that_changes_nobody_or_was_cancelled_has_no_outlook(store):
    book = OutlookBook(doors, store.limits)
    run = store.runs.start("lumen", RunKind.FULL)
    empty = book.of(run)
    store.runs.count(run.id, {"updates": 600})
    store.runs.cancel(run)

    assert empty is None
    assert book.of(store.runs.read(run.id)) is None
