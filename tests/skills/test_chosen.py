"""A skill acts where it is enabled and hears what `sync:` allows; a fault in one costs the others nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from customer_sync.assembly import skills_of
from customer_sync.config import SourceSync
from customer_sync.engine.plan import Says
from customer_sync.errors import MappingError
from customer_sync.loading import load_settings
from customer_sync.model import Channel, Consent, ConsentState, Event, Kind
from customer_sync.operate.broken import tell_broken
from customer_sync.reading import Read, Reader
from tests.own_skills import add_skill
from tests.rig import Rig

AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
ANN = "ann@example.com"
NO = Consent(Channel.EMAIL, ConsentState.WITHDRAWN, AT, "shop", explicit=True)
TOLD = {"email": ANN, "customer": {"email": ANN, "firstName": "Ann"}}


def settings(home, text="", **sync):
    file = home / "tajo.yaml"
    file.write_text(f"connectors: {{shop: {{platform: woocommerce, webhook_secret: s}}}}\nskills: {{{text}}}\n")
    found = load_settings(file, {})
    return replace(found, source_sync={"shop": SourceSync(sync)}) if sync else found


def event(kind, *consents, source="shop"):
    return Event("e1", source, kind, AT, "7", "7", TOLD, consents)


def steps(found, one):
    (skill,) = [skill for skill in skills_of(found) if skill.name == "customer-sync"]
    return skill.intent(one).steps


#: A kind → the resource that it is of.
KINDS = {Kind.CUSTOMER_UPDATED: "customers", Kind.CONSENT_CHANGED: "customers", Kind.ORDER_PLACED: "orders"}


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_source_does_not_sync_no_skill_hears(tmp_path, kind):
    assert steps(settings(tmp_path), event(kind))
    assert not steps(settings(tmp_path, **{KINDS[kind]: False}), event(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_a_withdrawal_is_heard_whatever_a_source_syncs(tmp_path, kind):
    found = settings(tmp_path, customers=False, orders=False)
    heard = [one for one in steps(found, event(kind, NO)) if isinstance(one, Says)]

    assert [one.consents for one in heard if one.consents] == [(NO,)]
    assert all(one.who.only_known and not one.fields for one in heard)


@pytest.mark.parametrize("kind", [Kind.CUSTOMER_DELETED, Kind.CUSTOMER_ERASED])
def test_a_deletion_is_heard_whatever_a_source_syncs(tmp_path, kind):
    assert steps(settings(tmp_path, customers=False), event(kind))


def test_what_brevo_tells_is_heard_whatever_a_source_syncs(tmp_path):
    assert steps(settings(tmp_path, customers=False), event(Kind.CONSENT_CHANGED, NO, source="brevo"))


@pytest.mark.parametrize("text", ["customer-sync: {enabled: false}", ""])
def test_who_unsubscribes_in_brevo_is_heard_of_though_every_skill_is_off(tmp_path, text):
    assert steps(settings(tmp_path, text), event(Kind.CONSENT_CHANGED, NO, source="brevo"))


@pytest.mark.parametrize(("text", "count"), [("odd: {}", 1), ("", 0), ("odd: {enabled: false}", 0)])
def test_what_brevo_tells_is_heard_by_a_skill_that_is_on_and_by_no_other(tmp_path, text, count):
    merges = "from customer_sync.engine.plan import Merge; return Intent([Merge('shop', 'a', 'b', 0)])"
    add_skill(tmp_path, "odd", body=merges)
    (odd,) = [skill for skill in skills_of(settings(tmp_path, text)) if skill.name == "odd"]

    assert len(odd.intent(event(Kind.CONSENT_CHANGED, NO, source="brevo")).steps) == count


def test_runs_read_records_again_when_what_is_synced_changed(tmp_path):
    def terms(found):
        return [skill.terms("shop") for skill in skills_of(found)]

    assert terms(settings(tmp_path)) == terms(settings(tmp_path))
    assert terms(settings(tmp_path)) != terms(settings(tmp_path, orders=False))


#: What the `intent` of a user's skill does.
FAULTY = "raise RuntimeError(event.record['email'])"
UNFIT = "from customer_sync.errors import MappingError; raise MappingError('total', 'a text')"


def plan(rig, found, one):
    reader = Reader(rig.store, {}, skills_of(found), rig.store.now_ms())
    return reader.plan(one, AT, Read("shop", None))


@pytest.fixture
def rig(client):
    return Rig(client)


def test_a_fault_in_one_skill_parks_its_part_and_the_others_are_done(rig, tmp_path, capsys):
    add_skill(tmp_path, "odd", body=FAULTY)
    planned, fault = plan(rig, settings(tmp_path, "odd: {}"), event(Kind.ORDER_PLACED))

    assert planned.groups
    assert str(fault) == "$: a fault in the skill odd: RuntimeError"
    assert ANN not in capsys.readouterr().err


def test_a_skill_that_is_off_costs_nothing_however_faulty_it_is(rig, tmp_path):
    add_skill(tmp_path, "odd", body=FAULTY)

    assert plan(rig, settings(tmp_path), event(Kind.ORDER_PLACED))[1] is None


def test_a_record_that_fits_one_skill_and_not_another_is_done_by_the_one(rig, tmp_path):
    add_skill(
        tmp_path, "odd", body="from customer_sync.errors import MappingError; raise MappingError('total', 'a text')"
    )
    planned, fault = plan(rig, settings(tmp_path, "odd: {}"), event(Kind.ORDER_PLACED))

    assert planned.groups
    assert str(fault) == "total: a text"


def test_a_record_that_fits_no_skill_is_parked_whole(rig, tmp_path):
    add_skill(
        tmp_path, "odd", body="from customer_sync.errors import MappingError; raise MappingError('total', 'a text')"
    )
    with pytest.raises(MappingError):
        plan(rig, settings(tmp_path, "odd: {}"), event(Kind.PRODUCT_UPDATED))


#: What a file holds → why it cannot be used.
UNUSABLE = {
    "1 / 0": "ZeroDivisionError: division by zero",
    "lambda settings: 1 / 0": "it cannot be made: ZeroDivisionError",
    "lambda settings: 3": "what it makes is no skill odd",
}


@pytest.mark.parametrize("made", UNUSABLE)
def test_a_skill_that_cannot_be_used_is_told_once_and_the_others_act(store, tmp_path, made):
    file = add_skill(tmp_path, "odd")
    file.write_text(file.read_text().replace("lambda settings: Own()", made) if "lambda" in made else made)
    found = settings(tmp_path, "odd: {}")
    for _ in range(3):
        tell_broken(found, store)

    names = [one.name for one in skills_of(found)]
    assert "customer-sync" in names
    assert "odd" not in names
    (told,) = [one for one in store.ledger.alerts() if "odd" in one["alert"]]
    assert told["alert"] == f"The skill odd cannot be used ({UNUSABLE[made]}): it does nothing."
