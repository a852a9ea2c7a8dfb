"""The whole server as monitoring sees it: counters move with what happened, readiness follows the disk."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from mailserver.auth.passwords import Passwords
from mailserver.config.tree import (
    AuthConfig,
    Config,
    ImapConfig,
    ListenerConfig,
    ListenersConfig,
    Pop3Config,
    ServerConfig,
    SmtpConfig,
    StoreConfig,
    TlsMode,
    WebConfig,
)
from mailserver.daemon.run import Daemon
from mailserver.store import domains, users
from mailserver.store.store import Store
from tests.clients import ImapClient, Refused, SmtpClient
from tests.schema import migrated

ANN, BEN, PASSWORD = "ann@example.test", "ben@example.test", "correct horse"
MESSAGE = b"Subject: hello\r\n\r\ntext\r\n"
NAMES = {
    "messages_received_total",
    "messages_sent_total",
    "messages_rejected_total",
    "messages_bounced_total",
    "messages_queued_total",
    "delivery_duration_seconds",
    "delivery_retries_total",
    "dkim_keys_missing",
    "queue_depth",
    "active_connections",
    "connections_total",
    "auth_attempts_total",
    "imap_commands_total",
    "http_requests_total",
    "http_duration_seconds",
    "quota_exceeded_total",
    "uptime_seconds",
    "errors_total",
}


def config_of(folder: Path) -> Config:
    off = ListenerConfig(0, TlsMode.NONE, enabled=False, addresses=("127.0.0.1",))
    on = ListenerConfig(0, TlsMode.NONE, addresses=("127.0.0.1",))
    return Config(
        server=ServerConfig("mail.example.test", migrated(folder / "data"), shutdown_seconds=3.0),
        listeners=ListenersConfig(on, on, off, on, off, on, off, off),
        smtp=SmtpConfig(allow_plain_auth=True, tarpit_seconds=0.0),
        imap=ImapConfig(allow_plain_auth=True),
        pop3=Pop3Config(allow_plain_auth=True),
        auth=AuthConfig(argon2_memory_kib=128, argon2_time_cost=1),
        store=StoreConfig(min_free_bytes=0),
        web=WebConfig(port=0),
    )


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    daemon = Daemon(config_of(tmp_path))
    await daemon.start()
    passwords = Passwords(daemon.config.auth)
    await daemon.store.write(domains.add, "example.test")
    for address in (ANN, BEN):
        await daemon.store.write(users.add, address, await passwords.hash(PASSWORD))
    passwords.close()
    yield daemon
    await daemon.stop()


async def page(daemon: Daemon, path: str) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", daemon.ports["http"])
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body


async def series(daemon: Daemon) -> dict[str, float]:
    _, body = await page(daemon, "/metrics")
    lines = [line.rpartition(" ") for line in body.decode().splitlines() if line[0] != "#"]
    return {name.removeprefix("mailserver_"): float(value) for name, _, value in lines}


async def test_the_series_are_those_that_are_promised(daemon: Daemon) -> None:
    _, body = await page(daemon, "/metrics")
    found = {line.split()[2] for line in body.decode().splitlines() if line.startswith("# TYPE")}
    assert found == {f"mailserver_{name}" for name in NAMES}
    buckets = [name for name in await series(daemon) if name.startswith("delivery_duration_seconds_bucket")]
    bounds = ["0.1", "0.2", "0.4", "0.8", "1.6", "3.2", "6.4", "12.8", "25.6", "51.2", "+Inf"]
    assert buckets == [f'delivery_duration_seconds_bucket{{le="{bound}"}}' for bound in bounds]


async def test_mail_from_outside_is_counted_and_so_is_what_was_refused(daemon: Daemon) -> None:
    await daemon.store.write(users.set_quota, BEN, 1)
    async with await SmtpClient.connect(daemon.ports["smtp"]) as peer:
        await peer.send("a@peer.test", [ANN], MESSAGE)
        await peer.send("a@peer.test", [ANN], MESSAGE)
        await peer.command(b"MAIL FROM:<a@peer.test> SIZE=1000")
        for address, code in ((BEN, "452 "), ("nobody@example.test", "550 "), ("x@elsewhere.test", "550 ")):
            with pytest.raises(Refused, match=f"^{code}"):
                await peer.command(f"RCPT TO:<{address}>".encode())
        found = await series(daemon)
        assert found['active_connections{protocol="smtp"}'] == 1
    assert found["messages_received_total"] == 2
    assert found['messages_rejected_total{reason="OverQuota"}'] == 1
    assert found['messages_rejected_total{reason="NoSuchUser"}'] == 1
    assert found['messages_rejected_total{reason="RelayDenied"}'] == 1
    assert found["quota_exceeded_total"] == 1
    assert found['connections_total{protocol="smtp"}'] == 1


async def test_logins_and_imap_commands_are_counted(daemon: Daemon) -> None:
    imap = await ImapClient.login(daemon.ports["imap"], ANN, f'"{PASSWORD}"')
    await imap.command("SELECT INBOX")
    await imap.command("UID SEARCH ALL")
    with pytest.raises(Refused):
        await imap.command("XYZZY a-name-a-stranger-chose")
    other = await ImapClient.connect(daemon.ports["imap"])
    with pytest.raises(Refused):
        await other.command(f"LOGIN {ANN} wrong")
    found = await series(daemon)
    assert found['auth_attempts_total{protocol="imap",result="success"}'] == 1
    assert found['auth_attempts_total{protocol="imap",result="failure"}'] == 1
    assert found['imap_commands_total{command="LOGIN"}'] == 2
    assert found['imap_commands_total{command="UID SEARCH"}'] == 1
    assert not [name for name in found if "XYZZY" in name]
    assert found['active_connections{protocol="imap"}'] == 2
    await imap.close()
    await other.close()


async def test_a_full_mailbox_is_counted_for_imap_too(daemon: Daemon) -> None:
    await daemon.store.write(users.set_quota, ANN, 1)
    async with await ImapClient.login(daemon.ports["imap"], ANN, f'"{PASSWORD}"') as imap:
        with pytest.raises(Refused, match="OVERQUOTA"):
            await imap.command("APPEND INBOX", MESSAGE)
        assert (await series(daemon))["quota_exceeded_total"] == 1


async def test_it_is_not_ready_before_it_serves_and_says_so(tmp_path: Path) -> None:
    seen = []

    async def look(store: Store, closing: AsyncExitStack) -> None:
        seen.append(await page(daemon, "/ready"))
        seen.append(await page(daemon, "/health"))

    daemon = Daemon(config_of(tmp_path), furnish=look)
    await daemon.start()
    try:
        assert await page(daemon, "/ready") == (200, b'{"status":"ready"}')
    finally:
        await daemon.stop()
    assert [status for status, _ in seen] == [503, 200]
    assert json.loads(seen[0][1])["reasons"] == ["The server is starting"]


async def test_a_data_folder_that_takes_no_file_makes_it_unready(daemon: Daemon) -> None:
    (daemon.store.data / "probe").mkdir()  # a file of this name can not be written any more
    try:
        status, body = await page(daemon, "/ready")
    finally:
        (daemon.store.data / "probe").rmdir()
    assert status == 503
    assert json.loads(body)["reasons"] == ["The data folder can not be written: is a directory"]
