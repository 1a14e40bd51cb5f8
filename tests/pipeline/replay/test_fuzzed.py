"""Bad input through the whole flow: it neither stops nor loses anything."""

import json
import random
from pathlib import Path

import pytest

from pipeline.assembly import load_settings
from pipeline.deadletters import DeadLetters
from pipeline.replay import replay
from tests.support.events import START_US, raw_event
from tests.support.recording import make_recording, write_config, write_lines

CRM, SOCIAL = make_recording(11, cases=40, hours=48)
HUGE = b'{"specversion":"1.0","type":"social.post","id":"x","pad":"' + b"x" * 10_000_000 + b'"}'


def spoil(raw: bytes, rng: random.Random) -> bytes:
    """Return a record that is broken in one of many ways, or is a repeat, or is fine."""
    fields = json.loads(raw)
    choice = rng.randrange(16)
    if choice == 0:
        return raw[: rng.randrange(1, len(raw))]
    if choice == 1:
        place = rng.randrange(len(raw))
        return raw[:place] + rng.choice([b"\xff", b"\x00", b"\xed\xa0\x80", b"{", b'"']) + raw[place + 1 :]
    if choice == 2:
        fields["time"] = rng.choice(["0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "yesterday", 17, None, ""])
    elif choice == 3:
        fields[rng.choice(list(fields))] = rng.choice([None, 10**400, -1, [], {}, True, "x" * 5000])
    elif choice == 4:
        fields["data"] = rng.choice([None, 3, "text", [fields["data"]], {}])
    elif choice == 5:
        fields["data"]["sentiment"] = rng.choice([7, "bad", 1e300, -(10**30), [1]])
    elif choice == 6:
        return raw.replace(b'"data":{', b'"data":{"sentiment":' + rng.choice([b"NaN", b"Infinity", b"1e999"]) + b",")
    elif choice == 7:
        fields.pop(rng.choice(list(fields)))
    elif choice == 8:
        return rng.choice([b"null", b"[]", b"17", b'"text"', b"[" * 5000, b"\xef\xbb\xbf" + raw, b"{}"])
    elif choice == 9:
        fields["type"] = rng.choice(["crm.case.exploded", "", "SOCIAL.POST", 5])
    elif choice == 10:
        fields["unknown"] = {"deep": [[[1]]]}
    return json.dumps(fields).encode().replace(b"\n", b" ")


@pytest.mark.parametrize("count", [3_000, pytest.param(100_000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])])
def test_fuzzed_records_are_events_repeats_or_dead_letters(tmp_path: Path, count: int) -> None:
    rng = random.Random(count)
    crm = [(at, spoil(raw, rng).replace(b"\n", b" ")) for at, raw in (CRM * (count // len(CRM) + 1))[: count // 2]]
    social = [(at, spoil(raw, rng)) for at, raw in (SOCIAL * (count // len(SOCIAL) + 1))[: count // 2]]
    social[count // 5] = (START_US, HUGE)
    social.append((START_US, raw_event("social.post", "the-last", START_US + 10**9, {"sentiment": 0.5})))
    config = write_config(
        tmp_path, write_lines(tmp_path / "crm.jsonl", crm), write_lines(tmp_path / "social.jsonl", social)
    )
    out = tmp_path / "alerts.jsonl"
    summary = replay(load_settings(config).settings, out)
    sent = len([raw for _, raw in crm + social if raw.strip()])
    assert summary.events + summary.duplicates + summary.dead_letters == summary.records == sent
    assert summary.dead_letters > count // 4
    assert len(summary.dead_letters_by_reason) >= 8
    with DeadLetters(out.with_name(out.name + ".deadletters.db")) as kept:
        counts = kept.counts()
        huge = [letter for letter in kept.page() if letter.size > 1_000_000]
    assert sum(sum(reasons.values()) for reasons in counts.values()) == summary.dead_letters
    assert all(letter.reason == "too_large" for letter in huge)
