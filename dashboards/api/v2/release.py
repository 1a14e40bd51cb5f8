"""Which Alertmanager we are like: what clients decide by."""

import platform

API_LEVEL = "0.34.0"
"""The release of Alertmanager whose API this is. karma needs a version here, and stops when it is none."""


def version_info(build: str) -> dict[str, str]:
    """Return what the status says of the program.

    Args:
        build: which release of ours this is.
    """
    return {
        "branch": f"makegood-{build}",
        "buildDate": "",
        "buildUser": "",
        "goVersion": f"python{platform.python_version()}",
        "revision": build,
        "version": API_LEVEL,
    }
