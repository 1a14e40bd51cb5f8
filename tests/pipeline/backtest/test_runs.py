"""Backtests over a recording: the alerts are those of a replay, and the result depends on nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator

from alerts.model import to_json
from pipeline.assembly import load_settings
from pipeline.backtest import inputs, result
from pipeline.backtest.backtest import Candidate, Judged, Known, backtest, labels_of
from pipeline.backtest.inputs import Asked, SpanError, span_of
from pipeline.backtest.labelfiles import read_labels
from pipeline.backtest.report import lines
from pipeline.backtest.result import Backtest, BacktestFileError
from pipeline.backtest.running import EmptyRecordingError
from pipeline.replay import replay
from tests.support.backtests import HOURS, write_settings
from tests.support.events import HOUR_US, START_US

DAY_US = 24 * HOUR_US
STRICT = ("p_value: {fire: 0.0005}",)
LOOSE = ("p_value: {fire: 0.03}",)


@contextmanager
def unseen(_doing: str) -> Iterator[None]:
    yield None


def candidate(folder: Path, recording: Path, *decision: str) -> Candidate:
    path = write_settings(folder / "settings.yaml", *decision)
    text = path.read_text().replace("social.jsonl", str(recording / "social.jsonl"))
    path.write_text(text)
    return Candidate(path.name, load_settings(path).settings)


def known(recording: Path) -> Known:
    return labels_of(recording / "labels.yaml", read_labels(recording / "labels.yaml"), HOUR_US)


def run(a: Candidate, b: Candidate | None = None, labels: Known | None = None, **asked: int) -> Judged:
    return backtest(a, b, asked=Asked(**asked), known=labels, progress=unseen)


@pytest.fixture(scope="module")
def held(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    folder = tmp_path_factory.mktemp("held")
    return run(candidate(folder, recording, *LOOSE), candidate(folder, recording, *STRICT), known(recording))


def test_the_alerts_are_those_of_a_replay(held: Judged, recording: Path, tmp_path: Path) -> None:
    settings = candidate(tmp_path, recording, *LOOSE).settings
    replay(settings, tmp_path / "alerts.jsonl")
    told = [msgspec.json.encode(to_json(change)) for change in held.a]
    assert told == (tmp_path / "alerts.jsonl").read_bytes().splitlines()


def test_the_result_is_the_same_however_the_work_is_cut(held: Judged, recording: Path, tmp_path: Path) -> None:
    a, b = (candidate(tmp_path, recording, *decision) for decision in (LOOSE, STRICT))
    flow = a.settings.flow.model_copy(update={"batch_size": 37, "shards": 5, "epoch": 50_000})
    cut = Candidate(a.name, a.settings.model_copy(update={"flow": flow}))
    assert run(cut, b, known(recording)).result == held.result


def test_precision_recall_and_delays_are_those_of_the_labels(held: Judged) -> None:
    loose, strict = held.result.a.total, (held.result.b or held.result.a).total
    assert loose.recall is not None
    assert strict.recall is not None
    assert loose.precision is not None
    assert strict.precision is not None
    assert (loose.recall.count, loose.recall.of) == (2, 2)
    assert strict.precision.value == 1.0
    assert loose.false is not None
    assert loose.true is not None
    assert loose.false + loose.true == loose.precision.of == loose.alerts
    assert loose.look_alikes_raised is not None
    assert loose.look_alikes_raised.of == 1
    delay = loose.time_to_detect
    assert delay is not None
    assert delay.median_windows == delay.median_s / 3600
    assert [one.found_by for one in held.result.a.incidents] == [["sentiment_drop"], ["sentiment_drop"]]


def test_windows_and_alerts_are_counted_in_the_judged_span(held: Judged) -> None:
    figures = held.result.a.detectors[0]
    assert held.result.span_from == "2026-03-03T11:00:00.000000Z"
    # A window an hour for three services, that ends at the 35th hour, up to the last event.
    assert figures.windows == figures.judged == 3 * (HOURS - 35)
    assert figures.alerts == sum(group.alerts for group in figures.by_group)
    assert figures.decision is not None
    assert figures.decision["p_value"]["fire"] == 0.03


def test_what_the_other_settings_lose_is_listed(held: Judged) -> None:
    found, before, after = held.result.difference, held.result.a.total, held.result.b
    assert found is not None
    assert after is not None
    assert before.alerts - found.lost_count + found.gained_count == after.total.alerts
    assert found.lost_count == len(found.lost) > 0
    assert {row.truth for row in found.lost} <= {"true", "false"}
    assert any(line.startswith("  lost: sentiment_drop 2026-03-") for line in lines(held.result))


def test_settings_that_find_less_are_worse(recording: Path, tmp_path: Path) -> None:
    never = candidate(tmp_path, recording, "p_value: {fire: 1.0e-30, overwhelming: 1.0e-30}")
    found = run(candidate(tmp_path, recording, *LOOSE), never, known(recording)).result.difference
    assert found is not None
    assert found.lost_incidents == [1, 2]
    assert found.worse[0] == "all detectors together: 0 of 2 incidents found, before 2 of 2"


def test_the_result_is_read_again_as_it_was_written(held: Judged, tmp_path: Path) -> None:
    result.write(tmp_path / "out" / "backtest.json", held.result)
    assert result.read(tmp_path / "out" / "backtest.json") == held.result
    plain = msgspec.json.decode((tmp_path / "out" / "backtest.json").read_bytes())
    Draft202012Validator(dict(result.schema())).validate(plain)


def test_a_result_that_was_changed_is_refused(held: Judged, tmp_path: Path) -> None:
    path = tmp_path / "backtest.json"
    result.write(path, held.result)
    path.write_text(path.read_text().replace('"same": ', '"same": 1', 1))
    with pytest.raises(BacktestFileError, match="it was changed; run the backtest again"):
        result.read(path)
    path.write_text("{}")
    with pytest.raises(BacktestFileError, match="is not the result of a backtest"):
        result.read(path)


def test_another_setting_is_another_result(held: Judged, recording: Path, tmp_path: Path) -> None:
    other = run(candidate(tmp_path, recording, *LOOSE), None, known(recording)).result
    assert other.a == held.result.a
    assert other.id != held.result.id
    assert isinstance(other, Backtest)


def test_folders_and_channels_make_no_difference_to_the_hash(recording: Path, tmp_path: Path) -> None:
    one = candidate(tmp_path, recording, *LOOSE).settings
    moved = tmp_path / "moved"
    moved.mkdir()
    (moved / "social.jsonl").write_bytes((recording / "social.jsonl").read_bytes())
    other = candidate(tmp_path, moved, *LOOSE).settings
    assert inputs.settings_hash(one) == inputs.settings_hash(other)
    assert inputs.settings_hash(one) != inputs.settings_hash(candidate(tmp_path, moved, *STRICT).settings)
    assert inputs.feed_sources(one) == inputs.feed_sources(other)


def test_a_recording_without_events_is_told(tmp_path: Path) -> None:
    (tmp_path / "social.jsonl").write_text("no event\n")
    with pytest.raises(EmptyRecordingError, match=r"no event in the recording \(1 dead letters\)"):
        run(candidate(tmp_path, tmp_path))


@pytest.mark.parametrize(
    ("asked", "span"),
    [
        (Asked(), (7, 100)),
        (Asked(warm_up_us=DAY_US), (1, 100)),
        (Asked(from_us=START_US + 3 * DAY_US), (3, 100)),
        (Asked(from_us=START_US + 3 * DAY_US, warm_up_us=5 * DAY_US), (5, 100)),
        (Asked(from_us=START_US - DAY_US, to_us=START_US + 9 * DAY_US), (0, 9)),
    ],
)
def test_judging_begins_when_everything_has_warmed_up(asked: Asked, span: tuple[int, int]) -> None:
    found = span_of(START_US, START_US + 100 * DAY_US - 1, asked)
    assert (found.from_us, found.to_us) == tuple(START_US + day * DAY_US for day in span)


def test_a_short_recording_warms_up_for_a_quarter_of_it() -> None:
    assert span_of(START_US, START_US + 4 * DAY_US - HOUR_US, Asked()).from_us == START_US + 23 * HOUR_US


def test_a_span_of_nothing_is_told() -> None:
    with pytest.raises(SpanError, match="nothing is left to judge: the recording goes from 2026-03-02T00:00:00"):
        span_of(START_US, START_US + DAY_US, Asked(warm_up_us=2 * DAY_US))
