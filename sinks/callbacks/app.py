"""The ASGI application of the callbacks: finds out what a request is, and whether it is believed.

It can be served alone (``sinks.callbacks.serve``) or mounted in another application; then ``callbacks.public_url`` ends
with the path under which it is mounted.
"""

import time
from collections.abc import Callable

import anyio.to_thread
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alerts.connection import StoreUnavailableError
from alerts.links import PATH
from alerts.store import AlertStore
from config.settings import Settings
from sinks.callbacks.desk import Desk
from sinks.callbacks.forms import BadRequestError, Form, page, read_form, text, xml
from sinks.callbacks.links import Links
from sinks.callbacks.metrics import CallbackMetrics, Kind
from sinks.callbacks.people import Numbers
from sinks.callbacks.twilio import TwilioDesk
from sinks.contract import ChannelSettings
from sinks.metrics import NotifierMetrics
from sinks.outbox import Outbox
from sinks.receipts import Reporting, answer_path, status_path
from sinks.render import Renderer
from sinks.twilio_settings import TwilioSettings

SMS_PATH = "/twilio/sms/{channel}"
_MAX_QUERY = 2_000
_log = structlog.get_logger("makegood.callbacks")


class Callbacks:
    """The endpoints. Redis and the clock of a handler's thread are all that they wait for.

    Args:
        public_url: how the outside reaches us: what Twilio's signatures are checked against.
        max_body_bytes: of one request.
        twilio, links: what takes requests.
        metrics: counts them.
    """

    def __init__(
        self, public_url: str, max_body_bytes: int, twilio: TwilioDesk, links: Links, metrics: CallbackMetrics
    ) -> None:
        self._public_url = public_url
        self._max_body_bytes = max_body_bytes
        self._twilio = twilio
        self._links = links
        self._metrics = metrics

    def app(self) -> Starlette:
        """Return the application."""
        routes = [
            Route(status_path("{channel}"), self._receipt, methods=["POST"]),
            Route(SMS_PATH, self._sms, methods=["POST"]),
            Route(answer_path("{channel}"), self._voice, methods=["POST"]),
            Route(f"{PATH}{{token}}", self._show, methods=["GET"]),
            Route(f"{PATH}{{token}}", self._act, methods=["POST"]),
        ]
        handlers = {404: _not_found, 405: _not_allowed, BadRequestError: _bad_request}
        return Starlette(routes=routes, exception_handlers=handlers)

    async def _receipt(self, request: Request) -> Response:
        form, refused = await self._from_twilio(request, "receipt")
        if form is None:
            return refused
        channel, key = request.path_params["channel"], request.query_params.get("key", "")
        try:
            read = await anyio.to_thread.run_sync(self._twilio.receipt, channel, key, form)
        except StoreUnavailableError:
            return self._away("receipt", text(503, "come again"))
        return text(204) if read else text(400, "not what a status callback looks like")

    async def _sms(self, request: Request) -> Response:
        form, refused = await self._from_twilio(request, "sms")
        if form is None:
            return refused
        try:
            return xml(await anyio.to_thread.run_sync(self._twilio.message, form))
        except StoreUnavailableError:
            # With an error nobody would learn that the answer was lost.
            said = "Your answer could not be kept just now. Please send it again in a minute."
            return self._away("sms", xml(f"<Response><Message>{said}</Message></Response>"))

    async def _voice(self, request: Request) -> Response:
        form, refused = await self._from_twilio(request, "voice")
        if form is None:
            return refused
        channel, key = request.path_params["channel"], request.query_params.get("key", "")
        try:
            return xml(await anyio.to_thread.run_sync(self._twilio.digits, channel, key, form))
        except StoreUnavailableError:
            return self._away("voice", xml(self._twilio.try_again(channel, key)))

    async def _show(self, request: Request) -> Response:
        try:
            return await anyio.to_thread.run_sync(self._links.show, request.path_params["token"])
        except StoreUnavailableError:
            return self._away("link", _try_later())

    async def _act(self, request: Request) -> Response:
        form = await read_form(request, self._max_body_bytes)
        try:
            return await anyio.to_thread.run_sync(self._links.act, request.path_params["token"], form)
        except StoreUnavailableError:
            return self._away("link", _try_later())

    async def _from_twilio(self, request: Request, kind: Kind) -> tuple[Form | None, Response]:
        """Return the form that Twilio sent, or None and why it is not taken."""
        channel = request.path_params["channel"]
        query = request.scope["query_string"].decode("latin-1")
        if not self._twilio.knows(channel) or len(query) > _MAX_QUERY:
            self._metrics.count(kind, "invalid")
            return None, text(404, "there is no such channel")
        form = await read_form(request, self._max_body_bytes)
        # As Twilio was told it: what a proxy has made of the address is of no use here.
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        url = f"{self._public_url}{path}" + (f"?{query}" if query else "")
        signature = request.headers.get("x-twilio-signature", "")
        if not await anyio.to_thread.run_sync(self._twilio.signed, channel, url, form, signature):
            self._metrics.count(kind, "refused")
            _log.warning("callback_refused", kind=kind, channel=channel)
            return None, text(403, "the signature is not right")
        return form, text(200)

    def _away(self, kind: Kind, answer: Response) -> Response:
        self._metrics.count(kind, "unavailable")
        return answer


def build_callbacks(
    store: AlertStore,
    settings: Settings,
    *,
    metrics: CallbackMetrics,
    receipts: NotifierMetrics | None = None,
    clock_us: Callable[[], int] | None = None,
) -> Starlette:
    """Return the application for a settings file that has ``callbacks``.

    Args:
        store: of the alerts.
        settings: the whole file.
        metrics: counts requests.
        receipts: of the notifier in this process, which counts receipts by channel.
        clock_us: None: the system's clock here, that of Redis for its scripts. Tests inject their own.

    Raises:
        ValueError: when the settings have no ``callbacks``.
    """
    if settings.callbacks is None:
        msg = "the settings have no `callbacks`"
        raise ValueError(msg)
    clock = _system_clock_us if clock_us is None else clock_us
    channels = {name: entry for name, entry in settings.channels.items() if isinstance(entry, ChannelSettings)}
    desk = Desk(store, settings, clock, script_clock_us=clock_us)
    twilio = TwilioDesk(
        {name: entry for name, entry in channels.items() if isinstance(entry, TwilioSettings)},
        outbox=Outbox(store, clock_us=clock_us),
        desk=desk,
        numbers=Numbers(settings.people, channels, settings.words.zone),
        renderer=Renderer.of(settings),
        reporting=Reporting(settings.callbacks.public_url),
        metrics=metrics,
        receipts=receipts,
        clock_us=clock,
    )
    links = Links(settings.links, desk, metrics, clock, settings.words.zone)
    at = settings.callbacks
    return Callbacks(at.public_url, at.max_body_bytes, twilio, links, metrics).app()


def _try_later() -> Response:
    return page(503, "Not possible just now", "<p>Nothing was done. Please try again in a minute.</p>")


async def _not_found(_request: Request, _error: Exception) -> Response:
    return text(404, "there is nothing here")


async def _not_allowed(_request: Request, _error: Exception) -> Response:
    return text(405, "not by this method")


async def _bad_request(_request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, BadRequestError) else 400
    return text(status, str(error))


def _system_clock_us() -> int:
    return time.time_ns() // 1000
