"""What was said of skills since the file was written: the newest word counts, whatever is lost or said at once."""

from __future__ import annotations

import threading

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_sync.store import keys
from customer_sync.store.scripts import Scripts
from customer_sync.store.skill_states import SkillState, SkillStates, read_state

SKILL = "customer-sync"
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = st.sampled_from(["enabled", "disabled", "file"])
CONFIGS = st.one_of(
    st.none(), st.fixed_dictionaries({"options": st.fixed_dictionaries({"list_id": st.integers(1, 9)})})
)


def state_of(states, name=SKILL):
    return read_state(states.read()[name])


def test_the_newest_word_counts_and_keeps_the_config_before_it(store):
    states = store.skill_states
    states.say(SKILL, "enabled", {"options": {"list_id": 5}})
    off = states.say(SKILL, "disabled")
    on = states.say(SKILL, "enabled")

    assert off == SkillState("disabled", off.at_ms, {"options": {"list_id": 5}})
    assert on == SkillState("enabled", on.at_ms, {"options": {"list_id": 5}}) == state_of(states)
    assert on.at_ms > off.at_ms


def test_what_is_taken_back_leaves_no_config_for_the_next_word(store):
    states = store.skill_states
    states.say(SKILL, "enabled", {"debug": True})
    states.say(SKILL, "file")

    assert states.say(SKILL, "enabled").config is None


def test_no_word_is_older_than_the_one_before_whatever_the_clock_did(store):
    store.client.hset(keys.SKILLS, SKILL, f"{9_000_000_000_000}|disabled|")

    assert store.skill_states.say(SKILL, "enabled").at_ms == 9_000_000_000_001


def test_a_form_of_a_newer_version_is_left_alone(store):
    store.client.hset(keys.SKILLS, SKILL, "5|paused|{}")

    assert read_state(store.skill_states.read()[SKILL]) is None
    assert read_state("5|enabled|{") is None


def test_what_redis_lost_is_written_back_and_a_newer_word_is_not_undone(store):
    states = store.skill_states
    states.say(SKILL, "enabled", {"debug": True})
    states.say("order-events", "enabled")
    known = states.read()
    store.client.delete(keys.SKILLS)
    newer = states.say("order-events", "disabled")

    merged = states.keep(known)

    assert read_state(merged[SKILL]).config == {"debug": True}
    assert read_state(merged["order-events"]) == newer
    assert merged == states.read()


def test_a_redis_that_was_put_back_to_an_older_day_hears_the_newer_word(store):
    states = store.skill_states
    states.say(SKILL, "enabled")
    older = states.read()
    states.say(SKILL, "disabled")
    newer = states.read()
    store.client.hset(keys.SKILLS, mapping=older)

    assert states.keep(newer) == newer
    assert states.keep(older) == newer


def test_of_many_words_at_once_one_holds_whole(store, redis_url):
    def say(number):
        states = SkillStates(store.client, Scripts(store.client))
        for turn in range(20):
            states.say(SKILL, "enabled", {"options": {"list_id": number}, "debug": turn % 2 == 0})

    threads = [threading.Thread(target=say, args=(number,)) for number in range(1, 5)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    found = state_of(store.skill_states)
    assert found.config["options"]["list_id"] in range(1, 5)
    assert set(found.config) == {"options", "debug"}


@given(said=st.lists(st.tuples(WORDS, CONFIGS), min_size=1, max_size=8))
@QUICK
def test_any_sequence_of_words_comes_to_the_last_one(store, said):
    store.client.delete(keys.SKILLS)
    config = None
    for word, given_config in said:
        store.skill_states.say(SKILL, word, given_config)
        config = None if word == "file" else given_config if given_config is not None else config

    found = state_of(store.skill_states)
    assert (found.word, found.config) == (said[-1][0], config)


@given(said=st.lists(st.tuples(st.booleans(), WORDS), min_size=1, max_size=10), lost=st.integers(0, 9))
@QUICK
def test_processes_that_know_different_words_agree_on_the_newest_in_any_order(store, said, lost):
    """Redis loses everything once; what two processes know is written back by both, in either order."""
    store.client.delete(keys.SKILLS)
    known = [{}, {}]
    newest = 0
    for number, (first, word) in enumerate(said):
        if number == lost:
            store.client.delete(keys.SKILLS)
            known = [store.skill_states.keep(one) for one in known]
        newest = store.skill_states.say(SKILL, word)
        known[0 if first else 1] = store.skill_states.read()
    store.client.delete(keys.SKILLS)

    for one in known:
        store.skill_states.keep(one)
    assert state_of(store.skill_states) == newest
