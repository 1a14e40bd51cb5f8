import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from config.describe import meanings, members
from config.schema import json_schema
from config.yamlfile import read_yaml
from pipeline.assembly import load_settings, settings_model
from tests.docs.generated import FILES, REPO

EXAMPLES = sorted((REPO / "config" / "examples").glob("*.yaml"))


@pytest.mark.parametrize("name", FILES)
def test_generated_files_are_up_to_date(name: str) -> None:
    assert (REPO / name).read_text(encoding="utf-8") == FILES[name](), f"{name} is out of date; run: make generate"


def test_the_schema_is_a_valid_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema(settings_model()))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_loads_and_fits_the_schema(path: Path) -> None:
    load_settings(path)
    jsonschema.validate(read_yaml(path).data, json.loads((REPO / "config/makegood.schema.json").read_text()))


def test_the_schema_refuses_what_the_loader_refuses() -> None:
    schema = json.loads((REPO / "config/makegood.schema.json").read_text())
    wrongs: list[dict[str, Any]] = [
        {"detectrs": {}},
        {"detectors": {"x": {"type": "no_such"}}},
        {"time": {"lateness": 5}},
    ]
    for wrong in wrongs:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def models(model: type[BaseModel], seen: set[type[BaseModel]]) -> set[type[BaseModel]]:
    def walk(annotation: Any) -> None:
        for member in members(annotation):
            if isinstance(member, type) and issubclass(member, BaseModel):
                models(member, seen)
            else:
                for argument in getattr(member, "__args__", ()):
                    walk(argument)

    if model not in seen:
        seen.add(model)
        for field in model.model_fields.values():
            walk(field.annotation)
    return seen


UNEXPLAINED = {
    "type": "the kind of component, which its section explains",
    **dict.fromkeys(
        (
            *("case_id", "order_id", "status", "priority", "queue", "service", "region", "channel", "to", "reason"),
            *(
                "deadline",
                "sentiment",
                "text",
                "score",
                "scale",
                "amount",
                "currency",
                "latency_ms",
                "author",
                "labels",
            ),
        ),
        "fields of events, which the event explains",
    ),
    "from_": "one end of a straight line",
}


def test_every_setting_has_a_meaning() -> None:
    unexplained = [
        f"{model.__qualname__}.{name}"
        for model in sorted(models(settings_model(), set()), key=lambda model: model.__qualname__)
        for name in model.model_fields
        if name not in meanings(model) and name not in UNEXPLAINED
    ]
    assert unexplained == []
