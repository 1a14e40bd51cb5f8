"""One run of ``makegood ingest``: the targets of all feeds, and the server before them."""

import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from pipeline.ingest.app import App
from pipeline.ingest.commit import GroupCommit
from pipeline.ingest.credentials import Secrets
from pipeline.ingest.endpoint import Endpoint
from pipeline.ingest.kafka import KafkaTarget
from pipeline.ingest.metrics import IngestCollector, SpoolView
from pipeline.ingest.once import REMEMBERED, Once
from pipeline.ingest.protocol import Connection
from pipeline.ingest.reader import SpoolReader
from pipeline.ingest.settings import HttpSettings
from pipeline.ingest.spoolfile import Limits, SpoolFile
from sinks.serving import serve

GRACE_S = 15

_log = structlog.get_logger(__name__)


class Service:
    """Everything that one run holds open.

    Args:
        root: folder of the spools.
        feeds: by name.
        paths: the name of the feed of each path.
        secrets: by feed.
        clock_us: the wall clock.
    """

    def __init__(
        self,
        root: Path,
        feeds: Mapping[str, HttpSettings],
        paths: Mapping[str, str],
        secrets: Mapping[str, Secrets],
        clock_us: Callable[[], int],
    ) -> None:
        self._root = root
        self._feeds = feeds
        self._paths = paths
        self._secrets = secrets
        self._clock_us = clock_us
        self._spools: dict[str, SpoolView] = {}
        self._topics: dict[str, KafkaTarget] = {}

    async def serve(self, opened: socket.socket, stop: threading.Event) -> None:
        """Serve on a socket that listens, until ``stop`` is set and what is under way was answered.

        Raises:
            SpoolInUseError: when another process writes to one of the spools.
            OSError: when a spool cannot be opened.
        """
        try:
            endpoints = {path: self._endpoint(name) for path, name in self._paths.items()}
            registry = CollectorRegistry()
            registry.register(IngestCollector(list(endpoints.values()), self._spools))
            host, port = opened.getsockname()[:2]
            _log.info("ingest.started", listen=f"{host}:{port}", paths=dict(self._paths))
            await serve(
                App(endpoints, self._health, registry),
                opened,
                stop.is_set,
                http=Connection,
                lifespan="off",
                date_header=False,
                timeout_graceful_shutdown=GRACE_S,
            )
        finally:
            for view in self._spools.values():
                view.close()
            for topic in self._topics.values():
                topic.close()
        _log.info("ingest.stopped")

    def _endpoint(self, name: str) -> Endpoint:
        feed = self._feeds[name]
        if feed.to is not None:
            topic = self._topics[name] = KafkaTarget(name, feed.to.kafka, feed.max_waiting_bytes)
            once = Once(topic.submit, feed.once_within)
        else:
            once = self._open_spool(name, feed)
        return Endpoint(name, feed, self._secrets[name], once, self._clock_us)

    def _open_spool(self, name: str, feed: HttpSettings) -> Once:
        folder = self._root / name
        file = SpoolFile(folder, Limits(feed.segment_bytes, feed.keep, feed.max_spool_bytes), self._clock_us)
        known = list(file.recent(self._clock_us() - feed.once_within, REMEMBERED)) if feed.once_within else []
        commit = GroupCommit(
            file,
            name,
            max_bytes=feed.max_spool_bytes,
            max_waiting_bytes=feed.max_waiting_bytes,
            timer_s=time.perf_counter,
        )
        self._spools[name] = SpoolView(commit, SpoolReader(folder, 0, live=True))
        once = Once(commit.submit, feed.once_within)
        once.remember(known)
        return once

    def _health(self) -> tuple[bool, dict[str, Any]]:
        trouble = {name: view.commit.trouble for name, view in self._spools.items()}
        trouble |= {name: target.trouble for name, target in self._topics.items()}
        return not any(trouble.values()), {"feeds": {name: why or "written" for name, why in trouble.items()}}
