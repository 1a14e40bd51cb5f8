"""Why an alert fired, on its page: figures of a real recording, the same in the chart's table as in the findings."""

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from alerts.model import AlertDetail
from alerts.store import AlertStore
from dashboards.console.evidence import deciding, evidence
from dashboards.console.sparks import drawn, values_of
from detectors.contract import AlertChange, alert_change
from pipeline.findings.alerted import from_lines
from pipeline.findings.places import findings_paths
from pipeline.findings.store import FindingStore
from tests.dashboards.console.test_pages import get
from tests.support.findings import Recorded, record
from tests.support.web import Running


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    found = record(tmp_path_factory.mktemp("recorded"))
    path = found.settings.store.dir / "findings.db"
    store = FindingStore(path)
    store.add(found.findings)
    store.close()
    assert findings_paths(found.settings) == [path]
    return found


@pytest.fixture(scope="module")
def fired(recorded: Recorded) -> AlertDetail:
    """The alert of the mood about mobile, which falls."""
    lines = (recorded.folder / "alerts.jsonl").read_bytes().splitlines()
    prints = [
        line["fingerprint"]
        for line in map(msgspec.json.decode, lines)
        if line["labels"]["detector"] == "sentiment_drop"
    ]
    detail = from_lines(recorded.folder / "alerts.jsonl", prints[0])
    first = detail.history[0]
    again: AlertChange = alert_change(
        step="firing",
        at_us=first.starts_at_us,
        status="firing",
        labels=first.labels,
        annotations=first.annotations,
        starts_at_us=first.starts_at_us,
    )
    return AlertDetail(current=again, history=[again], notifications=[])


def test_the_series_shows_the_view_that_decided_and_the_limit_it_crossed(
    recorded: Recorded, fired: AlertDetail
) -> None:
    found = evidence(recorded.settings, recorded.detectors, fired)
    assert found.explanation is not None
    this = [point for point in found.points if point.this]
    assert [point.end_us for point in this] == [fired.current.starts_at_us]
    assert found.view == deciding(found.explanation.around.finding)
    calm = [point for point in found.points if point.verdict == "quiet" and point.limit is not None]
    assert calm
    assert all(point.value is not None and point.usual is not None for point in calm)
    worse_is_more = calm[0].limit is not None and calm[0].usual is not None and calm[0].limit > calm[0].usual
    for point in calm:
        assert point.value is not None
        assert point.limit is not None
        assert (point.value < point.limit) is worse_is_more, "what is quiet has not reached its limit"


def test_without_findings_it_is_said_what_is_missing(recorded: Recorded, fired: AlertDetail, tmp_path: Path) -> None:
    empty = recorded.settings.model_copy(
        update={"store": recorded.settings.store.model_copy(update={"dir": tmp_path / "none"})}
    )
    found = evidence(empty, recorded.detectors, fired)
    assert found.missing
    assert "no findings are kept in" in found.why


def test_the_page_has_the_same_numbers_in_its_table_as_the_findings(
    serve: Callable[..., Running], store: AlertStore, recorded: Recorded, fired: AlertDetail
) -> None:
    store.apply([fired.current])
    app = serve(settings=recorded.settings)
    text = get(app, f"/a/{fired.current.fingerprint}").text
    shown = re.findall(r'data-t="(\d+)" data-v="([^"]*)"', text)
    points = evidence(recorded.settings, recorded.detectors, fired).points
    assert shown == [
        (str(point.end_us // 1_000_000), "" if point.value is None else str(point.value)) for point in points
    ]
    assert "(opened it)" in text
    assert "decided here" not in text, "the chart is drawn by the browser"
    assert '<svg class="spark"' in get(app, "/inbox").text


def test_a_line_is_of_one_view_and_has_gaps_where_nothing_was_scored(recorded: Recorded) -> None:
    group = recorded.findings[0].group
    mine = [one for one in recorded.findings if one.group == group and one.detector == recorded.findings[0].detector]
    values = values_of(mine[-24:])
    assert len(values) == 24
    line = drawn(values)
    assert line is not None
    assert len(line.points.split()) == sum(value is not None for value in values)
    assert drawn([None, 1.0]) is None
    broken = drawn([1.0, 2.0, None, 1.0, 2.0])
    assert broken is not None
    assert [part[0] for part in broken.points.split()] == ["M", "L", "M", "L"]
    assert drawn([1.0, 1.0]) is not None, "a value that never changes is a level line"
