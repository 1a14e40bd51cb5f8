"""What every state of a wrapped model begins with, so that no model takes over what is not its own."""

from importlib.metadata import version

import msgspec

from config.base import SettingsModel

_FORMAT = 1


class StateError(Exception):
    """A state does not belong to the model that was asked to take it over: other settings, format or version."""


class Envelope(msgspec.Struct, array_like=True, frozen=True):
    """What every state begins with.

    Attributes:
        format: of this envelope.
        settings: of the model, as JSON: its parameters are part of what its numbers mean.
        river: version of River, where the payload is River's own bytes; else empty.
        payload: the state of the model itself.
    """

    format: int
    settings: str
    river: str
    payload: msgspec.Raw


def sealed(settings: SettingsModel, payload: msgspec.Struct, *, opaque: bool) -> bytes:
    """Return a state as bytes. ``opaque``: River's own bytes are in it, which another version may not read."""
    raw = msgspec.Raw(msgspec.msgpack.encode(payload))
    return msgspec.msgpack.encode(Envelope(_FORMAT, _text(settings), version("river") if opaque else "", raw))


def opened(settings: SettingsModel, state: bytes) -> bytes:
    """Return the payload of a state.

    Raises:
        StateError: when it is not a state of a model with these settings.
    """
    try:
        envelope = msgspec.msgpack.decode(state, type=Envelope)
    except msgspec.DecodeError as error:
        msg = f"this is not the state of a model ({error}); let the model learn anew"
        raise StateError(msg) from error
    if envelope.format != _FORMAT:
        msg = f"the state has format {envelope.format}, this version reads {_FORMAT}; let the model learn anew"
        raise StateError(msg)
    if envelope.settings != _text(settings):
        msg = f"the state is of {envelope.settings}, the model of {_text(settings)}; let the model learn anew"
        raise StateError(msg)
    if envelope.river and envelope.river != version("river"):  # asked only where it matters: it reads files
        msg = f"the state is of River {envelope.river}, this is {version('river')}; let the model learn anew"
        raise StateError(msg)
    return bytes(envelope.payload)


def _text(settings: SettingsModel) -> str:
    return settings.model_dump_json(by_alias=True)
