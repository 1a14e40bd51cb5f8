"""How ``makegood explain`` shows what it found."""

from typing import TYPE_CHECKING, Any

from pipeline.commands import shell

if TYPE_CHECKING:
    from alerts.model import AlertDetail
    from config.settings import Settings
    from detectors.contract import Detector
    from detectors.control import ThresholdVersion
    from pipeline.explaining.story import Story
    from pipeline.explaining.walk import Walk
    from pipeline.findings.explained import Explanation
    from pipeline.findings.query import Around


def tell_window(
    around: "Around", detectors: "dict[str, Detector]", live: "ThresholdVersion | None", *, as_json: bool
) -> None:
    """Say what was found in a window."""
    from pipeline.findings.explained import explain, plain

    detector = detectors.get(around.finding.detector)
    explanation = explain(around, detector, live)
    if as_json:
        shell.out_json({"finding": plain(explanation)})
        return
    _show(explanation, detector)


def tell_alert(
    detail: "AlertDetail",
    around: "Around | None",
    story: "Story | None",
    settings: "Settings",
    detectors: "dict[str, Detector]",
    live: "ThresholdVersion | None",
    *,
    as_json: bool,
    why: str = "",
) -> None:
    """Say why an alert fired, and how it was told.

    Args:
        detail: of the alert.
        around: the window that opened it.
        story: its way to people; None: it did not come out of a store.
        settings: the whole file.
        detectors: of the settings.
        live: who had the version live that the window was judged by.
        as_json: for machines.
        why: there is no window, in words.
    """
    from pipeline.findings import alerted
    from pipeline.findings.explained import explain, plain

    detector = None if around is None else detectors.get(around.finding.detector)
    explanation = None if around is None else explain(around, detector, live)
    if as_json:
        from pipeline.explaining.plain import plain as plain_story

        told: dict[str, Any] = {
            "alert": alerted.plain(detail),
            "finding": None if explanation is None else plain(explanation),
        }
        if story is not None:
            told["delivery"] = plain_story(story)
        if why:
            told["note"] = why
        shell.out_json(told)
        return
    for line in alerted.lines(detail):
        shell.out(line)
    if why:
        shell.out(f"note: {why}")
    if explanation is not None:
        shell.out("")
        _show(explanation, detector)
    if story is not None:
        from pipeline.explaining.lines import lines

        shell.out("")
        for line in lines(story, settings):
            shell.out(line)


def tell_walk(detail: "AlertDetail", walked: "Walk", *, as_json: bool) -> None:
    """Say how far an alert came on its way to one receiver."""
    if as_json:
        from pipeline.explaining.plain import value
        from pipeline.findings import alerted

        shell.out_json({"alert": alerted.plain(detail), "way": value(walked)})
        return

    from pipeline.explaining.walk import walk_lines

    current = detail.current
    shell.out(f"alert {current.fingerprint}: {current.status}, {current.annotations.get('summary', '')}")
    for line in walk_lines(walked):
        shell.out(line)


def _show(explanation: "Explanation", detector: "Detector | None") -> None:
    from pipeline.commands.drawing import draw
    from pipeline.findings.shown import shown

    draw(*shown(explanation, detector))
