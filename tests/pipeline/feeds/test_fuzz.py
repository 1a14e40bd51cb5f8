from pathlib import Path
from typing import Any

import pytest

from config.mapping import MappingSettings
from pipeline.events import decode_many
from pipeline.mapping import compile_mapping
from pipeline.reasons import Reason
from tests.pipeline.feeds.reading import feed, read
from tests.support.fuzz import fuzzed

MAPPING: dict[str, Any] = {
    "where": [{"field": "subject", "equals": "c"}],
    "events": [
        {
            "type": "social.post",
            "id": "{id}",
            "time": "time",
            "subject": "subject",
            "data": {"sentiment": "data.sentiment", "text": "data.text", "labels": {"a": "data.labels.a"}},
        }
    ],
}
COUNTS = [3_000, pytest.param(100_000, marks=pytest.mark.slow)]
LIMIT = 65_536


def lines(path: Path, count: int) -> int:
    """Write fuzzed records with a few of 10 MB; return how many are not blank."""
    sent = 0
    with path.open("wb") as file:
        for number, record in enumerate(fuzzed(count, seed=11)):
            whole = record + b"z" * 10_000_000 if number % (count // 3) == 7 else record
            file.write(whole + b"\n")
            sent += bool(whole.strip())
    return sent


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("mapped", [False, True])
def test_no_record_raises_and_none_vanishes(tmp_path: Path, count: int, mapped: bool) -> None:
    path = tmp_path / "fuzz.jsonl"
    sent = lines(path, count)
    found = read(feed(path, max_record_bytes=LIMIT))
    if mapped:
        result = compile_mapping(MappingSettings.model_validate(MAPPING), "f").map_many(found.records)
        accepted, filtered, errors = result.accepted, result.filtered, result.errors
        assert filtered > 0
    else:
        events, errors = decode_many(found.records)
        accepted, filtered = len(events), 0
    assert accepted + filtered + len(errors) + len(found.bad) == sent
    assert accepted > count // 10
    assert len({error.reason for _, error in errors}) >= 7
    assert {bad.reason for bad in found.bad} == {Reason.TOO_LARGE}
    assert max(len(bad.raw) for bad in found.bad) > 10_000_000
    assert all(len(error.detail) <= 300 for _, error in errors)


@pytest.mark.parametrize("count", COUNTS)
def test_no_row_of_a_fuzzed_table_raises_or_vanishes(tmp_path: Path, count: int) -> None:
    path = tmp_path / "fuzz.csv"
    # Quotes and delimiters anywhere: what is cut out differs from what was written, but each line is in one record.
    with path.open("wb") as file:
        file.write(b"id,time,subject\n")
        for number, record in enumerate(fuzzed(count, seed=12)):
            file.write(b"%d,2024-05-01T09:30:00Z,c\n" % number if number % 2 else record[:200] + b"\n")
    found = read(feed(path, max_record_bytes=LIMIT))
    mapper = compile_mapping(MappingSettings.model_validate({**MAPPING, "events": [_POST]}), "f")
    result = mapper.map_many(found.records)
    assert result.accepted + result.filtered + len(result.errors) == len(found.records)
    assert result.accepted > count // 4
    assert {bad.reason for bad in found.bad} <= {Reason.INVALID_CSV, Reason.INVALID_UTF8, Reason.TOO_LARGE}
    offsets = sorted([*found.offsets["fuzz.csv"], *(bad.offset for bad in found.bad)])
    assert offsets == list(range(len(offsets)))


_POST = {"type": "social.post", "id": "{id}", "time": "time"}
