"""`tajo run` without a config, as a newcomer starts it: shops to pull and to reconcile, fair weather and foul."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from itertools import pairwise

import pytest

from customer_sync.base.embedded import free_port
from tests.docs.pages import blocks, commands, fits
from tests.reliability.servers import wait_until

pytestmark = pytest.mark.slow
SANDBOX = re.compile(r"Sandbox\s+(http://[^/\s]+)")


class Newcomer:
    """Somebody with an empty folder."""

    def __init__(self, folder):
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TAJO_", "BREVO_"))}
        self.env = kept | {"COLUMNS": "200"}
        self.log = folder / "log"
        self.began = time.monotonic()
        words = [sys.executable, "-m", "customer_sync", "run", "--port", str(free_port())]
        with self.log.open("w") as out:
            self.process = subprocess.Popen(words, cwd=folder, env=self.env, stdout=out, stderr=out)
        self.brevo = ""

    def told(self):
        return self.log.read_text()

    def is_up(self):
        found = SANDBOX.search(self.told())
        self.brevo = found[1] if found else ""
        return found

    def contacts(self):
        try:
            with urllib.request.urlopen(f"{self.brevo}/sandbox/state", timeout=5) as answer:
                return json.load(answer)["contacts"]
        except OSError:
            return []

    def tajo(self, *words, codes=(0,)):
        done = subprocess.run(
            [sys.executable, "-m", "customer_sync", *words],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode in codes, (words, done.stdout, done.stderr, self.told())
        return json.loads(done.stdout) if "--json" in words else done.stdout

    def leave(self):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory):
    somebody = Newcomer(tmp_path_factory.mktemp("newcomer"))
    yield somebody
    somebody.leave()


def test_the_first_customer_is_in_the_sandbox_soon_and_everything_is_in_the_demos_own_folder(newcomer):
    wait_until(newcomer.is_up, newcomer.told)
    wait_until(newcomer.contacts, newcomer.told)

    assert (newcomer.folder / ".tajo" / "demo" / "demo.yaml").exists()
    assert [path.name for path in (newcomer.folder / ".tajo").iterdir()] == ["demo"]


def test_the_tutorial_tells_what_is_printed(newcomer):
    wait_until(lambda: newcomer.tajo("parked", "list", "--json")["items"], newcomer.told, 90)
    wait_until(lambda: stopped(newcomer), newcomer.told, 120)
    wait_until(lambda: "jonas.weber@mail.example" in phones(newcomer), newcomer.told)
    tried = 0
    for block, after in pairwise(blocks("docs/tutorial.md")):
        if after.language == "text":
            (command,) = commands(block.text)
            printed = newcomer.tajo(*shlex.split(command)[1:])
            assert fits(after.text, printed) is None, (command, fits(after.text, printed), printed)
            tried += 1

    assert tried >= 6


def test_a_contact_is_parked_with_a_remedy_that_helps(newcomer):
    wait_until(lambda: newcomer.tajo("parked", "list", "--json")["items"], newcomer.told, 90)
    (parked,) = newcomer.tajo("parked", "list", "--json")["items"]

    newcomer.tajo("parked", "replay", parked["id"])

    assert "Add credit" in str(parked)
    wait_until(lambda: not newcomer.tajo("parked", "list", "--json")["items"], newcomer.told, 30)


def test_the_brake_stops_a_run_and_the_other_shop_can_be_pulled_and_reconciled(newcomer):
    wait_until(lambda: stopped(newcomer), newcomer.told, 120)
    wait_until(lambda: not under_way(newcomer), newcomer.told, 120)
    dry = newcomer.tajo("connectors", "sync", "shopify", "--dry-run", "--full")
    real = newcomer.tajo("connectors", "sync", "shopify", "--full")
    # 6: the customers move on meanwhile, and who waits is not in sync yet
    receipt = newcomer.tajo("reconcile", "shopify", "--json", codes=(0, 6))

    assert {run["source"] for run in stopped(newcomer)} == {"woocommerce"}
    assert "Nothing was sent" in dry
    assert "is done" in real
    assert 0.9 < receipt["in_sync"] <= 1


def test_who_leaves_in_the_sandbox_is_heard_of_at_once_and_the_shops_are_told(newcomer):
    wait_until(lambda: mailable(newcomer), newcomer.told)
    email = mailable(newcomer)[0]
    body = json.dumps({"email": email}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{newcomer.brevo}/sandbox/acts/unsubscribe", body, headers)
    urllib.request.urlopen(request, timeout=5).close()

    wait_until(lambda: is_told(newcomer, email), newcomer.told)


def test_one_of_two_people_with_the_same_phone_is_sent_without_it(newcomer):
    wait_until(lambda: {"marta.weber@mail.example", "jonas.weber@mail.example"} <= set(phones(newcomer)), newcomer.told)

    numbers = [phones(newcomer)[f"{one}.weber@mail.example"] for one in ("marta", "jonas")]
    assert sorted(map(bool, numbers)) == [False, True]


def phones(newcomer):
    return {one["email"]: one["attributes"].get("SMS") for one in newcomer.contacts()}


def stopped(newcomer):
    return [run for run in newcomer.tajo("runs", "list", "--json")["items"] if run["state"] == "stopped"]


def under_way(newcomer):
    return [
        run for run in newcomer.tajo("runs", "list", "--json")["items"] if run["state"] in ("running", "delivering")
    ]


def mailable(newcomer):
    return [one["email"] for one in newcomer.contacts() if one["listIds"] and not one["emailBlacklisted"]]


def is_told(newcomer, email):
    """Whether each of the shops in which somebody is was told that they left."""
    states = {row["state"] for row in newcomer.tajo("contacts", "explain", email, "--json")["write_backs"]}
    return states and states <= {"written", "unchanged", "unsupported", "gone"}
