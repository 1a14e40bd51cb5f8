"""Events that are noted once for all window detectors give each of them what it gets when it reads them itself."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import pipeline.rows
from detectors.combine import PaneCombiner
from detectors.contract import WindowDetector
from detectors.events import Event
from detectors.panes import Panes
from pipeline import compose
from pipeline.assembly import load_settings
from pipeline.rows import Rows
from tests.pipeline.columns.rig import CONFIG, PLAIN
from tests.support.events import START_US, make_event

DETECTORS = PLAIN + "  by_feed: {type: feed_silence, group_by: [feed, region], window: 10m}\n"
TYPES = (
    "social.post", "survey.response", "transaction.payment", "transaction.failed", "transaction.shipped",
    "crm.case.opened",
)  # fmt: skip


def event(rng: random.Random, number: int, labelled: float) -> Event:
    """Return an event of some type; fields are missing now and then."""
    kind = rng.choice(TYPES)
    data: dict[str, Any] = {"service": rng.choice(("tv", "mobile", "", None)), "region": rng.choice(("north", None))}
    if kind.startswith("crm"):
        data |= {"case_id": "c", "queue": rng.choice(("billing", None))}
    elif kind.startswith("transaction"):
        data |= {"order_id": "o", "latency_ms": rng.choice((None, 0.0, -3.0, 250.5))}
    else:
        data["sentiment"] = rng.choice((None, -0.123, 0.0, 1.0))
    if kind == "survey.response":
        data |= {"score": rng.choice((None, 0.0, 9.0, 11.0)), "scale": rng.choice(("nps", "CSAT", "other", None))}
    if rng.random() < labelled:
        data["labels"] = {rng.choice(("service", "feed", "source", "issue", "sentiment")): rng.choice(("a", "", "tv"))}
    return make_event(kind, f"e-{number}", START_US + rng.randrange(4_000_000_000), data, source=rng.choice(("x", "y")))


def combiners(folder: Path) -> list[tuple[frozenset[str], PaneCombiner]]:
    """Return new combiners, and the types that each wants."""
    path = folder / "makegood.yaml"
    path.write_text(CONFIG.format(detectors=DETECTORS, mode="off"))
    built = compose.build_detectors(load_settings(path).settings)
    made = []
    for detector in built.values():
        assert isinstance(detector, WindowDetector)
        combiner = detector.combiner()
        assert isinstance(combiner, PaneCombiner)
        made.append((detector.event_types, combiner))
    return made


def itself(wanted: Sequence[tuple[frozenset[str], PaneCombiner]], events: Sequence[Event]) -> list[Panes]:
    """Return what combiners make of events that they read themselves."""
    for types, combiner in wanted:
        combiner.add([one for one in events if one.type in types])
    return [sorted(combiner.take()) for _, combiner in wanted]


def noted(
    rows: Rows, wanted: Sequence[tuple[frozenset[str], PaneCombiner]], batches: Sequence[Sequence[Event]]
) -> list[Panes]:
    """Return what they make of events that were noted batch by batch."""
    for events in batches:
        for kind in {type(one) for one in events}:
            rows.add(kind, [one for one in events if type(one) is kind])
    rows.give()
    return [sorted(combiner.take()) for _, combiner in wanted]


@pytest.mark.parametrize("labelled", [0.0, 0.01, 0.5])
@pytest.mark.parametrize("most_texts", [pipeline.rows.MOST_TEXTS, 0])
def test_each_gets_what_it_reads_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labelled: float, most_texts: int
) -> None:
    monkeypatch.setattr(pipeline.rows, "MOST_TEXTS", most_texts)
    rng = random.Random(5)
    theirs, ours = combiners(tmp_path), combiners(tmp_path)
    rows = Rows(ours)
    number = 0
    for size in (1, 60, 200, 0, 7):
        batches = [[event(rng, number + index, labelled) for index in range(size)] for _ in range(3)]
        number += size
        given = noted(rows, ours, batches)
        assert given == itself(theirs, [one for batch in batches for one in batch])
        assert size < 200 or all(given)


def test_types_that_nobody_wants_are_passed_over(tmp_path: Path) -> None:
    (types, combiner), *_ = [one for one in combiners(tmp_path) if one[0] == {"social.post"}]
    rows = Rows([(types, combiner)])
    rows.add(type(event(random.Random(1), 0, 0.0)), [])
    survey = make_event("survey.response", "e", START_US, {"score": 1.0})
    rows.add(type(survey), [survey])
    rows.give()
    assert combiner.take() == []
