"""How a process that lives long, and keeps millions of small things, has its memory managed."""

import atexit
import ctypes
import gc
import os
import sys

GC_THRESHOLD = 50_000
"""Objects between two collections of the youngest generation: events are many and hold no cycles."""
_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD = -8, -3, -1
"""Numbers of the parameters, as in ``malloc.h`` of glibc."""
_PARAMETERS = {
    "MALLOC_ARENA_MAX": (_ARENA_MAX, 1),
    "MALLOC_MMAP_THRESHOLD_": (_MMAP_THRESHOLD, 1 << 20),
    "MALLOC_TRIM_THRESHOLD_": (_TRIM_THRESHOLD, 1 << 23),
}
"""What a batch takes (a block of half a megabyte, columns of it) stays with the process for the next batch: given back
and asked for anew, its pages are mapped and zeroed each time: a fifth of an event's cost in ``benchmarks.peers``."""


def tune_memory() -> None:
    """Set up garbage collector and allocator. To be called once everything is imported, before threads begin."""
    _tune_collector()
    _tune_allocator()


def _tune_collector() -> None:
    """Keep the garbage collector away from what lives as long as the process, and call it less often.

    At its end the process does not look through millions of ids for garbage: all of them go at once.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)


def _tune_allocator() -> None:
    """Have glibc give back what batches took.

    By itself it learns from the first large buffer that is freed to keep others of that size among small things, for
    ever, and it has a pool of freed memory for each thread. What the environment asks for stays as it is; other C
    libraries are left alone.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for variable, (parameter, value) in _PARAMETERS.items():
        if variable not in os.environ:
            mallopt(parameter, value)
