"""Everybody of a large org by a query job: the same records as by queries, whatever becomes of the job."""

import json

import pytest
from flask import Response

from connectors.salesforce import bulk, pull
from connectors.salesforce.tests.caller import Org
from customer_sync.errors import TajoError, TryLater
from customer_sync.kit.reach import Want

CUSTOM = {"custom": ("Contact.Tier__c", "Contact.News__c"), "boxes": ("Contact.News__c",)}


@pytest.fixture
def large(monkeypatch):
    """An org for which a job is worth its wait, read in small pieces."""
    monkeypatch.setattr(bulk, "PIECE", 5)
    monkeypatch.setattr(pull, "PAGE", 5)
    org = Org({"fields": ["Tier__c", "News__c"]}, customers=24, **CUSTOM)
    account = org.fake.make("Account", {"Name": 'Lamps, "Bonn"'})
    first = next(iter(org.fake.tables["Contact"]))
    org.fake.change(first, {"AccountId": account, "Title": "Dr\nDr", "Tier__c": "true", "News__c": True})
    by_queries = [(one.record_id, dict(one.record), one.consents) for one in org.pull()]
    monkeypatch.setattr(bulk, "FROM", 10)
    org.calls.clear()
    org.by_queries = by_queries
    return org


def told(events):
    return [(one.record_id, dict(one.record), one.consents) for one in events]


def asked(org, text):
    return [path for _, path, _ in org.calls if text in path]


def test_a_job_brings_the_same_records_as_queries_in_pieces(large):
    pages = list(large.pages())
    found = told(one for page in pages for one in page.events)

    assert found == large.by_queries
    assert len(asked(large, "/results")) == 4  # 18 contacts; the 6 leads are too few for a job
    assert len(asked(large, "FROM+Lead")) == 3
    assert [page.wait_s for page in pages][:3] == [bulk.LOOK_S] * 3
    assert all(len(json.dumps(page.cursor)) < 4096 for page in pages)


def test_a_job_that_failed_or_is_gone_is_gone_on_without_from_the_last_row(large):
    cursor, found = None, []
    for number in range(60):
        page = large.connector.pull(Want("customers", cursor), large.access)
        found += page.events
        cursor = json.loads(json.dumps(page.cursor))
        if cursor is None:
            break
        if number == 4:
            large.fake.bulk._jobs.clear()
            assert len(found) == 10
    assert told(found) == large.by_queries


@pytest.mark.parametrize("status", [400, 401])
def test_s2_a_piece_whose_address_is_refused_with_a_new_session_too_is_gone_on_without(large, status):
    large.fault("status", status=status, path="*/results", skip=2, count=None)
    pages = [page for _, page in zip(range(60), large.pages(), strict=False)]

    assert told(one for page in pages for one in page.events) == large.by_queries
    assert len(asked(large, "/results")) == 2 + (2 if status == 401 else 1)
    assert [note for page in pages for note in page.notes] == [pull._FAILED]


def test_a_job_that_was_aborted_says_so(large):
    first = next(large.pages())
    job = first.cursor["job"]
    large.fake.bulk._jobs[job][0]["state"] = "Failed"
    page = large.connector.pull(Want("customers", first.cursor), large.access)

    assert "failed" in page.notes[0]
    assert "job" not in page.cursor


def test_an_org_that_makes_no_jobs_is_read_by_queries(large):
    large.fault("status", status=400, path="*/jobs/query")

    assert told(large.pull()) == large.by_queries
    assert not asked(large, "/results")


@pytest.mark.parametrize("kind", ["cut", "down", "storm", "html", "status", "lost", "junk", "unauthorized", "torn"])
def test_a_piece_that_comes_badly_is_asked_for_again(large, kind):
    large.fault(kind, path="*/results", skip=1)
    cursor, found = None, []
    for _ in range(60):
        try:
            page = large.connector.pull(Want("customers", cursor), large.access)
        except (TajoError, OSError):  # the stand-in breaks the connection without a client between
            continue
        found += page.events
        cursor = page.cursor
        if cursor is None:
            break

    assert told(found) == large.by_queries
    assert large.fake.faults.happened[kind] == 1


@pytest.mark.parametrize(
    ("body", "counted", "locator"),
    [
        (b'"Id","SystemModstamp"\n"003', "1", "null"),
        (b'"Id"\n"003Fak000000001IAA","more"\n', "1", "null"),
        (b"", "0", "null"),
        (b'"Id","Title"\n"003Fak000000001IAA","\xff"\n', "1", "null"),
        (b'"Id"\n"003Fak000000001IAA"\n', "2", "null"),
        (b'"Id"\n"003Fak000000001IAA"\n', "1", ""),
    ],
)
def test_a_piece_that_is_not_whole_moves_no_cursor(large, monkeypatch, body, counted, locator):
    first = next(large.pages())
    large.fake.bulk._jobs[first.cursor["job"]][0]["state"] = "JobComplete"
    headers = {"Sforce-Locator": locator, "Sforce-NumberOfRecords": counted}
    monkeypatch.setattr(
        large.fake.bulk, "results", lambda **_: Response(body, headers=headers, content_type="text/csv")
    )

    with pytest.raises(TryLater):
        large.connector.pull(Want("customers", first.cursor), large.access)
