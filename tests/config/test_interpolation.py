"""`${VAR}`, its default, its escape."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_sync.config.faults import Wrong
from customer_sync.config.interpolate import escape, interpolate

ENV = {"A": "one", "B_2": "two", "EMPTY": "", "TRICK": "${A}"}
NAMES = st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("${A}", "one"),
        ("x${A}y${B_2}z", "xoneytwoz"),
        ("${NO:-default}", "default"),
        ("${NO:-}", ""),
        ("${EMPTY}", ""),
        ("${EMPTY:-default}", "default"),
        ("${A:-default}", "one"),
        ("${NO:-a:-b}", "a:-b"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("$A $ $$ {A} }", "$A $ $$ {A} }"),
        ("${TRICK}", "${A}"),
    ],
)
def test_a_text_is_filled_in(text, filled):
    assert interpolate(text, ENV) == filled


@pytest.mark.parametrize("text", ["${NO}", "${}", "${ A }", "${1A}", "${A", "${A:?b}", "${A-b}", "${NO:-${A}}"])
def test_what_cannot_be_filled_in_is_refused(text):
    with pytest.raises(Wrong):
        interpolate(text, ENV)


@given(st.text(alphabet=st.sampled_from("${}:-Aa_ x\n")) | st.text())
def test_an_escaped_text_comes_back_as_it_was(text):
    assert interpolate(escape(text), {}) == text


@given(st.lists(st.tuples(st.text(alphabet="ab {}$.\n"), NAMES, st.text())))
def test_every_variable_is_filled_in_and_its_value_never_looked_at_again(parts):
    env = {name: value for _, name, value in parts}
    parts = [(plain.rstrip("$"), name) for plain, name, _ in parts]
    text = "".join(escape(plain) + f"${{{name}}}" for plain, name in parts)

    assert interpolate(text, env) == "".join(plain + env[name] for plain, name in parts)


@given(NAMES, st.text().filter(lambda text: "}" not in text and "${" not in text))
def test_a_default_stands_in_for_what_is_not_set(name, default):
    assert interpolate(f"${{{name}:-{default}}}", {}) == default
