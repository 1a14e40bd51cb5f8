"""The clock of a flow by itself: what is a jump of the system's clock, and what is only a process that stood still."""

import pytest

from pipeline.clock import FlowClock

SECOND_US = 1_000_000
BEGAN_US = 1_772_409_600 * SECOND_US


class Machine:
    """Its clocks, and how long the process stands still before each reading of one of them."""

    def __init__(self) -> None:
        self.passed_us = 0
        self.wall_off_us = 0
        self.stalls_us: list[int] = []
        self.told: list[str | None] = []
        self.clock = FlowClock(wall_us=self.wall, steady_us=self.steady, newest_us=lambda: 0, tell=self.told.append)

    def wall(self) -> int:
        self._stand_still()
        return BEGAN_US + self.passed_us + self.wall_off_us

    def steady(self) -> int:
        self._stand_still()
        return self.passed_us

    def _stand_still(self) -> None:
        self.passed_us += self.stalls_us.pop(0) if self.stalls_us else 0


@pytest.mark.parametrize("reading", range(4))
@pytest.mark.parametrize("seconds", [1, 3, 30])
def test_a_process_that_stands_still_between_two_readings_sees_no_jump(reading: int, seconds: int) -> None:
    machine = Machine()
    machine.stalls_us = [0] * reading + [seconds * SECOND_US]
    told_us = machine.clock.now_us()
    assert told_us in {BEGAN_US, BEGAN_US + seconds * SECOND_US}  # nobody knows on which side of the reading it stood
    assert machine.clock.now_us() == BEGAN_US + machine.passed_us
    assert machine.told == []
    assert machine.clock.off_us == 0


def test_a_machine_that_stands_still_again_and_again_is_read_all_the_same() -> None:
    machine = Machine()
    machine.stalls_us = [SECOND_US] * 40
    assert BEGAN_US < machine.clock.now_us() <= BEGAN_US + machine.passed_us
    assert machine.told == []


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_jump_of_the_system_s_clock_is_told_and_not_followed(seconds: int) -> None:
    machine = Machine()
    machine.passed_us = 5 * SECOND_US
    machine.wall_off_us = seconds * SECOND_US
    assert machine.clock.now_us() == BEGAN_US + 5 * SECOND_US
    assert len(machine.told) == 1
    assert machine.clock.set_back == (seconds < 0)
