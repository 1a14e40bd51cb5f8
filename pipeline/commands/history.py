"""``makegood history``: every version of every detector, with who, when and why."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands import controls, shell

if TYPE_CHECKING:
    from detectors.contract import ControlTaken
    from detectors.control import Control
    from pipeline.control.history import History

Takens = dict[tuple[str, int], "ControlTaken"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(
        app,
        "history",
        example="makegood history sentiment_drop --config makegood.yaml\n"
        "makegood history --config makegood.yaml --export controls.jsonl",
    )
    def history(
        config: shell.Config,
        detector: Annotated[
            str | None, typer.Argument(metavar="DETECTOR", help="Only this one; default: all that were changed.")
        ] = None,
        *,
        export: Annotated[
            Path | None,
            typer.Option(metavar="FILE", help="Write all changes as JSON Lines, for `makegood replay --controls`."),
        ] = None,
        backtest: Annotated[
            int | None, typer.Option(metavar="NUMBER", help="Write the backtest that is attached to this change.")
        ] = None,
        as_json: shell.Json = False,
    ) -> None:
        """Show what was changed while the flow ran: every version, who, when, why, and the backtest; what is live now.

        Version 0 is what the settings file says. With --export the changes are written with the times since when
        detectors really went by them, so that a replay gives the alerts of the live run.
        """
        from alerts.shadow_log import ShadowLog
        from pipeline.control.history import as_taken, detectors_in, history_of

        with controls.desk(config) as desk:
            page, taken = desk.log.read(), ShadowLog(desk.store).taken()
            for number in page.unreadable:
                shell.warn(f"number {number} of the log was written by a newer program, and is left out")
            if backtest is not None:
                _write_backtest(desk, page.controls, backtest)
                return
        if export is not None:
            _export(export, as_taken(page.controls, taken))
            return
        names = detectors_in(page.controls) if detector is None else [detector]
        found = [history_of(page.controls, name) for name in names]
        if as_json:
            shell.out_json([_plain(one, taken) for one in found])
            return
        if not any(one.entries or one.verdicts for one in found):
            shell.out("nothing was changed: all detectors go by the settings file")
            return
        for one in found:
            _print(one, taken)


def _print(history: "History", taken: Takens) -> None:
    from alerts.model import rfc3339
    from pipeline.control.history import flat

    live = "the settings file" if history.live == 0 else f"version {history.live}"
    shadows = ", ".join(map(str, sorted(history.shadows)))
    given = ", ".join(f"{count} {verdict}" for verdict, count in sorted(history.verdicts.items()))
    more = (f"; in the shadow: {shadows}" if shadows else "") + (f"; verdicts: {given}" if given else "")
    shell.out(f"{history.detector}: live: {live}{more}")
    for entry in history.entries:
        changes = ", ".join(f"{name}: {value}" for name, value in flat(entry.decision).items())
        attached = "" if entry.backtest is None else f"  backtest {entry.backtest}"
        shell.out(
            f"  {entry.number}  {rfc3339(entry.at_us)[:19]}Z  {entry.by}  version {entry.version} {entry.mode}"
            f'  {changes or "-"}  "{entry.why}"{attached}'
        )
        note = taken.get((entry.log, entry.number))
        if note is not None and (note.late or note.problem):
            since = rfc3339(note.effective_us)[:19]
            shell.out(f"      {note.problem}" if note.problem else f"      came late: holds for windows after {since}Z")


def _plain(history: "History", taken: Takens) -> dict[str, Any]:
    from alerts.model import rfc3339

    entries = []
    for entry in history.entries:
        row = controls.plain(entry)
        note = taken.get((entry.log, entry.number))
        row["first_window"] = None if note is None else rfc3339(note.end_us)
        row["late"] = note is not None and note.late
        row["problem"] = "" if note is None else note.problem
        entries.append(row)
    return {
        "detector": history.detector,
        "live": history.live,
        "before": history.before,
        "shadows": sorted(history.shadows),
        "verdicts": history.verdicts,
        "versions": {str(version): first.decision for version, first in sorted(history.versions.items())},
        "entries": entries,
    }


def _export(path: Path, found: "list[Control]") -> None:
    from detectors.control import encode

    path.write_bytes(b"".join(encode(control) + b"\n" for control in found))
    shell.out(f"{len(found)} changes written to {path}")


def _write_backtest(desk: controls.Desk, found: "list[Control]", number: int) -> None:
    from detectors.control import ThresholdVersion

    entry = next((one for one in found if one.number == number and isinstance(one, ThresholdVersion)), None)
    digest = entry.backtest if isinstance(entry, ThresholdVersion) else None
    attached = None if digest is None else desk.log.attached(digest)
    if attached is None:
        msg = f"no backtest is attached to number {number}; `makegood history` lists those that have one"
        raise shell.UserError(msg, shell.FOUND_WRONG)
    shell.out(attached.text.rstrip("\n"))
