import hashlib
import re
import tomllib
from pathlib import Path

import pytest

from dashboards.console.assets import FOLDER, assets, url
from dashboards.console.templating import TEMPLATES
from dashboards.console.times import Zone

VENDOR = FOLDER / "vendor"
LIBRARIES = tomllib.loads((VENDOR / "VENDOR.toml").read_text(encoding="utf-8"))["library"]


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda one: one["name"])
def test_a_vendored_library_is_what_its_package_holds_and_has_its_licence(library: dict[str, object]) -> None:
    files = library["file"]
    assert isinstance(files, list)
    for one in files:
        assert hashlib.sha256((VENDOR / one["path"]).read_bytes()).hexdigest() == one["sha256"], one["path"]
    assert any(Path(one["path"]).name == "LICENSE" for one in files)
    assert str(library["source"]).startswith("https://registry.npmjs.org/")


def test_everything_that_is_vendored_is_listed() -> None:
    listed = {one["path"] for library in LIBRARIES for one in library["file"]}
    there = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()} - {"VENDOR.toml"}
    assert there == listed


def test_names_of_files_change_with_what_is_in_them() -> None:
    for name, asset in assets().items():
        assert hashlib.sha256(asset.body).hexdigest()[:12] in asset.address == url(name)


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_no_page_has_script_or_style_inside_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.findall(r"<style|\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|javascript:|hx-on|hx-vals=.js:", text)
    assert all(" src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert not re.findall(r"""(?:src|href)=["']https?://""", text)
    unescaped = re.findall(r"{{[^}]*\|\s*safe", text)
    assert all("off|safe" in one for one in unescaped), "only our own words may be unescaped"


def test_the_watchdog_is_small() -> None:
    assert len((FOLDER / "watchdog.js").read_text(encoding="utf-8").splitlines()) <= 60


def test_a_zone_that_does_not_exist_is_utc() -> None:
    for choice in ("Nowhere/Land", "../../etc/passwd", "", "\0"):
        assert Zone(choice, "Europe/Berlin").name == "UTC"
    assert Zone("service", "Europe/Berlin").name == "Europe/Berlin"


def test_times_have_a_zone_and_a_date_unless_it_is_today() -> None:
    now = 1_800_000_000_000_000
    zone = Zone("Europe/Berlin", "UTC")
    assert zone.absolute(now, now) == "09:00:00 CET"
    assert zone.absolute(now - 86_400_000_000, now) == "2027-01-14 09:00:00 CET"
    assert 'datetime="2027-01-15T08:00:00Z"' in zone.element(now, now)
    assert str(zone.element(2**80, now)) == "at no time that can be written"
