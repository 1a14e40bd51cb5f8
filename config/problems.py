"""What is wrong with a file that a person wrote: where, what was found, what was expected and what to do."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

PathItems = tuple[str | int, ...]


class Problem(NamedTuple):
    """One thing that is wrong in a file.

    Attributes:
        path: keys and list positions that lead to it, from the root of the file; empty for the file as a whole.
        line: line in the file, from 1; None where there is no line to show.
        message: what was found, what was expected, and what to do. Never holds a secret.
    """

    path: PathItems
    line: int | None
    message: str


class SettingsError(Exception):
    """A settings file cannot be used. Carries every problem that was found, not only the first.

    Attributes:
        file: the file, or a name for what was read.
        problems: at least one, in the order of the file.
    """

    def __init__(self, file: Path | str, problems: Sequence[Problem]) -> None:
        self.file = str(file)
        self.problems = sorted(problems, key=lambda problem: (problem.line is None, problem.line or 0))
        super().__init__(self.file, self.problems)

    def __str__(self) -> str:
        """Return one line a problem: ``file:line: path: message``."""
        return "\n".join(render(self.file, problem) for problem in self.problems)


def dotted(path: PathItems) -> str:
    """Return a path as people write it.

    >>> dotted(("detectors", "late", "promises", 0, "target"))
    'detectors.late.promises[0].target'
    """
    text = ""
    for item in path:
        if isinstance(item, int):
            text += f"[{item}]"
        else:
            text += f".{item}" if text else item
    return text


def render(file: str, problem: Problem) -> str:
    """Return a problem as one line that editors and people can follow."""
    place = file if problem.line is None else f"{file}:{problem.line}"
    where = dotted(problem.path)
    return f"{place}: {where}: {problem.message}" if where else f"{place}: {problem.message}"
