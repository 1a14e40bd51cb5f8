"""``makegood users``: what the settings keep of passwords and tokens, and who is to be let in no more."""

import sys
from typing import Annotated

import typer

from pipeline.commands import controls, noting, shell


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Passwords, tokens and sessions of the console.")
    app.add_typer(group, name="users")
    _register_hash(group)
    _register_token(group)
    _register_revoke(group)
    _register_logout(group)


def _register_hash(group: typer.Typer) -> None:
    @shell.command(group, "hash", example="makegood users hash > secrets/anna.hash")
    def hash_() -> None:
        """Ask for a password, twice, and print its hash (Argon2id) for `console.users.NAME.password_hash`.

        Where stdin is no terminal, the password is its first line.
        """
        from dashboards.access.passwords import hash_password

        if sys.stdin.isatty():
            import getpass

            password = getpass.getpass("Password: ")
            if getpass.getpass("Again: ") != password:
                msg = "the two are not the same"
                raise shell.UserError(msg)
        else:
            password = sys.stdin.readline().rstrip("\r\n")
        try:
            shell.out(hash_password(password))
        except ValueError as error:
            raise shell.UserError(str(error)) from error


def _register_token(group: typer.Typer) -> None:
    @shell.command(group, "token", example="makegood users token")
    def token(*, as_json: shell.Json = False) -> None:
        """Make a token for a program (`console.tokens`) or a wall screen (`console.walls`), and print it with its hash.

        The hash goes into the settings (`sha256:`); the token to the program. It is kept nowhere else.
        """
        from dashboards.access.tokens import digest_of, new_token

        made = new_token()
        if as_json:
            shell.out_json({"token": made, "sha256": digest_of(made).hex()})
            return
        shell.out(f"token:  {made}")
        shell.out(f"sha256: {digest_of(made).hex()}")


def _register_revoke(group: typer.Typer) -> None:
    @shell.command(group, "revoke", example="makegood users revoke karma --config makegood.yaml --why leaked")
    def revoke(
        name: Annotated[str, typer.Argument(metavar="TOKEN", help="Name of a token or wall of the settings.")],
        config: shell.Config,
        *,
        by: controls.By = None,
        why: Annotated[str, typer.Option(metavar="TEXT", help="For what reason. It is kept.")] = "",
    ) -> None:
        """Take a token back: within seconds no running console takes it any more.

        It cannot be undone: put a new token into the settings. Then the old one is known nowhere.
        """
        from alerts.opening import open_store
        from dashboards.access.revoked import Revoked
        from dashboards.access.tokens import Tokens

        settings = shell.load(config)
        tokens = Tokens(settings.console)
        found = tokens.named(shell.chosen("token", [one.name for one in tokens.all()], name)[0])
        if found is None:  # pragma: no cover - chosen has refused it
            return
        with open_store(settings.store) as store:
            if not Revoked(store).add(found.digest):
                shell.out(f"{name} was revoked before")
                return
            noting.note(store, "token.revoke", f"token:{name}", by=by, why=why)
        shell.out(f"{name} is taken no more")


def _register_logout(group: typer.Typer) -> None:
    @shell.command(group, "logout", example="makegood users logout anna --config makegood.yaml")
    def logout(
        name: Annotated[str, typer.Argument(metavar="NAME", help="Of a person.")],
        config: shell.Config,
        *,
        by: controls.By = None,
        why: Annotated[str, typer.Option(metavar="TEXT", help="For what reason. It is kept.")] = "",
    ) -> None:
        """Log somebody out everywhere, at once. Who is still in the settings, or at the provider, can log in again."""
        from alerts.opening import open_store
        from dashboards.access.sessions import Sessions

        settings = shell.load(config)
        with open_store(settings.store) as store:
            count = Sessions(store, settings.console.session).end_all(name)
            noting.note(store, "session.end_all", f"user:{name}", by=by, why=why, count=count)
        shell.out(f"{name}: {count} sessions ended" if count != 1 else f"{name}: 1 session ended")
