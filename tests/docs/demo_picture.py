"""Runs the demo in a terminal and draws ``docs/images/demo.svg``: ``python -m tests.docs.demo_picture``."""

import fcntl
import io
import os
import pty
import struct
import sys
import tempfile
import termios

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tests.docs.generated import REPO

COLUMNS, ROWS = 112, 50
CUT = "Look around:"


def run_demo() -> str:
    """Return what ``makegood demo`` writes to a terminal."""
    with tempfile.TemporaryDirectory() as folder:
        child, terminal = pty.fork()
        if child == 0:
            os.environ |= {"TERM": "xterm-256color", "PYTHONPATH": str(REPO)}
            os.chdir(folder)
            os.execv(sys.executable, [sys.executable, "-m", "pipeline.cli", "demo", "--no-stay"])  # noqa: S606 - our own program
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        written = io.BytesIO()
        while True:
            try:
                chunk = os.read(terminal, 65536)
            except OSError:  # the terminal is gone with its last program
                break
            if not chunk:
                break
            written.write(chunk)
        _, status = os.waitpid(child, 0)
    if status:
        msg = f"the demo failed:\n{written.getvalue().decode()}"
        raise SystemExit(msg)
    return written.getvalue().decode()


def main() -> None:
    """Draw the picture."""
    told = run_demo().replace("\r\n", "\n")
    at = told.find(CUT)
    told = told[: told.rindex("\n", 0, at)].rstrip() if at >= 0 else told
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for line in told.split("\n"):
        console.print(Text.from_ansi(line.rstrip()), soft_wrap=True)
    picture = console.export_svg(title="make demo", theme=MONOKAI, unique_id="demo")
    # No font from elsewhere: a picture in a repository must not make its reader's browser call a third party.
    start, end = picture.index("@font-face"), picture.rindex("@font-face")
    end = picture.index("}", end) + 1
    picture = (picture[:start] + picture[end:]).replace(
        "Fira Code, monospace", "DejaVu Sans Mono, Menlo, Consolas, monospace"
    )
    (REPO / "docs" / "images" / "demo.svg").write_text(
        "\n".join(map(str.rstrip, picture.split("\n"))), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
