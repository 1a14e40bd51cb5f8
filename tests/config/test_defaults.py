"""The entries that one copies: config/defaults.yaml."""

import fnmatch
import tomllib
from importlib.resources import files

from detectors.contract import DETECTORS
from pipeline.assembly import load_settings
from tests.cli.support import REPO, makegood

DEFAULTS = REPO / "config" / "defaults.yaml"


def test_they_are_good_settings() -> None:
    done = makegood("check", "--config", DEFAULTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no problems found" in done.stdout


def test_there_is_one_of_every_detector_under_its_own_name() -> None:
    entries = load_settings(DEFAULTS).settings.detectors
    assert {name: entry.type for name, entry in entries.items()} == {name: name for name in DETECTORS.names()}


def test_they_are_installed_with_the_package() -> None:
    assert files("config").joinpath("defaults.yaml").is_file()
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["*"]
    assert any(fnmatch.fnmatch("defaults.yaml", pattern) for pattern in patterns)
