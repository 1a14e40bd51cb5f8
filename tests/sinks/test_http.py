"""The whole exchange has one deadline, also when the far side sends a byte now and then."""

import socket
import threading
from collections.abc import Iterator

import pytest

from sinks.contract import DeliveryError
from sinks.http import BoundedHttp


@pytest.fixture
def dripping() -> Iterator[str]:
    """A server whose answer never comes to an end: a header byte every 50 ms."""
    stop = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not stop.wait(0.05):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/"
    stop.set()
    thread.join()
    server.close()


def test_an_answer_that_drips_is_a_timeout(dripping: str) -> None:
    with pytest.raises(DeliveryError, match="no answer within") as caught:
        BoundedHttp().request("POST", dripping, content=b"{}", timeout_s=0.5)
    assert (caught.value.failure.reason, caught.value.failure.ambiguous) == ("timeout", True)
