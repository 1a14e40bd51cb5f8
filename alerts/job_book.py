"""Work that people have asked for and that takes long, kept in Redis: what became of it is known after a restart.

Each job belongs to the process that took it on, which says every few seconds that it is there. A job that is not done,
of a process that is gone, has failed: whoever reads it next notes that.
"""

from typing import Any, Literal

import msgspec

from alerts.connection import store_errors
from alerts.store import AlertStore

State = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED: frozenset[State] = frozenset({"done", "failed", "cancelled"})
GONE = "the server that had it ended before it was done (it was stopped, or it crashed): ask again"
MOST_KEPT = 200
LEASE_MS = 10_000


class KeptJob(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a job.

    Attributes:
        kind: what it does. by: who asked for it. about: what they asked for, as plain data.
        asked_us, began_us, ended_us: microseconds UTC.
        share: how much of it is done, 0 to 1.
        reading: what it does just now, in words.
        error: why it failed, for people.
        server: the process that took it on.
    """

    id: str
    kind: str
    by: str
    about: dict[str, Any]
    asked_us: int
    began_us: int | None = None
    ended_us: int | None = None
    state: State = "queued"
    share: float = 0.0
    reading: str = ""
    error: str = ""
    server: str = ""


_to_job = msgspec.json.Decoder(KeptJob)


class JobBook:
    """The jobs of all servers of a store. May be used by several threads and processes.

    Args:
        store: of the alerts.
        server: the process that this one is.
        keep_us: how long a result is kept.

    Every method raises :class:`StoreUnavailableError` while Redis is away.
    """

    def __init__(self, store: AlertStore, server: str, keep_us: int) -> None:
        self._client: Any = store.client
        self._keys = store.keys
        self._server = server
        self._keep_ms = keep_us // 1000

    def add(self, job: KeptJob) -> None:
        """Take a new job on; the oldest ones that have ended are forgotten."""
        kept = self._read()
        ended = sorted((one for one in kept if one.state in ENDED), key=lambda one: one.asked_us)
        forgotten = [one.id for one in ended[: max(0, len(kept) + 1 - MOST_KEPT)]]
        with store_errors():
            pipeline = self._client.pipeline(transaction=True)
            self._beat(pipeline)
            pipeline.hset(self._keys.named("jobs"), job.id, _text(job))
            if forgotten:
                pipeline.hdel(self._keys.named("jobs"), *forgotten)
                pipeline.delete(*[self._result(one) for one in forgotten])
            pipeline.execute()

    def write(self, *jobs: KeptJob, results: dict[str, str] | None = None) -> frozenset[str]:
        """Say that this server is there, and how its jobs are; return the ids of jobs that are to be cancelled.

        Args:
            jobs: that have changed.
            results: of those that are done, as JSON, by id.
        """
        with store_errors():
            pipeline = self._client.pipeline(transaction=True)
            self._beat(pipeline)
            for job_id, text in (results or {}).items():
                pipeline.set(self._result(job_id), text, px=self._keep_ms)
            for job in jobs:
                pipeline.hset(self._keys.named("jobs"), job.id, _text(job))
                if job.state in ENDED:
                    pipeline.srem(self._keys.named("jobs:cancel"), job.id)
            pipeline.smembers(self._keys.named("jobs:cancel"))
            return frozenset(pipeline.execute()[-1])

    def get(self, job_id: str) -> KeptJob | None:
        """Return a job; None: there is none (any more)."""
        with store_errors():
            text = self._client.hget(self._keys.named("jobs"), job_id)
        return None if text is None else self._settled([_to_job.decode(text)])[0]

    def all_of(self, kind: str) -> list[KeptJob]:
        """Return all jobs of a kind, the newest first."""
        found = self._settled([one for one in self._read() if one.kind == kind])
        return sorted(found, key=lambda one: (-one.asked_us, one.id))

    def result(self, job_id: str) -> str | None:
        """Return what a job found, as JSON; None: it is not done, or that was too long ago."""
        with store_errors():
            text: str | None = self._client.get(self._result(job_id))
        return text

    def cancel(self, job_id: str) -> None:
        """Ask the server that has a job to end it."""
        with store_errors():
            self._client.sadd(self._keys.named("jobs:cancel"), job_id)

    def leave(self) -> None:
        """Say that this server is not there any more."""
        with store_errors():
            self._client.delete(self._alive(self._server))

    def _read(self) -> list[KeptJob]:
        with store_errors():
            return [_to_job.decode(text) for text in self._client.hvals(self._keys.named("jobs"))]

    def _settled(self, jobs: list[KeptJob]) -> list[KeptJob]:
        """Return jobs; those that wait for a server that is gone have failed."""
        servers = sorted({one.server for one in jobs if one.state not in ENDED})
        if not servers:
            return jobs
        with store_errors():
            alive = self._client.mget([self._alive(server) for server in servers])
        gone = {server for server, sign in zip(servers, alive, strict=True) if sign is None}
        found = []
        for one in jobs:
            if one.state in ENDED or one.server not in gone:
                found.append(one)
                continue
            failed = msgspec.structs.replace(one, state="failed", error=GONE)
            with store_errors():
                self._client.hset(self._keys.named("jobs"), one.id, _text(failed))
            found.append(failed)
        return found

    def _beat(self, pipeline: Any) -> None:
        pipeline.set(self._alive(self._server), "1", px=LEASE_MS)

    def _alive(self, server: str) -> str:
        return self._keys.named(f"jobs:alive:{server}")

    def _result(self, job_id: str) -> str:
        return self._keys.named(f"jobs:result:{job_id}")


def _text(job: KeptJob) -> str:
    return msgspec.json.encode(job).decode()
