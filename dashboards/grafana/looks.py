"""How panels look, and what they say where there is no data."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dashboards.grafana import palette
from dashboards.grafana.sdk import common_models as c
from dashboards.grafana.sdk import dashboard, prometheus
from dashboards.grafana.sdk import models as m

SOURCE = c.DataSourceRef(type_val="prometheus", uid="${ds}")
OK_OR_NOT = {"0": ("NOT WELL", palette.P1), "1": ("ok", palette.QUIET)}
YES_IS_BAD = {"0": ("ok", palette.QUIET), "1": ("FAILS", palette.P1)}


class Query(NamedTuple):
    """A query of a panel.

    Attributes:
        expr: in PromQL.
        legend: of its series: ``{{label}}``, or words.
        limit: it is drawn dashed and in grey: what is allowed, or expected.
    """

    expr: str
    legend: str = ""
    limit: bool = False


class Step(NamedTuple):
    """From a value on, another colour."""

    value: float
    color: str


def target(ref: str, query: Query, *, instant: bool) -> prometheus.Dataquery:
    """Return a query as a panel has it; ``instant``: of now alone."""
    target = prometheus.Dataquery().expr(query.expr).ref_id(ref).datasource(SOURCE)
    if query.legend:
        target.legend_format(query.legend)
    return target.instant() if instant else target.range()


def thresholds(steps: Sequence[Step]) -> dashboard.ThresholdsConfig:
    """Return the colours of values: grey below the first step."""
    found = [m.Threshold(value=None, color=palette.QUIET)]
    found += [m.Threshold(value=step.value, color=step.color) for step in steps]
    return dashboard.ThresholdsConfig().mode(m.ThresholdsMode.ABSOLUTE).steps(found)


def mappings(says: Mapping[str, tuple[str, str]] | None) -> list[Any]:
    """Return the words and colours of values, and of there being none."""
    nothing = m.ValueMappingResult(text=palette.NO_DATA_TEXT, color=palette.NO_DATA, index=9)
    found: list[Any] = []
    if says:
        options = {
            value: m.ValueMappingResult(text=text, color=color, index=index)
            for index, (value, (text, color)) in enumerate(says.items())
        }
        found.append(m.ValueMap(options=options))
    return found + [
        m.SpecialValueMap(options=m.DashboardSpecialValueMapOptions(match=match, result=nothing))
        for match in (m.SpecialValueMatch.NULL_AND_NAN, m.SpecialValueMatch.EMPTY)
    ]


def link(title: str, url: str) -> dashboard.DashboardLink:
    """Return a link that opens a page of its own."""
    return dashboard.DashboardLink(title).type(m.DashboardLinkType.LINK).url(url).target_blank(True)
