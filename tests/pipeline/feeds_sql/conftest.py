from collections.abc import Iterator

import pytest

from tests.support import postgres
from tests.support.postgres import OwnPostgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[OwnPostgres]:
    yield from postgres.running()
