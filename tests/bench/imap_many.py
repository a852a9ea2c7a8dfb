"""Many IMAP sessions at once: how much they get done, how long a NOOP waits, what they weigh."""

import asyncio
import ssl
import time

from tests.bench.imap import MAILBOX, Row
from tests.bench.imap_changes import mixed_commands
from tests.clients import ImapClient
from tests.daemon import Demo

SESSIONS = 50
COMMANDS = 100  # of each session
IDLE_SESSIONS = 1000
GOAL_PER_SECOND = 1900
GOAL_NOOP_P99_MS = 30.0
GOAL_IDLE_MB = 60.0


async def mixed(demo: Demo) -> Row:
    """Sessions that do what clients do all day, and one that asks NOOP meanwhile."""
    clients = [await _selected(demo) for _ in range(SESSIONS)]
    noops: list[float] = []
    done = asyncio.Event()
    asking = asyncio.create_task(_noops(await _selected(demo), noops, done))
    started = time.perf_counter()
    await asyncio.gather(*(_session(client, seed) for seed, client in enumerate(clients)))
    seconds = time.perf_counter() - started
    done.set()
    await asking
    noops.sort()
    per_second, p99 = SESSIONS * COMMANDS / seconds, noops[len(noops) * 99 // 100]
    for client in clients:
        await client.close()
    return {
        "name": f"{SESSIONS} sessions, mixed",
        "per_second": round(per_second),
        "goal_per_second": GOAL_PER_SECOND,
        "noop_p99_ms": round(p99, 2),
        "goal_noop_p99_ms": GOAL_NOOP_P99_MS,
        "mb": round(demo.rss_octets() / 1e6, 1),
        "ok": per_second >= GOAL_PER_SECOND and p99 <= GOAL_NOOP_P99_MS,
    }


async def resident(demo: Demo, sessions: int) -> Row:
    """Memory of the server with so many sessions that selected the mailbox."""
    clients = [await _selected(demo) for _ in range(sessions)]
    octets = demo.rss_octets()
    for client in clients:
        await client.close()
    return {"name": f"RSS with {sessions} sessions on one mailbox", "mb": round(octets / 1e6, 1)}


async def idle_tls(demo: Demo) -> Row:
    """Memory of sessions that logged in over TLS and wait."""
    before = demo.rss_octets()
    user = demo.users[0]
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    clients = []
    for _ in range(IDLE_SESSIONS):
        reader, writer = await asyncio.open_connection("127.0.0.1", demo.port("imaps"), ssl=context)
        client = ImapClient(reader, writer)
        await client.line()
        await client.command(f"LOGIN {user.email} {user.password}")
        await client.command("SELECT INBOX")
        writer.write(b"i IDLE\r\n")
        await client.line()
        clients.append(client)
    grown = (demo.rss_octets() - before) / 1e6
    for client in clients:
        client.writer.transport.abort()
    return {
        "name": f"{IDLE_SESSIONS} idle TLS sessions",
        "mb": round(grown, 1),
        "kb_each": round(grown * 1000 / IDLE_SESSIONS, 1),
        "goal_mb": GOAL_IDLE_MB,
        "ok": grown <= GOAL_IDLE_MB,
    }


async def _selected(demo: Demo) -> ImapClient:
    user = demo.users[0]
    client = await ImapClient.login(demo.port("imap"), user.email, user.password)
    await client.command(f"SELECT {MAILBOX}")
    return client


async def _session(client: ImapClient, seed: int) -> None:
    commands = mixed_commands(seed)
    for _ in range(COMMANDS):
        await _raw(client, next(commands))


async def _noops(client: ImapClient, times: list[float], done: asyncio.Event) -> None:
    while not done.is_set():
        started = time.perf_counter()
        await _raw(client, "NOOP")
        times.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(0.002)
    await client.close()


async def _raw(client: ImapClient, command: str) -> None:
    """Read as fast as possible: the client's own parsing must not be what is measured."""
    client.tag += 1
    tag = b"t%d" % client.tag
    client.writer.write(tag + b" " + command.encode() + b"\r\n")
    ending, last = b"\r\n" + tag + b" ", b"\r\n"
    while True:
        data = await client.reader.read(1 << 20)
        if not data:
            raise ConnectionError("closed")
        last = last[-1024:] + data
        if last.rfind(ending) >= 0 and last.endswith(b"\r\n"):
            return
