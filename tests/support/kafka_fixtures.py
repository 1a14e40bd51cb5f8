"""Fixtures over :mod:`tests.support.kafka`; a ``conftest.py`` that wants them imports them by name."""

import os

import pytest

from tests.support.kafka import Broker, BrokerUnavailable, Cluster, shared_broker


@pytest.fixture
def broker() -> Broker:
    """A broker of our own, running, that the test may stop. One serves all tests: name no topic twice."""
    try:
        return shared_broker().ensure_running()
    except BrokerUnavailable as why:
        pytest.skip(str(why))


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """A broker to read and write: the one that ``KAFKA_BOOTSTRAP`` names, or else our own."""
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP")
    if bootstrap:
        return Cluster(bootstrap)
    own: Broker = request.getfixturevalue("broker")
    return own
