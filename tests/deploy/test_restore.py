"""Backup and restore as docs/running.md says, by its own commands; and what an old copy makes us believe."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from customer_sync.brevo.contacts.contact_plan import view
from customer_sync.store import connect
from customer_sync.store.spool import Spool
from customer_sync.store.vault import SecretKey
from tests.deploy.installation import PASSWORD, RedisServer
from tests.deploy.written import ROOT
from tests.engine.test_addresses import GRANTED, consent, customer, opt_in, seen, unsubscribed
from tests.programs import need
from tests.rig import LIST, Rig, at

WITHDRAWN = GRANTED.WITHDRAWN
ANN = "ann@example.com"


def block(name: str) -> str:
    """Return the shell commands below a heading of docs/running.md."""
    page = (ROOT / "docs" / "running.md").read_text()
    (found,) = re.findall(rf"^### {name}\n.*?```sh\n(.*?)```", page, re.MULTILINE | re.DOTALL)
    return str(found)


class Site:
    """A Redis that can be lost and brought back, and a line over it.

    Args:
        folder: where everything is kept.
    """

    def __init__(self, folder: Path) -> None:
        tools = folder / "bin" / "redis-cli"
        tools.parent.mkdir()
        self.home = folder / "home"
        self.home.mkdir()
        self.copy = folder / "copy"
        self._folder = folder
        self.server = RedisServer(folder / "data")
        tools.write_text(f'#!/bin/sh\nexec {need("redis-cli")} -p {self.server.port} "$@"\n')
        tools.chmod(0o755)
        self.rig = Rig(connect(self.server.url))

    def back_up(self) -> None:
        """Copy everything, while it works."""
        self._shell(block("Back up"))

    def lose(self) -> None:
        """Lose the machine of Redis, with its disk, and the home folder."""
        self.server.kill()
        shutil.rmtree(self.server.folder)
        self.server.folder.mkdir()
        shutil.rmtree(self.home)

    def restore(self) -> None:
        """Bring the copy back into empty folders."""
        before, after = re.split(r"^redis-server .*$", block("Restore"), maxsplit=1, flags=re.MULTILINE)
        self._shell(before)
        self.server.start("appendonly no")
        (export,) = re.findall(r"^export .*$", before, re.MULTILINE)  # a shell of its own begins here
        self._shell(f"{export}\n{after}")
        self.server.ended()
        self.server.start()
        self.rig.client.connection_pool.disconnect()

    def _shell(self, text: str) -> None:
        for old, new in {
            "/var/lib/redis": self.server.folder,
            "/var/lib/tajo": self.home,
            "/backup": self.copy,
        }.items():
            text = text.replace(old, str(new))
        env = {"PATH": f"{self._folder / 'bin'}:/usr/local/bin:/usr/bin:/bin", "REDIS_PASSWORD": PASSWORD}
        done = subprocess.run(["sh", "-euc", text], check=False, capture_output=True, text=True, env=env, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr

    def close(self) -> None:
        self.rig.client.connection_pool.disconnect()
        self.server.close()


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    yield made
    made.close()


def test_nothing_that_waits_is_lost_and_nobody_is_sent_wrongly(site):
    rig = site.rig
    for number in range(20):
        rig.send(customer(number, f"c{number}@example.com", -200, opt_in(-200), firstName="Old"))
    rig.settle()
    for number in range(10):
        rig.send(customer(number, f"c{number}@example.com", -100, firstName="New"))
    rig.read()  # in the lane
    rig.send(consent(11, "c11@example.com", -50, WITHDRAWN))  # in the inbox
    keys = lasting(rig)
    calls = len(rig.brevo.calls)

    site.back_up()
    site.lose()
    site.restore()

    assert lasting(rig) == keys
    rig.settle()
    names = [rig.brevo.contacts[f"c{number}@example.com"].attributes["FIRSTNAME"] for number in range(20)]
    assert names == ["New"] * 10 + ["Old"] * 10
    assert [one for one, contact in rig.brevo.contacts.items() if contact.blocked] == ["c11@example.com"]
    assert len(rig.brevo.calls) - calls == 11


def test_what_is_restored_is_on_the_disk_again(site):
    site.rig.send(customer(1, ANN, -100, firstName="Ann"))
    site.back_up()
    site.lose()
    site.restore()

    site.server.kill()
    site.server.start()
    site.rig.client.connection_pool.disconnect()
    site.rig.settle()

    assert seen(site.rig, ANN)[0] == "Ann"


def test_a_copy_beside_an_append_only_file_that_is_on_is_not_read(site):
    site.rig.send(customer(1, ANN, -100))
    site.back_up()
    site.lose()
    shutil.copy(site.copy / "dump.rdb", site.server.folder)

    site.server.start()

    with site.server.client() as client:
        assert client.dbsize() == 0


def test_the_home_folder_brings_back_the_keys_and_what_the_spool_kept(site):
    sealed = SecretKey(None, site.home).seal(b"token", "shop")
    Spool(site.home / "spool.sqlite").append([b"one", b"two"])
    site.back_up()
    site.lose()
    site.restore()

    assert SecretKey(None, site.home).unseal(sealed, "shop")[0] == b"token"
    assert [raw for _, raw in Spool(site.home / "spool.sqlite").first(9)] == [b"one", b"two"]


def lasting(rig: Rig) -> set[bytes]:
    """Return the keys that do not end by themselves."""
    return {key for key in rig.client.scan_iter(count=1000) if rig.client.ttl(key) == -1}


# An old copy


@pytest.fixture
def restored(site):
    """Runs what came after the copy, then loses all of it and brings the copy back."""

    def after(*events):
        site.back_up()
        for event in events:
            site.rig.send_brevo(event) if isinstance(event, dict) else site.rig.send(event)
            site.rig.settle()
        site.lose()
        site.restore()
        site.rig.brevo.lifted.clear()
        site.rig.settle()
        return site.rig

    return after


@pytest.mark.parametrize("where", ["at the shop", "in Brevo"])
def test_who_left_after_the_copy_stays_blocked_whatever_the_shop_changes(site, restored, where):
    site.rig.send(customer(1, ANN, -200, opt_in(-200), firstName="Ann"))
    site.rig.settle()
    if where == "in Brevo":
        site.rig.brevo.unsubscribe(ANN)
    rig = restored(consent(1, ANN, -100, WITHDRAWN) if where == "at the shop" else unsubscribed(ANN, -100))

    rig.send(customer(1, ANN, -10, firstName="Anne"))
    rig.settle()

    assert seen(rig, ANN) == ("Anne", [LIST], True)
    assert rig.brevo.lifted == []


def test_who_agreed_again_after_the_copy_is_blocked_until_the_shop_is_read(site, restored):
    site.rig.send(customer(1, ANN, -300, opt_in(-300)))
    site.rig.send(consent(1, ANN, -200, WITHDRAWN))
    site.rig.settle()
    rig = restored(consent(1, ANN, -100))
    rig.send(customer(1, ANN, -10, firstName="Anne"))
    rig.settle()
    before = seen(rig, ANN)[2]

    rig.send(customer(1, ANN, -5, opt_in(-100)))  # as a full run reads it
    rig.settle()

    assert (before, seen(rig, ANN)[2]) == (True, False)


def test_a_change_that_came_after_the_copy_is_missing_until_the_shop_is_read(site, restored):
    site.rig.send(customer(1, ANN, -200, firstName="Ann"))
    site.rig.read()
    rig = restored(customer(1, ANN, -100, firstName="Anne"))
    before = seen(rig, ANN)[0]

    rig.send(customer(1, ANN, -99, firstName="Anne"))  # as a full run reads it
    rig.settle()

    assert (before, seen(rig, ANN)[0]) == ("Ann", "Anne")


@pytest.fixture
def agreed_in_the_copy(site):
    """Ann left and agreed again; her opt-in waits in the copy."""
    site.rig.send(customer(1, ANN, -300, opt_in(-300)))
    site.rig.send(consent(1, ANN, -200, WITHDRAWN))
    site.rig.settle()
    site.rig.send(consent(1, ANN, -150))
    site.rig.read()


@pytest.mark.usefixtures("agreed_in_the_copy")
def test_an_opt_in_that_waited_in_the_copy_lifts_no_block_of_who_left_in_brevo_since(site, restored):
    site.rig.brevo.unsubscribe(ANN, when=at(-100))

    rig = restored(unsubscribed(ANN, -100))

    assert rig.brevo.lifted == []
    assert rig.brevo.contacts[ANN].blocked
    person = rig.store.people.read(rig.store.people.find(ANN))
    assert view(person, rig.rules).email.state is WITHDRAWN


@pytest.mark.usefixtures("agreed_in_the_copy")
def test_who_left_at_the_shop_since_the_copy_is_blocked_again_when_the_shop_is_read(site, restored):
    """Only the shop knows of it: the block in Brevo is the one that the copy knows."""
    rig = restored(consent(1, ANN, -100, WITHDRAWN))
    before = rig.brevo.contacts[ANN].blocked

    rig.send(customer(1, ANN, -5, opt_in(-100, WITHDRAWN)))  # as a full run reads it
    rig.settle()

    assert (before, rig.brevo.contacts[ANN].blocked) == (False, True)
