"""Settings of traces: how each alert's way from its event to a person is told to OpenTelemetry."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated

from pydantic import Field, StringConstraints

from config.base import SettingsModel
from config.secret import SecretRef

DEFAULT_NAME = "makegood"
_LIBRARIES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
Endpoint = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/@?#]+(/[^\s@?#]*)?$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_|~-]{1,100}$")]


class TraceSettings(SettingsModel):
    """Where traces go. What is left out is as the environment has it in OpenTelemetry's own variables (`OTEL_*`).

    Attributes:
        endpoint: of a collector that takes OTLP over HTTP, as `https://HOST:4318`; `/v1/traces` is added where it has
            no path. None: what `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or `OTEL_EXPORTER_OTLP_ENDPOINT` says.
        headers: sent with every request, such as a key; where the value of each is kept.
        sampling: which part of the alerts is traced, each with all or nothing of its way. None: what
            `OTEL_TRACES_SAMPLER` says, and without that all.
        service_name: what these processes are called. None: what `OTEL_SERVICE_NAME` says, and without that `makegood`.
            Two installations that watch the same events need different names here, or their traces mix.
    """

    endpoint: Endpoint | None = None
    headers: Mapping[HeaderName, SecretRef] = Field(default={}, max_length=20)
    sampling: float | None = Field(default=None, ge=0, le=1)
    service_name: str | None = Field(default=None, min_length=1, max_length=100)

    def model_post_init(self, context: object, /) -> None:
        """Check that the libraries are there."""
        if not all(_is_there(name) for name in _LIBRARIES):
            msg = "traces need the libraries of OpenTelemetry; install them: pip install 'makegood[otel]'"
            raise ValueError(msg)

    def url(self) -> str | None:
        """Return where spans are posted to; None: the environment says it.

        >>> TraceSettings(endpoint="http://localhost:4318").url()
        'http://localhost:4318/v1/traces'
        """
        if self.endpoint is None:
            return None
        has_path = self.endpoint.partition("://")[2].partition("/")[2] != ""
        return self.endpoint if has_path else self.endpoint.rstrip("/") + "/v1/traces"


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # what stands above it is not there either
        return False
