"""Everything that the documentation shows is run: files, settings, and commands with their output."""

import doctest
import re
import shlex
from pathlib import Path

import pytest

from config.loader import validate
from config.yamlfile import parse_yaml
from pipeline.assembly import build_problems, settings_model
from tests.cli.support import makegood
from tests.docs.pages import PAGES, REPO, commands, examples

LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


def name(page: Path) -> str:
    return str(page.relative_to(REPO))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_examples_of_a_page_work_as_shown(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for example in examples(page):
        kind, _, rest = example.mark.partition(": ")
        where = f"{name(page)}:{example.line}"
        if kind == "file":
            Path(rest).write_text(example.text, encoding="utf-8")
        elif kind == "settings":
            document = parse_yaml(example.text, where)
            assert build_problems(validate(document, settings_model()), document) == []
        elif kind == "not run":
            assert rest, f"{where}: say why it is not run"
        else:
            assert example.language in ("console", "text"), f"{where}: mark it as file, settings or not run"
            for command in commands(example) if example.language == "console" else []:
                program, *arguments = shlex.split(command.line)
                assert program == "makegood", f"{where}: only makegood is run: {command.line}"
                result = makegood(*arguments)
                told = (result.stdout + result.stderr).rstrip("\n") + "\n"
                same = doctest.OutputChecker().check_output(command.shown or "\n", told, doctest.ELLIPSIS)
                assert same, f"{where}: $ {command.line}\nshown:\n{command.shown}\ngot:\n{told}\n{result.defect!r}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    missing = [target for target in LINK.findall(page.read_text("utf-8")) if not (page.parent / target).exists()]
    assert missing == []
