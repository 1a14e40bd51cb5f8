import pytest

from pipeline.records import discovery


@pytest.fixture(autouse=True)
def looks_are_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look for files that took long, on a machine with other work, puts off the next; tests look again at once."""
    monkeypatch.setattr(discovery, "_CHEAP_S", 60.0)
