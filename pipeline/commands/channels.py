"""``makegood channels``: whether channels would work, and a test message through one of them."""

import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands import shell

if TYPE_CHECKING:
    from config.settings import Settings
    from sinks.checking import Checked
    from sinks.contract import Channel, ChannelSettings, Receipt
    from sinks.trying import Trial


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Find out whether the channels would work.")
    app.add_typer(group, name="channels")

    @shell.command(
        group,
        "check",
        example="makegood channels check --config makegood.yaml\nmakegood channels check pager -c makegood.yaml",
    )
    def check(
        config: shell.Config,
        names: Annotated[
            list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these channels; default: all.")
        ] = None,
        *,
        timeout: Annotated[float, typer.Option(metavar="SECONDS", help="For each channel.", min=0.1)] = 10.0,
        as_json: shell.Json = False,
    ) -> None:
        """Ask the far side of each channel whether it would take messages. Nothing is sent.

        How far that goes depends on the far side: Slack, Twilio, Opsgenie, SMTP servers and Kafka say whether the
        credentials are good; to others there is only a connection, with TLS. Exit status 1 when one would not work.
        """
        from sinks.checking import check_channel

        settings = shell.load(config)
        found = {}
        for name, (channel, _entry) in _built(settings, names or ()).items():
            found[name] = check_channel(channel, timeout)
            channel.close()
        if as_json:
            shell.out_json({name: [_plain_check(one) for one in results] for name, results in found.items()})
        elif not found:
            shell.out("no channels")
        else:
            shell.out_table(("channel", "what", "", "it said"), _check_rows(found))
        if any(one.failure is not None for results in found.values() for one in results):
            raise typer.Exit(shell.FOUND_WRONG)

    @shell.command(group, "test", example="makegood channels test pager --config makegood.yaml")
    def test(
        config: shell.Config,
        name: Annotated[str, typer.Argument(metavar="NAME", help="Of the channel.")],
        *,
        recipient: Annotated[
            list[str] | None, typer.Option(metavar="RECIPIENT", help="Only this one of the channel's; repeatable.")
        ] = None,
        wait: Annotated[
            float,
            typer.Option(metavar="SECONDS", help="How long to wait for what becomes of what was accepted.", min=0),
        ] = 20.0,
        as_json: shell.Json = False,
    ) -> None:
        """Send a message that is marked as a test through one channel, and show what the far side answered.

        It goes out at once, past routes, silences and limits. Where the far side keeps open what fires (PagerDuty,
        Opsgenie, Alertmanager, webhooks), a second message closes it. Exit status 1 when a recipient was not reached.
        """
        from sinks.render import Renderer
        from sinks.trying import try_channel

        settings = shell.load(config)
        channel, entry = _built(settings, [name])[name]
        unknown = [one for one in recipient or () if one not in channel.recipients]
        if unknown:
            msg = f"{name} has no recipient {unknown[0]!r}; it has: {', '.join(channel.recipients)}"
            raise shell.UserError(msg)
        words = partial(_worded, Renderer(settings.words, settings.urgency, settings.redaction), entry)
        trials = try_channel(
            channel,
            words,
            time.time_ns() // 1_000,
            entry.timeout / 1_000_000,
            recipients=recipient or (),
            wait_s=wait,
            close=entry.keeps_state,
        )
        channel.close()
        if as_json:
            shell.out_json({"channel": name, "messages": [_plain_trial(one) for one in trials]})
        else:
            for one in trials:
                shell.out(f"{one.status}, key {one.key}, in {one.took_us / 1_000:.0f} ms")
            shell.out_table(("status", "recipient", "", "it said"), _trial_rows(trials))
        if any(one.failed for one in trials):
            raise typer.Exit(shell.FOUND_WRONG)


def _worded(renderer: Any, entry: "ChannelSettings", notification: Any) -> Any:
    return renderer(notification, entry)


def _built(settings: "Settings", names: Sequence[str]) -> "dict[str, tuple[Channel, ChannelSettings]]":
    """Return the channels of these names, or all.

    Raises:
        UserError: for a name that there is not.
    """
    from sinks.contract import ChannelSettings
    from sinks.service import build_channels

    known = {name: entry for name, entry in settings.channels.items() if isinstance(entry, ChannelSettings)}
    for name in names:
        if name not in known:
            msg = f"there is no channel {name!r}; there are: {', '.join(known) or 'none'}"
            raise shell.UserError(msg)
    wanted = {name: known[name] for name in names or known}
    return {name: (channel, wanted[name]) for name, channel in build_channels(wanted).items()}


def _check_rows(found: "dict[str, list[Checked]]") -> "Iterable[tuple[str, ...]]":
    for name, results in found.items():
        for one in results:
            said = one.said if one.failure is None else f"{one.failure.reason}: {one.failure.detail}"
            yield name, one.subject, "ok" if one.failure is None else "FAILS", said


def _trial_rows(trials: "Sequence[Trial]") -> "Iterable[tuple[str, ...]]":
    for trial in trials:
        for one in trial.receipts:
            said = one.provider_id if one.failure is None else f"{one.failure.reason}: {one.failure.detail}"
            yield trial.status, one.recipient, one.outcome, said


def _plain_check(one: "Checked") -> dict[str, Any]:
    return {"subject": one.subject, "said": one.said, **_plain_failure(one.failure)}


def _plain_trial(trial: "Trial") -> dict[str, Any]:
    receipts = [_plain_receipt(one) for one in trial.receipts]
    return {"status": trial.status, "key": trial.key, "took_us": trial.took_us, "receipts": receipts}


def _plain_receipt(one: "Receipt") -> dict[str, Any]:
    told = {"recipient": one.recipient, "outcome": one.outcome, "provider_id": one.provider_id}
    return {**told, **_plain_failure(one.failure)}


def _plain_failure(failure: Any) -> dict[str, Any]:
    if failure is None:
        return {"failure": None}
    return {"failure": {"reason": str(failure.reason), "permanent": failure.permanent, "detail": failure.detail}}
