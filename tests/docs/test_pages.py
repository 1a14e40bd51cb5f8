"""Everything that the documentation shows is run: files, settings, and commands with their output."""

import doctest
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from config.loader import validate
from config.yamlfile import parse_yaml
from pipeline.assembly import build_problems, settings_model
from pipeline.commands import controls
from tests.cli.support import makegood
from tests.docs.pages import PAGES, REPO, Command, commands, examples
from tests.docs.stages import Stage, stage_of
from tests.support.patience import PATIENCE_S

LOOK_EVERY_S = 0.5
ANY_PORTS = 'metrics: {listen: "127.0.0.1:0", notifier_listen: "127.0.0.1:0"}'
"""Where a page says so, its console gets any free port as well: the usual one may be taken on the machine of a test."""
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


def name(page: Path) -> str:
    return str(page.relative_to(REPO))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_examples_of_a_page_work_as_shown(
    page: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(controls, "_HEARD_WITHIN_S", PATIENCE_S)  # a flow may be as slow as the machine
    with stage_of(name(page), tmp_path_factory.mktemp("stage"), monkeypatch) as stage, ExitStack() as stack:
        for example in examples(page):
            kind, _, rest = example.mark.partition(": ")
            where = f"{name(page)}:{example.line}"
            if kind == "file":
                text = stage.written(example.text)
                more = 'console: {listen: "127.0.0.1:0"}\n' if ANY_PORTS in text else ""
                Path(rest).write_text(text + more, encoding="utf-8")
            elif kind == "settings":
                document = parse_yaml(example.text, where)
                assert build_problems(validate(document, settings_model()), document) == []
            elif kind == "not run":
                assert rest, f"{where}: say why it is not run"
            elif kind == "background":
                (command,) = commands(example)
                stack.enter_context(running(command, where))
            else:
                assert example.language in ("console", "text"), f"{where}: mark it as file, settings or not run"
                for command in commands(example) if example.language == "console" else []:
                    run(command, where, stage, within_s=PATIENCE_S if kind == "soon" else 0.0)


def run(command: Command, where: str, stage: Stage, *, within_s: float) -> None:
    """Run a command until its output is what is shown, for so long at most."""
    program, *arguments = shlex.split(command.line)
    if program == "touch":
        Path(*arguments).touch()
        return
    assert program == "makegood", f"{where}: only makegood is run: {command.line}"
    until_s = time.monotonic() + within_s
    while True:
        result = makegood(*arguments)
        told = stage.shown(result.stdout + result.stderr).rstrip("\n") + "\n"
        if doctest.OutputChecker().check_output(command.shown or "\n", told, doctest.ELLIPSIS):
            return
        if time.monotonic() >= until_s:
            pytest.fail(f"{where}: $ {command.line}\nshown:\n{command.shown}\ngot:\n{told}\n{result.defect!r}")
        time.sleep(LOOK_EVERY_S)


@contextmanager
def running(command: Command, where: str) -> Iterator[None]:
    """Have a command run in a process of its own; it ends well when it is asked to."""
    program, *arguments = shlex.split(command.line)
    assert program == "makegood", f"{where}: only makegood is run: {command.line}"
    with (
        Path("output.log").open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli", *arguments],
            env={**os.environ, "PYTHONPATH": str(REPO)},
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            yield
        finally:
            process.terminate()
            status = process.wait(timeout=PATIENCE_S)
        assert status == 0, Path("output.log").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    missing = [target for target in LINK.findall(page.read_text("utf-8")) if not (page.parent / target).exists()]
    assert missing == []
