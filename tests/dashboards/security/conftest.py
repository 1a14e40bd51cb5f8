"""The whole application behind the real access, with a store that strangers have filled with what means harm."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from fastapi import FastAPI
from starlette.testclient import TestClient

from alerts.control_log import ControlLog
from alerts.incidents import Incidents
from alerts.response_model import NAME_MAX, Said
from alerts.responses import Responses
from alerts.silences import SilenceBook
from alerts.statuses import Status, Statuses
from alerts.store import AlertStore
from alerts.trail import Trail
from alerts.trail_model import Draft
from config.settings import Settings
from dashboards.access.contract import Role
from dashboards.access.wiring import open_access
from dashboards.server import build_app
from detectors.contract import alert_change
from detectors.control import VerdictGiven
from pipeline.assembly import settings_model
from pipeline.deadletters import DeadLetter, DeadLetters
from pipeline.reasons import Reason
from pipeline.work import deadletters_path
from tests.support.access import BASE_URL, users
from tests.support.alerts import START_US
from tests.support.hostile import SCRIPT_ADDRESS, TEXT
from tests.support.patience import until
from tests.support.redis import fresh_store
from tests.support.store_fixtures import client, redis_url, store

__all__ = ["client", "redis_url", "store"]

NOW_US = START_US + 60_000_000
HOUR_US = 3_600_000_000


def token_of(role: Role) -> str:
    return f"mg_token-of-the-role-{role.name.lower()}"


def plain_settings(folder: Path) -> dict[str, Any]:
    tokens = {
        f"{role.name.lower()}s": {
            "role": role.name.lower(),
            "sha256": hashlib.sha256(token_of(role).encode()).hexdigest(),
        }
        for role in Role
    }
    return {
        "store": {"dir": str(folder)},
        "feeds": {"posts": {"type": "file", "path": "posts.jsonl"}},
        "detectors": {
            "drop": {"type": "sentiment_drop", "group_by": ["service"], "window": "1h", "alert_budget": "2 per week"},
            "bad": {"type": "negative_survey"},
        },
        "channels": {"log": {"type": "console"}},
        "receivers": {"ops": {"tiers": [{"channel": "log"}]}},
        "route": {"receiver": "ops", "group_by": ["service"]},
        "maintenance_windows": {
            "patches": {"matchers": ["service=x"], "zone": "UTC", "start": "2015-02-21T11:00:00", "duration": "4h"}
        },
        "people": {"ann": {"receiver": "ops"}},
        "schedules": {"first": {"zone": "UTC", "rotations": [{"people": ["ann"], "start": "2015-01-01T00:00:00"}]}},
        "console": {
            "tokens": tokens,
            "users": users(folder, anna="admin"),
            "rate": {"per_second": 1_000_000, "burst": 1_000_000},
        },
    }


@dataclass(frozen=True)
class World:
    """An application, and what its addresses are about.

    Attributes:
        there: values for the names in paths, of things that there are.
    """

    app: FastAPI
    settings: Settings
    store: AlertStore
    there: dict[str, str]

    def ask(self, role: Role | None = Role.ADMIN) -> TestClient:
        """Return a program that has a role."""
        headers = {} if role is None else {"Authorization": f"Bearer {token_of(role)}"}
        return TestClient(
            self.app, base_url=BASE_URL, headers=headers, follow_redirects=False, raise_server_exceptions=False
        )


@pytest.fixture(scope="module")
def world(client: "redis.Redis", tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("hostile")
    store = fresh_store(client)
    settings = settings_model().model_validate(plain_settings(folder))
    there = fill(store, settings)
    access = open_access(settings, store, lambda: NOW_US)
    app = build_app(store, settings, access=access, now_us=lambda: NOW_US, build="test")
    made = World(app, settings, store, there)
    with made.ask(None):  # the application runs for as long
        until(lambda: len(app.state.makegood.mirror.alerts) == 3, "the alerts")
        until(lambda: bool(app.state.makegood.mirror.statuses), "what processes say of themselves")
        yield made


def fill(store: AlertStore, settings: Settings) -> dict[str, str]:
    """Put harm into everything that somebody outside, or a provider, can write; return what there is."""
    name = TEXT[:NAME_MAX]
    ones = [
        alert_change(
            step="firing",
            at_us=START_US,
            status="firing",
            labels={
                "alertname": TEXT,
                "detector": TEXT,
                "severity": severity,
                "service": TEXT,
                TEXT: TEXT,
                "n": severity,
            },
            annotations={"summary": TEXT, "description": TEXT, "runbook_url": address, TEXT: TEXT},
            starts_at_us=START_US,
            ends_at_us=None,
        )
        for severity, address in (
            ("critical", SCRIPT_ADDRESS),
            ("warning", f"https://x/{TEXT}"),
            (TEXT, "//evil.example"),
        )
    ]
    store.apply(ones)
    first = ones[0].fingerprint
    responses = Responses(store)
    responses.comment(first, Said(id="1", by=name, via="link", at_us=START_US), TEXT)
    responses.acknowledge(first, Said(id="2", by=name, via="chat", at_us=START_US), text=TEXT)
    Incidents(store, settings.incidents).assign_many(ones)
    silence = SilenceBook(store).add(
        ['service="x-evil"', 'n!="<x-evil>"'],
        ends_us=NOW_US + HOUR_US,
        author=name,
        comment=TEXT,
        now_us=START_US,
    )
    verdict = VerdictGiven(
        fingerprint=first, starts_at_us=START_US, detector="drop", verdict="noise", by=name, at_us=START_US, note=TEXT
    )
    ControlLog(store).append(lambda _log: verdict)
    with DeadLetters(deadletters_path(settings)) as letters:
        letters.add([DeadLetter("posts", TEXT, 1, 0, TEXT.encode() + b"\xff\x00", Reason.WRONG_TYPE, TEXT)], START_US)
    feed = {"why": TEXT, "last_at_us": NOW_US, "newest_us": NOW_US, "idle_after_us": HOUR_US, "events": 1}
    report = {
        "flow": "running",
        "by_feed": {"posts": {**feed, "dead_letters": {TEXT: 1}}},
        "places": [{"service": TEXT, "region": TEXT, "judged": 0}],
        "windows_judged": [],
        "troubles": {TEXT: TEXT},
    }
    statuses = Statuses(store)
    for kind in ("flow", "notifier"):
        statuses.say(Status(kind=kind, name=TEXT, at_us=NOW_US, every_us=HOUR_US, well=False, report=report))
    Trail(store).append(
        Draft(
            at_us=START_US,
            who=name,
            via="session",
            action="thing.change",
            object=TEXT,
            before={TEXT: TEXT},
            after=TEXT,
            why=TEXT,
            request=TEXT[:16],
            address=TEXT[:20],
        )
    )
    return {
        "fingerprint": first,
        "starts_us": str(START_US),
        "number": "1",
        "silence_id": silence.id,
        "letter_id": "1",
        "name": "drop",
        "form": "csv",
        "job_id": "0" * 16,
    }
