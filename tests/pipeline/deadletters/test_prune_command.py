import json
import time
from pathlib import Path

from pipeline.deadletters import DeadLetters
from pipeline.letters import DeadLetter
from pipeline.reasons import Reason
from tests.cli.support import makegood

CONFIG = """
feeds:
  posts: {type: file, path: events.jsonl}
detectors:
  mood: {type: sentiment_drop}
store: {dir: var}
dead_letters: {keep: 10d}
"""
DAY_US = 86_400_000_000


def test_old_letters_are_deleted_by_the_settings_or_as_said(tmp_path: Path) -> None:
    config = tmp_path / "watch.yaml"
    config.write_text(CONFIG)
    assert makegood("deadletters", "prune", "--config", config).returncode == 1, "there are none yet"
    now_us = time.time_ns() // 1000
    with DeadLetters(tmp_path / "var" / "deadletters.db") as store:
        for days in (0, 5, 20, 30):
            store.add([DeadLetter("posts", "p", days, 0, b"x", Reason.TOO_LATE, "d")], now_us - days * DAY_US)
        # The oldest were added last, which the clock of a real flow does not do.
        store._db.execute("UPDATE letters SET id = 100 - id")
    done = makegood("deadletters", "prune", "--config", config, "--json")
    assert json.loads(done.stdout) == {"deleted": 2, "bytes": 2}
    assert makegood("deadletters", "prune", "--config", config, "--keep", "1d").stdout.startswith("1 dead letters")
    assert "3 older ones have been deleted" in makegood("deadletters", "list", "--config", config).stdout
    assert makegood("deadletters", "prune", "--config", config, "--max-bytes", "0").stdout.startswith("1 dead letters")
    refused = makegood("deadletters", "prune", "--config", config, "--keep", "7")
    assert (refused.returncode, "--keep: '7' is not a duration" in refused.stderr) == (2, True)
