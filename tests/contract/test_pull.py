"""Asks the same of every connector that can be pulled, against its own stand-in: everybody comes whatever goes wrong,
whoever is gone is known to be, webhooks are repaired, and a wrong key says so.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from functools import cache

import pytest

from customer_sync.errors import ConfigError, PayloadError, TryLater, Unavailable
from customer_sync.kit.fakes.faults import KINDS
from customer_sync.model import Event
from tests.contract.cases import PLATFORMS, REPO, assert_event_sound, connector_of
from tests.contract.trial import ADDRESS, Source, ids, is_listing, trial_of
from tests.stores.servers import store_server

TRIALS = {platform: trial for platform in PLATFORMS if (trial := trial_of(platform)) is not None}
MODES = [(platform, mode) for platform, trial in TRIALS.items() for mode in trial.modes]
#: What a fault is set to; the waits are as short as they can be.
OPTIONS = {"slow": {"delay_s": 0.1}, "drip": {"size": 2000, "delay_s": 0.001}, "status": {"status": 500}}

every_platform = pytest.mark.parametrize("platform", TRIALS)
every_mode = pytest.mark.parametrize(("platform", "mode"), MODES, ids=lambda word: word)
pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def running():
    """Return a function that gives the stand-in of a platform; each is started once."""
    with ExitStack() as stack:

        @cache
        def start(platform):
            return stack.enter_context(store_server(platform, *TRIALS[platform].arguments))

        yield start


@pytest.fixture
def source(running, platform, monkeypatch):
    """A source of the platform, whose stand-in is as it was at the start."""
    shop = running(platform)
    shop.delete("/fake/faults")
    shop.post("/fake/reset")
    TRIALS[platform].prepare(monkeypatch)
    found = Source(platform, TRIALS[platform], shop)
    yield found
    found.http.close()  # a stand-in takes a limited number of connections


# everybody


@every_mode
def test_everybody_comes_in_several_pages_and_the_same_pull_again_brings_the_same(source, mode):
    wanted, since = source.wanted(mode)
    pages, again = list(source.pages(since)), list(source.pages(since))
    events = [one for page in pages for one in page.events]

    assert len(wanted) >= 3
    assert sum(bool(page.events) for page in pages) >= 3
    assert ids(pages) == wanted
    assert not [one for one in events if isinstance(one, PayloadError)]
    assert len({one.id for one in events}) >= len(wanted)
    assert ids(again) == wanted
    for event in events:
        assert_event_sound(event, "trial")


@every_platform
def test_an_incremental_pull_finds_who_was_edited_or_the_connector_says_that_it_does_not(source):
    edited, since = source.trial.edit(source.shop)

    assert (edited <= ids(list(source.pages(since)))) is source.process()[0].pulls_edits


@every_mode
@pytest.mark.parametrize("kind", KINDS)
def test_everybody_comes_whatever_goes_wrong_at_the_first_call_and_at_a_later_one(source, mode, kind):
    wanted, since = source.wanted(mode)
    for skip in (0, 2):
        source.fault(kind, skip=skip, **OPTIONS.get(kind, {}))
    found = ids(list(source.pages(since)))

    if not is_listing(kind) or kind not in source.trial.unplayed.get(mode, ()):
        assert source.happened(kind) == 2, "the stand-in did not play it"
    assert found >= wanted if kind not in source.trial.unseen else found <= wanted
    if mode == "full":
        assert found <= wanted, "somebody was made up"


@every_platform
def test_what_cannot_be_seen_is_made_up_for_by_the_next_pull_and_told_in_the_readme(platform, source):
    assert all(is_listing(kind) for kind in source.trial.unseen)
    text = (REPO / "connectors" / platform / "README.md").read_text(encoding="utf-8")
    wanted = source.trial.everybody(source.shop)
    for kind, why in source.trial.unseen.items():
        assert why in text
        source.fault(kind)
        list(source.pages())
    source.shop.delete("/fake/faults")

    assert ids(list(source.pages())) == wanted


@every_mode
def test_a_pull_goes_on_from_any_cursor_in_any_process(source, mode):
    wanted, since = source.wanted(mode)
    pages = list(source.pages(since))
    for number, page in enumerate(pages[:-1]):
        rest = list(source.pages(since, json.loads(json.dumps(page.cursor))))
        assert ids(pages[: number + 1]) | ids(rest) == wanted
        if ids(pages[number + 1 :]) - ids(pages[: number + 1]):
            assert ids(rest) >= ids(pages[number + 1 :]) - ids(pages[: number + 1])
        assert len([one for one in rest if one.events]) <= len([one for one in pages[number + 1 :] if one.events]) + 1


@every_mode
def test_the_same_cursor_again_brings_the_same_people(source, mode):
    _, since = source.wanted(mode)
    cursor = None
    for page in source.pages(since):
        assert ids(source.page(cursor, since)) == ids(page)
        cursor = page.cursor


@every_mode
def test_nobody_is_passed_over_because_others_come_and_go_meanwhile(source, mode):
    wanted, since = source.wanted(mode)
    found, gone = [], set()
    for page in source.pages(since):
        found.append(page)
        seen = sorted(ids(found) - gone)
        if page.events and seen and len(gone) < 3:
            gone.add(seen[0])
            source.trial.delete(source.shop, seen[0])
            source.trial.create(source.shop)

    assert gone
    assert ids(found) >= wanted


# by id


def reads_by_id(platform):
    """Tell whether a platform's customers can be read by id; where they cannot, its README says so."""
    if "customers" in connector_of(platform).fetches:
        return True
    assert "cannot be read by id" in (REPO / "connectors" / platform / "README.md").read_text(encoding="utf-8")
    return False


@every_platform
def test_who_is_gone_is_absent_and_all_others_are_as_they_were_pulled(platform, source):
    if not reads_by_id(platform):
        return
    everybody = sorted(source.trial.everybody(source.shop))
    gone, there = everybody[1], [everybody[0], *everybody[2:6]]
    source.trial.delete(source.shop, gone)
    connector, access = source.process()
    fetched = {one.record_id: one for one in connector.fetch("customers", [gone, *there], access)}
    pulled = {}
    for page in source.pages():
        for event in page.events:
            if event.record_id in there:
                pulled.setdefault(event.record_id, {}).update(event.record)

    assert sorted(fetched) == sorted(there)
    assert gone not in pulled
    for record_id, event in fetched.items():
        assert event.record.get("email") == pulled[record_id].get("email")
        assert_event_sound(event, "trial")


@every_platform
def test_a_fetch_that_fails_takes_nobody_for_gone(platform, source):
    if not reads_by_id(platform):
        return
    there = sorted(source.trial.everybody(source.shop))[:3]
    for kind in ("status", "storm", "html", "cut", "broken"):
        source.fault(kind)
        connector, access = source.process()
        with pytest.raises((TryLater, Unavailable, ConfigError)):
            connector.fetch("customers", there, access)
    assert {one.record_id for one in source.process()[0].fetch("customers", there, source.process()[1])} == set(there)


@every_platform
def test_what_is_no_id_of_the_platform_is_no_reason_to_fail(platform, source):
    if not reads_by_id(platform):
        return
    there = min(source.trial.everybody(source.shop))
    connector, access = source.process()
    found = connector.fetch("customers", ["no id", there, "ann@example.com"], access)

    assert {one.record_id for one in found if isinstance(one, Event)} == {there}


@every_platform
def test_who_has_an_address_is_found_nobody_else_is_and_a_failure_finds_no_nobody(platform, source):
    connector, access = source.process()
    if not connector.finds_customers:
        with pytest.raises(ConfigError, match="cannot be asked"):
            connector.find("ann@example.com", access)
        return
    with_address = (one for page in source.pages() for one in page.events if isinstance(one.record.get("email"), str))
    someone = next(with_address)
    found = connector.find(someone.record["email"], access)

    assert someone.record_id in {one.record_id for one in found}
    assert {one.record["email"] for one in found} == {someone.record["email"]}
    assert connector.find("nobody.at.all@example.com", access) == []
    for kind in ("status", "html", "broken"):
        source.fault(kind)
        with pytest.raises((TryLater, Unavailable)):  # anything else lets the deletion count
            connector.find(someone.record["email"], source.process()[1])


# webhooks


def ensure(source, address=ADDRESS):
    connector, access = source.process()
    return connector.ensure_webhooks(address, access)


@every_platform
def test_webhooks_are_made_once_and_kept(source):
    first = ensure(source)
    there = sorted(source.trial.webhooks(source.shop))
    second = ensure(source)

    assert first.was_deaf
    assert (first.failed, first.kept) == ({}, ())
    assert [topic for topic, _ in there] == sorted(first.created)
    assert {address for _, address in there} == {ADDRESS}
    assert set(first.created) <= set(source.process()[0].topics)
    assert not second.was_deaf
    assert sorted(second.kept) == sorted(first.created)
    assert sorted(source.trial.webhooks(source.shop)) == there


@every_platform
def test_a_webhook_that_is_not_well_is_repaired(source):
    topics = ensure(source).created
    there = sorted(source.trial.webhooks(source.shop))

    assert "missing" in source.trial.spoils
    for what, spoil in source.trial.spoils.items():
        for topic in (topics[0], topics[-1]):
            spoil(source.shop, topic)
            assert sorted(source.trial.webhooks(source.shop)) != there, what
            found = ensure(source)
            assert {*found.created, *found.repaired} == {topic}, what
            assert found.was_deaf
            assert not found.failed
            assert sorted(source.trial.webhooks(source.shop)) == there, what


@every_platform
def test_webhooks_follow_to_a_new_address(source):
    topics = ensure(source, ADDRESS.replace(":9/", ":7/")).created
    found = ensure(source)

    assert {*found.created, *found.repaired} == set(topics)
    assert sorted(source.trial.webhooks(source.shop)) == sorted((topic, ADDRESS) for topic in topics)


#: Of another program, and of a second installation on the same account, whose sources have the same names.
@pytest.mark.parametrize("path", ["/another/program", "/webhooks/trial"])
@every_platform
def test_webhooks_of_others_are_left_alone(source, path):
    topic = ensure(source).created[0]
    other = (topic, f"http://127.0.0.1:8{path}")
    source.trial.add_webhook(source.shop, *other)
    ensure(source)

    assert other in source.trial.webhooks(source.shop)


@every_platform
def test_a_second_installation_on_the_same_account_makes_webhooks_of_its_own(source):
    there = ensure(source)
    ours = source.trial.webhooks(source.shop)
    if not source.trial.has_room_for_two:
        pytest.skip("one place for webhooks, whoever asks: the README says so")
    second = Source(source.platform, source.trial, source.shop, (f"{source.trial.secrets[0]}2",))
    found = ensure(second, ADDRESS.replace(":9/", ":7/"))

    assert (sorted(found.created), found.failed) == (sorted(there.created), {})
    assert set(ours) <= set(source.trial.webhooks(source.shop))


# keys and the doctor


@every_platform
def test_the_doctor_is_content_with_a_source_that_is_well(source):
    ensure(source)
    connector, access = source.process()
    found = connector.check(access)

    assert found
    assert [(one.name, one.cause) for one in found if one.verdict == "fail"] == []


@every_platform
def test_a_wrong_key_says_so_with_its_remedy_and_is_not_shown(source):
    assert source.trial.wrong_keys
    for what, wrong in source.trial.wrong_keys.items():
        connector, access = source.process(**wrong)
        failed = [one for one in connector.check(access) if one.verdict == "fail"]
        assert failed, what
        assert all(one.fix.strip() for one in failed), what
        told = " ".join(" ".join(one) for one in failed)
        secrets = [str(value) for value in wrong.values() if value and value != source.trial.options.get(value)]
        assert not [value for value in secrets if value in told], what


@every_platform
@pytest.mark.parametrize("kind", ["down", "storm", "status", "html", "broken", "cut", "unauthorized", "scope"])
def test_the_doctor_finds_what_is_wrong_and_never_fails_itself(source, kind):
    source.fault(kind, count=None, **OPTIONS.get(kind, {}))
    connector, access = source.process()
    found = connector.check(access)

    assert [one for one in found if one.verdict == "fail"]
    assert all(one.fix.strip() for one in found if one.verdict == "fail")
