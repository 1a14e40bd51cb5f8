"""The dashboards as they are built: panels, places, colours, queries, links."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from itertools import combinations
from typing import Any, NamedTuple

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from starlette.routing import Match

from alerts.store import AlertStore
from config.grafana import GrafanaAnnotationSettings
from config.metrics.catalogue import BY_EXPOSED_NAME, FOREIGN
from config.settings import Settings
from dashboards.grafana import palette
from dashboards.grafana.annotated import wanted
from dashboards.grafana.catalogue import BOARDS, FOLDER, build_all
from dashboards.grafana.sdk import models
from dashboards.server import build_app
from tests.dashboards.grafana.promql import asked, kept_labels, of_variable, without_variables
from tests.metrics.test_declared import closed_values
from tests.support.alerts import START_US, change
from tests.support.web import Somebody, wall_us

JSON = {name.removesuffix(".json"): json.loads(text) for name, text in build_all().items()}
OF_PROMETHEUS = {"instance", "job"}
"""Labels that Prometheus adds."""
STATES = {"stat", "state-timeline", "bargauge"}


class Panel(NamedTuple):
    board: str
    data: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.board}: {self.data['title']}"


PANELS = [Panel(name, panel) for name, board in JSON.items() for panel in board["panels"] if panel["type"] != "row"]
QUERIES = [
    pytest.param(target["expr"], id=f"{panel} {target['refId']}")
    for panel in PANELS
    for target in panel.data["targets"]
]
EACH = pytest.mark.parametrize("name", JSON)
EACH_PANEL = pytest.mark.parametrize("panel", PANELS, ids=str)


def test_the_sdk_is_the_one_for_which_the_dashboards_are_written() -> None:
    """Older releases carry an epoch, so that they count as newer: an index may well give one of them."""
    assert version("grafana-foundation-sdk").removeprefix("v") == "0.0.21"


@EACH
def test_the_json_that_is_kept_is_what_is_built(name: str) -> None:
    kept = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert kept == build_all()[f"{name}.json"], "run: make generate"


def test_there_is_no_json_of_a_dashboard_that_is_gone() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(BOARDS)


@EACH
def test_the_json_is_what_the_types_of_the_sdk_say(name: str) -> None:
    """Reading it into them and writing it again loses and changes nothing."""
    read = models.Dashboard.from_json(JSON[name])
    again = json.loads(JSONEncoder(sort_keys=True).encode(read))
    differs = [path for path in paths(JSON[name]) if at(again, path) != at(JSON[name], path)]
    assert [path for path in differs if not is_of_grafanas_own_source(path)] == []


def is_of_grafanas_own_source(path: tuple[str | int, ...]) -> bool:
    """The SDK writes such a target of an annotation and does not read it: it takes it for a query."""
    return path[:3] == ("annotations", "list", 0) and "target" in path


def paths(value: Any, before: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*before, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*before, index))
    else:
        yield before


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return "missing"
    return value


def test_uids_are_unique_and_say_whose_they_are() -> None:
    uids = [board["uid"] for board in JSON.values()]
    assert len(set(uids)) == len(uids)
    assert all(re.fullmatch(r"makegood-[a-z]+", uid) for uid in uids)


@EACH
def test_ids_of_panels_are_unique(name: str) -> None:
    ids = [panel["id"] for panel in JSON[name]["panels"]]
    assert len(set(ids)) == len(ids)
    assert all(isinstance(id_, int) and id_ > 0 for id_ in ids)


@EACH
def test_panels_lie_within_the_width_and_do_not_overlap(name: str) -> None:
    places = [panel["gridPos"] for panel in JSON[name]["panels"]]
    for place in places:
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24
        assert min(place["w"], place["h"]) >= 1
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)


@EACH_PANEL
def test_a_panel_says_what_it_shows_in_which_unit_and_asks_the_source_that_was_chosen(panel: Panel) -> None:
    data = panel.data
    assert data["title"]
    assert len(data["description"]) > 5
    assert data["fieldConfig"]["defaults"]["unit"]
    assert data["datasource"] == {"type": "prometheus", "uid": "${ds}"}
    assert data["targets"]
    assert all(target["datasource"] == data["datasource"] for target in data["targets"])
    refs = [target["refId"] for target in data["targets"]]
    assert len(set(refs)) == len(refs)


@EACH_PANEL
def test_missing_data_is_said_and_never_looks_like_health(panel: Panel) -> None:
    defaults = panel.data["fieldConfig"]["defaults"]
    assert defaults["noValue"] == "NO DATA"
    first = defaults["thresholds"]["steps"][0]
    assert (first["value"], first["color"]) == (None, palette.QUIET)
    if panel.data["type"] in STATES:
        special = [one["options"] for one in defaults["mappings"] if one["type"] == "special"]
        assert {one["match"] for one in special} == {"null+nan", "empty"}
        assert all(one["result"]["text"] == "NO DATA" for one in special)
    if panel.data["type"] == "state-timeline":
        assert defaults["custom"]["insertNulls"] == 60_000
        assert panel.data["options"]["perPage"] == 20
    if panel.data["type"] == "timeseries":
        assert defaults["custom"]["insertNulls"] == 60_000
        assert not defaults["custom"].get("spanNulls")
    for target in panel.data["targets"]:
        assert "vector(" not in target["expr"], "it turns missing data into a number"


@EACH_PANEL
def test_figures_say_how_they_are_reduced(panel: Panel) -> None:
    if panel.data["type"] in {"stat", "bargauge"}:
        assert panel.data["options"]["reduceOptions"]["calcs"] == ["lastNotNull"]
        assert [target["instant"] for target in panel.data["targets"]] == [True]


@EACH
def test_colours_are_those_of_the_palette(name: str) -> None:
    text = json.dumps(JSON[name])
    assert set(re.findall(r"#[0-9a-fA-F]{6}\b", text)) <= palette.ALL
    named = re.findall(r'"(?:color|fixedColor|iconColor)": "([^"]+)"', text)
    assert set(named) <= palette.ALL


@pytest.mark.parametrize("expr", QUERIES)
def test_a_query_can_be_parsed_and_names_declared_metrics_and_labels(expr: str) -> None:
    told = asked(without_variables(expr))
    assert told.metrics
    known = set(OF_PROMETHEUS)
    for name, matchers in told.metrics:
        if name == "up" or name.startswith(FOREIGN):
            assert {label for label, _, _ in matchers} <= OF_PROMETHEUS
            continue
        metric = BY_EXPOSED_NAME[name]
        labels = {label.name: label for label in metric.labels}
        known |= {*labels, "le"} if metric.kind == "histogram" else set(labels)
        for label, op, value in matchers:
            assert label in labels, f"{name} has no label {label}; it has {sorted(labels)}"
            closed = closed_values(labels[label])
            if closed is not None:
                wanted = value.split("|") if op == "MatchOp.Re" else [value]
                assert set(wanted) <= closed or value == ".*", f"{name}: {label} is never {value}"
    assert told.labels <= known


@pytest.mark.parametrize("expr", QUERIES)
def test_counters_are_asked_for_their_increase_and_histograms_for_their_buckets(expr: str) -> None:
    for name, _ in asked(without_variables(expr)).metrics:
        metric = BY_EXPOSED_NAME.get(name)
        if metric is not None and metric.kind == "histogram":
            assert name.endswith("_bucket")
            assert "histogram_quantile" in expr


@EACH_PANEL
def test_legends_name_labels_that_the_query_keeps(panel: Panel) -> None:
    for target in panel.data["targets"]:
        legend = set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")))
        expr = without_variables(target["expr"])
        kept = kept_labels(expr)
        if kept is None:
            (name, _), *_ = asked(expr).metrics
            kept = OF_PROMETHEUS if name.startswith(FOREIGN) else set(BY_EXPOSED_NAME[name].label_names)
        assert legend <= kept, f"{expr} keeps {sorted(kept)}"
        assert legend or not kept or "legendFormat" in target or panel.data["type"] == "stat"


@EACH
def test_variables_ask_for_declared_labels_and_offer_all(name: str) -> None:
    variables = {one["name"]: one for one in JSON[name]["templating"]["list"]}
    assert list(variables)[:2] == ["ds", "console"]
    for variable in variables.values():
        if variable["type"] == "query":
            metric, label = of_variable(variable["query"])
            assert label in BY_EXPOSED_NAME[metric].label_names
            assert (variable["includeAll"], variable["allValue"]) == (True, ".*")
            assert f'"${variable["name"]}"' in json.dumps(JSON[name]["panels"]).replace('\\"', '"')


def test_links_lead_to_pages_that_there_are(store: AlertStore) -> None:
    app = build_app(store, Settings(), access=Somebody(), now_us=wall_us, build="test")
    linked = {link["url"].removeprefix("${console}") for board in JSON.values() for link in board["links"]}
    (annotation,) = wanted([change()], GrafanaAnnotationSettings(), now_us=START_US, console="")
    for path in (*linked, annotation["text"].splitlines()[-1]):
        scope = {"type": "http", "path": path, "method": "GET", "headers": []}
        assert any(route.matches(scope)[0] is Match.FULL for route in app.routes), path


def test_every_metric_is_on_a_dashboard() -> None:
    shown = {
        name
        for panel in PANELS
        for target in panel.data["targets"]
        for name, _ in asked(without_variables(target["expr"])).metrics
    }
    declared = {metric.name: metric for metric in BY_EXPOSED_NAME.values()}
    missing = [name for name, metric in declared.items() if not shown & set(metric.exposed)]
    assert missing == ["alertmanager_build_info"], "it is for programs that ask what we are like"


def test_titles_of_panels_are_told_apart() -> None:
    titles = Counter(str(panel) for panel in PANELS)
    assert [title for title, count in titles.items() if count > 1] == []
