"""Alertmanager's API keeps what its OpenAPI document says, whatever is asked: no 5xx, and no breach of the schema."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, seed, settings

from alerts.silences import SilenceBook
from config.settings import Settings
from dashboards.access.contract import Role
from dashboards.api.v2 import reading, writing
from tests.dashboards.api.v2.conftest import SETTINGS
from tests.support import signed_in
from tests.support.alerts import START_US, change
from tests.support.patience import PATIENCE_S, until
from tests.support.redis import fresh_store
from tests.support.schema_requests import sent
from tests.support.web import running

PREFIX = "/api/v2"
NIGHTLY, EVERY_DAY = 400, 12
"""Requests of each kind (right ones, and wrong ones) to each operation."""


def asking() -> list[Any]:
    """Return each operation with each kind of request; what takes neither query nor body cannot be asked wrongly."""
    described = FastAPI(title="Makegood", version="1")
    for router in (reading.router, writing.router):
        described.include_router(router, prefix=PREFIX)
    found: list[Any] = list(schemathesis.openapi.from_dict(described.openapi()).get_all_operations())
    return [
        pytest.param(one.ok(), mode, id=f"{mode.value}-{one.ok().label}")
        for one in found
        for mode in schemathesis.GenerationMode
        if mode is schemathesis.GenerationMode.POSITIVE or one.ok().query or one.ok().body
    ]


@pytest.fixture(scope="module")
def url(client: "redis.Redis") -> Iterator[str]:
    store = fresh_store(client)
    store.apply([change(service="pay"), change("Outage", service="pay", severity="critical")])
    SilenceBook(store).add(["service=web"], ends_us=START_US * 2, author="ann", comment="known", now_us=START_US)
    made = Settings.model_validate(SETTINGS)
    with running(store, made, access=signed_in.access(), now_us=lambda: START_US) as web:
        until(lambda: len(web.app.state.makegood.mirror.alerts) == 2)
        yield web.url


@pytest.mark.parametrize(("operation", "mode"), asking())
def test_whatever_is_asked_the_answer_is_as_documented(
    url: str, operation: Any, mode: schemathesis.GenerationMode, request: pytest.FixtureRequest
) -> None:
    examples = NIGHTLY if request.config.getoption("--nightly") else EVERY_DAY
    who = signed_in.headers(Role.ADMIN)

    @seed(7)
    @settings(max_examples=examples, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        answer = client.request(**sent(case, url, who))
        assert answer.status_code in {200, 400, 404, 413}, answer.text
        if answer.content:
            operation.validate_response(answer)

    with httpx.Client(timeout=PATIENCE_S) as client:
        ask()
