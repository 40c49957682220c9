"""Files and answers that mean harm, or look as if: each is told clearly, and none costs more than it may."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest

from customer_sync.custom import paths
from customer_sync.custom.paths import compile_path
from customer_sync.custom.reading import LONGEST, MOST_FAULTS, ConnectorFaults, read, read_file
from customer_sync.errors import ConfigError, PayloadError
from customer_sync.kit.reach import Want
from tests.custom.bench import LEAST, Wire, connector, faults_of, form_of, pages, with_customers

LEAST_TEXT = """name: lamps
base_url: https://api.lamps.example
resources:
  customers: {endpoint: /customers, mapping: {email: email}}
"""


# a file that is too much


def test_a_file_of_five_megabytes_is_refused_without_reading_it_whole(tmp_path):
    path = tmp_path / "large.yaml"
    path.write_text(LEAST_TEXT + "# " + "a" * 5_000_000)

    with pytest.raises(ConnectorFaults, match=f"more than {LONGEST:,} characters"):
        read_file(path)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
TOO_MUCH = {
    "brackets that are never closed": (f"{LEAST_TEXT}x: {'[' * 3_000}", "nested deeper than can be read"),
    "brackets that are closed": (f"{LEAST_TEXT}x: {'[' * 3_000}{']' * 3_000}", "nested deeper than can be read"),
    "deep JSON": ('{"a":' * 3_000 + "1" + "}" * 3_000, "nested deeper than can be read"),
    "anchors that unfold": (LEAST_TEXT + BOMB, "nested without end"),
    "code": (f"{LEAST_TEXT}x: !!python/object/apply:os.system [ls]\n", "unknown key"),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_a_file_that_is_too_much_says_so(name):
    text, found = TOO_MUCH[name]

    assert found in [one.found for one in read(text, "x.yaml").faults]


def test_thousands_of_faults_are_told_in_a_moment_and_cut():
    keys = ", ".join(f"k{number}: 1" for number in range(5_000))
    began = time.monotonic()
    found = read(f"{LEAST_TEXT}http: {{{keys}}}", "x.yaml").faults

    assert time.monotonic() - began < 30
    assert len(found) == MOST_FAULTS + 1
    assert found[-1].found == "more faults follow"


@pytest.mark.parametrize("opening", ["'\\", '"\\', "/*"], ids=["quotes", "double quotes", "comments"])
def test_a_file_of_javascript_with_much_that_is_never_closed_is_told_in_a_moment(opening):
    began = time.monotonic()
    found = read("new ConnectorSDK({" + opening * 60_000, "x.js").faults

    assert time.monotonic() - began < 15  # looked through from each of them it is minutes
    assert found


# a record that takes long


def test_a_record_of_many_entries_is_not_gone_through_for_each(monkeypatch):
    sizes, real = [], json.dumps

    def dumps(*args, **more):
        text = real(*args, **more)
        sizes.append(len(text))
        return text

    monkeypatch.setattr(json, "dumps", dumps)
    explode = {"primary_key": "items.id", "transform": [{"explode": "items"}], "mapping": {"email": "items.email"}}
    row = {"note": "x" * 1_000, "items": [{"id": number} for number in range(50)]}
    (page,) = pages(connector(with_customers(**explode)), Wire(lambda _: {"data": [row]}))

    assert len(page.events) == 50
    assert sum(sizes) < 20 * len(real(row))  # for each entry it would be 50 times


# an expression that takes long


@pytest.mark.parametrize(
    "text",
    ["|".join(["[@,@][]"] * 30), "|".join(["join('',[@,@])"] * 20), "|".join(["{a:@,b:@}"] * 40)],
    ids=["lists", "texts", "tables"],
)
def test_an_expression_that_multiplies_is_refused_before_it_finds_anything(text):
    found = faults_of(with_customers(mapping={"email": "email", "note": text}))

    assert "it makes more copies of a record than there is memory" in [one.found for one in found.values()]


def test_a_search_that_takes_too_many_steps_is_the_fault_of_the_record(monkeypatch):
    monkeypatch.setattr(paths, "MOST_STEPS", 1_000)
    expression = compile_path("rows[?contains(name, 'x')].name | [0]")

    assert expression.find({"rows": [{"name": "x"}]}) == "x"
    with pytest.raises(PayloadError, match="a value that the expression does not fit"):
        expression.find({"rows": [{"name": "y"}] * 1_000})


# the next page is somewhere else


TRICKS = [
    "https://api.lamps.example@evil.example/customers",
    "https://api.lamps.example:443@evil.example/customers",
    "https://api.lamps.example\\@evil.example/customers",
    "https://api.lamps.example.evil.example/customers",
    "https://api.lаmps.example/customers",  # noqa: RUF001  # a Cyrillic a is the trick
    "https://xn--pi-7kc.lamps.example/customers",
    "https://api.lamps.example:8443/customers",
    "///evil.example/customers",
    "ftp://api.lamps.example/customers",
]


@pytest.mark.parametrize("url", TRICKS)
@pytest.mark.parametrize("way", ["next_url", "link_header"])
def test_a_next_page_that_looks_like_the_platform_never_gets_the_key(url, way):
    pagination = {"type": "link_header"} if way == "link_header" else {"type": "next_url", "path": "next"}
    wire = Wire(lambda asked: (200, {"data": [{"id": len(wire.asked)}], "next": url}, {"link": f'<{url}>; rel="next"'}))
    document = {**with_customers(pagination=pagination), "auth": {"type": "bearer"}}
    made, cursor = connector(document, token="key"), None
    for _ in range(3):
        try:
            cursor = made.pull(Want("customers", cursor), wire.access()).cursor
        except ConfigError as error:
            assert "leads to another host" in error.reason  # noqa: PT017  # it may also go on where it is
            break

    assert {one.url.split("?")[0].removeprefix("https://").split("/")[0] for one in wire.asked} == {"api.lamps.example"}


def test_a_redirect_is_not_followed():
    wire = Wire(lambda _: (302, {}, {"location": "https://evil.example/customers"}))

    with pytest.raises(ConfigError, match="sends its callers elsewhere"):
        pages(connector({**LEAST, "auth": {"type": "bearer"}}, token="key"), wire)
    assert len(wire.asked) == 1


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://user:pass@api.lamps.example", "a user or a password in an address (not shown)"),
        ("https://api.lаmps.example", "a host with other letters than a to z"),  # noqa: RUF001  # as above
        ("https://api.lamps.example\\@evil.example", "a user or a password in an address (not shown)"),
        ("javascript:alert(1)", "no address"),
    ],
)
def test_an_address_that_is_not_what_it_looks_like_is_a_fault(url, found):
    assert faults_of({**LEAST, "base_url": url})["base_url"].found == found


# secrets where nobody looks for them

LITERAL = {
    "a header of any name": ({"http": {"headers": {"X-Shop": "sk_live_1234567890abcdef"}}}, "http.headers.X-Shop"),
    "auth in a name": ({"http": {"headers": {"X-Auth": "abc"}}}, "http.headers.X-Auth"),
    "a prefix": ({"auth": {"type": "api_key", "prefix": "Bearer abcdefghijkl"}}, "auth.prefix"),
    "an address": ({"base_url": "https://api.lamps.example/shpat_0123456789abcdef"}, "base_url"),
    "a writing": (
        {"writeback": {"unsubscribe": {"endpoint": "/c/{external_id}", "json": {"auth": {"key": "abc"}}}}},
        "writeback.unsubscribe.json.auth.key",
    ),
}
LITERAL_OF_CUSTOMERS = {
    "a parameter": ({"params": {"key": "abc"}}, "params.key"),
    "a session": ({"params": {"sid": "abc"}}, "params.sid"),
    "a body": ({"method": "POST", "json": {"login": {"password": "abc"}}}, "json.login.password"),
    "a token in a list": ({"method": "POST", "json": {"x": ["eyJhbGciOi.eyJzdWIiOiIxMjM0NTY3ODkwIn0"]}}, "json.x[0]"),
}


@pytest.mark.parametrize("name", [*LITERAL, *LITERAL_OF_CUSTOMERS])
def test_a_secret_in_the_file_is_found_whatever_its_key_and_not_shown(name):
    if name in LITERAL:
        change, path = LITERAL[name]
        found = faults_of({**LEAST, **change})
    else:
        more, below = LITERAL_OF_CUSTOMERS[name]
        path, found = f"resources.customers.{below}", faults_of(with_customers(**more))

    assert found[path].found == "a secret that stands in the file (not shown)"
    assert not any(word in str(found[path]) for word in ("abc", "sk_live", "shpat", "eyJ"))


@pytest.mark.parametrize(
    "params",
    [{"sort_key": "id"}, {"keyword": "x"}, {"location": "5f3c9a2e-1b2c-4d5e-8f90-123456789abc"}, {"author": "x"}],
)
def test_what_only_sounds_like_a_secret_is_none(params):
    assert form_of(with_customers(params=params))


# what would break out of a header


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "a\x7fb"])
def test_a_header_of_two_lines_is_a_fault_of_the_file(value):
    found = faults_of({**LEAST, "http": {"headers": {"X-Lamps": value}}})

    assert any(one.startswith("http.headers") or one == "" for one in found)


@pytest.mark.parametrize("name", ["X Lamps", "X-Lamps\r\nX-Evil", "", "X:Y"])
def test_a_header_needs_a_name(name):
    assert any(one.startswith("http.headers") for one in faults_of({**LEAST, "http": {"headers": {name: "a"}}}))


@pytest.mark.parametrize(
    "document",
    [
        {**LEAST, "http": {"headers": {"X-Lamps": "${config.token}"}}},
        {**LEAST, "auth": {"type": "bearer"}},
        {**LEAST, "auth": {"type": "api_key", "value": "${secret.token}"}},
    ],
)
def test_a_key_with_a_line_break_says_so_and_is_not_sent(document):
    wire = Wire(lambda _: [])

    with pytest.raises(ConfigError, match="holds a line break") as found:
        pages(connector(document, token="k3y\n"), wire)
    assert "k3y" not in str(found.value)
    assert not wire.asked


# a file that does nothing


def test_a_filter_that_leaves_everybody_out_is_told():
    made = connector(with_customers(pagination={"type": "none"}, transform=[{"filter": "actve"}]))
    rows = [{"id": 1, "email": "a@example.com", "active": True}]
    (page,) = pages(made, Wire(lambda _: rows))
    (finding,) = made.check(Wire(lambda _: rows).access())

    assert page.notes == ("customers: transform leaves out every record of a page: is that meant?",)
    assert (finding.verdict, finding.cause) == ("warn", page.notes[0])


def test_a_drop_of_what_is_not_mapped_is_a_fault():
    found = faults_of(with_customers(transform=[{"drop_if_missing": ["emial"]}]))

    assert found["resources.customers.transform[0].drop_if_missing"].remedy == "Did you mean email? Choices: email."


def test_a_mapping_that_finds_no_address_is_told():
    rows = [{"id": number, "contact": {"email": "a@example.com"}} for number in (1, 2)]
    (page,) = pages(connector(with_customers(pagination={"type": "none"})), Wire(lambda _: rows))

    assert page.notes == ("customers: no record of a page has an address: is mapping.email right?",)


def test_a_list_in_another_order_than_the_file_says_is_read_to_its_end_and_told():
    rows = [
        {"id": 1, "email": "a@example.com", "at": "2026-11-20"},
        {"id": 2, "email": "b@example.com", "at": "2026-11-01"},
    ]
    rows += [{"id": 3, "email": "c@example.com", "at": "2026-11-19"}]
    step = {"cursor": "at", "order": "desc"}
    pagination = {"type": "cursor", "next": "next", "send_as": "after"}
    wire = Wire(lambda asked: {"data": rows, "next": 1} if not asked.query else {"data": [{**rows[0], "id": 4}]})
    made = connector(with_customers(pagination=pagination, incremental=step))

    found = pages(made, wire, datetime(2026, 11, 14, tzinfo=UTC))

    assert [one.record_id for page in found for one in page.events] == ["1", "3", "4"]
    assert "not in the order that the file says (desc)" in found[0].notes[0]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"http": {"retry": {"on_status": [502], "backoff": "constant"}}}, "http.retry.backoff"),
        ({"http": {"rate_limit": {"requests": 1, "reset_header": "X-R"}}}, "http.rate_limit.reset_header"),
        (
            {"http": {"errors": [{"when": {"status": 404}, "action": "fail", "wait_seconds": 3}]}},
            "http.errors[0].wait_seconds",
        ),
        ({"auth": {"type": "api_key", "in": "query", "prefix": "x"}}, "auth.prefix"),
    ],
)
def test_a_key_that_would_do_nothing_is_a_fault(change, path):
    assert path in faults_of({**LEAST, **change})


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"pagination": {"type": "page", "size": 50}}, "pagination.size"),
        ({"pagination": {"type": "none", "max_pages": 5}}, "pagination.max_pages"),
        ({"pagination": {"type": "page", "full_pages": True}}, "pagination.full_pages"),
        ({"pagination": {"type": "offset", "more": "more", "stop": "empty"}}, "pagination.stop"),
        ({"pagination": {"type": "cursor", "next": "n", "send_as": "c", "in": "body"}}, "pagination.in"),
        ({"incremental": {"cursor": "at", "until_param": "to"}}, "incremental.until_param"),
        ({"params": {"q": "{since}"}}, "incremental"),
        ({"endpoint": "/c/{since}", "incremental": {"cursor": "at"}}, "endpoint"),
        ({"primary_key": "uid", "mapping": {"email": "email", "external_id": "id"}}, "primary_key"),
    ],
)
def test_a_key_of_a_resource_that_would_do_nothing_is_a_fault(more, path):
    assert f"resources.customers.{path}" in faults_of(with_customers(**more))
