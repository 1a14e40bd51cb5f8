"""Proposes a mapping for sample records: a shipped one where they look like its provider's, else a new one."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from config.mapping import MappingSettings
from config.shipped import shipped_mapping
from pipeline.events import encode_event
from pipeline.mapping.compile import Mapper, compile_mapping
from pipeline.mapping.suggest.draft import Draft, NoDraftError
from pipeline.mapping.suggest.provider import Recognised, recognise
from pipeline.mapping.suggest.write import Place, write_yaml
from pipeline.reasons import RecordError
from pipeline.records.sample import Sample

_LOOKED_AT = 5_000
_SHOWN = ("type", "id", "time", "subject", "data")


class NoSuggestionError(ValueError):
    """Nothing can be proposed: says why."""


class Proposal(msgspec.Struct, frozen=True):
    """A proposed mapping.

    Attributes:
        kind: ``shipped``: take the mapping named by ``use``; ``own``: take the one in ``text``.
        use: name of the shipped mapping.
        text: a settings file with a feed that has the mapping, with remarks.
        remarks: what is unsure.
        mapping: the mapping as plain data.
    """

    kind: Literal["shipped", "own"]
    use: str | None
    text: str
    remarks: list[str]
    mapping: dict[str, Any]


def suggest(sample: Sample, name: str) -> Proposal:
    """Return a mapping for the records of a sample; ``name`` is of its file, or ``-``.

    Raises:
        NoSuggestionError: when no record can be read, or they hold no time or nothing to identify a case or order by.
    """
    records = _objects(sample)
    if not records:
        msg = "no record is a JSON object, or a row"
        raise NoSuggestionError(msg)
    found = recognise(records)
    if found is not None:
        return _shipped(found, sample, name, len(records))
    try:
        draft = Draft(records)
    except NoDraftError as error:
        raise NoSuggestionError(str(error)) from error
    return _own(draft, records, sample, name)


def _objects(sample: Sample) -> list[dict[str, Any]]:
    records = []
    for raw in sample.records[:_LOOKED_AT]:
        try:
            decoded = msgspec.json.decode(raw) if isinstance(raw, bytes) else None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(decoded, dict):
            records.append(decoded)
    return records


def _feed(sample: Sample, name: str, *, sort: bool = False) -> dict[str, Any]:
    path = (
        {"jsonl": "records.jsonl", "csv": "records.csv", "parquet": "records.parquet"}[sample.format]
        if name == "-"
        else name
    )
    feed: dict[str, Any] = {"type": "file", "path": path, "format": sample.format}
    if sample.format == "csv" and sample.csv.delimiter != ",":
        feed["csv"] = {"delimiter": sample.csv.delimiter}
    if sort:
        feed["sort"] = "time"
    return feed


def _feed_name(name: str) -> str:
    stem = re.sub(r"[^A-Za-z0-9_]+", "_", Path(name).name.split(".", 1)[0]).strip("_")
    return f"feed_{stem}"[:60] if not stem or stem[0].isdigit() else stem[:60]


def _shipped(found: Recognised, sample: Sample, name: str, count: int) -> Proposal:
    remarks = []
    if not found.mapped.events:
        remarks.append("these records make no event: they are filtered; makegood map --use NAME SAMPLE says why")
    elif found.mapped.errors:
        remarks.append(f"{len(found.mapped.errors)} records are dead letters: {found.mapped.errors[0][1]}")
    mapping = {"use": found.name}
    shipped = shipped_mapping(found.name)
    records = f"{count} record{'' if count == 1 else 's'}"
    head = [
        f"this looks like {found.title} ({records}; {found.covered:.0%} of the fields of its published example)",
        f"sent by: {shipped.sends}",
        f"see what becomes of them: makegood map --use {found.name} {name}",
        *remarks,
    ]
    data = {"feeds": {found.name: {**_feed(sample, name), "mapping": mapping}}}
    return Proposal("shipped", found.name, write_yaml(data, {("feeds",): "\n".join(head)}), remarks, mapping)


def _own(draft: Draft, records: Sequence[dict[str, Any]], sample: Sample, name: str) -> Proposal:
    mapping = draft.mapping
    feed_name = _feed_name("records" if name == "-" else name)
    mapper = compile_mapping(MappingSettings.model_validate(mapping), feed_name)
    result = mapper.map_many([msgspec.json.encode(record) for record in records])
    mapping = {**mapping, "examples": [_example(mapper, records[0])]}
    feed = {**_feed(sample, name, sort=sample.format != "jsonl" and not draft.in_order), "mapping": mapping}
    told = f"{len(records)} records make {len(result.events)} events"
    if result.errors:
        told += f", {len(result.errors)} are dead letters: {result.errors[0][1]}"
    head = [f"proposed for {name}: {told}", "look at the remarks, then: makegood check --config THIS_FILE"]
    if sample.whole:
        head.append("a feed of files takes one record a line: this sample is one document of several lines, or a list")
    base: Place = ("feeds", feed_name, "mapping")
    remarks: dict[Place, str] = {(*base, *place): text for place, text in draft.remarks.items()}
    remarks[("feeds",)] = "\n".join(head)
    return Proposal(
        "own", None, write_yaml({"feeds": {feed_name: feed}}, remarks), list(draft.remarks.values()), mapping
    )


def _example(mapper: Mapper, record: dict[str, Any]) -> dict[str, Any]:
    """Return the record as an example, with what becomes of it."""
    try:
        events = mapper(msgspec.json.encode(record))
    except RecordError as error:
        return {"record": record, "dead_letter": str(error.reason)}
    if events is None:
        return {"record": record, "filtered": True}
    plain = [msgspec.json.decode(encode_event(event)) for event in events]
    return {"record": record, "expect": [_shown(event) for event in plain]}


def _shown(event: dict[str, Any]) -> dict[str, Any]:
    shown = {key: event[key] for key in _SHOWN if event.get(key) not in ("", None)}
    shown["data"] = {key: value for key, value in shown["data"].items() if value not in (None, {})}
    return shown


__all__ = ["NoSuggestionError", "Proposal", "suggest"]
