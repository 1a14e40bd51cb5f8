"""``makegood map``: what becomes of sample records, field by field; and a proposal for records without a mapping."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from pipeline.commands import shell

if TYPE_CHECKING:
    from config.mapping import MappingSettings
    from config.tables import CsvSettings, TableFormat
    from pipeline.feeds.contract import BadRecord
    from pipeline.mapping.traced import Trace
    from pipeline.records.sample import Sample

_EXAMPLE = """makegood map tickets sample.json --config makegood.yaml
makegood map --use zendesk sample.json
makegood map --suggest export.csv > mapping.yaml"""
MaybeConfig = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", envvar="MAKEGOOD_CONFIG", help="Settings file with the feed."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(app, "map", example=_EXAMPLE)
    def map_(
        names: Annotated[list[str], typer.Argument(metavar="[FEED] SAMPLE", help="SAMPLE is a file, or - for stdin.")],
        *,
        config: MaybeConfig = None,
        use: Annotated[
            str | None, typer.Option(metavar="NAME", help="A shipped mapping, without a settings file.")
        ] = None,
        suggest: Annotated[bool, typer.Option("--suggest", help="Propose a mapping for these records.")] = False,
        format_: Annotated[
            str | None,
            typer.Option(
                "--format", metavar="FORMAT", help="jsonl, csv or parquet; default: the feed's, or by the name."
            ),
        ] = None,
        limit: Annotated[int, typer.Option(min=0, help="How many records to show in full.")] = 3,
        as_json: shell.Json = False,
    ) -> None:
        """Show what becomes of sample records: each field's path, value, step and result, then the events.

        A record of JSON may stretch over several lines, and a list of records is taken as well. All records are mapped
        and counted, the first are shown. With --suggest, a mapping for unknown records is proposed: a shipped one, if
        they look like it, else a new one as a settings file with remarks. Exit status 1 when a record is a dead letter,
        or, with --suggest, when nothing can be proposed.
        """
        feed, sample = _named(names, suggest=suggest, use=use)
        given = _known_format(format_)
        if suggest:
            _suggest(sample, given, as_json=as_json)
            return
        settings, csv, named_format = _mapping(feed, use, config)
        records = _read(sample, given or named_format, csv)
        _show(settings, feed or use or "sample", records.records, limit, as_json=as_json)


def _named(names: Sequence[str], *, suggest: bool, use: str | None) -> tuple[str | None, str]:
    if len(names) == 1 and (suggest or use is not None):
        return None, names[0]
    if len(names) == 2 and not suggest:
        return names[0], names[1]
    msg = "give FEED and SAMPLE with --config FILE, SAMPLE with --use NAME, or SAMPLE with --suggest"
    raise shell.UserError(msg)


def _known_format(text: str | None) -> "TableFormat | None":
    from config.tables import TableFormat

    if text is not None and text not in get_args(TableFormat):
        msg = f"--format {text}: expected one of {', '.join(get_args(TableFormat))}"
        raise shell.UserError(msg)
    return cast("TableFormat | None", text)


def _mapping(
    feed: str | None, use: str | None, config: Path | None
) -> "tuple[MappingSettings, CsvSettings | None, TableFormat | None]":
    """Return the mapping to look at, and how the feed's files are written, where it has files."""
    from config.mapping import MappingSettings
    from config.shipped import shipped_names
    from pipeline.feeds.contract import FeedSettings
    from pipeline.feeds.file import FileSettings

    if use is not None:
        if use not in shipped_names():
            msg = f"--use {use}: no such mapping is shipped; there are: {', '.join(shipped_names())}"
            raise shell.UserError(msg)
        return MappingSettings.model_validate({"use": use}), None, None
    if config is None:
        msg = "say where the feed is: --config FILE, or --use NAME for a shipped mapping"
        raise shell.UserError(msg)
    feeds = shell.load(config).feeds
    settings = feeds.get(feed or "")
    if settings is None:
        msg = f"{config}: feeds: there is no feed {feed!r}; there are: {', '.join(sorted(feeds)) or 'none'}"
        raise shell.UserError(msg)
    if not isinstance(settings, FeedSettings) or settings.mapping is None:
        msg = f"{config}: feeds.{feed}: it has no mapping: its records are events already"
        raise shell.UserError(msg)
    if isinstance(settings, FileSettings):
        return settings.mapping, settings.csv, settings.format
    return settings.mapping, None, None


def _read(name: str, given: "TableFormat | None", csv: "CsvSettings | None") -> "Sample":
    from pipeline.records.sample import SampleError, read_sample

    content = sys.stdin.buffer.read() if name == "-" else None
    try:
        return read_sample(name, content, given=given, csv=csv)
    except SampleError as error:
        raise shell.UserError(str(error)) from error


def _show(
    settings: "MappingSettings", feed: str, records: "list[bytes | BadRecord]", limit: int, *, as_json: bool
) -> None:
    from pipeline.feeds.contract import BadRecord
    from pipeline.mapping import Mapper
    from pipeline.mapping.trace import Tracer
    from pipeline.mapping.traced import Trace

    tracer, mapper = Tracer(settings, feed), Mapper(settings, feed)
    traces: list[Trace] = []
    for record in records[:limit]:
        if isinstance(record, BadRecord):
            traces.append(Trace("dead_letter", [], record.reason, record.detail, None, [], []))
        else:
            traces.append(tracer(record))
    mapped = mapper.map_many([record for record in records if not isinstance(record, BadRecord)])
    reasons = [str(error.reason) for _, error in mapped.errors]
    reasons += [record.reason for record in records if isinstance(record, BadRecord)]
    counts = {
        "records": len(records),
        "mapped": mapped.accepted,
        "events": len(mapped.events),
        "filtered": mapped.filtered,
        "dead_letters": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
    }
    if as_json:
        shell.out_json({"feed": feed, **counts, "traces": traces})
    else:
        _write(traces, counts)
    if reasons:
        raise typer.Exit(shell.FOUND_WRONG)


def _write(traces: "list[Trace]", counts: dict[str, Any]) -> None:
    from pipeline.commands.mapview import View, counted

    view = View()
    for number, trace in enumerate(traces, 1):
        view.trace(f"record {number}", trace)
    dead = sum(counts["dead_letters"].values())
    why = ", ".join(f"{count} {reason}" for reason, count in counts["dead_letters"].items())
    view.text(
        f"{counted(counts['records'], 'record')}: {counts['mapped']} mapped to {counted(counts['events'], 'event')},"
        f" {counts['filtered']} filtered, {counted(dead, 'dead letter')}{f' ({why})' if why else ''}",
        "red" if dead else "green",
    )


def _suggest(name: str, given: "TableFormat | None", *, as_json: bool) -> None:
    from pipeline.mapping.suggest import NoSuggestionError, suggest

    sample = _read(name, given, None)
    try:
        proposal = suggest(sample, name)
    except NoSuggestionError as error:
        msg = f"{name}: {error}"
        raise shell.UserError(msg, shell.FOUND_WRONG) from error
    if as_json:
        shell.out_json(proposal)
    else:
        shell.out(proposal.text.rstrip("\n"))
