from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.store import AlertStore
from config.settings import Settings
from pipeline.assembly import settings_model
from tests.support.store_fixtures import client, redis_url, store
from tests.support.web import Running, running

__all__ = ["client", "redis_url", "store"]

PLAIN: dict[str, Any] = {
    "feeds": {"crm": {"type": "file", "path": "crm.jsonl"}},
    "channels": {"log": {"type": "file", "path": "told.jsonl"}},
    "receivers": {"team": {"tiers": [{"channel": "log"}]}},
    "route": {"receiver": "team", "group_by": ["alertname"]},
    "people": {"anna": {"receiver": "team"}, "ben": {"receiver": "team"}},
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_model().model_validate({**PLAIN, "store": {"dir": str(tmp_path)}})


@pytest.fixture
def serve(store: AlertStore, settings: Settings, shown: None) -> Iterator[Callable[..., Running]]:
    """Return what starts the application; it is stopped when the test ends."""
    entered = []

    def start(**given: Any) -> Running:
        context = running(store, given.pop("settings", settings), **given)
        entered.append(context)
        return context.__enter__()

    yield start
    for context in reversed(entered):
        context.__exit__(None, None, None)
