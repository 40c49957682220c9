"""What the trial says that people do there happens there, and its connector sees it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.salesforce.tests.contract import TRIAL
from customer_sync.model import ConsentState, Event, Kind
from tests.contract.trial import Source
from tests.stores.servers import store_server


@pytest.fixture(scope="module")
def source() -> Iterator[Source]:
    with store_server("salesforce", *TRIAL.arguments) as shop:
        found = Source("salesforce", TRIAL, shop)
        yield found
        found.http.close()


def fetched(source: Source, *ids: str) -> list[Event]:
    connector, access = source.process()
    return [one for one in connector.fetch("customers", ids, access) if isinstance(one, Event)]


def test_people_come_agree_move_and_are_merged(source: Source) -> None:
    shop, before = source.shop, TRIAL.everybody(source.shop)
    TRIAL.populate(shop, 4)
    *_, gone, kept = sorted(one for one in TRIAL.everybody(shop) if one.startswith("003"))
    TRIAL.subscribe(shop, kept)
    TRIAL.rename(shop, kept, "moved@example.com")
    found = fetched(source, kept)[-1]

    assert len(TRIAL.everybody(shop)) == len(before) + 4
    assert TRIAL.may_mail(shop, kept) is True
    assert TRIAL.address(shop, kept) == found.record["email"] == "moved@example.com"
    assert [(seen.state, seen.explicit) for seen in found.consents] == [(ConsentState.GRANTED, True)]
    assert TRIAL.merge(shop, kept, gone) == kept
    assert Kind.CUSTOMER_MERGED in [one.kind for one in fetched(source, gone)]
