"""Who takes part, how each is started, and what each of them does and does not do of the work.

What a contestant does is told here, beside how it is run, because the table prints it.
"""

import sys
from pathlib import Path
from typing import Literal

import msgspec

REPO = Path(__file__).parents[2]
Rank = Literal["ours", "peer", "reference"]


class Duties(msgspec.Struct, frozen=True):
    """What a contestant does besides the windows; "no" where it does not."""

    repeats: str
    bad_lines: str
    watermark: str
    recovery: str


class Contestant(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table.

    Attributes:
        name: on the command line and in the table.
        title: what it is, in the table.
        rank: ``peer``: counts for "the best peer"; ``reference``: is shown beside: no stream processor at work, or one
            with windows or settings that its guide does not have.
        environment: of ``requirements-<environment>.txt``; empty: our own.
        program: the module under ``jobs/``.
        variables: environment variables.
        cores_variable: the environment variable that tells it how many cores to use; empty: it is told otherwise.
        two: how it uses two cores: ``files`` (several inputs), ``folder`` (a folder of inputs) or not at all.
        split: what the inputs of two cores are split by.
        drops_repeats: with which exact answer it is compared.
        kafka: reads topics.
        duties: what it does besides.
        tuning: what was set, for the README and the results.
    """

    name: str
    title: str
    rank: Rank
    environment: str
    program: str
    variables: dict[str, str] = {}
    cores_variable: str = ""
    two: Literal["files", "folder"] | None = None
    split: Literal["customer", "group"] = "group"
    drops_repeats: bool = False
    kafka: bool = False
    duties: Duties
    tuning: str = ""

    def python(self, environments: Path) -> Path:
        """Return the interpreter that it runs in."""
        return environments / self.environment / "bin" / "python" if self.environment else Path(sys.executable)

    def environment_variables(self, cores: int) -> dict[str, str]:
        """Return what is added to the environment."""
        return {**self.variables, **({self.cores_variable: str(cores)} if self.cores_variable else {})}

    def command(self, environments: Path, inputs: list[Path], output: Path, work: Path, cores: int) -> list[str]:
        """Return how to run the job."""
        start = [str(self.python(environments)), "-m", f"benchmarks.peers.jobs.{self.program}"]
        ends = ["--output", str(output), "--work", str(work), "--cores", str(cores)]
        return [*start, "--input", *map(str, inputs), *ends]


_BYTEWAX = "JSON by msgspec into a struct of the fields that the job needs; FileSource with batches of 1000 lines"
_FLINK = (
    "object reuse, heap state backend, mini-batch 5000 / 5 s (Flink has it on anyway for window functions), local and "
    "global aggregation, 2 GB heap; checkpoints off"
)
_PATHWAY = "built-in reducers only, no Python function a row; static mode reads the file as one batch"
_QUIX = (
    "orjson, as it comes; changelog topics off; closing by key; librdkafka's fetch back-off 5 ms; the topic is filled "
    "before, keyed by service and region; the broker runs on the other core and is not counted"
)

CONTESTANTS: tuple[Contestant, ...] = (
    Contestant(
        name="bare",
        title="bare loop (msgspec, dict)",
        rank="reference",
        environment="",
        program="bare",
        duties=Duties(repeats="no", bad_lines="skipped", watermark="no", recovery="no"),
        tuning="decodes into Makegood's own types; a minute is time.timestamp() // 60",
    ),
    Contestant(
        name="makegood",
        title="Makegood",
        rank="ours",
        environment="",
        program="makegood",
        two="files",
        split="customer",
        drops_repeats=True,
        duties=Duties(
            repeats="dropped", bad_lines="dead letters", watermark="by partition", recovery="on, 5 s snapshots"
        ),
        tuning="a replay with the settings of benchmarks/peers/jobs/makegood.py",
    ),
    Contestant(
        name="flink",
        title="PyFlink, Table API",
        rank="peer",
        environment="flink",
        program="flink_sql",
        two="folder",
        split="customer",
        duties=Duties(repeats="no", bad_lines="skipped", watermark="by split", recovery="off"),
        tuning=_FLINK,
    ),
    Contestant(
        name="flink-batch",
        title="PyFlink, batch mode",
        rank="reference",
        environment="flink",
        program="flink_sql",
        variables={"PEERS_FLINK_MODE": "batch"},
        two="folder",
        split="customer",
        duties=Duties(repeats="no", bad_lines="skipped", watermark="none: batch", recovery="off"),
        tuning=f"{_FLINK}; not a stream: nothing comes out before everything was read",
    ),
    Contestant(
        name="pathway",
        title="Pathway, windowby",
        rank="peer",
        environment="pathway",
        program="pathway_windows",
        cores_variable="PATHWAY_THREADS",
        two="folder",
        split="customer",
        duties=Duties(repeats="no", bad_lines="logged", watermark="none: static", recovery="off"),
        tuning=_PATHWAY,
    ),
    Contestant(
        name="pathway-groupby",
        title="Pathway, groupby minute",
        rank="peer",
        environment="pathway",
        program="pathway_windows",
        cores_variable="PATHWAY_THREADS",
        variables={"PEERS_PATHWAY": "groupby"},
        two="folder",
        split="customer",
        duties=Duties(repeats="no", bad_lines="logged", watermark="none: static", recovery="off"),
        tuning=f"{_PATHWAY}; groups by the floored minute instead of a temporal window, which is faster",
    ),
    Contestant(
        name="quix",
        title="Quix Streams",
        rank="peer",
        environment="quix",
        program="quix_windows",
        two="files",
        kafka=True,
        duties=Duties(repeats="no", bad_lines="skipped", watermark="by key", recovery="off (RocksDB state kept)"),
        tuning=_QUIX,
    ),
    Contestant(
        name="bytewax",
        title="Bytewax, fold_window, tuned",
        rank="reference",
        environment="bytewax",
        program="bytewax_window",
        two="files",
        duties=Duties(repeats="no", bad_lines="skipped", watermark="by key", recovery="off"),
        tuning=f"{_BYTEWAX}; ordered=False and no wake-ups by the wall clock: with what we know of it",
    ),
    Contestant(
        name="bytewax-plain",
        title="Bytewax, plain",
        rank="peer",
        environment="bytewax",
        program="bytewax_window",
        variables={"PEERS_BYTEWAX": "plain"},
        two="files",
        duties=Duties(repeats="no", bad_lines="skipped", watermark="by key", recovery="off"),
        tuning="one item an event as its guide has it: json.loads, fold_window in order, woken by the wall clock",
    ),
    Contestant(
        name="bytewax-stateful",
        title="Bytewax, windows by hand",
        rank="reference",
        environment="bytewax",
        program="bytewax_stateful",
        two="files",
        duties=Duties(repeats="no", bad_lines="skipped", watermark="by key", recovery="off"),
        tuning=f"{_BYTEWAX}; own windows in stateful_batch instead of the library's",
    ),
)
BY_NAME = {contestant.name: contestant for contestant in CONTESTANTS}
