"""Millions of changed records through the decoder and through every mapping: none stops the flow, none vanishes.

    python -m tests.fuzz.bulk --records 10000000 --seed 1

Batches are made one by one from the seed, the subject and a number, so that a batch that fails can be made again alone
(``--subject NAME --first NUMBER --records 1000``). Of a batch that fails the smallest record that still fails is shown.
"""

import argparse
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
import structlog

from detectors.events import Event
from pipeline.decode import Decoded, DecodedRun, Decoder
from pipeline.dedup import Deduplicator
from pipeline.feeds.contract import RawBatch, Status
from pipeline.lane import LaneItem, Pace
from pipeline.prepare import Prepare, TimeRules
from pipeline.reasons import RecordError
from pipeline.routing import ProcessRouter
from pipeline.tallies import Tallies
from tests.fuzz.checks import check_closely, check_decoded, hold
from tests.fuzz.shrink import smallest
from tests.fuzz.subjects import CANONICAL, Subject, names, subject
from tests.pipeline.columns import holding

BATCH = 1_000
_HOUR_US = 3_600_000_000
_NOW_US = 1_772_446_500_000_000  # 2026-03-02T10:15:00Z, an hour after the times of the seeds
_PREPARE_LASTS = 40
"""Batches after which de-duplication begins anew: a time in the far future would make everything else too late."""
_CLOSE, _ALONE = 8, 40
"""Every so many batches some events are looked at closely, and some records are decoded alone."""


class FuzzFailureError(AssertionError):
    """A rule is broken: says for which seed, and shows the smallest record."""


class Figures(msgspec.Struct):
    """What a run did.

    Attributes:
        records, seconds: by subject.
        outcomes: records by reason of their dead letter; ``events`` and ``filtered`` besides.
        peak_bytes: largest resident size of the process.
    """

    records: Counter[str]
    seconds: dict[str, float]
    outcomes: Counter[str]
    peak_bytes: int = 0


class _Remembering(Decoder):
    """A decoder that keeps its last answer, so that what prepare makes of it can be held against it."""

    def __init__(self) -> None:
        super().__init__({})
        self.last = Decoded([], [], 0)

    def decode_run(self, run: Sequence[RawBatch]) -> DecodedRun:
        found = super().decode_run(run)
        self.last = Decoded(found.events, [letter for dead in found.dead for letter in dead], found.filtered)
        # Prepare completes the events and may give the list away.
        return DecodedRun(list(found.events), found.ends, found.dead, found.filtered)


def fuzz(
    records: int, seed: int, only: Sequence[str] = (), first: int = 0, told: Callable[[str], None] = lambda _: None
) -> Figures:
    """Push ``records`` records through the decoder, and as many through the mappings, evenly.

    Args:
        records: in each of the two.
        seed: of everything.
        only: subjects; all by default.
        first: number of the first batch.
        told: is given a line for each subject.

    Raises:
        FuzzFailureError: at the first broken rule.
    """
    figures = Figures(Counter(), {}, Counter())
    chosen = list(only) or names()
    mapped = max(1, len([name for name in chosen if name != CANONICAL]))
    for name in chosen:
        share = records if name == CANONICAL else -(-records // mapped)
        begun = time.perf_counter()
        _fuzz_subject(subject(name), share, seed, first, figures)
        figures.seconds[name] = time.perf_counter() - begun
        figures.peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        told(f"{name}: {figures.records[name]:,} records in {figures.seconds[name]:.0f} s")
    return figures


def _fuzz_subject(chosen: Subject, records: int, seed: int, first: int, figures: Figures) -> None:
    left, number = records, first
    flow = _Flow()
    while left > 0:
        rng = random.Random(f"{seed}/{chosen.name}/{number}")
        made = chosen.mutator.records(rng, min(left, BATCH))
        try:
            if number % _PREPARE_LASTS == 0:
                flow = _Flow()
            decoded = flow.take(made, number) if chosen.mapper is None else _mapped(chosen, made, number)
            _look_closer(chosen, made, decoded, number)
        except Exception as error:
            raise failure(chosen, made, seed, number, error) from error
        for letter in decoded.dead:
            figures.outcomes[letter.reason] += 1
        figures.outcomes["events"] += len(decoded.events)
        figures.outcomes["filtered"] += decoded.filtered
        figures.records[chosen.name] += len(made)
        left -= len(made)
        number += 1


class _Flow:
    """The way of canonical records up to the detectors, of which there are none."""

    def __init__(self) -> None:
        self._decoder = _Remembering()
        self._scanner = holding.scanner()
        self._tallies = Tallies()
        self._prepare = Prepare(
            decoder=self._decoder,
            enrich=lambda events: None,
            rules=TimeRules(10 * 60_000_000, 60_000_000, 24 * _HOUR_US, 300_000_000),
            feed_times={},
            router=ProcessRouter({}, 1),
            dedup=Deduplicator(24 * _HOUR_US, None),
            tallies=self._tallies,
            pace=Pace(),
        )

    def take(self, records: list[bytes], number: int) -> Decoded:
        tallies, batch = self._tallies, batch_of(CANONICAL, records)
        before = _accounted(tallies), tallies.records
        # Odd runs are live: what lies ahead of the clock is turned away, so that time goes on as it does there.
        now_us = _NOW_US if number // _PREPARE_LASTS % 2 else None
        self._prepare.take(LaneItem([batch], {(CANONICAL, "0"): Status.READING}, now_us))
        accounted, taken = _accounted(tallies) - before[0], tallies.records - before[1]
        hold(
            accounted == taken == len(records),
            "events + duplicates + filtered + dead letters = records",
            accounted,
            taken,
        )
        check_decoded(batch, self._decoder.last)
        holding.check(records, self._scanner)
        return self._decoder.last


def _accounted(tallies: Tallies) -> int:
    return tallies.events + tallies.duplicates + tallies.filtered + tallies.dead_letter_count


def _mapped(chosen: Subject, records: list[bytes], number: int) -> Decoded:
    batch = batch_of(chosen.name, records)
    decoded = chosen.decoder.decode(batch)
    check_decoded(batch, decoded, chosen.mapper if number % _CLOSE == 0 else None, mapped=True)
    return decoded


def _look_closer(chosen: Subject, records: Sequence[bytes], decoded: Decoded, number: int) -> None:
    if number % _CLOSE == 0:
        check_closely(decoded.events[:40])
    if number % _ALONE == 0:
        alone: list[Event] = []
        for raw in records[:60]:
            alone += _alone(chosen, raw)
        together = chosen.decoder.decode(batch_of(chosen.name, list(records[:60]))).events
        hold(together == alone, "records alone become what they become together", len(alone), len(together))


def _alone(chosen: Subject, raw: bytes) -> list[Event]:
    if chosen.mapper is None:
        return list(chosen.decoder.decode(batch_of(chosen.name, [raw])).events)
    try:
        return chosen.mapper(raw) or []
    except RecordError:
        return []


def batch_of(name: str, records: list[bytes]) -> RawBatch:
    """Return a batch of a feed, with offsets that are not those of the list."""
    return RawBatch(name, "0", list(range(100, 100 + 2 * len(records), 2)), records)


def failure(chosen: Subject, records: list[bytes], seed: int, number: int, error: Exception) -> FuzzFailureError:
    """Return the error that says how to see ``error`` again, with the smallest record that raises its like."""
    kind = type(error)

    def fails(raw: bytes) -> bool:
        try:
            batch = batch_of(chosen.name, [raw])
            decoded = chosen.decoder.decode(batch)
            check_decoded(batch, decoded, chosen.mapper, mapped=chosen.mapper is not None)
            check_closely(decoded.events)
        except kind:
            return True
        return False

    bad = next((raw for raw in records if fails(raw)), None)
    shown = "no record fails alone: the batch does" if bad is None else f"smallest record: {smallest(bad, fails)!r}"
    again = f"python -m tests.fuzz.bulk --seed {seed} --subject {chosen.name} --first {number} --records {BATCH}"
    return FuzzFailureError(
        f"{kind.__name__}: {error}\nseed {seed}, {chosen.name}, batch {number}; {shown}\nagain: {again}"
    )


def quiet() -> None:
    """Log nothing below an error: every second record is one that would be told of."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))


def main() -> int:
    """Run from the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000, help="in the decoder, and as many in the mappings")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--subject", action="append", default=[], choices=names())
    parser.add_argument("--first", type=int, default=0, help="number of the first batch")
    given = parser.parse_args()
    quiet()
    sys.stdout.write(f"seed {given.seed}\n")
    try:
        figures = fuzz(given.records, given.seed, given.subject, given.first, lambda line: print(line, flush=True))  # noqa: T201
    except FuzzFailureError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    outcomes = ", ".join(f"{name} {count:,}" for name, count in figures.outcomes.most_common())
    sys.stdout.write(f"{figures.records.total():,} records in {sum(figures.seconds.values()):.0f} s; {outcomes}\n")
    sys.stdout.write(f"peak {figures.peak_bytes / 2**20:.0f} MB; every rule held\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
