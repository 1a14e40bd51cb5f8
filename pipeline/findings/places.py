"""Where the findings of flow processes are."""

from pathlib import Path

from config.settings import Settings
from pipeline.feeds.contract import Share

_ALL = "findings*.db"


def findings_path(settings: Settings, share: Share) -> Path:
    """Return where a flow process keeps its findings: each has a file of its own."""
    name = "findings.db" if settings.scale is None else f"findings-{share.index}.db"
    return settings.store.dir / name


def findings_paths(settings: Settings) -> list[Path]:
    """Return the files that there are, of whatever processes, in order."""
    return sorted(settings.store.dir.glob(_ALL))
