"""``makegood test`` and ``makegood promises``: cases written as data, run against the code that runs in the flow."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import shell


def register(app: typer.Typer) -> None:
    """Add the commands."""

    @shell.command(app, "test", example="makegood test tests/cases/sla_breach.yaml")
    def test(
        files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Case files (YAML).")],
        *,
        as_json: shell.Json = False,
    ) -> None:
        """Run data-driven cases against detectors: events in, alerts expected at times.

        Exit status 1 when a case fails.
        """
        from pipeline.cases import report
        from pipeline.cases.run import run_file

        results = [run_file(path) for path in files]
        cases = [case for result in results for case in result.results]
        failed = sum(not case.passed for case in cases)
        if as_json:
            told = [report.plain(result) for result in results]
            shell.out_json({"passed": len(cases) - failed, "failed": failed, "files": told})
        else:
            for result in results:
                for line in report.lines(result):
                    shell.out(line)
            shell.out(f"{len(cases) - failed} passed, {failed} failed")
        if failed:
            raise typer.Exit(shell.FOUND_WRONG)

    @shell.command(app, "promises", example="makegood promises config/examples/promises/cases.yaml")
    def promises(
        file: Annotated[Path, typer.Argument(metavar="CASES", help="File of clock cases (YAML).")],
        *,
        as_json: shell.Json = False,
    ) -> None:
        """Compute the deadlines of promises from calendars and events, and compare them with the expected values.

        Exit status 1 when a value differs.
        """
        from pipeline import promises as runner

        results = runner.run_cases(file)
        shell.out(runner.render_json(results) if as_json else runner.render_text(results))
        if any(result.outcome == "differs" for result in results):
            raise typer.Exit(shell.FOUND_WRONG)
