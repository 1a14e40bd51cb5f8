"""What somebody wants tried on a recording, proved and made into arguments of ``makegood backtest``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from alerts.control_log import ControlLog
from alerts.model import rfc3339
from alerts.store import AlertStore
from config.durations import parse_duration_us
from config.settings import Settings
from dashboards.errors import Refused
from detectors.control import ChangeError, Control, VerdictGiven, encode
from pipeline.backtest.preparing import UnknownDetectorError, live_changes, with_changes
from pipeline.backtest.recordings import Recording, RecordingError, recording, recordings
from pipeline.control.history import flat, history_of

NO_FOLDER = (
    "there is no folder of recordings: name one in the settings file, under console: backtests: recordings, with a "
    "folder for each recording in it"
)


class Wanted(NamedTuple):
    """What somebody wants to know.

    Attributes:
        detector: whose settings change; it is the only one that runs.
        changes: what differs from what alerts go by now, as in the settings file.
        recording: its name.
        from_us, to_us: judge from here, and up to here; None: from the warm-up on, to the end.
        warm_up: judge nothing in the first part, like ``7d``; None: a week, or a quarter of the recording.
    """

    detector: str
    changes: Mapping[str, Any]
    recording: str
    from_us: int | None = None
    to_us: int | None = None
    warm_up: str | None = None


class Plan(NamedTuple):
    """A backtest that can be run.

    Attributes:
        about: what it is about, as plain data: it is kept with it.
        arguments: of ``makegood``, without the files of controls and verdicts.
        controls: what has been changed in the flow so far.
        verdicts: by which alerts are judged; empty: by none.
    """

    about: dict[str, Any]
    arguments: tuple[str, ...]
    controls: bytes
    verdicts: bytes

    def prepare(self, folder: Path) -> Sequence[str]:
        """Write what it needs into a folder; return all arguments."""
        found = list(self.arguments)
        for option, content in (("controls", self.controls), ("labels", self.verdicts)):
            if content:
                path = folder / ("verdicts.jsonl" if option == "labels" else "controls.jsonl")
                path.write_bytes(content)
                found.append(f"--{option}={path}")
        return found


def plan(config: Path | None, settings: Settings, store: AlertStore, wanted: Wanted) -> Plan:
    """Return how a backtest is run. It blocks.

    Args:
        config: the settings file.
        settings: of everything.
        store: of the alerts: it knows what alerts go by now.
        wanted: what somebody wants to know.

    Raises:
        Refused: 409 where none can be run, 422 for what cannot be tried.
        StoreUnavailableError: Redis is away.
    """
    if config is None:
        raise Refused(409, "this program was started without a settings file: there is nothing to run it on")
    found = _recording(settings, wanted.recording)
    controls = ControlLog(store).read().controls
    try:
        live = with_changes(settings, live_changes(settings, controls))
        with_changes(live, {wanted.detector: dict(wanted.changes)})
    except (UnknownDetectorError, ChangeError) as error:
        raise Refused(422, str(error)) from error
    arguments = [
        *("backtest", f"--config={config}", f"--only={wanted.detector}", "--progress-lines", "--json"),
        *(f"--feed={feed}={path}" for feed, path in sorted(found.feeds.items())),
        *(f"--set={wanted.detector}.{name}={value}" for name, value in flat(wanted.changes).items()),
        *([] if found.labels is None else [f"--labels={found.labels}"]),
        *([] if wanted.from_us is None else [f"--from={rfc3339(wanted.from_us)}"]),
        *([] if wanted.to_us is None else [f"--to={rfc3339(wanted.to_us)}"]),
        *([] if wanted.warm_up is None else [f"--warm-up={_duration(wanted.warm_up)}"]),
    ]
    about = {
        "detector": wanted.detector,
        "changes": dict(wanted.changes),
        "recording": wanted.recording,
        "version": history_of(controls, wanted.detector).live,
        "from_us": wanted.from_us,
        "to_us": wanted.to_us,
        "warm_up": wanted.warm_up,
    }
    said = [one for one in controls if isinstance(one, VerdictGiven) and one.detector == wanted.detector]
    return Plan(about, tuple(arguments), _lines(controls), _lines(said) if found.labels is None else b"")


def _lines(controls: Sequence[Control]) -> bytes:
    return b"".join(encode(control) + b"\n" for control in controls)


def known_recordings(settings: Settings) -> list[Recording] | None:
    """Return the recordings that there are; None: there is no folder of any. It blocks.

    Raises:
        Refused: when the folder cannot be read.
    """
    folder = settings.console.backtests.recordings
    if folder is None:
        return None
    try:
        return recordings(folder, settings.feeds)
    except OSError as error:
        raise Refused(409, _unreadable(error)) from error


def _recording(settings: Settings, name: str) -> Recording:
    folder = settings.console.backtests.recordings
    if folder is None:
        raise Refused(409, NO_FOLDER)
    try:
        return recording(folder, name, settings.feeds)
    except RecordingError as error:
        raise Refused(422, f"{error}; GET /api/v1/recordings lists those that can be used") from error
    except OSError as error:
        raise Refused(409, _unreadable(error)) from error


def _duration(text: str) -> str:
    try:
        parse_duration_us(text)
    except ValueError as error:
        raise Refused(422, f"warm_up {text!r}: {error}") from error
    return text


def _unreadable(error: OSError) -> str:
    return f"console.backtests.recordings cannot be read: {error.strerror}; see to the folder, then ask again"
