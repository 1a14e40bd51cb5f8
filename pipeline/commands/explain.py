"""``makegood explain``: why an alert fired, and what became of it; or why none did."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from pipeline.commands import answers, explainview, shell
from pipeline.commands.explainsource import Source

if TYPE_CHECKING:
    from alerts.model import AlertDetail
    from alerts.store import AlertStore
    from config.settings import Settings
    from detectors.contract import Detector
    from pipeline.explaining.story import Story
    from pipeline.explaining.walk import Walk
    from pipeline.findings.query import Around

_BACK = re.compile(r"-\d+(us|ms|s|m|h|d|w)\w*")
_NAMED = re.compile(r"mg-|#?inc[\s-]?\d", re.IGNORECASE)


class _WithOffsets(TyperCommand):
    """A command whose arguments may be times like ``-2h``, which are no options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [f"now{one}" if _BACK.fullmatch(one) else one for one in args])


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(
        app,
        "explain",
        cls=_WithOffsets,
        example="makegood explain --config makegood.yaml 0f3a9c55\n"
        "makegood explain --config makegood.yaml 0f3a9c55 --receiver on-call\n"
        "makegood explain --config makegood.yaml sentiment_drop service=checkout,region=north -2h\n"
        "makegood explain --config makegood.yaml sentiment_drop all now --findings findings.jsonl",
    )
    def explain(
        config: shell.Config,
        what: Annotated[
            str,
            typer.Argument(
                metavar="ALERT|DETECTOR",
                help="Fingerprint of an alert, or its beginning, or its code out of a message (K7F), or the key of a "
                "message (mg-...), or an incident (INC-7); a detector.",
            ),
        ],
        group: Annotated[
            str | None, typer.Argument(metavar="[GROUP]", help="Labels like service=checkout,region=north; or all.")
        ] = None,
        time: Annotated[
            str, typer.Argument(metavar="[TIME]", help="2026-03-02T14:00:00Z, now, or -2h: before the newest window.")
        ] = "now",
        *,
        findings: Annotated[
            Path | None, typer.Option(metavar="FILE", help="What `makegood replay --findings` wrote.")
        ] = None,
        alerts: Annotated[
            Path | None, typer.Option(metavar="FILE", help="What `makegood replay --out` wrote, instead of the store.")
        ] = None,
        at: Annotated[
            str | None,
            typer.Option(metavar="URL", help="Ask a flow process, like http://10.0.0.7:9464, instead of its files."),
        ] = None,
        receiver: Annotated[
            str | None, typer.Option(metavar="NAME", help="Why was this receiver told, or not told, of the alert?")
        ] = None,
        person: Annotated[
            str | None, typer.Option("--for", metavar="PERSON", help="The same of a person, by the person's receiver.")
        ] = None,
        as_json: shell.Json = False,
    ) -> None:
        """Explain why an alert fired and how it was told; or a window, and what would have been needed there.

        Of an alert: the window that opened it, then its way to people: routes, groups with their timers, what was
        decided of each change, every try of every tier with its outcome, receipts, escalation, responses, and what the
        auditor says. `--receiver` and `--for` answer "why did I not get it?".

        Of a window of any group, whether or not it made an alert: findings are kept for a while (settings: `findings`).
        The window is the first that ends at or after TIME, where it had begun by then, else the last before it.
        """
        from pipeline.compose import build_detectors

        settings = shell.load(config)
        detectors = build_detectors(settings)
        source = Source(settings, findings, at)
        if group is not None or (what in detectors and alerts is None and not _is_print(what)):
            if receiver is not None or person is not None:
                msg = "--receiver and --for ask about an alert, not about a window"
                raise shell.UserError(msg)
            around = source.window(what, group, time)
            explainview.tell_window(around, detectors, source.went_live(around), as_json=as_json)
            return
        name = _asked_about(settings, receiver, person)
        if alerts is not None and name is not None:
            msg = "--alerts reads what a replay wrote, which tells nobody: --receiver and --for need the store"
            raise shell.UserError(msg)
        detail, story, walked = _read(settings, what, alerts, name, person or "")
        if walked is not None:
            explainview.tell_walk(detail, walked, as_json=as_json)
            return
        found, why = _window(source, detail, detectors)
        live = None if found is None or alerts is not None else source.went_live(found)
        explainview.tell_alert(detail, found, story, settings, detectors, live, as_json=as_json, why=why)


def _asked_about(settings: "Settings", receiver: str | None, person: str | None) -> str | None:
    """Return the receiver that is asked about; None: the whole way is."""
    if receiver is not None and person is not None:
        msg = "--receiver and --for both say who asks: give one of them"
        raise shell.UserError(msg)
    if person is not None:
        shell.chosen("person", sorted(settings.people), person)
        return settings.people[person].receiver
    if receiver is not None:
        shell.chosen("receiver", sorted(settings.receivers), receiver)
    return receiver


def _read(
    settings: "Settings", what: str, file: Path | None, receiver: str | None, person: str
) -> "tuple[AlertDetail, Story | None, Walk | None]":
    """Return an alert, its way to people, and its way to one receiver, where one is asked about."""
    from pipeline.findings.alerted import from_lines

    if file is not None:
        return from_lines(file, what), None, None

    from alerts.opening import open_store
    from pipeline.clock import wall_clock_us
    from pipeline.explaining.story import gather
    from pipeline.explaining.walk import walk

    with open_store(settings.store) as store:
        detail = _alert(store, settings, what)
        story = gather(store, settings, detail, wall_clock_us())
        return detail, story, None if receiver is None else walk(story, settings, receiver, person)


def _alert(store: "AlertStore", settings: "Settings", what: str) -> "AlertDetail":
    from alerts.codes import is_code
    from alerts.incidents import Incidents
    from alerts.lookup import Lookup
    from pipeline.findings.alerted import from_store

    if not (is_code(what.removeprefix("#")) or _NAMED.match(what)):
        return from_store(store, what)
    found = answers.find(Lookup(store, Incidents(store, settings.incidents)), what)
    alerts = found.meant or found.alerts  # what is over already was hardly meant
    if len(alerts) > 1:
        told = "".join(f"\n  {one.fingerprint}  {one.status}  {one.annotations.get('summary', '')}" for one in alerts)
        msg = f"{what} is about several alerts; name one of them:{told}"
        raise shell.UserError(msg)
    return from_store(store, alerts[0].fingerprint)


def _window(source: Source, detail: "AlertDetail", detectors: "dict[str, Detector]") -> "tuple[Around | None, str]":
    """Return the window that opened an alert; or why it cannot be shown, empty where there is none."""
    from pipeline.findings.alerted import window_of
    from pipeline.findings.query import Moment, NotFoundError

    place = window_of(detail, detectors)
    if place is None:
        return None, ""
    name, labels, end_us = place
    try:
        found = source.around(name, labels, Moment(end_us))
    except NotFoundError as error:
        return None, f"the window that opened it cannot be shown: {error}"
    if found.finding.end_us != end_us:
        return None, "the window that opened it is no longer among the findings"
    return found, ""


def _is_print(text: str) -> bool:
    return re.fullmatch("[0-9a-f]{16}", text) is not None
