"""How the tests share the machine: what `conftest.py` at the top promises."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import computing, pytest_configure  # the one at the top

ROOT = Path(__file__).parent.parent
TESTS = """
import os, time
from pathlib import Path
import pytest

LOG = Path(os.environ["SEEN"])

def during(what):
    with LOG.open("a") as log:
        log.write(f"{what} in\\n")
        log.flush()
        time.sleep(0.02)
        log.write(f"{what} out\\n")

@pytest.mark.parametrize("n", range(4))
def test_in_company(n):
    during(f"{Path(__file__).stem}")

@pytest.mark.alone
def test_alone():
    during("alone")

@pytest.mark.parametrize("n", range(4))
def test_in_company_again(n):
    during(f"{Path(__file__).stem}")
"""
SLOW = "import pytest\n\n@pytest.mark.slow\ndef test_slow():\n    pass\n"


@pytest.fixture
def run(tmp_path):
    """Return a function that runs some files of tests below our `conftest.py`; gives what pytest says, line by line."""
    (tmp_path / "checkout").mkdir()
    shutil.copy(ROOT / "conftest.py", tmp_path / "checkout")
    (tmp_path / "checkout" / "pytest.ini").write_text("[pytest]\nmarkers =\n  alone\n  slow\n")

    def call(files, *words):
        for name, text in files.items():
            path = tmp_path / "checkout" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
        env = {"SEEN": str(tmp_path / "seen"), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            command, cwd=tmp_path / "checkout", env=env, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    return call


@pytest.mark.slow
def test_a_test_that_measures_time_has_the_machine_for_itself(run, tmp_path):
    run({f"test_{name}.py": TESTS for name in "abc"}, "-n", "3")

    seen = (tmp_path / "seen").read_text().splitlines()
    at = [index for index, line in enumerate(seen) if line == "alone in"]
    assert len(at) == 3
    assert [seen[index + 1] for index in at] == ["alone out"] * 3
    inside, most = 0, 0
    for line in seen:
        inside += 1 if line.endswith(" in") else -1
        most = max(most, inside)
        assert not line.startswith("alone") or inside <= 1
    assert most > 1  # the others do run at the same time


@pytest.mark.slow
def test_those_that_measure_time_wait_for_each_other_in_one_process(run, tmp_path):
    text = """
import os
from pathlib import Path
import pytest

def say(word):
    with Path(os.environ["SEEN"]).open("a") as log:
        log.write(f"{word}{os.getpid()}\\n")

@pytest.mark.alone
def test_alone():
    say("alone ")

@pytest.mark.parametrize("n", range(4))
def test_in_company(n):
    say("")
"""
    run({f"test_{name}.py": text for name in "abc"}, "-n", "3")

    seen = (tmp_path / "seen").read_text().splitlines()
    alone = [line for line in seen if line.startswith("alone")]
    assert len(alone) == 3
    assert len(set(alone)) == 1
    assert len(set(seen) - set(alone)) == 3


def test_files_with_slow_tests_come_first(run):
    order = run({"test_a.py": "def test_quick(): pass\n", "test_b.py": SLOW}, "--collect-only")

    assert order[:2] == ["test_b.py::test_slow", "test_a.py::test_quick"]


@pytest.mark.slow
def test_what_waits_and_what_works_begin_in_processes_of_their_own(run, tmp_path):
    text = """
import os
from pathlib import Path
import pytest

def test_it():
    with Path(os.environ["SEEN"]).open("a") as log:
        log.write(f"{Path(__file__).stem} {os.environ['PYTEST_XDIST_WORKER']}\\n")
"""
    slow = text.replace("def test_it", "@pytest.mark.slow\ndef test_it")
    quick = {f"test_quick{number}.py": text for number in range(3 * computing())}

    run({"test_slow.py": slow, **quick}, "-n", str(computing() + 1))

    seen = dict(line.split() for line in (tmp_path / "seen").read_text().splitlines())
    assert len(seen) == len(quick) + 1
    assert seen["test_slow"] == f"gw{computing()}"


def test_properties_have_all_the_time_that_they_need_when_they_explore(run, monkeypatch):
    config = type("Config", (), {"option": type("Options", (), {"timeout": 5})()})()
    monkeypatch.delenv("TAJO_EXPLORE", raising=False)
    pytest_configure(config)
    assert config.option.timeout == 5
    monkeypatch.setenv("TAJO_EXPLORE", "10000")
    pytest_configure(config)
    assert config.option.timeout == 0
