"""What `makegood check` says about the console: whether it would start, and who could listen."""

from collections.abc import Iterator

from alerts.reach import Doubt
from config.console import ConsoleSettings, host_of, is_local


def start_problem(settings: ConsoleSettings, listen: str | None = None) -> str | None:
    """Return why the console does not start, as others would reach it and nobody could log in; None: it does.

    Args:
        settings: of the console.
        listen: where it listens, when that is not where the settings say.
    """
    if any_login(settings) or open_to_all(settings, listen):
        return None
    where = listen or settings.listen
    if is_local(where):
        where += ", behind a proxy (public_url, trusted_proxies),"
    return (
        f"the console would listen on {where} where others reach it, and nobody could log in. Do one of these: "
        "add console.users (`makegood users hash` makes the password_hash), add console.oidc, or let it listen on "
        "127.0.0.1 only, without public_url"
    )


def any_login(settings: ConsoleSettings) -> bool:
    """Return whether somebody, or some program, can show who they are."""
    return bool(settings.users or settings.oidc is not None or settings.tokens or settings.walls)


def open_to_all(settings: ConsoleSettings, listen: str | None = None) -> bool:
    """Return whether everybody who reaches the console is an admin without a login: on this machine only."""
    if settings.users or settings.oidc is not None or settings.trusted_proxies:
        return False
    public = settings.public_url
    here = public is None or is_local(host_of(public.partition("://")[2].partition("/")[0]))
    return here and is_local(listen or settings.listen)


def console_doubts(settings: ConsoleSettings) -> Iterator[Doubt]:
    """Yield what is wrong and what is doubtful; never a secret."""
    problem = start_problem(settings)
    if problem is not None:
        yield Doubt("error", ("console", "listen"), problem)
    public = settings.public_url
    if public is not None and public.startswith("http://") and not open_to_all(settings):
        what = "passwords, cookies and tokens go over http://, and whoever sees them on their way can use them"
        yield Doubt("warning", ("console", "public_url"), f"{what}; have a proxy speak TLS, and write https://")
    if public is None and not is_local(settings.listen):
        what = (
            "without public_url it is not known whether people reach the console over TLS: cookies are sent without it"
        )
        yield Doubt("warning", ("console", "listen"), f"{what}, too; write public_url: https://...")
