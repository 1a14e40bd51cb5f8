"""Whatever happens, the board answers what it would if it had just been made; and any alert is well-formed JSON."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from alerts.changelog import Seq
from alerts.push_model import Given, steps
from alerts.response_model import Acknowledgement
from alerts.silencing import create
from config.matchers import Matcher, matches_all, parse_matcher
from config.settings import Settings
from dashboards.api.v2.board import Board
from dashboards.api.v2.found import Labels
from dashboards.api.v2.wanted import Wanted
from dashboards.mirror import Mirror, Read
from tests.dashboards.api.v2.conftest import SETTINGS
from tests.support.alerts import MINUTE_US, START_US, change

MADE = Settings.model_validate(SETTINGS)
TIMEOUT_US = 5 * MINUTE_US
KEYS = {"annotations", "endsAt", "fingerprint", "labels", "receivers", "startsAt", "status", "updatedAt"}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def read(*, labels: dict[str, str], annotations: dict[str, str], now_us: int = START_US, **other: Any) -> Read:
    given_ = Given(labels=labels, annotations=annotations, **other)
    (step,) = steps(None, given_, now_us, TIMEOUT_US, before=None)
    assert step.change is not None
    return Read(fingerprint=step.change.fingerprint, change=step.change, seq=Seq(1), pushed=step.pushed)


@given(
    labels=st.dictionaries(texts.filter(bool), texts.filter(bool), min_size=1, max_size=4),
    annotations=st.dictionaries(texts, texts, max_size=3),
    generator=texts,
    starts_us=st.integers(-(10**16), 10**17),
)
def test_any_alert_is_whole_with_texts_and_zoned_times(
    labels: dict[str, str], annotations: dict[str, str], generator: str, starts_us: int
) -> None:
    mirror = Mirror(MADE)
    mirror.take(
        [read(labels=labels, annotations=annotations, generator=generator, starts_us=starts_us)], Seq(1), START_US
    )
    (alert,) = json.loads(Board(mirror, TIMEOUT_US).answer(Wanted(), START_US))
    assert alert.keys() - {"generatorURL"} == KEYS
    assert alert["labels"] == labels
    assert alert["annotations"] == annotations
    assert alert.get("generatorURL", "") == generator
    assert all(alert[name].endswith("Z") and len(alert[name]) == 24 for name in ("startsAt", "endsAt", "updatedAt"))


SERVICES = ["a", "b", "c"]
moves = st.lists(
    st.one_of(
        st.tuples(st.just("fire"), st.sampled_from(SERVICES), st.sampled_from(["warning", "critical"]), texts),
        st.tuples(st.just("end"), st.sampled_from(SERVICES), st.sampled_from(["warning", "critical"]), st.none()),
        st.tuples(st.just("ack"), st.sampled_from(SERVICES), st.integers(1, 9), st.none()),
        st.tuples(st.just("silence"), st.sampled_from(SERVICES), st.integers(0, 3), st.integers(1, 9)),
        st.tuples(st.just("outage"), st.sampled_from(SERVICES), st.booleans(), st.none()),
        st.tuples(st.just("wait"), st.just(""), st.integers(0, 4), st.none()),
        st.tuples(st.just("look"), st.just(""), st.none(), st.none()),
    ),
    max_size=25,
)
ASKED = [
    Wanted(),
    Wanted(matchers=(parse_matcher("service=a"), parse_matcher("severity!=warning"))),
    Wanted(active=False),
    Wanted(silenced=False, inhibited=False, receiver=lambda name: name == "boss"),
]


@given(moves=moves)
def test_it_answers_what_a_new_one_would(moves: list[tuple[str, str, Any, Any]]) -> None:
    mirror = Mirror(MADE)
    board = Board(mirror, TIMEOUT_US)
    now_us, silences = START_US, {}
    for number, (what, service, this, that) in enumerate(moves):
        seq = Seq(1000 + number)
        if what == "wait":
            now_us += this * MINUTE_US
        elif what in {"fire", "end", "outage"}:
            name = "Outage" if what == "outage" else "Slow"
            severity = "critical" if what == "outage" else this
            step = "resolved" if what == "end" or (what == "outage" and not this) else "firing"
            made = change(name, step=step, service=service, severity=severity, summary=str(that))
            mirror.take([Read(fingerprint=made.fingerprint, change=made, seq=seq)], seq, now_us)
        elif what == "ack":
            for alert in [one for one in mirror.alerts.values() if one.labels["service"] == service]:
                ack = Acknowledgement(
                    by="ann", at_us=now_us, until_us=now_us + this * MINUTE_US, episode=alert.change.starts_at_us
                )
                one = Read(fingerprint=alert.fingerprint, change=alert.change, seq=seq, acknowledgement=ack)
                mirror.take([one], seq, now_us)
        elif what == "silence":
            silences[this] = create(
                str(this), matchers=[f"service={service}"], ends_us=now_us + that * MINUTE_US, author="kim",
                comment="x", now_us=now_us,
            )  # fmt: skip
            mirror.take_silences(list(silences.values()), now_us)
        fresh = Board(mirror, TIMEOUT_US)
        for asked in ASKED:
            assert board.answer(asked, now_us) == fresh.answer(asked, now_us)


label_sets = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["x", "y", "xy", "z"]), max_size=3)
matchers = st.builds(
    Matcher,
    st.sampled_from("abcd"),
    st.sampled_from(["=", "!=", "=~", "!~"]),
    st.sampled_from(["", "x", "y", "x.*", ".+", ".*", "x|y", "nothing"]),
)


@given(
    given_=st.lists(label_sets, max_size=12),
    gone=st.sets(st.integers(0, 11)),
    asked=st.lists(st.lists(matchers, max_size=3), max_size=4),
)
def test_alerts_are_found_as_by_trying_each(
    given_: list[dict[str, str]], gone: set[int], asked: list[list[Matcher]]
) -> None:
    labels = Labels()
    alerts = {f"{number:02}": one for number, one in enumerate(given_)}
    for print_, one in alerts.items():
        labels.add(print_, one)
        for some in asked:
            labels.find(some)  # what is remembered must not stay when it is wrong
    for print_ in [print_ for print_ in alerts if int(print_) in gone]:
        labels.remove(print_, alerts.pop(print_))
    for some in asked:
        assert labels.find(some) == sorted(print_ for print_, one in alerts.items() if matches_all(some, one))
