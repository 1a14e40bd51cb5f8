"""How one life goes on: facts are applied in their order, deadlines pass between them, what is old becomes a state."""

from typing import Any

from detectors.contract import NEVER_US
from detectors.lives.alive import Alive
from detectors.lives.life import Life, Script, run_to

MOST_FACTS = 256
"""Of a life with more facts than this the older ones are not kept, even within the retention."""


def live(life: Life[Any], alive: Alive, until_us: int, script: Script) -> None:
    """Apply the facts before an instant that are not applied yet, and let deadlines before it pass."""
    state, facts, done, next_us = alive.tip, alive.facts, alive.done, alive.next_us
    while done < len(facts) and facts[done].at_us < until_us:
        fact = facts[done]
        run_to(life, state, fact.at_us, script, next_us)
        life.apply(state, fact, script)
        next_us = None
        done += 1
    alive.done = done
    alive.next_us = run_to(life, state, until_us, script, next_us)


def next_look_us(life: Life[Any], alive: Alive) -> int:
    """Return when to look at a life again; :data:`~detectors.contract.NEVER_US`: it need not be kept any more."""
    facts = alive.facts
    next_us = life.next_us(alive.tip) if alive.next_us is None else alive.next_us
    if alive.done < len(facts):
        return min(next_us, facts[alive.done].at_us)
    if not life.is_empty(alive.tip):
        return next_us
    if not alive.told and alive.base is None and not any(map(life.is_seed, facts)):
        return NEVER_US
    last_us = max(
        facts[-1].at_us if facts else alive.horizon_us,
        max((told.ends_us or told.episode.starts_us for told in alive.told.values()), default=NEVER_US),
    )
    return last_us + life.retention_us


def seal(life: Life[Any], alive: Alive, watermark_us: int) -> None:
    """Put facts that are older than the retention (or too many) into the state from which the life is relived."""
    facts, done = alive.facts, alive.done
    if not done:
        return
    horizon_us = watermark_us - life.retention_us
    if done > MOST_FACTS:
        horizon_us = max(horizon_us, facts[done // 2].at_us)
    if facts[0].at_us >= horizon_us:
        return
    script = Script(mute=True)
    state = alive.beginning(life)
    count = 0
    for fact in facts[:done]:
        if fact.at_us >= horizon_us:
            break
        run_to(life, state, fact.at_us, script)
        life.apply(state, fact, script)
        count += 1
    run_to(life, state, horizon_us, script)
    # A state of which nothing can come is like that of a life that has not begun.
    alive.seal(None if life.is_empty(state) else state, count, horizon_us, script.entries)
