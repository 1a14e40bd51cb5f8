"""The tables of errors in the reference pages of channels."""

import re
from pathlib import Path

CHANNELS = Path(__file__).resolve().parents[2] / "docs" / "reference" / "channels"


def documented(channel: str, code: str) -> dict[str, str]:
    """Return what the page of ``channel`` says of codes: ``reason`` or ``reason again``, by code.

    Args:
        channel: name of the page.
        code: regular expression of one code.
    """
    page = (CHANNELS / f"{channel}.md").read_text(encoding="utf-8").partition("\n## Errors\n")[2]
    found: dict[str, str] = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| `") or len(cells) != 3:
            continue
        reason = re.sub(r"[`]|, may have arrived", "", cells[0])
        again = " again" if cells[1].startswith("again") else ""
        for one in re.findall(code, cells[2]):
            assert one not in found, f"{one} is in two rows"
            found[one] = reason + again
    return found
