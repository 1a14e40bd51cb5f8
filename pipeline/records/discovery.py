"""Which files a path names: one file, a folder with all that is in it, a pattern."""

from pathlib import Path
from time import monotonic

WILDCARDS = frozenset("*?[")
_CHEAP_S = 0.002
_SHARE = 0.02
"""Of the time at most this goes into looking for new files."""


def find_files(path: Path, *, follow: bool) -> dict[str, Path]:
    """Return the files that a path names, by partition.

    Args:
        path: a file, a folder or a pattern.
        follow: a single file need not be there yet.
    """
    if path.is_dir():
        return {str(file.relative_to(path)): file for file in path.rglob("*") if _is_visible(file, path)}
    if is_pattern(path):
        root = Path(path.anchor) if path.is_absolute() else Path()
        return {str(file): file for file in root.glob(str(path.relative_to(root))) if file.is_file()}
    return {path.name: path} if path.exists() or follow else {}


def is_pattern(path: Path) -> bool:
    """Return whether a path has wildcards, and is not the name of a file that has them."""
    return bool(WILDCARDS & set(str(path))) and not path.exists()


def names_many(path: Path) -> bool:
    """Return whether a path is a folder or a pattern, now."""
    return path.is_dir() or is_pattern(path)


class Discovery:
    """Looks for files again and again, the more seldom the longer it takes.

    Args:
        path: a file, a folder or a pattern.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._again_s = 0.0

    def look(self) -> dict[str, Path] | None:
        """Return the files there are now, by partition; None where the last look was not long ago."""
        began_s = monotonic()
        if began_s < self._again_s:
            return None
        found = find_files(self._path, follow=True)
        ended_s = monotonic()
        took_s = ended_s - began_s
        self._again_s = ended_s + (took_s / _SHARE if took_s > _CHEAP_S else 0.0)
        return found


def _is_visible(file: Path, folder: Path) -> bool:
    return file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts)
