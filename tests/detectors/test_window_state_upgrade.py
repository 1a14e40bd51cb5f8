"""The state of a window detector of 0.1.0: its windows and open alerts go on, what is normal is learned anew."""

import msgspec

from detectors.contract import Context, Progress
from detectors.sentiment_drop import SentimentDropSettings, build
from detectors.windowed import Windowed
from tests.detectors.samples import HOUR_US, START_US, post
from tests.support.combine import combined


def detector() -> Windowed:
    built = build("sentiment_drop", SentimentDropSettings(), Context())
    assert isinstance(built, Windowed)
    return built


def test_an_alert_that_was_open_in_010_goes_on_and_ends() -> None:
    of = detector()
    before = of.state()
    posts = [post(number, START_US + number, 0.3, service="app") for number in range(40)]
    before.update(combined(of, posts), Progress(START_US + HOUR_US, START_US + HOUR_US))
    began_us = START_US + HOUR_US
    episodes = [(("app",), (began_us, began_us, None))]
    kept: tuple[object, ...] = (1, before.assembler.snapshot(), b"", episodes, [], began_us, [("app",)])
    after = of.state()
    after.restore(msgspec.msgpack.encode(kept))
    assert after.decider.is_firing(("app",))
    more = [post(100 + number, began_us + number, 0.3, service="app") for number in range(40)]
    outcome = after.update(combined(of, more), Progress(began_us + HOUR_US, began_us + HOUR_US))
    (change,) = outcome.changes
    assert (change.step, change.starts_at_us, change.at_us) == ("resolved", began_us, began_us + HOUR_US)
    assert outcome.findings[0].count == 40
