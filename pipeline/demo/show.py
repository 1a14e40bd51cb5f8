"""``makegood demo``: everything on this machine, live, on a simulated company, told as a story on the terminal."""

import os
import shutil
import socket
import sys
import threading
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

import yaml
from rich.console import Console

from alerts.opening import open_store
from config.durations import US_PER_SECOND
from config.settings import Settings
from pipeline import recovery
from pipeline.assembly import load_settings
from pipeline.demo.clock import BeganFile, wall_clock_us
from pipeline.demo.company import DAY_US, HOUR_US, Company
from pipeline.demo.following import Watch
from pipeline.demo.pager import Pager
from pipeline.demo.recording import write_profiles
from pipeline.demo.story import Story
from pipeline.demo.telling import Teller, console_for_people
from pipeline.feeds.demo import DemoSettings
from pipeline.supervise import Part, part_command, stop_on_signals, supervise

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "examples" / "demo.yaml"
WEB_PORT = 8080
STORY_US = 9 * HOUR_US // 4
"""So much of the company's time is told, or up to an hour more; the outage then goes on, for looking around."""
_BEGAN = "began"
_LOG_TAIL = 3


class DemoSettingsError(Exception):
    """The demo's settings name no demo feed."""


def show(folder: Path, *, seconds: float, stay: bool = False, console: Console | None = None) -> int:
    """Run the demo and tell what happens.

    Args:
        folder: everything is kept here; what stands in it from an earlier demo is removed.
        seconds: how long to go on at most; it ends earlier, a little after everything was told.
        stay: go on after that until somebody ends it, so that one can look around in the browser: what happens is made
            to have happened today, and when it was told time goes by as in life.
        console: where to print.

    Returns:
        0 when every incident was told, and an alert was delivered by failover, else 1.

    Raises:
        RecoveryFolderInUseError: when another demo runs in the folder.
    """
    with recovery.locked(folder):
        recovery.clear(folder)
        return _run(folder, seconds, console if console is not None else console_for_people(), stay=stay)


def _run(folder: Path, seconds: float, out: Console, *, stay: bool) -> int:
    log = folder / "log.jsonl"
    stop = stop_on_signals()
    started_s = time.monotonic()
    with Pager() as pager:
        port, web_port = _free_port(), _free_port(WEB_PORT)
        url = f"http://127.0.0.1:{web_port}"
        config = _write_config(folder, pager.url, port, web_port, shift_us=_shift_us() if stay else None)
        settings = load_settings(config).settings
        name, feed = _demo_feed(settings)
        clock_us, live_us = feed.clock(), feed.live_us()

        def company_us() -> int | None:
            now_us = clock_us()
            return now_us if now_us > live_us else None

        teller = Teller(out, lambda: time.monotonic() - started_s, company_us)
        teller.plain(
            "A simulated company, and Makegood watching it. It takes less than a minute; Ctrl-C ends it.", "bold"
        )
        write_profiles(Company(feed.seed, feed.customers), folder / "profiles.csv")
        story = Story(feed.incidents(), pager.break_down, teller.say, feed.speed, mend_pager=pager.mend)
        _introduce(teller, settings, feed, story.receiver, url)
        began = BeganFile(folder / _BEGAN)
        goes_on = partial(_stay, teller, folder, config, story, url) if stay else None
        watch = Watch(
            story, clock_us, live_us=live_us, port=port, feed=name, began=began, end_s=started_s + seconds, stay=goes_on
        )
        with open_store(settings.store) as store:
            environment = {**os.environ, "COLUMNS": str(out.width), "MAKEGOOD_LOG_FORMAT": "json"}
            parts = [
                Part(part, part_command(part, "--config", str(config)), environment, time.monotonic, stderr=log)
                for part in ("flow", "notifier", "console")
            ]
            watcher = threading.Thread(target=watch.until_over, args=(store, stop, teller), daemon=True)
            watcher.start()
            status = supervise(parts, stop)
            stop.set()
            watcher.join()
    if story.over:
        if not stay:
            teller.say("done", story.moral())
            _look_around(teller, folder, config, story.told_of)
        return 0
    _explain(teller, watch, status, seconds, log)
    return 1


def _stay(teller: Teller, folder: Path, config: Path, story: Story, url: str) -> None:
    """Say that it goes on."""
    if story.over:
        teller.say("done", story.moral())
    else:
        teller.plain("Not everything was told in time; on a slow machine, give it more: makegood demo --seconds 600")
    _look_around(teller, folder, config, story.told_of)
    teller.plain()
    teller.plain(f"In the browser: {url}  (a wall screen: {url}/wall)", "bold")
    teller.plain("From now on time goes by as in life. Ctrl-C ends the demo.")


def _introduce(teller: Teller, settings: Settings, feed: DemoSettings, receiver: str, url: str) -> None:
    teller.say("company", f"the console is on {url}, and a wall screen on {url}/wall")
    tiers = ", then ".join(tier.channel for tier in settings.receivers[receiver].tiers)
    teller.say("company", f"{feed.customers:,} customers buy, ask for help, post and answer surveys")
    teller.say("company", f"{receiver} is told by: {tiers}, each if the one before it fails")
    teller.say("company", f"{feed.history / DAY_US:.1f} days of history come first: the detectors learn what is normal")


def _explain(teller: Teller, watch: Watch, status: int, seconds: float, log: Path) -> None:
    """Say why there is no happy end."""
    if status:
        teller.say("failed", f"a part of Makegood could not go on (exit status {status}); {log} says why:")
        for line in _tail(log):
            teller.plain(f"  {line}")
    elif watch.timed_out:
        teller.say("failed", f"not everything was told within {seconds:g} s; the parts logged into {log}")
        teller.plain("On a slow machine, give it more time: makegood demo --seconds 600")
    else:
        teller.say("stopping", "stopped before everything was told")


def _tail(log: Path) -> list[str]:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return lines[-_LOG_TAIL:]


def _look_around(teller: Teller, folder: Path, config: Path, fingerprint: str) -> None:
    program = "makegood" if shutil.which("makegood") else _shortest(Path(sys.executable).parent / "makegood")
    teller.plain()
    teller.plain("Look around:", "bold")
    for command, what in (
        (f"alerts {fingerprint}", "an alert, and every try to tell somebody"),
        (f"explain {fingerprint}", "why it fired, and what would have been needed for it not to"),
        ("alerts --match alertname=SlaBreach", "promises that are broken now"),
        ("deadletters list", "records that could not become events, and why"),
    ):
        teller.plain(f"  {program} {command} --config {config}", "cyan")
        teller.plain(f"      {what}", "dim")
    teller.plain(f"Settings, notifications and the log (log.jsonl) are in {folder}")


def _shortest(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _demo_feed(settings: Settings) -> tuple[str, DemoSettings]:
    for name, entry in settings.feeds.items():
        if isinstance(entry, DemoSettings):
            return name, entry
    msg = f"{EXAMPLE} names no feed of type demo"
    raise DemoSettingsError(msg)


def _write_config(folder: Path, pager_url: str, port: int, web_port: int, *, shift_us: int | None) -> Path:
    """Write the settings of the example with what is known only now: addresses, ports, when live time begins.

    ``shift_us`` moves everything by so much, and has live time end at the wall clock; None: as in the example.
    """
    plain = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    feed = plain["feeds"]["demo"]
    feed["began_file"] = _BEGAN
    start = feed["start"]
    if shift_us is not None:
        start += timedelta(microseconds=shift_us)
        feed |= {"shift": f"{shift_us // US_PER_SECOND}s", "catch_up": True}
    feed["start"] = start.isoformat()
    plain["channels"]["pager"]["url"] = pager_url
    plain["metrics"]["listen"] = f"127.0.0.1:{port}"
    plain["console"] = {"listen": f"127.0.0.1:{web_port}"}
    path = folder / "makegood.yaml"
    path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    return path


def _shift_us() -> int:
    """Return by how much the company's time is moved, so that what is told has happened today: whole hours.

    Windows begin at whole hours, so that it happens in the same windows.
    """
    _, feed = _demo_feed(load_settings(EXAMPLE).settings)
    behind_us = wall_clock_us() - STORY_US - feed.live_us()
    return behind_us - behind_us % HOUR_US


def _free_port(wanted: int = 0) -> int:
    """Return a port that is free now: the wanted one if it is."""
    with socket.socket() as probe:
        # Connections of a demo that has just ended do not make it taken: the console listens with this, too.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return _free_port()
        return int(probe.getsockname()[1])
