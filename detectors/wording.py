"""What a person reads in the alert of a window detector."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import msgspec

from config.durations import format_duration_us
from detectors.assembler import ClosedWindow
from detectors.decide import Judgement
from detectors.models.views import ViewScore

_SHIFT = "shift"


class Phrase(msgspec.Struct, frozen=True):
    """How one view is worded.

    Attributes:
        observed: of the value and the window: ``41 % negative of 120``.
        usual: of a value alone: ``12 %``.
        affected: the place in the window's vector of how many events are affected; None: no number says it.
    """

    observed: Callable[[float, ClosedWindow], str]
    usual: Callable[[float], str]
    affected: int | None = None


class Wording:
    """Words alerts out of the scores of their windows.

    Args:
        noun: of the events, in the plural: ``posts``.
        phrases: by view.
        min_count: windows with fewer events are not scored.
        hourly: whether what is normal depends on the hour.
        facts: further facts about a window for the description, None for nothing.
        too_few: when windows are not scored, if not for fewer events than ``min_count``.
    """

    def __init__(
        self,
        noun: str,
        phrases: Mapping[str, Phrase],
        *,
        min_count: int,
        hourly: bool,
        facts: Callable[[ClosedWindow], str] | None = None,
        too_few: str = "",
    ) -> None:
        self._noun = noun
        self._phrases = phrases
        self._too_few = too_few or f"fewer than {min_count} {noun} a window"
        self._at = " at this hour" if hourly else ""
        self._facts = facts

    def observed(self, view: str, value: float, window: ClosedWindow) -> str:
        """Return what a view saw: ``41 % negative of 120 posts``."""
        phrase = self._phrases.get(view)
        return f"{view} {value:.3g}" if phrase is None else phrase.observed(value, window)

    def usual(self, view: str, value: float) -> str:
        """Return what a view expected: ``12 %``."""
        phrase = self._phrases.get(view)
        return f"{value:.3g}" if phrase is None else phrase.usual(value)

    def annotations(
        self,
        window: ClosedWindow,
        details: Mapping[str, float | str],
        p_value: float | None,
        judgement: Judgement,
        *,
        settled: bool = False,
    ) -> dict[str, str]:
        """Return ``summary`` and ``description`` of a change; of a firing one also ``events``: how many are affected.

        Args:
            window: that made the change.
            details: of its score, with value, baseline and p-value of each view that could be scored.
            p_value: of all views.
            judgement: what changed.
            settled: the alert was open for so long that what it told of is taken for normal.
        """
        name = ", ".join(value for value in window.group if value) or "All"
        span = f"{time_text(window.start_us)} to {time_text(window.end_us)} UTC"
        if judgement.without_data:
            rest = f"{self._too_few}, too few to say whether it is better"
            return {"summary": f"{name}: {rest}", "description": f"Resolved without data: {rest}. Last window: {span}."}
        views = scored_views(details)
        known = {view: score for view, score in views.items() if view in self._phrases}
        worst = min(known, key=lambda view: known[view].p_value)
        phrase, score = self._phrases[worst], known[worst]
        observed = f"{phrase.observed(score.value, window)}, normally {phrase.usual(score.baseline)}{self._at}"
        shift = views.get(_SHIFT)
        if judgement.step == "resolved":
            how = "now taken for normal" if settled else "recovered"
            summary = f"{name}: {how}: {observed} (p = {probability_text(p_value)})"
        elif shift is not None and shift.p_value < score.p_value:
            summary = f"{name}: a little worse for many windows: {observed} (p = {probability_text(p_value)})"
        else:
            summary = f"{name}: {observed} (p = {probability_text(p_value)})"
        figures = "; ".join(
            f"{self._phrases[view].observed(told.value, window)}, expected "
            f"{self._phrases[view].usual(told.baseline)} (p = {probability_text(told.p_value)})"
            for view, told in known.items()
        )
        if shift is not None:
            figures += f"; the last windows together p = {probability_text(shift.p_value)}"
        facts = f" {self._facts(window)}" if self._facts is not None else ""
        told = {
            "summary": summary,
            "description": (
                f"Window {span} ({format_duration_us(window.end_us - window.start_us)}): {window.vector[0]} "
                f"{self._noun}. {figures}.{facts} The baseline knows {details['history']:.1f} windows of this group. "
                f"Alerts at p <= {probability_text(judgement.level)}."
            ),
        }
        if judgement.step == "firing" and phrase.affected is not None:
            told["events"] = str(window.vector[phrase.affected])
        return told


def scored_views(details: Mapping[str, float | str]) -> dict[str, ViewScore]:
    """Return the scores of the views that are in the details of a finding."""
    suffix = "_p_value"
    names = [name.removesuffix(suffix) for name in details if name.endswith(suffix)]
    return {
        name: ViewScore(float(details[name]), float(details[f"{name}_baseline"]), float(details[f"{name}{suffix}"]))
        for name in names
    }


def probability_text(p_value: float | None) -> str:
    """Return two digits at most: ``0.021``, ``3e-6``.

    >>> probability_text(0.0000034)
    '3e-6'
    """
    if p_value is None:
        return "unknown"
    if p_value >= 0.001:
        return f"{p_value:.2g}"
    digits, exponent = f"{p_value:.0e}".split("e")
    return f"{digits}e{int(exponent)}"


def percent_text(share: float) -> str:
    """Return a share as a percentage.

    >>> percent_text(0.4123)
    '41 %'
    """
    return f"{share * 100:.0f} %" if share >= 0.095 or share == 0.0 else f"{share * 100:.1f} %"


def time_text(time_us: int) -> str:
    """Return a time in UTC to the minute."""
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M")
