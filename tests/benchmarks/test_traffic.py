"""What the live benchmarks send: valid events, each of them once, in an order that a case can have."""

from collections import defaultdict
from pathlib import Path

from benchmarks import measure, replaying, two_processes
from benchmarks.livescript import Script
from benchmarks.recording import write_recording
from benchmarks.sender import Mix
from benchmarks.traffic import rfc3339
from pipeline.events import decode_event

NOW_US = 1_772_409_600_000_000


def script(groups: int = 2) -> Script:
    return Script(
        now_us=NOW_US, seconds=10, open_cases=20, per_s=2, groups=groups, seed=1, settle_s=2, latest_start_s=5
    )


def test_the_mix_never_repeats_an_id_and_keeps_the_events_of_a_case_in_order() -> None:
    messages = Mix(7, "run-", 2_000).take(5_000, rfc3339(NOW_US))
    events = [decode_event(message["value"]) for message in messages]
    assert len({event.id for event in events}) == len(events)
    steps = defaultdict(list)
    for message, event in zip(messages, events, strict=True):
        assert event.time_us == NOW_US
        if event.type.startswith("crm.case"):
            assert message["key"].decode() == event.data.case_id  # type: ignore[union-attr]
            steps[message["key"]].append(event.step)
    life = ["opened", "agent_reply", "customer_message", "agent_reply", "resolved"]
    assert all(found == life[: len(found)] for found in steps.values())


def test_the_mix_is_the_same_for_the_same_seed_and_has_the_shares_it_says() -> None:
    first, again = (Mix(7, "run-", 4_000).take(4_000, b"2026-03-02T00:00:00Z") for _ in range(2))
    assert first == again
    kinds = [decode_event(message["value"]).type.partition(".")[0] for message in first]
    shares = {kind: kinds.count(kind) / len(kinds) for kind in ("crm", "social", "survey", "transaction")}
    expected = {"crm": 0.35, "social": 0.3, "survey": 0.1, "transaction": 0.25}
    assert all(abs(shares[kind] - share) < 0.03 for kind, share in expected.items())


def test_the_backlog_is_in_order_of_time_before_now_and_holds_every_case_that_something_will_happen_to() -> None:
    rows = script().backlog()
    times = [at_us for at_us, _, _ in rows]
    assert times == sorted(times)
    assert max(times) <= NOW_US
    events = [decode_event(value) for _, _, value in rows]
    assert [event.time_us for event in events] == times
    opened = {event.data.case_id for event in events if event.type == "crm.case.opened"}  # type: ignore[union-attr]
    assert opened >= set(script().deadlines()) | set(script().urgent())


def test_what_is_sent_besides_the_mix_tells_when_each_deciding_event_is_sent() -> None:
    extras = script().extras()
    assert [extra.mark for extra in extras if extra.mark] == script().urgent()
    assert all(0 <= extra.after_s <= 10 for extra in extras)
    assert all(decode_event(extra.value.encode().replace(b"@TIME@", rfc3339(NOW_US))) for extra in extras)


def test_halves_of_a_recording_hold_all_of_it_and_never_part_a_case(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "all.jsonl", 3_000)
    halves = [tmp_path / "0", tmp_path / "1"]
    two_processes.split(path, halves)
    lines = [half.read_bytes().splitlines() for half in halves]
    assert sorted(lines[0] + lines[1]) == sorted(path.read_bytes().splitlines())
    keys = [{two_processes.key_of(line) for line in half} for half in lines]
    assert not keys[0] & keys[1]


def test_quantiles_name_values_that_were_measured() -> None:
    assert measure.quantiles([]) == {"count": 0}
    found = measure.quantiles([float(value) for value in range(1, 1_001)])
    assert found == {"count": 1_000, "p50": 500.0, "p90": 900.0, "p99": 990.0, "max": 1_000.0}


def test_replays_at_the_same_time_take_every_event(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "all.jsonl", 2_000)
    done = replaying.replay_all([path, path], [tmp_path / "a", tmp_path / "b"], ["", ""])
    assert [one.events for one in done] == [2_000, 2_000]
    assert all(one.peak_bytes > 0 and one.samples[0].events == 0 for one in done)
