"""Routing equals Alertmanager's: the same trees and labels through ``amtool`` and through ours."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.routing import Router
from config.delivery import RootRouteSettings
from config.matcher_syntax import read, written
from tests.support.alertmanager import accepted_by_amtool, needs_amtool, routed_by_amtool

NAMES = ["severity", "team", "service", "a:b"]
VALUES = ["", "critical", "web", "pay,ments", 'q"uote', "back\\slash", "line\nbreak", "x y", "straße", "WEB", "{}", "="]
EXPRESSIONS = [
    "", ".*", ".+", "crit.*", "web|db", "(?i)web", "[^w].*", "pay,.*", r".*\\.*", r"\w+", r"\d*", "line.break",
    "(?s).*k", "^web$", "^", "a)|(web", "x{0,2}.*", r"\bweb\b", r"[[:upper:]]+", r"\pL+", 'q".*', "stra.e", "{}", "=",
]  # fmt: skip
BARE = ["team=web", "severity=~crit.*|x", "service!=", " team = web ", "service!~pay.*", r"team=back\slash", "team=x y"]


@st.composite
def matcher(draw: st.DrawFn) -> str:
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.sampled_from(BARE))
    name, negative = draw(st.sampled_from(NAMES)), draw(st.booleans())
    if kind < 6:
        return written(name, "!=" if negative else "=", draw(st.sampled_from(VALUES)))
    return written(name, "!~" if negative else "=~", draw(st.sampled_from(EXPRESSIONS)))


@st.composite
def matcher_line(draw: st.DrawFn) -> str:
    found = draw(st.lists(matcher(), min_size=1, max_size=2))
    return f"{{{', '.join(found)}}}" if draw(st.booleans()) else ",".join(found)


@st.composite
def tree(draw: st.DrawFn) -> dict[str, Any]:
    """A tree whose nodes have each a receiver of its own, or its parent's."""
    count = 0

    def node(depth: int) -> dict[str, Any]:
        nonlocal count
        count += 1
        made: dict[str, Any] = {"matchers": draw(st.lists(matcher_line(), max_size=2))}
        if draw(st.integers(0, 4)):
            made["receiver"] = f"r{count}"
        if draw(st.booleans()):
            made["continue"] = True
        if depth < 3:
            made["routes"] = [node(depth + 1) for _ in range(draw(st.integers(0, 3 if depth < 2 else 1)))]
        return made

    return {"receiver": "root", "routes": [node(1) for _ in range(draw(st.integers(1, 4)))]}


def receivers(route: dict[str, Any]) -> set[str]:
    own = {route["receiver"]} if "receiver" in route else set()
    return own.union(*(receivers(child) for child in route.get("routes", [])))


label_sets = st.lists(
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from([value for value in VALUES if value])),
    min_size=3, max_size=3,
)  # fmt: skip


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
