"""The reference page of the dashboards and rules, from the code and the file of rules."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from dashboards.grafana.catalogue import BOARDS
from dashboards.grafana.sdk import models

REPO = Path(__file__).resolve().parents[2]
RULES = REPO / "deploy" / "prometheus" / "makegood.rules.yml"
_HEAD = """For Grafana (written for version 12), in `dashboards/grafana/json`; `makegood dashboards build` writes them,
`makegood dashboards push` brings them to a Grafana ([how](../how-to/prometheus-and-grafana.md)). On all of them:
missing data says NO DATA, and never looks like health; calm is grey, and colours of severity stand for severity; the
annotations are alerts. Where a row names what it needs, its panels have no data without that."""


def dashboards_page(note: str) -> str:
    """Return the page; ``note`` says that it is generated."""
    parts = ["# Dashboards and rules", note, _HEAD]
    for name, make in BOARDS.items():
        board = make()
        built = board.build()
        parts += [f"## {built.title}", f"{built.description} (`{name}.json`, uid `{built.uid}`)"]
        parts.append("\n".join(_rows(built, board.needs)))
    parts += ["## Rules", "In `deploy/prometheus/makegood.rules.yml`, with tests beside it.", "\n".join(_rules())]
    return "\n\n".join(parts) + "\n"


def _rows(built: models.Dashboard, needs: dict[int, str]) -> Iterator[str]:
    yield "| panel | what it shows |"
    yield "|---|---|"
    for panel in built.panels or ():
        if isinstance(panel, models.RowPanel):
            need = needs.get(panel.id_val, "")
            yield f"| **{panel.title}** | {f'needs {need}' if need else ''} |"
        else:
            yield f"| {panel.title} | {panel.description} |"


def _rules() -> Iterator[str]:
    yield "| rule | severity | fires when | for |"
    yield "|---|---|---|---|"
    groups: list[dict[str, Any]] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        expr = rule["expr"].replace("|", "\\|")
        yield f"| {rule['alert']} | {rule['labels']['severity']} | `{expr}` | {rule.get('for', '')} |"
