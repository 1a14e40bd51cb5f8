"""``makegood silence``: hide alerts for a while, and see what that hides."""

from typing import TYPE_CHECKING, Annotated, cast

import typer

from pipeline.commands import controls, shell, silencedesk, silenceview

if TYPE_CHECKING:
    from alerts.silences import State

_STATES = ("active", "pending", "expired")
_DAY_US = 86_400_000_000
Id = Annotated[
    str, typer.Argument(metavar="SILENCE", help="Id, as `makegood silence list` shows it, or how it begins.")
]
Matchers = Annotated[
    list[str], typer.Argument(metavar="MATCHER", help='All must match, like service=shop or severity=~"warning|info".')
]
Start = Annotated[str | None, typer.Option(metavar="TIME", help="When it begins: a time with its offset, or +2h.")]
For = Annotated[str | None, typer.Option("--for", metavar="SPAN", help="How long it lasts, like 2h or 1d12h.")]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="When it ends, instead of --for.")]
Days = Annotated[int, typer.Option(min=1, max=3650, help="How many days to look back for what it would have hidden.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Hide alerts for a while: add, edit, expire, list, show, preview.")
    app.add_typer(group, name="silence")
    for one in (_register_add, _register_edit, _register_expire, _register_list, _register_show, _register_preview):
        one(group)


def _register_add(group: typer.Typer) -> None:
    @shell.command(
        group,
        "add",
        example='makegood silence add --config makegood.yaml service=shop severity=~"warning|info" --for 2h '
        '--comment "moving the database, CHG-1234"\n'
        "makegood silence add --config makegood.yaml alertname=FeedSilence feed=crm --start 2026-03-07T22:00:00+01:00 "
        '--until 2026-03-08T04:00:00+01:00 --comment "the CRM is being upgraded"',
    )
    def add(
        config: shell.Config,
        matchers: Matchers,
        *,
        lasts: For = None,
        until: Until = None,
        start: Start = None,
        comment: Annotated[
            str, typer.Option("--comment", metavar="TEXT", help="Why. Whoever is on call reads it.")
        ] = "",
        by: controls.By = None,
        days: Days = 7,
        as_json: shell.Json = False,
    ) -> None:
        """Hide alerts that all matchers match, for a while. Says what that hides now, and would have hidden lately.

        Hidden alerts are not told and their escalations wait. An alert that was told before is told as resolved all the
        same; one that still fires when the silence ends is told then.
        """
        from pipeline.commands.times import time_us

        with silencedesk.desk(config) as desk:
            starts_us = desk.now_us if start is None else time_us("--start", start, desk.now_us)
            ends_us = silencedesk.ends_us(lasts, until, max(starts_us, desk.now_us), desk.now_us)
            if ends_us is None:
                msg = "say how long: --for 2h, or --until TIME"
                raise shell.UserError(msg)
            if not comment.strip():
                msg = "it must be said why: give --comment TEXT; who is on call tonight reads it"
                raise shell.UserError(msg)
            made = desk.book.add(
                matchers,
                starts_us=starts_us,
                ends_us=ends_us,
                author=controls.who(by),
                comment=comment,
                now_us=desk.now_us,
            )
            desk.note("create", None, made, by=made.author, why=comment)
            found = desk.book.preview(made.matchers, from_us=desk.now_us - days * _DAY_US, to_us=desk.now_us)
            silenceview.show(made, desk.hidden(made.matches), desk.now_us, preview=found, as_json=as_json)


def _register_edit(group: typer.Typer) -> None:
    @shell.command(
        group,
        "edit",
        example="makegood silence edit --config makegood.yaml 3f9c --for 4h\n"
        'makegood silence edit --config makegood.yaml 3f9c --match service=shop --match region=eu --comment "only eu"',
    )
    def edit(
        config: shell.Config,
        silence: Id,
        *,
        lasts: Annotated[
            str | None, typer.Option("--for", metavar="SPAN", help="How long it lasts from now, or from its start.")
        ] = None,
        until: Until = None,
        start: Start = None,
        match: Annotated[
            list[str] | None, typer.Option(metavar="MATCHER", help="Other matchers. Can be given several times.")
        ] = None,
        comment: Annotated[str | None, typer.Option(metavar="TEXT", help="Another comment.")] = None,
        by: controls.By = None,
        version: Annotated[
            int | None, typer.Option(metavar="VERSION", help="Only if it is still this version, as `show` has it.")
        ] = None,
        as_json: shell.Json = False,
    ) -> None:
        """Change a silence. What it has hidden so far stays as it was.

        So an active one whose matchers or start change is expired, and a new one takes its place; an expired one is
        followed by a new one.
        """
        from alerts.silences import Wanted
        from pipeline.commands.times import time_us

        with silencedesk.desk(config) as desk:
            starts_us = None if start is None else time_us("--start", start, desk.now_us)
            begins_us = desk.book.get(silence).starts_us if starts_us is None else starts_us
            wanted = Wanted(
                matchers=tuple(match) if match else None,
                starts_us=starts_us,
                ends_us=silencedesk.ends_us(lasts, until, max(begins_us, desk.now_us), desk.now_us),
                comment=comment,
            )
            if wanted == Wanted():
                msg = "nothing is to be changed: give --for, --until, --start, --match or --comment"
                raise shell.UserError(msg)
            before = desk.book.get(silence)
            done = desk.book.edit(silence, wanted, by=controls.who(by), now_us=desk.now_us, version=version)
            desk.note("change", before, done.silence, by=controls.who(by), why=comment or "")
            silenceview.show(done.silence, desk.hidden(done.silence.matches), desk.now_us, as_json=as_json)


def _register_expire(group: typer.Typer) -> None:
    @shell.command(group, "expire", example="makegood silence expire --config makegood.yaml 3f9c 81d2")
    def expire(
        config: shell.Config,
        silences: Annotated[list[str], typer.Argument(metavar="SILENCE", help="Ids, or how they begin.")],
        *,
        by: controls.By = None,
        as_json: shell.Json = False,
    ) -> None:
        """End silences now. Alerts that they hid and that still fire are told with their groups' next notification."""
        with silencedesk.desk(config) as desk:
            known = [desk.book.get(one) for one in silences]  # all or none
            ended = []
            for one in known:
                ended.append(desk.book.expire(one.id, by=controls.who(by), now_us=desk.now_us))
                desk.note("end", one, ended[-1], by=controls.who(by))
            silenceview.listed(ended, desk.now_us, as_json=as_json)


def _register_list(group: typer.Typer) -> None:
    @shell.command(
        group,
        "list",
        example="makegood silence list --config makegood.yaml\n"
        "makegood silence list --config makegood.yaml --state all --label service=shop",
    )
    def list_(
        config: shell.Config,
        *,
        state: Annotated[
            str, typer.Option(metavar="STATES", help="active, pending, expired, several of them with commas, or all.")
        ] = "active,pending",
        label: Annotated[
            list[str] | None,
            typer.Option(metavar="NAME=VALUE", help="Only those that would hide an alert with these labels."),
        ] = None,
        as_json: shell.Json = False,
    ) -> None:
        """List silences: those that hide something now, those to come, and with --state those that are over."""
        from pipeline.commands.routes import read_labels

        states = _STATES if state == "all" else tuple(part.strip() for part in state.split(","))
        if not set(states) <= set(_STATES):
            msg = f"--state {state}: expected some of {', '.join(_STATES)}, or all"
            raise shell.UserError(msg)
        labels = read_labels(label or [])
        with silencedesk.desk(config) as desk:
            found = desk.book.list(desk.now_us, cast("tuple[State, ...]", states))
            chosen = [silence for silence in found if not label or silence.matches(labels)]
            silenceview.listed(chosen, desk.now_us, as_json=as_json)


def _register_show(group: typer.Typer) -> None:
    @shell.command(group, "show", example="makegood silence show --config makegood.yaml 3f9c")
    def show(config: shell.Config, silence: Id, *, as_json: shell.Json = False) -> None:
        """Show a silence: who made it, why, its changes, and the alerts that fire now and match it."""
        with silencedesk.desk(config) as desk:
            found = desk.book.get(silence)
            silenceview.show(found, desk.hidden(found.matches), desk.now_us, as_json=as_json)


def _register_preview(group: typer.Typer) -> None:
    @shell.command(
        group,
        "preview",
        example="makegood silence preview --config makegood.yaml service=shop severity=warning\n"
        "makegood silence preview --config makegood.yaml --silence 3f9c --days 30\n"
        "makegood silence preview --config makegood.yaml --window sunday-patches --days 30",
    )
    def preview(
        config: shell.Config,
        matchers: Annotated[list[str] | None, typer.Argument(metavar="MATCHER", help="Of a silence to be.")] = None,
        *,
        silence: Annotated[str | None, typer.Option(metavar="SILENCE", help="Of one that there is.")] = None,
        window: Annotated[
            str | None, typer.Option(metavar="NAME", help="A maintenance window of the settings, at its times.")
        ] = None,
        days: Days = 7,
        to: Annotated[str, typer.Option(metavar="TIME", help="The end of the days that are looked at.")] = "now",
        as_json: shell.Json = False,
    ) -> None:
        """Say which alerts a silence or a maintenance window would have hidden in the last days. Changes nothing.

        Of matchers and silences also what they would hide now.
        """
        from pipeline.commands.times import time_us

        if [bool(matchers), silence is not None, window is not None].count(True) != 1:
            msg = "give one of: matchers, --silence SILENCE, --window NAME"
            raise shell.UserError(msg)
        with silencedesk.desk(config) as desk:
            to_us = time_us("--to", to, desk.now_us)
            from_us = to_us - days * _DAY_US
            if window is not None:
                found = desk.window(window, from_us, to_us)
                silenceview.previewed(found, firing=None, as_json=as_json)
                return
            chosen = matchers or [] if silence is None else desk.book.get(silence).matchers
            found = desk.book.preview(chosen, from_us=from_us, to_us=to_us)
            firing = desk.hiding(chosen) if to == "now" else None
            unseen = [] if found.hidden or firing else desk.unseen(chosen)
            silenceview.previewed(found, firing=firing, unseen=unseen, as_json=as_json)
