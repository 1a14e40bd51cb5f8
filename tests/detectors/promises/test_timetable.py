"""The timetable of cases against a heap of everything, and what it keeps of a case."""

import random
import sys
from heapq import heappop, heappush

import pytest

from detectors.promises.sleeper import Sleeper
from detectors.promises.timetable import Timetable

MINUTE_US = 1 << 26
FAR_US = 2**62


class Heap:
    """What a timetable does, in the plainest way."""

    def __init__(self, cases: dict[str, dict[str, Sleeper]]) -> None:
        self._cases = cases
        self._heap: list[tuple[int, str, str]] = []

    def add(self, at_us: int, family: str, key: str) -> None:
        heappush(self._heap, (at_us, family, key))

    def next_due(self, clock_us: int) -> tuple[str, str] | None:
        while self._heap and self._heap[0][0] < clock_us:
            at_us, family, key = heappop(self._heap)
            case = self._cases[family].get(key)
            if case is not None and case.wake_us == at_us:
                return family, key
        return None


@pytest.mark.parametrize("few", [0, 100_000])
@pytest.mark.parametrize("seed", range(20))
def test_cases_are_due_in_the_order_in_which_a_heap_of_all_of_them_has_them(seed: int, few: int) -> None:
    rng = random.Random(seed)
    cases: dict[str, dict[str, Sleeper]] = {"case": {}, "order": {}}
    tables: list[Timetable | Heap] = [Timetable(cases, few), Heap(cases)]
    clock_us = 1_700_000_000_000_000

    def wakes(family: str, key: str, at_us: int) -> None:
        cases[family].setdefault(key, Sleeper.until(at_us, key)).wake_us = at_us
        for table in tables:
            table.add(at_us, family, key)

    looked_at = 0
    for _ in range(400):
        family, key = rng.choice(("case", "order")), f"c{rng.randrange(60)}"
        step = rng.random()
        if step < 0.6:
            wakes(family, key, clock_us + rng.choice((0, 1, rng.randrange(MINUTE_US), rng.randrange(40 * MINUTE_US))))
        elif step < 0.7:
            cases[family].pop(key, None)
        else:
            clock_us += rng.choice((0, 1, rng.randrange(MINUTE_US), rng.randrange(9 * MINUTE_US)))
            while True:
                found = [table.next_due(clock_us) for table in tables]
                assert found[0] == found[1]
                if found[0] is None:
                    break
                looked_at += 1
                family, key = found[0]
                again_us = rng.choice((FAR_US, clock_us, clock_us + rng.randrange(5 * MINUTE_US)))
                if again_us < FAR_US:
                    wakes(family, key, again_us)
                elif rng.random() < 0.5:
                    del cases[family][key]
                else:
                    cases[family][key].wake_us = FAR_US
    assert looked_at > 100


def test_nothing_is_due_at_its_moment_but_after_it() -> None:
    cases = {"case": {"c1": Sleeper.until(5 * MINUTE_US + 7, "c1")}}
    table = Timetable(cases)
    table.add(5 * MINUTE_US + 7, "case", "c1")
    assert table.next_due(5 * MINUTE_US) is None
    assert table.next_due(5 * MINUTE_US + 7) is None
    assert table.next_due(5 * MINUTE_US + 8) == ("case", "c1")
    assert table.next_due(FAR_US) is None


def test_a_case_that_waits_for_long_takes_less_than_a_place_in_a_heap() -> None:
    count = 10_000
    sleepers = {f"c{number}": Sleeper.until(MINUTE_US * (number % 20 + 2), f"c{number}") for number in range(count)}
    table = Timetable({"case": sleepers})
    for key, one in sleepers.items():
        table.add(one.wake_us, "case", key)
    kept = sum(map(sys.getsizeof, table._later["case"].values()))
    assert kept < 12 * count
    assert sys.getsizeof((0, "case", "c1")) > 60, "what a place in a heap takes, with another eight bytes in its list"


def test_cases_that_are_over_leave_no_entry_for_the_year_in_which_they_would_have_been_looked_at() -> None:
    cases: dict[str, dict[str, Sleeper]] = {"case": {}}
    table = Timetable(cases, few=100)
    year_us = 365 * 86_400_000_000
    for hour in range(200):
        clock_us = hour * 3_600_000_000
        for number in range(20):
            key = f"c{hour}-{number}"
            cases["case"][key] = Sleeper.until(clock_us + year_us, key)
            table.add(clock_us + year_us, "case", key)
            cases["case"][key].wake_us = clock_us + 3_600_000_000  # it was resolved
            table.add(clock_us + 3_600_000_000, "case", key)
        while due := table.next_due(clock_us + 1):
            del cases["case"][due[1]]
        assert len(cases["case"]) == 20
        kept = sum(map(len, table._later["case"].values()))
        assert kept <= 100 + 4 * 20 + 20
        assert len(table._minutes) <= kept
