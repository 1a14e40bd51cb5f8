"""Plain tables for terminals and pages: columns as wide as what is in them."""

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """Return the lines of a table. The first ``left`` columns are flush left, the others, figures, flush right.

    >>> table(["name", "n"], [["a", "1"], ["bcdef", "20"]])
    ['name    n', 'a       1', 'bcdef  20']
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for row in (head, *rows):
        cells = [
            text.ljust(width) if place < left else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def indented(lines: Sequence[str], by: str = "  ") -> list[str]:
    """Return lines moved to the right."""
    return [by + line if line else line for line in lines]
