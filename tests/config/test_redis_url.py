"""One address of Redis, for the store and for Celery alike."""

from __future__ import annotations

import pytest
from kombu import Connection
from kombu.utils.url import parse_url

from customer_sync.base.redis_url import read_redis_url
from customer_sync.errors import ConfigError

FORMS = [
    ("redis://", "redis://127.0.0.1:6379/0", {"host": "127.0.0.1", "port": 6379, "db": 0}),
    ("redis://h:7/2", "redis://h:7/2", {"host": "h", "port": 7, "db": 2}),
    ("redis://:p%2Fw@h", "redis://:p%2Fw@h:6379/0", {"password": "p/w"}),
    ("redis://me:p%40w@h?db=3", "redis://me:p%40w@h:6379/3", {"username": "me", "password": "p@w", "db": 3}),
    ("redis://[::1]:7/0", "redis://[::1]:7/0", {"host": "::1", "port": 7}),
    ("unix:///a/b.sock", "redis+socket:///a/b.sock?virtual_host=0", {"path": "/a/b.sock", "db": 0}),
    (
        "unix://me:p%40w@/a/b.sock?db=3",
        "redis+socket://me:p%40w@/a/b.sock?virtual_host=3",
        {"username": "me", "password": "p@w", "path": "/a/b.sock", "db": 3},
    ),
    ("unix:///a.sock?password=x&virtual_host=2", "redis+socket://:x@/a.sock?virtual_host=2", {"db": 2}),
]


@pytest.mark.parametrize(("written", "broker", "to"), FORMS)
def test_both_reach_the_same_place(written, broker, to):
    found = read_redis_url(written)

    assert found.broker().url == broker
    told = found.pool(socket_timeout=1).connection_kwargs
    assert {name: told.get(name) for name in to} == to


def test_tls_is_checked_unless_it_is_said_otherwise():
    found = read_redis_url("rediss://h/0?ssl_ca_certs=/ca.pem&ssl_certfile=/me.pem&ssl_keyfile=/me.key")

    tls = {"ssl_ca_certs": "/ca.pem", "ssl_certfile": "/me.pem", "ssl_keyfile": "/me.key"}
    assert found.broker().tls == {**tls, "ssl_cert_reqs": "required", "ssl_check_hostname": True}
    assert found.broker().url == "rediss://h:6379/0"
    assert read_redis_url("rediss://h").broker().tls == {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
    assert read_redis_url("rediss://h?ssl_cert_reqs=none").broker().tls == {
        "ssl_cert_reqs": "none",
        "ssl_check_hostname": False,
    }


def test_sentinels_have_a_login_of_their_own_and_each_address_carries_that_of_the_master():
    found = read_redis_url("sentinels://me:pw@a:1,b/mine/4?sentinel_username=s&sentinel_password=spw")

    broker = found.broker(socket_timeout=5)

    assert broker.url == "sentinel://me:pw@a:1/4;sentinel://me:pw@b:26379/4"
    assert broker.options["master_name"] == "mine"
    login = {"username": "s", "password": "spw", "socket_timeout": 5, "ssl": True}
    assert login.items() <= broker.options["sentinel_kwargs"].items()
    with Connection(broker.url) as connection:
        assert [parse_url(one)["password"] for one in connection.alt] == ["pw", "pw"]
    pool = found.pool(socket_timeout=1)
    assert pool.service_name == "mine"
    assert pool.connection_kwargs["password"] == "pw"
    assert [one.connection_pool.connection_kwargs["password"] for one in pool.sentinel_manager.sentinels] == ["spw"] * 2


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("localhost:6379", "begins with none of"),
        ("redis+sentinel://h/m", "begins with none of"),
        ("redis://h/x", "one database by its number"),
        ("redis://h/1?db=2", "one database by its number"),
        ("redis://h:99999/0", "a port that is none"),
        ("redis://a,b/0", "several hosts"),
        ("redis://h?socket_timeout=1", "nothing reads: socket_timeout"),
        ("redis://h?ssl_ca_certs=/x", "nothing reads: ssl_ca_certs"),
        ("rediss://h?ssl_cert_reqs=maybe", "ssl_cert_reqs"),
        ("rediss://h?ssl_check_hostname=maybe", "ssl_check_hostname"),
        ("unix://h", "names no socket"),
        ("sentinel://h:26379", "what the Sentinels call the master"),
        ("redis://[h/0", "is none"),
    ],
)
def test_what_is_none_is_refused_without_a_word_of_it(written, reason):
    with pytest.raises(ConfigError) as raised:
        read_redis_url(written.replace("://", "://me:hush-hush@", 1))
    told = raised.value

    assert reason in told.reason or "begins with none of" in told.reason
    assert told.remedy
    assert "hush" not in str(told)
