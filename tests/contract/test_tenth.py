"""One folder is a whole connector: dropped into a checkout it is found and judged, and the suite sees its faults."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.cases import REPO

TENTH = Path(__file__).parent / "tenth"
PLATFORM = "garden"
#: Where the tests are that see the faults.
FILES = ("test_connectors.py", "test_pull.py", "test_withdrawals.py")
#: What is wrong → what is written in the place of what, and the test that must see it.
FAULTS = {
    "the last page is dropped": (
        'cursor = {"after": found["next"]} if found["more"] else None',
        'cursor = {"after": found["next"]} if found["more"] and found["next"] < 20 else None',
        "test_everybody_comes_in_several_pages",
    ),
    "the cursor is ignored": (
        'after = int(str((want.cursor or {}).get("after", 0)))',
        "after = 0",
        "test_everybody_comes_in_several_pages",
    ),
    "the place is kept in the process": (
        'after = int(str((want.cursor or {}).get("after", 0)))',
        'after = GardenConnector.at = 0 if want.cursor is None else getattr(GardenConnector, "at", 0) + 5',
        "test_a_pull_goes_on_from_any_cursor",
    ),
    "what was sent is not verified": (
        "verify_token(inbound.path, secrets)",
        "pass",
        "test_a_request_signed_with_another_secret_is_refused",
    ),
    "who is gone is there": (
        'return self._read(found["customers"], access)',
        'return self._read([{"id": int(one), "updatedAt": "2026-11-21T10:00:00Z"} for one in known], access)',
        "test_who_is_gone_is_absent",
    ),
    "webhooks that are off stay off": (
        'elif hook["url"] != url or not hook["on"]:',
        'elif hook["url"] != url:',
        "test_a_webhook_that_is_not_well_is_repaired",
    ),
    "webhooks stay at an old address": (
        'elif hook["url"] != url or not hook["on"]:',
        'elif not hook["on"]:',
        "test_webhooks_follow_to_a_new_address",
    ),
    "webhooks of others are taken over": (
        'if one["url"].partition("://")[2].partition("/")[2] == place}',
        "}",
        "test_webhooks_of_others_are_left_alone",
    ),
    "an error counts as an empty page": (
        'raise Unavailable(f"Garden answers {reply.status}.")',
        'return {"customers": [], "more": False, "hooks": []}',
        "test_everybody_comes_whatever_goes_wrong",
    ),
    "a page that comes twice is taken": (
        'or any(row["id"] <= after for row in rows)',
        "",
        "test_everybody_comes_whatever_goes_wrong",
    ),
    "a wrong key is called good": (
        'return [Finding("key", "fail", error.reason, error.remedy)]',
        'return [Finding("key", "ok", "it opens the API")]',
        "test_a_wrong_key_says_so",
    ),
    "the key is shown": (
        "raise ConfigError(*WRONG_KEY)",
        'raise ConfigError(f"Garden refuses {self.settings.options}.", WRONG_KEY[1])',
        "test_a_wrong_key_says_so",
    ),
    "it takes every request for its own": (
        "return inbound.body.lstrip().startswith(b'{\"garden\"')",
        "return True",
        "test_a_request_is_recognised",
    ),
    "a withdrawal is lost with a broken name": (
        "return hear(partial(read, node, outline), node, SUBJECT, outline)",
        "return [read(node, outline)]",
        "test_a_withdrawal_is_heard_whatever_else_is_broken",
    ),
    "the body is said to be proven": ("    signs_body = False\n", "", "test_one_flipped_bit_of_the_body_is_refused"),
}


NAMES = {fault: f"{PLATFORM}{number:02d}" for number, fault in enumerate(FAULTS)}
#: One without a fault, beside them.
WELL = f"{PLATFORM}well"
SKIP = shutil.ignore_patterns("__pycache__", "tenth", "test_tenth.py")


def copy_checkout(to):
    """Copy the checkout's connectors and the suite; the product is the one under test."""
    # what connectors' own tests share (`tests/fakes`) is no part of their folders
    for folder in ("connectors", "tests/contract", "tests/stores", "tests/fakes"):
        shutil.copytree(REPO / folder, to / folder, ignore=SKIP)
    for name in ("pyproject.toml", "conftest.py", *(f"tests/{path.name}" for path in (REPO / "tests").glob("*.py"))):
        shutil.copy(REPO / name, to / name)


def drop_in(checkout, name=PLATFORM, right="", wrong=""):
    """Drop the tenth connector in, under a name, with something else in the place of what is right."""
    folder = checkout / "connectors" / name
    shutil.copytree(TENTH / PLATFORM, folder, ignore=SKIP)
    for path in (one for one in folder.rglob("*") if one.is_file()):
        path.write_text(path.read_text(encoding="utf-8").replace(PLATFORM, name), encoding="utf-8")
    code = (folder / "connector.py").read_text(encoding="utf-8")
    assert right.replace(PLATFORM, name) in code
    if right:
        changed = code.replace(right.replace(PLATFORM, name), wrong.replace(PLATFORM, name))
        (folder / "connector.py").write_text(changed, encoding="utf-8")


def judge(checkout, words, *files):
    """Run the contract suite, or some of its files, on what the words name; return its exit code and what it says."""
    where = [f"tests/contract/{name}" for name in files] or ["tests/contract"]
    command = [sys.executable, "-m", "pytest", *where, "-k", words, "-q", "-p", "no:cacheprovider", "--tb=line"]
    env = os.environ | {"PYTHONPATH": str(checkout), "HYPOTHESIS_STORAGE_DIRECTORY": str(checkout / "hypothesis")}
    done = subprocess.run(command, cwd=checkout, env=env, capture_output=True, text=True, check=False, timeout=200)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def checkout(tmp_path):
    """A checkout with a tenth connector."""
    copy_checkout(tmp_path)
    drop_in(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """What the suite says of one connector for each fault: the tests that are meant for it, and how they ended."""
    there = tmp_path_factory.mktemp("faults")
    copy_checkout(there)
    words = []
    for fault, (right, wrong, seen_by) in FAULTS.items():
        drop_in(there, NAMES[fault], right, wrong)
        words.append(f"({NAMES[fault]} and {seen_by})")
    drop_in(there, WELL)
    # a fault of another, which takes every request for its own, is seen at this one, too
    asked = " or ".join({seen_by for _, _, seen_by in FAULTS.values()} - {"test_a_request_is_recognised"})
    words.append(f"({WELL} and ({asked}))")
    return judge(there, " or ".join(words), *FILES)[1]


@pytest.mark.slow
def test_a_tenth_folder_is_found_and_judged_like_the_others(checkout):
    code, said = judge(checkout, PLATFORM)

    assert code == 0, said
    assert int(re.search(r"(\d+) passed", said)[1]) > 100
    assert "skipped" not in said


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_the_suite_sees_the_fault(judged, fault):
    seen_by = FAULTS[fault][2]

    assert re.search(rf"FAILED \S+::{seen_by}\w*\[[^\]]*{NAMES[fault]}", judged), judged


@pytest.mark.slow
def test_one_without_a_fault_passes_the_same_tests(judged):
    assert "passed" in judged
    assert WELL not in "".join(line for line in judged.splitlines() if line.startswith(("FAILED", "ERROR")))


@pytest.mark.slow
def test_the_list_of_connectors_has_the_tenth(checkout):
    ask = "from customer_sync import registry; print(registry.connectors_table(), dict(registry.broken()))"
    env = os.environ | {"PYTHONPATH": str(checkout)}
    done = subprocess.run(
        [sys.executable, "-c", ask], cwd=checkout, env=env, capture_output=True, text=True, check=True
    )

    assert "| [Garden](connectors/garden/README.md) | customers | customers | no consent |" in done.stdout
    assert done.stdout.rstrip().endswith("{}")


@pytest.mark.slow
def test_a_connector_that_can_be_pulled_and_brings_no_description_is_told_so(checkout):
    (checkout / "connectors" / PLATFORM / "tests" / "contract.py").unlink()

    code, said = judge(checkout, PLATFORM, "test_pull.py")

    assert code != 0
    assert "connectors.garden.tests" in said
