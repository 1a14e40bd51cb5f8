"""A port for the figures of a flow; logging as it was after commands."""

import pytest

from tests.support import ports
from tests.support.kafka_fixtures import broker, cluster
from tests.support.logging_fixtures import logging_as_it_was

__all__ = ["broker", "cluster", "logging_as_it_was"]


@pytest.fixture
def free_port() -> int:
    return ports.free_port()
