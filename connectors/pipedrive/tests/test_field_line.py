"""The rest of what others reported of Pipedrive, from the webhook to what Brevo has then: P3, P4."""

from __future__ import annotations

import pytest

from connectors.pipedrive.tests.standin import person
from connectors.pipedrive.tests.test_field_cases import ANA, Line, emails, webhook
from tests.rig import LIST, at


@pytest.mark.parametrize(
    "odd",
    [
        [{"value": "[object Object]", "primary": True}],
        [],
        [{"value": "", "primary": True}],
        [{"value": "", "primary": True}, {"value": f" {ANA.title()} ", "primary": False}],
    ],
)
def test_p4_an_odd_list_of_addresses_removes_nobody(client, odd):
    line = Line(client)
    line.people = {12: person(12, emails=emails(ANA), update_time=at(-300).isoformat())}
    line.tell(webhook("create", 12, line.people[12], when=at(-300)))
    assert LIST in line.rig.brevo.contacts[ANA].lists
    line.people[12] = person(12, emails=odd, first_name="Anna", update_time=at(-4).isoformat())
    line.tell(webhook("change", 12, line.people[12], when=at(-4)))
    line.rig.clock.set(at(90))
    line.work()

    assert set(line.rig.brevo.contacts) == {ANA}
    assert not line.rig.brevo.contacts[ANA].blocked


@pytest.mark.parametrize(("given", "main"), [("primary", 1), ("all secondary", 0)])
def test_p4_the_contact_is_made_at_the_first_address_that_is_one(client, given, main):
    line = Line(client)
    rows = [{"value": "x", "primary": False}, {"value": " Ana@Example.com ", "primary": bool(main)}]
    line.people = {12: person(12, emails=rows, update_time=at(-300).isoformat())}
    line.tell(webhook("create", 12, line.people[12], when=at(-300)))

    assert set(line.rig.brevo.contacts) == {ANA}, given


def test_p3_what_no_answer_holds_keeps_its_value_and_what_is_null_is_emptied_where_we_filled_it(client):
    line = Line(client)
    whole = person(12, emails=emails(ANA), update_time=at(-300).isoformat(), last_name="Lee")
    line.people = {12: whole}
    line.tell(webhook("create", 12, whole, when=at(-300)))
    before = dict(line.rig.brevo.contacts[ANA].attributes)
    part = {name: one for name, one in whole.items() if name not in {"phones", "marketing_status", "last_name"}}
    line.people[12] = {**part, "first_name": "Anna", "update_time": at(-4).isoformat()}
    told = {"id": 12, "name": "Anna", "first_name": "Anna", "emails": emails(ANA)}
    line.tell(webhook("change", 12, told, when=at(-4)))
    after = dict(line.rig.brevo.contacts[ANA].attributes)

    assert (before["FIRSTNAME"], before["LASTNAME"]) == ("Ann", "Lee")
    assert after == {**before, "FIRSTNAME": "Anna"}
    assert LIST in line.rig.brevo.contacts[ANA].lists
    line.rig.clock.set(at(5))
    line.people[12] = {**line.people[12], "last_name": None, "update_time": at(4).isoformat()}
    line.tell(webhook("change", 12, told, when=at(4)))
    assert not line.rig.brevo.contacts[ANA].attributes.get("LASTNAME")
