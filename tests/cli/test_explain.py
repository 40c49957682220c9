"""One person, explained."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from customer_sync.config import Settings, SkillSettings, SourceSync
from customer_sync.engine.plan import Planned, Request, Says, Who, commit
from customer_sync.engine.planner import Planner
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.outbound import Reply
from customer_sync.model import Channel, Consent, ConsentState, Event, Kind, to_iso, to_ms
from customer_sync.operate.erasure import request_erasure
from customer_sync.operate.explain import explain
from customer_sync.operate.nobody import nobody
from customer_sync.pipeline import process_inbox
from customer_sync.store.breaker import Pause
from customer_sync.store.parked import Parked, encode
from customer_sync.store.run import RunKind
from tests.rig import NOW, Rig, at

JANE = "jane@example.com"


@pytest.fixture
def rig(client):
    return Rig(client)


def settings(**options):
    platforms = {"shop": "shopify", "woo": "woocommerce"}
    return Settings(
        sources={name: SourceSettings(name, platform) for name, platform in platforms.items()},
        source_sync={name: SourceSync({}, options={"list_ids": (2,)} | options) for name in platforms},
        skills={"customer-sync": SkillSettings("customer-sync", enabled=True)},
    )


def told(rig, email=JANE, **options):
    rig.store.set_note("attributes", {"at": 0, "found": {"FIRSTNAME": "text", "CITY": "text", "SMS": "text"}})
    return explain(rig.store, settings(**options), email)


def customer(event_id="c1", *, when=-100, source="shop", consents=(), **record):
    return Event(event_id, source, Kind.CUSTOMER_UPDATED, at(when), "7", "7", {"email": JANE} | record, tuple(consents))


def consent(state, when, *, explicit=True, method="form", channel=Channel.EMAIL):
    return Consent(channel, state, at(when), method, explicit)


GRANTED, WITHDRAWN, UNKNOWN = ConsentState.GRANTED, ConsentState.WITHDRAWN, ConsentState.UNKNOWN


def values(found):
    return {one.field: one for one in found.values}


def email_consent(found):
    return next(one for one in found.consents if one.channel == "email")


def test_nobody_is_known_by_an_address_that_never_came(rig):
    found = told(rig)

    assert (found.person, found.erased_at_ms, found.values) == (None, None, ())


def test_each_value_has_its_source_its_time_and_its_event(rig):
    occurred_at = datetime.now(UTC) - timedelta(minutes=1)  # the history's own times are Redis' clock
    rig.send(replace(customer(firstName="Jane"), occurred_at=occurred_at), received=datetime.now(UTC))
    rig.settle()

    value = values(told(rig))["FIRSTNAME"]

    assert value == ("FIRSTNAME", "Jane", "shop", to_ms(occurred_at), "c1", False)


def test_the_address_is_no_value_it_is_the_person(rig):
    rig.send(customer())
    rig.settle()

    found = told(rig)

    assert found.address == JANE
    assert set(values(found)) == {"status"}


def test_an_event_is_named_only_where_no_other_can_have_brought_the_value(rig):
    now = datetime.now(UTC)
    rig.send(replace(customer("c1", firstName="Jane"), occurred_at=now - timedelta(minutes=2)), received=now)
    rig.send(replace(customer("c2", city="Ghent"), occurred_at=now - timedelta(minutes=1)), received=now)
    rig.settle()

    assert values(told(rig))["FIRSTNAME"].event is None


def test_an_event_that_was_read_before_a_value_was_set_did_not_bring_it(rig):
    rig.send(customer("c1"))
    rig.settle()
    rig.tick()
    # a run leaves no row in the history
    now, planner = datetime.now(UTC), Planner(rig.store.people, rig.store.now_ms())
    steps = [Says(Who("shop", now, id="7"), {"FIRSTNAME": "Jane"})]
    commit(rig.store, [Request("", [Planned(planner.groups(steps, [], now))])], rig.woken.append)
    rig.deliver()

    assert values(told(rig))["FIRSTNAME"].event is None


def test_a_value_that_waits_names_the_event_that_brings_it(rig):
    rig.send(customer("c1", firstName="Jane"))
    rig.settle()
    rig.send(customer("c2", when=-10, firstName="Janet"))
    rig.read()

    value = values(told(rig))["FIRSTNAME"]

    assert (value.value, value.event, value.waits) == ("Janet", "c2", True)


def test_a_value_that_an_order_told_of_a_customer_has_the_time_of_the_order(rig):
    order = {"email": JANE, "firstName": "Jane"}
    rig.send(Event("o1", "shop", Kind.ORDER_PLACED, at(-10), "o1", "7", {"id": "o1", "email": JANE, "customer": order}))
    rig.settle()

    found = told(rig)

    assert values(found)["FIRSTNAME"].at_ms == to_ms(at(-10))
    assert found.to_json()["values"]


def test_a_value_of_an_older_event_that_waits_does_not_wait(rig):
    rig.send(customer("c1", when=-10, firstName="Jane"))
    rig.settle()
    rig.send(customer("c0", when=-50, firstName="Old"))
    rig.read()

    value = values(told(rig))["FIRSTNAME"]

    assert (value.value, value.waits) == ("Jane", False)


@pytest.mark.parametrize(
    ("consents", "state", "register", "why", "losing"),
    [
        ([], "unknown", None, "never a yes", []),
        ([consent(GRANTED, -9, explicit=False)], "granted", "stated", "no act of the person", []),
        ([consent(GRANTED, -9)], "granted", "granted", "newest explicit opt-in", []),
        ([consent(WITHDRAWN, -9)], "withdrawn", "withdrawn", "only a newer explicit opt-in", []),
        (
            [consent(WITHDRAWN, -9), consent(GRANTED, -5, explicit=False)],
            "withdrawn",
            "withdrawn",
            "A ticked box does not",
            ["stated"],
        ),
        (
            [consent(WITHDRAWN, -5), consent(GRANTED, -9)],
            "withdrawn",
            "withdrawn",
            "newer than the withdrawal",
            ["granted"],
        ),
        (
            [consent(WITHDRAWN, -9), consent(GRANTED, -5)],
            "granted",
            "granted",
            "newer than the withdrawal",
            ["withdrawn"],
        ),
        (
            [consent(GRANTED, -9), consent(UNKNOWN, -5, explicit=False)],
            "unknown",
            "stated",
            "no longer holds",
            ["granted"],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_consent_tells_the_evidence_that_decides_and_what_lost(  # noqa: PLR0917  the parts of one row
    rig, consents, state, register, why, losing
):
    rig.send(customer(consents=consents))
    rig.settle()

    found = email_consent(told(rig))

    assert found.state == state
    assert (found.evidence.register if found.evidence else None) == register
    assert why in found.why
    assert [one.register for one in found.losing] == losing


def test_evidence_tells_source_time_and_method(rig):
    rig.send(customer(consents=[consent(WITHDRAWN, -9, method="newsletter_link")]))
    rig.settle()

    evidence = email_consent(told(rig)).evidence

    assert (evidence.source, evidence.at_ms, evidence.method) == ("shop", to_ms(at(-9)), "newsletter_link")


def test_missing_consent_granted_is_told_as_the_operators_choice(rig):
    rig.send(customer())
    rig.settle()

    found = email_consent(told(rig, missing_consent="granted"))

    assert (found.state, found.why) == ("granted", "Nothing is on record, and options.missing_consent says granted.")


def test_sms_is_a_channel_of_its_own(rig):
    rig.send(customer(consents=[consent(WITHDRAWN, -9, channel=Channel.SMS)]))
    rig.settle()

    assert {one.channel: one.state for one in told(rig).consents} == {"email": "unknown", "sms": "withdrawn"}


def test_what_is_left_out_has_its_reason(rig):
    rig.send(customer(lastName="Doe"))
    rig.settle()

    assert told(rig).refused == {"LASTNAME": "There is no such attribute in Brevo: `tajo attributes apply` makes it."}


def test_what_brevo_last_accepted_is_told(rig):
    rig.send(customer(consents=[consent(WITHDRAWN, -9)]))
    rig.settle()

    has = told(rig).brevo

    assert (has.email, has.blocked, has.lists, has.next, has.why) == (JANE, True, (), "none", "unchanged")


def test_changed_settings_are_told_as_the_reason_of_the_next_write(rig):
    rig.send(customer(consents=[consent(GRANTED, -9)]))
    rig.settle()

    has = told(rig, list_ids=(2, 3)).brevo

    assert (has.next, has.why) == ("write", "since the last delivery the settings changed")


def test_an_item_that_waits_is_told_with_its_tries_and_the_pause_of_its_lane(rig):
    rig.send(customer())
    rig.read()
    number = rig.store.people.find(JANE)
    rig.client.hset("tajo:tries:contacts", number, 3)
    rig.store.breakers.trip("contacts", Pause("unavailable", "Brevo answers 503.", "", 1))

    waiting = told(rig).waiting

    assert (waiting.changes, waiting.tries, waiting.paused) == (1, 3, "Brevo answers 503.")
    assert waiting.since_ms
    assert waiting.due_ms


def test_an_item_that_a_worker_holds_has_no_due_time(rig):
    rig.send(customer())
    rig.read()
    rig.store.lanes.take("contacts", 1)

    assert told(rig).waiting.due_ms is None


def test_nothing_waits_once_all_is_delivered(rig):
    rig.send(customer())
    rig.settle()

    assert told(rig).waiting is None


def test_the_records_that_lead_to_the_address_are_told(rig):
    rig.send(customer())
    rig.send(customer("w1", source="woo"))
    rig.settle()

    assert told(rig).links == (("shop", "7", "living"), ("woo", "7", "living"))


def test_a_customer_whose_address_another_one_has_now_and_one_that_was_deleted_are_told_as_such(rig):
    rig.send(customer())
    rig.send(Event("c2", "shop", Kind.CUSTOMER_UPDATED, at(-50), "8", "8", {"email": JANE}))
    rig.send(customer("w1", source="woo"))
    rig.send(Event("w2", "woo", Kind.CUSTOMER_DELETED, at(-50), "7", "7", {}))
    rig.settle()

    states = {(link.source, link.id): link.state for link in told(rig).links}
    assert states == {("shop", "8"): "living", ("shop", "7"): "displaced", ("woo", "7"): "deleted"}


def test_a_former_address_leads_to_the_person_and_says_so(rig):
    rig.send(customer())
    rig.send(Event("c2", "shop", Kind.CUSTOMER_UPDATED, at(-5), "7", "7", {"email": "new@example.com"}))
    rig.settle()

    assert told(rig).address == "new@example.com"


def test_the_last_events_are_told_newest_first(rig):
    rig.send(customer("c1"))
    rig.settle()
    rig.send(customer("c2", when=-5, city="Ghent"))
    rig.settle()

    assert [row.event_id for row in told(rig).events] == ["c2", "c1"]


def test_an_erased_person_is_a_time_and_nothing_else(rig):
    rig.send(customer())
    rig.settle()
    request_erasure(rig.store, JANE, NOW)
    rig.deliver()

    found = told(rig)

    assert found.erased_at_ms is not None
    assert found.person is None


def test_a_parked_item_of_the_person_is_named(rig):
    rig.send(customer())
    rig.read()
    rig.brevo.answers.append(Reply(402, {}, b"{}"))
    rig.deliver()
    other = Parked("p0", "item", "contacts", "why", "fix", "{}", target="0", at_ms=1)
    rig.client.hset("tajo:parked", "p0", encode(other))
    rig.client.zadd("tajo:parked:at", {"p0": 1})

    [theirs] = told(rig).parked
    assert rig.store.parked.get(theirs).target == rig.store.people.find(JANE)


def test_the_json_has_iso_times_and_no_milliseconds(rig):
    rig.send(customer(firstName="Jane", consents=[consent(WITHDRAWN, -9)]))
    rig.settle()

    facts = told(rig).to_json()

    first = next(one for one in facts["values"] if one["field"] == "FIRSTNAME")
    assert first["at"] == to_iso(to_ms(at(-100)))
    assert facts["erased_at"] is None
    assert facts["consents"][0]["evidence"]["at"] == to_iso(to_ms(at(-9)))
    assert facts["events"][0]["settled_at"].endswith("Z")
    assert facts["events"][0]["steps"][-1]["state"] == "delivered"
    assert "_ms" not in repr(facts)


# The command


def test_the_command_shows_everything_on_one_page(tajo, sandbox, store):
    tajo.send({"id": 7, "email": JANE, "first_name": "Jane", "billing": {"city": "Ghent"}})
    tajo.work()

    page = tajo("contacts", "explain", " Jane@Example.com ").stdout

    for words in (
        "woo: 7",
        "FIRSTNAME  Jane",
        "email: unknown",
        "accepted",
        "next: none (unchanged)",
        "customer_updated",
    ):
        assert words in page


def test_the_command_tells_in_plain_words_who_said_what_and_gives_no_time_to_what_has_none(tajo, sandbox):
    tajo.send(
        {"id": 7, "email": JANE, "meta_data": [{"id": 1, "key": "mailchimp_woocommerce_is_subscribed", "value": "0"}]}
    )
    tajo.work()

    page = tajo("contacts", "explain", JANE).stdout

    assert "decided by a withdrawal of 20" in page
    assert ", told by woo" in page
    assert "1970" not in page


def test_the_command_ends_with_code_5_for_nobody(tajo, sandbox):
    told = tajo("contacts", "explain", JANE, code=5)

    assert "Nobody with this address is known" in told.stderr


@pytest.mark.parametrize("how", [(), ("--json",)])
def test_while_a_source_is_read_nobody_is_known_yet(tajo, sandbox, store, how):
    run = store.runs.start("woo", RunKind.FULL)
    reading = tajo("contacts", "explain", JANE, *how, code=5).stderr
    store.runs.cancel(run)
    over = tajo("contacts", "explain", JANE, *how, code=5).stderr

    assert "Nobody with this address is known yet: woo is being read." in reading
    assert "tajo runs list" in reading
    assert "known yet" not in over


def test_a_dry_run_brings_nobody(store):
    store.runs.start("woo", RunKind.FULL, is_dry=True)

    assert nobody(store)[0] == "Nobody with this address is known."


def test_the_command_tells_nobody_in_json_too(tajo, sandbox):
    assert "Nobody with this address is known." in tajo("contacts", "explain", JANE, "--json", code=5).stderr


def test_the_command_tells_of_an_erasure(tajo, sandbox, store):
    request_erasure(store, JANE, NOW)
    tajo.work()

    assert "Erased at" in tajo("contacts", "explain", JANE).stdout


def test_the_command_shows_what_waits_and_what_is_left_out(tajo, sandbox, store):
    tajo.config.write_text(tajo.config.read_text().replace("city: CITY", "city: TOWN"))
    store.set_note("attributes", {"at": 0, "found": {}})
    tajo.send({"id": 7, "email": JANE, "billing": {"city": "Ghent"}})
    process_inbox(tajo.line())
    store.set_note("attributes", {"at": 0, "found": {}})

    page = tajo("contacts", "explain", JANE).stdout

    assert "TOWN: There is no such attribute" in page
    assert "1 change since" in page
    assert "no contact" in page


def test_the_command_names_what_is_parked(tajo, sandbox, store):
    tajo.send({"id": 7, "email": JANE})
    sandbox.fault("empty_error", status=402, path="/contacts", method="POST")
    tajo.work()

    [one] = store.parked.list()
    assert f"tajo parked show {one.id}" in tajo("contacts", "explain", JANE).stdout
