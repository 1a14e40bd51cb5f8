"""Plots: something on them, on light and on dark, and a page that needs nothing else."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.backtest.canvas import DARK, LIGHT, THEMES, Theme, png
from pipeline.backtest.matching import Span, Truth
from pipeline.backtest.page import Picture, html
from pipeline.backtest.plots import GroupSeries, alerts_per_day, precision_recall, worst_groups
from pipeline.backtest.recorded import Series
from pipeline.backtest.sweep import current, to_try
from pipeline.backtest.tuning import Bench, Tried
from tests.pipeline.backtest.made import HOUR_US, alert, label
from tests.pipeline.backtest.test_tuning import bench


@pytest.fixture(scope="module")
def scored(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("plots"), recording)


@pytest.fixture(scope="module")
def swept(scored: Bench) -> tuple[Tried, list[Tried]]:
    now = scored.tried(current(scored.settings), scored.alerts)
    return now, scored.sweep(list(to_try(scored.settings, 2.0))[:40], lambda _: None)


def pixels(content: bytes) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"), dtype=np.uint8)


def rgb(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_each_plot_is_drawn_on_its_background(
    theme: Theme,
    swept: tuple[Tried, list[Tried]],
) -> None:
    now, tried = swept
    for draw in (precision_recall(tried, now, tried[3]), alerts_per_day(tried, now, tried[3])):
        image = pixels(png(draw(theme)))
        assert image[2, 2].tolist() == rgb(theme.background)
        for colour in (*theme.lines[:2], theme.chosen, theme.now):
            assert (image == rgb(colour)).all(axis=2).any(), f"nothing is drawn in {colour}"


def test_a_series_shows_right_and_false_alerts_and_incidents() -> None:
    hours = list(range(48))
    series = Series([hour * HOUR_US for hour in hours], [0.3 + 0.01 * hour for hour in hours], [0.3] * 48)
    alerts = [(alert(10, 12), Truth.TRUE), (alert(30, 31), Truth.FALSE), (alert(40), None)]
    group = GroupSeries("web", series, alerts, [label(9, 12), label(20, 22, 2, benign=True)])
    draw = worst_groups([group, group], Span(6 * HOUR_US, 48 * HOUR_US, 48 * HOUR_US), "mood")
    for theme in (LIGHT, DARK):
        image = pixels(png(draw(theme)))
        for colour in (theme.true, theme.false, theme.unjudged, theme.lines[0]):
            assert (image == rgb(colour)).all(axis=2).any()


def test_colours_that_must_be_told_apart_differ_in_lightness_or_shape() -> None:
    for theme in THEMES:
        paper = sum(rgb(theme.background)) / 3
        for colour in (*theme.lines, theme.true, theme.false, theme.now, theme.chosen):
            assert abs(sum(rgb(colour)) / 3 - paper) > 60


def test_the_page_needs_nothing_else_and_hides_nothing_from_those_who_cannot_see() -> None:
    page = html("Tuning <mood>", ["a < b"], [Picture("Alerts", "alerts a day", b"light", b"dark")])
    assert not re.search(r'(src|srcset|href)="(?!data:)', page)
    assert page.count("data:image/png;base64,") == 2
    assert 'media="(prefers-color-scheme: dark)"' in page
    assert 'alt="alerts a day"' in page
    assert "Tuning &lt;mood&gt;" in page
    assert "a &lt; b" in page
