"""Drafts a mapping out of the fields of sample records, with remarks on what is unsure."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from pipeline.mapping.suggest.columns import Column, columns_of
from pipeline.mapping.suggest.families import Planned, choose_family, plan
from pipeline.mapping.suggest.roles import SENTIMENTS, find_role, notation, numbers
from pipeline.mapping.suggest.times import TimeColumn, time_columns

Place = tuple[str | int, ...]
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|&[a-z]+;")
_DATA: dict[str, tuple[str, ...]] = {
    "case": ("status", "priority", "queue", "service", "region", "channel", "text"),
    "transaction": ("amount", "currency", "status", "latency_ms", "service", "region", "channel"),
    "survey": ("score", "case_id", "service", "region", "channel", "text", "sentiment"),
    "social": ("text", "author", "sentiment", "service", "region", "channel"),
}
_MAX_LABELS = 3
_MAX_LISTED = 8


class NoDraftError(ValueError):
    """No mapping can be proposed: says what is missing."""


class Draft:
    """A mapping in the making.

    Args:
        records: of the sample, at least one.

    Attributes:
        mapping: as plain data.
        remarks: what is unsure, or worth knowing, by the place in the mapping.
        in_order: the records come in the order of their times.

    Raises:
        NoDraftError: when there is no time in the records.
    """

    def __init__(self, records: Sequence[dict[str, Any]]) -> None:
        self._columns, markers = columns_of(records)
        times = time_columns(self._columns)
        named = [time for time in times if time.meaning not in {"other", "deadline"} and time.column.complete]
        if not named:
            partly = [time.column.path for time in times]
            why = f"; some records have none in {', '.join(partly)}" if partly else ""
            msg = f"no field holds a time in every record{why}: an event needs one"
            raise NoDraftError(msg)
        self._times = sorted(named, key=_first_time) + [time for time in times if time not in named]
        self._taken = {time.column.path for time in times}
        self._count = len(records)
        self.mapping: dict[str, Any] = {}
        self.remarks: dict[Place, str] = {}
        self._find_roles()
        self._family, unsure = choose_family(self._columns, times, self._roles)
        if markers:
            self.mapping["missing"] = ["", *markers]
        planned, remarks = plan(self._family, self._times, self._roles)
        self._write_formats(planned)
        self._write_subject()
        self._write_data()
        self.mapping["events"] = [self._event(one, number) for number, one in enumerate(planned)]
        if unsure:
            remarks.insert(
                0, "what these records tell of is a guess; other types of events: crm.case.*, transaction.*,"
            )
            remarks.insert(1, "survey.response, social.post")
        self._remark(("events",), *remarks)
        first = self._times[0].times_us
        self.in_order = all(a is None or b is None or a <= b for a, b in pairwise(first))

    def _remark(self, place: Place, *texts: str) -> None:
        told = [*self.remarks.get(place, "").splitlines(), *texts]
        if told:
            self.remarks[place] = "\n".join(dict.fromkeys(told))

    def _find_roles(self) -> None:
        free = [column for column in self._columns if column.path not in self._taken]
        self._roles: dict[str, Column] = {}
        self._sure: dict[str, bool] = {}
        order = (
            "case_id", "order_id", "subject", "status", "priority", "queue", "score", "sentiment", "amount", "currency",
            "latency_ms", "author", "text", "language", "service", "region", "channel", "id",
        )  # fmt: skip
        for role in order:
            found = find_role(role, free)
            if found is not None:
                self._roles[role], self._sure[role] = found
                if role not in {"case_id", "order_id", "subject"}:
                    free = [column for column in free if column is not found[0]]

    def _write_formats(self, planned: Sequence[Planned]) -> None:
        used = [self._times[0], *(one.time for one in planned), *self._deadlines()]
        formats = list(dict.fromkeys(time.format for time in used))
        self.mapping["formats"] = formats
        for rival in dict.fromkeys(time.ambiguous for time in used if time.ambiguous is not None):
            self._remark(("formats",), f"day and month could also be the other way round: {rival}")
        if any(time.local for time in used):
            self.mapping["zone"] = "UTC"
            self._remark(("zone",), "the times do not say their zone: put in yours, like Europe/London")

    def _deadlines(self) -> list[TimeColumn]:
        if self._family not in {"case", "transaction"}:
            return []
        return [time for time in self._times if time.meaning == "deadline"][:1]

    def _write_subject(self) -> None:
        if "subject" in self._roles:
            self.mapping["subject"] = self._roles["subject"].path
            if not self._sure["subject"]:
                self._remark(("subject",), "is this the customer?")
        else:
            self._remark(("events",), "no field with the customer was found (subject)")

    def _write_data(self) -> None:
        data: dict[str, Any] = {}
        key = {"case": "case_id", "transaction": "order_id"}.get(self._family)
        if key is not None:
            data[key] = self._key(key).path
        for role in _DATA[self._family]:
            if role in self._roles and role not in data:
                data[role] = self._value(role, self._roles[role])
        for time in self._deadlines():
            data["deadline"] = time.column.path
            self._remark(("data", "deadline"), "is this a promise to the customer?")
        labels = self._labels({str(value) for value in data.values()})
        if labels:
            data["labels"] = labels
            self._remark(("data", "labels"), "what alerts can be grouped by; leave out what is of no use")
        if self._family == "survey" and "score" in data:
            data["scale"] = {"const": self._scale()}
        self.mapping["data"] = data

    def _key(self, role: str) -> Column:
        """Return what identifies the case or order; an event of these needs it."""
        found = self._roles.get(role) or self._roles.get("id")
        if found is None:
            found = next((column for column in self._columns if column.complete and self._unique(column)), None)
        if found is None:
            msg = f"no field was found that could identify a {role.removesuffix('_id')} ({role})"
            raise NoDraftError(msg)
        if role not in self._roles:
            self._remark(("data", role), f"is this what identifies the {role.removesuffix('_id')}?")
        return found

    def _value(self, role: str, column: Column) -> Any:
        place: Place = ("data", role)
        if not self._sure[role]:
            self._remark(place, f"{column.path}: found by a part of its name")
        if role in {"status", "priority", "queue"} and len(column.distinct) <= _MAX_LISTED:
            self._remark(place, f"in the sample: {', '.join(column.distinct)}")
        if role == "text" and any(_TAG.search(str(value)) for value in column.present):
            return {"field": column.path, "html": True}
        if role == "sentiment" and not numbers(column.present):
            return {"field": column.path, "map": {text: SENTIMENTS[text.lower()] for text in column.distinct}}
        if role in {"amount", "latency_ms"}:
            written = notation(column.present)
            if role == "amount" and all(isinstance(value, int) for value in column.present):
                self._remark(place, "whole numbers: if these are cents, add divide: 100")
            return {"field": column.path, **written} if written else column.path
        return column.path

    def _scale(self) -> str:
        column = self._roles["score"]
        found = numbers(column.present)
        words = set(column.words)
        named = [scale for scale in ("nps", "csat", "ces") if scale in words]
        if named or words & {"star", "stars", "review"}:
            return named[0] if named else "stars"
        guess = "nps" if max(found) > 7 or min(found) < 1 else "ces" if max(found) > 5 else "csat"
        text = f"a guess: the scores go from {min(found):g} to {max(found):g}; nps 0-10, csat 1-5, ces 1-7, stars 1-5"
        self._remark(("data", "scale"), text)
        return guess

    def _labels(self, used: set[str]) -> dict[str, str]:
        labels: dict[str, str] = {}
        if "language" in self._roles:
            labels["language"] = self._roles["language"].path
        taken = used | self._taken | {column.path for column in self._roles.values()}
        for column in self._columns:
            if len(labels) >= _MAX_LABELS:
                break
            distinct = column.distinct
            few = 2 <= len(distinct) <= min(30, self._count // 2) and all(0 < len(text) <= 40 for text in distinct)
            texts = all(isinstance(value, str) for value in column.present) and not numbers(column.present)
            if few and texts and column.complete and column.path not in taken and column.name:
                labels[column.name] = column.path
        return labels

    def _event(self, one: Planned, number: int) -> dict[str, Any]:
        event: dict[str, Any] = {"type": one.type}
        if one.optional:
            event["optional"] = True
        event["id"] = self._id(one, number)
        event["time"] = one.time.column.path
        return event

    def _id(self, one: Planned, number: int) -> str:
        column = self._roles.get("id") or self._roles.get(
            {"case": "case_id", "transaction": "order_id"}.get(self._family, "")
        )
        if self._family in {"case", "transaction"}:
            column = self._key("case_id" if self._family == "case" else "order_id")
        if column is None or not column.complete:
            self._remark(("events", number), "no field identifies a record: its id is a digest of all of it")
            return "{@hash}" if not one.suffix else f"{{@hash}}/{one.suffix}"
        path = f"{{{column.path}}}"
        if one.suffix == "updated":
            return f"{path}/updated/{{{one.time.column.path}}}"
        if one.suffix:
            return f"{path}/{one.suffix}"
        if self._unique(column):
            return path
        own = self._roles.get("id")
        if own is not None and own.complete and self._unique(own):
            return f"{{{own.path}}}"
        self._remark(("events", number), f"{column.path} comes more than once: a digest of the record tells them apart")
        return f"{path}/{{@hash}}"

    def _unique(self, column: Column) -> bool:
        return len(column.distinct) == self._count and all(isinstance(value, str | int) for value in column.present)


def _first_time(time: TimeColumn) -> tuple[bool, bool, int]:
    """Sort what is likeliest the time of the event to the front: created, named so, before updates."""
    return time.meaning != "created", time.meaning == "updated", -time.likely
