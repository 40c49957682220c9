"""A Redis that cannot be used: each says so once, with what to do, wherever somebody begins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import redis
from click.testing import CliRunner

from customer_sync.base.embedded import free_port
from customer_sync.cli import main
from customer_sync.cli.run import _Stack
from customer_sync.cli.supervisor import Child
from customer_sync.config import Settings
from customer_sync.store import Store, connect, server
from customer_sync.store.server import Unfit, WrongServer
from customer_sync.store.spool import Spool
from customer_sync.web import create_app
from customer_sync.worker.broker import broker, redis_url
from tests.programs import need
from tests.redises import HOST, Server, certificates

ROOT = Path(__file__).resolve().parents[2]


class Shelf(NamedTuple):
    """Servers of several kinds."""

    plain: Server
    cluster: Server
    replica: Server
    evicting: Server
    sentinel: Server


@pytest.fixture(scope="module")
def shelf(redis_url, tmp_path_factory) -> Iterator[Shelf]:
    del redis_url  # skips with a sentence where no Redis can be had
    folder = tmp_path_factory.mktemp("shelf")
    plain = Server(
        folder / "plain", "user few on >few ~tajo:* +@all -@dangerous -set", "user strange on >strange ~other:* +@all"
    )
    found = Shelf(
        plain,
        # its second port would be the first and 10,000: one of those that systems lend to outgoing connections
        Server(folder / "cluster", "cluster-enabled yes", f"cluster-port {free_port()}"),
        Server(folder / "replica", f"replicaof {HOST} {plain.port}"),
        Server(folder / "evicting", "maxmemory 100mb", "maxmemory-policy allkeys-lru", password="pw"),
        Server(folder / "sentinel", is_sentinel=True),
    )
    yield found
    for one in found:
        one.close()


def fault(url: str) -> Unfit:
    """Return how it is told that a store cannot be opened."""
    client = connect(url, timeout_s=1)
    try:
        Store(client)
    except redis.RedisError as error:
        return server.told(error, client)
    finally:
        client.connection_pool.disconnect()


@pytest.mark.parametrize(
    ("which", "form", "reason", "remedy"),
    [
        ("cluster", "redis://{at}/0", "is a cluster", "without cluster mode"),
        ("replica", "redis://{at}/0", "is a replica", "Name its master"),
        ("sentinel", "redis://{at}/0", "is a Sentinel", "sentinel://host:26379/"),
        ("sentinel", "sentinel://{at}/nobody", "name no master", "SENTINEL MASTERS"),
        ("evicting", "redis://{at}/0", "does not know this user", "redis://user:password@host"),
        ("evicting", "redis://:wrong@{at}/0", "does not know this user", "redis://user:password@host"),
        ("plain", "redis://nobody:wrong@{at}/0", "does not know this user", "redis://user:password@host"),
        ("plain", "redis://few:few@{at}/0", "'set' command", "ACL SETUSER"),
        ("plain", "redis://strange:strange@{at}/0", "may not do all", "~tajo:*"),
        ("plain", "rediss://{at}/0", "speaks no TLS", "redis:// instead of rediss://"),
        ("plain", "redis://{at}/99", "no database of that number", "smaller one"),
    ],
)
def test_each_wrong_form_has_its_error(shelf, which, form, reason, remedy):
    one = getattr(shelf, which)
    shelf.plain.client().flushall()

    found = fault(form.format(at=f"{HOST}:{one.port}"))

    assert reason in found.reason
    assert remedy in found.remedy
    assert "wrong" not in str(found)  # no password


def test_a_tls_port_is_told_apart_from_a_plain_one_and_a_strange_certificate_from_a_known_one(tmp_path):
    files = certificates(tmp_path)
    lines = (f"tls-cert-file {files.server}", f"tls-key-file {files.server_key}", f"tls-ca-cert-file {files.authority}")
    tls = {
        "ssl_ca_certs": str(files.authority),
        "ssl_certfile": str(files.client),
        "ssl_keyfile": str(files.client_key),
    }
    one = Server(tmp_path / "redis", *lines, tls=tls, program=need("redis-server"))
    try:
        at = f"{HOST}:{one.port}/0"
        assert "speaks TLS" in fault(f"redis://{at}").reason
        assert "is not trusted" in fault(f"rediss://{at}").reason
        assert "asks for a certificate" in fault(f"rediss://{at}?ssl_ca_certs={files.authority}").reason
        query = "&".join(f"{name}={value}" for name, value in tls.items())
        Store(client := connect(f"rediss://{at}?{query}"))
        client.connection_pool.disconnect()
    finally:
        one.close()


def test_a_redis_that_is_too_old_is_refused():
    with pytest.raises(WrongServer, match=r"too old: 6\.0\.16\. Use Redis 6\.2 or newer"):
        server.need_fit(server.Server("redis", "6.0.16", "standalone", "master"))

    server.need_fit(server.Server("redis", "6.2.0", "standalone", "master"))


# where it is told -----------------------------------------------------------------------------------------------------


def url_of(one: Server) -> str:
    return f"redis://{HOST}:{one.port}/0"


@pytest.mark.parametrize("word", ["check", "doctor", "run"])
def test_the_commands_refuse_a_cluster_and_say_why(shelf, tmp_path, monkeypatch, word):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tajo.yaml").write_text(f"redis_url: {url_of(shelf.cluster)}\n")

    result = CliRunner().invoke(main, [word], env={"TAJO_HOME": str(tmp_path)})

    assert result.exit_code != 0
    assert "is a cluster" in result.output
    assert "without cluster mode" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("process", ["worker", "beat"])
def test_a_worker_and_a_beat_end_at_once_and_say_why(shelf, tmp_path, process):
    env = {**os.environ, "TAJO_REDIS_URL": url_of(shelf.cluster), "TAJO_HOME": str(tmp_path)}
    env["TAJO_BEAT_FILE"] = str(tmp_path / "beat")

    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "customer_sync.worker.app", process],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 78
    assert "is a cluster" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_web_process_is_not_ready_and_keeps_requests_in_the_spool(shelf, tmp_path, monkeypatch):
    monkeypatch.setenv("TAJO_HOME", str(tmp_path))
    monkeypatch.setenv("TAJO_REDIS_URL", url_of(shelf.cluster))
    app = create_app(Settings())
    services = app.extensions["tajo"]
    try:
        answer = app.test_client().get("/readyz", headers={"Accept": "application/json"})
        where = services.intake.append(b"request", "shop")
    finally:
        services.intake.stop()
        for one in (services.intake._inbox._pool, services.hosts._client.connection_pool):
            one.disconnect()

    assert (answer.status_code, answer.json["status"]) == (503, "not ready")
    assert "is a cluster" in answer.json["text"]
    assert where == "spool"
    assert Spool(tmp_path / "spool.sqlite").depth() == 1
    assert not shelf.cluster.client().dbsize()


def test_a_replica_leaves_a_web_process_ready_because_the_spool_keeps_requests(shelf, tmp_path, monkeypatch):
    monkeypatch.setenv("TAJO_HOME", str(tmp_path))
    monkeypatch.setenv("TAJO_REDIS_URL", url_of(shelf.replica))
    app = create_app(Settings())
    try:
        answer = app.test_client().get("/readyz", headers={"Accept": "application/json"})
    finally:
        app.extensions["tajo"].intake.stop()

    assert answer.json["note"] == "spool"
    assert "is a replica" in answer.json["text"]


def test_a_master_that_becomes_a_replica_is_told_by_a_web_process_that_knows_it(tmp_path, monkeypatch):
    monkeypatch.setenv("TAJO_HOME", str(tmp_path))
    one = Server(tmp_path / "redis", "appendonly yes")
    monkeypatch.setenv("TAJO_REDIS_URL", url_of(one))
    app = create_app(Settings())
    app.extensions["tajo.watch"].max_age_s = 0.0
    try:
        before = app.test_client().get("/readyz").text
        one.client().replicaof(HOST, "1")
        after = app.test_client().get("/readyz").text
    finally:
        services = app.extensions["tajo"]
        services.intake.stop()
        for client in (services.store().client, services.hosts._client):
            client.connection_pool.disconnect()
        one.close()

    assert before == "ready\n"
    assert "is a replica" in after


def test_a_redis_that_evicts_is_named_by_check_and_fails_in_doctor(shelf, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    url = f"redis://:pw@{HOST}:{shelf.evicting.port}/0"
    env = {"TAJO_HOME": str(tmp_path), "TAJO_REDIS_URL": url}

    told = json.loads(CliRunner().invoke(main, ["check", "--json"], env=env).stdout)
    found = json.loads(CliRunner().invoke(main, ["doctor", "--json"], env=env).stdout)

    assert "maxmemory-policy is allkeys-lru" in told["redis"]
    assert [one["verdict"] for one in found if one["name"] == "Redis evicts nothing"] == ["fail"]


def test_where_redis_is_may_stand_in_the_config_for_every_process(tmp_path):
    config = tmp_path / "tajo.yaml"
    config.write_text("redis_url: unix:///run/redis.sock?db=4\n")
    env = {"TAJO_CONFIG": str(config)}

    assert redis_url(env) == "unix:///run/redis.sock?db=4"
    assert broker(env).url == "redis+socket:///run/redis.sock?virtual_host=4"


def test_who_waits_for_redis_waits_for_a_replica_to_become_the_master(shelf, tmp_path, monkeypatch):
    monkeypatch.setenv("TAJO_HOME", str(tmp_path))
    one = Server(tmp_path / "promoted", f"replicaof {HOST} {shelf.plain.port}")
    stack = _Stack(Settings(), HOST, 1, 1, 1)
    stack._env["TAJO_REDIS_URL"] = f"redis://{HOST}:{one.port}/0"
    stack._waiting = [Child("worker", ["true"], {})]
    try:
        stack._mind_redis()
        assert stack._waiting

        one.client().replicaof("NO", "ONE")
        stack._ask_again_at = 0.0
        stack._mind_redis()
        assert not stack._waiting
    finally:
        stack._supervisor.stop()
        one.close()
