import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer.main
from typer.testing import CliRunner

from pipeline.cli import app
from tests.cli.support import makegood, makegood_process

run = CliRunner()


def commands() -> Iterator[tuple[str, ...]]:
    def walk(command: object, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        below = getattr(command, "commands", None)
        if below is None:
            yield path
        else:
            for name, child in sorted(below.items()):
                yield from walk(child, (*path, name))

    yield from walk(typer.main.get_command(app), ())


ALL = list(commands())
WITH_CONFIG = [path for path in ALL if path[0] in {"run", "flow", "notifier", "replay", "check", "alerts"}]


def test_the_commands_are_those_that_users_rely_on() -> None:
    missing = {
        "ack",
        "alerts",
        "backtest",
        "check",
        "comment",
        "deadletters list",
        "deadletters prune",
        "deadletters replay",
        "deadletters show",
        "demo",
        "duty",
        "explain",
        "flow",
        "history",
        "incidents list",
        "incidents show",
        "ingest",
        "maintenance",
        "map",
        "notifier",
        "promises",
        "promote",
        "reassign",
        "repartition",
        "replay",
        "rescale",
        "resolve",
        "rollback",
        "routes test",
        "routes tree",
        "run",
        "schema",
        "sentiment evaluate",
        "sentiment learn",
        "sentiment score",
        "sentiment show",
        "shadow",
        "silence add",
        "silence edit",
        "silence expire",
        "silence list",
        "silence preview",
        "silence show",
        "test",
        "tune",
        "unack",
        "verdict",
    } - {" ".join(path) for path in ALL}
    assert not missing


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_help_with_an_example(path: tuple[str, ...]) -> None:
    result = run.invoke(app, [*path, "--help"])
    assert result.exit_code == 0
    assert f"$ makegood {' '.join(path)}" in result.output


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_an_unknown_option_is_unusable_input(path: tuple[str, ...]) -> None:
    assert run.invoke(app, [*path, "--no-such-option"]).exit_code == 2


@pytest.mark.parametrize("path", WITH_CONFIG, ids=" ".join)
def test_a_broken_settings_file_is_told_with_line_and_field_and_without_traceback(
    path: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "m.yaml").write_text("feeds: {}\ndetectrs: {}\n")
    more = ["--out", str(tmp_path / "alerts.jsonl")] if path == ("replay",) else []
    result = makegood(*path, "--config", tmp_path / "m.yaml", *more)
    assert result.returncode == 2
    assert (
        f"makegood: {tmp_path}/m.yaml:2: detectrs: unknown key 'detectrs'. Did you mean 'detectors'?" in result.stderr
    )
    assert result.defect is None
    assert result.stdout == ""


def test_errors_are_messages_in_a_process_too(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("detectrs: {}\n")
    result = makegood_process("check", "--config", "m.yaml", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("makegood: m.yaml:1: detectrs: unknown key")
    assert "Traceback" not in result.stderr


def test_a_missing_settings_file_is_named() -> None:
    result = makegood("check", "--config", "/nowhere/m.yaml")
    assert result.returncode == 2
    assert (
        result.stderr
        == "makegood: /nowhere/m.yaml: cannot be read: No such file or directory; give the path of a YAML file\n"
    )


def test_help_does_not_load_the_engine_nor_the_detectors() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from pipeline.cli import app;"
        "CliRunner().invoke(app, ['replay', '--help']);"
        "print(sorted({'bytewax', 'river', 'scipy', 'pyarrow', 'redis', 'httpx'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_settings_do_not_load_slow_libraries_that_nothing_in_them_needs(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(
        "feeds: {posts: {type: file, path: posts.jsonl}}\ndetectors: {mood: {type: sentiment_drop}}\n"
    )
    code = (
        "import sys; from pathlib import Path; from pipeline.assembly import load_settings;"
        "load_settings(Path('m.yaml'));"
        "slow = {'bytewax', 'river.anomaly', 'river.drift', 'sqlalchemy', 'pyarrow', 'twilio'};"
        "print(sorted(slow & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert told.stdout == "[]\n"


def test_a_wrong_log_level_is_refused() -> None:
    result = run.invoke(app, ["--log-level", "loud", "schema"])
    assert result.exit_code == 2
    assert "debug, info, warning, error" in click.unstyle(result.output)


def test_the_version_is_shown() -> None:
    result = run.invoke(app, ["--version"])
    assert (result.exit_code, result.output.count(".")) == (0, 2)


@pytest.mark.parametrize("feed", ["orders", "=x", "orders=", "orders=/nowhere/x.csv"])
def test_a_feed_option_that_cannot_be_used_is_named(feed: str, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("feeds: {}\n")
    result = makegood("replay", "--config", tmp_path / "m.yaml", "--feed", feed, "--out", tmp_path / "a")
    assert result.returncode == 2
    assert f"--feed {feed}: " in result.stderr
    assert result.defect is None


def test_commands_that_need_sections_say_which(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("feeds: {}\n")
    for command, sections in (("flow", "feeds, detectors"), ("notifier", "channels, receivers, route")):
        result = makegood(command, "--config", tmp_path / "m.yaml")
        assert (result.returncode, f"the settings have no {sections};" in result.stderr) == (2, True)


def test_check_as_json_lists_problems_with_path_and_line(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("flow:\n  shards: none\n")
    result = makegood("check", "--config", tmp_path / "m.yaml", "--json")
    assert result.returncode == 2
    told = json.loads(result.stdout)
    assert told["usable"] is False
    assert told["problems"] == [{"path": "flow.shards", "line": 2, "message": told["problems"][0]["message"]}]


def test_check_notes_a_secret_that_is_not_here_and_settings_that_watch_nothing(tmp_path: Path) -> None:
    config = tmp_path / "makegood.yaml"
    config.write_text(
        "channels:\n  pager: {type: webhook, url: 'https://pager.example.com/', bearer_token: {env: NO_SUCH_TOKEN}}\n"
        "receivers:\n  on-call: {tiers: [{channel: pager}]}\nroute: {receiver: on-call}\n"
    )
    told = makegood("check", "--config", config)
    assert told.returncode == 0
    assert "note: channels.pager.bearer_token: the environment variable NO_SUCH_TOKEN is not set" in told.stdout
    assert "note: nobody outside notices when Makegood itself is gone" in told.stdout
    assert "note: there are no feeds and no detectors: nothing is watched" in told.stdout
    assert told.stdout.endswith("no errors, 1 warning\n")
    assert len(json.loads(makegood("check", "--config", config, "--json").stdout)["notes"]) == 3
    config.write_text(config.read_text() + "audit: {heartbeat_url: {env: PATH}}\n")
    assert len(json.loads(makegood("check", "--config", config, "--json").stdout)["notes"]) == 2


@pytest.mark.parametrize("path", sorted(Path("config/examples").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_that_is_shipped_passes_its_own_check(path: Path) -> None:
    checked = makegood("check", "--config", path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
