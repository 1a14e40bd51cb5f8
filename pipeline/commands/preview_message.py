"""``makegood preview-message``: how a message will look, before anybody gets it."""

from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from pipeline.commands import shell

if TYPE_CHECKING:
    from config.settings import Settings
    from sinks.contract import ChannelSettings, Kind, Message, Notification


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(
        app,
        "preview-message",
        example="makegood preview-message --config makegood.yaml --channel mail\n"
        "makegood preview-message --config makegood.yaml --channel sms --kind digest --max-chars 160\n"
        "makegood preview-message --config makegood.yaml --channel mail --alert 0f3a9c5512de7f80",
    )
    def preview_message(
        config: shell.Config,
        *,
        channel: Annotated[str, typer.Option(metavar="NAME", help="Channel whose words to show.")],
        alert: Annotated[
            str | None, typer.Option(metavar="FINGERPRINT", help="An alert in the store, in place of the example.")
        ] = None,
        kind: Annotated[str, typer.Option(metavar="KIND", help="group, repeat, escalation, digest or test.")] = "group",
        max_chars: Annotated[
            int | None,
            typer.Option(min=70, metavar="N", help="Show the short form, as for SMS, of so many characters."),
        ] = None,
        as_json: shell.Json = False,
    ) -> None:
        """Show the message that a channel would send: an example, or an alert of the store. Nothing is sent.

        Exit status 1 when the channel's template cannot be used for it; the standard words are shown then.
        """
        from sinks.channels.sms_twilio import SmsTwilioSettings, sms_text
        from sinks.contract import Kind
        from sinks.render import Renderer, short_form

        settings = shell.load(config)
        if kind not in get_args(Kind):
            msg = f"--kind {kind}: expected one of {', '.join(get_args(Kind))}"
            raise shell.UserError(msg)
        entry = _channel(settings, channel)
        notification, code = _notification(settings, alert, cast("Kind", kind))
        message = Renderer.of(settings, lambda _fingerprint: code)(notification, entry)
        if as_json:
            shell.out_json(_plain(message))
        elif isinstance(entry, SmsTwilioSettings):
            answered = settings.callbacks is not None and entry.reports_to_us()
            shell.out(sms_text(message, max_chars or entry.max_chars, answered=answered))
        elif max_chars is not None:
            shell.out(short_form(message, max_chars, f"ref {message.key[:15]}"))
        else:
            shell.out(message.title)
            shell.out("")
            shell.out(message.text)
        if message.failure is not None:
            if not as_json:
                shell.fail(f"channels.{channel}: {message.failure.detail}", shell.FOUND_WRONG)
            raise typer.Exit(shell.FOUND_WRONG)


def _channel(settings: "Settings", name: str) -> "ChannelSettings":
    from sinks.contract import ChannelSettings

    entry = settings.channels.get(name)
    if not isinstance(entry, ChannelSettings):
        msg = f"--channel {name}: there is no such channel; there are: {', '.join(sorted(settings.channels)) or 'none'}"
        raise shell.UserError(msg)
    return entry


def _notification(settings: "Settings", fingerprint: str | None, kind: "Kind") -> "tuple[Notification, str]":
    """Return what to show, and the short code of its alert."""
    from alerts.codes import ShortCodes
    from alerts.opening import open_store
    from sinks.contract import Notification
    from sinks.words.example import example_notification

    if fingerprint is None:
        return example_notification("example", settings.urgency, kind), "K7F"
    with open_store(settings.store) as store:
        detail = store.get(fingerprint)
        code = "" if detail is None else ShortCodes(store).short_code(fingerprint)
    if detail is None:
        msg = f"there is no alert {fingerprint}; `makegood alerts --status all` lists those there are"
        raise shell.UserError(msg, shell.FOUND_WRONG)
    change = detail.current
    told = Notification(
        key=f"preview-{change.change_id}",
        receiver="preview",
        alerts=(change,),
        group_labels=dict(change.labels),
        accepted_us=change.at_us,
        kind=kind,
    )
    return told, code


def _plain(message: "Message") -> dict[str, Any]:
    return {
        "title": message.title,
        "text": message.text,
        "links": message.links,
        "code": message.code,
        "notes": message.notes,
        "failure": None if message.failure is None else message.failure.detail,
    }
