"""`tajo skills check`: every fault of the skill files, with its line."""

from __future__ import annotations

import pytest

GOOD = """---
name: thanks
version: 1.0.0
description: Thanks for an order
category: email-marketing
triggers:
  - event: order_placed
    conditions:
      - order_value: "> 50"
actions:
  - brevo/send-email:
      template_id: 7
      to: "{{ contact.email }}"
permissions:
  - email:send
---
"""


@pytest.fixture
def skills(tajo):
    folder = tajo.folder / "skills"
    folder.mkdir()
    return folder


def test_a_file_without_fault_is_ok(tajo, skills):
    (skills / "thanks.md").write_text(GOOD)

    assert tajo("skills", "check").stdout.startswith("ok  ")
    assert tajo.json("skills", "check")["ok"] is True


def test_every_fault_is_told_with_its_line_in_their_order(tajo, skills):
    (skills / "thanks.md").write_text(GOOD.replace("email:send", "x").replace("7", "many").replace("1.0.0", "1"))

    told = tajo("skills", "check", code=2).stdout

    lines = [line.split(":")[1] for line in told.splitlines() if line.startswith("  thanks.md:")]
    assert lines == ["3", "11", "12", "15"]
    assert "needs a permission that the file does not ask for. Add email:send to permissions:" in told


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("other.md", GOOD.encode(), "Call the file thanks.md, or the skill other."),
        ("customer-sync.md", GOOD.replace("thanks", "customer-sync").encode(), "Another skill has this name"),
        ("thanks.md", b"\xff\xfe", "Save the file as UTF-8"),
    ],
)
def test_a_file_that_cannot_be_a_skill_is_told(tajo, skills, file, content, told):
    (skills / file).write_bytes(content)

    assert told in tajo("skills", "check", str(skills / file), code=2).stdout


def test_without_files_it_says_where_they_lie(tajo):
    assert "they end with .md and lie in the folder skills/" in tajo("skills", "check").stdout
