"""The page of the imports: doors, what closed ones cost, and a proof from its beginning to its end."""

from __future__ import annotations

import pytest

from customer_sync.brevo.proof.prover import cost_of
from customer_sync.errors import Unavailable
from customer_sync.store.people import People
from customer_sync.store.proofs import Closing
from customer_sync.store.run import RunKind
from tests.proof.rig import ADDRESS, ProofRig

from .conftest import prove, with_key
from .test_dashboard import Page, words

OWN = {"Origin": "http://localhost"}
#: Answers of the sandbox with which a proof opens every door.
GOOD = {"import_shared": "refuse", "import_untouched_lists": "leave"}


@pytest.fixture
def rig(client):
    return ProofRig(client, **GOOD)


@pytest.fixture
def site(rig, make_app, monkeypatch):
    """A caller of the pages of the account that the rig's proof is about."""
    own = rig.settings
    app = make_app(brevo=own.brevo, sources=own.sources, source_sync=own.source_sync)
    app.extensions["tajo"].clock = lambda: rig.now_ms
    monkeypatch.setattr("customer_sync.api.installation.open_prover", lambda *_: rig.prover)
    monkeypatch.setattr("customer_sync.api.installation.brevo_of", lambda *_: rig.prover._brevo)
    return with_key(app)


def ask(site, verb, **form):
    return site.post(f"/imports/{verb}", data=form, headers=OWN)


def begin(site, **form):
    return ask(site, "prove", address=ADDRESS, sure="1", **form)


@pytest.mark.parametrize("path", ["/imports", "/imports/live"])
def test_before_a_proof_each_door_is_closed_and_says_what_happens_meanwhile(web, path):
    text = words(web.get(path).text)

    assert text.count(": closed") == 3
    assert "What imports do in this account was never proven." in text
    assert "Until then: one call to Brevo for each contact." in text


def test_the_page_alone_tells_what_a_canary_is_and_what_a_proof_makes_and_costs(site):
    text = words(site.get("/imports").text)

    assert "called canaries" in text
    assert "a contact that belongs to you and to nobody else" in text
    assert "blocked, as somebody who unsubscribed is" in text
    assert "me+tajo-a-1f2e@example.com" in text
    cost = cost_of(("SMS",))
    assert f"about {cost.calls} calls to Brevo and {cost.minutes} minutes" in text
    assert f"about {cost.contacts} contacts that stay" in text
    assert "Nobody is written to" in text


def test_the_overview_leads_to_the_page(web):
    assert 'href="/imports"' in web.get("/").text


def test_what_closed_doors_cost_is_told_of_the_newest_run_that_changes_contacts(web, store):
    run = store.runs.start("lumen", RunKind.FULL)
    store.runs.count(run.id, {"creates": 50_000, "phones": 41_000})
    store.runs.start("tulip", RunKind.FULL)

    text = words(web.get("/imports").text)

    assert f"run {run.id} of lumen" in text
    assert "Phones: about 41,000 calls, 1 h 8 min" in text


def test_an_open_door_a_failed_one_and_one_that_a_canary_closed_differ(web, store):
    prove(store, passed=("updates", "phones"), failed="An import changed the lists of canary B.")
    store.proofs.close(["phones"], Closing("flipped", "Canary A is not blocked any more.", 1))

    text = words(web.get("/imports").text)

    assert "Change contacts that are in Brevo already: open" in text
    assert "the next one takes 10 contacts at most" in text
    assert "Canary A is not blocked any more." in text
    assert "An import changed the lists of canary B." in text
    assert text.count("What to do: nothing. It stays closed, because it would do harm in this account.") == 1
    assert text.count("What to do: the proof below.") == 1


def test_a_proof_is_begun_only_after_the_page_said_what_it_makes(site, rig):
    asked = ask(site, "prove", address=ADDRESS, weekly="on")
    made = rig.store.proofs.run()

    page = words(asked.text)
    assert asked.status_code == 200
    assert made is None
    assert "me+tajo-a-0000@example.com" in page
    assert "TAJO_PROOF_MARK" in page
    assert "“Tajo proof, do not send (" in page
    assert "your own click" not in page
    assert "Begin, and repeat it each week" in page
    fields = {one["name"]: one.get("value") for one in Page(asked.text).all("input")}
    begun = ask(site, "prove", **fields)

    assert (begun.status_code, begun.headers["Location"]) == (303, "/imports")
    state = rig.store.proofs.run()
    assert (state["address"], state["is_weekly"], state["with_click"]) == (ADDRESS, True, False)


@pytest.mark.parametrize("sure", [{}, {"sure": "1"}])
@pytest.mark.parametrize("address", ["nonsense", "", "me+tajo-a-1f2e@example.com"])
def test_an_address_that_cannot_be_used_is_told_beside_the_form(site, rig, sure, address):
    answer = ask(site, "prove", address=address, **sure)

    assert (answer.status_code, rig.store.proofs.run()) == (400, None)
    assert "That is no address" in words(answer.text)
    assert f'value="{address}"' in answer.text


@pytest.mark.parametrize("sure", [{}, {"sure": "1"}])
def test_the_address_of_a_customer_is_never_used(site, rig, monkeypatch, sure):
    monkeypatch.setattr(People, "find", lambda _, email: "1" if email == "ann@example.com" else None)

    answer = ask(site, "prove", address="Ann@example.com", **sure)

    assert (answer.status_code, rig.store.proofs.run()) == (400, None)
    assert "That is the address of a customer" in words(answer.text)


def test_nobody_else_s_page_can_begin_a_proof(site, rig):
    login = site.application.test_client()
    login.post("/sign-in", data={"key": "the-key"})

    answers = [
        login.post(
            f"/imports/{verb}", data={"address": ADDRESS, "sure": "1"}, headers={"Origin": "http://evil.example"}
        )
        for verb in ("prove", "clean", "weekly")
    ]

    assert [one.status_code for one in answers] == [403] * 3
    assert rig.store.proofs.run() is None


def test_a_second_proof_is_not_begun_beside_the_first(site):
    begin(site)

    answer = ask(site, "prove", address=ADDRESS)

    assert answer.status_code == 409
    assert "A proof is under way already." in answer.text
    assert 'action="/imports/prove"' not in answer.text


def test_a_proof_that_is_under_way_shows_its_steps_and_what_was_seen(site, rig):
    begin(site)
    first = words(site.get("/imports/live").text)
    rig.until("minute")

    now = words(site.get("/imports/live").text)

    assert "Prepare Making the folder" in first
    assert "Prepare done" in now
    assert "Pass 1 of 3 Waiting a minute" in now
    assert "Pass 2 of 3 Waiting" not in now
    assert "After the import that changes contacts All 7 canaries showed what they had to." in now
    assert "calls so far" in now


def test_the_page_asks_for_the_click_and_says_which_mail(site, rig):
    begin(site, with_click="on")
    rig.until("click")

    text = words(site.get("/imports").text)

    assert "Now it is your turn." in text
    assert rig.canary("F") in text
    assert "“Tajo proof: your own click (" in text


def test_a_step_that_brevo_holds_up_says_so(site, rig):
    begin(site)
    rig.http.before = lambda *_: (_ for _ in ()).throw(Unavailable("Brevo does not answer"))
    rig.step()

    assert "is tried again: Brevo does not answer." in words(site.get("/imports/live").text)


def test_a_proof_that_ended_opens_doors_and_has_a_page_of_its_own(site, rig):
    begin(site, weekly="on")
    receipt = rig.finish()

    page, one = words(site.get("/imports").text), words(site.get(f"/imports/{receipt['id']}").text)

    assert page.count(": open") == 3
    assert "it repeats itself before that" in page
    assert f'href="/imports/{receipt["id"]}"' in site.get("/imports").text
    assert one.count(": passed") == 3
    assert one.count("Ten minutes later All 7 canaries showed what they had to.") == 3
    assert "Pass 3: what was seen" in one
    assert ADDRESS not in one


def test_a_proof_that_saw_harm_says_at_which_canary_and_when(client, make_app, monkeypatch):
    rig = ProofRig(client, **GOOD, import_blocks="lift_email")
    rig.prover.begin(ADDRESS)
    receipt = rig.finish()
    site = with_key(make_app(brevo=rig.settings.brevo, sources=rig.settings.sources))
    site.application.extensions["tajo"].clock = lambda: rig.now_ms

    one = words(site.get(f"/imports/{receipt['id']}").text)

    assert "Change contacts that are in Brevo already: did harm" in one
    assert "Canary A: An import lifted the block: canary A can be mailed after the import that updates." in one


def test_a_proof_that_is_not_kept_is_told_so(web):
    assert web.get("/imports/none").status_code == 404


def test_the_weekly_repeat_is_agreed_to_and_taken_back(site, rig):
    begin(site, weekly="on")
    ask(site, "weekly", weekly="0")
    under_way = rig.store.proofs.run()["is_weekly"]
    rig.finish()
    ended = rig.store.proofs.read().proof["weekly"]
    ask(site, "weekly", weekly="1")

    assert (under_way, ended, rig.store.proofs.read().proof["weekly"]) == (False, False, True)
    assert "Do not repeat it each week any more" in site.get("/imports").text


def test_the_weekly_repeat_is_not_changed_while_a_step_is_being_done(site, rig):
    begin(site)
    rig.store.proofs.begin_turn()

    answer = ask(site, "weekly", weekly="1")

    assert answer.status_code == 409
    assert rig.store.proofs.run()["is_weekly"] is False


def test_canaries_are_removed_only_after_a_second_word(site, rig):
    begin(site)
    rig.finish()
    asked = ask(site, "clean")
    there = len(rig.contacts())

    done = words(ask(site, "clean", sure="1").text)

    assert "Remove all canaries from Brevo?" in asked.text
    assert there == 8
    assert rig.contacts() == {}
    assert "8 canaries," in done
    assert "All doors are closed" in done
    assert words(site.get("/imports").text).count(": closed") == 3


def test_what_brevo_refuses_is_told_and_not_hidden(site, rig):
    rig.http.before = lambda *_: (_ for _ in ()).throw(Unavailable("Brevo does not answer"))

    begun, cleaned = begin(site), ask(site, "clean", sure="1")

    assert (begun.status_code, cleaned.status_code) == (503, 503)
    assert "Brevo does not answer." in begun.text
    assert "Brevo does not answer" in cleaned.text


@pytest.mark.parametrize("path", ["/imports", "/imports/live"])
def test_the_pages_are_whole(site, rig, path):
    begin(site, with_click="on")
    rig.until("click")

    page = Page(site.get(path).text)

    assert page.faults == []
    assert all(one.get("href", "") != "" for one in page.all("a"))
