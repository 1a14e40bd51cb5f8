"""A real store, and an application with one person of each role."""

import hashlib
from pathlib import Path

import pytest

from alerts.store import AlertStore
from tests.support.access import Served, served, users
from tests.support.store_fixtures import client, redis_url, store

__all__ = ["client", "redis_url", "store"]

TOKEN = "mg_canary-token-of-tests"
WALL_TOKEN = "mg_canary-token-of-a-wall"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def people(store: AlertStore, tmp_path: Path) -> Served:
    return served(
        store,
        {
            "users": users(tmp_path, vera="viewer", rob="responder", tina="tuner", adam="admin"),
            "tokens": {"karma": {"role": "responder", "sha256": sha256(TOKEN), "expires": "2025-12-01T00:00:00Z"}},
            "walls": {"noc": {"sha256": sha256(WALL_TOKEN)}},
        },
    )


@pytest.fixture
def nobody(store: AlertStore) -> Served:
    """Nobody has to log in."""
    return served(store, {})
