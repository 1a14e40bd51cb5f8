"""A real SMTP server for tests (aiosmtpd), on a free loopback port."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.patience import PATIENCE_S

USER, PASSWORD = "makegood", "hunter2-smtp"


class Inbox:
    """Keeps mails; refuses recipients and messages as it is told (reply text by address, or for ``DATA``)."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self.refuse_rcpt: dict[str, str] = {}
        self.refuse_data: str | None = None
        self.hang_after_data = False
        self.released = asyncio.Event()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        if address in self.refuse_rcpt:
            return self.refuse_rcpt[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refuse_data is not None:
            return self.refuse_data
        mail = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        self.mails.append((list(envelope.rcpt_tos), mail))
        if self.hang_after_data:
            await self.released.wait()
        return "250 OK"


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1; return the chain with the authority that signed it, and its key."""
    authority = trustme.CA()
    signed = authority.issue_cert("127.0.0.1")
    chain, key = folder / "cert.pem", folder / "key.pem"
    chain.write_bytes(b"".join([*(part.bytes() for part in signed.cert_chain_pems), authority.cert_pem.bytes()]))
    signed.private_key_pem.write_to_path(key)
    return chain, key


def _authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and data == LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=good, handled=False)


@contextmanager
def smtp_server(
    *, cert: tuple[Path, Path] | None = None, tls: bool = False, auth: bool = False
) -> Iterator[tuple[Inbox, int]]:
    """Give an inbox and the server's port; with a certificate, STARTTLS is required, or TLS from the first byte."""
    context = None
    if cert is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*cert)
    loop = asyncio.new_event_loop()
    inbox = Inbox()

    def protocol() -> SMTP:
        starttls = context is not None and not tls
        more: dict[str, Any] = {"tls_context": context, "require_starttls": True} if starttls else {}
        if auth:
            more |= {"authenticator": _authenticate, "auth_required": True, "auth_require_tls": context is not None}
        return SMTP(inbox, loop=loop, hostname="localhost", **more)

    server = loop.run_until_complete(loop.create_server(protocol, "127.0.0.1", 0, ssl=context if tls else None))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield inbox, server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(inbox.released.set)
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result(PATIENCE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_S)
        loop.close()


async def _stop(server: asyncio.Server) -> None:
    server.close()
    rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
