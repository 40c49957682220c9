"""The sentence that each mistake gets; most of them stand in wording.txt."""

from __future__ import annotations

from pathlib import Path

import pytest

TABLE = (Path(__file__).parent / "wording.txt").read_text(encoding="utf-8")


def rows():
    """Return (config, faults) for each block of the table."""
    blocks = [block.strip("\n").split("\n") for block in TABLE.split("\n\n")]
    return [
        pytest.param(
            "\n".join(line for line in block if not line.startswith("=> ")),
            [line.removeprefix("=> ") for line in block if line.startswith("=> ")],
            id=block[0],
        )
        for block in blocks
        if any(line.startswith("=> ") for line in block)
    ]


@pytest.mark.parametrize(("text", "sentences"), rows())
def test_every_mistake_has_its_sentence(faults, text, sentences):
    assert faults(text, HOME="/") == sentences


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("connectors:\n\tshopify: 1", "tajo.yaml:2: a tab in the indentation. Indent with spaces."),
        ("api_key: 1\nsecret\n", "tajo.yaml:2: a key without a colon. Write it as key: value."),
        ("debug: true\n\x07", "tajo.yaml:2: a character that YAML does not allow. Remove it."),
    ],
)
def test_what_a_table_cannot_show_has_its_sentence_too(faults, text, sentence):
    assert faults(text) == [sentence]


def test_a_variable_with_a_wrong_value_is_a_fault_of_the_environment(faults):
    assert faults("", TAJO_DEBUG="maybe", BREVO_API_URL="nowhere") == [
        "environment: BREVO_API_URL: found 'nowhere'. Write a whole address: https://...",
        "environment: TAJO_DEBUG: found 'maybe'. Write true or false.",
    ]
