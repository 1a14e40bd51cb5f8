"""Runs ``makegood ingest``: opens the spools, serves until it is asked to stop, and closes everything in order."""

import asyncio
import gc
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog
import uvicorn
import uvloop
from prometheus_client import CollectorRegistry

from config.settings import Settings
from pipeline.feeds.contract import FeedError
from pipeline.ingest.app import App
from pipeline.ingest.commit import GroupCommit
from pipeline.ingest.credentials import Secrets
from pipeline.ingest.endpoint import Endpoint
from pipeline.ingest.folder import spool_root
from pipeline.ingest.metrics import IngestCollector, SpoolView
from pipeline.ingest.once import REMEMBERED, Once
from pipeline.ingest.reader import SpoolReader
from pipeline.ingest.settings import HttpSettings
from pipeline.ingest.spoolfile import Limits, SpoolFile
from pipeline.server import ListenError

BACKLOG = 2048
LOOK_EVERY_S = 0.1
GRACE_S = 15

_log = structlog.get_logger(__name__)


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
    """Return a socket that listens.

    Args:
        listen: ``HOST:PORT``; port 0 takes a free one, ``[::1]:8088`` is IPv6.

    Raises:
        ListenError: when the address is taken, or not ours.
    """
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        opened = socket.create_server((host, int(port)), family=family, backlog=BACKLOG)
    except (OSError, OverflowError, ValueError) as error:
        what = "free that port, or choose another by --listen (port 0 takes a free one)"
        msg = f"cannot listen on {listen}: {error}; {what}"
        raise ListenError(msg) from error
    opened.setblocking(False)
    return opened


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
            runner.run(_Service(settings, feeds, paths, secrets, clock_us).serve(opened, stop))


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


class _Service:
    """Everything that one run holds open."""

    def __init__(
        self,
        settings: Settings,
        feeds: Mapping[str, HttpSettings],
        paths: Mapping[str, str],
        secrets: Mapping[str, Secrets],
        clock_us: Callable[[], int],
    ) -> None:
        self._root = spool_root(settings)
        self._feeds = feeds
        self._paths = paths
        self._secrets = secrets
        self._clock_us = clock_us

    async def serve(self, opened: socket.socket, stop: threading.Event) -> None:
        spools: dict[str, SpoolView] = {}
        try:
            endpoints = {path: self._endpoint(name, spools) for path, name in self._paths.items()}
            registry = CollectorRegistry()
            registry.register(IngestCollector(list(endpoints.values()), spools))
            server = _server(App(endpoints, lambda: _health(spools), registry))
            watch = asyncio.create_task(_stop_when(stop, server))
            host, port = opened.getsockname()[:2]
            _log.info(
                "ingest.started", listen=f"{host}:{port}", feeds={name: path for path, name in self._paths.items()}
            )
            try:
                await server.serve(sockets=[opened])
            finally:
                watch.cancel()
        finally:
            for view in spools.values():
                view.commit.close()
                view.close()
        _log.info("ingest.stopped")

    def _endpoint(self, name: str, spools: dict[str, SpoolView]) -> Endpoint:
        feed = self._feeds[name]
        folder = self._root / name
        limits = Limits(feed.segment_bytes, feed.keep, feed.max_spool_bytes)
        file = SpoolFile(folder, limits, self._clock_us)
        commit = GroupCommit(
            file,
            name,
            max_bytes=feed.max_spool_bytes,
            max_waiting_bytes=feed.max_waiting_bytes,
            timer_s=time.perf_counter,
        )
        spools[name] = SpoolView(commit, SpoolReader(folder, 0, live=True))
        once = Once(commit.submit, feed.once_within)
        if feed.once_within:
            once.remember(file.recent(self._clock_us() - feed.once_within, REMEMBERED))
        return Endpoint(name, feed, self._secrets[name], once, self._clock_us)


def _health(spools: Mapping[str, SpoolView]) -> tuple[bool, dict[str, Any]]:
    trouble = {name: view.commit.trouble for name, view in spools.items() if view.commit.trouble}
    return not trouble, {"spools": {name: trouble.get(name, "written") for name in spools}}


class _Server(uvicorn.Server):
    """Leaves signals to us: the base class raises them again when it has stopped, so that the process dies of them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(app: App) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_S,
        backlog=BACKLOG,
    )
    return _Server(config)


async def _stop_when(stop: threading.Event, server: uvicorn.Server) -> None:
    while not stop.is_set():
        await asyncio.sleep(LOOK_EVERY_S)
    server.should_exit = True
