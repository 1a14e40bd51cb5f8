"""The files that contestants read: the whole recording, its beginning, and both shared out for two cores."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

import msgspec

from benchmarks.peers import windows
from benchmarks.peers.contestants import Contestant
from benchmarks.peers.recording import customer, group, split, write_recording
from benchmarks.peers.topics import fill
from tests.support.kafka import Broker

Size = Literal["first", "full"]
_SPLITS = {"customer": customer, "group": group}


class Inputs:
    """Inputs for ``events`` lines, and for their beginning of ``baseline`` lines. Files are made once and kept.

    Args:
        folder: where they are.
        events: lines of the recording.
        baseline: lines of its beginning, whose time is taken off.
    """

    def __init__(self, folder: Path, events: int, baseline: int) -> None:
        self._folder = folder / f"{events}"
        self._baseline = baseline
        self._topics: set[str] = set()
        self.broker: Broker | None = None
        self.recording = self._folder / "all.jsonl"
        if not (self._folder / "made.json").exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            print(f"writing {events} events to {self.recording}", flush=True)
            made = write_recording(self.recording, events)
            (self._folder / "made.json").write_bytes(msgspec.json.encode(made))

    def exact(self, *, drop_repeats: bool) -> windows.Windows:
        """Return the exact answer."""
        path = self._folder / f"exact-{'once' if drop_repeats else 'as-it-came'}.csv"
        if not path.exists():
            print(f"computing the exact answer: {path.stem}", flush=True)
            answer = windows.exact(self.recording, drop_repeats=drop_repeats)
            temporary = path.with_suffix(".tmp")
            windows.write(temporary, answer)
            temporary.replace(path)
        return windows.read([path])

    def of(self, contestant: Contestant, cores: int, size: Size) -> list[Path]:
        """Return what to give to a contestant as its inputs."""
        files = [self.recording] if cores == 1 else self._parts(contestant.split, cores)
        if size == "first":
            files = [self._beginning(path, max(1, self._baseline // cores)) for path in files]
        if contestant.kafka:
            return [self._topic(path) for path in files]
        return [files[0].parent] if cores > 1 and contestant.two == "folder" else files

    def _parts(self, by: str, cores: int) -> list[Path]:
        parts = [self._folder / f"by-{by}-{cores}" / f"part-{number}.jsonl" for number in range(cores)]
        done = self._folder / f"by-{by}-{cores}.done"
        if not done.exists():
            print(f"sharing the events out by {by}", flush=True)
            parts[0].parent.mkdir(exist_ok=True)
            split(self.recording, parts, _SPLITS[by])
            done.touch()
        return parts

    def _beginning(self, path: Path, lines: int) -> Path:
        # In a folder of its own: some contestants read whole folders.
        name = "all" if path.parent == self._folder else path.parent.name
        beginning = self._folder / f"first-{lines}-{name}" / path.name
        if not beginning.exists():
            beginning.parent.mkdir(exist_ok=True)
            with path.open("rb") as source:
                beginning.write_bytes(b"".join(islice(source, lines)))
        return beginning

    def _topic(self, path: Path) -> Path:
        topic = "-".join(path.relative_to(self._folder).with_suffix("").parts)
        if self.broker is None:
            msg = "a contestant that reads topics takes part, and no broker was started"
            raise RuntimeError(msg)
        if topic not in self._topics:
            print(f"filling topic {topic}", flush=True)
            fill(self.broker, topic, path)
            self._topics.add(topic)
        return Path(topic)


def outputs(path: Path) -> Iterator[Path]:
    """Yield the files that were written for ``--output path``: it may be a folder, or there may be one a process."""
    if path.is_dir():
        yield from (file for file in sorted(path.rglob("*")) if file.is_file() and not file.name.startswith("."))
    elif path.exists():
        yield path
    else:
        yield from sorted(path.parent.glob(f"{path.stem}.*{path.suffix}"))
