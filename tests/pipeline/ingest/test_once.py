import asyncio
from collections.abc import Sequence

import pytest

from pipeline.ingest import once as module
from pipeline.ingest.commit import NotKeptError
from pipeline.ingest.once import Headers, Once

FULL = "full"


class Target:
    """Keeps nothing until it is told to."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.waiting: list[asyncio.Future[None]] = []

    def submit(self, records: Sequence[bytes], now_us: int, headers: Headers) -> "asyncio.Future[None]":
        del now_us, headers
        self.taken += records
        self.waiting.append(asyncio.get_running_loop().create_future())
        return self.waiting[-1]

    async def settle(self, error: Exception | None = None) -> None:
        for future in self.waiting:
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
        self.waiting.clear()
        await asyncio.sleep(0)


def test_a_record_that_was_kept_is_left_out_when_it_comes_again() -> None:
    async def scenario() -> None:
        target = Target()
        once = Once(target.submit, 1000)
        assert len(once.submit([b"a", b"b", b"a"], 1)) == 1
        await target.settle()
        assert once.submit([b"a"], 2) == []
        assert len(once.submit([b"a", b"c"], 3)) == 1
        await target.settle()
        assert target.taken == [b"a", b"b", b"c"]
        assert (once.records, once.repeats) == (3, 3)

    asyncio.run(scenario())


def test_a_repeat_is_not_confirmed_before_the_first_is_durable() -> None:
    async def scenario() -> None:
        target = Target()
        once = Once(target.submit, 1000)
        first = once.submit([b"a"], 1)
        again = once.submit([b"a"], 2)
        assert again == first
        assert not again[0].done()
        await target.settle()
        assert target.taken == [b"a"]

    asyncio.run(scenario())


def test_what_could_not_be_kept_is_taken_when_it_comes_again() -> None:
    async def scenario() -> None:
        target = Target()
        once = Once(target.submit, 1000)
        first = once.submit([b"a"], 1)
        await target.settle(NotKeptError("full", busy=True, retry_after_s=1))
        with pytest.raises(NotKeptError):
            await first[0]
        assert len(once.submit([b"a"], 2)) == 1
        await target.settle()
        assert target.taken == [b"a", b"a"]
        assert once.records == 1

    asyncio.run(scenario())


def test_a_target_that_takes_nothing_leaves_no_trace() -> None:
    def full(records: Sequence[bytes], now_us: int, headers: Headers) -> "asyncio.Future[None]":
        del records, now_us, headers
        raise NotKeptError(FULL, busy=True, retry_after_s=1)

    async def scenario() -> None:
        once = Once(full, 1000)
        for _ in range(2):
            with pytest.raises(NotKeptError):
                once.submit([b"a"], 1)
        assert (once.records, once.repeats) == (0, 0)

    asyncio.run(scenario())


def test_records_are_forgotten_between_one_and_two_times_the_window() -> None:
    async def scenario() -> None:
        target = Target()
        once = Once(target.submit, 1000)

        async def is_new(record: bytes, now_us: int) -> bool:
            new = bool(once.submit([record], now_us))
            await target.settle()
            return new

        assert await is_new(b"a", 10_000)
        assert not await is_new(b"a", 11_000)
        assert not await is_new(b"a", 11_001)
        assert await is_new(b"a", 12_002)

    asyncio.run(scenario())


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 10)

    async def scenario() -> None:
        target = Target()
        once = Once(target.submit, 10**9)
        for number in range(100):
            once.submit([str(number).encode()], number)
            await target.settle()
        assert len(once._young) + len(once._old) <= 20
        assert once.submit([b"99"], 100) == []
        assert once.submit([b"1"], 100) != []
        await target.settle()

    asyncio.run(scenario())


def test_zero_keeps_everything() -> None:
    async def scenario() -> None:
        target = Target()
        once = Once(target.submit, 0)
        once.submit([b"a", b"a"], 1)
        once.submit([b"a"], 2)
        await target.settle()
        assert (target.taken, once.records, once.repeats) == ([b"a"] * 3, 3, 0)

    asyncio.run(scenario())


def test_records_of_before_a_restart_are_remembered() -> None:
    async def scenario() -> None:
        target = Target()
        once = Once(target.submit, 1000)
        once.remember([b"a"])
        assert once.submit([b"a"], 10**6) == []

    asyncio.run(scenario())
