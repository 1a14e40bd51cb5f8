"""Puts results where they are committed: ``results.json``, and the README between its two marks."""

from pathlib import Path

HERE = Path(__file__).parent
BEGIN, END = "<!-- results: written by --publish -->", "<!-- end of results -->"


def publish(text: str, results: bytes) -> None:
    """Write both."""
    (HERE / "results.json").write_bytes(results + b"\n")
    readme = HERE / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    readme.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")
