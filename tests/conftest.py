"""What holds for every test: the environment is clean, hypothesis is seeded, slow tests run at night."""

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

from tests.support.logging_fixtures import loggers_forget, logging_as_it_was

__all__ = ["loggers_forget", "logging_as_it_was"]

settings.register_profile("fast", max_examples=50, deadline=None, derandomize=True)
settings.register_profile(
    "thorough", max_examples=1000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

_KEPT = {"MAKEGOOD_DATA", "MAKEGOOD_KAFKA_LIBS"}

# Tests start hundreds of processes: each would compile the code anew where compiled code is not kept.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--nightly", action="store_true", help="run the tests marked slow as well")


def pytest_unconfigure() -> None:
    # Commands keep the collector away from what is there; libraries that count what they leak want it back at the end.
    gc.unfreeze()
    gc.collect()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--nightly"):
        return
    skip = pytest.mark.skip(reason="slow; run with --nightly")
    for item in items:
        if item.get_closest_marker("slow") is not None:
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of whoever runs the tests must not reach them. Terminals are wide and without colours."""
    for name in list(os.environ):
        if name.startswith("MAKEGOOD_") and name not in _KEPT:
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
