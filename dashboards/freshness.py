"""How fresh everything is that a screen shows, and what may be said when nothing is open. Pure: time is an argument.

"All clear" is a sentence with evidence, never the absence of rows: it is said only while the store answers, every feed
gives events, every detector judges, a notifier runs and every channel has proved that it works. If any of it is missing
the sentence is "No open alerts in what we can see", and what is missing.
"""

from collections.abc import Mapping, Sequence

from alerts.statuses import Status
from config.settings import Settings
from dashboards.freshness_layers import channels_layer, detectors_layer, feeds_layer, notifier_layer, store_layer
from dashboards.freshness_model import RANKS, Layer, LayerName, Proof, Sign, State, Truth, ago

__all__ = ["Layer", "LayerName", "Proof", "Sign", "State", "Truth", "ago", "truth"]


def truth(
    settings: Settings,
    statuses: Sequence[Status],
    proofs: Mapping[str, Proof] | None,
    *,
    heard_us: int,
    away: str,
    complete: bool,
    open_: int,
    now_us: int,
    silent: Sequence[Sign] = (),
) -> Truth:
    """Return how fresh everything is.

    Args:
        settings: name the feeds, detectors and channels that there should be.
        statuses: what processes said of themselves last (``mirror.statuses``).
        proofs: of channels, by name; None: they could not be read.
        heard_us: when the store answered last (``mirror.heard_us``).
        away: why it does not (``mirror.away``).
        complete: whether everything was read once (``mirror.complete``).
        open_: how many alerts fire.
        now_us: microseconds UTC.
        silent: parts of feeds that are, as a detector says: :func:`dashboards.freshness_layers.silent_parts`.
    """
    store = store_layer(heard_us, away, complete=complete, now_us=now_us)
    flows = [one for one in statuses if one.kind == "flow"]
    feeds = feeds_layer(settings, flows, now_us, silent)
    detectors = detectors_layer(settings, flows, now_us)
    notifier = notifier_layer(statuses, now_us)
    channels = channels_layer(settings, proofs, now_us)
    layers = (store, feeds, detectors, notifier, channels)
    missing = tuple(layer.says for layer in sorted(layers, key=lambda one: -RANKS[one.state]) if layer.state != "fresh")
    clear = not missing and not open_
    return Truth(
        at_us=now_us,
        store=store,
        feeds=feeds,
        detectors=detectors,
        channels=channels,
        notifier=notifier,
        open=open_,
        clear=clear,
        sentence=_sentence(feeds, channels, open_, missing, now_us),
        missing=missing,
    )


def _sentence(feeds: Layer, channels: Layer, open_: int, missing: Sequence[str], now_us: int) -> str:
    if missing:
        seen = "No open alerts in what we can see" if not open_ else f"{open_} open in what we can see"
        return f"{seen} — {'; '.join(missing)}"
    newest = max((sign.heard_us for sign in feeds.signs if sign.heard_us is not None), default=None)
    tried = max((sign.heard_us for sign in channels.signs if sign.heard_us is not None), default=None)
    parts = [f"{open_} open", feeds.says]
    parts += [] if newest is None else [f"newest event {ago(now_us - newest)} ago"]
    parts += [] if tried is None else [f"self-test delivered {ago(now_us - tried)} ago"]
    return ("" if open_ else "All clear: ") + " · ".join(parts)
