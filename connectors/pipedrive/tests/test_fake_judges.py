"""Pipedrive's own client (npm's `pipedrive` 33.7) takes the stand-in for Pipedrive: persons, deals, fields, webhooks.

It cannot be asked about limits and signatures, and takes any JSON.
"""

from __future__ import annotations

import pytest

from tests import node_judges
from tests.stores.servers import store_server

CLIENT = "pipedrive@33.7.0"
START = """
const { Configuration, PersonsApi, DealsApi, PersonFieldsApi } = require('pipedrive/v2');
const config = new Configuration({ apiKey: 'pipedrive-token', basePath: address + '/api/v2' });
const persons = new PersonsApi(config);
"""


@pytest.fixture(scope="module")
def server():
    node_judges.installed(CLIENT)
    with store_server("pipedrive", "--customers", "23", "--deals", "5") as found:
        yield found


@pytest.fixture
def call(server):
    """Run a script with the client in it."""
    server.post("/fake/reset")
    return lambda script, **given: node_judges.run(CLIENT, START + script, address=server.address, **given)


def test_it_lists_everybody_page_by_page(call, server):
    found = call("""
        const ids = [];
        let cursor;
        do {
          const page = await persons.getPersons({ limit: 10, cursor, sort_by: 'id', sort_direction: 'asc' });
          ids.push(...page.data.map((one) => one.id));
          cursor = page.additional_data.next_cursor;
        } while (cursor);
        return ids;
    """)

    assert len(found) == 23
    assert found == sorted(set(found))


def test_it_creates_reads_changes_and_deletes_a_person(call):
    made, changed, read, left = call("""
        const emails = [{ value: 'ana@example.com', primary: true, label: 'work' }];
        const made = await persons.addPerson({ AddPersonRequest: { name: 'Ána Lovelace', emails } });
        const id = made.data.id;
        const changed = await persons.updatePerson({ id, UpdatePersonRequest: { marketing_status: 'unsubscribed' } });
        const read = await persons.getPerson({ id, include_fields: 'marketing_status' });
        await persons.deletePerson({ id });
        const left = await persons.getPerson({ id }).then(() => 200, (error) => error.errorCode);
        return [made.data, changed.data, read.data, left];
    """)

    assert made["emails"] == [{"value": "ana@example.com", "primary": True, "label": "work"}]
    assert (changed["id"], read["name"]) == (made["id"], "Ána Lovelace")
    assert read["marketing_status"] == "unsubscribed"
    assert left == 404


def test_it_finds_a_person_by_an_address_that_is_not_the_main_one(call):
    made, found, none = call("""
        const emails = [{ value: 'work@example.com', primary: true }, { value: 'Home@example.com', primary: false }];
        const made = await persons.addPerson({ AddPersonRequest: { name: 'Bo', emails } });
        const asked = { fields: 'email', exact_match: true };
        const found = await persons.searchPersons({ term: 'home@example.com', ...asked });
        const none = await persons.searchPersons({ term: 'ome@example.com', ...asked });
        return [made.data.id, found.data.items, none.data.items];
    """)

    assert [one["item"]["id"] for one in found] == [made]
    assert none == []


def test_it_reads_only_what_changed_since(call):
    found = call("""
        const first = (await persons.getPersons({ limit: 1 })).data[0];
        const later = new Date(Date.now() + 3600000).toISOString().slice(0, 19) + 'Z';
        const none = await persons.getPersons({ updated_since: later });
        const all = await persons.getPersons({ updated_since: first.update_time, limit: 100 });
        return [none.data.length, all.data.map((one) => one.update_time >= first.update_time)];
    """)

    assert found[0] == 0
    assert found[1]
    assert all(found[1])


def test_it_reads_deals_and_the_names_of_fields(call):
    deals, fields = call("""
        const deals = await new DealsApi(config).getDeals({ limit: 100 });
        const fields = await new PersonFieldsApi(config).getPersonFields({});
        return [deals.data, fields.data];
    """)

    assert len(deals) == 5
    assert {one["status"] for one in deals} <= {"open", "won", "lost"}
    assert "name" in {one["field_code"] for one in fields}


def test_it_makes_lists_and_deletes_a_webhook(call):
    made, listed, left = call("""
        const v1 = require('pipedrive/v1');
        const first = new v1.Configuration({ apiKey: 'pipedrive-token', basePath: address + '/api/v1' });
        const hooks = new v1.WebhooksApi(first);
        const AddWebhookRequest = { subscription_url: 'https://sync.example.com/webhooks/crm', event_action: 'change',
          event_object: 'person', name: 'tajo', version: '2.0' };
        const made = await hooks.addWebhook({ AddWebhookRequest });
        const listed = await hooks.getWebhooks();
        await hooks.deleteWebhook({ id: made.data.id });
        return [made.data, listed.data, (await hooks.getWebhooks()).data];
    """)

    assert (made["event_action"], made["event_object"], made["version"]) == ("change", "person", "2.0")
    assert [one["id"] for one in listed] == [made["id"]]
    assert left == []


def test_a_wrong_token_is_an_error_of_the_client(call):
    status = call("""
        const wrong = new PersonsApi(new Configuration({ apiKey: 'wrong', basePath: address + '/api/v2' }));
        return wrong.getPersons({}).then(() => 200, (error) => error.errorCode);
    """)

    assert status == 401
