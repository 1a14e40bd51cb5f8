"""A Redis of our own: started for a folder, shared by the Makegood processes that use it, stopped by the last one.

It listens on a Unix socket only, which only this user can open, and writes each change to disk before it answers
(``appendfsync always``). Who uses it holds a shared lock on ``users.lock``; the kernel lets go of a lock when its
holder dies, however it dies, so a crash never blocks the next start: the server goes on and is adopted.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import redis

from alerts.connection import StoreUnavailableError, connect, store_errors
from alerts.redis_server import EmbeddedRedisError, find_server, refuse_files_of_a_newer_server

__all__ = ["EmbeddedRedis", "EmbeddedRedisError", "find_server"]
_LONGEST_SOCKET_PATH = 100  # sun_path holds 108 bytes, the terminating zero among them
_START_TIMEOUT_S = 60.0  # reading a large append-only file takes its time
_STOP_TIMEOUT_S = 20.0
_POLL_S = 0.02
_LOG_TAIL_BYTES = 4096
_NO_ROOM_BYTES = 1_000_000


class EmbeddedRedis:
    """The embedded Redis of one folder. :meth:`start` starts or adopts it, :meth:`close` lets go of it.

    Args:
        folder: the store's folder; the server keeps its files under ``redis/`` in it.
        server: the program; by default :func:`find_server`.
        sleep: waits while the server starts or stops.
    """

    def __init__(
        self, folder: Path, *, server: Path | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.folder = folder.absolute() / "redis"
        self._server = server
        self._sleep = sleep
        self._users: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        """The path of the socket: in the folder, or, where that is too long, in a private temporary folder."""
        inside = self.folder / "redis.sock"
        if len(os.fsencode(inside)) <= _LONGEST_SOCKET_PATH:
            return inside
        name = hashlib.blake2b(os.fsencode(self.folder), digest_size=10).hexdigest()
        return Path(tempfile.gettempdir()) / f"makegood-{os.getuid()}" / f"{name}.sock"

    @property
    def url(self) -> str:
        """The address for :func:`alerts.connection.connect`."""
        return f"unix://{self.socket}"

    def start(self) -> str:
        """Start the server, or adopt the one that runs for this folder; return its address.

        Raises:
            EmbeddedRedisError: when it does not come up.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._private_socket_folder()
        with (self.folder / "start.lock").open("ab") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            users = (self.folder / "users.lock").open("ab")
            fcntl.flock(users, fcntl.LOCK_SH)
            try:
                if not self._answers():
                    if not self._runs():
                        self._launch()
                    self._until_it_answers()
            except BaseException:
                users.close()
                raise
            self._users = users
        return self.url

    def close(self) -> None:
        """Let go of the server; stop it, when nobody else uses it. Calling it again has no effect."""
        if self._users is None:
            return
        with (self.folder / "start.lock").open("ab") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            users, self._users = self._users, None
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # somebody else uses it, and will stop it
            else:
                self._shut_down()
            finally:
                users.close()

    def revive(self) -> None:
        """Start the server again when it has died. One that runs, however slow its answers, is left alone.

        Raises:
            EmbeddedRedisError: when it does not come up.
        """
        if self._users is None or self._runs():
            return
        with (self.folder / "start.lock").open("ab") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            self._process = None  # it was ours, and is gone; another process may have started a new one meanwhile
            if self._runs():
                return
            self._launch()
            self._until_it_answers()

    def complaint(self) -> str:
        """Return why the server may not work: no room on its disk, or its last error; empty when neither is known."""
        try:
            free_bytes = shutil.disk_usage(self.folder).free
            if free_bytes < _NO_ROOM_BYTES:
                return f"its disk has {free_bytes} bytes left; make room in {self.folder}"
            with self._log.open("rb") as file:
                file.seek(max(0, self._log.stat().st_size - _LOG_TAIL_BYTES))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        errors = [line.partition(" # ")[2] for line in lines if " # " in line and " # WARNING" not in line]
        return f"its log ends: {errors[-1]}" if errors else ""

    def __enter__(self) -> "EmbeddedRedis":
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _private_socket_folder(self) -> None:
        parent = self.socket.parent
        if parent == self.folder:
            return
        parent.mkdir(mode=0o700, exist_ok=True)
        status = parent.lstat()
        if status.st_uid != os.getuid() or status.st_mode & 0o077:
            msg = f"{parent} belongs to somebody else or is open to others; remove it, or choose a shorter store dir"
            raise EmbeddedRedisError(msg)

    def _launch(self) -> None:
        server = self._server if self._server is not None else find_server()
        refuse_files_of_a_newer_server(server, self.folder)
        command = [str(server), "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        command += ["--dir", str(self.folder), "--pidfile", str(self._pidfile), "--logfile", str(self._log)]
        command += ["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--daemonize", "no"]
        # A session of its own: Ctrl-C in the terminal must reach Makegood, which drains, and not the server under it.
        self._process = subprocess.Popen(  # noqa: S603 - the program is found above, the arguments are ours
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _until_it_answers(self) -> None:
        waited_s = 0.0
        while not self._answers():
            if self._process is not None and self._process.poll() is not None:
                msg = f"redis-server ended at once with status {self._process.returncode}; see {self._log}"
                raise EmbeddedRedisError(msg)
            if waited_s >= _START_TIMEOUT_S:
                msg = f"redis-server does not answer on {self.socket} after {waited_s:.0f} s; see {self._log}"
                raise EmbeddedRedisError(msg)
            self._sleep(_POLL_S)
            waited_s += _POLL_S

    def _shut_down(self) -> None:
        client = connect(self.url)
        try:
            with store_errors():
                client.shutdown(nosave=True)  # the append-only file has everything
        except StoreUnavailableError:
            return  # it is gone already
        finally:
            client.close()
        waited_s = 0.0
        while self._runs() and waited_s < _STOP_TIMEOUT_S:
            self._sleep(_POLL_S)
            waited_s += _POLL_S

    def _answers(self) -> bool:
        client: redis.Redis = connect(self.url, timeout_s=2.0)
        try:
            with store_errors():
                client.ping()
        except StoreUnavailableError:
            return False
        else:
            return True
        finally:
            client.close()

    def _runs(self) -> bool:
        """Return whether a server of this folder runs, be it still reading its files."""
        if self._process is not None:
            return self._process.poll() is None
        try:
            pid = int(self._pidfile.read_text(encoding="ascii"))
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return False
        # The id may belong to another program by now; Redis shows its socket in its title.
        return b"redis-server" in command and os.fsencode(self.socket) in command

    @property
    def _pidfile(self) -> Path:
        return self.folder / "redis.pid"

    @property
    def _log(self) -> Path:
        return self.folder / "redis.log"
