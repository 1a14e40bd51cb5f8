"""``makegood rescale``: the state of all tasks to another number of flow processes."""

from typing import Annotated

import typer

from pipeline.commands import shell


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(app, "rescale", example="makegood rescale --config makegood.yaml --to 3")
    def rescale(
        config: shell.Config,
        *,
        to: Annotated[int, typer.Option(metavar="N", help="How many flow processes there will be.")],
        lost: Annotated[
            list[int] | None,
            typer.Option(metavar="INDEX", help="A process whose folder is gone for good: its tasks begin anew."),
        ] = None,
        json: shell.Json = False,
    ) -> None:
        """Give the state of all tasks to another number of flow processes, or take over from one that is gone.

        Stop all flow processes first. The folders `flow-0`, `flow-1`, ... must all be in the store's folder; those of
        another machine are copied there. The old ones are set aside. Started again after a crash, it goes on where it
        was.
        """
        settings = shell.load(config)

        from msgspec import to_builtins

        from pipeline.scale.moving import rescale as move

        moved = move(settings, to, frozenset(lost or ()))
        if json:
            shell.out_json(to_builtins(moved))
            return
        anew = f", the tasks of {', '.join(map(str, moved.lost))} begin anew" if moved.lost else ""
        shell.out(
            f"{moved.tasks} tasks of {moved.before} processes are now those of {moved.after}{anew}. "
            f"The old folders are in {moved.set_aside}."
        )
