"""Decides again about windows that were scored once: the same decider as in the flow, other settings.

What an alert does to the baseline stays as it was in the run: while an alert is open, the flow learns its windows at a
fraction of their weight (``FIRING_WEIGHT``), leaves all but the first out of what calm windows look like, and takes
them for normal after a long time. Other decisions would have changed that, and with it later p-values: a setting that
misses a failure learns it as calm. How much that matters, only a run can say.
"""

from collections.abc import Sequence
from itertools import groupby

from detectors.contract import AlertChange, alert_change
from detectors.decide import Decider
from detectors.deciding import Decision
from detectors.panes import Group
from detectors.window_state import AlertTemplate
from pipeline.backtest.recorded import Recorded, Window


def decide_again(recorded: Recorded, decision: Decision, template: AlertTemplate, hop_us: int) -> list[AlertChange]:
    """Return the alert changes that another decision makes of the same windows, in order.

    Args:
        recorded: windows.
        decision: the knobs.
        template: of the detector's alerts.
        hop_us: time from one window to the next.
    """
    decider = Decider(decision, hop_us)
    known: set[Group] = set()
    last_end_us = 0
    changes: list[AlertChange] = []
    for end_us, at_end in groupby(recorded.windows(), key=lambda window: window.end_us):
        windows = list(at_end)
        groups = {window.group for window in windows}
        # As detectors.window_state does it: a group without a window next to its last one was forgotten in between.
        for group in sorted(known - groups if end_us == last_end_us + hop_us else known):
            decider.forget(group)
        known, last_end_us = groups, end_us
        changes += _at(end_us, windows, decider, template)
    return changes


def _at(end_us: int, windows: Sequence[Window], decider: Decider, template: AlertTemplate) -> list[AlertChange]:
    changes = []
    for window in windows:
        judgement = decider.judge(window.group, end_us, window.p_value, ready=window.ready)
        if judgement.step is not None:
            labels = dict(zip(template.group_by, window.group, strict=True))
            p_value = "unknown" if window.p_value is None else f"{window.p_value:.2g}"
            summary = (
                f"{', '.join(filter(None, window.group)) or 'All'}: p = {p_value}, alerts at {judgement.level:.2g}"
            )
            changes.append(
                alert_change(
                    step=judgement.step,
                    at_us=end_us,
                    status=judgement.step,
                    labels={**labels, **template.labels},
                    annotations={"summary": summary, "description": summary},
                    starts_at_us=judgement.starts_at_us,
                    ends_at_us=end_us if judgement.step == "resolved" else None,
                )
            )
    return changes
