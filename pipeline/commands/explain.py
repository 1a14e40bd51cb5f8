"""``makegood explain``: why an alert fired, or why none did."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from pipeline.commands import shell

if TYPE_CHECKING:
    from alerts.model import AlertDetail
    from config.settings import Settings
    from detectors.contract import Detector
    from detectors.control import ThresholdVersion
    from pipeline.findings.explained import Explanation
    from pipeline.findings.query import Around, Findings, Moment

_WIDE = 250
_TIMEOUT_S = 10.0
_BACK = re.compile(r"-\d+(us|ms|s|m|h|d|w)\w*")


class _WithOffsets(TyperCommand):
    """A command whose arguments may be times like ``-2h``, which are no options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [f"now{one}" if _BACK.fullmatch(one) else one for one in args])


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(
        app,
        "explain",
        cls=_WithOffsets,
        example="makegood explain --config makegood.yaml 0f3a9c55\n"
        "makegood explain --config makegood.yaml sentiment_drop service=checkout,region=north -2h\n"
        "makegood explain --config makegood.yaml sentiment_drop all now --findings findings.jsonl",
    )
    def explain(
        config: shell.Config,
        what: Annotated[
            str, typer.Argument(metavar="ALERT|DETECTOR", help="Fingerprint of an alert, or its beginning; a detector.")
        ],
        group: Annotated[
            str | None, typer.Argument(metavar="[GROUP]", help="Labels like service=checkout,region=north; or all.")
        ] = None,
        time: Annotated[
            str, typer.Argument(metavar="[TIME]", help="2026-03-02T14:00:00Z, now, or -2h: before the newest window.")
        ] = "now",
        *,
        findings: Annotated[
            Path | None, typer.Option(metavar="FILE", help="What `makegood replay --findings` wrote.")
        ] = None,
        alerts: Annotated[
            Path | None, typer.Option(metavar="FILE", help="What `makegood replay --out` wrote, instead of the store.")
        ] = None,
        at: Annotated[
            str | None,
            typer.Option(metavar="URL", help="Ask a flow process, like http://10.0.0.7:9464, instead of its files."),
        ] = None,
        as_json: shell.Json = False,
    ) -> None:
        """Explain why an alert fired, or what was found in a window, and what would have been needed.

        For any window of any group, whether or not it made an alert. Findings are kept for a while (settings:
        `findings`). The window is the first that ends at or after TIME, where it had begun by then, else the last
        before it.
        """
        from pipeline.compose import build_detectors

        settings = shell.load(config)
        detectors = build_detectors(settings)
        source = _Source(settings, findings, at)
        if group is not None or (what in detectors and alerts is None and not _is_print(what)):
            around = source.window(what, group, time)
            _tell(None, around, detectors, source.went_live(around), as_json=as_json)
            return

        from pipeline.findings.alerted import window_of
        from pipeline.findings.query import Moment, NotFoundError

        detail = _alert(settings, what, alerts)
        place = window_of(detail, detectors)
        found: Around | None = None
        why = ""
        if place is not None:
            name, labels, end_us = place
            try:
                found = source.around(name, labels, Moment(end_us))
                if found.finding.end_us != end_us:
                    found, why = None, "the window that opened it is no longer among the findings"
            except NotFoundError as error:
                why = f"the window that opened it cannot be shown: {error}"
        live = None if found is None or alerts is not None else source.went_live(found)
        _tell(detail, found, detectors, live, as_json=as_json, why=why)


class _Source:
    """Where findings are asked for: the files of the settings, a file of a replay, or a process."""

    def __init__(self, settings: "Settings", file: Path | None, url: str | None) -> None:
        if file is not None and url is not None:
            msg = "--findings and --at are two places to look: give one of them"
            raise shell.UserError(msg)
        self._settings = settings
        self._file = file
        self._url = url

    def window(self, detector: str, group: str | None, time: str) -> "Around":
        """Return the window asked for in words."""
        from pipeline.findings.asking import parse_group, parse_moment
        from pipeline.findings.query import group_text

        try:
            moment = parse_moment(time)
            labels = parse_group(group or "")
        except ValueError as error:
            raise shell.UserError(str(error)) from error
        if group is None and self._url is None:
            with self._opened() as findings:
                groups = findings.groups().get(detector)
            if groups is not None and groups != [{}]:
                listed = "\n  ".join(group_text(one) for one in groups[:40])
                msg = f"say which group of {detector}; there are\n  {listed}"
                raise shell.UserError(msg)
        return self.around(detector, labels, moment)

    def around(self, detector: str, labels: dict[str, str], moment: "Moment") -> "Around":
        """Return the window, and those around it."""
        if self._url is not None:
            return _asked(self._url, detector, labels, moment)
        with self._opened() as findings:
            return findings.around(detector, labels, moment)

    def went_live(self, around: "Around") -> "ThresholdVersion | None":
        """Return who had the version live that a window was judged by; None for the settings file, and where unknown.

        Findings that do not come from the flow's own files may come from a flow with another store.
        """
        if around.finding.version == 0 or self._file is not None or self._url is not None:
            return None
        from pipeline.control.asking import who_had_it_live

        return who_had_it_live(self._settings, around.finding, shell.warn)

    @contextmanager
    def _opened(self) -> "Iterator[Findings]":
        from pipeline.findings.places import findings_paths
        from pipeline.findings.query import of_lines, opened

        if self._file is not None:
            with of_lines(self._file) as found:
                yield found
            return
        paths = findings_paths(self._settings)
        if not paths:
            msg = (
                f"there are no findings in {self._settings.store.dir}: no flow has judged a window there yet (or "
                "findings.keep is 0s); --findings reads those of a replay, --at asks a process elsewhere"
            )
            raise shell.UserError(msg)
        with opened(paths) as found:
            yield found


def _asked(url: str, detector: str, labels: dict[str, str], moment: "Moment") -> "Around":
    import httpx
    import msgspec

    from pipeline.findings.asking import moment_text
    from pipeline.findings.page import PATH
    from pipeline.findings.query import Around, NotFoundError

    parameters = {"detector": detector, "group": msgspec.json.encode(labels).decode(), "at": moment_text(moment)}
    try:
        answer = httpx.get(url.rstrip("/") + PATH, params=parameters, timeout=_TIMEOUT_S)
        if answer.status_code != httpx.codes.OK:
            told = msgspec.json.decode(answer.content, type=dict[str, str])
            raise NotFoundError(told.get("error", f"{url} answered {answer.status_code}"))
        return msgspec.json.decode(answer.content, type=Around)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        msg = f"{url} cannot be asked: {error}; --at takes the address of a flow process, like http://127.0.0.1:9464"
        raise shell.UserError(msg, shell.FOUND_WRONG) from error
    except msgspec.DecodeError as error:
        msg = f"{url} is no flow process of this version: {error}"
        raise shell.UserError(msg) from error


def _alert(settings: "Settings", prefix: str, file: Path | None) -> "AlertDetail":
    from pipeline.findings.alerted import from_lines, from_store

    if file is not None:
        return from_lines(file, prefix)

    from alerts.opening import open_store

    with open_store(settings.store) as store:
        return from_store(store, prefix)


def _is_print(text: str) -> bool:
    return re.fullmatch("[0-9a-f]{16}", text) is not None


def _tell(
    detail: "AlertDetail | None",
    around: "Around | None",
    detectors: "dict[str, Detector]",
    live: "ThresholdVersion | None",
    *,
    as_json: bool,
    why: str = "",
) -> None:
    from pipeline.findings import alerted
    from pipeline.findings.explained import explain, plain

    detector = None if around is None else detectors.get(around.finding.detector)
    explanation = None if around is None else explain(around, detector, live)
    if as_json:
        told: dict[str, Any] = {"finding": None if explanation is None else plain(explanation)}
        if detail is not None:
            told = {"alert": alerted.plain(detail), **told}
        if why:
            told["note"] = why
        shell.out_json(told)
        return
    if detail is not None:
        for line in alerted.lines(detail):
            shell.out(line)
    if why:
        shell.out(f"note: {why}")
    if explanation is not None:
        if detail is not None:
            shell.out("")
        _show(explanation, detector)


def _show(explanation: "Explanation", detector: "Detector | None") -> None:
    from rich.console import Console

    from pipeline.findings.shown import shown

    console = Console(width=None if sys.stdout.isatty() else _WIDE, markup=False, highlight=False)
    with console.capture() as capture:
        for part in shown(explanation, detector):
            console.print(part)
    for line in capture.get().splitlines():
        shell.out(line.rstrip())
