"""What ``makegood test`` says about results, for people and for machines."""

from collections.abc import Iterator, Mapping
from typing import Any

from alerts.model import rfc3339
from config.durations import format_duration_us
from detectors.contract import AlertChange
from pipeline.cases.model import Expected, when_us
from pipeline.cases.run import CaseResult, FileResult


def lines(result: FileResult) -> Iterator[str]:
    """Yield a line a case, and below a failed one what is missing (``-``) and what nobody expected (``+``)."""
    yield str(result.file)
    for case in result.results:
        yield f"  {'pass' if case.passed else 'FAIL'}  {case.name}"
        for expected in case.missing:
            yield f"        - {_expected(expected, result.start_us)}"
        for change in case.unexpected:
            yield f"        + {_change(change, result.start_us)}"


def plain(result: FileResult) -> dict[str, Any]:
    """Return a result as plain data."""
    return {"file": str(result.file), "cases": [_case(case, result.start_us) for case in result.results]}


def _case(case: CaseResult, start_us: int) -> dict[str, Any]:
    return {
        "name": case.name,
        "passed": case.passed,
        "missing": [_expected(expected, start_us) for expected in case.missing],
        "unexpected": [_change(change, start_us) for change in case.unexpected],
    }


def _expected(expected: Expected, start_us: int) -> str:
    step = "" if expected.step is None else f" ({expected.step})"
    further = "".join(
        f" {name}={_when(when_us(text, start_us), start_us)}"
        for name, text in (("starts_at", expected.starts_at), ("ends_at", expected.ends_at))
        if text is not None
    )
    told = "".join(f" {name} contains {text!r}" for name, text in expected.annotations.items())
    at = _when(when_us(expected.at, start_us), start_us)
    return f"at {at} {expected.status}{step} {_labels(expected.labels)}{further}{told}"


def _change(change: AlertChange, start_us: int) -> str:
    ends = "" if change.ends_at_us is None else f" ends_at={_when(change.ends_at_us, start_us)}"
    starts = _when(change.starts_at_us, start_us)
    summary = change.annotations.get("summary", "")
    return (
        f"at {_when(change.at_us, start_us)} {change.status} ({change.step}) {_labels(change.labels)}"
        f" starts_at={starts}{ends} {summary!r}"
    )


def _when(time_us: int, start_us: int) -> str:
    """Return a time as an offset, with the time itself where people would have to count."""
    offset = time_us - start_us
    text = format_duration_us(abs(offset))
    return f"{'-' if offset < 0 else ''}{text} [{rfc3339(time_us)}]"


def _labels(labels: Mapping[str, str]) -> str:
    inside = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
    return f"{{{inside}}}"
