"""The whole server: an alias sends on with a sender of ours, and a bounce to it reaches who wrote."""

from dataclasses import replace
from pathlib import Path

import aiosmtplib
import pytest

from mailserver.config.tree import (
    AuthConfig,
    Config,
    DnsConfig,
    ListenerConfig,
    ListenersConfig,
    OutboundConfig,
    ServerConfig,
    StoreConfig,
    TlsMode,
    WebConfig,
)
from mailserver.daemon.run import Daemon
from mailserver.daemon.way_out import carrier
from mailserver.store import aliases, domains
from mailserver.store.database import Tx
from tests.schema import migrated
from tests.sinks import Sink
from tests.zone import Zone

CLOSED = ListenerConfig(0, TlsMode.NONE, enabled=False)
OPEN = ListenerConfig(0, TlsMode.NONE, addresses=("127.0.0.1",))
MESSAGE = b"From: x@origin.example\r\nSubject: hello\r\nMessage-ID: <1@origin.example>\r\n\r\nA line.\r\n"
BOUNCE = b"From: mailer-daemon@far.example\r\nSubject: no\r\n\r\n550 5.1.1\r\n"


def furnish(tx: Tx) -> None:
    domains.add(tx, "example.test")
    aliases.add(tx, "away@example.test", ["friend@far.example"])


@pytest.fixture
def names() -> dict[str, dict[str, str]]:
    return {
        "far.example": {"MX": "10 mx.far.example."},
        "mx.far.example": {"A": "127.0.0.2"},
        "origin.example": {"MX": "10 mx.origin.example.", "TXT": '"v=spf1 ip4:127.0.0.1 -all"'},
        "mx.origin.example": {"A": "127.0.0.3"},
    }


def config(data: Path, dns: int, smtp: int) -> Config:
    """`dns`, `smtp`: ports of the servers of others."""
    return Config(
        server=ServerConfig("mail.example.test", data, shutdown_seconds=3.0),
        listeners=ListenersConfig(OPEN, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED),
        web=WebConfig(enabled=False),
        auth=AuthConfig(argon2_memory_kib=128, argon2_time_cost=1),
        store=StoreConfig(min_free_bytes=0),
        dns=DnsConfig(servers=(f"127.0.0.1:{dns}",)),
        outbound=OutboundConfig(port=smtp),
    )


async def hand_in(port: int, sender: str, recipient: str, message: bytes) -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
        await client.sendmail(sender, [recipient], message)


async def test_mail_goes_on_and_its_bounce_comes_back(tmp_path: Path, names: dict[str, dict[str, str]]) -> None:
    async with Zone(names) as zone, Sink() as far, Sink(address="127.0.0.3", port=far.port) as origin:
        daemon = Daemon(config(migrated(tmp_path / "data"), zone.port, far.port), carrier=carrier)
        await daemon.start()
        try:
            await daemon.store.write(furnish)
            await hand_in(daemon.ports["smtp"], "x@origin.example", "away@example.test", MESSAGE)
            [forwarded] = await far.arrived(1)
            assert forwarded.sender.startswith("SRS0=")
            assert forwarded.sender.endswith("=origin.example=x@example.test")
            assert forwarded.content.endswith(MESSAGE)
            await hand_in(daemon.ports["smtp"], "", forwarded.sender, BOUNCE)
            [returned] = await origin.arrived(1)
            assert (returned.sender, [*returned.recipients]) == ("", ["x@origin.example"])
            assert returned.content.endswith(BOUNCE)
            with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refused:
                await hand_in(daemon.ports["smtp"], "spammer@far.example", forwarded.sender, BOUNCE)
            assert refused.value.recipients[0].code == 550
        finally:
            await daemon.stop()


async def test_a_reload_reaches_whoever_sends(tmp_path: Path, names: dict[str, dict[str, str]]) -> None:
    """[outbound] port: mail that found nobody at the old one is taken at the new one."""
    async with Zone(names) as zone, Sink() as far:
        before = config(migrated(tmp_path / "data"), zone.port, far.port)
        daemon = Daemon(replace(before, outbound=replace(before.outbound, port=1)), carrier=carrier)
        await daemon.start()
        try:
            await daemon.store.write(furnish)
            await daemon.reconfigure(before)
            await hand_in(daemon.ports["smtp"], "x@origin.example", "away@example.test", MESSAGE)
            (taken,) = await far.arrived(1)
            assert taken.content.endswith(b"A line.\r\n")
        finally:
            await daemon.stop()
