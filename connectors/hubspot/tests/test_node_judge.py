"""HubSpot's own client for Node (npm's `@hubspot/api-client` 14.0) takes the stand-in for HubSpot: contacts, searches.

See `test_fake_judges` for what the client for Python is asked.
"""

from __future__ import annotations

import pytest

from connectors.hubspot.fake.settings import TOKEN
from tests import node_judges
from tests.stores.servers import store_server

CLIENT = "@hubspot/api-client@14.0.1"
START = """
const { Client } = require('@hubspot/api-client');
const client = new Client({ accessToken: token, basePath: address, numberOfApiCallRetries: 0 });
const contacts = client.crm.contacts;
"""


@pytest.fixture(scope="module")
def server():
    node_judges.installed(CLIENT)
    with store_server("hubspot", "--customers", "130", "--deals", "0", "--searches", "0") as found:
        yield found


@pytest.fixture
def call(server):
    """Run a script with the client in it."""
    server.post("/fake/reset")
    return lambda script: node_judges.run(CLIENT, START + script, address=server.address, token=TOKEN)


def test_it_lists_everybody_page_by_page(call):
    found = call("return (await contacts.getAll(100, undefined, ['email'])).map((one) => one.properties.email);")

    assert len(set(found)) == 130


def test_it_creates_reads_changes_and_deletes_a_contact(call):
    made, read, left = call("""
        const api = contacts.basicApi;
        const made = await api.create({ properties: { email: 'ana@example.com', firstname: 'Ána' }, associations: [] });
        await api.update(made.id, { properties: { city: 'Łódź' } });
        const read = await api.getById(made.id, ['email', 'firstname', 'city']);
        await api.archive(made.id);
        const left = await api.getById(made.id).then(() => 200, (error) => error.code);
        return [made, read, left];
    """)

    assert made["properties"]["email"] == read["properties"]["email"] == "ana@example.com"
    assert (read["properties"]["firstname"], read["properties"]["city"]) == ("Ána", "Łódź")
    assert left == 404


def test_it_reads_many_by_address_in_one_call_and_searches(call):
    read, total = call("""
        const some = (await contacts.basicApi.getPage(5, undefined, ['email'])).results;
        const inputs = some.map((one) => ({ id: one.properties.email }));
        const read = await contacts.batchApi.read({ inputs, idProperty: 'email', properties: ['email'] });
        const filters = [{ propertyName: 'email', operator: 'EQ', value: some[0].properties.email }];
        const asked = { filterGroups: [{ filters }], properties: ['email'], limit: 10 };
        const found = await contacts.searchApi.doSearch(asked);
        return [read.results.length, found.total];
    """)

    assert (read, total) == (5, 1)


def test_a_wrong_token_is_an_error_of_the_client(call):
    status = call("""
        const wrong = new Client({ accessToken: 'wrong', basePath: address });
        return wrong.crm.contacts.basicApi.getPage(1).then(() => 200, (error) => error.code);
    """)

    assert status == 401
