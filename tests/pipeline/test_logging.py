"""Logging is set up in a process of its own: it is the process's."""

import json
import subprocess
import sys

import pytest

CODE = """
import logging, structlog
from pipeline.logging import set_up_logging
set_up_logging({level!r}, {format!r})
structlog.get_logger("makegood.part").info("thing.happened", count=3)
logging.getLogger("library").warning("old %s", "style")
logging.getLogger("httpx").info("GET https://user:hunter2@example.com")
logging.getLogger("matplotlib.font_manager").info("generated new fontManager")
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


NASTY = """
import logging, structlog
from pipeline.logging import set_up_logging
set_up_logging("info", {format!r})
evil = "a\\n2026-01-01T00:00:00Z [info] forged\\r\\x1b[2J\\x9b2J\\u202e"
structlog.get_logger("x").info("thing.happened", text=evil, bare="\\x1b[2J", many=[evil])
logging.getLogger("library").warning("said %s", evil)
try:
    raise ValueError(evil)
except ValueError:
    structlog.get_logger("x").exception("broke")
"""


@pytest.mark.parametrize("format_", ["json", "console"])
def test_texts_of_others_write_no_line_of_their_own_and_nothing_to_the_terminal(format_: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", NASTY.format(format=format_)], capture_output=True, text=True, check=True
    )
    assert "forged" in done.stderr
    assert not {"\x1b", "\x9b", "\r", "\u202e"} & set(done.stderr)
    head = done.stderr.partition("Traceback")[0]
    assert len([line for line in head.splitlines() if "forged" in line and line.startswith("2026-01-01")]) == 0
