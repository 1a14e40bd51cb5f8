"""Ports of the loopback for servers that tests start, each given to one test alone, on the whole machine.

A port that is only probed is free to everybody until the server listens, and again while a test has it stopped:
another worker may take it, or the kernel give it to a connection. So ports are outside the kernel's own range, and each
one that was given is kept by a socket for datagrams on the same number: servers here speak TCP, which that does not
disturb, and it goes when the process that asked for the port does.
"""

import random
import socket
from collections import deque

PORTS = range(20_000, 30_000)
"""Below the range that the kernel hands out."""
_kept: deque[socket.socket] = deque(maxlen=500)
"""The last ones that this process was given; those before are of tests that are over."""


def free_port() -> int:
    """Return a port that nobody listens on, and that nobody else is given while this process needs it."""
    for port in random.SystemRandom().sample(PORTS, 1_000):
        guard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            guard.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            guard.close()
            continue
        if len(_kept) == _kept.maxlen:
            _kept[0].close()
        _kept.append(guard)
        return port
    msg = f"no free port in {PORTS}"
    raise RuntimeError(msg)
