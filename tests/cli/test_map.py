import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from config.shipped import shipped_mapping, shipped_names
from pipeline.cli import app
from pipeline.commands.mapview import View
from pipeline.mapping.trace import Tracer
from tests.cli.support import makegood

ROWS = "order,state,bought\nA1,done,02/03/2026 09:15\nA2,cancelled,02/03/2026 10:40\nA3,done,three o'clock\n"
SETTINGS = """feeds:
  orders:
    type: file
    path: orders.csv
    mapping:
      where: [{field: state, not_equals: cancelled}]
      formats: ["%d/%m/%Y %H:%M"]
      zone: Europe/London
      events:
        - {type: transaction.purchased, id: "{order}/purchased", time: bought, data: {order_id: order, status: state}}
  plain: {type: file, path: events.jsonl}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "orders.csv").write_text(ROWS)
    (tmp_path / "shop.yaml").write_text(SETTINGS)
    return tmp_path


def traced(*arguments: str | Path, stdin: bytes | None = None) -> tuple[int, Any]:
    result = CliRunner().invoke(app, ["map", *map(str, arguments), "--json"], input=stdin, prog_name="makegood")
    return result.exit_code, json.loads(result.stdout)


def test_a_record_that_is_mapped_is_shown_field_by_field_with_its_event(shop: Path) -> None:
    result = makegood("map", "orders", shop / "orders.csv", "--config", shop / "shop.yaml", "--limit", "1")
    assert result.stdout.startswith("record 1: transaction.purchased\n")
    (row,) = [line for line in result.stdout.splitlines() if line.lstrip().startswith("time ")]
    assert row.split(None, 2)[:2] == ["time", "bought"]
    assert '"02/03/2026 09:15"' in row
    assert "time: %d/%m/%Y %H:%M" in row
    assert row.rstrip().endswith("2026-03-02T09:15:00Z")
    assert '"id": "A1/purchased"' in result.stdout
    assert "record 2" not in result.stdout
    assert "\x1b[" not in result.stdout


def test_a_filtered_record_and_a_dead_letter_say_why(shop: Path) -> None:
    result = makegood("map", "orders", shop / "orders.csv", "--config", shop / "shop.yaml")
    assert result.returncode == 1
    assert (
        "record 2: filtered, because where[0] does not hold: state not equals cancelled\n"
        '  where[0]: state not equals cancelled: does not hold ("cancelled")\n'
    ) in result.stdout
    assert "record 3: dead letter, invalid_time: events[0].time: field 'bought': expected a time as" in result.stdout
    assert result.stdout.endswith("3 records: 1 mapped to 1 event, 1 filtered, 1 dead letter (1 invalid_time)\n")


def test_all_records_are_counted_also_those_that_are_not_shown(shop: Path) -> None:
    status, told = traced("orders", shop / "orders.csv", "--config", shop / "shop.yaml", "--limit", "0")
    assert status == 1
    assert told == {
        "feed": "orders",
        "records": 3,
        "mapped": 1,
        "events": 1,
        "filtered": 1,
        "dead_letters": {"invalid_time": 1},
        "traces": [],
    }


def test_the_json_has_every_step(shop: Path) -> None:
    status, told = traced(
        "orders", "-", "--config", shop / "shop.yaml", stdin=ROWS.splitlines()[0].encode() + b"\nA9,new,1/3/2026 8:00\n"
    )
    assert status == 0
    (trace,) = told["traces"]
    assert trace["outcome"] == "mapped"
    assert [event["id"] for event in trace["events"]] == ["A9/purchased"]
    fields = {field["setting"]: field for field in trace["entries"][0]["fields"]}
    assert fields["events[0].data.status"] == {
        "setting": "events[0].data.status",
        "source": "state",
        "raw": "new",
        "steps": [],
        "result": "new",
        "error": None,
    }


@pytest.mark.parametrize("name", shipped_names())
def test_the_published_examples_of_a_provider_are_shown_without_a_settings_file(name: str, tmp_path: Path) -> None:
    records = [example.record for example in shipped_mapping(name).mapping.examples]
    (tmp_path / "sample.json").write_text(json.dumps(records))
    _, told = traced("--use", name, tmp_path / "sample.json", "--limit", "100")
    assert told["records"] == len(records) == len(told["traces"])
    for trace, example in zip(told["traces"], shipped_mapping(name).mapping.examples, strict=True):
        expected = "filtered" if example.filtered else "mapped" if example.expect is not None else "dead_letter"
        assert trace["outcome"] == expected
        made = [entry for entry in trace["entries"] if entry["because"] is None]
        assert len(made) >= len(trace["events"])


@pytest.mark.parametrize(
    ("name", "content", "records"),
    [
        ("one.json", '{\n  "order": "A1",\n  "bought": "1/3/2026 8:00"\n}\n', 1),
        (
            "lines.jsonl",
            '{"order": "A1", "bought": "1/3/2026 8:00"}\n\n{"order": "A2", "bought": "1/3/2026 8:00"}\n',
            2,
        ),
        ("list.json", '[{"order": "A1", "bought": "1/3/2026 8:00"}]', 1),
        ("rows.csv.gz", "order,bought\nA1,1/3/2026 8:00\n", 1),
        ("broken.json", '{\n  "order": "A1",\n  "bought\n}\n', 1),
        ("wide.csv", "order,bought\nA1,1/3/2026 8:00,more\n", 1),
    ],
)
def test_a_sample_comes_in_any_form(name: str, content: str, records: int, shop: Path) -> None:
    data = content.encode()
    (shop / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    settings = SETTINGS.replace("path: orders.csv", "path: orders.jsonl")
    (shop / "shop.yaml").write_text(settings)
    status, told = traced("orders", shop / name, "--config", shop / "shop.yaml")
    assert told["records"] == records
    assert (status == 1) is (name in {"broken.json", "wide.csv"})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["orders", "{shop}/nowhere.csv", "--config", "{shop}/shop.yaml"], "nowhere.csv: No such file"),
        (["other", "{shop}/orders.csv", "--config", "{shop}/shop.yaml"], "there is no feed 'other'; there are: orders"),
        (["plain", "{shop}/orders.csv", "--config", "{shop}/shop.yaml"], "feeds.plain: it has no mapping"),
        (["orders", "{shop}/orders.csv"], "say where the feed is: --config FILE, or --use NAME"),
        (["{shop}/orders.csv"], "give FEED and SAMPLE with --config FILE"),
        (["a", "b", "c", "--use", "zendesk"], "give FEED and SAMPLE"),
        (["{shop}/orders.csv", "--use", "zendsk"], "no such mapping is shipped; there are: bluesky"),
        (["orders", "{shop}/empty.csv", "--config", "{shop}/shop.yaml"], "there is no record in it"),
        (["--suggest", "{shop}/shop.yaml"], "the name does not say the format; give --format"),
        (["--suggest", "{shop}/orders.csv", "--format", "xml"], "--format xml: expected one of jsonl, csv, parquet"),
    ],
)
def test_input_that_cannot_be_used_is_named(arguments: list[str], told: str, shop: Path) -> None:
    (shop / "empty.csv").write_text("order,bought\n")
    result = makegood("map", *(argument.replace("{shop}", str(shop)) for argument in arguments))
    assert result.returncode == 2
    assert told in result.stderr
    assert result.defect is None
    assert result.stdout == ""


def test_a_proposal_passes_check_and_maps_the_sample(shop: Path) -> None:
    sample = shop / "export.csv"
    sample.write_text("ticket,opened,priority,customer\nT1,2026-03-02 09:00,High,c1\nT2,2026-03-02 10:00,Low,c2\n")
    proposed = makegood("map", "--suggest", sample)
    assert proposed.returncode == 0
    (shop / "proposed.yaml").write_text(proposed.stdout)
    checked = makegood("check", "--config", shop / "proposed.yaml")
    assert (checked.returncode, checked.stderr) == (0, "")
    status, told = traced("export", sample, "--config", shop / "proposed.yaml")
    assert status == 0
    assert [event["type"] for trace in told["traces"] for event in trace["events"]] == ["crm.case.opened"] * 2


def test_a_provider_is_recognised_and_its_mapping_proposed(tmp_path: Path) -> None:
    (tmp_path / "hook.json").write_text(json.dumps(shipped_mapping("stripe").mapping.examples[1].record))
    result = makegood("map", "--suggest", tmp_path / "hook.json")
    assert result.returncode == 0
    assert "# this looks like Stripe payments" in result.stdout
    assert "mapping: {use: stripe}" in result.stdout
    (tmp_path / "proposed.yaml").write_text(result.stdout)
    assert makegood("check", "--config", tmp_path / "proposed.yaml").returncode == 0


def test_records_without_a_time_cannot_be_proposed_for(tmp_path: Path) -> None:
    (tmp_path / "colours.csv").write_text("colour,warm\nred,yes\nblue,no\n")
    result = makegood("map", "--suggest", tmp_path / "colours.csv")
    assert result.returncode == 1
    assert "colours.csv: no field holds a time in every record: an event needs one" in result.stderr


def test_the_view_has_colours_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    written = io.StringIO()
    monkeypatch.setattr("sys.stdout", written)
    mapping = shipped_mapping("delighted").mapping
    View().trace("record 1", Tracer(mapping, "delighted")(json.dumps(mapping.examples[0].record).encode()))
    assert "\x1b[" in written.getvalue()
    assert "Your service is fast" in written.getvalue()
