"""Machine code on disk, from one process to the next: what was kept is never taken on trust.

numba keeps machine code too, but asks only whether the file that a function is in has changed, not those of which it
took other functions and constants; and it believes what it reads. A state folder outlives a release, and can be
damaged: so a file here is named by everything that its code was made of, and has a checksum. One that cannot be used is
as none.
"""

import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import llvmlite
import numba
import structlog
from numba.core.caching import FunctionCache
from numba.core.serialize import dumps

_CHECKSUM_BYTES = 32
log = structlog.get_logger(__name__)


def made_of(sources: Path) -> bytes:
    """Return a checksum of all that makes machine code what it is, but for the processor and the types."""
    found = sha256(repr((numba.__version__, llvmlite.__version__, sys.implementation.cache_tag)).encode())
    for path in sorted(sources.glob("*.py")):
        found.update(path.name.encode() + sha256(path.read_bytes()).digest())
    return found.digest()


_MADE_OF = made_of(Path(__file__).parent)


class Kept(FunctionCache):
    """What numba asks for the machine code of a function: in the folder that numba chooses, ``NUMBA_CACHE_DIR`` first.

    Args:
        function: whose.

    Attributes:
        make: makes all code that is to be kept, when something is not; called once at most. None: numba makes it here.

    Raises:
        RuntimeError: when there is no folder that could be written to.
    """

    make: ClassVar[Callable[[], None] | None] = None

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call] # numba has no types
        self._function = f"{function.__module__}.{function.__qualname__}"

    def path(self, signature: Any, codegen: Any) -> Path:
        """Return the file for these types and this processor."""
        key = repr((self._function, signature, codegen.magic_tuple())).encode()
        name = sha256(_MADE_OF + key).hexdigest()[:32]
        return Path(self.cache_path) / f"{self._function.rpartition('.')[2]}-{name}.machine"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what was kept; None where nothing was that can be used."""
        target_context.refresh()
        path = self.path(sig, target_context.codegen())
        found = self._read(path, target_context)
        if found is None and Kept.make is not None:
            make, Kept.make = Kept.make, None
            make()
            found = self._read(path, target_context)
        return found

    def _read(self, path: Path, target_context: Any) -> Any:
        try:
            raw = path.read_bytes()
            checksum, data = raw[:_CHECKSUM_BYTES], raw[_CHECKSUM_BYTES:]
            if sha256(data).digest() != checksum:
                log.warning("columns.kept_code_damaged", file=str(path), hint="it is made anew")
                return None
            return self._impl.rebuild(target_context, pickle.loads(data))  # noqa: S301 - our own, as the checksum says
        except FileNotFoundError:
            return None
        except Exception as error:  # whatever it is: without what was kept, code is made anew
            log.warning("columns.kept_code_unusable", file=str(path), reason=repr(error), hint="it is made anew")
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep machine code; where that cannot be, the next process makes it again."""
        path = self.path(sig, data.codegen)
        # Several processes may do this at the same time: each replaces the file with a whole one.
        aside = path.with_suffix(f".{uuid4().hex}")
        try:
            payload = dumps(self._impl.reduce(data))  # type: ignore[no-untyped-call]
            path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(sha256(payload).digest() + payload)
            aside.replace(path)
        except Exception as error:  # a full disk, no rights, something that cannot be written
            log.info("columns.code_not_kept", file=str(path), reason=repr(error))
            with suppress(OSError):
                aside.unlink(missing_ok=True)
