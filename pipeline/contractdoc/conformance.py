"""What becomes of what CloudEvents 1.0 lets a sender write: a table for the reference page, run by the tests.

Source: CloudEvents 1.0.2 and its JSON event format,
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from pipeline.reasons import Reason

ABSENT: Any = ...
"""In ``changes``: the field is left out."""


class Rule(NamedTuple):
    """One thing that a sender may write.

    Attributes:
        what: it, in words.
        changes: fields of a good event (``social.post``, time 2026-03-02T09:15:00Z), changed so.
        outcome: None: an event; else the reason of the dead letter.
        note: what is done with it.
        wanted: values of the event afterwards, by attribute of the event or of its data (``data.text``).
    """

    what: str
    changes: dict[str, Any]
    outcome: Reason | None
    note: str
    wanted: Mapping[str, Any] = MappingProxyType({})


RULES: tuple[Rule, ...] = (
    Rule("`specversion` left out or null", {"specversion": ABSENT}, None, "taken as `1.0`"),
    Rule("another `specversion`", {"specversion": "0.3"}, Reason.INVALID_VALUE, "send `1.0`"),
    Rule("`type` that Makegood does not know", {"type": "com.example.someevent"}, Reason.UNKNOWN_TYPE, ""),
    Rule("`id` or `source` empty", {"id": ""}, Reason.INVALID_VALUE, ""),
    Rule("`source` that is no URI reference", {"source": "our shop"}, None, "any text is taken"),
    Rule("`time` left out or null", {"time": None}, Reason.MISSING_FIELD, "event time is needed"),
    Rule(
        "an optional attribute that is null",
        {"subject": None, "sequence": None, "rev": None, "recordedtime": None},
        None,
        "the same as left out",
        {"subject": "", "sequence": 0, "rev": 0, "recordedtime": None},
    ),
    Rule(
        "a whole number in its text form", {"sequence": "12", "rev": "-1"}, None, "read as the number",
        {"sequence": 12, "rev": -1},
    ),
    Rule("a whole number outside 32 bits", {"sequence": 2**40}, None, "up to 64 bits", {"sequence": 2**40}),
    Rule("a whole number written `12.0` or `1e3`", {"sequence": 12.0}, Reason.WRONG_TYPE, ""),
    Rule(
        "`sequence` as the Sequence extension has it, with leading zeros", {"sequence": "0012"}, Reason.WRONG_TYPE,
        "Makegood's `sequence` is a number",
    ),
    Rule("extension attributes, of any name and type", {"partitionkey": "a", "No-Such Name": [1]}, None, "pass unread"),
    Rule("`dataschema`", {"dataschema": "https://example.com/post.json"}, None, "passes unread"),
    Rule("`datacontenttype` of JSON (`*/json`, `*/*+json`)", {"datacontenttype": "text/json; charset=utf-8"}, None, ""),
    Rule(
        "`datacontenttype` of something else, `data` an object", {"datacontenttype": "application/xml"}, None,
        "passes unread: what counts is `data`",
    ),
    Rule(
        "`data` that is a text (XML, or JSON written as text)",
        {"datacontenttype": "application/xml", "data": "<much wow='xml'/>"},
        Reason.WRONG_TYPE,
        "",
    ),
    Rule("`data` null", {"data": None}, Reason.WRONG_TYPE, ""),
    Rule("neither `data` nor `data_base64`", {"data": ABSENT}, Reason.MISSING_FIELD, "send `{}` for nothing"),
    Rule(
        "`data_base64` that holds a JSON object", {"data": ABSENT, "data_base64": "eyJ0ZXh0IjoieCJ9"}, None,
        "taken as `data`, unless `datacontenttype` says that it is not JSON", {"data.text": "x"},
    ),
    Rule(
        "`data_base64` that holds anything else",
        {"data": ABSENT, "data_base64": "aGVsbG8=", "datacontenttype": "application/vnd.apache.thrift.binary"},
        Reason.MISSING_FIELD,
        "",
    ),
    Rule("`data` and `data_base64`", {"data_base64": "e30="}, None, "CloudEvents forbids it; `data` counts"),
    Rule("lower case `t` and `z` in a time", {"time": "2026-03-02t09:15:00z"}, None, ""),
    Rule("a blank in place of the `T`", {"time": "2026-03-02 09:15:00Z"}, None, "as a note in RFC 3339 allows"),
    Rule("an offset without a colon", {"time": "2026-03-02T10:15:00+0100"}, None, "beyond RFC 3339"),
    Rule("the offset `-00:00`", {"time": "2026-03-02T09:15:00-00:00"}, None, "the same as `Z`"),
    Rule(
        "more than six digits behind the second", {"time": "2026-03-02T09:15:00.123456789Z"}, None,
        "rounded to the microsecond", {"time_us": 1_772_442_900_123_457},
    ),
    Rule("a leap second (`:60`)", {"time": "2016-12-31T23:59:60Z"}, Reason.INVALID_TIME, "send `:59`"),
    Rule("a time without an offset", {"time": "2026-03-02T09:15:00"}, Reason.INVALID_TIME, ""),
    Rule("a time without seconds, or with a comma", {"time": "2026-03-02T09:15Z"}, Reason.INVALID_TIME, ""),
    Rule("a time before 1990 or from 2100 on", {"time": "1989-12-31T23:59:59Z"}, Reason.TIME_OUT_OF_RANGE, ""),
)  # fmt: skip
"""In the order of the page."""
