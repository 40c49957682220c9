"""The skill that docs/skills.md shows does what the page says, from its file to the contact in Brevo."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Tajo

PAGE = Path(__file__).parents[2] / "docs" / "skills.md"
ANN = "ann@example.com"


def block(language: str, holds: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return next(one for one in blocks if holds in one)


@pytest.fixture
def shop(tajo: Tajo, sandbox):
    """An installation with the skill of the page in its folder, and its keys in tajo.yaml."""
    folder = tajo.folder / "skills"
    folder.mkdir()
    (folder / "vip_club.py").write_text(block("python", "SKILL ="))
    keys = block("yaml", "vip-club").removeprefix("skills:\n")
    tajo.config.write_text(tajo.config.read_text().replace("skills:\n", f"skills:\n{keys}"))
    sandbox.call("POST", "/v3/contacts/attributes/normal/VIP", {"type": "boolean"})
    return tajo


def order(total: str) -> dict:
    line = {"id": 1, "product_id": 7, "quantity": 1, "total": total, "price": float(total), "name": "Lamp"}
    billing = {"email": ANN, "first_name": "Ann"}
    return {
        "id": 71,
        "status": "processing",
        "total": total,
        "currency": "EUR",
        "billing": billing,
        "line_items": [line],
    }


@pytest.mark.parametrize(("total", "mark"), [("900.00", True), ("90.00", None)])
def test_an_order_reaches_the_contact_by_a_skill_in_one_file(shop, sandbox, total, mark):
    shop.send({**order(total), "customer_id": 5, "date_created_gmt": "2026-11-20T10:00:00"}, "order.created")
    shop.work()

    assert sandbox.contacts()[ANN]["attributes"].get("VIP") == mark


def test_its_keys_are_checked_and_the_list_says_where_it_comes_from(shop):
    found = next(one for one in shop.json("skills", "list")["items"] if one["name"] == "vip-club")
    assert (found["enabled"], found["origin"], found["resources"]) == (True, "skills/vip_club.py", ["orders"])

    shop.config.write_text(shop.config.read_text().replace("level: 800", "level: many\n    levle: 3"))
    told = shop("check", code=2).stderr
    assert "skills.vip-club.level: found 'many'. Write an amount above 0, such as 500." in told
    assert "skills.vip-club.levle: unknown key. Did you mean level?" in told
