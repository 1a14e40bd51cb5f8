"""What is loaded before anything is read: ``warm_up`` in pipeline/compose.py."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE_S

CODE = """
import gc, sys
from pathlib import Path
from pipeline import compose
from pipeline.assembly import load_settings
from pipeline.memory import tune_memory

built = compose.build_detectors(load_settings(Path(sys.argv[1])).settings)
if sys.argv[2] == "tuned":
    tune_memory()
before = gc.get_freeze_count()
assert "river.drift" not in sys.modules
compose.warm_up(built)
print("river.drift" in sys.modules, gc.get_freeze_count() > before)
"""
WINDOWS = "detectors: {drop: {type: sentiment_drop}}"
CASES = "detectors: {bad: {type: negative_survey}}"


@pytest.mark.parametrize(
    ("detectors", "collector", "loaded"),
    [(WINDOWS, "tuned", "True True"), (WINDOWS, "as it is", "True False"), (CASES, "tuned", "False False")],
)
def test_models_are_loaded_and_kept_from_a_tuned_collector(
    tmp_path: Path, detectors: str, collector: str, loaded: str
) -> None:
    path = tmp_path / "makegood.yaml"
    path.write_text(f"feeds: {{crm: {{type: file, path: none.jsonl, format: jsonl}}}}\n{detectors}\n")
    run = [sys.executable, "-c", CODE, str(path), collector]
    done = subprocess.run(run, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert (done.stdout.strip(), done.returncode) == (loaded, 0), done.stderr
