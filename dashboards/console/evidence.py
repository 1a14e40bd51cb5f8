"""Why an alert fired: the window that opened it, the windows around it, and what each would have needed. Blocks."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from alerts.model import AlertDetail
from config.settings import Settings
from detectors.again import Again
from detectors.contract import Detector, Finding
from detectors.scoring import JOINT, SHIFT
from detectors.windowed import Windowed
from detectors.wording import scored_views
from pipeline.findings.alerted import window_of
from pipeline.findings.explained import Explanation, explain, observed
from pipeline.findings.places import findings_paths
from pipeline.findings.query import Around, Moment, NotFoundError, UnreadableError, opened

BEFORE, AFTER = 36, 24


class Point(NamedTuple):
    """One window of the series.

    Attributes:
        events: in the window.
        value, usual: what was seen, and what was expected. limit: from which value on it would have been unusual, all
            else as it was. None where there is none.
        words: what was seen, in words. this: it opened the alert.
    """

    end_us: int
    events: int
    value: float | None
    usual: float | None
    limit: float | None
    words: str
    p_value: float | None
    level: float
    verdict: str
    this: bool


class Evidence(NamedTuple):
    """What is known of why an alert fired.

    Attributes:
        explanation: None where no window opened it, or it is not known any more: ``why`` says which.
        points: the series, in order. view: which figure it shows.
        missing: there should be a window, and there is none.
    """

    explanation: Explanation | None
    points: tuple[Point, ...]
    view: str
    why: str
    missing: bool


def evidence(settings: Settings, detectors: Mapping[str, Detector], detail: AlertDetail) -> Evidence:
    """Return why an alert's episode (the one of ``detail.current``) fired."""
    place = window_of(detail, detectors)
    if place is None:
        return Evidence(None, (), "", "", missing=False)
    name, labels, end_us = place
    around, why = _around(settings, name, labels, end_us)
    if around is None:
        return Evidence(None, (), "", why, missing=True)
    detector = detectors.get(name)
    explanation = explain(around, detector)
    view = deciding(around.finding)
    shown = [*around.before, around.finding, *around.after]
    return Evidence(explanation, tuple(points(shown, around.finding, detector, view)), view, "", missing=False)


def points(found: Sequence[Finding], this: Finding, detector: Detector | None, view: str) -> list[Point]:
    """Return findings as points of the series of one view: what it showed in each window, where it was scored."""
    return [_point(one, this, detector, view) for one in found]


def _point(one: Finding, this: Finding, detector: Detector | None, view: str) -> Point:
    seen = scored_views(one.details).get(view)
    return Point(
        end_us=one.end_us,
        events=one.count,
        value=None if seen is None else seen.value,
        usual=None if seen is None else seen.baseline,
        limit=_limit(one, detector, view),
        words=observed(one, detector),
        p_value=one.p_value,
        level=one.level,
        verdict=one.verdict,
        this=one.end_us == this.end_us,
    )


def deciding(finding: Finding) -> str:
    """Return the view of a window that was the most unusual by itself; empty where none was scored."""
    views = {name: one for name, one in scored_views(finding.details).items() if name not in {SHIFT, JOINT}}
    return min(views, key=lambda name: (views[name].p_value, name), default="")


def _around(settings: Settings, name: str, labels: dict[str, str], end_us: int) -> tuple[Around | None, str]:
    paths = findings_paths(settings)
    if not paths:
        where = settings.store.dir
        return None, f"no findings are kept in {where}: does the flow run there, and is findings.keep not 0s?"
    try:
        with opened(paths) as findings:
            found = findings.around(name, labels, Moment(end_us), before=BEFORE, after=AFTER)
    except NotFoundError as error:
        return None, f"the window that opened it cannot be shown: {error}"
    except (UnreadableError, OSError) as error:
        return None, f"findings cannot be read: {error}"
    if found.finding.end_us != end_us:
        return None, "the window that opened it is no longer among the findings"
    return found, ""


def _limit(one: Finding, detector: Detector | None, view: str) -> float | None:
    """Return from which value on a window would have been unusual; None where that cannot be told."""
    if not isinstance(detector, Windowed) or one.evidence is None or one.level <= 0 or view in {SHIFT, JOINT, ""}:
        return None
    try:
        needs = Again(detector, one).needs(one.level)
    except ValueError:
        return None
    return next((need.value for need in needs if need.view == view), None)
