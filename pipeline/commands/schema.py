"""``makegood schema``: the settings file, the events and the alerts described for programs and for people."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from pipeline.commands import shell

_KINDS = "settings, events, alerts, asyncapi"
_EXAMPLE = """makegood schema --out makegood.schema.json
makegood schema --reference
makegood schema events --type crm.case.opened
makegood schema events --against events-of-the-last-release.json"""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(app, "schema", example=_EXAMPLE)
    def schema(
        *,
        kind: Annotated[str, typer.Argument(metavar="[KIND]", help=f"One of {_KINDS}.")] = "settings",
        target: Annotated[
            Path | None, typer.Option("--out", metavar="FILE", help="Write to a file instead of stdout.")
        ] = None,
        reference: Annotated[
            bool, typer.Option("--reference", help="settings, events: the reference page (Markdown).")
        ] = False,
        event_type: Annotated[
            str | None, typer.Option("--type", metavar="TYPE", help="events: only this type, like crm.case.opened.")
        ] = None,
        against: Annotated[
            Path | None,
            typer.Option(
                "--against", metavar="FILE", help="events, alerts: list what breaks a promise of this schema."
            ),
        ] = None,
    ) -> None:
        """Print a schema: of the settings file, of events, of alerts, or the AsyncAPI document.

        `settings`: for editors. `events`: what Makegood reads without a mapping. `alerts`: what it sends. `asyncapi`:
        both, with the places where they come in and go out (AsyncAPI 3.0, YAML). The others are JSON Schema.
        """
        if against is not None:
            _compare(kind, against)
            return
        text = _text(kind, reference=reference, event_type=event_type)
        if target is None:
            shell.out(text.rstrip("\n"))
        else:
            target.write_text(text, encoding="utf-8")


def _text(kind: str, *, reference: bool, event_type: str | None) -> str:
    from pipeline.contractdoc import asyncapi, documents, page, shapes

    if event_type is not None:
        if kind != "events":
            msg = f"--type is for events, not for {kind}"
            raise shell.UserError(msg)
        found = shapes.event_schemas().get(event_type)
        if found is None:
            msg = f"{event_type!r} is not an event type; there are: {', '.join(sorted(shapes.event_schemas()))}"
            raise shell.UserError(msg)
        return documents.json_text(found)
    makers = {
        ("settings", False): _settings_schema,
        ("settings", True): _settings_reference,
        ("events", False): documents.events_text,
        ("events", True): page.events_page,
        ("alerts", False): documents.alerts_text,
        ("asyncapi", False): asyncapi.asyncapi_text,
    }
    make = makers.get((kind, reference))
    if make is None:
        problem = f"there is no reference page of {kind}" if (kind, False) in makers else f"{kind!r} is not a kind"
        msg = f"{problem}; write one of {_KINDS}"
        raise shell.UserError(msg)
    return make()


def _settings_schema() -> str:
    from config.schema import schema_text
    from pipeline.assembly import settings_model

    return schema_text(settings_model())


def _settings_reference() -> str:
    from config.schema import reference_text
    from pipeline.assembly import settings_model

    return reference_text(settings_model())


def _compare(kind: str, against: Path) -> None:
    from pipeline.contractdoc import compat, documents, shapes

    if kind not in ("events", "alerts"):
        msg = f"--against is for events and alerts, not for {kind}"
        raise shell.UserError(msg)
    try:
        old = msgspec.json.decode(against.read_bytes(), type=dict)
        now = shapes.events_schema() if kind == "events" else documents.alerts_schema()
        broken = compat.breaks(old, now, "reads" if kind == "events" else "writes")
    except (msgspec.MsgspecError, KeyError, AttributeError, TypeError, compat.UnknownKeywordError) as error:
        msg = f"{against}: expected what `makegood schema {kind}` writes: {error}"
        raise shell.UserError(msg) from error
    for line in broken:
        shell.out(line)
    if broken:
        shell.fail(f"{len(broken)} promise(s) of {against} are broken", shell.FOUND_WRONG)
    shell.out(f"every promise of {against} is kept")
