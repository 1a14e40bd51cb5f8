"""Jobs in Redis: what became of one is known after a restart, and nothing is said to run that does not."""

from typing import Any

from alerts.job_book import GONE, MOST_KEPT, JobBook, KeptJob
from alerts.store import AlertStore
from tests.support.alerts import START_US

HOUR_US = 3_600_000_000


def book(store: AlertStore, server: str = "one") -> JobBook:
    return JobBook(store, server, HOUR_US)


def job(number: int, **more: Any) -> KeptJob:
    kept: dict[str, Any] = {"kind": "backtest", "by": "ann", "about": {"n": number}, "server": "one"}
    return KeptJob(**{"id": f"{number:016x}", "asked_us": START_US + number, **kept, **more})


def test_what_is_written_is_read_by_every_server(store: AlertStore) -> None:
    one, other = book(store), book(store, "other")
    one.add(job(1))
    one.add(job(2, state="running", share=0.25, reading="A: 50% read"))
    assert other.all_of("backtest") == [job(2, state="running", share=0.25, reading="A: 50% read"), job(1)]
    assert other.all_of("drill") == []
    assert other.get(job(3).id) is None
    one.write(job(2, state="done"), results={job(2).id: '{"found":1}'})
    assert (other.get(job(2).id), other.result(job(2).id)) == (job(2, state="done"), '{"found":1}')


def test_a_job_of_a_server_that_is_gone_has_failed_and_says_so(store: AlertStore) -> None:
    book(store).add(job(1, state="running"))
    book(store).add(job(2))
    book(store).write(job(3, state="done"), job(4, state="cancelled"))
    book(store).leave()
    found = {one.about["n"]: one for one in book(store, "other").all_of("backtest")}
    assert {number: one.state for number, one in found.items()} == {1: "failed", 2: "failed", 3: "done", 4: "cancelled"}
    assert (found[1].error, found[2].error, found[3].error) == (GONE, GONE, "")
    # It is kept so: another server of that name does not bring it back to life.
    book(store).write()
    assert (book(store).get(job(1).id) or job(0)).state == "failed"


def test_the_server_that_has_a_job_hears_that_it_is_to_be_ended(store: AlertStore) -> None:
    one = book(store)
    one.add(job(1))
    assert one.write() == frozenset()
    book(store, "other").cancel(job(1).id)
    assert one.write() == {job(1).id}
    one.write(job(1, state="cancelled"))
    assert one.write() == frozenset()


def test_the_oldest_that_have_ended_are_forgotten_and_open_ones_are_not(store: AlertStore) -> None:
    one = book(store)
    one.add(job(0))
    for number in range(1, MOST_KEPT + 3):
        one.add(job(number, state="done"))
    one.write(results={job(MOST_KEPT).id: "{}"})
    numbers = {kept.about["n"] for kept in one.all_of("backtest")}
    assert len(numbers) == MOST_KEPT
    assert {0, MOST_KEPT + 2} <= numbers
    assert not {1, 2, 3} & numbers
