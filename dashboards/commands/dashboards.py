"""``makegood dashboards``: the dashboards for Grafana, as files, or brought to a Grafana."""

from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands import shell

if TYPE_CHECKING:
    from config.settings import Settings
    from dashboards.grafana.push import Step
    from detectors.contract import AlertChange

_MOST_ALERTS = 100_000


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Dashboards for Grafana: build, push.")
    app.add_typer(group, name="dashboards")
    _register_build(group)
    _register_push(group)


def _register_build(group: typer.Typer) -> None:
    @shell.command(group, "build", example="makegood dashboards build --dir grafana")
    def build(
        *,
        folder: Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where they are written.")] = Path("grafana"),
        as_json: shell.Json = False,
    ) -> None:
        """Write the dashboards as JSON files, for Grafana to read from a folder (provisioning) or by hand.

        They ask whichever Prometheus is chosen on them. The files are always the same for one release.
        """
        from dashboards.grafana.catalogue import build_all

        texts = build_all()
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        if as_json:
            shell.out_json({"folder": str(folder), "files": sorted(texts)})
        else:
            shell.out(f"wrote {len(texts)} dashboards into {folder}: {', '.join(sorted(texts))}")


def _register_push(group: typer.Typer) -> None:
    @shell.command(
        group,
        "push",
        example="makegood dashboards push --config makegood.yaml --dry-run\n"
        "makegood dashboards push --config makegood.yaml",
    )
    def push(
        config: shell.Config,
        *,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; show what would be changed.")] = False,
        annotations: Annotated[bool, typer.Option(help="Make annotations of alerts, read from the store.")] = True,
        renew_secrets: Annotated[
            bool,
            typer.Option("--renew-secrets", help="Write tokens of data sources again; Grafana does not tell them."),
        ] = False,
        as_json: shell.Json = False,
    ) -> None:
        """Make the Grafana of the settings what it should be: folder, data sources, dashboards, annotations of alerts.

        Only what is otherwise is changed, so that it can be done again and again: on each deployment, or every few
        minutes for the annotations. Nothing is deleted. With --dry-run, exit status 1 says that there is something to
        change.
        """
        settings = shell.load(config)
        from dashboards.grafana.client import Grafana, GrafanaError
        from dashboards.grafana.push import plan
        from pipeline.clock import wall_clock_us

        token = settings.grafana.secret_token()
        alerts = _alerts(settings) if annotations else []
        done = 0
        steps: list[Step] = []
        try:
            with closing(Grafana(settings.grafana.url, token, settings.grafana.timeout / 1_000_000)) as grafana:
                steps = plan(
                    grafana,
                    settings.grafana,
                    alerts,
                    now_us=wall_clock_us(),
                    message=f"makegood {version('makegood')}",
                    renew_secrets=renew_secrets,
                )
                for step in steps:
                    if not as_json:
                        _show(step, whole=dry_run)
                    if not dry_run:
                        step.do()
                        done += 1
        except GrafanaError as error:
            msg = f"{error} ({done} of {len(steps)} changes were made)" if done else str(error)
            raise shell.UserError(msg, shell.FOUND_WRONG) from error
        if as_json:
            shell.out_json({"url": settings.grafana.url, "dry_run": dry_run, "changes": [_plain(one) for one in steps]})
        elif not steps:
            shell.out(f"{settings.grafana.url} is as it should be")
        elif not dry_run:
            shell.out(f"{settings.grafana.url}: {done} changes")
        if dry_run and steps:
            raise typer.Exit(shell.FOUND_WRONG)


def _alerts(settings: "Settings") -> "list[AlertChange]":
    from alerts.opening import open_store

    with open_store(settings.store) as store:
        return [record.current for record in store.list_alerts()][:_MOST_ALERTS]


def _show(step: "Step", *, whole: bool) -> None:
    shell.out(f"{step.act} {step.what} {step.name}")
    if whole:
        for line in step.diff:
            shell.out(f"  {line}")


def _plain(step: "Step") -> dict[str, Any]:
    return {"what": step.what, "name": step.name, "act": step.act, "diff": step.diff}
