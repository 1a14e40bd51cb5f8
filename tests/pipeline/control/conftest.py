"""A port for the figures of a flow; logging as it was after commands."""

import pytest

from tests.support import kafka
from tests.support.logging_fixtures import logging_as_it_was

__all__ = ["logging_as_it_was"]


@pytest.fixture
def free_port() -> int:
    return kafka.free_port()
