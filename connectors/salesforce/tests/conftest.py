"""A real Redis, for the tests that let the whole line work."""

from tests.conftest import client, redis_url

__all__ = ["client", "redis_url"]
