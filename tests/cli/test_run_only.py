"""`tajo run --only`: one process in the place of the program, and what it refuses to become."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from customer_sync.cli import parts
from customer_sync.cli.output import Failure
from customer_sync.cli.parts import PARTS, become, words_of
from customer_sync.config import BrevoSettings, Settings
from customer_sync.errors import ConfigError

REDIS = "redis://127.0.0.1:1/0"


class Became(Exception):
    """Stands for the end of this program."""


@pytest.fixture
def became(monkeypatch):
    """What the program became: command, arguments, environment."""
    found = []

    def execve(*what):
        found.append(what)
        raise Became

    monkeypatch.setattr(parts.os, "execve", execve)
    mask = os.umask(0o022)
    yield found
    os.umask(mask)


def settings(**more):
    return Settings(**({"redis_url": REDIS, "brevo": BrevoSettings(api_key="key")} | more))


def test_without_a_redis_nothing_starts_apart(became, tmp_path):
    with pytest.raises(Failure, match="meet in a Redis of yours"):
        become("web", settings(redis_url=None), tmp_path, ["web"])

    assert became == []


def test_without_brevo_nothing_starts_apart_but_a_sandbox_will_do(became, tmp_path):
    with pytest.raises(Failure, match="contacts would go nowhere"):
        become("beat", settings(brevo=BrevoSettings()), tmp_path, ["beat"])
    sandbox = BrevoSettings(base_url="http://127.0.0.1:8025/v3")
    with pytest.raises(Became):
        become("beat", settings(brevo=sandbox), tmp_path, ["beat"])


def test_a_home_that_cannot_be_made_is_told(became, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="cannot be made"):
        become("beat", settings(), tmp_path / "file" / "home", ["beat"])


def test_the_process_finds_redis_and_home_where_the_config_says(became, tmp_path):
    with pytest.raises(Became):
        become("beat", settings(), tmp_path / "home", ["beat"])

    ((program, words, env),) = became
    assert (program, words) == ("beat", ["beat"])
    assert (env["TAJO_REDIS_URL"], env["TAJO_HOME"]) == (REDIS, str(tmp_path / "home"))
    assert Path(env["TAJO_BEAT_FILE"]).parent == tmp_path / "home"
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


def test_each_part_has_a_command_and_workers_together_serve_every_queue():
    words = {part: words_of(part, settings(), "0.0.0.0", 8000, 2) for part in PARTS}
    served = {part: set(line[line.index("-Q") + 1].split(",")) for part, line in words.items() if "-Q" in line}

    assert "--host 0.0.0.0 --port 8000 --workers 2" in " ".join(words["web"])
    assert "beat" in words["beat"]
    assert served == {
        "worker-live": {"wakeups", "reads", "imports"},
        "worker-imports": {"wakeups", "imports"},
        "worker-reads": {"wakeups", "reads"},
        "worker-platforms": {"platforms"},
    }


def test_an_unknown_part_gets_the_list(tajo):
    told = tajo("run", "--only", "worker", code=2).stderr

    assert all(part in told for part in PARTS)
