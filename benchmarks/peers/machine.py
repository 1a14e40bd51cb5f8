"""What the figures were measured on."""

import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path


def describe() -> str:
    """Return processor, cores, memory, system, Python, Java, and how busy it is now, in a line."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}, {_java()}; load at the start {os.getloadavg()[0]:.1f}"
    )


def own_version(name: str) -> str:
    """Return what the contestants of our own environment are made of."""
    return f"msgspec {version('msgspec')}" if name == "bare" else f"{version('makegood')}, Bytewax {version('bytewax')}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _java() -> str:
    if shutil.which("java") is None:
        return "no Java"
    done = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    return (done.stderr or done.stdout).splitlines()[0].replace('"', "")
