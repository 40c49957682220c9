"""What others reported of Pipedrive, as runs meet it: P2 (a page that breaks off), P5 (a day that is spent)."""

from __future__ import annotations

import pytest

from connectors.pipedrive import pull
from connectors.pipedrive.tests.standin import PERSONS, StandIn, person, reply, rows
from customer_sync import assembly
from customer_sync.batch.runs import step
from customer_sync.batch.starts import start
from customer_sync.store.run import RunKind, RunState
from tests.field.house import House

CONFIG = """\
connectors:
  crm: {platform: pipedrive, api_token: right, webhook_secret: "tajo:secret", base_url: "http://crm.example.com"}
skills:
  customer-sync:
    enabled: true
    field_mapping: {email: email, firstName: FIRSTNAME}
    options: {list_id: 2}
"""
DAY = {"x_daily_ratelimit_token_limit": 150000, "x_daily_ratelimit_token_remaining": 0}


class Company:
    """A company of six persons, in pages of three; the second page breaks off as often as it is told to."""

    def __init__(self, client, folder, patch):
        patch.setattr(pull, "SIZE", 3)
        self.breaks, self.asked, self.refusal = 0, [], None
        http = StandIn({f"GET {PERSONS}": self.listed, "GET /api/v1/leads": [], "GET /v1/leads": []})
        self.house = House(client, folder, patch, hosts={"crm.example.com": http}, config=CONFIG)
        self.http = http

    def listed(self, call):
        self.asked.append(call.query.get("cursor"))
        if self.refusal is not None:
            return self.refusal
        if "cursor" not in call.query:
            return rows(*[person(number) for number in (1, 2, 3)], cursor="abc")
        if self.breaks:
            self.breaks -= 1
            return reply(200, b'{"success": true, "da')
        return rows(*[person(number) for number in (4, 5, 6)])

    def begin(self):
        house = self.house
        puller = assembly.open_puller(house.settings, house.line, house._folder)
        return start(puller, "crm", RunKind.FULL).id

    def go_on(self, number, steps, seconds=30):
        """Do steps of a run, each by a process of its own, with time between them; return the run."""
        house = self.house
        for _ in range(steps):
            house.line = house.another()
            step(assembly.open_puller(house.settings, house.line, house._folder), number)
            found = house.store.runs.read(number)
            if found.state is not RunState.RUNNING:
                return found
            house.pass_time(seconds=seconds)
        return found


@pytest.fixture
def company(client, tmp_path, monkeypatch):
    found = Company(client, tmp_path, monkeypatch)
    yield found
    found.house.sandbox.close()


def test_p2_a_run_whose_second_page_breaks_off_goes_on_with_it_and_loses_nobody(company):
    company.breaks = 2
    number = company.begin()
    found = company.go_on(number, 20)

    assert found.state in (RunState.DELIVERING, RunState.DONE), found.reason
    assert found.counts["read"] == 6
    assert company.asked[:4] == [None, "abc", "abc", "abc"]


def test_p2_a_run_that_is_stopped_between_two_pages_does_not_count_as_having_read_them(company):
    company.breaks = 1_000
    number = company.begin()
    found = company.go_on(number, 60, seconds=400)

    assert found.state is RunState.STOPPED
    assert company.house.store.runs.reach("crm", "customers") == {}
    assert [one for one in company.house.store.ledger.alerts() if "stopped" in one["alert"]]


def test_p5_a_spent_day_is_told_once_with_its_time_and_costs_no_burst_of_calls(company):
    company.refusal = reply(429, {"success": False}, **DAY, x_ratelimit_remaining=78, x_ratelimit_reset=2)
    number = company.begin()
    found = company.go_on(number, 120, seconds=60)
    alerts = [one["alert"] for one in company.house.store.ledger.alerts()]

    assert found.state is RunState.RUNNING
    assert len(company.asked) <= 4, "two hours"
    assert len(alerts) == 1
    assert "Z" in alerts[0]
    company.refusal = None
    assert company.go_on(number, 200, seconds=60).counts["read"] == 6
