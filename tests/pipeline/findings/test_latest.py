"""The newest window of each group, where there are more groups than are shown: pipeline/findings/latest.py."""

import random

import pytest

import pipeline.findings.latest
from detectors.contract import Finding
from pipeline.findings.latest import LatestWindows

MOST = 5


def finding(group: int, end_us: int) -> Finding:
    return Finding(
        detector="drop",
        group={"service": f"s{group}"},
        start_us=end_us - 10,
        end_us=end_us,
        count=1,
        value=0.5,
        baseline=0.4,
        p_value=0.5,
        verdict="quiet",
        level=0.01,
    )


class Naive:
    """Looks through all groups whenever there is no room for one more."""

    def __init__(self) -> None:
        self.shown: dict[str, Finding] = {}
        self.left_out: set[str] = set()
        self.end_us = 0

    def add(self, one: Finding) -> None:
        if one.end_us > self.end_us:
            self.end_us, self.left_out = one.end_us, set()
        group = one.group["service"]
        if group not in self.shown and len(self.shown) >= MOST:
            self.shown = {name: seen for name, seen in self.shown.items() if seen.end_us >= self.end_us}
            if len(self.shown) >= MOST:
                self.left_out.add(group)
                return
        self.shown[group] = one


@pytest.mark.parametrize("seed", range(20))
def test_groups_are_shown_and_left_out_as_if_all_were_looked_through_each_time(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(pipeline.findings.latest, "MOST_GROUPS", MOST)
    rng = random.Random(seed)
    ours, naive = LatestWindows({"drop": "sentiment_drop"}), Naive()
    for hour in range(1, 15):
        for group in rng.sample(range(12), rng.randrange(1, 12)):
            one = finding(group, 100 * (hour - (rng.random() < 0.1)))
            ours.add([one])
            naive.add(one)
            assert sorted(map(repr, ours.newest())) == sorted(map(repr, naive.shown.values()))
            assert ours.left_out() == len(naive.left_out)
