"""The rest of what others reported of HubSpot, through the whole line and through runs: H1, H4, H5, H7."""

from __future__ import annotations

from itertools import permutations

import pytest

from connectors.hubspot import pull
from connectors.hubspot.fake.settings import CLIENT_ID, TOKEN
from connectors.hubspot.tests import line as lines
from connectors.hubspot.tests.line import Line
from customer_sync import assembly
from customer_sync.batch.runs import step
from customer_sync.batch.starts import start
from customer_sync.errors import Unavailable
from customer_sync.kit.oauth import CONNECTION
from customer_sync.operate.explain import explain
from customer_sync.platforms.accesses import Accesses
from customer_sync.store.run import RunKind, RunState
from tests.conftest import client, redis_url  # noqa: F401  # fixtures of an empty Redis

ANA = "ana@example.com"
WON = {"dealstage": "closedwon", "hs_is_closed_won": "true", "hs_is_closed": "true", "deal_currency_code": "EUR"}


@pytest.fixture
def line(client, tmp_path, monkeypatch):  # noqa: F811  # the fixture
    found = Line(client, tmp_path, monkeypatch, shuffle=False)
    yield found
    found.house.sandbox.close()


def written(line):
    """Return the calls that change something in Brevo."""
    return [path for method, path in line.house.http.calls if method != "GET"]


def test_h1_a_run_that_is_killed_at_the_limit_resumes_and_deals_that_are_the_same_cost_no_call(line, monkeypatch):
    monkeypatch.setattr(pull, "SEARCH_PAGE", 10)
    house = line.house
    line.person(101, email=ANA, lastname="Old")
    for number in range(35):
        deal = line.act("POST", "deals", dealname=f"D{number}", amount="10", **WON)["id"]
        line.act("POST", "ties", deal=deal, contact=101, labels=["deal_to_contact"])
    line.hear()
    house.pass_time(minutes=10)
    assert len(house.orders) == 35
    house.store.runs.set_reach("hub", "orders", until_ms=house.now_ms() - 30_000)
    line.act("POST", "touch", kind="deals", count=35, properties={"pipeline": "edited"})
    line.fake.sender.drop(None)
    house.pass_time(minutes=2)
    line.act("POST", "faults", kind="secondly", skip=2, path="*/deals/search", count=1)
    calls = len(written(line))
    number = start(
        assembly.open_puller(house.settings, house.line, house._folder), "hub", RunKind.INCREMENTAL, resource="orders"
    ).id
    seen = []
    for _ in range(40):  # each step by a process of its own, as after a kill
        house.line = house.another()
        step(assembly.open_puller(house.settings, house.line, house._folder), number)
        run = house.store.runs.read(number)
        seen.append((run.counts["read"], run.reason))
        if run.state is not RunState.RUNNING:
            break
        house.pass_time(seconds=5)

    assert run.state is RunState.DELIVERING, run.reason
    assert run.counts["read"] == 35
    assert [count for count, _ in seen] == sorted(count for count, _ in seen)
    assert any("more slowly" in reason for _, reason in seen)
    house.pass_time(minutes=5)
    assert len(written(line)) == calls


def test_h4_who_leaves_in_brevo_by_an_additional_address_is_opted_out_there_for_it_alone(line):
    line.person(100, email="d@example.com", hs_additional_emails="aa@example.com", lastname="Dea")
    line.person(101, email="b@example.com", hs_additional_emails="a@example.com;c@example.com", lastname="Bea")
    line.house.brevo("POST", "/contacts", {"email": "a@example.com", "listIds": [2]})
    line.house.pass_time(minutes=5)
    line.leave("a@example.com")
    line.house.pass_time(minutes=5)

    assert line.statuses("a@example.com") == {"UNSUBSCRIBED"}
    assert line.statuses("b@example.com") == line.statuses("c@example.com") == {"NOT_SPECIFIED"}
    assert line.seen("b@example.com")[1:] == ([2], False)
    assert set(line.house.contacts) == {"a@example.com", "b@example.com", "d@example.com"}
    assert line.statuses("aa@example.com") == line.statuses("d@example.com") == {"NOT_SPECIFIED"}


@pytest.mark.parametrize("repeats", ["word", "error"])
def test_h5_an_opt_out_whose_answer_was_lost_is_done_and_counted_once(line, repeats, monkeypatch):
    line.fake.settings.repeats = repeats
    line.person(101, email=ANA, lastname="Old")
    line.house.pass_time(minutes=5)
    real, lost = line.send, []

    def send(method, url, **more):
        reply = real(method, url, **more)
        if "unsubscribe" in url and method == "POST" and not lost:
            lost.append(url)
            raise Unavailable("the connection broke off")
        return reply

    monkeypatch.setattr(line, "send", send)
    line.leave(ANA)
    line.house.pass_time(minutes=30)

    assert lost
    assert line.statuses(ANA) == {"UNSUBSCRIBED"}
    assert line.house.store.lanes.depth("writeback:hub")[0] == 0
    assert counted(line) in ({"unchanged": 1}, {"written": 1})


def counted(line):
    """Return how often each result of write-backs was counted."""
    found = line.house.store.counters.read()
    return {one.labels["result"]: int(one.value) for one in found if one.name == "tajo_writebacks_total"}


def test_our_own_opt_out_that_comes_back_with_hubspots_time_is_told_as_written_and_decides_nothing(line):
    line.person(101, email=ANA, lastname="Old")
    line.house.pass_time(minutes=5)
    # it is away for a moment, so that its own time of the opt-out is a later one
    line.act("POST", "faults", kind="secondly", path="*unsubscribe-all*", count=1)
    line.leave(ANA)
    line.house.pass_time(minutes=30)
    settings = line.house.settings
    before = explain(line.house.store, settings, ANA).write_backs

    line.hear()
    found = explain(line.house.store, settings, ANA)
    email = found.consents[0]

    assert [(one.source, one.state) for one in before] == [("hub", "written")]
    assert found.write_backs == before
    assert ("withdrawn", "hub", "hs_email_optout") in {(one.register, one.source, one.method) for one in email.losing}
    assert email.evidence is not None
    assert (email.evidence.source, email.evidence.method) == ("brevo", "brevo:unsubscribed")


def test_h5_an_opt_out_that_needs_a_legal_basis_stays_open_and_somebody_is_told(
    client,  # noqa: F811  # the fixture
    tmp_path,
    monkeypatch,
):
    monkeypatch.setattr(
        lines, "CONFIG", lines.CONFIG.replace("opt_in_property", 'subscription_type: "5001", opt_in_property')
    )
    line = Line(client, tmp_path, monkeypatch, shuffle=False, privacy=True)
    line.person(101, email=ANA, lastname="Old")
    line.house.pass_time(minutes=5)
    line.leave(ANA)
    line.house.pass_time(minutes=30)

    assert "UNSUBSCRIBED" not in line.statuses(ANA)
    (told,) = explain(line.house.store, line.house.settings, ANA).write_backs
    assert (told.state, told.is_open) == ("waits", True)
    alerts = [one for one in line.house.store.ledger.alerts() if "legal basis" in one["alert"]]
    assert "legal_basis" in alerts[0]["remedy"]
    assert counted(line) == {}
    line.house.sandbox.close()


@pytest.mark.parametrize("order", list(permutations(((102, ["deal_to_contact", "Buyer"]), (101, ["deal_to_contact"])))))
def test_h7_the_amount_of_a_deal_counts_for_one_person_the_same_at_each_read(line, order):
    line.person(101, email=ANA, lastname="Old")
    line.person(102, email="ben@example.com", lastname="Ben")
    deal = line.act("POST", "deals", dealname="Lamp", amount="500", **WON)["id"]
    for contact, labels in order:
        line.act("POST", "ties", deal=deal, contact=contact, labels=labels)
    line.hear()
    line.house.pass_time(minutes=5)
    for name in ("Lamp 2", "Lamp 3"):
        line.act("PATCH", f"deals/{deal}", dealname=name)
        line.hear()
        line.house.pass_time(minutes=5)

        assert line.house.totals("ben@example.com") == (1, 500)
        assert line.house.totals(ANA) in ((None, None), (0, 0))


def test_h4_who_is_no_contact_at_all_is_looked_for_once_and_nobody_is_opted_out(line):
    line.person(101, email="b@example.com", hs_additional_emails="ba@example.com", lastname="Bea")
    line.house.brevo("POST", "/contacts", {"email": "a@example.com", "listIds": [2]})
    line.leave("a@example.com")
    line.house.pass_time(hours=30)

    assert line.statuses("b@example.com") == line.statuses("ba@example.com") == {"NOT_SPECIFIED"}
    assert counted(line) == {"gone": 1}
    keys = line.house._client.keys("tajo:*writeback:hub*")
    assert not [one for one in keys if b"example" in one]


def test_h6_a_run_whose_token_ends_between_contact_and_deal_calls_goes_on_and_reads_nothing_twice(
    client,  # noqa: F811  # the fixture
    tmp_path,
    monkeypatch,
):
    keys = f"client_id: {CLIENT_ID}, "
    monkeypatch.setattr(lines, "CONFIG", lines.CONFIG.replace(f"access_token: {TOKEN}, ", keys))
    line = Line(client, tmp_path, monkeypatch, customers=3, deals=8)
    house = line.house
    token = line.fake.tokens.pair(line.fake.settings.scopes)
    vault = Accesses(house.settings, house.store, house._folder, house.now_ms).vault("hub")
    with vault.locked():
        ends = {"expires_at_s": house.time.now_s + 1800, "renew_at_s": house.time.now_s + 1440}
        own = {"kind": CONNECTION, "client_id": CLIENT_ID, "access_token": token.value, "refresh_token": token.refresh}
        vault.save({**own, **ends})
    line.act("POST", "faults", kind="unauthorized", path="*/associations/*", count=1)
    puller = assembly.open_puller(house.settings, house.line, house._folder)
    number = start(puller, "hub", RunKind.FULL, resource="orders").id
    for _ in range(20):
        step(puller, number)
        run = house.store.runs.read(number)
        if run.state is not RunState.RUNNING:
            break
        house.pass_time(seconds=5)

    assert run.state in (RunState.DELIVERING, RunState.DONE), run.reason
    assert run.counts["read"] == 8
    assert line.fake.tokens.given["refresh_token"] == 1
    assert vault.load()["access_token"] != token.value
    house.sandbox.close()
