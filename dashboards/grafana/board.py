"""Puts a dashboard together: panels one beside the other, each with what it means and what missing data looks like."""

from collections.abc import Mapping, Sequence

from dashboards.grafana import looks, palette
from dashboards.grafana.looks import SOURCE, Query, Step
from dashboards.grafana.sdk import bargauge, common, dashboard, stat, statetimeline, timeseries
from dashboards.grafana.sdk import common_models as c
from dashboards.grafana.sdk import models as m

ANNOTATED = c.DataSourceRef(type_val="grafana", uid="-- Grafana --")
TAG, ALERT = "makegood", "alert"
"""Tags of the annotations that tell of alerts."""
CONSOLE = "http://localhost:8080"
"""Where links go until somebody pushes the dashboards with another address."""
WIDTH = 24
_INSERT_NULLS_MS = 60_000
_DASHED = {"fill": "dash", "dash": [10, 10]}
_REFS = "ABCDEFGH"


class Board:
    """A dashboard that is being put together.

    Args:
        uid: stays for ever: links name it.
        title: of it.
        about: what question it answers.
        since: beginning of the time that is shown at first.
        choose: labels that can be chosen: ``variable -> query``.

    Attributes:
        needs: panels that have data only where something is there that not every installation has, by id.
    """

    def __init__(
        self, uid: str, title: str, about: str, *, since: str = "now-6h", choose: Mapping[str, str] | None = None
    ) -> None:
        self.uid = uid
        self.needs: dict[int, str] = {}
        self._last_id = 0
        self._x = self._y = self._h = 0
        self._needs = ""
        self._board = (
            dashboard.Dashboard(title)
            .uid(uid)
            .description(about)
            .tags([TAG, "as-code"])
            .readonly()
            .refresh("30s")
            .time(since, "now")
            .timezone("utc")
            .tooltip(m.DashboardCursorSync.CROSSHAIR)
            .with_variable(dashboard.DatasourceVariable("ds").label("Metrics").type("prometheus"))
            .with_variable(dashboard.ConstantVariable("console").label("Console").value(CONSOLE))
            .annotation(
                dashboard.AnnotationQuery()
                .name("Alerts")
                .enable(True)
                .icon_color(palette.P1)
                .datasource(ANNOTATED)
                # An annotation of Grafana's own source has a target that is no query of a data source.
                .target(_annotated())  # type: ignore[arg-type]
            )
            .link(looks.link("Open the console", "${console}/inbox"))
            .link(looks.link("Wall", "${console}/wall"))
        )
        for name, query in (choose or {}).items():
            self._board.with_variable(
                dashboard.QueryVariable(name)
                .label(name.capitalize())
                .datasource(SOURCE)
                .query(query)
                .include_all(True)
                .all_value(".*")
                .multi(True)
                .refresh(m.VariableRefresh.ON_TIME_RANGE_CHANGED)
                .sort(m.VariableSort.ALPHABETICAL_ASC)
                .current(m.VariableOption(selected=True, text=["All"], value=["$__all"]))
            )

    def row(self, title: str, needs: str = "") -> None:
        """Begin a row; ``needs`` says what must be there for its panels to have data."""
        self._new_line()
        self._needs = needs
        self._board.with_row(dashboard.Row(title).id(self._id()).grid_pos(m.GridPos(x=0, y=self._y, w=WIDTH, h=1)))
        self._y += 1

    def stat(
        self,
        title: str,
        about: str,
        expr: str,
        unit: str,
        *,
        steps: Sequence[Step] = (),
        says: Mapping[str, tuple[str, str]] | None = None,
        width: int = 4,
        decimals: int | None = None,
    ) -> None:
        """Add a figure of now. ``says``: words and colours for values."""
        id_ = self._id()
        panel = (
            stat.Panel()
            .id(id_)
            .title(title)
            .description(about)
            .datasource(SOURCE)
            .unit(unit)
            .no_value(palette.NO_DATA_TEXT)
            .mappings(looks.mappings(says))
            .color_mode(c.BigValueColorMode.BACKGROUND_SOLID if steps or says else c.BigValueColorMode.VALUE)
            .graph_mode(c.BigValueGraphMode.NONE)
            .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
            .thresholds(looks.thresholds(steps))
            .with_target(looks.target("A", Query(expr), instant=True))
            .grid_pos(self._place(width, 4))
        )
        if decimals is not None:
            panel.decimals(decimals)
        self._board.with_panel(panel)

    def series(
        self,
        title: str,
        about: str,
        queries: Sequence[Query],
        unit: str,
        *,
        width: int = 12,
        low: float | None = None,
        high: float | None = None,
        log: bool = False,
    ) -> None:
        """Add lines over time. Missing data is a gap."""
        id_ = self._id()
        panel = (
            timeseries.Panel()
            .id(id_)
            .title(title)
            .description(about)
            .datasource(SOURCE)
            .unit(unit)
            .no_value(palette.NO_DATA_TEXT)
            .color_scheme(dashboard.FieldColor().mode(m.FieldColorModeId.SHADES).fixed_color(palette.VALUE))
            .thresholds(looks.thresholds(()))
            .line_width(2)
            .fill_opacity(0)
            .show_points(c.VisibilityMode.AUTO)
            .insert_nulls(float(_INSERT_NULLS_MS))
            .legend(
                common.VizLegendOptions()
                .display_mode(c.LegendDisplayMode.LIST)
                .placement(c.LegendPlacement.BOTTOM)
                .show_legend(True)
                .calcs(["lastNotNull"])
            )
            .tooltip(common.VizTooltipOptions().mode(c.TooltipDisplayMode.MULTI).sort(c.SortOrder.DESCENDING))
            .grid_pos(self._place(width, 8))
        )
        if low is not None:
            panel.min(low)
        if high is not None:
            panel.max(high)
        if log:
            panel.scale_distribution(common.ScaleDistributionConfig().type(c.ScaleDistribution.LOG).log(10))
        for ref, query in zip(_REFS, queries, strict=False):
            panel.with_target(looks.target(ref, query, instant=False))
            if query.limit:
                panel.override_by_query(
                    ref,
                    [
                        m.DynamicConfigValue(id_val="custom.lineStyle", value=_DASHED),
                        m.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": palette.LIMIT}),
                    ],
                )
        self._board.with_panel(panel)

    def timeline(
        self,
        title: str,
        about: str,
        query: Query,
        says: Mapping[str, tuple[str, str]],
        *,
        width: int = WIDTH,
        height: int = 8,
    ) -> None:
        """Add states over time, a line for each series. Missing data is NO DATA, not the last state."""
        self._board.with_panel(
            statetimeline.Panel()
            .id(self._id())
            .title(title)
            .description(about)
            .datasource(SOURCE)
            .unit("short")
            .no_value(palette.NO_DATA_TEXT)
            .insert_nulls(_INSERT_NULLS_MS)
            .per_page(20)
            .merge_values(True)
            .show_value(c.VisibilityMode.AUTO)
            .mappings(looks.mappings(says))
            .thresholds(looks.thresholds(()))
            .with_target(looks.target("A", query, instant=False))
            .grid_pos(self._place(width, height))
        )

    def bars(
        self, title: str, about: str, query: Query, unit: str, *, width: int = 8, most: float | None = None
    ) -> None:
        """Add a bar for each series of now."""
        panel = (
            bargauge.Panel()
            .id(self._id())
            .title(title)
            .description(about)
            .datasource(SOURCE)
            .unit(unit)
            .no_value(palette.NO_DATA_TEXT)
            .min(0)
            .mappings(looks.mappings(None))
            .thresholds(looks.thresholds(()))
            .display_mode(c.BarGaugeDisplayMode.BASIC)
            .orientation(c.VizOrientation.HORIZONTAL)
            .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
            .with_target(looks.target("A", query, instant=True))
            .grid_pos(self._place(width, 8))
        )
        if most is not None:
            panel.max(most)
        self._board.with_panel(panel)

    def build(self) -> m.Dashboard:
        """Return the dashboard."""
        return self._board.build()

    def _id(self) -> int:
        self._last_id += 1
        if self._needs:
            self.needs[self._last_id] = self._needs
        return self._last_id

    def _place(self, width: int, height: int) -> m.GridPos:
        if self._x + width > WIDTH:
            self._new_line()
        place = m.GridPos(x=self._x, y=self._y, w=width, h=height)
        self._x += width
        self._h = max(self._h, height)
        return place

    def _new_line(self) -> None:
        self._x, self._y, self._h = 0, self._y + self._h, 0


def _annotated() -> dashboard.AnnotationTarget:
    return dashboard.AnnotationTarget().limit(100).match_any(False).tags([TAG, ALERT]).type("tags")
