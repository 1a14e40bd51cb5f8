"""Where ``makegood explain`` finds windows: files of the flow, a file of a replay, or a process that is asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands import shell

if TYPE_CHECKING:
    from config.settings import Settings
    from detectors.control import ThresholdVersion
    from pipeline.findings.query import Around, Findings, Moment

_TIMEOUT_S = 10.0


class Source:
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
