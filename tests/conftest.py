"""What holds for every test: the environment is clean, hypothesis is seeded, slow tests run at night.

With ``--second-try``, as in CI, a test that fails is run once more, and the summary names it; but not tests of what
only computes, which a busy machine cannot make fail. One that is named has a race to be found: see ADR 17.
"""

import gc
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.logging_fixtures import loggers_forget, logging_as_it_was

__all__ = ["loggers_forget", "logging_as_it_was"]

settings.register_profile(
    "fast", max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "thorough", max_examples=1000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

_TESTS = Path(__file__).parent
_ONLY_COMPUTES = {"cases", "config", "detectors", "fuzz"}
"""Folders of tests that get no second try."""
_KEPT = {"MAKEGOOD_DATA", "MAKEGOOD_KAFKA_LIBS"}

# Tests start hundreds of processes: each would compile the code anew where compiled code is not kept.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--nightly", action="store_true", help="run the tests marked slow as well")
    parser.addoption("--second-try", action="store_true", help="run a test that failed beside processes once more")


def pytest_unconfigure() -> None:
    # Commands keep the collector away from what is there; libraries that count what they leak want it back at the end.
    gc.unfreeze()
    gc.collect()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--second-try"):
        for item in items:
            if item.path.is_relative_to(_TESTS) and item.path.relative_to(_TESTS).parts[0] not in _ONLY_COMPUTES:
                item.add_marker(pytest.mark.flaky(reruns=1))
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
