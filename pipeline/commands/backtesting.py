"""What ``makegood backtest`` and ``makegood tune`` have in common: their options, and what these mean."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands import shell
from pipeline.commands.replay import feed_paths
from pipeline.commands.times import instant_us

if TYPE_CHECKING:
    from pipeline.backtest.backtest import Candidate, Known
    from pipeline.backtest.inputs import Asked

Feeds = Annotated[
    list[str] | None,
    typer.Option(
        "--feed",
        metavar="NAME=PATH",
        help="Read this feed from a file or folder, and only those named so. Can be given several times.",
    ),
]
Controls = Annotated[
    Path | None,
    typer.Option(
        "--controls",
        metavar="FILE",
        help="The settings with what has been promoted since, as `makegood history --export` writes it.",
    ),
]
LabelsFile = Annotated[
    Path | None,
    typer.Option("--labels", metavar="FILE", help="What happened: .yaml, .json (the demo's truth), .jsonl or .csv."),
]
From = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help="Judge from here on (RFC 3339, or a date in UTC).")
]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Judge up to here.")]
WarmUp = Annotated[
    str | None,
    typer.Option(
        metavar="DURATION",
        help="Judge nothing in the first part of the recording, like 7d: what is normal is learned there. "
        "[default: 7d, at most a quarter of the recording; none with --from]",
    ),
]
Grace = Annotated[str, typer.Option(metavar="DURATION", help="By how much the times of labels may be off.")]


def candidate(
    config: Path, feeds: list[str] | None, controls: Path | None, only: list[str] | None = None
) -> "Candidate":
    """Return a settings file whose feeds read the recording, with all its detectors, or ``only`` some.

    Raises:
        UserError: when it has no feeds, or no detectors, or not one of those that are wanted.
        ControlsUnreadableError: when the file of controls is something else.
    """
    from pipeline.backtest.backtest import Candidate
    from pipeline.backtest.preparing import live_changes, with_changes, with_feeds_of
    from pipeline.control.steering import read_controls
    from pipeline.memory import tune_memory
    from pipeline.replay import with_feed_paths

    paths = feed_paths(feeds or [])
    settings, left_out = with_feeds_of(with_feed_paths(shell.load(config), paths), paths)
    if left_out:
        sys.stderr.write(f"makegood: {config.name}: only the feeds of --feed are read, not {', '.join(left_out)}\n")
    for section in ("feeds", "detectors"):
        if not getattr(settings, section):
            msg = f"{config}: the settings have no {section}; there is nothing to test"
            raise shell.UserError(msg)
    for name in only or []:
        shell.chosen("detector", sorted(settings.detectors), name)
    if only:
        kept = {name: entry for name, entry in settings.detectors.items() if name in only}
        settings = settings.model_copy(update={"detectors": kept})
    if controls is not None:
        settings = with_changes(settings, live_changes(settings, read_controls(controls)))
    tune_memory()
    return Candidate(config.name, settings)


def with_options(a: "Candidate", options: list[str]) -> "Candidate":
    """Return A with decisions of its detectors changed.

    Raises:
        UserError: for an option that names no window detector of the settings.
        ChangeError: for a setting that cannot be changed so.
    """
    from pipeline.backtest.backtest import Candidate
    from pipeline.backtest.preparing import window_detectors, with_changes
    from pipeline.commands.controls import read_changes

    names = window_detectors(a.settings)
    wanted: dict[str, list[str]] = {}
    for option in options:
        name = max((name for name in names if option.startswith(f"{name}.")), key=len, default=None)
        if name is None:
            known = ", ".join(names) or "none"
            msg = f"--set {option}: expected DETECTOR.NAME=VALUE, with a window detector of the settings: {known}"
            raise shell.UserError(msg)
        wanted.setdefault(name, []).append(option.removeprefix(f"{name}."))
    settings = with_changes(a.settings, {name: read_changes(texts) for name, texts in wanted.items()})
    return Candidate(f"{a.name} with {', '.join(options)}", settings)


def known_from(labels: Path | None, grace: str) -> "Known | None":
    """Return what a file of labels says.

    Raises:
        SettingsError: with every problem in the file.
        UserError: for a grace that is no duration.
    """
    grace_us = duration("--grace", grace)
    if labels is None:
        return None

    from pipeline.backtest.backtest import labels_of
    from pipeline.backtest.labelfiles import read_labels

    return labels_of(labels, read_labels(labels), grace_us)


def asked_for(since: str | None, until: str | None, warm_up: str | None) -> "Asked":
    """Return which part of the recording is to be judged.

    Raises:
        UserError: for what is no time, or no duration.
    """
    from pipeline.backtest.inputs import Asked

    return Asked(
        None if since is None else _time_us("--from", since),
        None if until is None else _time_us("--to", until),
        None if warm_up is None else duration("--warm-up", warm_up),
    )


def duration(option: str, text: str) -> int:
    """Return a duration in microseconds.

    Raises:
        UserError: when it is none.
    """
    from config.durations import parse_duration_us

    try:
        return parse_duration_us(text)
    except ValueError as error:
        msg = f"{option} {text}: {error}"
        raise shell.UserError(msg) from None


def _time_us(option: str, text: str) -> int:
    at_us = instant_us(text)
    if at_us is None:
        msg = f"{option} {text}: expected a time with its offset like 2026-03-02T09:00:00Z, or a date in UTC"
        raise shell.UserError(msg)
    return at_us
