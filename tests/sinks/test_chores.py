"""Chores are done by one notifier at a time, when they are due, and done over when it dies."""

import threading
from collections.abc import Callable

import pytest

from alerts.store import AlertStore
from sinks.chores import Chore, ChoreEndedError, Chores, Hold, every
from tests.support.notifier import Clock
from tests.support.patience import PATIENCE_S

MINUTE_US = 60_000_000


class Done:
    """Counts what is done; does what it is told meanwhile."""

    def __init__(self, meanwhile: Callable[[Hold], None] = lambda _hold: None) -> None:
        self.at_us: list[int] = []
        self._meanwhile = meanwhile

    def __call__(self, now_us: int, hold: Hold) -> None:
        self.at_us.append(now_us)
        self._meanwhile(hold)


def chores(store: AlertStore, clock: Clock, done: Done, **more: Callable[[], None]) -> Chores:
    return Chores(store, [Chore("sweep", every(5 * MINUTE_US), done)], clock_us=clock, **more)


def test_a_chore_is_done_each_time_it_is_due_by_one_of_the_notifiers(store: AlertStore) -> None:
    clock, done = Clock(), Done()
    notifiers = [chores(store, clock, done) for _ in range(3)]
    began_us = clock()
    for _ in range(31):
        for one in notifiers:
            one.run_due(clock())
        clock.forward(60)
    assert done.at_us == [began_us + 5 * number * MINUTE_US for number in range(1, 7)]


def test_a_chore_that_another_is_doing_is_left_to_it_until_its_lease_ends(store: AlertStore) -> None:
    clock, done = Clock(), Done()
    other = chores(store, clock, done)
    other.run_due(clock())
    clock.forward(300)
    name, ends_ms = store.keys.named("chores"), clock() // 1000 + 60_000
    store.client.hset(name, mapping={"sweep:token": "9", "sweep:until": ends_ms})  # of one that died meanwhile
    assert other.run_due(clock()) == []
    clock.forward(61)
    assert other.run_due(clock()) == ["sweep"]
    assert len(done.at_us) == 1


def test_who_has_lost_a_chore_is_told_so(store: AlertStore) -> None:
    clock = Clock()
    told: list[bool] = []

    def lose(hold: Hold) -> None:
        hold()
        store.client.hset(store.keys.named("chores"), "sweep:token", "another")
        with pytest.raises(ChoreEndedError):
            hold()
        told.append(True)

    one = chores(store, clock, Done(lose))
    assert one.run_now("sweep")
    assert told == [True]


def test_a_chore_that_is_held_is_not_done_over_however_long_it_takes(store: AlertStore) -> None:
    clock, second = Clock(), Done()
    other = chores(store, clock, second)

    def slow(hold: Hold) -> None:
        for _ in range(10):
            clock.forward(50)
            hold()
            assert other.run_due(clock()) == []

    one = chores(store, clock, Done(slow))
    one.run_due(clock())
    clock.forward(300)
    assert one.run_due(clock()) == ["sweep"]
    assert second.at_us == []


def test_a_defect_in_a_chore_is_counted_and_it_is_due_again_later(store: AlertStore) -> None:
    clock = Clock()
    defects: list[int] = []

    def fail(_hold: Hold) -> None:
        raise ZeroDivisionError

    done = Done(fail)
    one = chores(store, clock, done, on_defect=lambda: defects.append(1))
    for _ in range(11):
        one.run_due(clock())
        clock.forward(60)
    assert (len(done.at_us), len(defects)) == (2, 2)


def test_a_clock_that_was_set_back_holds_up_no_chore(store: AlertStore) -> None:
    clock, done = Clock(), Done()
    one = chores(store, clock, done)
    one.run_due(clock())
    clock.forward(-7200)
    assert one.run_due(clock()) == ["sweep"]
    assert one.run_due(clock()) == []


def test_chores_run_beside_the_notifier_and_end_when_it_does(store: AlertStore) -> None:
    began, ended = threading.Event(), threading.Event()

    def wait(hold: Hold) -> None:
        began.set()
        try:
            while True:
                hold()
        except ChoreEndedError:
            ended.set()
            raise

    clock = Clock()
    one = chores(store, clock, Done(wait))
    one.due(clock())
    clock.forward(301)
    one.due(clock())
    assert began.wait(PATIENCE_S)
    one.due(clock() + 2_000_000)  # it runs: it is not begun again
    one.close()
    assert ended.wait(PATIENCE_S)  # on a busy machine it may take longer than is waited for when a notifier ends
