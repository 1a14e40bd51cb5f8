"""``makegood demo``: everything on this machine, live, on a simulated company, told as a story on the terminal."""

import json
import os
import shutil
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import yaml
from rich.console import Console

from alerts.opening import open_store
from alerts.store import AlertStore
from config.settings import Settings
from pipeline import recovery
from pipeline.assembly import load_settings
from pipeline.demo.clock import BeganFile
from pipeline.demo.company import DAY_US, Company
from pipeline.demo.pager import Pager
from pipeline.demo.recording import write_profiles
from pipeline.demo.story import Story, counts_of, history_is_read
from pipeline.demo.telling import Teller, console_for_people
from pipeline.feeds.demo import DemoSettings
from pipeline.supervise import Part, part_command, stop_on_signals, supervise

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "examples" / "demo.yaml"
LINGER_S = 2.0
"""How long the demo goes on after everything was told, so that the last delivery is seen."""
_BEGAN = "began"
_LOOK_EVERY_S = 0.2
_COUNT_EVERY_S = 3.0
_LOG_TAIL = 3


class DemoSettingsError(Exception):
    """The demo's settings name no demo feed."""


def show(folder: Path, *, seconds: float, console: Console | None = None) -> int:
    """Run the demo and tell what happens.

    Args:
        folder: everything is kept here; what stands in it from an earlier demo is removed.
        seconds: how long to go on at most; it ends earlier, a little after everything was told.
        console: where to print.

    Returns:
        0 when every incident was told, and an alert was delivered by failover, else 1.

    Raises:
        RecoveryFolderInUseError: when another demo runs in the folder.
    """
    with recovery.locked(folder):
        recovery.clear(folder)
        return _run(folder, seconds, console if console is not None else console_for_people())


def _run(folder: Path, seconds: float, out: Console) -> int:
    log = folder / "log.jsonl"
    stop = stop_on_signals()
    started_s = time.monotonic()
    with Pager() as pager:
        port = _free_port()
        config = _write_config(folder, pager.url, port)
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
        _introduce(teller, settings, feed, story.receiver)
        began = BeganFile(folder / _BEGAN)
        watch = _Watch(story, clock_us, live_us, port, name, started_s + seconds, began)
        with open_store(settings.store) as store:
            environment = {**os.environ, "COLUMNS": str(out.width), "MAKEGOOD_LOG_FORMAT": "json"}
            parts = [
                Part(part, part_command(part, "--config", str(config)), environment, time.monotonic, stderr=log)
                for part in ("flow", "notifier")
            ]
            watcher = threading.Thread(target=watch.until_over, args=(store, stop, teller), daemon=True)
            watcher.start()
            status = supervise(parts, stop)
            stop.set()
            watcher.join()
    if story.over:
        teller.say("done", story.moral())
        _look_around(teller, folder, config, story.told_of)
        return 0
    _explain(teller, watch, status, seconds, log)
    return 1


def _introduce(teller: Teller, settings: Settings, feed: DemoSettings, receiver: str) -> None:
    tiers = ", then ".join(tier.channel for tier in settings.receivers[receiver].tiers)
    teller.say("company", f"{feed.customers:,} customers buy, ask for help, post and answer surveys")
    teller.say("company", f"{receiver} is told by: {tiers}, each if the one before it fails")
    teller.say("company", f"{feed.history / DAY_US:.1f} days of history come first: the detectors learn what is normal")


class _Watch:
    """Follows the demo from a thread of its own."""

    def __init__(
        self,
        story: Story,
        clock_us: Callable[[], int],
        live_us: int,
        port: int,
        feed: str,
        end_s: float,
        began: BeganFile,
    ) -> None:
        self._story = story
        self._clock_us = clock_us
        self._live_us = live_us
        self._port = port
        self._feed = feed
        self._end_s = end_s
        self._began = began
        self.timed_out = False

    def until_over(self, store: AlertStore, stop: threading.Event, teller: Teller) -> None:
        """Tell the story until it is over, and then ask everything to stop."""
        story = self._story
        count_s = time.monotonic() + _COUNT_EVERY_S
        linger_s: float | None = None
        while not stop.wait(_LOOK_EVERY_S):
            if self._began() is None and history_is_read(_health(self._port), self._feed):
                self._began.begin()
            now_us, now_s = self._clock_us(), time.monotonic()
            story.time_is(now_us, now_us > self._live_us)
            story.look(store)
            if now_s >= count_s:
                count_s = now_s + _COUNT_EVERY_S
                story.flows(counts_of(_health(self._port), self._feed))
                story.people()
            if story.over and linger_s is None:
                linger_s = now_s + LINGER_S
            if now_s >= self._end_s or (linger_s is not None and now_s >= linger_s):
                self.timed_out = True
                break
        story.people()
        teller.say("stopping", "everything is saved, then the parts end in order")
        stop.set()


def _explain(teller: Teller, watch: _Watch, status: int, seconds: float, log: Path) -> None:
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


def _health(port: int) -> dict[str, object]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            body = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            body = json.load(error)
    except OSError:  # the flow is starting
        body = {}
    return body if isinstance(body, dict) else {}


def _demo_feed(settings: Settings) -> tuple[str, DemoSettings]:
    for name, entry in settings.feeds.items():
        if isinstance(entry, DemoSettings):
            return name, entry
    msg = f"{EXAMPLE} names no feed of type demo"
    raise DemoSettingsError(msg)


def _write_config(folder: Path, pager_url: str, port: int) -> Path:
    """Write the example's settings with the pager's address, the port of the figures and where live time is told."""
    plain = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    plain["feeds"]["demo"]["began_file"] = _BEGAN
    plain["feeds"]["demo"]["start"] = plain["feeds"]["demo"]["start"].isoformat()
    plain["channels"]["pager"]["url"] = pager_url
    plain["metrics"]["listen"] = f"127.0.0.1:{port}"
    path = folder / "makegood.yaml"
    path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
