"""Why a window made an alert, or made none: the figures of a finding, put together with what they were judged by."""

from typing import Any

import msgspec
from pydantic import ValidationError

from alerts.model import rfc3339
from detectors.again import Again, Need
from detectors.assembler import ClosedWindow
from detectors.contract import Detector, Finding
from detectors.control import ThresholdVersion
from detectors.deciding import Decision
from detectors.scoring import JOINT, SHIFT
from detectors.windowed import Windowed
from detectors.wording import scored_views
from pipeline.findings import words
from pipeline.findings.query import Around

_MADE = {SHIFT: "the last windows of the group together", JOINT: "all views of this window together"}


class ViewTold(msgspec.Struct, frozen=True):
    """What one view of the window said.

    Attributes:
        observed, usual: in words, as alerts have it.
    """

    view: str
    value: float
    baseline: float
    p_value: float
    observed: str
    usual: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A finding explained.

    Attributes:
        around: the finding, and what is around it.
        decision: the knobs that it was judged by; None where they were not kept.
        verdict: why it did or did not alert, in a sentence.
        level: where the level comes from, in a sentence.
        views: what each view of the window said.
        standing: what else held or holds: alert, warm-up, confirmation, cool-down, version; by name.
        needs: by what each view by itself would have reached ``needed_p_value``.
        needed: what that is for, in words.
        notes: what could not be told, and why.
    """

    around: Around
    decision: Decision | None
    verdict: str
    level: str
    views: list[ViewTold]
    standing: dict[str, str]
    needed: str
    needed_p_value: float | None
    needs: list[Need]
    notes: list[str]


def explain(around: Around, detector: Detector | None, live: ThresholdVersion | None = None) -> Explanation:
    """Explain a finding.

    Args:
        around: the finding, and what is around it.
        detector: as the settings have it now; None: they do not have it any more.
        live: what made the version live that the window was judged by, where that is known.
    """
    finding, notes = around.finding, []
    windowed = detector if isinstance(detector, Windowed) else None
    decision = _decision(finding, windowed)
    if decision is None:
        notes.append("the rules that it was judged by were not kept")
    if not around.inside:
        notes.append("no window has been judged at the time asked for; this is the last before it")
    needed, p_value = words.needed(finding, decision)
    needs: list[Need] = []
    if windowed is None:
        notes.append(f"the settings have no window detector {finding.detector!r} now: what was needed cannot be told")
    elif p_value is not None:
        try:
            needs = Again(windowed, finding).needs(p_value)
        except ValueError as error:
            notes.append(f"what was needed cannot be told: {error}")
    return Explanation(
        around=around,
        decision=decision,
        verdict=words.verdict(finding, decision, windowed),
        level=words.level(finding, decision),
        views=_views(finding, windowed),
        standing=words.standing(finding, decision, windowed, live),
        needed=needed,
        needed_p_value=p_value,
        needs=needs,
        notes=notes,
    )


def observed(finding: Finding, detector: Detector | None) -> str:
    """Return the value of a finding in words, as alerts have it."""
    views = scored_views(finding.details)
    if finding.value is None or not views:
        return ""
    name = next(iter(views))
    return _observed(finding, name, finding.value, detector)


def plain(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as plain data, with times in RFC 3339."""
    around = explanation.around
    finding = around.finding
    decision = explanation.decision
    return {
        **row(finding),
        "version": finding.version,
        "ready": finding.ready,
        "harmless": finding.harmless,
        "why": explanation.verdict,
        "level_from": explanation.level,
        "views": msgspec.to_builtins(explanation.views),
        "standing": explanation.standing,
        "rules": None if decision is None else decision.model_dump(mode="json", include=set(Decision.model_fields)),
        "details": finding.details,
        "needed": explanation.needed,
        "needed_p_value": explanation.needed_p_value,
        "needs": msgspec.to_builtins(explanation.needs),
        "notes": explanation.notes,
        "before": [row(one) for one in around.before],
        "after": [row(one) for one in around.after],
        "siblings": [row(one) for one in around.siblings],
        "groups": around.groups,
    }


def row(finding: Finding) -> dict[str, Any]:
    """Return the main figures of a finding as plain data."""
    return {
        "detector": finding.detector,
        "group": finding.group,
        "start": rfc3339(finding.start_us),
        "end": rfc3339(finding.end_us),
        "count": finding.count,
        "value": finding.value,
        "baseline": finding.baseline,
        "p_value": finding.p_value,
        "level": finding.level,
        "verdict": finding.verdict,
    }


def _decision(finding: Finding, detector: Windowed | None) -> Decision | None:
    rules = finding.details.get("rules")
    if isinstance(rules, str):
        try:
            return Decision.model_validate_json(rules)
        except ValidationError:
            return None  # of a later version, or an earlier one
    return detector.settings if detector is not None and finding.version == 0 else None


def _views(finding: Finding, detector: Windowed | None) -> list[ViewTold]:
    return [
        ViewTold(
            name,
            score.value,
            score.baseline,
            score.p_value,
            _observed(finding, name, score.value, detector),
            _usual(name, score.baseline, detector),
        )
        for name, score in scored_views(finding.details).items()
    ]


def _usual(view: str, baseline: float, detector: Windowed | None) -> str:
    if view in _MADE:
        return ""
    return f"{baseline:.3g}" if detector is None else detector.wording.usual(view, baseline)


def _observed(finding: Finding, view: str, value: float, detector: Detector | None) -> str:
    if view in _MADE:
        return _MADE[view]
    if not isinstance(detector, Windowed) or finding.evidence is None:
        return f"{value:.3g}"
    group = tuple(finding.group.values())
    window = ClosedWindow(finding.start_us, finding.end_us, group, finding.evidence.vector)
    try:
        return detector.wording.observed(view, value, window)
    except IndexError:  # the settings have changed since, and windows have other figures
        return f"{value:.3g}"
