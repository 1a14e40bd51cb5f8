"""How the memory of long-lived processes is managed."""

import ctypes
import os
import subprocess
import sys

import pytest

from tests.support.patience import PATIENCE_S

CODE = """
import ctypes
from pipeline.memory import tune_memory

class Mallinfo(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    ]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Mallinfo

def apart() -> bool:
    before = libc.mallinfo2().hblks
    large = bytearray(2_000_000)
    return libc.mallinfo2().hblks > before

def learn() -> None:
    bytearray(8_000_000)  # glibc takes the size of what it gives back as what it keeps from now on

tune_memory()
learn()
print(apart())
"""


def tuned(**variables: str) -> str:
    """Return whether a large buffer has memory of its own in a new process, after an even larger one was freed."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env | variables, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="no glibc")
def test_large_buffers_are_given_back_and_the_environment_has_the_last_word() -> None:
    assert tuned() == "True"
    assert tuned(MALLOC_MMAP_THRESHOLD_="30000000") == "False"
