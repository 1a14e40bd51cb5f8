"""``makegood audit``: was everything told that should have been? And beside it: who has changed what?"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pipeline.commands import auditlog, shell

if TYPE_CHECKING:
    from alerts.store import AlertStore
    from config.settings import Settings
    from sinks.audit.report import AuditReport

_LATE = 3
"""So many times the period without an audit, and something is wrong."""


def register(app: typer.Typer) -> None:
    """Add the command, and those that go with it."""
    group = typer.Typer()
    app.add_typer(group, name="audit")
    auditlog.register(group)

    @shell.alone(group, example="makegood audit --config makegood.yaml\nmakegood audit --now --config makegood.yaml")
    def audit(
        context: typer.Context,
        config: Annotated[
            Path | None,
            typer.Option("--config", "-c", metavar="FILE", envvar="MAKEGOOD_CONFIG", help="Settings file (YAML)."),
        ] = None,
        *,
        now: Annotated[bool, typer.Option("--now", help="Audit now, and do not wait for the next one.")] = False,
        as_json: shell.Json = False,
    ) -> None:
        """Show the last audit: what should have been told and was not, and was sent then.

        One of the notifiers audits every few minutes (`audit.every`). Exit status 1 when not all is well, or when there
        was no audit for three times as long.

        Who has changed what is another thing: `makegood audit log` shows it, `makegood audit verify` proves it.
        """
        if context.invoked_subcommand is not None:
            return
        from alerts.opening import open_store

        if config is None:
            msg = "give the settings file: --config FILE"
            raise shell.UserError(msg)
        settings = shell.load(config)
        if settings.route is None:
            msg = "the settings have no route, so there is nothing to audit"
            raise shell.UserError(msg)
        now_us = time.time_ns() // 1_000
        with open_store(settings.store) as store:
            report = _run(store, settings) if now else _last(store)
        late = now_us - report.at_us > _LATE * settings.audit.every
        if as_json:
            shell.out_json(msgspec.to_builtins(report) | {"late": late})
        else:
            _show(report, now_us, late=late)
        if late or not report.well:
            raise typer.Exit(shell.FOUND_WRONG)


def _last(store: "AlertStore") -> "AuditReport":
    from sinks.audit.report import load_report

    report = load_report(store)
    if report is None:
        msg = "there was no audit yet: a notifier makes the first one some minutes after it starts; --now makes one"
        raise shell.UserError(msg, shell.FOUND_WRONG)
    return report


def _run(store: "AlertStore", settings: "Settings") -> "AuditReport":
    from alerts.mutes import Mutes
    from sinks.audit.auditor import Auditor
    from sinks.chores import Chore, Chores, Hold, every

    auditor = Auditor(
        store,
        settings,
        hiding=Mutes(store, settings.inhibit_rules, settings.maintenance_windows),
        timer_us=lambda: time.monotonic_ns() // 1_000,
    )
    made: list[AuditReport] = []

    def run(now_us: int, hold: Hold) -> None:
        made.append(auditor.run(now_us, hold))

    chores = Chores(store, [Chore("audit", every(settings.audit.every), run)])
    if not chores.run_now("audit") or not made:
        msg = "a notifier is auditing just now; `makegood audit` shows the result when it is done"
        raise shell.UserError(msg, shell.FOUND_WRONG)
    auditor.close()
    return made[0]


def _show(report: "AuditReport", now_us: int, *, late: bool) -> None:
    from alerts.model import rfc3339
    from config.durations import US_PER_SECOND, format_duration_us
    from sinks.audit.report import summary

    age_us = max(0, now_us - report.at_us) // US_PER_SECOND * US_PER_SECOND
    shell.out(summary(report))
    for line in report.findings:
        shell.out(f"  {line}")
    shell.out(f"audited at {rfc3339(report.at_us)}, {format_duration_us(age_us)} ago")
    if late:
        shell.out("that is too long ago: is a notifier running?")
    shell.out(
        f"of {report.told_back + report.missing_back} accounts lately {report.missing_back} were missing: "
        f"{report.ratio:.4%} right"
    )
    if report.heartbeat:
        shell.out(f"heartbeat: {report.heartbeat}")
