"""A replay that dies while it puts its results in place leaves nothing out when it is given again."""

import shutil
from pathlib import Path

import pytest

from pipeline import replay as module
from pipeline.assembly import load_settings
from pipeline.deadletters import DeadLetters
from pipeline.replay import replay
from tests.support.recording import make_recording, write_config, write_lines

CRM, SOCIAL = make_recording(5, cases=10, hours=6)
BAD = 3


class KilledError(Exception):
    pass


def killed(*_arguments: object) -> None:
    raise KilledError


@pytest.mark.parametrize("step", ["_write", "_keep_dead_letters", "rmtree"])
def test_a_replay_killed_in_its_last_steps_is_finished_by_the_next(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = [*CRM[:20], *((0, b"not json %d" % number) for number in range(BAD)), *CRM[20:]]
    config = write_config(
        tmp_path, write_lines(tmp_path / "crm.jsonl", crm), write_lines(tmp_path / "social.jsonl", SOCIAL)
    )
    settings = load_settings(config).settings
    expected = tmp_path / "expected.jsonl"
    replay(settings, expected)
    out = tmp_path / "alerts.jsonl"
    with monkeypatch.context() as patched:
        patched.setattr(shutil if step == "rmtree" else module, step, killed)
        with pytest.raises(KilledError):
            replay(settings, out)
    summary = replay(settings, out)
    assert summary.dead_letters == BAD
    assert out.read_bytes() == expected.read_bytes()
    with DeadLetters(tmp_path / "alerts.jsonl.deadletters.db") as letters:
        assert letters.counts() == {"crm": {"invalid_json": BAD}}
    assert sorted(path.name for path in tmp_path.glob("alerts.jsonl*")) == [
        "alerts.jsonl",
        "alerts.jsonl.deadletters.db",
    ]
