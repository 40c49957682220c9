"""An opt-out belongs to a mailbox, however the platform writes its address."""

from datetime import UTC, datetime

import pytest

from customer_sync.kit.reach import Withdrawal
from customer_sync.model import Channel
from tests.contract.cases import REPO

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
#: The connectors that take an opt-out.
WRITERS = sorted(REPO.glob("connectors/*/consent.py"))


@pytest.mark.parametrize(
    ("address", "written", "is_so"),
    [
        ("ana@example.com", " Ana@Example.com ", True),
        ("ana@xn--exmple-cua.com", "Ana@Exämple.com", True),
        ("ana@Exämple.com", "ana@xn--exmple-cua.com", True),
        ("ana@example.com", "ana@example.com.", True),
        ("ana@example.com", "ana@example.com\u200b", True),
        ("ana@example.com", "bob@example.com", False),
        ("ana@example.com", "", False),
        ("ana@example.com", None, False),
        ("ana@example.com", ["ana@example.com"], False),
        ("ana@example.com", "no address", False),
        ("deleted@example.com", "deleted@other.example", False),
        ("", "", False),
    ],
)
def test_an_opt_out_is_for_one_mailbox_in_any_spelling(address, written, is_so):
    assert Withdrawal("1", Channel.EMAIL, address, AT).is_for(written) is is_so


def test_a_number_is_compared_as_it_stands():
    told = Withdrawal("1", Channel.SMS, "+4915112345678", AT)

    assert told.is_for(" +4915112345678")
    assert not told.is_for("+4915112345679")
    assert not told.is_for(None)


@pytest.mark.parametrize("path", WRITERS, ids=lambda path: path.parent.name)
def test_no_connector_compares_addresses_by_itself(path):
    assert ".is_for(" in path.read_text(encoding="utf-8")
