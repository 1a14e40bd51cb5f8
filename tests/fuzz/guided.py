"""Coverage-guided fuzzing of one target, in a process of its own.

    python -m tests.fuzz.guided TARGET FOLDER OPTIONS

Inputs that reach something new are written to FOLDER; those in ``tests/fuzz/corpus/TARGET`` and the seeds of the target
are where it begins. OPTIONS are those of libFuzzer: ``-runs=100000 -seed=1 -max_total_time=600``. A broken rule ends
the process with status 77, and the input lies in FOLDER as ``crash-...``.

To keep what a long run found: ``python -m tests.fuzz.guided TARGET tests/fuzz/corpus/TARGET FOLDER -merge=1``.
"""

import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

INSTRUMENTED = ["pipeline", "config.values"]
CORPUS = Path(__file__).parent / "corpus"

with atheris.instrument_imports(include=INSTRUMENTED):
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
        merging = any(option.startswith("-merge") for option in options)
        folders = [] if merging else [str(CORPUS / target), seeds]
        for name in (folder, *folders):
            Path(name).mkdir(parents=True, exist_ok=True)
        prefix = [] if merging else [f"-artifact_prefix={folder}/"]
        atheris.Setup([sys.argv[0], *prefix, "-max_len=4096", *options, folder, *folders], targets.TARGETS[target])
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
