"""kill -9 at random moments under SMTP and IMAP load: what was acknowledged is there once, byte for byte.

Each round starts the server on the same data, checks everything that earlier rounds were promised, loads it and
kills it. `make test` runs 50 rounds, `make soak` 1,000 (CRASH_ROUNDS).
"""

import asyncio
import contextlib
import os
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mailserver.clock import SystemClock
from mailserver.config.tree import StoreConfig
from mailserver.store import fsck
from mailserver.store.store import Store
from tests.clients import ImapClient, SmtpClient
from tests.daemon import Demo, Login, free_port_base, start_demo

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "50"))
SENDERS = 3
LONGEST_SECONDS = 0.5  # of load before the kill

_NUMBER = re.compile(rb"X-Number: (\d+)")


@dataclass(slots=True)
class Promises:
    """What the server acknowledged."""

    sent: dict[int, bytes] = field(default_factory=dict)  # number → message as it left us
    delivered: set[int] = field(default_factory=set)  # 250 after the final dot
    appended: dict[int, tuple[int, int]] = field(default_factory=dict)  # number → (uidvalidity, uid) in Archive
    flagged: set[int] = field(default_factory=set)  # of the appended: \Flagged acknowledged
    moved: set[int] = field(default_factory=set)  # of the appended: MOVE to Trash acknowledged
    maybe_moved: set[int] = field(default_factory=set)  # MOVE asked for, the answer never came
    groups: list[tuple[int, ...]] = field(default_factory=list)  # MULTIAPPEND to Sent asked for
    whole: set[tuple[int, ...]] = field(default_factory=set)  # and acknowledged
    uids: dict[tuple[bytes, int, int], int] = field(default_factory=dict)  # (mailbox, uidvalidity, uid) → number
    next_number: int = 0

    def make(self, rng: random.Random) -> tuple[int, bytes]:
        number = self.next_number
        self.next_number += 1
        body = rng.randbytes(rng.randrange(0, 6000)).hex().encode()
        lines = b"\r\n".join(body[at : at + 76] for at in range(0, len(body), 76))
        text = b"From: a@peer.test\r\nTo: b@example.test\r\nSubject: %d\r\nX-Number: %d\r\n\r\n%b\r\n.dot\r\n"
        self.sent[number] = text % (number, number, lines)
        return number, self.sent[number]


async def send_mail(demo: Demo, promises: Promises, rng: random.Random, user: Login) -> None:
    with contextlib.suppress(ConnectionError, OSError, asyncio.IncompleteReadError):
        async with await SmtpClient.connect(demo.port("smtp")) as client:
            while True:
                number, text = promises.make(rng)
                await client.send("sender@peer.test", [user.email], text)
                promises.delivered.add(number)


async def use_imap(demo: Demo, promises: Promises, rng: random.Random, user: Login) -> None:
    with contextlib.suppress(ConnectionError, OSError, asyncio.IncompleteReadError):
        async with await ImapClient.login(demo.port("imap"), user.email, user.password) as client:
            await client.command("SELECT Archive")
            while True:
                await append_and_change(client, promises, rng)


async def append_and_change(client: ImapClient, promises: Promises, rng: random.Random) -> None:
    number, text = promises.make(rng)
    answer = (await client.command("APPEND Archive", text))[-1]
    found = re.search(rb"APPENDUID (\d+) (\d+)", answer)
    assert found is not None, answer
    uid = int(found[2])
    promises.appended[number] = (int(found[1]), uid)
    match rng.randrange(3):
        case 0:
            await client.command(f"UID STORE {uid} +FLAGS (\\Flagged)")
            promises.flagged.add(number)
        case 1:
            promises.maybe_moved.add(number)
            await client.command(f"UID MOVE {uid} Trash")
            promises.maybe_moved.discard(number)
            promises.moved.add(number)
        case 2:
            await append_several(client, promises, rng)


async def append_several(client: ImapClient, promises: Promises, rng: random.Random) -> None:
    made = [promises.make(rng) for _ in range(rng.randint(2, 20))]
    group = tuple(number for number, _ in made)
    promises.groups.append(group)
    await client.command("APPEND Sent" + "".join(f" {{{len(text)}+}}\r\n{text.decode()}" for _, text in made))
    promises.whole.add(group)


async def load_and_kill(demo: Demo, promises: Promises, rng: random.Random) -> None:
    user = demo.users[0]
    work = [asyncio.create_task(send_mail(demo, promises, rng, user)) for _ in range(SENDERS)]
    work.append(asyncio.create_task(use_imap(demo, promises, rng, user)))
    await asyncio.sleep(rng.uniform(0.05, LONGEST_SECONDS))
    demo.kill()
    for outcome in await asyncio.gather(*work, return_exceptions=True):
        assert outcome is None, outcome


async def contents_of(client: ImapClient, promises: Promises, mailbox: bytes) -> dict[int, tuple[int, bytes, bytes]]:
    """number → (uid, flags, octets) of a mailbox; checks that no UID ever meant another message."""
    lines = await client.command(f"EXAMINE {mailbox.decode()}")
    uidvalidity = int(re.search(rb"UIDVALIDITY (\d+)", b"".join(lines))[1])  # type: ignore[index]
    found: dict[int, tuple[int, bytes, bytes]] = {}
    seen: Counter[int] = Counter()
    for line in await client.command("UID FETCH 1:* (UID FLAGS BODY.PEEK[])"):
        number = _NUMBER.search(line)
        if number is None:
            continue
        uid = int(re.search(rb"UID (\d+)", line)[1])  # type: ignore[index]
        flags = re.search(rb"FLAGS \(([^)]*)\)", line)[1]  # type: ignore[index]
        octets = re.search(rb"\{(\d+)\}\r\n", line)
        assert octets is not None, line[:200]
        text = line[octets.end() : octets.end() + int(octets[1])]
        found[int(number[1])] = (uid, flags, text)
        seen[int(number[1])] += 1
        assert promises.uids.setdefault((mailbox, uidvalidity, uid), int(number[1])) == int(number[1]), "UID reused"
    assert all(count == 1 for count in seen.values()), f"twice in {mailbox!r}: {seen.most_common(3)}"
    return found


async def check(demo: Demo, promises: Promises) -> None:
    user = demo.users[0]
    async with await ImapClient.login(demo.port("imap"), user.email, user.password) as client:
        inbox = await contents_of(client, promises, b"INBOX")
        archive = await contents_of(client, promises, b"Archive")
        trash = await contents_of(client, promises, b"Trash")
        sent = await contents_of(client, promises, b"Sent")
    assert promises.delivered <= inbox.keys(), "acknowledged by SMTP and lost"
    for number, (_, _, text) in inbox.items():
        assert text.endswith(promises.sent[number]), f"message {number} was damaged"
    assert promises.appended.keys() <= archive.keys() | trash.keys(), "acknowledged by IMAP and lost"
    assert not archive.keys() & trash.keys(), "a moved message is in both mailboxes"
    for number, (_, flags, text) in (archive | trash).items():
        assert text == promises.sent[number], f"message {number} was damaged"
        assert number not in promises.flagged or b"\\Flagged" in flags, f"message {number} lost its flag"
    for group in promises.groups:
        there = sent.keys() & set(group)
        assert there in (set(), set(group)), "a part of a MULTIAPPEND"
        assert there or group not in promises.whole, "an acknowledged MULTIAPPEND was lost"
    assert all(text == promises.sent[number] for number, (_, _, text) in sent.items()), "a message was damaged"
    assert promises.moved <= trash.keys(), "an acknowledged MOVE was undone"
    assert trash.keys() <= promises.moved | promises.maybe_moved
    for number in archive.keys() & promises.appended.keys():
        assert archive[number][0] == promises.appended[number][1], "another UID than APPENDUID said"


@pytest.mark.timeout(ROUNDS * 10 + 120)
async def test_nothing_acknowledged_is_lost_doubled_or_damaged(tmp_path: Path) -> None:
    seed = int(os.environ.get("CRASH_SEED", str(random.SystemRandom().randrange(1 << 32))))
    print(f"CRASH_SEED={seed}")
    rng, promises, base = random.Random(seed), Promises(), free_port_base()
    for _ in range(ROUNDS):
        demo = await asyncio.to_thread(start_demo, tmp_path / "var", "--relaxed", "--plain-auth", base=base)
        try:
            await check(demo, promises)
            await load_and_kill(demo, promises, rng)
        finally:
            demo.kill()
    demo = await asyncio.to_thread(start_demo, tmp_path / "var", "--relaxed", "--plain-auth", base=base)
    try:
        await check(demo, promises)
    finally:
        demo.stop()
    assert promises.delivered
    assert promises.moved
    assert promises.whole
    async with await Store.open(tmp_path / "var", SystemClock(), config=StoreConfig(min_free_bytes=0)) as store:
        assert await fsck.check(store, alone=True) == []
