"""Findings through the engine: each window of a recording once, also when the flow does everything again."""

from pathlib import Path

from config.settings import FindingsSettings
from detectors.contract import AlertChange, Finding
from pipeline.deadletters import DeadLetters
from pipeline.engine.execute import execute
from pipeline.engine.sinks import CallSink
from pipeline.findings.keeping import FindingKeeper
from pipeline.findings.query import opened
from pipeline.replay import recording_flow
from pipeline.tallies import Tallies
from tests.support.findings import Recorded


def run(recorded: Recorded, folder: Path, path: Path) -> FindingKeeper:
    """Run the flow over the recording, from its beginning."""
    folder.mkdir()
    keeper = FindingKeeper(path, FindingsSettings(), windows=frozenset({"sentiment_drop"}), tell=lambda _: None)
    changes: list[AlertChange] = []
    with DeadLetters(folder / "dead.db") as dead:
        flow = recording_flow(
            recorded.settings,
            tallies=Tallies(),
            folder=folder,
            alert_sink=CallSink(changes.extend),
            dead=dead,
            finding_sink=CallSink(keeper.take, keeper.settle),
        )
        execute(flow, epoch_us=50_000, folder=folder, identity=["test"])
    keeper.close()
    return keeper


def kept(path: Path, recorded: Recorded) -> list[Finding]:
    found: list[Finding] = []
    with opened([path]) as findings:
        for group in findings.groups()["sentiment_drop"]:
            found += findings._of_group("sentiment_drop", group, "TRUE", (), "ASC", 10_000)
    return sorted(found, key=lambda one: (one.end_us, one.group["service"]))


def test_every_window_is_kept_once_though_the_flow_begins_anew(recorded: Recorded, tmp_path: Path) -> None:
    path = tmp_path / "findings.db"
    expected = [one for one in recorded.findings if one.detector == "sentiment_drop"]
    for number in range(2):
        keeper = run(recorded, tmp_path / f"state-{number}", path)
        assert kept(path, recorded) == expected
        assert sum(keeper.counts.verdicts.values()) == len(recorded.findings)
