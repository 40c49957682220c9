"""A source is put into the text of a config, and every other byte stays."""

from __future__ import annotations

import pytest
import yaml

from customer_sync.config.edit import CannotEdit, reference, scalar, with_source, written_source

KEYS = {"shop_url": '"a.example"', "api_key": reference("KEY")}

#: What stands in the file → what stands in it afterwards.
NEW = {
    "": 'connectors:\n  shop:\n    shop_url: "a.example"\n    api_key: "${KEY}"\n',
    "# mine\n": '# mine\nconnectors:\n  shop:\n    shop_url: "a.example"\n    api_key: "${KEY}"\n',
    "debug: true": 'debug: true\nconnectors:\n  shop:\n    shop_url: "a.example"\n    api_key: "${KEY}"\n',
    "connectors:\n": 'connectors:\n  shop:\n    shop_url: "a.example"\n    api_key: "${KEY}"\n',
    "connectors: ~ # later\ndebug: no\n": 'connectors:  # later\n  shop:\n    shop_url: "a.example"\n    '
    'api_key: "${KEY}"\ndebug: no\n',
    "connectors: {}\n": 'connectors: {shop: {shop_url: "a.example", api_key: "${KEY}"}}\n',
    "connectors: {b: {x: 1}} # c\n": 'connectors: {b: {x: 1}, shop: {shop_url: "a.example", api_key: "${KEY}"}} # c\n',
    "{debug: true}\n": '{debug: true, connectors: {shop: {shop_url: "a.example", api_key: "${KEY}"}}}\n',
    "connectors:\n    b:\n        x: '1' # one\n\n# about skills\nskills:\n    s: {}\n": (
        "connectors:\n    b:\n        x: '1' # one\n    shop:\n        shop_url: \"a.example\"\n"
        '        api_key: "${KEY}"\n\n# about skills\nskills:\n    s: {}\n'
    ),
    "connectors:\r\n  b: {x: 1}\r\ndebug: no\r\n": (
        'connectors:\r\n  b: {x: 1}\r\n  shop:\r\n    shop_url: "a.example"\r\n    api_key: "${KEY}"\r\ndebug: no\r\n'
    ),
    "a: &base {x: 1}\nconnectors:\n  b: *base\n": (
        'a: &base {x: 1}\nconnectors:\n  b: *base\n  shop:\n    shop_url: "a.example"\n    api_key: "${KEY}"\n'
    ),
    "connectors:\n  b:\n    note: |\n      two\n      lines\n\ndebug: no\n": (
        'connectors:\n  b:\n    note: |\n      two\n      lines\n\n  shop:\n    shop_url: "a.example"\n'
        '    api_key: "${KEY}"\ndebug: no\n'
    ),
}


@pytest.mark.parametrize("before", NEW)
def test_a_new_source_stands_behind_the_others_and_nothing_else_changes(before):
    assert with_source(before, "shop", KEYS) == NEW[before]


#: The same for a source that is there.
KNOWN = {
    "connectors:\n  shop:\n    shop_url: old # mine\n    sync: {orders: no}\n": (
        'connectors:\n  shop:\n    shop_url: "a.example" # mine\n    sync: {orders: no}\n    api_key: "${KEY}"\n'
    ),
    "connectors: {shop: {shopUrl: 'old', }}\n": 'connectors: {shop: {shopUrl: "a.example", api_key: "${KEY}"}}\n',
    "connectors:\n  shop:\n  b: 1\n": (
        'connectors:\n  shop:\n    shop_url: "a.example"\n    api_key: "${KEY}"\n  b: 1\n'
    ),
    "connectors:\n  shop:\n    url:\n    key: x\n": (
        'connectors:\n  shop:\n    url: "a.example"\n    key: x\n    api_key: "${KEY}"\n'
    ),
}


@pytest.mark.parametrize("before", KNOWN)
def test_keys_of_a_source_are_set_where_they_stand(before):
    assert with_source(before, "shop", KEYS, {"shop_url": ("url",)}) == KNOWN[before]


@pytest.mark.parametrize(
    "text",
    [
        "connectors: [a]\n",
        "- a\n",
        "connectors: {\n",
        "b: &b {x: 1}\nconnectors: *b\n",
        "b: &b {x: 1}\nconnectors:\n  shop: *b\n",
        "connectors:\n  shop:\n    shop_url: [a, b]\n",
        "connectors:\n  shop: &a x\n",
    ],
)
def test_what_cannot_be_changed_alone_is_not_changed(text):
    with pytest.raises(CannotEdit):
        with_source(text, "shop", KEYS)


def test_single_values_of_a_source_are_read_as_they_are_written():
    assert written_source("connectors: {shop: {shopUrl: a, list: [1], api-key: '${K}'}}", "shop") == {
        "shop_url": "a",
        "api_key": "${K}",
    }
    assert written_source("connectors:\n", "shop") is None


@pytest.mark.parametrize(
    "value", ["a", "1", "0123", "true", "no", "${A}", 'a"b\\', "2024-10", "ä: #", "1e5", "3.5", ""]
)
def test_a_value_comes_back_as_the_text_that_was_given(value):
    read = yaml.compose(f"key: {scalar(value)}\n").value[0][1].value

    assert read.replace("$${", "${") == value
