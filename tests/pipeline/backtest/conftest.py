"""One small recording for all tests here, written once."""

from pathlib import Path

import pytest

from tests.support.backtests import write_recording


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``social.jsonl``, ``labels.yaml`` and ``live.yaml``. Not to be changed."""
    return write_recording(tmp_path_factory.mktemp("recording"))
