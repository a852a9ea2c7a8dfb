"""Several sessions change one mailbox at random; each believes only what it was told, and each is right."""

import asyncio
import random
import re

import pytest

from tests.clients import ImapClient, Refused
from tests.daemon import running_demo

SESSIONS = 4
STEPS = 60
TEXT = b"Subject: x\r\n\r\nbody\r\n"
FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "$Work")


class Believer:
    """What a client makes of the server's untagged responses, RFC 9051 §7.4, §7.5."""

    def __init__(self, client: ImapClient) -> None:
        self.client = client
        self.uids: list[int | None] = []  # by message number; None: not asked yet
        self.flags: list[frozenset[str] | None] = []

    async def command(self, text: str, literal: bytes | None = None) -> list[bytes]:
        try:
            lines = await self.client.command(text, literal)
        except Refused as refusal:
            self.hear_all(text, refusal.lines)
            raise
        self.hear_all(text, lines)
        return lines

    def hear_all(self, command: str, lines: list[bytes]) -> None:
        by_number = command.startswith(("FETCH", "STORE", "SEARCH"))
        for line in lines[:-1]:
            assert not (by_number and line.endswith(b" EXPUNGE\r\n")), f"EXPUNGE during {command}"
            self.hear(line)

    def hear(self, line: bytes) -> None:
        if exists := re.match(rb"\* (\d+) EXISTS", line):
            assert int(exists[1]) >= len(self.uids), "EXISTS may not take messages away"
            missing = int(exists[1]) - len(self.uids)
            self.uids += [None] * missing
            self.flags += [None] * missing
        elif gone := re.match(rb"\* (\d+) EXPUNGE", line):
            del self.uids[int(gone[1]) - 1]
            del self.flags[int(gone[1]) - 1]
        elif fetch := re.match(rb"\* (\d+) FETCH \((.*)\)", line):
            place = int(fetch[1]) - 1
            if uid := re.search(rb"UID (\d+)", fetch[2]):
                assert self.uids[place] in {None, int(uid[1])}, "a message number means another message"
                self.uids[place] = int(uid[1])
            if flags := re.search(rb"FLAGS \(([^)]*)\)", fetch[2]):
                self.flags[place] = frozenset(flags[1].decode().split()) - {"\\Recent"}

    async def step(self, rng: random.Random) -> None:
        count = len(self.uids)
        number = rng.randrange(count) + 1 if count else 0
        match rng.choice(("append", "store", "silent", "delete", "expunge", "fetch", "noop", "search", "copy")):
            case "append":
                await self.command("APPEND Archive", TEXT)
            case "store" if number:
                await self.command(f"STORE {number} {rng.choice('+-')}FLAGS ({rng.choice(FLAGS)})")
            case "silent" if number:
                flag, sign = rng.choice(FLAGS), rng.choice("+-")
                known = self.flags[number - 1]
                if known is not None:
                    changed = known | {flag} if sign == "+" else known - {flag}
                    self.flags[number - 1] = changed  # the server will not say so
                await self.command(f"STORE {number} {sign}FLAGS.SILENT ({flag})")
            case "delete" if number:
                await self.command(f"STORE {number} +FLAGS (\\Deleted)")
            case "expunge":
                await self.command("EXPUNGE")
            case "fetch" if number:
                await self.command(f"FETCH {number}:* (UID FLAGS)")
            case "search":
                [found] = [line for line in await self.command("SEARCH SEEN") if line.startswith(b"* SEARCH")]
                assert all(int(hit) <= len(self.uids) for hit in found.split()[2:])
            case "copy" if number:
                await self.command(f"COPY {number} Archive")
            case _:
                await self.command("NOOP")


async def play(believer: Believer, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(STEPS):
        try:
            await believer.step(rng)
        except Refused as refusal:  # another session removed it, and NOOP will tell
            if "EXPUNGEISSUED" not in str(refusal):
                raise


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_session_ends_with_the_truth(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    with running_demo(tmp_path_factory.mktemp("agree") / "var", "--relaxed", "--plain-auth") as demo:
        user = demo.users[0]
        logins = [ImapClient.login(demo.port("imap"), user.email, user.password) for _ in range(SESSIONS)]
        believers = [Believer(client) for client in await asyncio.gather(*logins)]
        for believer in believers:
            await believer.command("SELECT Archive")
        await asyncio.gather(*(play(believer, seed * 100 + place) for place, believer in enumerate(believers)))
        truths = []
        for believer in believers:
            await believer.command("NOOP")
            told = (list(believer.uids), list(believer.flags))
            believer.uids, believer.flags = [None] * len(told[0]), [None] * len(told[0])
            if told[0]:
                await believer.command("FETCH 1:* (UID FLAGS)")
            for was, now in zip((*told[0], *told[1]), (*believer.uids, *believer.flags), strict=True):
                assert was is None or was == now, "what it had been told is not what is"
            truths.append((believer.uids, believer.flags))
        assert all(truth == truths[0] for truth in truths)
        for believer in believers:
            await believer.client.close()
