"""The text index: how fast it is built, how large it is, and what a SEARCH takes with it and by reading everything."""

import asyncio
import statistics
import tempfile
from pathlib import Path

from mailserver.clock import SystemClock
from mailserver.config.tree import StoreConfig
from mailserver.mail.search import Body
from mailserver.mailboxes.service import Mailboxes
from mailserver.mailboxes.values import SearchView
from mailserver.search import verify
from mailserver.store import search_requests, users
from mailserver.store.store import Store
from tests.bench import imap, natural
from tests.bench.imap import MAILBOX, MESSAGES, Row
from tests.daemon import running_demo

REPEAT = 9
BUILD_SECONDS = 12.0  # for 10,000 messages
SHARE_OF_MAIL = 0.25  # of the disk that the messages take
GOAL_MS = 8.0

WORDS = [word for word in natural.words() if word.isascii()]  # in a quoted string
COMMON = next(word for word in WORDS if len(word) >= 5)  # shorter ones are but syllables of others
UNUSUAL, RARE = WORDS[natural.UNUSUAL], WORDS[natural.RARE]

# name → what is looked for, and whether it has a goal: syllables are in most words, phrases are read the first time
NEEDLES: dict[str, tuple[str, bool]] = {
    "a common word": (COMMON, True),
    "an unusual word": (UNUSUAL, True),
    "a rare word": (RARE, True),
    "an absent word": ("zzqxabsent", True),
    "a piece of a word": (UNUSUAL[1:-1], True),
    "an address": ("person7@firm7.example", True),
    "two letters": (RARE[:2], False),
    "two unusual words": (f"{WORDS[natural.UNUSUAL + 1]} {UNUSUAL}", False),
    "two common words": (f"{WORDS[0]} {COMMON}", False),
}


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        data = Path(folder) / "var"
        with running_demo(data, "--relaxed"):
            pass
        asyncio.run(imap.fill(data, texts=natural.messages))
        rows, scans = asyncio.run(_built(data))
        with running_demo(data, "--relaxed", "--plain-auth") as demo:
            wire = imap.selected(demo)
            for kind in ("BODY", "TEXT"):
                for name, (needle, has_goal) in NEEDLES.items():
                    command = f'SEARCH RETURN (COUNT) {kind} "{needle}"'.encode()
                    first = wire.timed(command)
                    again = statistics.median(wire.timed(command) for _ in range(REPEAT))
                    row: Row = {
                        "name": f"SEARCH {kind}, {name}",
                        "first_ms": round(first, 2),
                        "again_ms": round(again, 2),
                        "reading_all_ms": scans[name],
                    }
                    if has_goal:
                        row |= {"goal_ms": GOAL_MS, "ok": again <= GOAL_MS}
                    rows.append(row)
            wire.close()
        return rows


async def _built(data: Path) -> tuple[list[Row], dict[str, float]]:
    async with await Store.open(data, SystemClock(), config=StoreConfig()) as store:
        await store.write(search_requests.ask)
        seconds = await imap.index(store)
        found = await verify.status(store)
        mail = sum(file.stat().st_size for file in store.maildir.root.rglob("cur/*"))
        built: Row = {
            "name": "text index built",
            "per_second": round(found.indexed / seconds),
            "seconds": round(seconds, 1),
            "goal_seconds": round(BUILD_SECONDS * MESSAGES / 10_000, 1),
            "ok": seconds <= BUILD_SECONDS * MESSAGES / 10_000,
        }
        size: Row = {
            "name": "text index on the disk",
            "octets_per_message": round(found.octets / found.indexed),
            "share_of_mail": round(found.octets / mail, 3),
            "goal_share": SHARE_OF_MAIL,
            "ok": found.octets <= SHARE_OF_MAIL * mail,
        }
        return [built, size], await _scans(store)


async def _scans(store: Store) -> dict[str, float]:
    """Milliseconds of the same searches of bodies without an index."""
    user = await store.read(users.get, "ann@example.test")
    service = Mailboxes(store, store.clock, StoreConfig())
    index, _ = await service.select(user.id, MAILBOX, claim_recent=False)
    view = SearchView(index.uids, lambda _: False)

    times = {}
    for name, (needle, _) in NEEDLES.items():
        started = store.clock.monotonic()
        await service.search(index, Body(needle), view)
        times[name] = round((store.clock.monotonic() - started) * 1000, 1)
    service.release(index)
    await service.close()
    return times
