"""Breaker: leaves a channel alone that keeps failing, and lets one message probe it now and then."""

import itertools
import os
import secrets
import threading

from alerts.connection import StoreUnavailableError
from sinks.breakers import CLOSED, Breakers, BreakerState, What
from sinks.contract import ChannelSettings, Failure, Reason
from sinks.stages.contract import Attempt, Clock, Outcome, Stage, failed

_ABOUT_THE_MESSAGE = {Reason.BAD_RECIPIENT, Reason.TEMPLATE, Reason.REJECTED, Reason.NO_RECEIPT}
"""Failures that say nothing about the channel: the next message may well go through."""
_FRESH_US = 200_000
"""For so long what is known of the breaker is good enough; a message through a closed one costs no round trip."""
_AWAY_US = 5_000_000


class Breaker:
    """The circuit breaker of one channel: closed, open, or half open while one message probes.

    All notifiers share it. What others learn is seen within 0.2 s; what this one learns is said at once, but for
    successes while nobody counts a failure. While the store is away it goes by what it knows.

    Args:
        next_stage: asked when the breaker lets the message through.
        clock: of the notifier.
        shared: the breakers in the store.
        name, settings: of the channel.
    """

    def __init__(self, next_stage: Stage, clock: Clock, shared: Breakers, name: str, settings: ChannelSettings) -> None:
        self._next = next_stage
        self._clock = clock
        self._shared = shared
        self._name = name
        self._settings = settings
        self._lock = threading.Lock()
        self._tickets = itertools.count()
        self._me = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._state = CLOSED
        self._fresh_until_us = 0
        self._seen_us = 0

    def __call__(self, attempt: Attempt) -> Outcome:
        """Ask the next stage, unless the breaker is open."""
        token = f"{self._me}-{next(self._tickets)}"
        state = self._enter(token)
        if state.is_open and not state.granted:
            detail = f"{self._name} failed {state.failures} times in a row and is left alone for now"
            return failed(Failure(reason=Reason.BREAKER_OPEN, permanent=False, detail=detail))
        try:
            outcome = self._next(attempt)
        except BaseException:
            if state.granted:
                self._say("nothing", token)
            raise
        self._leave(outcome, token, probed=state.granted)
        return outcome

    @property
    def is_open(self) -> bool:
        """Whether the channel is left alone (or probed). Asks the store when that is not known for some time."""
        return self._known("look", "").is_open

    def _enter(self, token: str) -> BreakerState:
        return self._known("enter", token)

    def _known(self, what: What, token: str) -> BreakerState:
        """Return how the breaker stands, as known, or as the store says."""
        with self._lock:
            now_us = self._clock()
            if self._seen_us <= now_us < self._fresh_until_us:
                return self._state
            self._fresh_until_us = now_us + _FRESH_US  # others go by what is known meanwhile
            self._seen_us = now_us
        return self._say(what, token) or self._state

    def _leave(self, outcome: Outcome, token: str, *, probed: bool) -> None:
        if not outcome.receipts and (outcome.kind == "later" or outcome.failure is not None):
            learnt: What = "nothing"  # a deadline, our own rate limit: nothing was sent
        elif outcome.failure is not None and outcome.failure.reason not in _ABOUT_THE_MESSAGE:
            learnt = "failed"
        else:
            learnt = "worked"
        if learnt == "failed" or probed or (learnt == "worked" and (self._state.failures or self._state.is_open)):
            self._say(learnt, token)

    def _say(self, what: What, token: str) -> BreakerState | None:
        """Say what was learnt; return how the breaker stands then, None while the store is away."""
        settings = self._settings
        try:
            state = self._shared.say(
                self._name,
                what,
                token,
                failures=settings.breaker_failures,
                open_for_us=settings.breaker_open_for,
                probe_us=settings.timeout * 2,
            )
        except StoreUnavailableError:
            # It must not hold up the record of what was sent; a probe that is not given back runs out.
            with self._lock:
                self._fresh_until_us = self._clock() + _AWAY_US
            return None
        with self._lock:
            now_us = self._clock()
            # The grant is the caller's alone; and who may probe it is asked for when the time has come.
            self._state = BreakerState(failures=state.failures, is_open=state.is_open)
            self._seen_us = now_us
            self._fresh_until_us = now_us + (min(_FRESH_US, state.left_us) if state.is_open else _FRESH_US)
        return state
