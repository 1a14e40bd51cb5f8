"""Random lives of alerts, with audits at random moments: nothing is ever missing, and in the end all is well."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from alerts.silences import SilenceBook
from config.inhibition import InhibitRuleSettings
from config.maintenance import MaintenanceSettings
from tests.support.alerts import START_US, change
from tests.support.auditing import Audited
from tests.support.redis import fresh_store

NAMES = st.sampled_from(["A", "B", "Down"])
SERVICES = st.sampled_from(["shop", "mail"])
YES_NO = st.sampled_from(["yes", "no"])


def machine(client: "redis.Redis", folder: Path) -> type[RuleBasedStateMachine]:
    """Return a machine over a store."""

    class Life(RuleBasedStateMachine):
        """Alerts fire and resolve, silences and windows come and go, the notifier works or does not."""

        @initialize()
        def begin(self) -> None:
            down = {
                "source_matchers": ["alertname=Down"],
                "target_matchers": ["alertname!=Down"],
                "equal": ["service"],
            }
            window = {
                "matchers": ["service=mail"],
                "zone": "UTC",
                "start": "2026-01-01",
                "rrule": "FREQ=HOURLY",
                "duration": "7m",
            }
            self.rig = Audited(
                fresh_store(client),
                Path(tempfile.mkdtemp(dir=folder)),
                inhibit_rules=(InhibitRuleSettings.model_validate(down),),
                maintenance_windows={"hourly": MaintenanceSettings.model_validate(window)},
            )
            self.step = 0

        @rule(name=NAMES, service=SERVICES, copy=YES_NO, ends=st.booleans())
        def happens(self, name: str, service: str, copy: str, *, ends: bool) -> None:
            self.step += 1
            at_us = START_US + self.step * 1_000_000
            step = "resolved" if ends else f"updated:{self.step}"
            self.rig.apply(change(name, service=service, copy=copy, step=step, at_us=at_us))

        @rule(seconds=st.sampled_from([1, 9, 11, 61, 130, 700, 4000]))
        def time_passes_at_work(self, seconds: int) -> None:
            self.rig.pass_time(seconds, max(1.0, seconds / 12))

        @rule(seconds=st.sampled_from([1, 40, 600]))
        def time_passes_without_a_notifier(self, seconds: int) -> None:
            self.rig.clock.forward(seconds)

        @rule()
        def it_decides_and_does_not_send(self) -> None:
            self.rig.decide()

        @rule(service=SERVICES, seconds=st.sampled_from([30, 400]))
        def is_silenced(self, service: str, seconds: int) -> None:
            now_us = self.rig.clock()
            SilenceBook(self.rig.store).add(
                [f"service={service}"],
                ends_us=now_us + seconds * 1_000_000,
                author="ann",
                comment="quiet",
                now_us=now_us,
            )

        @rule()
        def is_audited(self) -> None:
            report = self.rig.audit()
            assert report.missing == 0, report

        @invariant()
        def nothing_was_ever_missing(self) -> None:
            if hasattr(self, "rig"):
                assert self.rig.missing == 0

        def teardown(self) -> None:
            if not hasattr(self, "rig"):
                return
            told: Any = None
            for step_s in (50, 200):  # until all is done, and then for as long again
                self.rig.pass_time(8000, step_s)
                told = self.rig.audit()
                assert told.missing == 0, told
            assert told.well, told
            again = self.rig.audit()
            assert again.ratio == 1.0

    return Life


def test_no_audit_ever_finds_anything_missing_in_normal_life(client: "redis.Redis", tmp_path: Path) -> None:
    run_state_machine_as_test(
        machine(client, tmp_path), settings=settings(max_examples=12, stateful_step_count=25, deadline=None)
    )


@pytest.mark.slow
def test_no_audit_ever_finds_anything_missing_in_many_lives(client: "redis.Redis", tmp_path: Path) -> None:
    run_state_machine_as_test(
        machine(client, tmp_path), settings=settings(max_examples=300, stateful_step_count=60, deadline=None)
    )
