"""The page about connector files: its files are read, its tables name the whole vocabulary, its commands do it."""

from __future__ import annotations

import re

import pytest

from customer_sync.custom import calling, connector_of, fields, form, transforms
from customer_sync.custom.checks import TARGETS
from customer_sync.custom.reading import read
from customer_sync.custom.verifying import Verify
from customer_sync.kit.connector import SourceSettings
from customer_sync.kit.reach import Withdrawal, Written
from customer_sync.model import Channel
from tests.contract.cases import REPO
from tests.custom.bench import NOW, Wire, webhook

PAGE = (REPO / "docs" / "custom-connectors.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
FILES = [one for one in BLOCKS if one.startswith("name: ")]
ACME = (REPO / "connectors" / "acme_crm" / "acme-crm.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", FILES, ids=str)
def test_each_file_of_the_page_is_one(text):
    assert read(text, "page.yaml").faults == ()


def test_the_pieces_of_the_example_are_those_of_the_file():
    pieces = [one for one in BLOCKS if one not in FILES][1:]
    lines = {line.strip() for line in ACME.splitlines()}

    assert len(pieces) == 2
    for piece in pieces:
        assert [line for line in piece.splitlines() if line.strip() not in lines] == []


def with_key(key):
    """Return the form of the one file of the page that has this key."""
    (text,) = [one for one in FILES if f"\n{key}:" in one and "version:" not in one]
    return read(text, "page.yaml").form


def test_the_webhooks_of_the_page_are_proven_and_read():
    made = connector_of(with_key("webhooks"))(SourceSettings("shop", "bells", ("s3cret",)))
    body = {"event": "member.moved", "at": "2026-11-20T10:00:00Z", "member": {"id": 7, "email": "ann@example.com"}}
    request = made.sign(webhook(body, "members"), "s3cret")

    made.verify(request, ["s3cret"])
    (event,) = made.parse(request)

    assert (event.record_id, event.record["email"]) == ("7", "ann@example.com")


def test_the_opt_out_of_the_page_is_written():
    form = with_key("writeback")
    row = {"id": 7, "email": "ann@example.com", "newsletter": True}

    def platform(asked):
        if asked.method == "PATCH":
            row.update(asked.json)
        return row

    made = connector_of(form)(SourceSettings("shop", form.name))
    told = Withdrawal("7", Channel.EMAIL, "ann@example.com", NOW)

    assert made.write_consent(told, Wire(platform).access()) is Written.WRITTEN
    assert row["newsletter"] is False


def rows(head):
    table = PAGE.partition(f"| {head}")[2].partition("\n\n")[0]
    found = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {word for row in found for word in re.findall(r"`([^`]+)`", row)}


def types(union):
    return {one for part in union.__args__[0].__args__ for one in part.model_fields["type"].annotation.__args__}


def test_the_tables_name_the_whole_vocabulary():
    assert rows("`auth.type`") == types(calling.Auth)
    assert rows("`pagination.type`") == types(calling.Pagination)
    assert rows("`verify.type`") == types(Verify)
    assert rows("`action`") == set(calling.ErrorRule.model_fields["action"].annotation.__args__)
    assert rows("`order`") == set(form.Incremental.model_fields["order"].annotation.__args__)


@pytest.mark.parametrize("names", [transforms.NAMES, set(TARGETS.values()), fields.ORDER_STATES])
def test_every_word_of_a_closed_list_is_on_the_page(names):
    assert [one for one in names if not re.search(rf"\b{one}\b", PAGE)] == []


def test_every_field_of_a_contact_is_on_the_page():
    snake = [re.sub(r"(?=[A-Z])", "_", one).lower() for one in fields.TARGETS["contact"].fields]

    assert [one for one in snake if f"`{one}`" not in PAGE] == []


def test_every_key_of_an_event_is_on_the_page():
    assert [one for one in form.HookEvent.names() if f"`{one}`" not in PAGE] == []
