"""``makegood routes``: the routing tree, and where an alert with given labels would go."""

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands import routeview, shell

if TYPE_CHECKING:
    from alerts.routing import Router
    from alerts.store import AlertStore
    from alerts.whereto import Whereto
    from config.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Which alert goes to which receiver: the tree, and a test of it.")
    app.add_typer(group, name="routes")
    _register_tree(group)
    _register_test(group)
    _register_export(group)


def _register_tree(group: typer.Typer) -> None:
    @shell.command(group, "tree", example="makegood routes tree --config makegood.yaml")
    def tree(config: shell.Config, *, as_json: shell.Json = False) -> None:
        """Show the routing tree, with what holds at each route: its own, or inherited from the route above."""
        settings = shell.load(config)
        router = _router(settings)
        if as_json:
            shell.out_json([routeview.plain_node(depth, node, settings) for depth, node in router.nodes()])
            return
        routeview.draw(router)


def _register_test(group: typer.Typer) -> None:
    @shell.command(
        group,
        "test",
        example="makegood routes test --config makegood.yaml severity=critical service=payments\n"
        "makegood routes test --config makegood.yaml --alert 0f3a9c55 --explain\n"
        "makegood routes test --config makegood.yaml severity=critical --at 2026-03-08T03:00:00+01:00\n"
        "makegood routes test --config makegood.yaml severity=critical --no-store --verify on-call",
    )
    def test(
        config: shell.Config,
        labels: Annotated[
            list[str] | None, typer.Argument(metavar="NAME=VALUE", help='Labels, like severity=critical or team="a b".')
        ] = None,
        *,
        alert: Annotated[
            str | None, typer.Option(metavar="ALERT", help="Take the labels of this alert, or of one that begins so.")
        ] = None,
        at: Annotated[str, typer.Option(metavar="TIME", help="When it fires: a time with its offset, or +2h.")] = "now",
        explain: Annotated[
            bool, typer.Option("--explain", help="Say of every route why it did or did not match.")
        ] = False,
        verify: Annotated[
            str | None, typer.Option(metavar="RECEIVERS", help="End with status 1 if these are not who is told.")
        ] = None,
        store: Annotated[
            bool, typer.Option("--store/--no-store", help="Look at silences and at what fires now.")
        ] = True,
        as_json: shell.Json = False,
    ) -> None:
        """Show where an alert would go: routes, receivers, its groups with their times, and what would hide it.

        What hides it are inhibition by what fires now, and the maintenance windows and silences of the time given.
        """
        from pipeline.clock import wall_clock_us
        from pipeline.commands.times import time_us

        settings = shell.load(config)
        router = _router(settings)
        at_us = time_us("--at", at, wall_clock_us())
        if alert is not None and (labels or not store):
            msg = "--alert takes the labels from the store: give neither labels nor --no-store with it"
            raise shell.UserError(msg)
        given = read_labels(labels or [])
        answer = _asked(settings, router, given, alert, at_us) if store else _offline(settings, router, given, at_us)
        routeview.tell(answer, settings, explain=explain, as_json=as_json)
        if verify is not None:
            _verify(answer, verify)


def _register_export(group: typer.Typer) -> None:
    @shell.command(
        group,
        "export",
        example="makegood routes export --config makegood.yaml > alertmanager.yml\n"
        "amtool check-config alertmanager.yml",
    )
    def export(config: shell.Config) -> None:
        """Write the routes, receivers and inhibition rules as a configuration that Alertmanager and its tools load.

        Receivers are names only: no secret is in it. What Alertmanager has no words for is left out: the tiers of
        receivers, escalations, maintenance windows.
        """
        from alerts.exporting import alertmanager_yaml

        settings = shell.load(config)
        _router(settings)
        shell.out(alertmanager_yaml(settings).rstrip("\n"))


def read_labels(texts: list[str]) -> dict[str, str]:
    """Return the labels that ``NAME=VALUE`` arguments name.

    Raises:
        UserError: for one that is no label, or a name twice.

    >>> read_labels(["severity=critical", 'team="a, b"', "city=New York"])
    {'severity': 'critical', 'team': 'a, b', 'city': 'New York'}
    """
    from config.matchers import parse_matchers

    found: dict[str, str] = {}
    for text in texts:
        try:
            matchers = parse_matchers(text)
        except ValueError:
            matchers = ()
        if len(matchers) != 1 or matchers[0].operator != "=":
            msg = f"{text}: expected a label NAME=VALUE, like severity=critical"
            raise shell.UserError(msg)
        name, _operator, value = matchers[0]
        if found.setdefault(name, value) != value:
            msg = f"{text}: {name} is given twice"
            raise shell.UserError(msg)
    return found


def _router(settings: "Settings") -> "Router":
    from alerts.routing import Router

    if settings.route is None:
        msg = (
            "the settings have no `route`, so no alert is told to anybody; docs/how-to/route-alerts.md has one to copy"
        )
        raise shell.UserError(msg)
    return Router(settings.route)


def _offline(settings: "Settings", router: "Router", labels: dict[str, str], at_us: int) -> "Whereto":
    from alerts.maintenance import Maintenance
    from alerts.whereto import whereto

    return whereto(labels, at_us, router=router, maintenance=Maintenance(settings.maintenance_windows))


def _asked(settings: "Settings", router: "Router", labels: dict[str, str], alert: str | None, at_us: int) -> "Whereto":
    from alerts.connection import StoreUnavailableError
    from alerts.embedded_redis import EmbeddedRedisError
    from alerts.inhibition import Inhibitor
    from alerts.maintenance import Maintenance
    from alerts.opening import open_store
    from alerts.silences import SilenceBook
    from alerts.whereto import whereto

    try:
        with open_store(settings.store) as store:
            given = labels if alert is None else _labels_of(store, alert)
            firing = [(one.current.fingerprint, one.current.labels) for one in store.list_alerts(status="firing")]
            return whereto(
                given,
                at_us,
                router=router,
                firing=Inhibitor(settings.inhibit_rules).firing(firing),
                maintenance=Maintenance(settings.maintenance_windows),
                silences=SilenceBook(store).list(at_us),
            )
    except (StoreUnavailableError, EmbeddedRedisError) as error:
        if alert is not None:
            raise
        shell.warn(f"{error}; silences and what fires are not known, --no-store does not ask for them")
        return _offline(settings, router, labels, at_us)


def _labels_of(store: "AlertStore", begins: str) -> dict[str, str]:
    found = [one.current.labels for one in store.list_alerts() if one.current.fingerprint.startswith(begins)]
    if not begins or len(found) != 1:
        msg = (
            f"{len(found) if begins else 'all'} alerts begin with {begins!r}; `makegood alerts --status all` lists them"
        )
        raise shell.UserError(msg, shell.FOUND_WRONG)
    return found[0]


def _verify(answer: "Whereto", verify: str) -> None:
    wanted = [name.strip() for name in verify.split(",")]
    found = [one.match.receiver for one in answer.destinations]
    if found != wanted:
        msg = f"--verify {verify}: it goes to {', '.join(found)}"
        raise shell.UserError(msg, shell.FOUND_WRONG)
