"""The state of a window detector as plain data: what a snapshot holds, and what releases before this one kept."""

import msgspec

from detectors.assembler import ClosedWindow
from detectors.contract import SnapshotVersionError
from detectors.decide import DeciderState
from detectors.opening import GroupEpisode
from detectors.panes import Group
from detectors.versions import VersionsState

FORMAT = 2
_FIRST_FORMAT = 1


class MadeFor(msgspec.Struct, array_like=True, frozen=True):
    """The settings without which a state means nothing."""

    group_by: tuple[str, ...]
    size_us: int
    hop_us: int
    width: int


class WindowsImage(msgspec.Struct, array_like=True, frozen=True):
    """All of a state; ``scorer`` is empty where the models are kept apart."""

    version: int
    assembler: bytes
    scorer: bytes
    decider: DeciderState
    pending: list[tuple[ClosedWindow, bytes, float, bool]]
    last_end_us: int
    groups: list[Group]
    made_for: MadeFor
    versions: VersionsState = VersionsState()


class WindowsImageOf010(msgspec.Struct, array_like=True, frozen=True):
    """What 0.1.0 kept. Its models were others; its windows and alerts are ours."""

    version: int
    assembler: bytes
    scorer: bytes
    episodes: list[tuple[Group, GroupEpisode]]
    pending: list[tuple[ClosedWindow, bytes, float]]
    last_end_us: int
    groups: list[Group]


class _Head(msgspec.Struct, array_like=True, frozen=True):
    version: int


_DECODER = msgspec.msgpack.Decoder(WindowsImage)
_DECODER_OF_010 = msgspec.msgpack.Decoder(WindowsImageOf010)


def decode_010(state: bytes) -> WindowsImageOf010 | None:
    """Return a state of 0.1.0; None when it is none."""
    try:
        version = msgspec.msgpack.decode(state, type=_Head).version
    except msgspec.DecodeError:
        return None
    return _DECODER_OF_010.decode(state) if version == _FIRST_FORMAT else None


def decode_image(state: bytes, name: str, made_for: MadeFor) -> WindowsImage:
    """Return the state of detector ``name``.

    Raises:
        SnapshotVersionError: when it is of another format, or was made with other groups or windows.
    """
    try:
        decoded = _DECODER.decode(state)
    except msgspec.DecodeError as error:
        msg = f"the snapshot of detector {name!r} cannot be read: {error}"
        raise SnapshotVersionError(msg) from error
    if decoded.version != FORMAT:
        msg = f"the snapshot of detector {name!r} has format {decoded.version}, expected {FORMAT}"
        raise SnapshotVersionError(msg)
    if decoded.made_for != made_for:
        msg = f"the snapshot of detector {name!r} is of other groups or windows: the settings changed"
        raise SnapshotVersionError(msg)
    return decoded
