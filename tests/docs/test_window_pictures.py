"""The pictures of window detectors at work."""

from pathlib import Path

import pytest

from detectors import catalogue
from detectors.contract import DETECTORS
from detectors.windowed import WindowSettings
from docs.images.make_window_detectors import FOLDER, PICTURES, draw, play
from tests.docs.pages import REPO

del catalogue  # imported so that every detector is registered
WINDOWED = [name for name in DETECTORS.names() if issubclass(DETECTORS.settings(name), WindowSettings)]


@pytest.mark.parametrize("name", WINDOWED)
def test_every_window_detector_has_a_page_with_its_picture(name: str) -> None:
    page = (REPO / "docs" / "reference" / "detectors" / f"{name}.md").read_text(encoding="utf-8")
    assert f"](../../images/detectors/{name}.png)" in page
    assert (FOLDER / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_index_names_every_detector() -> None:
    index = (REPO / "docs" / "reference" / "detectors" / "README.md").read_text(encoding="utf-8")
    assert [name for name in DETECTORS.names() if f"`{name}`" not in index] == []


def test_pictures_are_drawn_of_window_detectors_and_no_others() -> None:
    assert set(PICTURES) == set(WINDOWED)


def test_the_program_draws(tmp_path: Path) -> None:
    path = draw("survey_drop", tmp_path, days=5)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_an_incident_is_what_is_drawn() -> None:
    played = play("survey_drop", 16)
    assert [change.status for change in played.changes][-2:] == ["firing", "resolved"]
