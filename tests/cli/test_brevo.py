"""`tajo brevo prove`: the wizard, its end, its state and its cleaning, by a clock that leaps over each wait."""

from __future__ import annotations

import pytest

from customer_sync.base.clock import system_clock
from customer_sync.brevo.proof.prover import Prover, cost_of
from customer_sync.cli import brevo as command
from customer_sync.store import keys
from customer_sync.store.run import RunKind
from tests.proof.rig import ADDRESS
from tests.sandbox_server import sandbox_server

PROVE = ("brevo", "prove")


class Leap:
    """A clock that goes on by what it is waited for."""

    def __init__(self) -> None:
        self.ahead_s = 0.0
        #: Done at each wait.
        self.meanwhile = lambda: None

    def __call__(self) -> int:
        return system_clock() + int(self.ahead_s * 1000)

    def sleep(self, seconds: float) -> None:
        self.meanwhile()
        self.ahead_s += seconds


@pytest.fixture
def leap(monkeypatch: pytest.MonkeyPatch, sandbox):
    made = Leap()
    real = command.open_prover
    monkeypatch.setattr(command, "open_prover", lambda settings, store: real(settings, store, made))
    book = command.DoorBook
    monkeypatch.setattr(command, "DoorBook", lambda settings, store, _: book(settings, store, made))
    monkeypatch.setattr(command, "sleep", lambda seconds: made.sleep(60 * seconds))
    sandbox.switch(import_delay_s=0, import_shared="refuse", import_untouched_lists="leave")
    return made


@pytest.fixture
def proven(tajo, leap):
    """A proof that was passed."""
    return tajo(*PROVE, "--address", ADDRESS, "--yes", "--weekly")


def test_the_wizard_shows_what_it_makes_and_asks_before_it_makes_anything(tajo, sandbox, leap):
    told = tajo(*PROVE, given=f"{ADDRESS}\ny\nn\n", code=1).stderr

    assert "me+tajo-a-0000@example.com" in told
    assert f"about {cost_of(('SMS',)).calls} calls and {cost_of(('SMS',)).minutes} minutes" in told
    assert sandbox.count("POST", "/contacts") == 0


def test_a_passed_proof_opens_the_doors_and_says_so(tajo, proven):
    assert "open    imports may change people who are in Brevo already" in proven.stdout
    assert "at most 10 rows" in proven.stdout
    assert "pass 3 of 3" in proven.stderr


def test_nobody_is_asked_to_click_who_did_not_ask_for_it(proven):
    assert "send a campaign" not in proven.stderr
    assert "your click" not in proven.stderr


def test_weekly_alone_speaks_of_the_proof_there_is(tajo, proven):
    off = tajo(*PROVE, "--no-weekly").stderr
    was = tajo.json(*PROVE, "--status")["weekly"]
    on = tajo(*PROVE, "--weekly").stderr

    assert "does not repeat the proof" in off
    assert "repeats the proof each week" in on
    assert (was, tajo.json(*PROVE, "--status")["weekly"]) == (False, True)
    assert len(tajo.json(*PROVE, "--status")["receipts"]) == 1


def test_the_click_is_explained_and_waited_for(tajo, sandbox, leap):
    def leave() -> None:
        for email, contact in sandbox.contacts().items():
            if "+tajo-f-" in email and not contact["listUnsubscribed"]:
                sandbox.act("leave_list", email, list_ids=[contact["listIds"][-1]])

    leap.meanwhile = leave
    told = tajo(*PROVE, "--address", ADDRESS, "--yes", "--with-click")

    assert "it holds only me+tajo-f-" in told.stderr
    assert tajo.json(*PROVE, "--status")["doors"]["covers_left"]


def test_what_is_told_of_its_cost_is_about_what_it_costs(tajo, proven):
    [receipt] = tajo.json(*PROVE, "--status")["receipts"]

    assert receipt["calls"] <= cost_of(("SMS",)).calls <= 1.3 * receipt["calls"]


def test_the_state_tells_what_the_newest_run_costs_with_these_doors(tajo, sandbox, leap, store):
    run = store.runs.start("shopify", RunKind.FULL)
    store.runs.count(run.id, {"creates": 50_000, "phones": 41_000})
    store.limits.learn("contacts", 10)
    closed = tajo(*PROVE, "--status").stdout
    told = tajo.json(*PROVE, "--status")["outlook"]
    store.limits.forget("contacts")  # the proof itself is not held up
    tajo(*PROVE, "--address", ADDRESS, "--yes")
    store.limits.learn("contacts", 10)
    opened = tajo(*PROVE, "--status").stdout

    assert f"Run {run.id} of shopify: What is counted so far takes about 41,010 calls to Brevo" in closed
    assert "  phones: about 41,000 calls, 1 h 8 min" in closed
    assert (told["run"], told["calls"]) == (run.id, 41_010)
    assert "  phones: no calls of their own; they go along in the imports." in opened


def test_the_state_tells_doors_receipts_and_no_address(tajo, proven, leap):
    told = tajo.json(*PROVE, "--status")

    assert told["doors"]["updates"]["why"] == "open"
    assert told["weekly"]
    assert told["receipts"][0]["passes"][0][0]["seen"]["A"] == "as expected"
    assert "example.com" not in str(told["receipts"])


def test_doors_that_stay_closed_end_with_one_and_say_why(tajo, sandbox, leap):
    sandbox.switch(import_blocks="lift_email")

    told = tajo(*PROVE, "--address", ADDRESS, "--yes", code=1)

    assert "closed  imports may change people who are in Brevo already: An import lifted the block" in told.stdout


def test_ctrl_c_leaves_it_resumable_and_says_so(tajo, sandbox, leap):
    def stop() -> None:
        raise KeyboardInterrupt

    leap.meanwhile = stop
    told = tajo(*PROVE, "--address", ADDRESS, "--yes", code=130)
    assert "`tajo brevo prove` goes on" in told.stderr
    assert tajo.json(*PROVE, "--status")["doors"]["updates"]["why"] == "never_proven"
    assert tajo.json(*PROVE, "--status")["under_way"]

    leap.meanwhile = lambda: None
    assert "open    imports may change" in tajo(*PROVE).stdout


def test_cleaning_removes_all_and_says_what(tajo, sandbox, proven):
    before = set(sandbox.contacts())

    told = tajo(*PROVE, "--clean", "--yes").stdout

    assert len(before) == cost_of(("SMS",)).contacts
    assert sandbox.contacts() == {}
    assert f"Removed: {len(before)} canaries, the list “Tajo proof" in told
    assert "the folder “Tajo”" in told
    assert tajo.json(*PROVE, "--status")["doors"]["updates"]["why"] == "never_proven"
    assert "Nothing of a proof" in tajo(*PROVE, "--clean", "--yes").stdout


def test_what_an_emptied_redis_does_not_know_goes_only_when_that_is_confirmed(tajo, sandbox, proven, store):
    before = sandbox.contacts()
    store.client.flushall()

    assert "that this Redis does not know" in tajo(*PROVE, "--clean", given="y\nn\n").stderr
    assert sandbox.contacts() == before
    tajo(*PROVE, "--clean", "--yes")
    assert sandbox.contacts() == {}


def test_what_another_tajo_made_stays(tajo, sandbox, proven, store):
    before = sandbox.contacts()
    store.client.set(keys.PROOF_OWNER, "other")

    assert "of another Tajo stay" in tajo(*PROVE, "--clean", "--yes").stdout
    assert sandbox.contacts() == before


@pytest.mark.parametrize("address", ["me", "me@", "me+tajo-a-0000@example.com", f"{'a' * 60}@example.com"])
def test_what_is_no_address_is_refused(tajo, leap, address):
    told = tajo(*PROVE, "--address", address, "--yes", code=2).stderr

    assert "no address of which plus-addresses can be made" in told


def test_a_second_proof_is_refused_while_one_is_under_way(tajo, sandbox, leap, monkeypatch):
    monkeypatch.setattr(Prover, "step", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    tajo(*PROVE, "--address", ADDRESS, "--yes", code=130)

    assert "under way already" in tajo(*PROVE, "--address", "you@example.com", "--yes", code=2).stderr


def test_without_an_address_nothing_begins(tajo, leap):
    assert "--address" in tajo(*PROVE, "--yes", code=2).stderr


def test_activate_says_where_ecommerce_is_on(tajo, sandbox):
    told = tajo("brevo", "activate").stdout

    assert told == "eCommerce is on, it counts in USD.\n"
    assert tajo.json("brevo", "activate") == {"is_on": True, "currency": "USD", "asked": False}
    assert sandbox.count("POST", "/ecommerce/activate") == 0


def test_activate_sets_the_currency_or_says_what_one_is(tajo, sandbox):
    told = tajo("brevo", "activate", "--currency", "eur").stdout
    wrong = tajo("brevo", "activate", "--currency", "EURO", code=1).stderr

    assert told == "eCommerce is on, it counts in EUR.\n"
    assert "ISO 4217" in wrong


def test_activate_switches_it_on_where_it_is_off(tajo):
    with sandbox_server("--no-ecommerce") as off:
        told = tajo("brevo", "activate", BREVO_API_URL=off.url, BREVO_API_KEY="k").stdout
        asked = off.count("POST", "/ecommerce/activate", 200)

    assert "about five minutes" in told
    assert asked == 1


def test_a_currency_that_cannot_be_set_yet_is_not_passed_over(tajo):
    with sandbox_server("--no-ecommerce") as off:
        told = tajo("brevo", "activate", "--currency", "EUR", BREVO_API_URL=off.url, BREVO_API_KEY="k").stdout

    assert "is not set yet" in told
    assert "`tajo brevo activate --currency EUR` again" in told
