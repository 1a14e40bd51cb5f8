"""Columns are tried on every batch here, however small it is, and however few of its records are plain."""

import pytest

from pipeline.columns import lane


@pytest.fixture(autouse=True)
def every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no batch go by rows for the sake of speed."""
    monkeypatch.setattr(lane, "PLAIN_ENOUGH", -1.0)
    monkeypatch.setattr(lane, "LEAST_RECORDS", 1)
