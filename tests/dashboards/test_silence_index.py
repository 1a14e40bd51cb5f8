"""The index knows of each alert what trying all silences would find."""

from hypothesis import given
from hypothesis import strategies as st

from alerts.silencing import Silence, create
from dashboards.silence_index import SilenceIndex
from tests.support.silences import HOUR_US, NOW_US

MATCHERS = ["service=a", "service=~a|b", "service!=a,zone=x", "zone=x", "zone!=x,service=~.+"]
ALERTS = {f"{service}{zone}": {"service": service, "zone": zone} for service in "abc" for zone in "xy"}


def silence(number: int, matchers: str, hours: int) -> Silence:
    return create(
        str(number), matchers=[matchers], ends_us=NOW_US + hours * HOUR_US, author="kim", comment="x", now_us=NOW_US
    )


moves = st.lists(
    st.one_of(
        st.tuples(st.just("fires"), st.sampled_from(sorted(ALERTS))),
        st.tuples(st.just("ends"), st.sampled_from(sorted(ALERTS))),
        st.tuples(
            st.just("silences"),
            st.dictionaries(st.integers(0, 4), st.tuples(st.sampled_from(MATCHERS), st.integers(1, 3)), max_size=5),
        ),
    ),
    max_size=20,
)


@given(moves=moves, passed=st.integers(0, 2))
def test_it_finds_what_trying_all_finds(moves: list[tuple[str, object]], passed: int) -> None:
    index, firing, known = SilenceIndex(), set[str](), list[Silence]()
    answers: dict[str, list[Silence]] = {}
    now_us = NOW_US + passed * HOUR_US
    for what, about in moves:
        touched = set()
        if what == "silences":
            assert isinstance(about, dict)
            known = [silence(number, *one) for number, one in about.items()]
            touched = index.take(known, now_us)
        else:
            assert isinstance(about, str)
            touched = {about}
            if what == "fires":
                index.add(about, ALERTS[about])
                firing.add(about)
            else:
                index.remove(about)
                firing.discard(about)
        now = {
            print_: [one for one in known if one.ends_us > now_us and one.matches(ALERTS[print_])] for print_ in firing
        }
        assert {print_: list(index.of(print_)) for print_ in firing} == now
        for one in known:
            found = index.about(one)
            assert (found is None) == (one.ends_us <= now_us)
            assert found is None or found == {print_ for print_ in firing if one.matches(ALERTS[print_])}
        changed = {
            print_ for print_ in firing if sorted(map(str, now[print_])) != sorted(map(str, answers.get(print_, [])))
        }
        assert changed <= touched
        answers = now
