"""The Redis of the tests, for cases that go through the whole line; nothing leaves this machine."""

from tests.conftest import _no_network, client, redis_url

__all__ = ["_no_network", "client", "redis_url"]
