"""Stored credentials: encrypted, bound to their source, never renewed by two at once."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_sync.errors import ConfigError, TryLater
from customer_sync.store import keys
from customer_sync.store.vault import KEY_FILE, RedisVault, SecretKey

KEY, OLD_KEY = "a-key-of-many-characters", "an-older-key-of-many-characters"
CREDENTIALS = {"access_token": "shpat_5f2e", "expires_at": 1795219200, "refresh": {"token": "r-1", "uses": None}}


@pytest.fixture
def vault(client, tmp_path):
    """Return a function that opens a source's vault as a process with this key would."""

    def vault(secret=KEY, source="lumen", **more):
        return RedisVault(client, source, SecretKey(secret, tmp_path), **more)

    return vault


def test_what_is_saved_is_loaded_by_another_process(vault):
    vault().save(CREDENTIALS)

    assert vault().load() == CREDENTIALS


def test_an_empty_vault_says_so_and_makes_no_key(vault, tmp_path):
    assert vault(None).load() == {}
    assert vault(None).is_empty
    assert not (tmp_path / KEY_FILE).exists()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.text(max_size=8), json_values, max_size=4))
def test_every_json_object_comes_back_as_it_was(vault, values):
    vault().save(values)

    assert vault().load() == values


def test_nothing_that_is_stored_can_be_read_in_redis(vault, client):
    vault().save(CREDENTIALS)

    raw = client.get(keys.vault("lumen"))
    assert b"shpat_5f2e" not in raw
    assert b"access_token" not in raw
    assert client.keys("*") == [keys.vault("lumen").encode()]


def test_the_same_credentials_never_look_the_same_twice(vault, client):
    vault().save(CREDENTIALS)
    first = client.get(keys.vault("lumen"))
    vault().save(CREDENTIALS)

    assert client.get(keys.vault("lumen")) != first


def test_what_is_copied_to_another_source_does_not_decrypt(vault, client):
    vault().save(CREDENTIALS)
    client.copy(keys.vault("lumen"), keys.vault("tulip"))

    with pytest.raises(ConfigError, match="credentials of tulip"):
        vault(source="tulip").load()


def test_what_was_changed_in_redis_does_not_decrypt(vault, client):
    vault().save(CREDENTIALS)
    raw = bytearray(client.get(keys.vault("lumen")))
    raw[40] ^= 1
    client.set(keys.vault("lumen"), bytes(raw))

    with pytest.raises(ConfigError):
        vault().load()


def test_another_key_is_told_with_a_remedy_and_without_a_secret(vault):
    vault().save(CREDENTIALS)

    with pytest.raises(ConfigError) as caught:
        vault("quite-another-key-than-before").load()

    assert "another key" in caught.value.reason
    assert "TAJO_SECRET_KEY" in caught.value.remedy
    assert "quite-another" not in str(caught.value)
    assert "shpat" not in str(caught.value)


def test_no_key_at_all_is_told_as_such(vault):
    vault().save(CREDENTIALS)

    with pytest.raises(ConfigError, match="TAJO_SECRET_KEY is not set"):
        vault(None).load()


# Rotation


def test_an_older_key_is_read_while_it_stands_behind_the_new_one(vault):
    vault(OLD_KEY).save(CREDENTIALS)

    assert vault(f"{KEY}, {OLD_KEY}").load() == CREDENTIALS


def test_after_one_reading_the_older_key_is_not_needed_any_more(vault):
    vault(OLD_KEY).save(CREDENTIALS)
    vault(f"{KEY},{OLD_KEY}").load()

    assert vault(KEY).load() == CREDENTIALS


def test_a_renewal_of_the_key_never_overwrites_what_was_saved_meanwhile(vault, client):
    vault(OLD_KEY).save({"token": "first"})
    late = vault(f"{KEY},{OLD_KEY}")
    seen = client.get(keys.vault("lumen"))
    vault(KEY).save({"token": "second"})

    late._renew(seen, b'{"token": "first"}')

    assert vault(KEY).load() == {"token": "second"}


def test_the_newest_key_encrypts(vault):
    vault(f"{KEY},{OLD_KEY}").save(CREDENTIALS)

    assert vault(KEY).load() == CREDENTIALS
    with pytest.raises(ConfigError):
        vault(OLD_KEY).load()


# The key file


def test_without_a_key_one_is_made_for_its_owner_alone(vault, tmp_path):
    vault(None).save(CREDENTIALS)

    path = tmp_path / KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text().strip()) >= 64
    assert sorted(one.name for one in tmp_path.iterdir()) == [KEY_FILE]
    assert vault(None).load() == CREDENTIALS


def test_the_note_about_the_new_file_names_the_variable_for_several_hosts(vault, caplog):
    vault(None).save(CREDENTIALS)

    assert "several hosts must share TAJO_SECRET_KEY" in caplog.text


def test_what_the_key_file_encrypted_is_read_after_the_variable_was_set(vault, tmp_path):
    vault(None).save(CREDENTIALS)

    assert vault(KEY).load() == CREDENTIALS
    (tmp_path / KEY_FILE).unlink()
    assert vault(KEY).load() == CREDENTIALS


def test_of_many_that_make_the_file_at_once_all_use_the_first(tmp_path):
    start = threading.Barrier(8)
    derived = set()

    def sign():
        key = SecretKey(None, tmp_path / "home")
        start.wait()
        derived.add(key.derived("p")[0])

    threads = [threading.Thread(target=sign) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(derived) == 1


def test_a_folder_that_cannot_hold_the_file_is_told_with_a_remedy(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError) as caught:
        SecretKey(None, tmp_path / "file").derived("p")

    assert "TAJO_SECRET_KEY" in caught.value.remedy


# Keys for other purposes


def test_each_purpose_has_a_key_of_its_own(tmp_path):
    key = SecretKey(KEY, tmp_path)

    assert key.derived("one") == key.derived("one")
    assert key.derived("one") != key.derived("two")
    assert key.derived("one") != SecretKey(OLD_KEY, tmp_path).derived("one")


def test_while_a_key_is_changed_the_older_one_comes_first(tmp_path):
    old, new = SecretKey(OLD_KEY, tmp_path).derived("one"), SecretKey(KEY, tmp_path).derived("one")

    assert SecretKey(f"{KEY},{OLD_KEY}", tmp_path).derived("one") == [*old, *new]


# Forgetting and the lock


def test_forgotten_credentials_are_gone(vault):
    vault().save(CREDENTIALS)

    assert vault().forget()
    assert vault().load() == {}
    assert not vault().forget()


def test_who_waits_too_long_for_the_lock_comes_again_later(vault):
    with vault().locked(), pytest.raises(TryLater) as caught, vault(wait_s=0.1).locked():
        pass

    assert caught.value.after_s
    assert "lumen" in str(caught.value)


def test_the_locks_of_two_sources_are_two(vault):
    with vault().locked(), vault(source="tulip", wait_s=0.0).locked():
        pass


def test_the_lock_is_free_after_an_error(vault):
    with pytest.raises(ZeroDivisionError), vault().locked():
        raise ZeroDivisionError

    with vault(wait_s=0.0).locked():
        pass


def test_the_lock_of_a_process_that_died_ends_by_itself(vault, client):
    held = vault()
    context = held.locked()
    context.__enter__()
    assert 0 < client.pttl(keys.vault_lock("lumen")) <= 30_000
    client.pexpire(keys.vault_lock("lumen"), 1)
    time.sleep(0.01)

    with vault(wait_s=0.0).locked():
        context.__exit__(None, None, None)  # comes too late: it must free nobody else's lock
        assert client.exists(keys.vault_lock("lumen"))


REFRESH = """
import sys
from pathlib import Path
from customer_sync.store import connect
from customer_sync.store.vault import RedisVault, SecretKey

client = connect(sys.argv[1])
vault = RedisVault(client, "lumen", SecretKey(None, Path(sys.argv[2])))
client.incr("ready")
while not client.brpop(["go"], 1):
    pass
with vault.locked():
    if vault.load().get("token") == "old":
        client.incr("calls")
        client.blpop(["never"], 0.15)  # the platform takes its time
        vault.save({"token": "new"})
print(vault.load()["token"])
"""


def test_of_two_processes_that_refresh_at_once_only_one_calls_the_platform(vault, client, redis_url, tmp_path):
    vault(None).save({"token": "old"})
    command = [sys.executable, "-c", REFRESH, redis_url, str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) for _ in range(2)]
    while int(client.get("ready") or 0) < 2:
        time.sleep(0.02)
    client.rpush("go", 1, 2)

    assert [worker.communicate(timeout=20)[0].strip() for worker in workers] == ["new", "new"]
    assert int(client.get("calls")) == 1
