"""Verdicts in plain words: why a window did or did not alert, where its level came from, and what else counted."""

from config.durations import format_duration_us
from detectors.contract import Finding
from detectors.control import ThresholdVersion
from detectors.deciding import Decision
from detectors.windowed import Windowed
from detectors.wording import probability_text, time_text
from pipeline.control.history import flat


def verdict(finding: Finding, decision: Decision | None, detector: Windowed | None) -> str:
    """Return why the window did or did not alert, in a sentence or two."""
    p_value, at = probability(finding.p_value), probability(finding.level)
    unusual = finding.p_value is not None and finding.p_value <= finding.level
    compared = f"p = {p_value} is {'at or below' if unusual else 'above'} the level {at}"
    resolve = "the p-value that resolves it" if decision is None else probability(decision.p_value.resolve)
    most = "what is overwhelming" if decision is None else f"p <= {probability(decision.p_value.overwhelming)}"
    over = f"p = {p_value} is above {resolve}"
    if finding.harmless:
        over = f"whatever is unusual now (p = {p_value}) is nothing that a person must be told of"
    least = "" if detector is None else f" (min_count is {detector.settings.min_count})"
    scored = finding.p_value is not None
    told = {
        "fires": f"An alert opened: {compared}, and nothing held it back.",
        "still_firing": f"The alert stays open: p = {p_value} is not above {resolve}."
        if scored
        else "The alert stays open: there was too little in the window to say whether it is better.",
        "resolves": f"The alert was resolved: {over}."
        if scored
        else "The alert was resolved because nothing could be judged for too long, not because it got better.",
        "quiet": f"No alert: {compared}.",
        "harmless": f"No alert: {compared}{', but it is nothing that a person must be told of' if unusual else ''}.",
        "too_few": f"Not judged: {finding.count} events are too few{least}, or too few were expected.",
        "warming_up": f"No alert: {compared}, and the group is still warming up: until then only {most} alerts.",
        "cooling_down": f"No alert: {compared}, but its last alert has just resolved: for a while only {most} alerts.",
        "unconfirmed": f"No alert yet: {compared}, but it must be so for longer before an alert opens.",
    }
    return told.get(finding.verdict, f"The verdict is {finding.verdict!r}.")


def level(finding: Finding, decision: Decision | None) -> str:
    """Return where the level comes from."""
    if decision is None:
        return f"The level was {probability(finding.level)}."
    at = f"The level {probability(finding.level)}"
    knobs = decision.model_copy(update={"alert_budget": decision.budget()}).model_dump(mode="json")
    a_day, a_week = finding.details.get("windows_a_day"), finding.details.get("expected_a_week")
    counted = ""
    if a_day is not None and a_week is not None:
        counted = (
            f": about {float(a_day):,.0f} windows a day are judged, in all groups together, and at this level "
            f"{_number(float(a_week))} alerts a week open by chance"
        )
    if decision.p_value.fire is not None:
        return f"{at} is fixed by p_value.fire{counted}."
    if decision.false_discovery_rate is not None:
        share = knobs["false_discovery_rate"]
        return f"{at} keeps false_discovery_rate: {share}. It rises with each alert, and sinks with each quiet window."
    return f"{at} keeps alert_budget: {knobs['alert_budget']}{counted or ' of the whole detector'}."


def settings(finding: Finding, live: ThresholdVersion | None) -> str:
    """Return by which settings a window was judged, and who had it so, since when and why, where that is known."""
    told = "as in the settings file" if finding.version == 0 else f"version {finding.version}"
    if live is None:
        return told
    changes = ", ".join(f"{name}: {value}" for name, value in flat(live.decision).items())
    return (
        f"{told}{f' ({changes})' if changes else ''}, for windows after {time_text(live.effective_us)} UTC, "
        f'by {live.by}: "{live.why}"'
    )


def standing(
    finding: Finding, decision: Decision | None, detector: Windowed | None, live: ThresholdVersion | None = None
) -> dict[str, str]:
    """Return what else counted, by name, in words."""
    told, details = {}, finding.details
    told["settings"] = settings(finding, live)
    history = float(details.get("history", 0.0))
    wanted = "" if detector is None else f" ({detector.settings.baseline.warm_up:g} are needed)"
    if finding.p_value is not None or history:
        ready = "warm" if finding.ready else "warming up"
        told["baseline"] = f"{ready}: knows {history:.1f} windows of this group{wanted}"
    since = details.get("alert_since_us")
    resolve = None if decision is None else probability(decision.p_value.resolve)
    if since is None:
        told["alert"] = "none is open"
    else:
        until = f"; resolves above p = {resolve}" if resolve else ""
        told["alert"] = f"since {time_text(int(since))} UTC{until}"
    if decision is None:
        return told
    if decision.confirm.of > 1:
        needed, of = decision.confirm.needed, decision.confirm.of
        told["confirmation"] = (
            f"{int(details.get('unusual', 0))} of the last {of} windows were unusual, {needed} are needed"
        )
    if decision.min_duration:
        since = details.get("unusual_since_us")
        lasted = "not unusual now" if since is None else f"unusual since {time_text(int(since))} UTC"
        told["duration"] = f"{lasted}; {format_duration_us(decision.min_duration)} is needed"
    resolved = details.get("resolved_at_us")
    if resolved is not None and decision.cool_down:
        until_us = int(resolved) + decision.cool_down
        over = "over since" if until_us <= finding.end_us else "until"
        told["cool-down"] = f"{over} {time_text(until_us)} UTC: the last alert resolved {time_text(int(resolved))} UTC"
    return told


def needed(finding: Finding, decision: Decision | None) -> tuple[str, float | None]:
    """Return what would have made the difference, in words, and the p-value for it."""
    if finding.p_value is None:
        return "", None
    held_back = finding.verdict in {"warming_up", "cooling_down", "unconfirmed"}
    if decision is None and (held_back or finding.verdict in {"still_firing", "resolves"}):
        return "", None
    if decision is not None and finding.verdict in {"still_firing", "resolves"}:
        resolve = decision.p_value.resolve
        return f"for the alert to stay open (p <= {probability(resolve)})", resolve
    if decision is not None and held_back:
        overwhelming = decision.p_value.overwhelming
        return f"to alert at once, whatever held it back (p <= {probability(overwhelming)})", overwhelming
    return f"to be unusual (p <= {probability(finding.level)})", finding.level


def probability(p_value: float | None) -> str:
    """Return a p-value with two digits, so that one can see which of two is the smaller: ``5.3e-4``.

    >>> probability(0.00053)
    '5.3e-4'
    """
    if p_value is None or p_value >= 0.001:
        return probability_text(p_value)
    digits, exponent = f"{p_value:.1e}".split("e")
    return f"{digits}e{int(exponent)}"


def _number(value: float) -> str:
    return f"{value:.1f}" if value >= 0.1 else f"{value:.2g}"
