"""The process of a job: ``makegood``, but it lets others go first, and ends with whoever has begun it.

Whoever begins it holds the other end of its standard input, and never writes: when that end is closed, for whatever
reason, this process ends at once, with all that it has begun.

    python -m dashboards.job_child MEMORY_BYTES FOLDER ARGUMENTS...

``MEMORY_BYTES``: that it may have, 0: any number. Whoever has begun it looks at what it really uses; here it is only
kept from taking very much more all at once. ``FOLDER``: for its temporary files; it is removed with it.
"""

import contextlib
import os
import resource
import runpy
import shutil
import signal
import sys
import threading
from pathlib import Path

NICE = 10
_NEVER_USED_BYTES = 1_000_000_000
"""Libraries ask for more than they use, mostly for the stacks and heaps of threads."""
_FIRST_TO_GO = "1000"


def main() -> None:
    """Run ``makegood`` with the arguments."""
    memory_bytes, folder, *arguments = sys.argv[1:]
    os.nice(NICE)
    if int(memory_bytes):
        limit = min(2 * int(memory_bytes) + _NEVER_USED_BYTES, _hard(resource.RLIMIT_DATA))
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    with contextlib.suppress(OSError):  # not on every system: when memory runs out, this goes before the flow
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")
    held = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_end_with, args=(held, folder), daemon=True).start()
    sys.argv = ["makegood", *arguments]
    runpy.run_module("pipeline.cli", run_name="__main__", alter_sys=True)


def _hard(limit: int) -> int:
    hard = resource.getrlimit(limit)[1]
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard


def _end_with(held: int, folder: str) -> None:
    while os.read(held, 1):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    main()
