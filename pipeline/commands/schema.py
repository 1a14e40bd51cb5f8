"""``makegood schema``: the settings file described for editors and for people."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import shell


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(app, "schema", example="makegood schema --out makegood.schema.json\nmakegood schema --reference")
    def schema(
        *,
        target: Annotated[
            Path | None, typer.Option("--out", metavar="FILE", help="Write to a file instead of stdout.")
        ] = None,
        reference: Annotated[
            bool, typer.Option("--reference", help="The reference page (Markdown) instead of the JSON Schema.")
        ] = False,
    ) -> None:
        """Print the JSON Schema of the settings file, for editors, or its reference page."""
        from config.schema import reference_text, schema_text
        from pipeline.assembly import settings_model

        text = reference_text(settings_model()) if reference else schema_text(settings_model())
        if target is None:
            shell.out(text.rstrip("\n"))
        else:
            target.write_text(text, encoding="utf-8")
