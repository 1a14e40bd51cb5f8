"""Logging is set up in a process of its own: it is the process's."""

import json
import subprocess
import sys

CODE = """
import logging, structlog
from pipeline.logging import set_up_logging
set_up_logging({level!r}, {format!r})
structlog.get_logger("makegood.part").info("thing.happened", count=3)
logging.getLogger("library").warning("old %s", "style")
logging.getLogger("httpx").info("GET https://user:hunter2@example.com")
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger("x").exception("broke")
"""


def run(level: str, format_: str) -> tuple[str, list[str]]:
    code = CODE.format(level=level, format=format_)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout, done.stderr.splitlines()


def test_lines_are_json_on_stderr_where_there_is_no_terminal() -> None:
    stdout, lines = run("info", "auto")
    assert stdout == ""
    told = [json.loads(line) for line in lines]
    assert [line["event"] for line in told] == ["thing.happened", "old style", "broke"]
    assert (told[0]["count"], told[0]["level"], told[0]["logger"]) == (3, "info", "makegood.part")
    assert told[0]["timestamp"].endswith("Z")
    assert "ZeroDivisionError" in told[2]["exception"]


def test_lines_below_the_level_are_dropped() -> None:
    _, lines = run("warning", "json")
    assert [json.loads(line)["event"] for line in lines] == ["old style", "broke"]


def test_addresses_that_libraries_log_are_not_shown() -> None:
    for format_ in ("json", "console"):
        assert "hunter2" not in "\n".join(run("info", format_)[1])
