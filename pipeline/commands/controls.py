"""What the commands that change a running flow have in common."""

import getpass
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands import shell

if TYPE_CHECKING:
    from alerts.control_log import ControlLog
    from alerts.store import AlertStore
    from config.settings import Settings
    from detectors.contract import Detector
    from detectors.control import ThresholdVersion
    from pipeline.control.writing import Writer, Written

By = Annotated[str | None, typer.Option(metavar="NAME", help="Who changes it; default: the user of this machine.")]
Why = Annotated[str, typer.Option(metavar="TEXT", help="For what reason. It is kept with the change.")]
Backtest = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Attach this backtest, as `makegood backtest --out DIR` writes it."),
]
Name = Annotated[str, typer.Argument(metavar="DETECTOR", help="Name of its entry in the settings file.")]
_HEARD_WITHIN_S = 4.0
_LOOK_EVERY_S = 0.1


class Desk:
    """The store, the log of controls, and the detectors of a settings file."""

    def __init__(self, settings: "Settings", store: "AlertStore") -> None:
        from alerts.control_log import ControlLog

        self.settings = settings
        self.store = store
        self.log: ControlLog = ControlLog(store)

    def detectors(self) -> "Mapping[str, Detector]":
        """Return the detectors of the settings, by name."""
        from pipeline import compose

        return compose.build_detectors(self.settings)

    def writer(self, detector: str, by: str | None, why: str, backtest: Path | None = None) -> "Writer":
        """Return what writes about a detector."""
        from pipeline.clock import wall_clock_us
        from pipeline.control.writing import Writer

        return Writer(
            self.log,
            detector,
            self.detectors(),
            by=who(by),
            why=why,
            now_us=wall_clock_us(),
            delay_us=self.settings.control.delay,
            backtest=None if backtest is None else read_backtest(backtest, self.log),
        )

    def wait_until_read(self, written: "Written") -> bool:
        """Wait a little for the running flow processes to read what was written; return whether all have."""
        until_s = time.monotonic() + _HEARD_WITHIN_S
        while written.flows:
            if written.read_by_all(self.log.seen()):
                return True
            if time.monotonic() >= until_s:
                break
            time.sleep(_LOOK_EVERY_S)
        return False


@contextmanager
def desk(config: Path) -> Iterator[Desk]:
    """Open the store of a settings file."""
    from alerts.opening import open_store

    settings = shell.load(config)
    with open_store(settings.store) as store:
        yield Desk(settings, store)


def who(by: str | None) -> str:
    """Return who changes something.

    Raises:
        UserError: when nobody is named, and the machine does not say either.
    """
    if by is not None:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        msg = "it must be said who changes it: give --by NAME"
        raise shell.UserError(msg) from error


def tell(desk: Desk, written: "Written", did: str, *, as_json: bool) -> None:
    """Note what was written in the audit log as ``detector.<did>``; say what it was, and whether the flow has it."""
    from pipeline.commands.noting import note

    control = written.control
    thing = f"detector:{control.detector}"
    note(desk.store, f"detector.{did}", thing, by=control.by, after=plain(control), why=control.why)
    read = desk.wait_until_read(written)
    if as_json:
        shell.out_json({**plain(control), "flows": len(written.flows), "read": read})
        return
    from alerts.model import rfc3339

    what = {
        "live": f"alerts go by version {control.version}",
        "shadow": f"version {control.version} decides in the shadow",
        "stopped": f"version {control.version} decides no more in the shadow",
    }[control.mode]
    since = rfc3339(control.effective_us)[:19] + "Z"
    shell.out(f"{control.detector}: {what}, for windows that end after {since} (number {control.number} in the log)")
    if not written.flows:
        shell.out("no flow is running: the next one to start reads it")
    elif read:
        shell.out("the flow has read it")
    else:
        shell.out("the flow has not said yet that it has read it: see `makegood history`, and its health")


def plain(control: "ThresholdVersion") -> dict[str, Any]:
    """Return a change as JSON for machines."""
    from alerts.model import rfc3339

    return {
        "number": control.number,
        "detector": control.detector,
        "version": control.version,
        "mode": control.mode,
        "changes": dict(control.decision),
        "effective": rfc3339(control.effective_us),
        "at": rfc3339(control.at_us),
        "by": control.by,
        "why": control.why,
        "backtest": control.backtest,
    }


def read_changes(options: Sequence[str]) -> dict[str, Any]:
    """Return what ``--set NAME=VALUE`` options change.

    Raises:
        UserError: for an option that names nothing, or a name twice.

    >>> read_changes(["confirm=2 of 3", "p_value.fire=0.001"])
    {'confirm': '2 of 3', 'p_value': {'fire': '0.001'}}
    """
    changes: dict[str, Any] = {}
    for option in options:
        name, separator, value = option.partition("=")
        name, value = name.strip(), value.strip()
        if not (name and separator and value):
            msg = f'--set {option}: expected NAME=VALUE, like --set alert_budget="1 per week"'
            raise shell.UserError(msg)
        outer, _, inner = name.partition(".")
        place = changes.setdefault(outer, {}) if inner else changes
        key = inner or outer
        if not isinstance(place, dict) or key in place:
            msg = f"--set {name}=... is given twice; give it once"
            raise shell.UserError(msg)
        place[key] = value
    return changes


def read_backtest(path: Path, log: "ControlLog") -> str:
    """Keep the backtest in a file beside the log; return its id.

    Raises:
        UserError: when it is no text.
        OSError: when it cannot be read.
    """
    try:
        return log.attach(path.name, path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        msg = f"{path} is no text: attach the backtest.json that `makegood backtest --out DIR` writes"
        raise shell.UserError(msg) from error
