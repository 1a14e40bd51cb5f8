from pathlib import Path

import pytest

from config.loader import load, validate
from config.problems import SettingsError, dotted
from config.yamlfile import parse_yaml
from tests.config.models import Pager, Root


def problems(text: str) -> dict[str, tuple[int | None, str]]:
    with pytest.raises(SettingsError) as caught:
        validate(parse_yaml(text), Root)
    return {dotted(problem.path): (problem.line, problem.message) for problem in caught.value.problems}


def test_an_unknown_key_is_refused_with_path_line_and_suggestion() -> None:
    told = problems("channels:\n  x:\n    type: pager\n    mod: soft\n")
    line, message = told["channels.x.mod"]
    assert line == 4
    assert message.startswith("unknown key 'mod'. Did you mean 'mode'? Known here: type, wait, mode, ")


def test_an_unknown_key_at_the_root_names_the_sections() -> None:
    assert (
        "Did you mean 'channels'? Known here: channels, tiers, extra, number" in problems("chanels: {}\n")["chanels"][1]
    )


def test_several_errors_are_reported_at_once_in_the_order_of_the_file() -> None:
    text = "channels:\n  x: {type: pager, wait: 5}\n  y: {type: page}\n  z: {mode: 1}\ntiers: 3\nnumbr: 1\n"
    with pytest.raises(SettingsError) as caught:
        validate(parse_yaml("channels:\n  x: {type: pager, wait: five}\n" + text.split("\n", 2)[2], "f.yaml"), Root)
    assert [problem.line for problem in caught.value.problems] == [2, 3, 4, 5, 6]
    assert str(caught.value).splitlines()[0].startswith("f.yaml:2: channels.x.wait: 'five' is not a duration")


def test_an_unknown_component_is_refused_with_a_suggestion() -> None:
    assert problems("channels:\n  x: {type: pagr}\n")["channels.x"] == (
        2,
        "unknown type 'pagr'. Did you mean 'pager'? There are: pager, table",
    )


def test_a_component_without_type_is_refused() -> None:
    assert "the key 'type' is missing" in problems("channels:\n  x: {mode: loud}\n")["channels.x"][1]


def test_a_value_out_of_a_closed_set_is_refused_with_a_suggestion() -> None:
    message = problems("channels:\n  x: {type: pager, mode: lod}\n")["channels.x.mode"][1]
    assert message == "'lod' is not known; it is one of 'loud' or 'soft'. Did you mean 'loud'?"


def test_a_missing_key_is_named_with_its_meaning() -> None:
    assert problems("tiers:\n  - others: []\n")["tiers[0].channel"] == (2, "is missing; who is called")


def test_a_name_that_is_also_a_type_does_not_confuse_the_path() -> None:
    told = problems("channels:\n  table: {type: table, size: x}\n  type: {type: table, size: y}\n")
    assert set(told) == {"channels.table.size", "channels.type.size"}
    assert told["channels.type.size"] == (3, "must be a whole number")


def test_a_value_of_several_kinds_is_told_once_with_all_of_them() -> None:
    assert problems("number: {a: 1}\n")["number"][1] == "must be a whole number or a list"


def test_of_several_kinds_the_one_that_was_meant_is_explained() -> None:
    told = problems(
        "channels:\n  x:\n    type: table\n    size: 1\n    mapping:\n      events:\n"
        "        - type: {feild: kind}\n          id: a\n          time: t\n"
    )
    assert set(told) == {"channels.x.mapping.events[0].type.feild"}
    assert "Did you mean 'field'?" in told["channels.x.mapping.events[0].type.feild"][1]


def test_a_reference_to_what_is_not_there_is_refused_wherever_it_stands() -> None:
    told = problems(
        "channels:\n  desk: {type: pager}\ntiers:\n"
        "  - channel: dest\n    others: [desk, nobody]\n    by_team:\n      web: webb\n"
    )
    assert told["tiers[0].channel"] == (
        4,
        "no entry of 'channels' is called 'dest'. Did you mean 'desk'? There are: desk",
    )
    assert set(told) == {"tiers[0].channel", "tiers[0].others[1]", "tiers[0].by_team.web"}
    assert told["tiers[0].by_team.web"][0] == 7


@pytest.mark.parametrize("line", ["password: hunter2", "password: [hunter2]", "token: hunter2"])
def test_a_secret_that_was_written_into_the_file_is_not_repeated(line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        validate(parse_yaml(f"channels:\n  x: {{type: pager, {line}}}\n"), Root)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value)


def test_a_secret_in_the_file_is_answered_with_where_it_belongs() -> None:
    message = problems("channels:\n  x: {type: pager, password: hunter2}\n")["channels.x.password"][1]
    assert message == "a secret is never written here: write {env: NAME} or {file: PATH}, and keep it there"


def test_written_paths_start_at_the_file_and_defaults_at_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "channels:\n  a: {type: pager, log: logs/a.log, password: {file: secret}}\n  b: {type: pager}\n"
        "  c: {type: pager, log: /var/log/c}\n  d: {type: pager, log: ~/d}\n"
    )
    channels = load(tmp_path / "s.yaml", Root).settings.channels
    logs = {name: pager.log for name, pager in channels.items() if isinstance(pager, Pager)}
    assert logs["a"] == tmp_path / "logs/a.log"
    assert logs["b"] == Path("pager.log")
    assert logs["c"] == Path("/var/log/c")
    assert logs["d"] == Path.home() / "d"
    pager = channels["a"]
    assert isinstance(pager, Pager)
    assert pager.password is not None
    assert pager.password.file == tmp_path / "secret"


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("# nothing yet\n")
    assert load(tmp_path / "s.yaml", Root).settings == Root()


@pytest.mark.parametrize("text", ["[1]", "text", "3"])
def test_a_file_that_is_no_mapping_is_refused(text: str) -> None:
    assert problems(text)[""][1].startswith("must be a mapping of keys to values, but is a ")


def test_a_number_without_a_unit_is_no_duration_in_a_file() -> None:
    line, message = problems("channels:\n  x: {type: pager, wait: 30}\n")["channels.x.wait"]
    assert line == 2
    assert message == "30 has no unit: write it like 30s, 30m or 30h"
