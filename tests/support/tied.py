"""Servers that tests start end with the tests, also where those are killed."""

import shutil


def tied_to_us() -> list[str]:
    """Return a prefix that makes the kernel end a server when the test process dies, where ``setpriv`` is there."""
    return ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
