"""Which route needs which role: read from the application itself, for tests and the reference."""

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette.applications import Starlette

from dashboards.access.contract import Needs, Public, Role


@dataclass(frozen=True, slots=True)
class Mark:
    """One route.

    Attributes:
        path: with its parameters in braces.
        methods: in alphabetical order, without HEAD where there is GET; empty for a mounted application.
        role: the highest that it needs; None: none.
        public: whether it says that everybody may use it.
    """

    path: str
    methods: tuple[str, ...]
    role: Role | None
    public: bool

    @property
    def marked(self) -> bool:
        """Whether it says who may use it, and only one thing."""
        return (self.role is not None) != self.public


def marks(app: Starlette) -> Iterator[Mark]:
    """Yield every route of an application, those of routers that it includes as well."""
    for context in iter_route_contexts(app.routes):
        found: list[object] = []
        dependant = getattr(context, "dependant", None)
        if isinstance(dependant, Dependant):
            found = list(_calls(dependant))
        roles = [call.role for call in found if isinstance(call, Needs)]
        methods = set(getattr(context, "methods", None) or ())
        yield Mark(
            path=str(getattr(context, "path", "")),
            methods=tuple(sorted(methods - {"HEAD"} if "GET" in methods else methods)),
            role=max(roles, default=None),
            public=any(isinstance(call, Public) for call in found),
        )


def _calls(dependant: Dependant) -> Iterator[object]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)
