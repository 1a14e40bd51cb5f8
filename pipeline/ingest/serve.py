"""Runs ``makegood ingest``: opens the spools, serves until it is asked to stop, and closes everything in order."""

import asyncio
import gc
import ipaddress
import socket
import threading
from collections.abc import Callable, Mapping

import uvloop

from config.settings import Settings
from pipeline.feeds.contract import FeedError
from pipeline.ingest.credentials import Secrets
from pipeline.ingest.folder import spool_root
from pipeline.ingest.service import Service
from pipeline.ingest.settings import HttpSettings
from pipeline.server import ListenError
from sinks import serving


def http_feeds(settings: Settings) -> dict[str, HttpSettings]:
    """Return the feeds that are pushed to, by name."""
    return {name: feed for name, feed in sorted(settings.feeds.items()) if isinstance(feed, HttpSettings)}


def addresses(feeds: Mapping[str, HttpSettings]) -> dict[str, str]:
    """Return the name of the feed of each path.

    Raises:
        FeedError: when two feeds have one path.
    """
    found: dict[str, str] = {}
    for name, settings in feeds.items():
        path = settings.address(name)
        if path in found:
            msg = f"feed {name!r}: path: {path} is the path of feed {found[path]!r} already; give one of them another"
            raise FeedError(msg)
        found[path] = name
    return found


def listening(listen: str) -> socket.socket:
    """Return a socket that listens: see :func:`sinks.serving.listening`.

    Raises:
        ListenError: when the address is taken, or not ours.
    """
    try:
        return serving.listening(listen)
    except (OSError, OverflowError, ValueError) as error:
        what = "free that port, or choose another by --listen (port 0 takes a free one)"
        msg = f"cannot listen on {listen}: {error}; {what}"
        raise ListenError(msg) from error


def is_loopback(opened: socket.socket) -> bool:
    """Say whether a socket is reached from this machine only."""
    return ipaddress.ip_address(opened.getsockname()[0]).is_loopback


def run_ingest(
    settings: Settings, listen: str, stop: threading.Event, *, allow_unsigned: bool, clock_us: Callable[[], int]
) -> None:
    """Receive records until ``stop`` is set; then answer what is under way, and return with everything durable.

    Args:
        settings: their feeds of type ``http`` are served.
        listen: ``HOST:PORT``.
        stop: ends it.
        allow_unsigned: also listen to other machines where anybody may send.
        clock_us: the wall clock.

    Raises:
        ListenError: when the address cannot be listened on.
        FeedError: when two feeds have one path, or anybody on the network could send.
        SecretMissingError: when a secret is not where the settings say.
        SpoolInUseError: when another process writes to one of the spools.
    """
    feeds = http_feeds(settings)
    paths = addresses(feeds)
    secrets = {name: Secrets(name, feed.signature.secrets(), clock_us) for name, feed in feeds.items()}
    with listening(listen) as opened:
        if not allow_unsigned and not is_loopback(opened):
            _refuse_open_doors(feeds, secrets, listen)
        # What was imported stays: looking through it for garbage would halt all requests for a tenth of a second.
        gc.collect()
        gc.freeze()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(Service(spool_root(settings), feeds, paths, secrets, clock_us).serve(opened, stop))


def _refuse_open_doors(feeds: Mapping[str, HttpSettings], secrets: Mapping[str, Secrets], listen: str) -> None:
    for name, feed in feeds.items():
        if feed.signature.scheme == "none" or secrets[name].has_public_one():
            why = (
                "signature: none" if feed.signature.scheme == "none" else "its secret is Zendesk's public trial secret"
            )
            msg = (
                f"feed {name!r}: {why}, and {listen} is reached from other machines, so anybody there could send;"
                " set a signature, listen on 127.0.0.1 behind a proxy, or say --allow-unsigned"
            )
            raise FeedError(msg)
