from pathlib import Path

import pytest

from config.problems import SettingsError
from config.yamlfile import parse_yaml, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("10:30", "10:30"),
        ("2026-03-02", "2026-03-02"),
        ("2026-03-02T09:00:00Z", "2026-03-02T09:00:00Z"),
        ("010", 10),
        ("0x1f", 31),
        ("0o17", 15),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("true", True),
        ("~", None),
        ("", None),
        ('"true"', "true"),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    read = parse_yaml(f"a: {text}").data["a"]
    assert (type(read), read) == (type(value), value)


def test_keys_are_text() -> None:
    assert parse_yaml("{1: a, true: b, 2026-01-01: c}").data == {"1": "a", "true": "b", "2026-01-01": "c"}


def test_every_key_and_item_knows_its_line() -> None:
    lines = parse_yaml("a:\n  b:\n    - x\n    - c: 1\n").lines
    assert lines["a", "b"] == 2
    assert lines["a", "b", 0] == 3
    assert lines["a", "b", 1, "c"] == 4


def test_a_path_that_is_not_written_has_the_line_of_what_is_around_it() -> None:
    assert parse_yaml("a:\n  b: 1\n").line(("a", "b", "c", 3)) == 2


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "a: is written twice (first on line 1)"),
        ("a:\n  b: 1\n  b: 1\n", 3, "a.b: is written twice"),
        ("a: [1\n", 2, "is not YAML"),
        ("a: 1\n---\nb: 2\n", 2, "another document"),
        ("a: !!python/object:os.system x\n", 1, "could not determine a constructor"),
        ("a: &x [*x]\n", 1, "refers to itself"),
        ("a: {[1]: 2}\n", 1, "must be text"),
        ("\ta: 1\n", 1, "is not YAML"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_with_its_line(text: str, line: int, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_yaml(text, "x.yaml")
    assert caught.value.problems[0].line == line
    assert told in str(caught.value)


def test_deep_nesting_is_refused_and_does_not_crash() -> None:
    with pytest.raises(SettingsError, match=r"nested more than|is not YAML"):
        parse_yaml("[" * 3000 + "]" * 3000)


def test_a_file_that_is_missing_or_binary_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing\.yaml: cannot be read: No such file"):
        read_yaml(tmp_path / "nothing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"a: \xff")
    with pytest.raises(SettingsError, match=r"binary\.yaml: is not UTF-8 text \(byte 3\)"):
        read_yaml(tmp_path / "binary.yaml")


def test_aliases_are_values_of_their_own() -> None:
    assert parse_yaml("a: &x {k: 1}\nb: *x\n").data == {"a": {"k": 1}, "b": {"k": 1}}
