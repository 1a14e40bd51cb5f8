"""The drawings of detectors at work are what the program draws."""

import pytest

from docs.images.make_detectors import DRAWINGS, FOLDER


@pytest.mark.parametrize("name", sorted(DRAWINGS))
def test_a_drawing_is_up_to_date(name: str) -> None:
    told = (FOLDER / name).read_text(encoding="utf-8")
    assert told == DRAWINGS[name](), f"{name} is out of date; run: python -m docs.images.make_detectors"
