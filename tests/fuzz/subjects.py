"""What is fuzzed: the decoder of canonical events, and every mapping there is, each with seeds."""

from functools import cache
from typing import Any, NamedTuple

import msgspec

from config.mapping import MappingSettings
from config.shipped import shipped_mapping, shipped_names
from detectors.events import EVENT_CLASSES
from pipeline.contractdoc.shapes import example
from pipeline.decode import Decoder
from pipeline.mapping import Mapper, compile_mapping
from tests.fuzz.mutate import Mutator

CANONICAL = "canonical"
OWN = "own"
"""A mapping that uses everything that mappings can do, besides what the shipped ones do."""


class Subject(NamedTuple):
    """A feed to be fuzzed.

    Attributes:
        mapper: None for canonical events.
    """

    name: str
    decoder: Decoder
    mapper: Mapper | None
    mutator: Mutator


def names() -> list[str]:
    """Return what can be fuzzed."""
    return [CANONICAL, OWN, *shipped_names()]


@cache
def subject(name: str) -> Subject:
    """Return a feed of this name."""
    seeds = seeds_of(name)
    settings = None if name == CANONICAL else mapping_of(name)
    mapper = None if settings is None else compile_mapping(settings, name)
    return Subject(name, Decoder({name: settings}), mapper, Mutator(seeds))


def mapping_of(name: str) -> MappingSettings:
    """Return a mapping: a shipped one, or our own."""
    return MappingSettings.model_validate(_OWN) if name == OWN else shipped_mapping(name).mapping


def seeds_of(name: str) -> list[bytes]:
    """Return good records, as compact JSON."""
    if name == CANONICAL:
        plain = [_full(event_type) for event_type in EVENT_CLASSES]
    elif name == OWN:
        plain = _OWN_RECORDS
    else:
        plain = [each.record for each in shipped_mapping(name).mapping.examples]
    return [msgspec.json.encode(record) for record in plain]


def _full(event_type: str) -> dict[str, Any]:
    """Return an event with every optional field of the envelope."""
    more = {
        "sequence": 7,
        "rev": 2,
        "recordedtime": "2026-03-02T09:15:02.5+01:00",
        "datacontenttype": "application/json",
    }
    return {**example(event_type), **more}


_OWN: dict[str, Any] = {
    "where": [{"field": "kind", "not_in": ["noise", 7]}, {"field": "flag", "not_matches": "(no|false)+"}],
    "missing": ["", "n/a"],
    "formats": ["rfc3339", "iso8601", "epoch_ms", "%d/%m/%Y %H:%M", "%d %b %Y %I:%M:%S %p %z"],
    "zone": "Europe/London",
    "events": [
        {
            "type": {"field": "kind", "map": {"open": "crm.case.opened", "done": "crm.case.resolved", "note": None}},
            "when": [{"field": "case.id", "present": True}],
            "id": "{case.id}/{kind}/{@hash}",
            "source": "s-{tags[0]}",
            "time": {"field": ["at", "case.created"]},
            "subject": {"template": "{who.name} <{who.mail}>"},
            "sequence": "n",
            "rev": {"field": "rev", "default": 1},
            "recordedtime": {"field": "seen", "formats": ["epoch_s", "epoch_us"]},
            "data": {
                "case_id": "case.id",
                "status": {"field": "kind", "default": "?"},
                "deadline": {"field": "due", "formats": ["%d/%m/%y", "%Y-%j"], "zone": "America/New_York"},
                "sentiment": {"field": "mood", "decimal": ",", "rescale": {"from": [1, 10], "to": [-1, 1]}},
                "labels": {"a": 'case["x.y"]', "b": "tags[1].t"},
            },
        },
        {
            "type": "survey.response",
            "optional": True,
            "when": [{"field": "score", "matches": r"[0-9.,]+"}],
            "id": "{case.id}",
            "time": "answered",
            "data": {"score": {"field": "score", "decimal": ",", "thousands": "."}, "text": ["say", "who.name"]},
        },
    ],
}  # fmt: skip
_OWN_RECORDS: list[dict[str, Any]] = [
    {
        "kind": "open", "at": "2024-05-01T09:30:00Z", "seen": 1714555801.25,
        "case": {"id": 17, "x.y": "v", "created": None},
        "tags": ["one", {"t": True}], "who": {"name": "Sam", "mail": "s@example.com"}, "n": "12", "rev": 3,
        "due": "5/5/24", "mood": "7,5", "score": "1.234,5", "answered": "1 May 2024 09:30:00 PM +0100",
        "flag": "yes", "say": "fine",
    },
    {
        "kind": "done", "at": 1714555800000, "seen": "1714555801000000", "case": {"id": "C-1"}, "tags": ["two"],
        "who": {},
        "n": 1.0, "due": "2024-122", "mood": 1, "score": 9, "answered": "31/03/2024 01:30", "flag": "n/a",
    },
    {"kind": "note", "case": {"id": "C-2", "created": "27/10/2024 01:30"}, "tags": [3, {"t": None}]},
]  # fmt: skip
