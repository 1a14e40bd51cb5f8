"""How ``makegood map`` looks: on a terminal with colours and in columns, elsewhere as plain text."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from pipeline.commands.drawing import Terminal
from pipeline.mapping.traced import Trace, TracedCondition, TracedEntry, TracedField
from pipeline.reasons import shortened

_PLAIN_WIDTH = 160
_VALUE_CHARS = 48
_STYLES = {"mapped": "green", "filtered": "yellow", "dead_letter": "red"}


class View:
    """Writes traces to stdout."""

    def __init__(self) -> None:
        self._console = Terminal()
        if not self._console.is_terminal:
            self._console = Terminal(width=_PLAIN_WIDTH)

    def trace(self, title: str, trace: Trace) -> None:
        """Write what became of one record."""
        style = _STYLES[trace.outcome]
        self._line(Text.assemble((title, "bold"), ": ", (_outcome(trace), style)))
        if trace.where:
            self._conditions(trace.where)
        made = [entry for entry in trace.entries if entry.because is None]
        for entry in made:
            self._entry(entry)
        self._not_made([entry for entry in trace.entries if entry.because is not None], made=bool(made))
        for event in trace.events:
            self._line(Text(json.dumps(_without_empty(event), ensure_ascii=False, indent=2), style=style))
        self._line(Text(""))

    def text(self, text: str, style: str = "") -> None:
        """Write a line."""
        self._line(Text(text, style=style))

    def _line(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)

    def _conditions(self, conditions: Iterable[TracedCondition]) -> None:
        for condition in conditions:
            told = "holds" if condition.holds else "does not hold"
            style = "" if condition.holds else "yellow"
            indent = "    " if ".when[" in condition.setting else "  "
            text = (
                f"{indent}{condition.setting}: {condition.field} {condition.test}: {told} ({value_text(condition.raw)})"
            )
            self._line(Text(text, style=style))

    def _entry(self, entry: TracedEntry) -> None:
        item = "" if entry.item is None else f", entry {entry.item} of the list"
        self._line(Text(f"  {entry.setting}{item}", style="bold"))
        self._conditions(entry.conditions)
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for name in ("    value of the event", "from", "found", "step", "result"):
            table.add_column(name, overflow="fold", no_wrap=name.startswith(" "))
        without = [field for field in entry.fields if field.result is None and field.error is None]
        for field in entry.fields:
            if field not in without:
                table.add_row(*self._row(entry, field))
        self._console.print(table)
        if without:
            told = ", ".join(f"{_name(entry, field)} ({field.source})" for field in without)
            self._line(Text(f"    no value: {told}", style="dim"))

    def _row(self, entry: TracedEntry, field: TracedField) -> list[Text]:
        if field.error is not None:
            result = Text(field.error, style="red")
        else:
            result = Text(value_text(field.result), style="green")
        return [
            Text(f"    {_name(entry, field)}"),
            Text(field.source, style="cyan"),
            Text("" if field.source == "constant" else value_text(field.raw)),
            Text(", ".join(field.steps)),
            result,
        ]

    def _not_made(self, entries: list[TracedEntry], *, made: bool) -> None:
        seen: dict[str, int] = {}
        for entry in entries:
            text = f"  {entry.setting} is not made: {entry.because}"
            if entry.conditions and not entry.conditions[-1].holds:
                text += f" ({value_text(entry.conditions[-1].raw)})"
            seen[text] = seen.get(text, 0) + 1
        for text, count in seen.items():
            self._line(Text(text if count == 1 else f"{text}, {count} times", style="dim" if made else "yellow"))


def _name(entry: TracedEntry, field: TracedField) -> str:
    return field.setting.removeprefix(f"{entry.setting}.")


def counted(count: int, what: str) -> str:
    """Return a number of things.

    >>> counted(1, "event"), counted(2, "event")
    ('1 event', '2 events')
    """
    return f"{count} {what}{'' if count == 1 else 's'}"


def _without_empty(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event without what it does not say: fields without a value, and those that every event has."""
    kept = {key: value for key, value in event.items() if value not in (None, "", 0) and key != "specversion"}
    data = {key: value for key, value in event["data"].items() if value not in (None, {})}
    return {**kept, "data": data}


def _outcome(trace: Trace) -> str:
    if trace.outcome == "mapped":
        return ", ".join(str(event["type"]) for event in trace.events)
    if trace.outcome == "filtered":
        return f"filtered, because {trace.because}"
    return f"dead letter, {trace.reason}: {trace.detail}"


def value_text(value: Any) -> str:
    """Return a value as the view shows it: short, on one line.

    >>> value_text("a  b"), value_text(None), value_text([1, 2])
    ('"a  b"', 'no value', '[1, 2]')
    """
    if value is None:
        return "no value"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    try:
        text = json.dumps(value, ensure_ascii=False)
    except ValueError:  # a whole number with more digits than Python writes
        return "a very long number"
    return shortened(text, _VALUE_CHARS)
