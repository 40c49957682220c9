"""Every way in which Brevo may answer, and which doors it opens and closes; the guide holds this table."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from customer_sync.brevo.proof.doors import DOORS
from tests.proof.rig import ProofRig

PAGE = Path(__file__).resolve().parents[2] / "docs/imports.md"
OPEN = "open"


class Row(NamedTuple):
    """One answer: how it is said on the page, the switches that play it, the code of each door, and what is told."""

    answer: str
    switches: dict[str, Any]
    updates: str
    phones: str
    lists: str
    told: str
    with_click: bool = False


LEAVES = {"import_untouched_lists": "leave"}
REFUSES = {"import_shared": "refuse", **LEAVES}
BLOCK, SMS = "An import lifted the block: canary A", "An import lifted the block for SMS of canary E"
LATE_B = "What the import wrote has not arrived at canary"
TABLE = [
    Row("all is as Brevo documents, and a phone of another contact is refused", REFUSES, OPEN, OPEN, OPEN, ""),
    Row("rows that share a phone merge contacts", LEAVES, OPEN, "failed", OPEN, "merged or renamed canary G"),
    Row("lifts e-mail blocks", {"import_blocks": "lift_email", **REFUSES}, "failed", OPEN, OPEN, BLOCK),
    Row("lifts SMS blocks", {"import_blocks": "lift_sms", **REFUSES}, "failed", OPEN, OPEN, SMS),
    Row("lifts both blocks", {"import_blocks": "lift_both", **REFUSES}, "failed", OPEN, OPEN, BLOCK),
    Row("takes JSON booleans too", {"import_booleans": "keep", **REFUSES}, OPEN, OPEN, OPEN, ""),
    Row(
        "replaces the lists of whom it updates",
        {"import_lists": "replace", **REFUSES},
        "failed",
        OPEN,
        "failed",
        "took canary B off a list",
    ),
    Row(
        "forgets which lists somebody left by a click",
        {"import_left_lists": "reset", **REFUSES},
        "failed",
        OPEN,
        "failed",
        "changed which lists canary F has left",
        with_click=True,
    ),
    Row(
        "forgets it, and no click was tried: people who left a list go singly",
        {"import_left_lists": "reset", **REFUSES},
        OPEN,
        OPEN,
        OPEN,
        "",
    ),
    Row(
        "shows an import within ten seconds",
        {"import_reads": "late", "import_reads_s": 10, **REFUSES},
        OPEN,
        OPEN,
        OPEN,
        "",
    ),
    Row("shows an import a minute late", {"import_reads": "late", **REFUSES}, "unclear", "unclear", "unclear", LATE_B),
    Row(
        "shows it, then the old state", {"import_reads": "flicker", **REFUSES}, "unclear", "unclear", "unclear", LATE_B
    ),
    Row(
        "imports nothing and says `completed`",
        {"import_ignores": "*+tajo-*", **REFUSES},
        "unclear",
        "unclear",
        "unclear",
        LATE_B,
    ),
    Row(
        "updates nobody who is blocked",
        {"import_ignores": "*+tajo-a-*", **REFUSES},
        "unclear",
        OPEN,
        OPEN,
        "not arrived at canary A",
    ),
    Row(
        "puts contacts that exist onto the lists of an import that creates",
        {**REFUSES, "import_untouched_lists": "add"},
        OPEN,
        OPEN,
        "failed",
        "who was there already, on its list",
    ),
    Row(
        "lifts blocks that were set since the import was sent",
        {"import_blocks": "lift_new", **REFUSES},
        "failed",
        OPEN,
        OPEN,
        "lifted the block: canary D",
    ),
    Row(
        "drops booleans, also as texts",
        {"import_booleans": "drop_all", **REFUSES},
        "unclear",
        "unclear",
        "unclear",
        LATE_B,
    ),
    Row(
        "empties what a row does not name",
        {"import_empties": "not_sent", **REFUSES},
        "failed",
        "unclear",
        "unclear",
        "which its row did not set",
    ),
    Row(
        "empties what a row sends empty, though it is told not to",
        {"import_empties": "sent_empty", **REFUSES},
        "failed",
        OPEN,
        OPEN,
        "An import emptied TAJO_PROOF_FULL",
    ),
    Row(
        "shows one contact late",
        {"import_reads": "late", "import_reads_of": "*+tajo-b-*", **REFUSES},
        "unclear",
        OPEN,
        "unclear",
        "not arrived at canary B",
    ),
]


@pytest.mark.parametrize("row", TABLE, ids=[row.answer for row in TABLE])
def test_each_answer_opens_and_closes_its_doors(client, row):
    rig = ProofRig(client, **row.switches)
    rig.prover.begin("me@example.com", with_click=row.with_click)
    if row.with_click:
        rig.until("click")
        rig.call("POST", "/sandbox/acts/leave_list", {"email": rig.canary("F"), "list_ids": [rig.list("click")]})

    rig.finish()

    doors = rig.doors()
    assert [doors.door(name).why for name in DOORS] == [row.updates, row.phones, row.lists]
    closed = [doors.door(name).text for name in DOORS if not doors.door(name).is_open]
    assert all(text for text in closed)
    assert not row.told or any(row.told in text for text in closed)
    assert [rider.name for rider in doors.riders] == ["A", "B"]


def test_a_click_that_held_lets_those_who_left_a_list_go_along(client):
    rig = ProofRig(client, **REFUSES)
    rig.prover.begin("me@example.com", with_click=True)
    rig.until("click")
    rig.call("POST", "/sandbox/acts/leave_list", {"email": rig.canary("F"), "list_ids": [rig.list("click")]})

    rig.finish()

    assert rig.doors().covers_left


def test_a_click_that_only_blocks_proves_nothing_of_lists(client):
    rig = ProofRig(client, **REFUSES)
    rig.prover.begin("me@example.com", with_click=True)
    rig.until("click")
    rig.call("POST", "/sandbox/acts/unsubscribe", {"email": rig.canary("F")})

    rig.finish()

    assert rig.doors().updates.is_open
    assert not rig.doors().covers_left


def page_rows() -> list[str]:
    return [
        f"| {row.answer} | {row.updates} | {row.phones} | {row.lists} |{' with F |' if row.with_click else ' |'}"
        for row in TABLE
    ]


def test_the_page_holds_this_table():
    text = PAGE.read_text()

    assert [row for row in page_rows() if row not in text] == []
