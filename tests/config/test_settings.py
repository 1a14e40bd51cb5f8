from pathlib import Path
from typing import Literal

import pytest

from config.base import ComponentSettings
from config.components import Registry
from config.loader import load
from config.problems import SettingsError
from config.settings import Settings, UndiscriminatedError, build_settings_model
from pipeline.assembly import load_settings, settings_model


class Left(ComponentSettings):
    type: Literal["left"]
    x: float = 0.0


class Right(ComponentSettings):
    type: Literal["right"] = "right"
    y: int


def registry(**models: type[ComponentSettings]) -> "Registry[type[dict[str, object]]]":
    made: Registry[type[dict[str, object]]] = Registry("detector")
    for name, model in models.items():
        made.register(name, model)(dict)
    return made


def model(**models: type[ComponentSettings]) -> type[Settings]:
    return build_settings_model(detectors=registry(**models), channels=registry(), feeds=registry())


def test_the_model_is_made_of_what_is_registered() -> None:
    settings = model(left=Left, right=Right).model_validate({"detectors": {"a": {"type": "right", "y": 3}}})
    assert settings.detectors["a"] == Right(y=3)


def test_a_component_that_does_not_narrow_its_type_stops_the_program() -> None:
    with pytest.raises(
        UndiscriminatedError, match=r'settings of detector \'wrong\' \(Left\) need the field type: Literal\["wrong"\]'
    ):
        model(wrong=Left)


def test_everything_has_a_default(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("")
    settings = load_settings(tmp_path / "empty.yaml").settings
    assert settings.time.lateness == 300_000_000
    assert settings.flow.shards == 8


@pytest.mark.parametrize("number", [".nan", ".inf", "-.inf"])
def test_numbers_are_finite(number: str, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(f"detectors:\n  a: {{type: left, x: {number}}}\n")
    with pytest.raises(SettingsError, match=r"detectors\.a\.x: must be a finite number"):
        load(tmp_path / "m.yaml", model(left=Left, right=Right))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("time: {lateness: -5m}", "time.lateness: '-5m' is not a duration"),
        ("flow: {shards: 0}", "flow.shards: 0: must be greater than or equal to 1"),
        ("metrics: {listen: localhost}", "metrics.listen: "),
        ("feeds: {'a b': {type: file, path: x}}", "feeds.a b: "),
        ("route: {receiver: nobody}", "route.receiver: no entry of 'receivers' is called 'nobody'."),
        ("route: {routes: []}", "the root route names no receiver"),
    ],
)
def test_values_out_of_range_are_refused(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(text + "\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path / "m.yaml")
    assert told in str(caught.value)


def test_what_cannot_be_built_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(
        "feeds:\n  a:\n    type: file\n    path: x.csv\n    mapping:\n"
        "      events: [{type: crm.case.open, id: x, time: t}]\n"
        "channels:\n  hook: {type: webhook}\n"
    )
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path / "m.yaml")
    assert "exactly one of `url` and `url_secret`" in str(caught.value)
    (tmp_path / "m.yaml").write_text((tmp_path / "m.yaml").read_text().replace("webhook", "console"))
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path / "m.yaml")
    (problem,) = caught.value.problems
    assert (problem.path, problem.line) == (("feeds", "a", "mapping"), 5)
    assert "crm.case.open" in problem.message


def test_the_model_is_made_once() -> None:
    assert settings_model() is settings_model()
