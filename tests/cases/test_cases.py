"""Every registered detector has a file of cases here: some that fire, some that stay quiet, and all pass."""

from functools import cache
from pathlib import Path

import pytest

from detectors.contract import DETECTORS
from pipeline.assembly import settings_model
from pipeline.cases.report import lines
from pipeline.cases.run import FileResult, run_file

HERE = Path(__file__).parent
FEWEST = 5


def registered() -> list[str]:
    settings_model()
    return DETECTORS.names()


@cache
def result_of(detector: str) -> FileResult:
    return run_file(HERE / f"{detector}.yaml")


def test_there_are_detectors() -> None:
    assert registered()


@pytest.mark.parametrize("detector", registered())
def test_every_detector_has_a_file_of_cases_that_pass(detector: str) -> None:
    result = result_of(detector)
    assert all(case.passed for case in result.results), "\n".join(lines(result))
    firing = [case for case in result.results if any(change.status == "firing" for change in case.changes)]
    assert len(result.results) >= FEWEST
    assert firing, "no case fires"
    assert len(firing) < len(result.results), "no case stays quiet"


@pytest.mark.parametrize("detector", registered())
def test_every_file_of_cases_names_its_detector(detector: str) -> None:
    for case in result_of(detector).results:
        assert {change.labels["detector"] for change in case.changes} <= {detector}
