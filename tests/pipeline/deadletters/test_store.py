import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.deadletters import DeadLetters, DeadLettersError
from pipeline.letters import DeadLetter, LetterFilter
from pipeline.reasons import Reason


def letter(offset: int = 1, raw: bytes = b"{", **fields: object) -> DeadLetter:
    values = {"feed": "crm", "partition": "p", "part": 0, "reason": Reason.INVALID_JSON, "detail": "d", **fields}
    return DeadLetter(offset=offset, raw=raw, **values)  # type: ignore[arg-type]


def test_a_letter_is_kept_whole(tmp_path: Path) -> None:
    large = b"\x00\xff" * 5_000_000
    with DeadLetters(tmp_path / "deep" / "letters.db") as store:
        assert store.add([letter(raw=large, mapped=True), letter(2, raw=b"")], seen_at_us=77) == 2
        (first,) = store.page(LetterFilter(ids=(1,)))
        assert (first.size, first.raw, first.mapped, first.seen_at_us, first.status) == (
            10_000_000,
            None,
            True,
            77,
            "new",
        )
        whole = store.get(1)
        assert whole is not None
        assert whole.raw == large
        empty = store.get(2)
        assert empty is not None
        assert empty.raw == b""
        assert store.get(3) is None
        assert store.add([], seen_at_us=0) == 0
    assert (tmp_path / "deep" / "letters.db").stat().st_size < 1_000_000, "large letters are compressed"


def test_a_letter_added_again_after_a_crash_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "letters.db"
    letters = [letter(offset) for offset in range(10)]
    with DeadLetters(path) as store:
        assert store.add(letters[:7], seen_at_us=1) == 7
    with DeadLetters(path) as store:
        assert store.add(letters[4:], seen_at_us=2) == 3
        assert store.counts() == {"crm": {"invalid_json": 10}}
        assert {kept.seen_at_us for kept in store.page(limit=3)} == {2}


def test_parts_of_one_record_and_other_bytes_at_one_place_are_letters_of_their_own(tmp_path: Path) -> None:
    with DeadLetters(tmp_path / "letters.db") as store:
        assert store.add([letter(), letter(part=1), letter(raw=b"other"), letter(partition="q")], seen_at_us=1) == 4


def test_pages_go_from_the_newest_to_the_oldest_and_can_be_filtered(tmp_path: Path) -> None:
    with DeadLetters(tmp_path / "letters.db") as store:
        for offset in range(25):
            reason = Reason.TOO_LATE if offset % 5 == 0 else Reason.INVALID_JSON
            store.add([letter(offset, reason=reason, feed="a" if offset < 20 else "b")], seen_at_us=offset)
        pages, before = [], None
        while page := store.page(before_id=before, limit=10):
            pages.append([kept.offset for kept in page])
            before = page[-1].id
        assert pages == [list(range(24, 14, -1)), list(range(14, 4, -1)), list(range(4, -1, -1))]
        late = LetterFilter(feed="a", reason="too_late", since_us=5, until_us=15)
        assert [kept.offset for kept in store.page(late)] == [10, 5]
        assert store.counts(LetterFilter(feed="b")) == {"b": {"invalid_json": 4, "too_late": 1}}
        assert store.counts() == {"a": {"invalid_json": 16, "too_late": 4}, "b": {"invalid_json": 4, "too_late": 1}}
        assert [kept.id for kept in store.page(LetterFilter(ids=tuple(range(3, 2_000))))][-1] == 3


def test_two_processes_write_at_the_same_time_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "letters.db"
    program = (
        "import sys; from pathlib import Path\n"
        "from pipeline.deadletters import DeadLetters; from pipeline.letters import DeadLetter\n"
        "from pipeline.reasons import Reason\n"
        "store = DeadLetters(Path(sys.argv[1]))\n"
        "for n in range(100):\n"
        "    store.add([DeadLetter(sys.argv[2], 'p', n, 0, b'x', Reason.TOO_LATE, 'd')], seen_at_us=n)\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, str(path), feed]) for feed in ("a", "b")]
    with DeadLetters(path) as store:
        for offset in range(100):
            store.add([letter(offset)], seen_at_us=1)
        assert [process.wait() for process in running] == [0, 0]
        assert {feed: sum(found.values()) for feed, found in store.counts().items()} == {"a": 100, "b": 100, "crm": 100}


def test_a_failed_write_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    with DeadLetters(tmp_path / "letters.db") as store:
        with pytest.raises(OverflowError):
            store.add([letter(1), letter(2**70)], seen_at_us=1)
        assert store.counts() == {}
        assert store.add([letter(1)], seen_at_us=1) == 1


def test_a_file_that_is_no_store_or_of_a_later_version_is_refused_by_name(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(DeadLettersError, match=r"other\.db"):
        DeadLetters(other)
    later = tmp_path / "later.db"
    with sqlite3.connect(later) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(DeadLettersError, match="later version"):
        DeadLetters(later)
    with pytest.raises(DeadLettersError, match="cannot open"):
        DeadLetters(other / "below" / "a-file.db")


def test_several_may_make_the_file_at_the_same_time(tmp_path: Path) -> None:
    several = 4
    with ThreadPoolExecutor(several) as pool:
        for number in range(40):
            path, together = tmp_path / f"{number}.db", threading.Barrier(several)

            def made(path: Path = path, together: threading.Barrier = together) -> str:
                together.wait()
                with DeadLetters(path) as letters:
                    return str(letters.path)

            assert [one.result() for one in [pool.submit(made) for _ in range(several)]] == [str(path)] * several
