"""The page at `/` and the guide: what somebody who is new here reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from customer_sync.sandbox import acts, faults, guide, switches
from customer_sync.sandbox.__main__ import main
from customer_sync.sandbox.mailable import WAYS

ANN, BOB = "ann@example.com", "bob@example.com"
DOCUMENT = Path(__file__).parents[2] / "docs" / "sandbox.md"


LIFTED = "times a block was lifted on purpose"
UNASKED = "times a blocked person became mailable unasked"


def page(brevo, query: str = "") -> str:
    answer = brevo._http.get(f"/{query}")
    assert answer.status_code == 200
    return answer.text


def figures(brevo) -> dict[str, tuple[int, bool, str]]:
    """Return name → number, whether it stands out, sentence."""
    found = re.findall(r'<div( class="look")?><dt><b>(\d+)</b> ([^<]+)</dt>\s*<dd>([^<]*)</dd>', page(brevo))
    return {name: (int(value), bool(look), text) for look, value, name, text in found}


def test_the_page_shows_contacts_lists_and_calls_and_escapes_them(brevo):
    brevo.create(email=ANN, attributes={"FIRSTNAME": "<script>"}, emailBlacklisted=True)
    brevo.call("GET", "/contacts")
    brevo.control("POST", "/faults", {"kind": "busy"})

    text = page(brevo)

    assert ANN in text
    assert "&lt;script&gt;" in text
    assert "<script" not in text
    assert "https://" not in text
    assert "busy" in text
    assert "/contacts</td>" in text


def test_every_figure_has_a_sentence(brevo):
    found = figures(brevo)

    assert {"contacts", "blocked", LIFTED, UNASKED, "webhooks dropped"} <= set(found)
    assert all(len(text) > 10 for _, _, text in found.values())
    assert not any(look for _, look, _ in found.values())


def test_somebody_who_became_mailable_is_told_with_how_and_by_which_call(brevo):
    brevo.create(email=ANN, emailBlacklisted=True)
    brevo.update(ANN, emailBlacklisted=False)

    found = figures(brevo)
    value, look, sentence = found[LIFTED]
    text = page(brevo)

    assert (value, look) == (1, False)
    assert found[UNASKED][:2] == (0, False)
    assert "1 by a call that says that the person opted in again" in sentence
    assert "the call said `emailBlacklisted: false`" in text
    assert "PUT /contacts/{identifier}" in text
    assert f"{ANN}, 2026-11-21 00:00:00" in text


def test_what_people_did_themselves_does_not_stand_out(brevo):
    brevo.create(email=ANN, emailBlacklisted=True)
    brevo.control("POST", "/acts/resubscribe", {"email": ANN})

    value, look, sentence = figures(brevo)[LIFTED]

    assert (value, look) == (1, False)
    assert "1 by the person or an operator here, 0 by a call" in sentence


def test_a_block_that_was_lost_by_the_way_stands_out(brevo):
    brevo.create(email=ANN, emailBlacklisted=True)
    brevo.update(ANN, attributes={"EMAIL": "ann2@example.com"})

    found = figures(brevo)

    assert found[UNASKED][:2] == (1, True)
    assert found[LIFTED][:2] == (0, False)


def test_it_is_told_how_many_on_a_list_are_blocked_and_why_they_are_on_it(brevo):
    brevo.create(email=ANN, listIds=[2])
    brevo.create(email=BOB, listIds=[2])
    brevo.update(ANN, emailBlacklisted=True)

    text = page(brevo)

    assert re.search(r'<td class="number">2</td><td>[^<]*</td><td class="number">2</td><td class="number">1</td>', text)
    assert "takes\n  nobody off a list" in text


def test_somebody_who_was_put_back_on_a_list_is_a_figure_of_its_own(brevo):
    brevo.create(email=ANN, listIds=[2])
    brevo.control("POST", "/acts/leave_list", {"email": ANN, "list_ids": [2]})
    brevo.update(ANN, listIds=[2])

    found = figures(brevo)

    assert found["times somebody was put back on a list they left"][:2] == (1, True)
    assert found[LIFTED][:2] == found[UNASKED][:2] == (0, False)


def test_the_other_figures_count_what_they_say(make_brevo, receiver):
    brevo = make_brevo(plan="general")
    receiver.statuses = [500]
    brevo.call("POST", "/webhooks", {"url": receiver.url, "events": ["spam"], "type": "marketing"})
    brevo.create(email=ANN)
    brevo.control("POST", "/acts/spam", {"email": ANN})
    brevo.create(email=BOB, emailBlacklisted=True)
    brevo.call("POST", "/smtp/email", {"templateId": 1, "to": [{"email": BOB}]})
    brevo.call("POST", "/events", {"event_name": "x", "identifiers": {"email_id": BOB}})
    brevo.call("POST", "/products", {"id": "a", "name": "A"})
    brevo.do_import(jsonBody=[{"email": "cy@example.com"}], listIds=[2])
    for _ in range(11):
        brevo.call("GET", "/contacts")

    found = {name: one[:2] for name, one in figures(brevo).items()}

    assert found["contacts"] == (3, False)
    assert found["blocked"] == (2, False)
    assert found["calls refused with 429"] == (1, True)
    assert found["rows imported"] == (1, False)
    assert found["workflows started"] == (1, False)
    assert found["transactional mails"] == (1, False)
    assert found["webhooks dropped"] == (1, True)
    assert found["products"] == (1, False)
    assert "1 of them to people blocked" in figures(brevo)["transactional mails"][2]


@pytest.mark.parametrize(
    ("wanted", "emails"),
    [
        ("ANN@", [ANN]),
        ("example", [BOB, ANN]),
        ("2", [BOB]),
        ("3361234", [BOB]),
        ("müller", [ANN]),
        ("nobody", []),
    ],
)
def test_contacts_are_found_by_a_part_of_what_they_have(brevo, wanted, emails):
    brevo.create(email=ANN, attributes={"LASTNAME": "müller"})
    brevo.create(email=BOB, attributes={"SMS": "+33612345678"})

    text = page(brevo, f"?q={wanted}")

    assert re.findall(r"<td>([a-z]+@example\.com)</td>", text) == emails
    assert ("No contact fits." in text) is (not emails)
    assert f'value="{wanted.lower()}"' in text


def test_only_the_newest_fifty_are_shown(brevo):
    for number in range(60):
        brevo.create(email=f"a{number}@example.com")

    for query in ("", "?q=example"):
        shown = re.findall(r"<td>(a\d+)@example\.com</td>", page(brevo, query))
        assert (len(shown), shown[0], shown[-1]) == (50, "a59", "a10")


def test_switches_that_were_turned_and_faults_are_told_with_a_sentence(brevo):
    assert "Switches that were turned" not in page(brevo)

    brevo.switch(import_blocks="lift_both", import_ignores="x*")
    brevo.control("POST", "/faults", {"kind": "busy", "count": 2})
    text = page(brevo)

    assert "import_blocks: lift_both" in text
    assert "(a new account has keep)" in text
    assert "(a new account has nothing)" in text
    assert "so calls go wrong on purpose" in text
    assert "2 calls left" in text


def test_the_guide_in_the_documentation_is_the_one_of_the_code(capsys):
    assert main(["--guide"]) == 0

    printed = capsys.readouterr().out
    assert printed == guide.markdown()
    assert DOCUMENT.read_text(encoding="utf-8") == printed, "run python -m customer_sync.sandbox --guide"


def test_the_guide_names_every_switch_act_fault_and_way():
    text = guide.markdown()

    names = [*switches.ALL, *acts.ALL, *faults.KINDS, *WAYS]
    assert [name for name in names if f"| `{name}` |" not in text] == []


def test_the_sandbox_says_what_it_can_do(brevo):
    told = brevo._http.get("/sandbox").json

    paths = {one["path"] for one in told["routes"]}
    assert {"/sandbox/switches", "/sandbox/acts/{name}", "/sandbox/mailable", "/sandbox/mails"} <= paths
    assert all(one["does"] for one in told["routes"])
    assert "POST /v3/contacts/import" in told["brevo"]
    assert (set(told["switches"]), set(told["faults"])) == (set(switches.ALL), set(faults.KINDS))
