"""IMAP over one mailbox of 10,000 messages, through the socket, as a client waits for it."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from mailserver.clock import SystemClock
from mailserver.config.tree import StoreConfig
from mailserver.mail.flags import FlagSet
from mailserver.store import mailboxes, messages, users
from mailserver.store.store import Store
from tests.bench.corpus import messages as corpus
from tests.clients import ImapClient, SmtpClient
from tests.daemon import Demo

MESSAGES = 10_000
MAILBOX = "Archive"
REPEAT = 7
FLAGS = (FlagSet.of([]), FlagSet.of(["\\Seen"]), FlagSet.of(["\\Seen", "\\Flagged"]), FlagSet.of(["\\Seen", "$Work"]))

# name → (command, goal in ms); goals are those this stage must reach, none where only the figure is wanted
COMMANDS: dict[str, tuple[str, float | None]] = {
    "SELECT, warm": (f"SELECT {MAILBOX}", 10.0),
    "FETCH 1:* (FLAGS)": ("FETCH 1:* (FLAGS)", 60.0),
    "FETCH 1:* (ENVELOPE BODYSTRUCTURE)": ("FETCH 1:* (ENVELOPE BODYSTRUCTURE)", 400.0),
    "FETCH 1:* HEADER.FIELDS of 4": ("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE)])", None),
    "FETCH page of 50": ("FETCH 5000:5049 (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)", None),
    "SEARCH UNSEEN": ("SEARCH UNSEEN", None),
    "SEARCH SUBJECT": ("SEARCH SUBJECT holiday", None),
    "SEARCH SINCE": ("SEARCH SINCE 15-Nov-2026", None),
    "SEARCH BODY": ("SEARCH BODY kitchen", None),
}


async def fill(data: Path, mailbox: str = MAILBOX) -> float:
    """Messages per second written straight into the store."""
    async with await Store.open(data, SystemClock(), config=StoreConfig()) as store:
        user = await store.read(users.get, "ann@example.test")
        box = await store.read(mailboxes.get, user.id, mailbox)
        await store.write(users.set_quota, "ann@example.test", 0)
        started = time.perf_counter()
        pending = asyncio.Semaphore(64)

        async def one(number: int, text: bytes) -> None:
            async with pending:
                staged = await store.stage_bytes(text)
                await store.write(messages.add, box.id, staged, FLAGS[number % len(FLAGS)], 1_763_000_000 + number * 60)

        await asyncio.gather(*(one(number, text) for number, text in enumerate(corpus(MESSAGES))))
        return MESSAGES / (time.perf_counter() - started)


async def measure(demo: Demo) -> list[dict[str, object]]:
    client = await _client(demo)
    await client.command(f"SELECT {MAILBOX}")
    rows = [await _command(client, name, command, goal) for name, (command, goal) in COMMANDS.items()]
    rows.append(_row("STORE 1:* +FLAGS, durable", [await _store(client, sign) for sign in "+-+-"], None))
    rows.append(_row("UID STORE one, durable", [await _store_one(client, n) for n in range(1, 40)], None))
    rows.append(await _append(client))
    rows.append(await _idle(demo))
    await client.close()
    return rows


async def resident_with_sessions(demo: Demo, sessions: int) -> int:
    """Octets of memory of the server with so many logged-in sessions that selected the mailbox."""
    clients = [await _client(demo) for _ in range(sessions)]
    for client in clients:
        await client.command(f"SELECT {MAILBOX}")
    octets = demo.rss_octets()
    for client in clients:
        await client.close()
    return octets


async def _client(demo: Demo) -> ImapClient:
    user = demo.users[0]
    return await ImapClient.login(demo.port("imap"), user.email, user.password)


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await work()
    return (time.perf_counter() - started) * 1000


async def _command(client: ImapClient, name: str, command: str, goal: float | None) -> dict[str, object]:
    await client.command(command)
    return _row(name, [await _timed(lambda: _raw(client, command)) for _ in range(REPEAT)], goal)


async def _raw(client: ImapClient, command: str) -> None:
    """Read as fast as possible: the client's own parsing must not be what is measured."""
    client.tag += 1
    tag = b"t%d" % client.tag
    client.writer.write(tag + b" " + command.encode() + b"\r\n")
    ending = b"\r\n" + tag + b" "
    last = b"\r\n"
    while True:
        data = await client.reader.read(1 << 20)
        if not data:
            raise ConnectionError("closed")
        last = last[-1024:] + data
        at = last.rfind(ending)
        if at >= 0 and last.endswith(b"\r\n"):
            return


async def _store(client: ImapClient, sign: str) -> float:
    return await _timed(lambda: _raw(client, f"STORE 1:* {sign}FLAGS (\\Answered)"))


async def _store_one(client: ImapClient, number: int) -> float:
    return await _timed(lambda: _raw(client, f"STORE {number} +FLAGS (\\Draft)"))


async def _append(client: ImapClient) -> dict[str, object]:
    texts = [*corpus(200, seed=99)]
    times = [await _timed(lambda text=text: client.command("APPEND Drafts", text)) for text in texts]  # type: ignore[misc]
    row = _row("APPEND one, durable", times, None)
    row["per_second"] = round(1000 / statistics.mean(times), 1)
    return row


async def _idle(demo: Demo) -> dict[str, object]:
    """From the server's 250 to the EXISTS that the idling client reads."""
    client, sender = await _client(demo), await SmtpClient.connect(demo.port("smtp"))
    await client.command("SELECT INBOX")
    client.writer.write(b"i IDLE\r\n")
    await client.line()
    times = []
    for text in corpus(30, seed=5):
        arrived = asyncio.create_task(_exists(client))
        await sender.send("a@peer.test", [demo.users[0].email], text)
        answered = time.perf_counter()
        times.append(max(0.0, (await arrived - answered) * 1000))
    await client.close()
    await sender.close()
    return _row("IDLE: 250 → EXISTS", times, 50.0)


async def _exists(client: ImapClient) -> float:
    while b"EXISTS" not in await client.line():
        pass
    return time.perf_counter()


def _row(name: str, times: list[float], goal: float | None) -> dict[str, object]:
    median = statistics.median(times)
    row: dict[str, object] = {"name": name, "median_ms": round(median, 2), "worst_ms": round(max(times), 2)}
    if goal is not None:
        row |= {"goal_ms": goal, "ok": median <= goal}
    return row
