"""Payloads as files: what is sent today is what was read and approved once.

``WRITE_GOLDEN=1`` writes the files anew; read the difference before it is committed.
"""

import json
import os
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[1] / "sinks" / "golden"


def check_golden(name: str, payload: object) -> None:
    """Compare ``payload`` with the file ``NAME.json`` below ``tests/sinks/golden``."""
    path = GOLDEN / f"{name}.json"
    text = json.dumps(payload, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    if os.environ.get("WRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert json.loads(text) == json.loads(path.read_text(encoding="utf-8")), f"{path} is another one"
