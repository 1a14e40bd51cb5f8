"""The thread that writes: whatever happens to it, whoever waits is answered."""

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.ingest.commit import GroupCommit, NotKeptError
from pipeline.ingest.spoolfile import Limits, SpoolFile
from tests.support.patience import PATIENCE_S


def test_a_defect_while_writing_is_answered_and_the_next_record_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = SpoolFile.append
    tries = itertools.count()

    def defect(file: SpoolFile, frames: Sequence[bytes]) -> None:
        if next(tries) == 0:
            raise RuntimeError
        append(file, frames)

    monkeypatch.setattr(SpoolFile, "append", defect)

    async def post() -> None:
        file = SpoolFile(tmp_path, Limits(10_000, 0, 100_000), lambda: 0)
        commit = GroupCommit(file, "hooks", max_bytes=100_000, max_waiting_bytes=100_000, timer_s=lambda: 0.0)
        with pytest.raises(NotKeptError):
            await asyncio.wait_for(commit.submit([b"{}"], 1, {}), PATIENCE_S)
        assert "a defect" in commit.trouble
        await asyncio.wait_for(commit.submit([b"{}"], 1, {}), PATIENCE_S)
        assert (commit.trouble, commit.waiting_bytes) == ("", 0)
        commit.close()

    asyncio.run(post())
