import random
from pathlib import Path

import pytest

from pipeline import pruning
from pipeline.deadletters import DeadLetters
from pipeline.letters import DeadLetter, LetterFilter, Pruned
from pipeline.reasons import Reason


def letter(offset: int, raw: bytes = b"{", feed: str = "crm", reason: Reason = Reason.INVALID_JSON) -> DeadLetter:
    return DeadLetter(feed, "p", offset, 0, raw, reason, "d")


def noise(number: int, size: int) -> bytes:
    return random.Random(number).randbytes(size)


def test_letters_that_are_too_old_go_and_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "letters.db"
    with DeadLetters(path) as store:
        for offset in range(10):
            store.add([letter(offset, reason=Reason.TOO_LATE if offset == 0 else Reason.INVALID_JSON)], offset)
        store.requeue(LetterFilter(ids=(1, 2)), at_us=3)
        store.requeue(LetterFilter(ids=(3,)), at_us=9)
        assert store.prune(before_us=4) == Pruned(4, 4, more=False)
        assert store.counts() == {"crm": {"invalid_json": 6}}
        assert [copy.letter for copy in store.requeued("crm", 0, 9)] == [3]
        assert store.prune() == Pruned(0, 0, more=False)
    with DeadLetters(path) as store:
        assert store.pruned() == {"crm": {"invalid_json": 3, "too_late": 1}}


def test_the_oldest_go_until_the_rest_has_room_and_no_more(tmp_path: Path) -> None:
    with DeadLetters(tmp_path / "letters.db") as store:
        store.add([letter(number, noise(number, 20_000)) for number in range(50)], 1)
        full = store.used_bytes()
        gone = store.prune(max_bytes=full - 100_000)
        assert 5 <= gone.letters <= 12
        assert not gone.more
        assert store.used_bytes() <= full - 100_000
        assert min(kept.offset for kept in store.page(limit=100)) == gone.letters
        before = store.path.stat().st_size
        store.add([letter(number, noise(number, 20_000)) for number in range(100, 105)], 2)
        assert store.path.stat().st_size <= before, "room in the file is used again"


def test_a_store_of_any_size_is_pruned_in_short_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "AT_ONCE", 10)
    with DeadLetters(tmp_path / "letters.db") as store:
        store.add([letter(number) for number in range(95)], 1)
        assert store.prune(before_us=2, at_most=25) == Pruned(30, 30, more=True)
        assert store.prune(before_us=2) == Pruned(65, 65, more=False)
        assert store.prune(before_us=2, max_bytes=0) == Pruned(0, 0, more=False)


def test_both_rules_hold_together(tmp_path: Path) -> None:
    with DeadLetters(tmp_path / "letters.db") as store:
        store.add([letter(number, noise(number, 20_000)) for number in range(3)], 1)
        store.add([letter(number, noise(number, 20_000)) for number in range(3, 30)], 9)
        assert store.prune(before_us=5, max_bytes=400_000).letters > 5
        assert store.used_bytes() <= 400_000
