"""Coverage-guided fuzzing of one target, in a process of its own.

    python -m tests.fuzz.guided TARGET FOLDER OPTIONS

Inputs that reach something new are written to FOLDER; those in ``tests/fuzz/corpus/TARGET`` and the seeds of the target
are where it begins. OPTIONS are those of libFuzzer: ``-runs=100000 -seed=1 -max_total_time=600``. A broken rule ends
the process with status 77, and the input lies in FOLDER as ``crash-...``.

What a long run found is kept with ``python -m tests.fuzz.keep TARGET FOLDER``.
"""

import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

INSTRUMENTED = ["pipeline", "config.values"]
COMPILED = [
    f"pipeline.columns.{name}" for name in ("gathering", "kernel", "parts", "reading", "remembering", "siphash")
]
"""Modules that become machine code, which cannot be instrumented."""
CORPUS = Path(__file__).parent / "corpus"

with atheris.instrument_imports(include=INSTRUMENTED, exclude=COMPILED):
    from tests.fuzz import targets
    from tests.fuzz.bulk import quiet
    from tests.fuzz.seeds import seeds_of_target


def main(arguments: list[str]) -> None:
    """Fuzz until the options say that it is enough; does not return."""
    target, folder, *options = arguments
    quiet()
    with tempfile.TemporaryDirectory(prefix="makegood-seeds-") as seeds:
        for number, seed in enumerate(seeds_of_target(target)):
            (Path(seeds) / f"seed-{number:03d}").write_bytes(seed)
        folders = [folder, seeds, *([str(CORPUS / target)] if (CORPUS / target).exists() else [])]
        Path(folder).mkdir(parents=True, exist_ok=True)
        given = [f"-artifact_prefix={folder}/", "-max_len=4096", *options]
        atheris.Setup([sys.argv[0], *given, *folders], targets.TARGETS[target])
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
