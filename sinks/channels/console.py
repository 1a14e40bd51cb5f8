"""Console: prints notifications for a person at a terminal."""

import sys
import threading
from collections.abc import Sequence
from typing import IO, ClassVar, Literal

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.text import Text

from config.tidying import tidy
from sinks.checking import Checked
from sinks.contract import CHANNELS, ChannelSettings, Message, Reason, Receipt, transient

_STYLES = {"critical": "bold white on red", "warning": "bold black on yellow", "info": "bold white on blue"}
_FRAME = 8
"""Cells of a panel's first line that are not its title."""


class ConsoleSettings(ChannelSettings):
    """Settings of a console channel.

    Attributes:
        stream: where to print.
    """

    tells_code: ClassVar[bool] = True

    type: Literal["console"]
    stream: Literal["stdout", "stderr"] = "stdout"

    def points_of_failure(self) -> frozenset[str]:
        """Return the output of the notifier."""
        return frozenset({f"{self.stream} of the notifier"})


@CHANNELS.register("console", ConsoleSettings)
class ConsoleChannel:
    """Prints a panel for each notification: severity, summary, text, and why it took another way, if it did.

    Args:
        out: in place of the stream of the settings.
    """

    def __init__(self, name: str, settings: ConsoleSettings, out: IO[str] | None = None) -> None:
        self.name = name
        self.recipients: tuple[str, ...] = (settings.stream,)
        self._settings = settings
        self._out = out
        self._lock = threading.Lock()

    def send(self, message: Message, recipients: Sequence[str], timeout_s: float) -> list[Receipt]:
        """Print."""
        alert = message.notification.alerts[0]
        severity = tidy(alert.labels.get("severity", ""))
        style = "bold white on green" if message.notification.status == "resolved" else _STYLES.get(severity, "bold")
        body = Text(tidy(message.text))
        for note in message.notes:
            body.highlight_words([tidy(note)], style="yellow")
        out = self._stream()
        foot = f"{message.notification.receiver} · {self.name} · {message.key}"
        try:
            with self._lock:
                console = Console(file=out)
                head = " ".join(tidy(message.title).split())
                if cell_len(head) + _FRAME > console.width:  # a panel cuts a long title; nothing may be lost
                    body = Text.assemble((head, "bold"), "\n", body)
                    head = severity.upper() or message.notification.status.upper()
                title = f"[{style}] {escape(head)} [/]"
                console.print(Panel(body, title=title, title_align="left", subtitle=escape(foot)))
                out.flush()
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            raise transient(Reason.UNREACHABLE, f"cannot print: {type(error).__name__}") from error
        return [Receipt(recipient=name, outcome="delivered") for name in recipients]

    def check(self, timeout_s: float) -> list[Checked]:
        """Look whether the stream is open; print nothing."""
        stream = self._stream()
        if stream.closed:
            raise transient(Reason.UNREACHABLE, f"{self._settings.stream} is closed")
        return [Checked(subject=self._settings.stream, said="it is open")]

    def close(self) -> None:
        """Nothing to release."""

    def _stream(self) -> IO[str]:
        if self._out is not None:
            return self._out
        return sys.stdout if self._settings.stream == "stdout" else sys.stderr
