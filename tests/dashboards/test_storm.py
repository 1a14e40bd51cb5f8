from dashboards.storm import StormRule

NOW = 1_800_000_000_000_000
MINUTE = 60_000_000


def waiting(count: int, *, lines: int = 1, since_us: int = NOW - 60 * MINUTE) -> list[tuple[tuple[str, str], int]]:
    return [(("Slow", f"s{number % lines}"), since_us) for number in range(count)]


def test_a_storm_begins_at_once_and_ends_after_five_calm_minutes() -> None:
    rule = StormRule()

    def look(count: int, minute: float) -> bool:
        return rule.since(waiting(count), NOW + int(minute * MINUTE)) is not None

    found = [look(99, 0), look(100, 1), look(70, 2), look(49, 3), look(49, 7.9), look(49, 8), look(49, 9)]
    assert found == [False, True, True, True, True, False, False]


def test_what_comes_again_within_the_calm_minutes_holds_the_storm() -> None:
    rule = StormRule()
    counts = [(100, 0), (10, 1), (60, 4), (10, 5), (10, 9), (10, 10)]
    found = [rule.since(waiting(count), NOW + minute * MINUTE) for count, minute in counts]
    assert found == [NOW, NOW, NOW, NOW, NOW, None]


def test_a_flood_is_a_storm_only_where_its_rows_do_not_fit_on_a_page() -> None:
    new = {"since_us": NOW - MINUTE}
    assert StormRule().since(waiting(90, lines=50, **new), NOW) is None
    assert StormRule().since(waiting(90, lines=51, **new), NOW) == NOW
    assert StormRule().since(waiting(90, lines=51), NOW) is None, "none of them is new"
