"""``makegood shadow``: a candidate beside what is live, and what it has decided."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands import controls, shell

if TYPE_CHECKING:
    from pipeline.control.comparing import Comparison, Episode
    from pipeline.control.history import History

_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(
        app,
        "shadow",
        example='makegood shadow sentiment_drop --config makegood.yaml --set alert_budget="1 per week" '
        '--set confirm="2 of 3" --why "two false alarms on Monday"\n'
        "makegood shadow sentiment_drop --config makegood.yaml --show",
    )
    def shadow(
        config: shell.Config,
        detector: controls.Name,
        *,
        changes: Annotated[
            list[str] | None,
            typer.Option("--set", metavar="NAME=VALUE", help="Change this setting. Can be given several times."),
        ] = None,
        why: controls.Why = "",
        by: controls.By = None,
        backtest: controls.Backtest = None,
        show: Annotated[bool, typer.Option("--show", help="Show what the candidates have decided so far.")] = False,
        stop: Annotated[bool, typer.Option("--stop", help="End a candidate.")] = False,
        version: Annotated[int | None, typer.Option(metavar="VERSION", help="Which, for --show and --stop.")] = None,
        as_json: shell.Json = False,
    ) -> None:
        """Let other thresholds decide beside the live ones: what they decide is recorded, never sent.

        The candidate is what is live with the settings changed that --set names (`alert_budget`,
        `false_discovery_rate`, `p_value.fire`, `p_value.resolve`, `confirm`, `min_duration`, `cool_down`,
        `resolve_without_data`). A running flow takes it up within seconds. --show lists the alerts that would have been
        gained and lost against the live ones; `makegood promote` makes a candidate live.
        """
        if [bool(changes), show, stop].count(True) != 1:
            msg = "give one of --set NAME=VALUE (a new candidate), --show, --stop"
            raise shell.UserError(msg)
        with controls.desk(config) as desk:
            if show:
                _show(desk, detector, version, as_json=as_json)
                return
            wanted = controls.read_changes(changes or [])
            writer = desk.writer(detector, by, why, backtest)
            did = "stop" if stop else "shadow"
            controls.tell(desk, writer.stop(version) if stop else writer.shadow(wanted), did, as_json=as_json)


def _show(desk: controls.Desk, detector: str, version: int | None, *, as_json: bool) -> None:
    from alerts.shadow_log import ShadowLog
    from pipeline.control.comparing import compare
    from pipeline.control.history import history_of

    history = history_of(desk.log.read().controls, detector)
    versions = sorted(history.shadows) if version is None else [version]
    if version is not None and version not in history.versions:
        known = ", ".join(map(str, sorted(history.versions))) or "none"
        msg = f"{detector} has no version {version}; there are: {known}"
        raise shell.UserError(msg)
    if not versions:
        shell.out("[]" if as_json else f"{detector}: no version is in the shadow; --version shows an earlier one")
        return
    log = ShadowLog(desk.store)
    found = {one: compare(log.decisions(detector, one)) for one in versions}
    if as_json:
        shell.out_json([_plain(history, one, result) for one, result in found.items()])
        return
    for one, result in found.items():
        _print(history, one, result)


def _print(history: "History", version: int, result: "Comparison") -> None:
    from alerts.model import rfc3339
    from pipeline.control.history import flat

    told = ", ".join(f"{name}: {value}" for name, value in flat(history.changes(version)).items())
    shell.out(f"{history.detector} version {version} ({told})")
    running = history.shadows.get(version)
    if running is not None:
        shell.out(f"  in the shadow since {rfc3339(running.effective_us)[:19]}Z, beside version {history.live}")
    shell.out(f"  {len(result.gained)} alerts gained, {len(result.lost)} lost, {len(result.both)} by both")
    for word, episodes in (("gained", result.gained), ("lost", result.lost)):
        for episode in episodes[-_SHOWN:]:
            group = ", ".join(f"{name}={value}" for name, value in sorted(episode.group.items()))
            until = "open" if episode.ends_at_us is None else f"until {rfc3339(episode.ends_at_us)[:19]}Z"
            chance = "" if episode.p_value is None else f", p-value {episode.p_value:.2g}"
            shell.out(f"  {word}: {group}  {rfc3339(episode.starts_at_us)[:19]}Z {until}{chance}")


def _plain(history: "History", version: int, result: "Comparison") -> dict[str, Any]:
    return {
        "detector": history.detector,
        "version": version,
        "changes": history.changes(version),
        "running": version in history.shadows,
        "live": history.live,
        "gained": [_episode(one) for one in result.gained],
        "lost": [_episode(one) for one in result.lost],
        "both": [{"shadow": _episode(pair.shadow), "live": _episode(pair.live)} for pair in result.both],
    }


def _episode(episode: "Episode") -> dict[str, Any]:
    from alerts.model import rfc3339

    return {
        "group": episode.group,
        "startsAt": rfc3339(episode.starts_at_us),
        "endsAt": None if episode.ends_at_us is None else rfc3339(episode.ends_at_us),
        "p_value": episode.p_value,
    }
