"""A connector file: what is read, and every fault at once, with line, path and remedy."""

from __future__ import annotations

import json
import re
import subprocess

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.acme_crm.connector import CONNECTOR
from customer_sync.config.faults import Fault
from customer_sync.custom.form import Form
from customer_sync.custom.reading import LONGEST, read
from customer_sync.custom.schema import json_schema
from tests.contract.cases import REPO
from tests.custom.bench import LEAST, connector, faults_of, form_of, with_customers
from tests.programs import need
from tests.seeds import SEEDS

ACME = (REPO / "connectors" / "acme_crm" / "acme-crm.yaml").read_text(encoding="utf-8")
#: `new ConnectorSDK({...})` of the documents, as JSON, and what `JSON.stringify` makes of the package's object.
SEED = {
    "name": "my-platform",
    "version": "1.0.0",
    "auth": {
        "type": "oauth2",
        "authorizationUrl": "https://api.myplatform.com/oauth/authorize",
        "tokenUrl": "https://api.myplatform.com/oauth/token",
    },
    "resources": {
        "customers": {"endpoint": "/api/customers", "mapping": {"email": "contact.email", "name": "contact.full_name"}}
    },
    "webhooks": {"customer_created": "/webhooks/customer", "order_placed": "/webhooks/order"},
}
STRINGIFIED = {
    **SEED,
    "auth": {
        "type": "oauth2",
        "authorization_url": "https://api.myplatform.com/oauth/authorize",
        "token_url": "https://api.myplatform.com/oauth/token",
    },
    "webhooks": {
        "events": {
            "customer_created": {"path": "/webhooks/customer", "resource": "customers", "fetch": "never"},
            "order_placed": {"path": "/webhooks/order", "fetch": "never"},
        }
    },
}


# the documents' short forms


@pytest.mark.parametrize("document", [SEED, STRINGIFIED], ids=["as it stands", "as JSON.stringify gives it"])
@pytest.mark.parametrize("write", [json.dumps, yaml.safe_dump, lambda one: json.dumps(one, indent="\t")])
def test_the_documents_connector_is_read(document, write):
    form = form_of(write(document))
    made = connector(write(document), client_id="a", client_secret="b")

    assert (form.name, form.auth.way) == ("my-platform", "authorization_code")
    assert {name: one.path for name, one in form.webhooks.events.items()} == {
        "customer_created": "customer",
        "order_placed": "order",
    }
    assert (made.topics, made.resources, made.pulls) == (
        ("customer_created", "order_placed"),
        ("customers",),
        ("customers",),
    )
    assert [one.name for one in made.options] == ["client_id", "client_secret"]


SCRIPT = """import { ConnectorSDK } from '@tajo/connector-sdk';
const connector = new ConnectorSDK({
name: 'my-platform',
version: '1.0.0',
// Authentication (as the platform's page says)
auth: {
type: 'oauth2',
authorizationUrl: 'https://api.myplatform.com/oauth/authorize',
tokenUrl: 'https://api.myplatform.com/oauth/token'
},
/* Data
   mappings */
resources: {
customers: {
endpoint: '/api/customers',
mapping: {
email: 'contact.email',
name: 'contact.full_name',
}
}
},
// Webhooks
webhooks: {
customer_created: '/webhooks/customer',
order_placed: '/webhooks/order'
}
});
export default connector;
"""


def test_the_file_of_javascript_is_read_as_it_stands():
    assert read(SCRIPT, "my-platform.js").form == form_of(json.dumps(SEED))


def test_a_fault_in_javascript_has_its_line():
    (fault,) = read(SCRIPT.replace("endpoint: '/api", "endpoint: 'api"), "my-platform.js").faults

    assert (fault.path, fault.line) == ("resources.customers.endpoint", 15)


@pytest.mark.parametrize("text", ["export default 1;", "new ConnectorSDK({name: 'a'", ""])
def test_javascript_without_a_connector_says_so(text):
    assert [one.found for one in read(text, "x.js").faults] == ["no new ConnectorSDK({...})"]


def snippets():
    for path in sorted(SEEDS.glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"new ConnectorSDK\((\{.*?\n\})\)", text, re.DOTALL):
            yield pytest.param(re.sub(r"(?m)^\s*//.*$", "", match[1]), id=path.stem)


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the documents do not lie beside the repository")
def test_the_snippet_of_the_documents_is_yaml_once_its_comments_are_gone():
    found = list(snippets())

    assert found
    for one in found:
        assert form_of(one.values[0]) == form_of(json.dumps(SEED))


def test_what_the_package_for_javascript_writes_is_read():
    need("node")
    code = "const {ConnectorSDK} = require(process.argv[1]); "
    code += "console.log(JSON.stringify(new ConnectorSDK(JSON.parse(process.argv[2]))))"
    package = str(REPO / "clients" / "js" / "connector-sdk" / "index.cjs")
    done = subprocess.run(["node", "-e", code, package, json.dumps(SEED)], capture_output=True, text=True, check=True)

    assert form_of(done.stdout).resources == form_of(json.dumps(SEED)).resources
    assert set(form_of(done.stdout).webhooks.events) == set(SEED["webhooks"])


def test_what_the_documents_leave_open_is_said():
    found = read(json.dumps(SEED), "my-platform.json")

    assert [one.path for one in found.warnings] == [
        "resources.customers.pagination",
        "base_url",
        "webhooks.verify",
        "webhooks.events.order_placed",
    ]


# every fault at once


def test_every_fault_is_told_with_its_line():
    text = """name: My Lamps
versoin: 1
auth:
  type: bearr
resources:
  customers:
    endpoint: customers
    paginaton: {type: none}
    mapping: {email: "a..b", fistName: x}
  orders:
    endpoint: /orders
    pagination: {type: cursor, next: a}
    mapping: {totl: x, state: {path: status, map: {done: finished}}}
webhooks:
  verify: {type: hmac, header: X, secret: very-secret}
"""
    found = faults_of(text)

    assert {path: one.line for path, one in found.items()} == {
        "name": 1,
        "versoin": 2,
        "auth.type": 4,
        "resources.customers.endpoint": 7,
        "resources.customers.paginaton": 8,
        "resources.customers.mapping.email": 9,
        "resources.orders.pagination.send_as": 12,
        "webhooks.verify.secret": 15,
    }
    assert found["versoin"].remedy.startswith("Did you mean version? Choices: version, name")
    assert found["auth.type"].remedy == "Did you mean bearer? Choices: none, bearer, api_key, basic, oauth2."
    assert "very-secret" not in " ".join(map(str, found.values()))


FAULTS = {
    "no name": ({"name": None}, "name", "no name"),
    "a name of capitals": ({"name": "Lamps"}, "name", "no name"),
    "a word for version": ({"version": "one"}, "version", "no version"),
    "an unknown way in": ({"auth": {"type": "hmac_request"}}, "auth.type", "found 'hmac_request'"),
    "tries without end": (
        {"http": {"retry": {"on_status": [502], "max_attempts": 50}}},
        "http.retry.max_attempts",
        "out of range",
    ),
    "a key of the app beside its table": (
        {"auth": {"type": "oauth2", "grant": "jwt_bearer", "token_url": "/t", "private_key": "${secret.k}"}},
        "auth.private_key",
        "unknown key",
    ),
    "a grant that is not offered": (
        {"auth": {"type": "oauth2", "grant": "password", "token_url": "/t"}},
        "auth.grant",
        "found 'password'",
    ),
    "a path into a token's answer": (
        {"auth": {"type": "oauth2", "token_url": "/t", "token_response": {"base_url": "data.url"}}},
        "auth.token_response.base_url",
        "more than a key",
    ),
    "a token in the file": (
        {"auth": {"type": "bearer", "token": "abc"}},
        "auth.token",
        "a secret that stands in the file (not shown)",
    ),
    "half a token in the file": (
        {"auth": {"type": "bearer", "token": "abc${secret.token}"}},
        "auth.token",
        "a secret that stands in the file (not shown)",
    ),
    "a secret with a default": (
        {"auth": {"type": "bearer", "token": "${secret.token:-abc}"}},
        "auth.token",
        "a secret with a default",
    ),
    "a plain variable": (
        {"base_url": "https://${HOST}"},
        "base_url",
        "a ${...} that is no reference of a connector file",
    ),
    "a key that every source has": (
        {"base_url": "https://${config.schedule}.example"},
        "base_url",
        "schedule is a key that every source has for something else",
    ),
    "a key in a header": (
        {"http": {"headers": {"X-Api-Key": "abc"}}},
        "http.headers.X-Api-Key",
        "a secret that stands in the file (not shown)",
    ),
    "a status of letters": (
        {"http": {"retry": {"on_status": ["often"]}}},
        "http.retry.on_status",
        "no HTTP status",
    ),
    "tries of what is never tried at once": (
        {"http": {"retry": {"on_status": [429], "max_attempts": 3}}},
        "http.retry.max_attempts",
        "a 429 that is asked for again at once",
    ),
    "a way of verifying that is not offered": (
        {"webhooks": {"verify": {"type": "paypal_cert"}}},
        "webhooks.verify.type",
        "found 'paypal_cert'",
    ),
    "webhooks of anybody": (
        {"webhooks": {"verify": {"type": "none"}}},
        "webhooks.verify",
        "webhooks that anybody can send",
    ),
    "a body that is not signed": (
        {"webhooks": {"verify": {"type": "hmac", "header": "X-A", "message": "{timestamp}"}}},
        "webhooks.verify",
        "a message without {body}",
    ),
    "a time that is not signed": (
        {"webhooks": {"verify": {"type": "hmac", "header": "X-A", "timestamp_header": "X-T"}}},
        "webhooks.verify",
        "a timestamp that is not signed, or not sent",
    ),
    "an event of nothing": (
        {"webhooks": {"events": {"lamp_lit": {"path": "/x", "resource": "lamp"}}}},
        "webhooks.events.lamp_lit.resource",
        "a resource that is not described",
    ),
    "a fetch of what has no address": (
        {
            "resources": {"customers": {**LEAST["resources"]["customers"], "method": "POST"}},
            "webhooks": {"events": {"customer_changed": {"path": "/x", "fetch": "always"}}},
        },
        "webhooks.events.customer_changed.fetch",
        "nothing to fetch with",
    ),
    "a write without a look": (
        {
            "resources": {"customers": {**LEAST["resources"]["customers"], "method": "POST"}},
            "writeback": {"unsubscribe": {"endpoint": "/c/{external_id}"}},
        },
        "writeback.unsubscribe",
        "nobody looks before it writes",
    ),
    "a write of nobody": (
        {"writeback": {"unsubscribe": {"endpoint": "/optout", "json": {"a": "{emial}"}}}},
        "writeback.unsubscribe.json.a",
        "{emial}, which nothing is filled into",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_says_where_and_what(name):
    change, path, found = FAULTS[name]

    faults = faults_of({**LEAST, **change})

    assert path in faults, list(map(str, faults.values()))
    assert faults[path].found == found
    assert faults[path].remedy.endswith(".") or faults[path].remedy.endswith(":")
    assert "factory" not in "".join(map(str, faults.values()))


OF_CUSTOMERS = {
    "no email": ({"mapping": {"name": "name"}}, "mapping", "no email"),
    "a field that there is not": (
        {"mapping": {"email": "e", "fistName": "x"}},
        "mapping.fistName",
        "no field of a contact",
    ),
    "two spellings": (
        {"mapping": {"email": "e", "first_name": "a", "firstName": "b"}},
        "mapping.firstName",
        "the same field as first_name",
    ),
    "no path": ({"mapping": {"email": 7}}, "mapping.email.path", "expected a table, found a number"),
    "a long path": ({"mapping": {"email": "a" * 501}}, "mapping.email", "more than 500 characters"),
    "a transform that there is not": (
        {"mapping": {"email": "e", "note": {"path": "n", "transform": ["trin"]}}},
        "mapping.note.transform",
        "no transform",
    ),
    "a consent of four states": (
        {"mapping": {"email": "e", "consent.email": {"path": "c", "map": {"a": "maybe"}}}},
        "mapping.consent.email.map",
        "a state that there is not (maybe)",
    ),
    "a time of a name": (
        {"mapping": {"email": "e", "note": {"path": "n", "at": "t"}}},
        "mapping.note",
        "at or method, which say when and how somebody agreed",
    ),
    "a body of a GET": ({"json": {"a": 1}}, "json", "a body of a GET"),
    "a word of nothing": ({"params": {"a": "{sinc}"}}, "params.a", "{sinc}, which nothing is filled into"),
    "an id nowhere": ({"by_id": {"endpoint": "/c"}}, "by_id.endpoint", "an address without {id}"),
    "windows without an end": (
        {"incremental": {"cursor": "u", "since_param": "s", "max_window": "31d"}},
        "incremental.max_window",
        "windows that cannot be asked for",
    ),
    "a query": ({"endpoint": "/c?x=1"}, "endpoint", "a query in a path"),
    "another host": ({"endpoint": "https://evil.example/c"}, "endpoint", "no path that begins with a slash"),
    "a list below none": (
        {"for_each": {"resource": "x"}, "endpoint": "/x/{x.id}"},
        "for_each.resource",
        "a resource that is not described",
    ),
}


@pytest.mark.parametrize("name", OF_CUSTOMERS)
def test_a_fault_of_a_resource_says_where_and_what(name):
    change, path, found = OF_CUSTOMERS[name]

    faults = faults_of(with_customers(**change))

    told = {one: fault.found for one, fault in faults.items()}
    if name == "no path":
        assert any(one.startswith("resources.customers.mapping.email") for one in told)
        return
    assert told.get(f"resources.customers.{path}") == found, told


def test_a_list_of_what_nobody_knows_needs_a_target_and_two_of_one_kind_are_one_too_many():
    lamps = {"endpoint": "/lamps", "mapping": {"email": "email"}}

    assert "resources.lamps.target" in faults_of({**LEAST, "resources": {"lamps": lamps}})
    assert form_of({**LEAST, "resources": {"lamps": {**lamps, "target": "contact"}}})
    both = {**LEAST["resources"], "leads": lamps}
    assert faults_of({**LEAST, "resources": both})["resources.leads"].found == "a second list of contacts"


def test_a_pipe_before_or_is_warned_of():
    found = read(yaml.safe_dump(with_customers(mapping={"email": "emails[?primary].value | [0] || email"})), "x.yaml")

    assert "|| behind a |" in [one.found for one in found.warnings]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "the key is missing"),
        ("[]", "the file holds a list"),
        ("name: [", "not valid YAML here or in the line above"),
        ("a" * (LONGEST + 1), "more than 200,000 characters"),
        ("resources: {}", "expected at least one entry, found a table"),
        ("resources: [1]", "expected a table, found a list"),
        ("a: &a [*a]", "nested without end"),
    ],
)
def test_what_is_no_connector_file_says_so(text, found):
    assert found in [one.found for one in faults_of(text).values()]


def test_a_key_that_is_missing_is_told_with_what_stands_there():
    faults = faults_of({"name": "lamps", "resources": {"customers": {"mapping": {"email": "email"}}}})

    assert faults["resources.customers.endpoint"].remedy == "Write `endpoint: ...`, with a value behind it."


@pytest.mark.parametrize(
    ("event", "remedy"),
    [
        ("somebody_moved", "Write `resource: customers` in the event; until then what comes is parked."),
        ("order_placed", "Describe its resource; until then what comes is parked, and can be replayed."),
    ],
)
def test_an_event_that_no_resource_is_found_for_is_told_what_to_write(event, remedy):
    found = read(yaml.safe_dump({**LEAST, "webhooks": {"events": {event: {}}}}), "x.yaml")

    assert [one.remedy for one in found.warnings if one.path == f"webhooks.events.{event}"] == [remedy]


# no file makes the reader fail in another way

JUNK = [None, True, 0, -1, 1.5, "", "x", "a | b", "${", "${secret.x}", "{id}", "/", "none", [], [None], {}, {"a": {}}]
JUNK += [{"type": "none"}, {"path": 1}, ["a", 1], "31d", {1: 2}, "`", "a[", "\\", '"', "&", 10**30]


def places(value, path=()):
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


@given(data=st.data())
@settings(max_examples=250)
def test_a_file_that_is_broken_anywhere_gives_a_form_or_faults(data):
    document = yaml.safe_load(ACME)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from([one for one in places(document) if one]))
        parent = document
        for key in path[:-1]:
            parent = parent[key]
        odd = data.draw(st.sampled_from(JUNK))
        if data.draw(st.booleans()) and isinstance(parent, dict):
            parent[data.draw(st.sampled_from(["x", "type", "at", path[-1]]))] = odd
        else:
            parent[path[-1]] = odd

    assert_read(read(yaml.safe_dump(document), "x.yaml"))


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode(errors="replace")))
@settings(max_examples=150)
def test_any_text_gives_a_form_or_faults(text):
    assert_read(read(text, "x.yaml"))


@given(
    st.recursive(
        st.sampled_from(JUNK),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*Form.names(), "events", "type"]), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
@settings(max_examples=150)
def test_any_document_gives_a_form_or_faults(document):
    assert_read(read(json.dumps(document), "x.json"))


def assert_read(found):
    assert (found.form is None) == bool(found.faults)
    for one in (*found.faults, *found.warnings):
        assert isinstance(one, Fault)
        assert one.found
        assert one.remedy


# the schema


def test_the_schema_takes_the_example_and_no_unknown_key():
    validator = jsonschema.Draft202012Validator(json_schema())
    jsonschema.Draft202012Validator.check_schema(json_schema())

    assert not list(validator.iter_errors(yaml.safe_load(ACME)))
    assert list(validator.iter_errors({**yaml.safe_load(ACME), "versoin": 1}))


def test_the_example_says_which_keys_a_source_has():
    assert [(one.name, one.secret, one.required) for one in CONNECTOR.options] == [
        ("client_id", False, True),
        ("client_secret", True, True),
        ("webhook_secret", True, False),
    ]
    assert CONNECTOR.secret_keys == ("webhook_secret",)
    assert CONNECTOR.attributes == {"PLAN": "PLAN", "SINCE": "SINCE"}
