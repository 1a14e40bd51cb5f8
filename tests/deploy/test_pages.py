"""What the pages about deployment name is there."""

import re
from pathlib import Path

import pytest

from tests.deploy.tools import REPO

HOW_TO = REPO / "docs" / "how-to"
PAGES = [HOW_TO / "scale.md", *sorted(HOW_TO.glob("deploy-*.md"))]
NAMED = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@NAMED
def test_metrics_are_those_of_the_reference(page: Path) -> None:
    known = set(
        re.findall(r"`(makegood_\w+)`", (REPO / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8"))
    )
    assert set(re.findall(r"\b(makegood_[a-z_]+)\b", page.read_text(encoding="utf-8"))) <= known


@NAMED
def test_files_of_the_repository_exist(page: Path) -> None:
    named = re.findall(r"\bdeploy/[\w./@*-]*\w", page.read_text(encoding="utf-8"))
    made = [name for name in named if name.endswith("secrets.env") or name.startswith("deploy/compose/tokens")]
    missing = [name for name in named if name not in made and not list(REPO.glob(name))]
    assert missing == []


@NAMED
def test_anchors_of_other_pages_exist(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([\w./-]*)#([\w-]+)\)", page.read_text(encoding="utf-8")):
        there = (page.parent / target).resolve() if target else page
        headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert anchor in anchors, f"{target}#{anchor}"


def test_settings_that_the_sizing_names_have_the_default_that_it_says() -> None:
    from config.settings import TimeSettings  # noqa: PLC0415

    assert TimeSettings().dedup_horizon == 7 * 86_400_000_000
