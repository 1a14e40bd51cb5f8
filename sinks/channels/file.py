"""File: appends each notification to a file, one JSON object a line, and writes it through to the disk."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from sinks.checking import Checked
from sinks.contract import CHANNELS, ChannelSettings, Message, Reason, Receipt, permanent, transient
from sinks.payload import encoded, webhook_payload


class FileSettings(ChannelSettings):
    """Settings of a file channel.

    Attributes:
        path: of the file; it is created, its folder too. It may be moved away at any time: each line opens it anew.
    """

    keeps_state: ClassVar[bool] = True

    type: Literal["file"]
    path: Path

    def points_of_failure(self) -> frozenset[str]:
        """Return the folder: files beside each other are on one disk."""
        return frozenset({f"the folder {self.path.parent}"})


@CHANNELS.register("file", FileSettings)
class FileChannel:
    """Appends lines that are whole: one write each, to a file opened for appending, then ``fsync``."""

    def __init__(self, name: str, settings: FileSettings) -> None:
        self.name = name
        self.recipients: tuple[str, ...] = (settings.path.name,)
        self._path = settings.path
        self._lock = threading.Lock()

    def send(self, message: Message, recipients: Sequence[str], timeout_s: float) -> list[Receipt]:
        """Append one line."""
        line = encoded(webhook_payload(message)) + b"\n"
        try:
            with self._lock:
                self._append(line)
        except (PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError) as error:
            raise permanent(Reason.REJECTED, f"cannot append to {self._path}: {error.strerror}") from error
        except OSError as error:  # no space, quota, read-only for now
            raise transient(Reason.SERVER_ERROR, f"cannot append to {self._path}: {error.strerror}") from error
        return [Receipt(recipient=name, outcome="delivered") for name in recipients]

    def check(self, timeout_s: float) -> list[Checked]:
        """Look whether the file, or the nearest folder above it that is there, can be written to. Write nothing."""
        there = self._path
        while not there.exists() and there != there.parent:
            there = there.parent
        is_file = there == self._path
        if (is_file and not there.is_file()) or (not is_file and not there.is_dir()) or not os.access(there, os.W_OK):
            raise permanent(Reason.REJECTED, f"cannot append to {self._path}: {there} cannot be written to")
        said = "it can be appended to" if is_file else f"it would be created in {there}"
        return [Checked(subject=self._path.name, said=said)]

    def close(self) -> None:
        """Nothing to release."""

    def _append(self, line: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            begin = os.fstat(handle).st_size
            written = os.write(handle, line)
            if written != len(line):
                os.ftruncate(handle, begin)  # half a line would spoil the next one too
                raise OSError(28, "the disk took a part of the line only")
            os.fsync(handle)
        finally:
            os.close(handle)
