from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from customer_sync.base import private
from customer_sync.errors import ConfigError
from customer_sync.store.spool import Spool


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def made(path: Path, bits: int) -> Path:
    path.mkdir()
    path.chmod(bits)
    return path


def test_a_folder_is_made_for_its_owner_alone(tmp_path):
    folder = private.own_folder(tmp_path / "new" / "home")

    assert mode(folder) == 0o700


@pytest.mark.parametrize("bits", [0o755, 0o777, 0o750, 0o701])
def test_a_folder_of_ours_that_others_can_open_is_closed(tmp_path, bits):
    assert mode(private.own_folder(made(tmp_path / "home", bits))) == 0o700


@pytest.mark.parametrize("bits", [0o1777, 0o1757])
def test_a_folder_that_is_everybodys_is_refused_and_left_as_it_is(tmp_path, bits):
    folder = made(tmp_path / "tmp", bits)

    with pytest.raises(ConfigError) as told:
        private.own_folder(folder)

    assert f"TAJO_HOME={folder}/tajo" in told.value.remedy
    assert mode(folder) == bits


@pytest.mark.parametrize(("bits", "is_taken"), [(0o770, True), (0o2770, True), (0o775, False), (0o777, False)])
def test_a_folder_of_somebody_else_is_taken_when_strangers_cannot_open_it(tmp_path, monkeypatch, bits, is_taken):
    folder = made(tmp_path / "volume", bits)
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)

    if is_taken:
        private.own_folder(folder)
    else:
        with pytest.raises(ConfigError, match="open to every user"):
            private.own_folder(folder)

    assert mode(folder) == bits


def test_root_closes_a_folder_of_somebody_else(tmp_path, monkeypatch):
    folder = made(tmp_path / "volume", 0o755)
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    assert mode(private.own_folder(folder)) == 0o700


@pytest.mark.parametrize("bits", [0o755, 0o775])
def test_a_folder_that_holds_more_than_ours_is_left_as_it_is(tmp_path, bits):
    folder = made(tmp_path / "lib", bits)
    (folder / "postgresql").mkdir()
    (folder / "api.key").touch()

    assert mode(private.own_folder(folder)) == bits


def test_a_folder_that_holds_more_than_ours_is_refused_where_everybody_writes(tmp_path):
    folder = made(tmp_path / "lib", 0o777)
    (folder / "postgresql").mkdir()

    with pytest.raises(ConfigError, match="open to every user"):
        private.own_folder(folder)

    assert mode(folder) == 0o777


def test_a_volume_and_a_folder_with_our_files_are_closed(tmp_path):
    folder = made(tmp_path / "home", 0o755)
    for name in ("lost+found", "redis", "spool.sqlite-wal", "run.json"):
        (folder / name).touch()

    assert mode(private.own_folder(folder)) == 0o700


def test_a_folder_that_cannot_be_made_is_told_with_its_cause_and_what_to_do(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match="Not a directory") as told:
        private.own_folder(tmp_path / "file" / "home")

    assert "TAJO_HOME" in told.value.remedy


def test_a_kept_text_is_made_once_and_for_its_owner_alone(tmp_path):
    file = tmp_path / "home" / "text"

    assert private.keep(file, lambda: "first") == "first"
    assert private.keep(file, lambda: "second") == "first"
    assert mode(file) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["text"]


def test_of_many_that_make_a_text_at_once_one_is_the_first(tmp_path):
    numbers = count()

    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda _: private.keep(tmp_path / "text", lambda: f"{next(numbers)}"), range(64)))

    assert len(set(texts)) == 1


def test_a_file_is_replaced_whole_and_for_its_owner_alone(tmp_path):
    file = tmp_path / "note"
    file.write_text("old")
    file.chmod(0o644)

    private.write(file, "new")

    assert file.read_text() == "new"
    assert mode(file) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_what_waits_on_disk_is_for_its_owner_alone(tmp_path):
    spool = Spool(tmp_path / "spool.sqlite")

    spool.append([b"a request"])

    assert {path.name: mode(path) for path in tmp_path.iterdir()} == {
        "spool.sqlite": 0o600,
        "spool.sqlite-shm": 0o600,
        "spool.sqlite-wal": 0o600,
    }
    spool.close()
