"""A real store, and an application that nothing but its work holds up."""

from collections.abc import Iterator

import pytest

from alerts import job_book
from dashboards.api.v2 import writing
from dashboards.console import acting
from tests.support.patience import PATIENCE_S
from tests.support.store_fixtures import client, redis_url, store

__all__ = ["client", "redis_url", "store"]


@pytest.fixture(scope="module")
def leases_hold() -> Iterator[None]:
    """A server that a machine holds up is not taken for one that is gone: only what has left is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_book, "LEASE_MS", round(PATIENCE_S * 1000))
        yield


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has changed something sees it with the answer: the mirror is waited for as long as it takes.

    In life it is a second at most, and what comes later comes by itself.
    """
    monkeypatch.setattr(acting, "_WAIT_S", PATIENCE_S)
    monkeypatch.setattr(writing, "_SHOWN_WITHIN_S", PATIENCE_S)
