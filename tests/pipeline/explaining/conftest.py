"""Fixtures of the tests of explaining: a store, and a notifier over it on a clock that tests move."""

from tests.support.store_fixtures import client, redis_url, store

__all__ = ["client", "redis_url", "store"]
