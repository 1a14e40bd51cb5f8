"""All dashboards, and their JSON."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.grafana import delivery, now, pipeline, service, tuning
from dashboards.grafana.board import Board

FOLDER = Path(__file__).with_name("json")
"""Where the JSON is kept: a change of it is read in a review."""
BOARDS: Mapping[str, Callable[[], Board]] = {
    "now": now.build,
    "service": service.build,
    "tuning": tuning.build,
    "delivery": delivery.build,
    "pipeline": pipeline.build,
}


def build_all() -> dict[str, str]:
    """Return the JSON of each dashboard, by the name of its file; always the same text."""
    return {f"{name}.json": _text(make()) for name, make in BOARDS.items()}


def models() -> list[dict[str, Any]]:
    """Return the dashboards as plain data."""
    return [json.loads(text) for text in build_all().values()]


def _text(board: Board) -> str:
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(board.build()) + "\n"
