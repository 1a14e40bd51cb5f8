"""The peers' own environments under ``var/peers/env``, made once from pinned requirements. Nothing of it is timed."""

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
_PROJECTS = {"flink": "apache-flink", "pathway": "pathway", "quix": "quixstreams", "bytewax": "bytewax"}
"""The package whose version is printed, by environment."""


class CannotInstallError(Exception):
    """An environment could not be made; the text ends with what pip said."""


def make(folder: Path, name: str) -> None:
    """Make the environment ``name``, unless it is there with the same requirements.

    Raises:
        CannotInstallError: saying why.
    """
    wanted = HERE / f"requirements-{name}.txt"
    environment = folder / name
    stamp = environment / ".installed"
    if stamp.exists() and stamp.read_bytes() == wanted.read_bytes():
        return
    print(f"installing {_PROJECTS[name]} into {environment}", flush=True)
    shutil.rmtree(environment, ignore_errors=True)
    environment.parent.mkdir(parents=True, exist_ok=True)
    _call([sys.executable, "-m", "venv", str(environment)], name)
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    _call([*pip, "--no-cache-dir", "--requirement", str(wanted)], name)
    stamp.write_bytes(wanted.read_bytes())


def version(folder: Path, name: str) -> str:
    """Return the version of what the environment is for."""
    python = folder / name / "bin" / "python"
    code = f"from importlib.metadata import version; print(version({_PROJECTS[name]!r}))"
    return subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def _call(command: list[str], name: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        msg = f"cannot install {name}: {' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}"
        raise CannotInstallError(msg)
