"""Routing equals Alertmanager's: the same trees and labels through ``amtool``, through a server, and through ours."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.routing import Router
from config.delivery import RootRouteSettings
from config.matcher_syntax import read
from tests.support.alertmanager import (
    Alertmanager,
    accepted_by_amtool,
    alertmanager,
    needs_alertmanager,
    needs_amtool,
    routed_by_amtool,
)
from tests.support.patience import until
from tests.support.routes import label_sets, tree


def receivers(route: dict[str, Any]) -> set[str]:
    own = {route["receiver"]} if "receiver" in route else set()
    return own.union(*(receivers(child) for child in route.get("routes", [])))


@needs_amtool
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(route=tree(), alerts=label_sets)
def test_an_alert_goes_where_alertmanager_sends_it(
    route: dict[str, Any], alerts: list[dict[str, str]], tmp_path: Path
) -> None:
    config = tmp_path / "alertmanager.yml"
    config.write_text(
        yaml.safe_dump({"route": route, "receivers": [{"name": one} for one in sorted(receivers(route))]})
    )
    router = Router(RootRouteSettings.model_validate(route))
    for labels in alerts:
        assert [match.receiver for match in router.match(labels)] == routed_by_amtool(config, labels)


@needs_amtool
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(text=st.text(st.sampled_from("ab1_:=!~,\"\\ n{}.*[(|)'`-é\n"), max_size=12))
def test_what_alertmanager_takes_for_a_matcher_is_one_here(text: str, tmp_path: Path) -> None:
    config = tmp_path / "alertmanager.yml"
    route = {"receiver": "root", "routes": [{"matchers": [text, "a=b"], "receiver": "child"}]}
    config.write_text(yaml.safe_dump({"route": route, "receivers": [{"name": "root"}, {"name": "child"}]}))
    if not accepted_by_amtool(config):
        return
    if not read(text):  # no matcher at all: this is refused, as the mistake that it is
        with pytest.raises(ValidationError, match="holds no matcher"):
            RootRouteSettings.model_validate(route)
        return
    router = Router(RootRouteSettings.model_validate(route))
    for labels in ({"a": "b"}, {"a": "b", "b": "a"}, {"a": "b", "b": "1"}):
        assert [match.receiver for match in router.match(labels)] == routed_by_amtool(config, labels)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    with alertmanager(tmp_path_factory.mktemp("alertmanager")) as server:
        yield server


runs: list[str] = []
grouping = st.sampled_from([None, [], ["..."], ["team"], ["service", "team"], ["severity", "missing"]])


def grouped(route: dict[str, Any], draw: st.DrawFn) -> dict[str, Any]:
    chosen = draw(grouping)
    made = {**route, "routes": [grouped(child, draw) for child in route.get("routes", [])]}
    return made if chosen is None else {**made, "group_by": chosen}


@st.composite
def grouped_tree(draw: st.DrawFn) -> dict[str, Any]:
    return grouped(draw(tree()), draw)


@needs_alertmanager
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(route=grouped_tree(), alerts=label_sets)
def test_alerts_are_in_the_groups_that_alertmanager_puts_them_into(
    route: dict[str, Any], alerts: list[dict[str, str]], reference: Alertmanager
) -> None:
    run = str(len(runs))  # the server remembers the alerts of earlier examples
    runs.append(run)
    valid = [{name.replace(":", "_"): value for name, value in labels.items()} for labels in alerts if labels]
    told = [dict(one) for one in {tuple(sorted({**labels, "run": run}.items())) for labels in valid}]
    reference.configure({"route": route, "receivers": [{"name": one} for one in sorted(receivers(route))]})
    reference.fire(told)
    router = Router(RootRouteSettings.model_validate(route))
    ours = sorted(
        (match.receiver, sorted(match.group_labels(labels).items()), sorted(labels.items()))
        for labels in told
        for match in router.match(labels)
    )

    def theirs() -> list[Any]:
        groups = reference.ask(f"/api/v2/alerts/groups?filter=run%3D%22{run}%22")
        return sorted(
            (group["receiver"]["name"], sorted(group["labels"].items()), sorted(alert["labels"].items()))
            for group in groups
            for alert in group["alerts"]
        )

    until(lambda: len(theirs()) >= len(ours), "the alerts in their groups")
    assert theirs() == ours
