"""A real Redis for what benchmarks look at."""

from tests.support.store_fixtures import client, redis_url, store

__all__ = ["client", "redis_url", "store"]
