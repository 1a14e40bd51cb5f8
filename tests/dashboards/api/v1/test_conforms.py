"""The API keeps what its OpenAPI document says, whatever is asked: generated requests find no 5xx and no breach."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, seed, settings

from alerts.response_model import Said
from alerts.responses import Responses
from alerts.silences import SilenceBook
from config.settings import Settings
from dashboards.access.contract import Role
from dashboards.api.v1.parts import openapi
from dashboards.api.v1.problems import DOCUMENTED
from tests.support import signed_in
from tests.support.alerts import START_US, change
from tests.support.patience import PATIENCE_S, until
from tests.support.redis import fresh_store
from tests.support.schema_requests import sent
from tests.support.web import running

SETTINGS = Settings.model_validate(
    {
        "route": {"receiver": "ops"},
        "people": {"ann": {"receiver": "ops", "zone": "Europe/Berlin"}},
        "schedules": {"first": {"zone": "UTC", "rotations": [{"people": ["ann"], "start": "2015-01-01T00:00"}]}},
        "receivers": {"ops": {"tiers": [{"channel": "log"}]}},
        "channels": {"log": {"type": "console"}},
        "maintenance_windows": {
            "a": {"matchers": ["service=pay"], "zone": "UTC", "start": "2015-01-01T00:00", "duration": 3_600_000_000}
        },
    }
)
NIGHTLY, EVERY_DAY = 400, 12
"""Requests of each kind (right ones, and wrong ones) to each operation."""
_app = FastAPI(version="1")
OPERATIONS = list(schemathesis.openapi.from_dict(openapi(_app)).get_all_operations())


@pytest.fixture(scope="module")
def url(client: "redis.Redis") -> Iterator[str]:
    store = fresh_store(client)
    pay = change(service="pay")
    store.apply([pay, change(service="web", severity="critical")])
    said = Said(id="1", by="ann", via="api", at_us=START_US)
    Responses(store).comment(pay.fingerprint, said, "<script>alert(1)</script>")
    SilenceBook(store).add(
        ["service=web"], ends_us=START_US + 60_000_000, author="ann", comment="known", now_us=START_US
    )
    with running(store, SETTINGS, access=signed_in.access(), now_us=lambda: START_US) as web:
        until(lambda: len(web.app.state.makegood.mirror.alerts) == 2)
        yield web.url


@pytest.mark.parametrize("operation", [one.ok() for one in OPERATIONS], ids=lambda one: one.label)  # type: ignore[union-attr]
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda one: one.value)
def test_whatever_is_asked_the_answer_is_as_documented(
    url: str, operation: Any, mode: schemathesis.GenerationMode, request: pytest.FixtureRequest
) -> None:
    examples = NIGHTLY if request.config.getoption("--nightly") else EVERY_DAY
    # A wrong request is wrong in what it says; that it says who asks is not left to chance.
    asking = signed_in.headers(Role.ADMIN)

    @seed(7)
    @settings(max_examples=examples, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        answer = client.request(**sent(case, url, asking))
        assert answer.status_code < 500, answer.text
        assert answer.status_code in {200, 201, 202, 304} or answer.status_code in DOCUMENTED, answer.text
        operation.validate_response(answer)

    with httpx.Client(timeout=PATIENCE_S) as client:
        ask()
