"""Honest stand-ins for what an SMTP server calls, and the server itself on a free loopback port."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from mailserver.auth.account import Account
from mailserver.auth.sasl.exchange import ScramLogin
from mailserver.clock import SystemClock
from mailserver.config.tree import ListenerConfig, SmtpConfig, TlsMode
from mailserver.errors import (
    AuthenticationDelayed,
    AuthenticationFailed,
    InsufficientStorage,
    MailboxDisabled,
    NoSuchUser,
    OverQuota,
    Refusal,
    RelayDenied,
    SenderNotOwned,
)
from mailserver.mail.transaction import Envelope, Peer
from mailserver.smtp.faces import SmtpRole
from mailserver.smtp.server import SmtpServer
from tests.fakes import START

HOSTNAME = "mail.example.test"
PASSWORD = "correct horse"
TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="  # of RFC 7628 §4


class StoppedCalendar(SystemClock):
    """It is always the same moment; time limits run as ever."""

    def now(self) -> datetime:
        return START


class MemoryIncoming:
    def __init__(self, full_after: int | None) -> None:
        self.data = bytearray()
        self._full_after = full_after

    async def write(self, data: bytes) -> None:
        if self._full_after is not None and len(self.data) + len(data) > self._full_after:
            raise InsufficientStorage
        self.data += data

    async def discard(self) -> None:
        self.data.clear()


@dataclass
class Noted:
    """Refusals as the delivery log would hear of them."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)  # sender, recipients, reply code

    def add(self, peer: Peer, reverse_path: str, recipients: Sequence[str], refusal: Refusal) -> None:
        assert peer.address
        self.rows.append((reverse_path, ",".join(recipients), refusal.smtp))


@dataclass
class Services:
    """Delivery, submission, store, authenticator and live sessions, all in memory."""

    full_after: int | None = None  # octets the store has room for
    accepted: list[tuple[Envelope[Any], bytes]] = field(default_factory=list)
    live: dict[int, Callable[[], None]] = field(default_factory=dict)
    refusals: Noted = field(default_factory=Noted)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def incoming(self) -> MemoryIncoming:
        return MemoryIncoming(self.full_after)

    async def authenticate(
        self, username: str, password: str, *, protocol: str, peer: str, authzid: str = ""
    ) -> Account:
        assert protocol == "smtp"
        assert peer
        if username == "throttled@example.test":
            raise AuthenticationDelayed
        if username != "ann@example.test" or password != PASSWORD or authzid not in {"", username}:
            raise AuthenticationFailed
        return Account(7, username, "", is_admin=False)

    offers_scram = False

    def random(self, octets: int) -> bytes:
        return bytes(octets)

    async def authenticate_token(self, username: str, token: str, *, protocol: str, peer: str) -> Account:
        if token != TOKEN or username not in {"", "ann@example.test"}:
            raise AuthenticationFailed
        return Account(7, "ann@example.test", "", is_admin=False)

    async def begin_scram(self, username: str, *, authzid: str, protocol: str, peer: str) -> ScramLogin:
        raise AuthenticationFailed

    def add(self, user_id: int, close: Callable[[], None], token_id: int | None) -> Callable[[], None]:
        self.live[user_id] = close
        return lambda: self.live.pop(user_id, None) and None

    def recipient(self, address: str) -> str:
        local_part, _, domain = address.rpartition("@")
        known = {
            "ann": None,
            "bob": None,
            "postmaster": None,
            "full": OverQuota,
            "gone": MailboxDisabled,
            "bug": KeyError,
        }
        if local_part.startswith("list"):
            return address
        if domain not in {"example.test", HOSTNAME}:
            raise RelayDenied
        if local_part.lower() not in known:
            raise NoSuchUser
        refusal = known[local_part.lower()]
        if refusal is not None:
            raise refusal("secret inner text" if refusal is KeyError else None)
        return address

    async def store(self, envelope: Envelope[Any], incoming: MemoryIncoming) -> str:
        content = bytes(incoming.data)
        self.entered.set()
        await self.gate.wait()
        if b"Subject: full" in content:
            raise InsufficientStorage
        if b"Subject: bug" in content:
            raise ZeroDivisionError("secret inner text")
        self.accepted.append((envelope, content))
        return f"id{len(self.accepted)}"

    def last(self) -> str:
        if not self.accepted:
            return ""
        envelope, content = self.accepted[-1]
        peer = envelope.peer
        return (
            f"from=<{envelope.reverse_path}> to={','.join(r.address for r in envelope.recipients)} "
            f"content={content!r} body={envelope.body} utf8={envelope.smtputf8} ret={envelope.ret} "
            f"envid={envelope.envid} notify={','.join(str(r.notify) for r in envelope.recipients)} "
            f"orcpt={','.join(str(r.orcpt) for r in envelope.recipients)} protocol={envelope.protocol} "
            f"tls={envelope.require_tls} held={envelope.hold_until and f'{envelope.hold_until:%FT%TZ}'} "
            f"helo={peer.helo} login={peer.authenticated} count={len(self.accepted)} octets={len(content)} "
        ).replace("\\r\\n", "|")


class MxService:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def check_sender(self, reverse_path: str, peer: Peer) -> None:
        if reverse_path == "blocked@example.org":
            raise SenderNotOwned("Not from you")

    async def resolve(self, address: str, size: int | None, reverse_path: str) -> str:
        return self._services.recipient(address)

    async def accept(self, envelope: Envelope[Any], incoming: MemoryIncoming) -> str:
        return await self._services.store(envelope, incoming)


class SubmissionService:
    def __init__(self, services: Services) -> None:
        self._services = services
        self.max_hold_seconds = 86_400

    async def check_sender(self, account: Account, reverse_path: str) -> None:
        if reverse_path not in {"", account.address}:
            raise SenderNotOwned

    async def resolve(self, account: Account, address: str, size: int | None) -> str:
        return self._services.recipient(address) if address.endswith("@example.test") else address

    async def accept(self, account: Account, envelope: Envelope[Any], incoming: MemoryIncoming) -> str:
        assert account.user_id == 7
        return await self._services.store(envelope, incoming)


@dataclass(frozen=True, slots=True)
class Running:
    server: SmtpServer
    services: Services
    port: int


@asynccontextmanager
async def running(
    face: str,
    context: ssl.SSLContext | None,
    config: SmtpConfig,
    *,
    tls: TlsMode = TlsMode.STARTTLS,
    clock: Any = None,
    full_after: int | None = None,
) -> AsyncIterator[Running]:
    """`face`: "mx" or "submission"."""
    services = Services(full_after)
    server = SmtpServer(
        SmtpRole(face),
        config,
        HOSTNAME,
        services,
        MxService(services) if face == "mx" else SubmissionService(services),
        services,
        services,
        services.refusals,
        clock or SystemClock(),
        lambda: context,
    )
    (listener,) = await server.start(ListenerConfig(0, tls, addresses=("127.0.0.1",)))
    try:
        yield Running(server, services, listener.sockets[0].getsockname()[1])
    finally:
        await server.stop(0.2)


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """For what nobody tells us of, such as that the server has noticed a closed connection."""
    for _ in range(int(seconds / 0.005)):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("not in time")


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate of its own and a client's that trusts it."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subject = ["-subj", f"/CN={HOSTNAME}", "-addext", f"subjectAltName=DNS:{HOSTNAME}"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subprocess.run(
        ["openssl", "req", "-x509", *curve, *subject, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    client = ssl.create_default_context(cafile=str(certificate))
    client.check_hostname = False
    return server, client
