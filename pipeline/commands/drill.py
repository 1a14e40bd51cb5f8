"""``makegood drill``: would somebody still be told if a receiver's primary failed?"""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pipeline.commands import noting, shell

if TYPE_CHECKING:
    from config.settings import Settings
    from sinks.contract import Channel
    from sinks.drill.drill import Drill
    from sinks.drill.report import CaseResult, ReceiverResult, TierResult


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(
        app,
        "drill",
        example="makegood drill --config makegood.yaml --dry-run\nmakegood drill on-call --config makegood.yaml\n"
        "makegood drill --config makegood.yaml --fault refused",
    )
    def drill(
        config: shell.Config,
        receivers: Annotated[
            list[str] | None, typer.Argument(metavar="[RECEIVER]...", help="Only these; default: all there are.")
        ] = None,
        *,
        fault: Annotated[
            list[str] | None,
            typer.Option(metavar="FAULT", help="Break it in this way only; can be given several times."),
        ] = None,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Send nothing: ask each channel whether it would work.")
        ] = False,
        keep: Annotated[bool, typer.Option(help="Keep the result in the store, for the wall and for figures.")] = True,
        as_json: shell.Json = False,
    ) -> None:
        """Break the primary of each receiver, and see which tier delivers a test message, and after how long.

        The primary is not touched: what stands in for it fails as it would. It fails in each way (refused, timed_out,
        server_error, rate_limited, black_hole), and once not at all (intact). Each case is one message, marked [TEST],
        through the real lower tiers; a tier that shares a point of failure with the primary (a host, an account) fails
        with it. What is pending is not touched. Exit status 1 when somebody would not have been told.
        """
        settings = shell.load(config)
        names = list(dict.fromkeys(receivers or sorted(settings.receivers)))
        for name in names:
            shell.chosen("receiver", sorted(settings.receivers), name)
        from sinks.drill.faults import FAULTS

        faults = list(dict.fromkeys(fault or FAULTS))
        unknown = [one for one in faults if one not in FAULTS]
        if unknown:
            msg = f"--fault {unknown[0]}: there is no such way to fail; there are: {', '.join(FAULTS)}"
            raise shell.UserError(msg)
        if not dry_run and sys.stderr.isatty():
            shell.warn("messages marked [TEST] go out now; the longest cases take as long as the channels' timeouts")
        results = []
        with _drill(settings, names, quiet=as_json) as made:
            found = made.look(names, 10.0) if dry_run else made.run(names, faults)
            for result in found:
                results.append(result)
                if not as_json:
                    _show(result)
        if keep and not dry_run:
            _keep(settings, results)
        if as_json:
            shell.out_json({one.receiver: msgspec.to_builtins(one) for one in results})
        missed = [one.receiver for one in results if not one.reached]
        if missed:
            if not as_json:
                shell.out(f"not reached in every case: {', '.join(missed)}")
            raise typer.Exit(shell.FOUND_WRONG)
        if not as_json:
            shell.out("every receiver is reached in every case" if results else "there are no receivers")


@contextmanager
def _drill(settings: "Settings", names: Sequence[str], *, quiet: bool) -> "Iterator[Drill]":
    """Give a drill over the channels of some receivers; what they print goes to stderr where stdout is for machines."""
    from sinks.contract import ChannelSettings
    from sinks.drill.drill import Drill
    from sinks.service import build_channels

    used = {tier.channel for name in names for tier in settings.receivers[name].tiers}
    entries = {name: one for name, one in settings.channels.items() if isinstance(one, ChannelSettings)}
    channels: dict[str, Channel] = build_channels({name: entries[name] for name in sorted(used)})
    try:
        with redirect_stdout(sys.stderr if quiet else sys.stdout):
            yield Drill(settings, channels, clock=_now_us, wait=time.sleep)
    finally:
        for channel in channels.values():
            channel.close()


def _keep(settings: "Settings", results: "Sequence[ReceiverResult]") -> None:
    from alerts.connection import StoreUnavailableError
    from alerts.opening import open_store
    from sinks.drill.report import save_drill

    with open_store(settings.store) as store:
        try:
            for result in results:
                save_drill(store, result)
            told = {result.receiver: "reached" if result.reached else "not reached" for result in results}
            noting.note(store, "drill.run", "drill", after=told, count=len(results))
        except StoreUnavailableError as error:
            shell.warn(f"the result was not kept: {error}")


def _show(result: "ReceiverResult") -> None:
    shell.out(f"{result.receiver}")
    rows = [row for case in result.cases for row in _rows(case, dry=result.dry)]
    shell.out_table(("broken", "how", "tier", "channel", "what happened", "after"), rows)
    for remark in result.remarks:
        shell.out(f"  note: {remark}")
    shell.out("")


def _rows(case: "CaseResult", *, dry: bool) -> "Iterator[tuple[str, ...]]":
    from sinks.drill.faults import Fault

    broken, how = ", ".join(case.broken) or "nothing", "" if case.fault == Fault.INTACT else Fault(case.fault).words
    if dry and case.broken:
        how = "fails"
    for tier in case.tiers:
        after = f"{tier.at_us / 1_000_000:.1f} s" if tier.tries else ""
        yield broken, how, str(tier.number), tier.channel, _happened(tier), after
        broken = how = ""
    if not case.tier:
        yield "", "", "", "", "NOBODY WAS TOLD" if not dry else "NOBODY WOULD BE TOLD", ""
    if case.left_open:
        yield "", "", "", "", "what the test opened at the far side could not be closed; close it by hand", ""


def _happened(tier: "TierResult") -> str:
    why = f"{tier.reason}: {tier.detail}" if tier.reason else ""
    if tier.shares:
        return f"broken with it: it shares {' and '.join(tier.shares)}"
    if tier.outcome == "not_tried":
        return "broken" if tier.broken else "not needed"
    if tier.outcome == "would_deliver":
        return "would deliver"
    if tier.outcome == "failed" and not tier.tries:
        return "broken" if tier.broken else f"would fail: {why}"
    tries = f" ({tier.tries} tries)" if tier.tries > 1 else ""
    return tier.outcome + (f": {why}" if why else "") + tries


def _now_us() -> int:
    return time.time_ns() // 1_000
