"""The real server in process: it accepts when it says so, keeps what is broken out, and stops when told."""

import asyncio
import json
import logging
import os
import signal
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from mailserver.config.load import ConfigErrors, Loaded
from mailserver.config.tree import (
    AuthConfig,
    Config,
    DnsConfig,
    ListenerConfig,
    ListenersConfig,
    LogConfig,
    LogLevel,
    ServerConfig,
    StoreConfig,
    TlsConfig,
    TlsMode,
    WebConfig,
)
from mailserver.daemon.lifecycle import Lifecycle
from mailserver.daemon.notify import Notifier
from mailserver.daemon.run import CannotListen, Daemon
from mailserver.daemon.taken_up import taken_up, waiting
from mailserver.daemon.way_out import tell_about_dnssec
from mailserver.dns.resolver import DnsResolver
from mailserver.errors import InUse
from mailserver.log import Log
from mailserver.store import domains, users
from mailserver.tls import self_signed
from tests.fakes import FakeClock
from tests.schema import migrated
from tests.zone import Zone

FACES = ["smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "https", "http"]


def any_port(tls: TlsMode) -> ListenerConfig:
    return ListenerConfig(0, tls, addresses=("127.0.0.1",))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    files = self_signed.ensure(tmp_path / "tls", ["mail.example.test"], datetime.now(UTC))
    return Config(
        server=ServerConfig("mail.example.test", migrated(tmp_path / "data"), shutdown_seconds=3.0),
        tls=TlsConfig(files.certificate, files.key),
        listeners=ListenersConfig(
            smtp=any_port(TlsMode.STARTTLS),
            submission=any_port(TlsMode.STARTTLS),
            submissions=any_port(TlsMode.IMPLICIT),
            imap=any_port(TlsMode.STARTTLS),
            imaps=any_port(TlsMode.IMPLICIT),
            pop3=any_port(TlsMode.STARTTLS),
            pop3s=any_port(TlsMode.IMPLICIT),
            https=any_port(TlsMode.IMPLICIT),
        ),
        web=WebConfig(port=0),
        auth=AuthConfig(argon2_memory_kib=128, argon2_time_cost=1),
        store=StoreConfig(min_free_bytes=0),
    )


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    log = Log(as_json=True, file=tmp_path / "log")
    yield log
    log.close()
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def events(log: Log, tmp_path: Path) -> Callable[[str], list[dict[str, Any]]]:
    """Log lines of this event so far."""

    def found(event: str) -> list[dict[str, Any]]:
        lines = map(json.loads, (tmp_path / "log").read_text().splitlines())
        return [line for line in lines if line["event"] == event]

    return found


Events = Callable[[str], list[dict[str, Any]]]


async def greeting(port: int, context: ssl.SSLContext | None = None) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        return await asyncio.wait_for(reader.readline(), 5)
    finally:
        writer.close()


async def certificate_of(port: int) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return bytes(found)
    finally:
        writer.transport.abort()


async def test_every_listener_accepts_when_start_returns(config: Config) -> None:
    daemon = Daemon(config)
    await daemon.start()
    port = daemon.ports["smtp"]
    try:
        assert list(daemon.ports) == FACES
        assert (await greeting(daemon.ports["smtp"])).startswith(b"220 mail.example.test")
        assert (await greeting(daemon.ports["imap"])).startswith(b"* OK")
        assert await greeting(daemon.ports["pop3"]) == b"+OK POP3 server ready\r\n"
        assert len(await certificate_of(daemon.ports["imaps"])) > 100
        assert len(await certificate_of(daemon.ports["pop3s"])) > 100
    finally:
        await daemon.stop()
    with pytest.raises(ConnectionRefusedError):
        await greeting(port)


async def test_a_data_folder_is_served_once(config: Config) -> None:
    daemon = Daemon(config)
    await daemon.start()
    try:
        with pytest.raises(InUse, match="is served by process"):
            await Daemon(config).start()
    finally:
        await daemon.stop()
    again = Daemon(config)
    await again.start()
    await again.stop()


async def test_a_port_in_use_is_named_and_nothing_is_left_behind(config: Config, tmp_path: Path) -> None:
    daemon = Daemon(config)
    await daemon.start()
    try:
        taken = replace(config.listeners.imap, port=daemon.ports["imap"])
        other = replace(
            config,
            server=replace(config.server, data=tmp_path / "other"),
            listeners=replace(config.listeners, imap=taken),
        )
        with pytest.raises(CannotListen, match=rf"Port {taken.port} \(imap\): address already in use; stop"):
            await Daemon(other).start()
        healthy = Daemon(replace(other, listeners=config.listeners))
        await healthy.start()  # lock and database are free again
        await healthy.stop()
    finally:
        await daemon.stop()


async def test_without_a_usable_certificate_what_needs_one_stays_closed(
    config: Config, log: Log, events: Events, tmp_path: Path
) -> None:
    (tmp_path / "broken.pem").write_text("nonsense")
    broken = replace(config, tls=TlsConfig(tmp_path / "broken.pem", tmp_path / "broken.pem"))
    daemon = Daemon(broken)
    await daemon.start()
    try:
        assert list(daemon.ports) == ["smtp", "submission", "imap", "pop3", "http"]
        await daemon.reconfigure(config)
        assert sorted(daemon.ports) == sorted(FACES)
        assert len(await certificate_of(daemon.ports["submissions"])) > 100
    finally:
        await daemon.stop()
    assert len(events("no TLS: the certificate can not be used")) == 1


async def test_deleted_accounts_are_purged_when_their_time_is_over(config: Config) -> None:
    daemon = Daemon(config)
    await daemon.start()
    store = daemon.store
    await store.write(domains.add, "example.test")
    await store.write(users.add, "ann@example.test", "$argon2id$unused")
    await store.write(users.remove, "ann@example.test")
    month = timedelta(days=31).total_seconds() * 1000
    await store.write(lambda tx: tx.run("UPDATE users SET deleted_at = deleted_at - ?", month))
    await daemon.stop()
    daemon = Daemon(config)
    await daemon.start()
    try:
        deadline = asyncio.get_running_loop().time() + 5
        while await daemon.store.read(users.list, deleted=True):
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.01)
    finally:
        await daemon.stop()


def lifecycle(config: Config, log: Log, read: Callable[[], Loaded] | None = None) -> tuple[Daemon, Lifecycle]:
    daemon = Daemon(config)
    return daemon, Lifecycle(daemon, log, Notifier({}), read or (lambda: Loaded(config, {}, None)))


async def until(happened: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not happened():
            await asyncio.sleep(0.01)


async def test_sigterm_stops_and_sighup_reloads(config: Config, log: Log, events: Events, tmp_path: Path) -> None:
    new = replace(
        config,
        log=LogConfig(level=LogLevel.DEBUG),
        tls=_another_certificate(tmp_path),
        smtp=replace(config.smtp, max_errors=1, max_connections=2000),
        store=replace(config.store, readers=4),
    )
    daemon, life = lifecycle(config, log, lambda: Loaded(new, {}, None))
    running = asyncio.create_task(life.run())
    await until(lambda: events("ready"))
    before = await certificate_of(daemon.ports["imaps"])
    os.kill(os.getpid(), signal.SIGHUP)
    await until(lambda: events("reloaded"))
    assert await certificate_of(daemon.ports["imaps"]) != before
    assert daemon.config == replace(new, store=config.store)
    os.kill(os.getpid(), signal.SIGHUP)
    await until(lambda: len(events("reloaded")) == 2)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(running, 10)
    assert [line["keys"] for line in events("changes that wait for a restart")] == [["store.readers"]] * 2
    assert events("stopped")


async def test_a_reload_with_faults_changes_nothing(config: Config, log: Log, events: Events) -> None:
    def read() -> Loaded:
        raise ConfigErrors(["smtp.x: unknown key"])

    daemon, life = lifecycle(config, log, read)
    running = asyncio.create_task(life.run())
    await until(lambda: events("ready"))
    before = await certificate_of(daemon.ports["imaps"])
    os.kill(os.getpid(), signal.SIGHUP)
    await until(lambda: events("reloaded"))
    assert await certificate_of(daemon.ports["imaps"]) == before
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.wait_for(running, 10)
    assert [line["faults"] for line in events("configuration not reloaded")] == [["smtp.x: unknown key"]]


def test_what_waits_for_a_restart_is_told_apart(config: Config) -> None:
    new = replace(config, log=LogConfig(level=LogLevel.ERROR), server=replace(config.server, hostname="b.test"))
    assert waiting(config, new) == ["server.hostname"]


def test_what_is_taken_up_leaves_the_rest_as_it_was(config: Config) -> None:
    new = replace(
        config,
        server=replace(config.server, hostname="b.test", shutdown_seconds=9.0),
        auth=replace(config.auth, hash_threads=7, failures_per_address=9),
    )
    merged = taken_up(config, new)
    assert merged.server == replace(config.server, shutdown_seconds=9.0)
    assert merged.auth == replace(config.auth, failures_per_address=9)
    assert waiting(merged, new) == ["server.hostname", "auth.hash_threads"]


async def conversation(port: int, *commands: bytes) -> list[bytes]:
    """The last line of each reply, the greeting's first."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    replies = []
    try:
        async with asyncio.timeout(5):
            for command in (b"", *commands):
                writer.write(command + b"\r\n" if command else b"")
                while (line := await reader.readline())[3:4] == b"-" or line.startswith(b"* CAP"):
                    continue
                replies.append(line)
    finally:
        writer.transport.abort()
    return replies


async def test_new_limits_hold_for_new_sessions(config: Config) -> None:
    daemon = Daemon(config)
    await daemon.start()
    try:
        await daemon.store.write(domains.add, "example.test")
        await daemon.store.write(users.add, "ann@example.test", "$argon2id$unused")
        smtp, imap = daemon.ports["smtp"], daemon.ports["imap"]
        await daemon.reconfigure(
            replace(
                config,
                smtp=replace(config.smtp, max_message_octets=2000, max_recipients=1),
                imap=replace(config.imap, max_connections_per_address=1),
            )
        )
        replies = await conversation(
            smtp,
            b"EHLO c",
            b"MAIL FROM:<> SIZE=2001",
            b"MAIL FROM:<>",
            b"RCPT TO:<ann@example.test>",
            b"RCPT TO:<ann@example.test>",
        )
        assert [reply[:9] for reply in replies[2:]] == [b"552 5.3.4", b"250 2.1.0", b"250 2.1.5", b"452 4.5.3"]
        _, first = await asyncio.open_connection("127.0.0.1", imap)
        assert (await greeting(imap)).startswith(b"* BYE [UNAVAILABLE] Too many connections")
        first.transport.abort()
        await daemon.reconfigure(replace(config, smtp=replace(config.smtp, max_connection_rate=1)))
        assert (await greeting(smtp)).startswith(b"421 4.7.0 Too many connections")
        assert (await greeting(daemon.ports["submission"])).startswith(b"421 4.7.0"), "one count for all SMTP ports"
    finally:
        await daemon.stop()


def _another_certificate(tmp_path: Path) -> TlsConfig:
    files = self_signed.ensure(tmp_path / "tls2", ["other.example.test"], datetime.now(UTC))
    return TlsConfig(files.certificate, files.key)


@pytest.mark.parametrize(
    ("validates", "event", "reason"),
    [(True, "DNSSEC is validated", ""), (False, "no DANE", "does not validate DNSSEC: its answer for the root zone")],
)
async def test_the_log_says_at_the_start_whether_dane_can_hold(
    events: Callable[[str], list[dict[str, Any]]], clock: FakeClock, validates: bool, event: str, reason: str
) -> None:
    async with Zone() as zone:
        zone.secure = validates
        resolver = DnsResolver(DnsConfig(servers=(zone.server,)), clock)
        await tell_about_dnssec(resolver)
        await resolver.close()
    [line] = events(event)
    assert reason in line.get("reason", "")
