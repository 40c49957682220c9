"""A connector that `tajo new-connector` writes passes the contract suite, the linter and the types as it is created."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from customer_sync.cli import main
from tests.contract.cases import REPO
from tests.contract.test_tenth import copy_checkout, judge

NAME = "chair_shop"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    there = tmp_path_factory.mktemp("checkout")
    copy_checkout(there)
    result = CliRunner().invoke(
        main, ["new-connector", NAME, "--to", str(there / "connectors"), "--title", "Chair Shop"]
    )
    assert result.exit_code == 0, result.output
    return there


@pytest.mark.slow
def test_it_passes_the_contract_suite_as_it_is_created(checkout):
    code, said = judge(checkout, NAME)

    assert code == 0, said
    assert "skipped" not in said


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["check", "--extend-ignore", "I001"], ["format", "--check"]]
)  # ours is not beside it
def test_it_is_written_as_the_house_writes(checkout, words):
    folder = checkout / "connectors" / NAME
    command = [sys.executable, "-m", "ruff", *words, "--config", str(REPO / "pyproject.toml"), str(folder)]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_nothing_of_the_template_is_left(checkout):
    for path in (checkout / "connectors" / NAME).rglob("*"):
        if path.is_file() and path.parent.name != "__pycache__":
            assert "__platform__" not in path.read_text(encoding="utf-8")
            assert path.suffix != ".txt"
