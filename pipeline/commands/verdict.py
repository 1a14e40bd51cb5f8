"""``makegood verdict``: what people say of an alert."""

from typing import TYPE_CHECKING, Annotated, cast

import typer

from pipeline.commands import controls, noting, shell

if TYPE_CHECKING:
    from alerts.store import AlertStore
    from detectors.contract import AlertChange
    from detectors.control import Verdict

_VERDICTS = ("useful", "noise")


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(
        app,
        "verdict",
        example='makegood verdict 0f3a9c55 noise --config makegood.yaml --note "a campaign, not a failure"',
    )
    def verdict(
        config: shell.Config,
        alert: Annotated[
            str, typer.Argument(metavar="ALERT", help="Fingerprint, as `makegood alerts` shows it, or how it begins.")
        ],
        said: Annotated[str, typer.Argument(metavar="VERDICT", help="useful or noise.")],
        *,
        by: controls.By = None,
        note: Annotated[str, typer.Option(metavar="TEXT", help="What else there is to say.")] = "",
        as_json: shell.Json = False,
    ) -> None:
        """Say of an alert whether it was useful or noise. It changes nothing about the alert.

        Verdicts are counted: the rate of false alarms of each detector is estimated from them. A later verdict on the
        same alert takes the place of the earlier one.
        """
        from alerts.verdicts import give_verdict
        from pipeline.clock import wall_clock_us

        if said not in _VERDICTS:
            msg = f"{said!r} is no verdict: expected {' or '.join(_VERDICTS)}"
            raise shell.UserError(msg)
        with controls.desk(config) as desk:
            change, summary = _find(desk.store, alert)
            given = give_verdict(
                desk.log, change, cast("Verdict", said), by=controls.who(by), note=note, now_us=wall_clock_us()
            )
            noting.note(
                desk.store,
                f"alert.{said}",
                f"alert:{given.fingerprint}",
                by=given.by,
                after={"verdict": said},
                why=note,
            )
        if as_json:
            shell.out_json({"number": given.number, "detector": given.detector, "fingerprint": given.fingerprint})
            return
        shell.out(f"{given.detector}: {given.fingerprint} was {said}: {summary} (number {given.number} in the log)")


def _find(store: "AlertStore", begins: str) -> "tuple[AlertChange, str]":
    """Return the current change of the one alert whose fingerprint begins so, and what it said when it fired."""
    found = [record.current for record in store.list_alerts() if record.current.fingerprint.startswith(begins)]
    if not begins or len(found) != 1:
        many = ", ".join(change.fingerprint for change in found[:3])
        told = f"several alerts begin so: {many}" if begins and found else "there is no such alert"
        msg = f"{begins!r}: {told}; `makegood alerts --status all` lists those there are"
        raise shell.UserError(msg, shell.FOUND_WRONG)
    (current,) = found
    detail = store.get(current.fingerprint)
    history = [current] if detail is None else detail.history
    fired = [one for one in history if one.starts_at_us == current.starts_at_us and one.status == "firing"]
    return current, (fired or [current])[-1].annotations.get("summary", "")
