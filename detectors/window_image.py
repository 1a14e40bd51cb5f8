"""The state of a window detector as plain data: what a snapshot holds, and what releases before this one kept."""

from collections.abc import Mapping

import msgspec

from detectors.assembler import ClosedWindow
from detectors.contract import AlertChange, SnapshotVersionError, alert_change
from detectors.decide import DeciderState
from detectors.opening import GroupEpisode
from detectors.panes import Group
from detectors.versions import ShadowState, VersionsState

FORMAT = 2
_FIRST_FORMAT = 1


class MadeFor(msgspec.Struct, array_like=True, frozen=True):
    """The settings without which a state means nothing."""

    group_by: tuple[str, ...]
    size_us: int
    hop_us: int
    width: int


class WindowsImage(msgspec.Struct, array_like=True, frozen=True):
    """All of a state; ``scorer`` is empty where the models are kept apart.

    Attributes:
        told_as: labels of the alerts, besides those of their groups; empty: of a release that did not keep them.
        owed: changes that are to be told with the next ones.
    """

    version: int
    assembler: bytes
    scorer: bytes
    decider: DeciderState
    pending: list[tuple[ClosedWindow, bytes, float, bool]]
    last_end_us: int
    groups: list[Group]
    made_for: MadeFor
    versions: VersionsState = VersionsState()
    told_as: dict[str, str] = {}
    owed: list[AlertChange] = []


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


def image_of_others(state: bytes) -> WindowsImage | None:
    """Return a state that other settings may have made; None when it cannot be read."""
    try:
        decoded = _DECODER.decode(state)
    except msgspec.DecodeError:
        return None
    return decoded if decoded.version == FORMAT else None


def ended(image: WindowsImage, labels: Mapping[str, str], why: str) -> list[AlertChange]:
    """Return the changes that end the open alerts of a state, as of its last windows.

    Args:
        image: the state.
        labels: of its alerts, besides those of their groups, where the state does not say.
        why: they end, in words.
    """
    told_as = image.told_as or labels
    return [
        alert_change(
            step="resolved",
            at_us=image.last_end_us,
            status="resolved",
            labels={**dict(zip(image.made_for.group_by, group, strict=True)), **told_as},
            annotations={
                "summary": f"{', '.join(filter(None, group)) or 'All'}: {why}",
                "description": f"Resolved without a further look: {why}. What goes on fires anew.",
                "reason": why,
            },
            starts_at_us=episode.starts_at_us,
            ends_at_us=image.last_end_us,
        )
        for group, episode in image.decider.episodes
        if episode.starts_at_us is not None
    ]


def without_alerts(state: bytes) -> bytes | None:
    """Return a state as it was but for its alerts, which were ended by others; None when it cannot be read."""
    image = image_of_others(state)
    if image is None:
        return None
    versions = msgspec.structs.replace(
        image.versions,
        shadows=[
            ShadowState(shadow.version, shadow.changes, _without_episodes(shadow.decider))
            for shadow in image.versions.shadows
        ],
    )
    left = msgspec.structs.replace(image, decider=_without_episodes(image.decider), versions=versions, owed=[])
    return msgspec.msgpack.encode(left)


def _without_episodes(decider: DeciderState) -> DeciderState:
    return DeciderState([], decider.budget, decider.discovery)
