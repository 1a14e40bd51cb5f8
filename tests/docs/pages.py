"""The examples on the pages of the documentation: marked fences, in order."""

import re
from pathlib import Path
from typing import NamedTuple

REPO = Path(__file__).resolve().parents[2]
PAGES = sorted([REPO / "README.md", *(REPO / "docs").rglob("*.md")])
_FENCE = re.compile(
    r"(?:<!-- (?P<mark>[^>]*?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


class Example(NamedTuple):
    """One fence.

    Attributes:
        line: where it begins, from 1.
        mark: what the comment above says: ``file: NAME``, ``settings``, ``not run: WHY``, ``background`` (the command
            goes on until the end of the page), ``soon`` (its output comes within seconds); empty for none.
        language: ``yaml``, ``console``, ...
        text: inside.
    """

    line: int
    mark: str
    language: str
    text: str


class Command(NamedTuple):
    """A line ``$ ...`` of a console fence, and the output that is shown below it."""

    line: str
    shown: str


def examples(page: Path) -> list[Example]:
    """Return the fences of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Example(text.count("\n", 0, found.start()) + 1, found["mark"] or "", found["language"], found["text"])
        for found in _FENCE.finditer(text)
    ]


def commands(example: Example) -> list[Command]:
    """Return the commands of a console fence."""
    found: list[Command] = []
    for line in example.text.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append(Command(line[2:].rstrip("\n"), ""))
        elif found:
            found[-1] = Command(found[-1].line, found[-1].shown + line)
    return found
