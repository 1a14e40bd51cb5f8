"""Where the recordings of real data are. They are not part of the product and not in its repository."""

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"


def data_path(*parts: str) -> Path:
    """Return a path in the folder of recordings; skip the test, saying so, where it is absent."""
    root = Path(os.environ.get("MAKEGOOD_DATA", str(_BESIDE)))
    path = root.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no recording {'/'.join(parts)}: set MAKEGOOD_DATA to the folder that holds it")
    return path
