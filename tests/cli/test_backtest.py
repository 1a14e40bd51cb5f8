"""``makegood backtest`` from end to end: what it prints, writes, and ends with."""

import json
from pathlib import Path
from typing import cast

import pytest

from detectors.control import Mode, ThresholdVersion, encode
from pipeline.backtest.result import read
from tests.cli.support import Finished, makegood
from tests.support.backtests import SPIKE, write_recording, write_settings

LOOSE = "p_value: {fire: 0.03}"
NEVER = "p_value: {fire: 1.0e-30, overwhelming: 1.0e-30}"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_recording(tmp_path_factory.mktemp("recording"))
    write_settings(folder / "loose.yaml", LOOSE)
    write_settings(folder / "never.yaml", NEVER)
    return folder


def backtest(recording: Path, *arguments: str | Path, config: str = "loose.yaml") -> Finished:
    return makegood("backtest", "-c", recording / config, "--feed", f"social={recording / 'social.jsonl'}", *arguments)


def test_one_settings_file_is_told_by_detector_and_group(recording: Path) -> None:
    done = backtest(recording)
    assert (done.returncode, done.defect) == (0, None)
    assert "judged 2026-03-03 11:00 to 2026-03-07 23:58 (4.5 days)\n\nloose.yaml\n  detector" in done.stdout
    assert "sentiment_drop  service=mobile" in done.stdout
    assert "precision" not in done.stdout


def test_with_labels_precision_and_recall_are_told(recording: Path) -> None:
    done = backtest(recording, "--labels", recording / "labels.yaml", "--warm-up", "2d")
    assert done.returncode == 0
    assert "judged 2026-03-04 00:00" in done.stdout
    assert ", by labels.yaml\n" in done.stdout
    assert "2 of 2, 1.00 [0.16, 1.00]" in done.stdout


def test_json_is_one_line_with_the_figures_of_every_detector(recording: Path) -> None:
    done = backtest(recording, "--labels", recording / "labels.yaml", "--json")
    (line,) = done.stdout.splitlines()
    told = json.loads(line)
    assert [one["detector"] for one in told["a"]["detectors"]] == ["sentiment_drop"]
    assert told["a"]["total"]["recall"]["count"] == 2
    assert (told["b"], told["difference"]) == (None, None)
    assert told["labels"]["name"] == "labels.yaml"


def test_settings_that_find_less_end_with_1(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    against = ("--against", recording / "never.yaml", "--labels", recording / "labels.yaml", "--out", out)
    done = backtest(recording, *against)
    assert done.returncode == 1
    assert "  missed now: mast down (label 1), set-top boxes (label 2)\n" in done.stdout
    assert "  worse on recall: sentiment_drop: 0 of 2 incidents found, before 2 of 2\n" in done.stdout
    result = read(out / "backtest.json")
    assert f"written: {out / 'backtest.json'} (id {result.id[:12]})" in done.stdout
    assert result.difference is not None
    assert result.difference.lost_count == result.a.total.alerts
    firing = [line for line in (out / "alerts.jsonl").read_text().splitlines() if '"status":"firing"' in line]
    assert len(firing) >= result.a.total.alerts
    assert (out / "alerts.against.jsonl").read_text() == ""


def test_settings_that_find_as_much_end_with_0(recording: Path) -> None:
    done = backtest(recording, "--against", recording / "loose.yaml", "--labels", recording / "labels.yaml")
    assert done.returncode == 0
    assert " 0 gained, 0 lost, 0 earlier, 0 later\n" in done.stdout


def test_a_change_can_be_given_without_a_file(recording: Path) -> None:
    done = backtest(recording, "--set", "sentiment_drop.p_value.fire=0.0005", "--json")
    told = json.loads(done.stdout)
    assert told["b"]["config"] == "loose.yaml with sentiment_drop.p_value.fire=0.0005"
    assert told["b"]["detectors"][0]["decision"]["p_value"]["fire"] == 0.0005
    same = backtest(recording, "--set", "sentiment_drop.p_value.fire=0.03", "--json")
    assert json.loads(same.stdout)["difference"]["gained_count"] == 0


def test_only_the_feeds_that_are_named_are_read(recording: Path, tmp_path: Path) -> None:
    text = (recording / "loose.yaml").read_text()
    more = "feeds:\n  cases: {type: kafka, bootstrap: 'localhost:1', topics: [cases]}"
    (tmp_path / "m.yaml").write_text(text.replace("feeds:", more))
    done = makegood("backtest", "-c", tmp_path / "m.yaml", "--feed", f"social={recording / 'social.jsonl'}", "--json")
    assert (done.returncode, done.stderr) == (0, "makegood: m.yaml: only the feeds of --feed are read, not cases\n")
    assert list(json.loads(done.stdout)["feeds"]) == ["social"]


def test_what_has_been_promoted_since_holds_for_a_and_for_the_change(recording: Path, tmp_path: Path) -> None:
    def version(number: int, mode: str, decision: dict[str, object]) -> bytes:
        return encode(
            ThresholdVersion(
                detector="sentiment_drop", version=number, decision=decision, mode=cast("Mode", mode), effective_us=0,
                by="ann", why="", at_us=0, number=number, log="x",
            )
        )  # fmt: skip

    log = [
        version(1, "live", {"confirm": "2 of 3"}),
        version(2, "live", {"p_value": {"fire": 0.0005}}),
        version(3, "shadow", {"alert_budget": "9 per week"}),
    ]
    (tmp_path / "controls.jsonl").write_bytes(b"\n".join(log))
    change = ("--set", "sentiment_drop.confirm=2 of 2", "--controls", tmp_path / "controls.jsonl", "--json")
    told = json.loads(backtest(recording, *change).stdout)
    a, b = (told[side]["detectors"][0]["decision"] for side in ("a", "b"))
    assert (a["p_value"]["fire"], a["confirm"], a["alert_budget"]) == (0.0005, "1 of 1", None)
    assert b == {**a, "confirm": "2 of 2"}


def test_verdicts_of_responders_are_labels(recording: Path, tmp_path: Path) -> None:
    told = json.loads(backtest(recording, "--json", "--set", "sentiment_drop.p_value.fire=1e-8").stdout)
    lost = told["difference"]["lost"]
    verdicts = tmp_path / "verdicts.jsonl"
    verdicts.write_text(
        "\n".join(
            json.dumps({"fingerprint": row["fingerprint"], "starts_at": row["starts_at"], "verdict": verdict})
            for row, verdict in zip(lost[:2], ("useful", "noise"), strict=True)
        )
    )
    figures = json.loads(backtest(recording, "--labels", verdicts, "--grace", "0s", "--json").stdout)["a"]["total"]
    assert (figures["true"], figures["false"]) == (1, 1)
    assert figures["unjudged"] == figures["alerts"] - 2


def test_one_detector_alone_does_what_it_does_among_others(recording: Path, tmp_path: Path) -> None:
    both = write_settings(tmp_path / "both.yaml", LOOSE, more=SPIKE)
    whole = json.loads(backtest(recording, "--json", config=str(both)).stdout)
    alone = json.loads(backtest(recording, "--only", "social_spike", "--json", config=str(both)).stdout)
    assert [one["detector"] for one in alone["a"]["detectors"]] == ["social_spike"]
    assert alone["a"]["detectors"] == [one for one in whole["a"]["detectors"] if one["detector"] == "social_spike"]
    unknown = backtest(recording, "--only", "social_spikes", config=str(both))
    assert unknown.returncode == 2
    assert "social_spike" in unknown.stderr


def test_programs_are_told_how_far_it_is(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.commands.progress._SAY_EVERY_S", 0.001)
    done = backtest(recording, "--set", "sentiment_drop.p_value.fire=0.0005", "--progress-lines", "--json")
    told = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    shares = [one["share"] for one in told]
    assert shares == sorted(shares)
    assert (told[0]["doing"], told[-1]["doing"]) == ("A", "B")
    assert 0.0 <= shares[0] < 0.5 < shares[-1] <= 1.0
    assert max(one["events"] for one in told) > 1000
    assert json.loads(done.stdout)["difference"]["lost_count"] > 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--from", "yesterday"], "--from yesterday: expected a time with its offset like 2026-03-02T09:00:00Z"),
        (["--from", "2026-03-04T00:00:00"], "--from 2026-03-04T00:00:00: expected a time with its offset"),
        (["--warm-up", "7"], "--warm-up 7: '7' is not a duration"),
        (["--to", "2026-01-01"], "nothing is left to judge: the recording goes from 2026-03-02T00:0"),
        (["--feed", "posts=x"], "--feed posts=x: there is no x; give a file or folder that exists"),
        (["--set", "mood.confirm=2 of 3"], "--set mood.confirm=2 of 3: expected DETECTOR.NAME=VALUE"),
        (["--set", "sentiment_drop.window=2h"], "window cannot be changed while the detector runs"),
        (["--set", "sentiment_drop.confirm=3 of 2"], "3 of 2 can never be"),
        (["--set", "sentiment_drop.confirm=2 of 3", "--against", "x"], "--against and --set both say what B is"),
        (["--labels", "nowhere.yaml"], "nowhere.yaml: cannot be read: No such file or directory"),
        (["--controls", "README.md"], "README.md:1: not a control"),
        (["--labels", "nowhere.csv"], "nowhere.csv: No such file or directory"),
    ],
)
def test_unusable_input_ends_with_2_and_is_named(arguments: list[str], told: str, recording: Path) -> None:
    done = backtest(recording, *arguments)
    assert (done.returncode, done.defect) == (2, None)
    assert told in done.stderr


def test_settings_without_detectors_are_told(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("feeds: {social: {type: file, path: x.jsonl}}")
    done = makegood("backtest", "-c", tmp_path / "m.yaml")
    assert (done.returncode, done.defect) == (2, None)
    assert "m.yaml: the settings have no detectors; there is nothing to test" in done.stderr
