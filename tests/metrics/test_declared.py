"""What is exported is declared, what is declared is exported, and no label can have values without end."""

import ast
import enum
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric as Family

from alerts.store import AlertStore
from config.components import Registry
from config.metrics import build, console
from config.metrics.catalogue import ALL, BY_EXPOSED_NAME, TwiceDeclaredError, by_name
from config.metrics.model import OTHER, Label, Metric, UnboundedLabelError
from config.settings import Settings
from tests.support.exposition import console_registry, flow_registry, ingest_registry, notifier_registry

REPO = Path(__file__).resolve().parents[2]
OURS = ("alerts", "config", "dashboards", "detectors", "pipeline", "sinks")
BUILDERS = REPO / "config" / "metrics" / "build.py"
_UNIT_ENDINGS = {"seconds": "_seconds", "bytes": "_bytes"}


@pytest.fixture
def families(store: AlertStore) -> dict[str, list[Family]]:
    registries: dict[str, CollectorRegistry] = {
        "flow": flow_registry(),
        "ingest": ingest_registry(),
        "notifier": notifier_registry(store),
        "console": console_registry(),
    }
    return {part: list(registry.collect()) for part, registry in registries.items()}


def test_what_is_exported_is_declared_and_the_reverse(families: dict[str, list[Family]]) -> None:
    for part, exported in families.items():
        told = {family.name: family for family in exported}
        declared = {metric.name: metric for metric in ALL if metric.part == part}
        assert told.keys() == declared.keys(), part
        for name, metric in declared.items():
            assert (told[name].type, told[name].documentation) == (metric.kind, metric.help), name


def test_samples_have_the_declared_names_and_labels_and_each_family_has_one(families: dict[str, list[Family]]) -> None:
    for family in (family for exported in families.values() for family in exported):
        assert family.samples, f"{family.name}: the exposition of the tests has no sample of it"
        for sample in family.samples:
            if sample.name.endswith("_created"):
                continue
            metric = BY_EXPOSED_NAME[sample.name]
            assert sample.labels.keys() - {"le"} == set(metric.label_names), sample
            assert all(isinstance(value, str) for value in sample.labels.values()), sample


def test_values_of_closed_labels_are_among_those_that_are_declared(families: dict[str, list[Family]]) -> None:
    seen: set[tuple[str, str]] = set()
    for sample in (sample for exported in families.values() for family in exported for sample in family.samples):
        for label in BY_EXPOSED_NAME[sample.name].labels if sample.name in BY_EXPOSED_NAME else ():
            closed = closed_values(label)
            if closed is not None:
                assert sample.labels[label.name] in closed, sample
                seen.add((sample.name, label.name))
    assert len(seen) > 30


def closed_values(label: Label) -> set[str] | None:
    """Return all values that a label can have, where they are known before anything runs."""
    if label.values:
        return set(label.values)
    if label.of:
        return {value for place in label.of for value in values_of(place)} | set(label.also)
    return None


def values_of(place: str) -> Iterator[str]:
    module, _, name = place.partition(":")
    found = getattr(importlib.import_module(module), name)
    if isinstance(found, Registry):
        yield from found.names()
    elif isinstance(found, type) and issubclass(found, enum.Enum):
        yield from (member.value for member in found)
    else:
        yield from (str(value) for value in (get_args(found) or found))


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_every_label_is_bounded_by_something_that_is_there(metric: Metric) -> None:
    for label in metric.labels:
        closed = closed_values(label)
        if closed is not None:
            assert 1 < len(closed) <= 100, label
        assert all(section in Settings.model_fields for section in label.settings), label
        assert label.most <= 1_000, label
        assert label.bound()


def test_a_label_without_a_bound_cannot_be_declared() -> None:
    with pytest.raises(UnboundedLabelError, match="'customer': give exactly one of values, of, settings, most"):
        Label(name="customer")
    with pytest.raises(UnboundedLabelError, match="given: 2"):
        Label(name="feed", settings=("feeds",), most=3)


def test_a_name_cannot_be_declared_twice() -> None:
    one = ALL[0]
    with pytest.raises(TwiceDeclaredError, match=one.exposed[0]):
        by_name([one, one])


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_names_follow_the_rules_of_prometheus(metric: Metric) -> None:
    if metric is console.ALERTMANAGER:  # the name is Alertmanager's
        return
    assert re.fullmatch(r"makegood(_[a-z0-9]+)+", metric.name)
    assert not metric.name.endswith(("_total", "_count", "_sum", "_bucket", "_info"))
    if metric.unit in _UNIT_ENDINGS:
        assert metric.name.endswith(_UNIT_ENDINGS[metric.unit])
    assert metric.help[0].isupper() or metric.help[0].isdigit()
    assert not metric.help.endswith(".")
    assert len(set(metric.label_names)) == len(metric.labels)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in metric.label_names)


def test_nothing_in_the_code_makes_a_metric_that_is_not_declared() -> None:
    """Only the builders may name the classes of the client library that make one."""
    made = {"Counter", "Gauge", "Histogram", "Summary", "Info", "Enum"}
    made |= {f"{kind}MetricFamily" for kind in ("Counter", "Gauge", "Histogram", "Summary", "Info")}
    for folder in OURS:
        for file in (REPO / folder).rglob("*.py"):
            if file == BUILDERS:
                continue
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("prometheus_client"):
                    assert not made & {name.name for name in node.names}, file
                if isinstance(node, ast.Import):
                    assert not any(name.name.startswith("prometheus_client") for name in node.names), file


def test_a_metric_is_built_as_what_it_is_declared_and_with_all_its_labels() -> None:
    counter = next(metric for metric in ALL if metric.kind == "counter" and len(metric.labels) == 2)
    with pytest.raises(build.WrongKindError, match="is declared as a counter, not as a gauge"):
        build.gauges(counter)
    with pytest.raises(build.WrongLabelsError, match="expected values of"):
        build.counters(counter).add_metric(["one"], 1)
    histogram = next(metric for metric in ALL if metric.kind == "histogram")
    with pytest.raises(build.WrongLabelsError, match="counts, got 1"):
        build.histograms(histogram).add(["x"] * len(histogram.labels), [1], 1.0)


def test_a_label_with_too_many_values_ends_in_other() -> None:
    keep = build.Capped(3)
    kept = [keep(f"service {number % 7}") for number in range(100)]
    assert set(kept) == {"service 0", "service 1", "service 2", OTHER}
