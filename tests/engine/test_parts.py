"""What a worker works with, put together again when something was said of a skill: no work is stopped, none is lost."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_sync import assembly
from customer_sync.brevo.contacts.contact_plan import make_plan
from customer_sync.brevo.rules import rules_of
from customer_sync.config import Settings, SkillSettings
from customer_sync.kit.connector import SourceSettings
from customer_sync.model import Inbound
from customer_sync.operate.refresh import person_now
from customer_sync.operate.settings_book import SettingsBook
from customer_sync.pipeline import accept, process_inbox
from customer_sync.skills.found import definitions
from customer_sync.store import keys
from customer_sync.worker.parts import Parts

SKILL = "customer-sync"
ALL = {name: SkillSettings(name, one.is_on) for name, one in definitions().items()}
WRITTEN = Settings(sources={"shop": SourceSettings("shop", "api", ("secret",))}, skills=ALL)
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def parts(client, tmp_path):
    return Parts(WRITTEN, lambda: client, lambda _: None, tmp_path)


def told(line, email, **data):
    body = {"event": "customer_updated", "data": {"email": email, **data}}
    accept(line, Inbound("shop", {}, json.dumps(body).encode(), datetime.now(UTC)))


def read(line):
    while process_inbox(line):
        pass


def person(line, email):
    """All that is known of a person, with what waits."""
    return person_now(line.store, line.store.people.find(email))


def attributes(line, email):
    return {name for record in person(line, email).records.values() for name in record.state if name.isupper()}


def test_what_was_said_before_a_process_began_holds_from_its_first_step(parts, store):
    store.skill_states.say(SKILL, "enabled", {"field_mapping": {"firstName": "NICK"}})

    line = parts.line()
    told(line, "ann@example.com", firstName="Ann")
    read(line)

    assert attributes(line, "ann@example.com") == {"NICK"}
    assert parts.settings.skills[SKILL].field_mapping == {"firstName": "NICK"}


def test_a_word_replaces_all_parts_and_a_step_under_way_ends_as_it_began(parts, store):
    before, puller, prover = parts.line(), parts.puller(), parts.prover()
    assert not parts.renew()

    store.skill_states.say(SKILL, "enabled", {"field_mapping": {"firstName": "NICK"}, "options": {"list_id": 5}})
    assert parts.renew()
    after = parts.line()

    assert (after.store, after.keeper, after.committer) == (before.store, before.keeper, before.committer)
    assert parts.puller() is not puller
    assert parts.puller().line is after
    assert parts.prover() is not prover
    told(before, "ann@example.com", firstName="Ann")
    read(before)
    told(after, "bea@example.com", firstName="Bea")
    read(after)
    assert attributes(after, "ann@example.com") == {"FIRSTNAME"}
    assert attributes(after, "bea@example.com") == {"NICK"}
    assert not parts.renew()


def test_a_skill_that_is_off_leaves_events_alone_and_back_on_it_acts(parts, store):
    parts.line()
    store.skill_states.say(SKILL, "disabled")
    parts.renew()
    told(parts.line(), "ann@example.com", firstName="Ann")
    read(parts.line())
    assert store.people.find("ann@example.com") is None

    store.skill_states.say(SKILL, "file")
    assert parts.renew()
    assert parts.settings == WRITTEN
    told(parts.line(), "ann@example.com", firstName="Anna")
    read(parts.line())
    assert store.people.find("ann@example.com")


def test_what_fails_while_parts_are_made_is_made_the_next_time(parts, store, monkeypatch):
    before = parts.line()
    store.skill_states.say(SKILL, "disabled")

    def fail(*_, **__):
        raise redis.ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(assembly, "open_line", fail)
        with pytest.raises(redis.ConnectionError):
            parts.renew()
    assert parts.line() is before
    assert parts.settings is WRITTEN

    assert parts.renew()
    assert not parts.settings.skills[SKILL].enabled


def test_redis_that_was_emptied_hears_again_what_a_process_knows(parts, store):
    store.skill_states.say(SKILL, "disabled")
    parts.line()
    store.client.delete(keys.SKILLS)

    assert not parts.renew()

    assert store.skill_states.read()
    assert not parts.settings.skills[SKILL].enabled


def test_a_word_that_is_not_understood_is_told_once_and_leaves_the_file_alone(store, caplog):
    store.client.hset(keys.SKILLS, SKILL, "5|paused|{}")
    book = SettingsBook(WRITTEN)

    with caplog.at_level(logging.ERROR):
        assert not any(book.tend(store.skill_states) for _ in range(3))

    assert book.settings == WRITTEN
    assert [one.facts["skill"] for one in caplog.records if "not understood" in one.getMessage()] == [SKILL]


@pytest.mark.parametrize("agrees", [None, False, True])
def test_another_list_joins_nobody_who_did_not_agree(parts, store, agrees):
    line = parts.line()
    told(line, "ann@example.com", **({} if agrees is None else {"acceptsMarketing": agrees}))
    read(line)

    store.skill_states.say(SKILL, "enabled", {"options": {"list_id": 5}})
    parts.renew()
    rules = rules_of(parts.settings)
    plan = make_plan(person(line, "ann@example.com"), rules, store.now_ms())

    assert rules.lists["shop"] == rules.lists["api"] == (5,)
    assert plan.desired.lists == ((5,) if agrees else ())
    assert plan.desired.blocked is (True if agrees is False else None)


WORDS = st.one_of(
    st.tuples(
        st.just("enabled"), st.sampled_from([None, {"options": {"list_id": 5}}, {"field_mapping": {"city": "C"}}])
    ),
    st.tuples(st.sampled_from(["disabled", "file"]), st.none()),
)


@given(said=st.lists(st.tuples(WORDS, st.booleans()), min_size=1, max_size=6))
@QUICK
def test_whatever_is_said_and_heard_in_between_the_end_is_that_of_the_last_word(store, said):
    store.client.delete(keys.SKILLS)
    one, other = SettingsBook(WRITTEN), SettingsBook(WRITTEN)
    config, word = None, "file"
    for (word, given_config), is_heard in said:
        store.skill_states.say(SKILL, word, given_config)
        config = None if word == "file" else given_config or config
        if is_heard:
            one.tend(store.skill_states)
    one.tend(store.skill_states)
    other.tend(store.skill_states)

    found = one.settings.skills[SKILL]
    assert one.settings == other.settings
    assert found.enabled is (word != "disabled")
    assert dict(found.options) == ({"list_ids": (5,)} if config and "options" in config else {})
    assert one.settings.written == WRITTEN
