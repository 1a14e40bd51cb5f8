"""Machine code that is not kept yet is made by a process of its own: the compiler's memory goes with it.

A compiler keeps some 45 MB for as long as its process lives, and holds Python's lock while it works. A flow that has
its code made this way only loads it.
"""

import subprocess
import sys
from functools import cache

import structlog

from pipeline.columns.keeping import Kept
from pipeline.columns.scanner import Scanner
from pipeline.columns.wants import Wants

PATIENCE_S = 300.0
"""It takes some 10 s. Whoever waits for longer makes the code itself."""
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from pipeline.columns.making import main; main()"
log = structlog.get_logger(__name__)


def main() -> None:
    """Make all machine code, and keep it: what the other process runs."""
    Scanner(Wants(frozenset(), frozenset())).warm_up()


@cache
def make_aside() -> None:
    """Have machine code that is asked for, and not kept, made by another process, once; if that fails, by this one."""
    Kept.make = _made


def _made() -> None:
    # The same libraries in the same order, whatever lies in the working directory.
    command = [sys.executable, "-P", "-c", _PROGRAM, *sys.path]
    try:
        done = subprocess.run(  # noqa: S603 - ourselves
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )
        reason = f"exit status {done.returncode}: {done.stderr[-500:]}" if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = repr(error)
    if reason:
        log.info("columns.not_made_aside", reason=reason, hint="the flow makes its machine code itself")
