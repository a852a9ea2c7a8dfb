"""IMAP over one mailbox, through the socket, as a client waits for it: what only reads."""

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mailserver.clock import SystemClock
from mailserver.config.tree import StoreConfig
from mailserver.mail.flags import FlagSet
from mailserver.search.text_index import TextIndex
from mailserver.store import mailboxes, messages, users
from mailserver.store.store import Store
from tests.bench.corpus import messages as corpus
from tests.bench.imap_client import Wire
from tests.daemon import Login

MESSAGES = 10_000
MAILBOX = "Archive"
REPEAT = 9
FLAGS = (FlagSet.of([]), FlagSet.of(["\\Seen"]), FlagSet.of(["\\Seen", "\\Flagged"]), FlagSet.of(["\\Seen", "$Work"]))
LIST_ITEMS = "UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE"
EIGHT_FIELDS = "FROM TO CC SUBJECT DATE MESSAGE-ID REFERENCES CONTENT-TYPE"

Row = dict[str, object]
Texts = Callable[[int], Iterator[bytes]]  # so many messages


class Server(Protocol):
    """Ours, or a peer."""

    @property
    def users(self) -> list[Login]: ...

    def port(self, face: str) -> int: ...


@dataclass(frozen=True, slots=True)
class Question:
    command: str
    goal_ms: float | None = None  # at 10,000 messages
    first_goal_ms: float | None = None  # of the first time it is asked


QUESTIONS: dict[str, Question] = {
    "NOOP": Question("NOOP"),
    "SELECT, warm": Question(f"SELECT {MAILBOX}", 0.5),
    "FETCH 1:* (FLAGS)": Question("FETCH 1:* (FLAGS)", 5.0, 15.0),
    "FETCH 1:* (UID FLAGS)": Question("FETCH 1:* (UID FLAGS)", 5.0, 15.0),
    "FETCH 1:* list items": Question(f"FETCH 1:* ({LIST_ITEMS})", 35.0),
    "FETCH 1:* (ENVELOPE)": Question("FETCH 1:* (ENVELOPE)", 18.0),
    "FETCH 1:* HEADER.FIELDS of 8": Question(f"FETCH 1:* (BODY.PEEK[HEADER.FIELDS ({EIGHT_FIELDS})])", 30.0),
    "FETCH page of 50": Question(f"FETCH 5000:5049 ({LIST_ITEMS})", 0.4),
    "FETCH one body": Question("FETCH 77 (BODY.PEEK[])", 0.2),
    "FETCH 500 bodies": Question("FETCH 1001:1500 (BODY.PEEK[])", 28.0),
    "SEARCH UNSEEN": Question("SEARCH UNSEEN", 0.6),
    "UID SEARCH FLAGGED UNKEYWORD $Work": Question("UID SEARCH FLAGGED UNKEYWORD $Work", 0.6),
    "SEARCH FROM": Question("SEARCH FROM muster", 3.0),
    "SEARCH SUBJECT": Question("SEARCH SUBJECT holiday", 3.0),
    "SEARCH SINCE": Question("SEARCH SINCE 15-Nov-2025", 3.0),
    "SEARCH SENTSINCE": Question("SEARCH SENTSINCE 15-Nov-2026", 3.0),
    "SEARCH LARGER": Question("SEARCH LARGER 5000", 3.0),
    "FETCH 1:* (FLAGS) CHANGEDSINCE now": Question("FETCH 1:* (FLAGS) (CHANGEDSINCE 99999999)", 0.7),
    "SEARCH BODY": Question("SEARCH BODY kitchen"),
    "SORT (DATE)": Question("SORT (DATE) UTF-8 ALL", 6.0, 100.0),
    "SORT (FROM SUBJECT)": Question("SORT (FROM SUBJECT) UTF-8 ALL", 6.0, 100.0),
    "THREAD REFERENCES": Question("THREAD REFERENCES UTF-8 ALL", 6.0, 100.0),
}


async def fill(data: Path, mailbox: str = MAILBOX, count: int = MESSAGES, texts: Texts = corpus) -> float:
    """Messages per second written straight into the store. They are indexed afterwards, outside of the time."""
    loop = asyncio.get_running_loop()
    async with await Store.open(data, SystemClock(), config=StoreConfig()) as store:
        user = await store.read(users.get, "ann@example.test")
        box = await store.read(mailboxes.get, user.id, mailbox)
        await store.write(users.set_quota, "ann@example.test", 0)
        started = loop.time()
        pending = asyncio.Semaphore(64)

        async def one(number: int, text: bytes) -> None:
            staged = await store.stage_bytes(text)
            await store.write(messages.add, box.id, staged, FLAGS[number % len(FLAGS)], 1_763_000_000 + number * 60)
            pending.release()

        async with asyncio.TaskGroup() as group:
            for number, text in enumerate(texts(count)):
                await pending.acquire()
                group.create_task(one(number, text))
        took = loop.time() - started
        await index(store)
        return count / took


async def index(store: Store) -> float:
    """Seconds until every message is in the text index."""
    started = time.perf_counter()
    texts = await TextIndex.open(store, store.clock, follow=False)
    await texts.indexer.settle()
    await texts.close()
    return time.perf_counter() - started


def measure(demo: Server) -> list[Row]:
    return [first_select(demo), again(demo), *(_question(demo, name, each) for name, each in QUESTIONS.items())]


def first_select(demo: Server) -> Row:
    """The first of this mailbox since the start."""
    wire = login(demo)
    row = result("SELECT, first after the start", [wire.timed(f"SELECT {MAILBOX}".encode())], 20.0)
    wire.close()
    return row


def again(demo: Server) -> Row:
    """A client that comes back: its password was seen before."""
    times = []
    for _ in range(REPEAT):
        started = time.perf_counter()
        wire = login(demo)
        wire.command(f"SELECT {MAILBOX}".encode())
        times.append((time.perf_counter() - started) * 1000)
        wire.close()
    return result("connect + LOGIN + SELECT", times, 4.0)


def login(demo: Server) -> Wire:
    user = demo.users[0]
    return Wire.login(demo.port("imap"), user.email, user.password)


def selected(demo: Server, mailbox: str = MAILBOX) -> Wire:
    wire = login(demo)
    wire.command(f"SELECT {mailbox}".encode())
    return wire


def _question(demo: Server, name: str, asked: Question) -> Row:
    wire = selected(demo)
    command = asked.command.encode()
    first = wire.timed(command)
    row = result(name, [wire.timed(command) for _ in range(REPEAT)], asked.goal_ms)
    row["first_ms"] = round(first, 2)
    wire.close()
    return row


def result(name: str, times: list[float], goal: float | None) -> Row:
    median = statistics.median(times)
    row: Row = {"name": name, "median_ms": round(median, 2), "worst_ms": round(max(times), 2)}
    if goal is not None:
        row |= {"goal_ms": goal, "ok": median <= goal}
    return row
