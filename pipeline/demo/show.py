"""``makegood demo``: everything on this machine, live, on a simulated company, told as a story on the terminal."""

import json
import os
import shutil
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from rich.console import Console

from alerts.opening import open_store
from alerts.store import AlertStore
from pipeline.assembly import load_settings
from pipeline.demo.company import Company
from pipeline.demo.pager import Pager
from pipeline.demo.recording import write_profiles
from pipeline.demo.story import Story, counted
from pipeline.feeds.demo import DemoSettings
from pipeline.supervise import Part, part_command, stop_on_signals, supervise

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "examples" / "demo.yaml"
BACKFILL_ALLOWANCE_S = 12.0
"""Wall time that the history may take before live time begins."""
_LOOK_EVERY_S = 0.25
_STYLES = {
    "plain": "",
    "incident": "bold magenta",
    "alert": "bold yellow",
    "failed": "red",
    "delivered": "bold green",
}


class DemoSettingsError(Exception):
    """The demo's settings name no demo feed."""


def show(folder: Path, *, seconds: float, console: Console | None = None) -> int:
    """Run the demo and tell what happens.

    Args:
        folder: everything is kept here; what stands in it from an earlier demo is removed.
        seconds: how long to go on at most; it ends earlier, a little after an alert was delivered by failover.
        console: where to print.

    Returns:
        0 when an alert was delivered by failover, else 1.
    """
    out = console if console is not None else Console(highlight=False)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stop = stop_on_signals()
    port = _free_port()
    started_s = time.monotonic()

    def say(style: str, text: str) -> None:
        out.print(f"[dim]{time.monotonic() - started_s:5.1f} s[/dim]  [{_STYLES[style] or 'default'}]{text}[/]")

    with Pager() as pager:
        config = _write_config(folder, pager.url, port)
        settings = load_settings(config).settings
        feed = next((entry for entry in settings.feeds.values() if isinstance(entry, DemoSettings)), None)
        if feed is None:
            msg = f"{EXAMPLE} names no feed of type demo"
            raise DemoSettingsError(msg)
        write_profiles(Company(feed.seed, feed.customers), folder / "profiles.csv")
        days = feed.history / 86_400_000_000
        say("plain", f"a company of {feed.customers:,} simulated customers; reading {days:.1f} days of its history")
        story = Story(feed.incidents(), pager.break_down, say, feed.speed)
        with open_store(settings.store) as store:
            parts = [
                Part(name, part_command(name, "--config", str(config)), os.environ, time.monotonic)
                for name in ("flow", "notifier")
            ]
            watcher = threading.Thread(
                target=_watch, args=(story, store, feed.clock(), port, stop, started_s + seconds), daemon=True
            )
            watcher.start()
            supervise(parts, stop)
            stop.set()
            watcher.join()
    if story.failed_over:
        say("delivered", "the primary channel failed and the alert arrived all the same")
    else:
        say("failed", f"no alert was delivered by failover within {seconds:g} s")
    out.print(f"[dim]settings, alerts and notifications are in {folder}[/dim]")
    return 0 if story.failed_over else 1


def _watch(
    story: Story, store: AlertStore, clock_us: Callable[[], int], port: int, stop: threading.Event, end_s: float
) -> None:
    """Follow the demo until it is over, and then ask everything to stop."""
    linger: float | None = None
    live_us = clock_us()
    while not stop.wait(_LOOK_EVERY_S) and time.monotonic() < end_s:
        now_us = clock_us()
        story.time_is(now_us, _events(port), now_us > live_us)
        story.look(store)
        if story.failed_over:
            linger = time.monotonic() + 2.0 if linger is None else linger
            if time.monotonic() >= linger:
                break
    stop.set()


def _events(port: int) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            return counted(json.load(answer))
    except urllib.error.HTTPError as error:
        with error:
            return counted(json.load(error))
    except OSError:
        return 0


def _write_config(folder: Path, pager_url: str, port: int) -> Path:
    """Write the example's settings with the pager's address, the port of the figures and the moment of live time."""
    plain = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    began = datetime.now(UTC) + timedelta(seconds=BACKFILL_ALLOWANCE_S)
    plain["feeds"]["demo"]["began"] = began.isoformat()
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
