"""Several sessions change one mailbox at random; each believes only what it was told, and each is right.

They speak different dialects, and some leave now and then and come back with what they knew at some time before.
"""

import asyncio
import os
import random

import pytest

from tests.believer import Believer, State
from tests.clients import ImapClient, Refused
from tests.daemon import Demo, Login, running_demo

STEPS = 60
SOAK_SECONDS = float(os.environ.get("SESSIONS_SECONDS", "90"))
STATES = 8  # kept to come back with
TEXT = b"Subject: x\r\n\r\nbody\r\n"
FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "$Work")
STEPS_OF_A_CLIENT = (
    "append", "store", "silent", "delete", "expunge", "fetch", "noop", "search", "copy", "move", "leave",
)  # fmt: skip
DIALECTS: dict[str, list[tuple[str, ...]]] = {
    "two of the old kind": [(), ()],
    "four dialects": [(), ("QRESYNC",), ("QRESYNC", "IMAP4rev2"), ("QRESYNC", "UIDONLY")],
    "four that resynchronise": [("QRESYNC",)] * 4,
    "four of the new kind": [("IMAP4rev2",), ("UIDONLY",), ("CONDSTORE",), ("QRESYNC", "UIDONLY", "IMAP4rev2")],
}


class Player:
    """One client that does things at random."""

    def __init__(self, believer: Believer, seed: int) -> None:
        self.believer = believer
        self.rng = random.Random(seed)
        self.states: list[State] = []

    async def step(self) -> None:
        one, rng = self.believer, self.rng
        if one.uid_only or one.qresync:
            await know_all(one)  # what VANISHED names must be known by its UID
        count = len(one.uids)
        place = rng.randrange(count) if count else 0
        uid = one.uids[place] if count else None
        by_uid = one.uid_only or (uid is not None and rng.random() < 0.3)
        who, prefix = (uid, "UID ") if by_uid else (place + 1, "")
        match rng.choice(STEPS_OF_A_CLIENT):
            case "append":
                await one.command("APPEND Archive", TEXT)
            case "store" if count:
                await one.command(f"{prefix}STORE {who} {rng.choice('+-')}FLAGS ({rng.choice(FLAGS)})")
            case "silent" if count:
                flag, sign = rng.choice(FLAGS), rng.choice("+-")
                known = one.flags[place]
                if known is not None:
                    one.flags[place] = known | {flag} if sign == "+" else known - {flag}  # the server will not say so
                await one.command(f"{prefix}STORE {who} {sign}FLAGS.SILENT ({flag})")
            case "delete" if count:
                await one.command(f"{prefix}STORE {who} +FLAGS (\\Deleted)")
            case "expunge":
                await one.command("EXPUNGE")
            case "fetch" if count:
                await one.command(f"{prefix}FETCH {who}:* (UID FLAGS)")
            case "search" if not one.uid_only:
                await one.command("SEARCH SEEN")
            case "copy" if count:
                await one.command(f"{prefix}COPY {who} Archive")
            case "move" if count:
                await one.command(f"{prefix}MOVE {who} Trash")
            case "leave" if one.qresync:
                await self.leave()
            case _:
                await one.command("NOOP")

    async def leave(self) -> None:
        """And come back with one of the states this client ever had, told of everything then or not."""
        one = self.believer
        if self.rng.random() < 0.5:
            await one.command("NOOP")
        await know_all(one)
        self.states.append(one.state())
        if len(self.states) > STATES:
            del self.states[self.rng.randrange(STATES)]
        await one.command("UNSELECT")
        await one.select("Archive", self.rng.choice(self.states))


async def know_all(one: Believer) -> None:
    while None in one.uids or None in one.flags:
        known = [uid for uid, flags in zip(one.uids, one.flags, strict=True) if uid and flags is not None]
        first = known[-1] + 1 if known and one.uids[: len(known)] == known else 1
        await one.command(f"UID FETCH {first}:* (UID FLAGS)" if first > 1 else "UID FETCH 1:* (UID FLAGS)")


async def play(player: Player, until: float | None) -> None:
    now = asyncio.get_running_loop().time
    steps = 0
    while now() < until if until is not None else steps < STEPS:
        steps += 1
        try:
            await player.step()
        except Refused as refusal:  # another session removed it, and NOOP will tell
            if "EXPUNGEISSUED" not in str(refusal):
                raise


async def truth(one: Believer) -> dict[int, frozenset[str]]:
    """What it believes after NOOP, and that this is what is."""
    await one.command("NOOP")
    told = list(zip(one.uids, one.flags, strict=True))
    one.uids, one.flags = [None] * len(told), [None] * len(told)
    if told:
        await one.command("UID FETCH 1:* (UID FLAGS)")
    for (uid, flags), now in zip(told, zip(one.uids, one.flags, strict=True), strict=True):
        assert uid in {None, now[0]}, "what it had been told is not what is"
        assert flags is None or flags == now[1], "what it had been told is not what is"
    return one.state().flags


async def agree(demo: Demo, user: Login, dialects: list[tuple[str, ...]], seed: int, seconds: float | None) -> None:
    logins = [ImapClient.login(demo.port("imap"), user.email, user.password) for _ in dialects]
    clients = await asyncio.gather(*logins)
    believers = [Believer(client, dialect) for client, dialect in zip(clients, dialects, strict=True)]
    for believer in believers:
        await believer.begin()
        await believer.select("Archive")
    players = [Player(believer, seed * 100 + place) for place, believer in enumerate(believers)]
    until = None if seconds is None else asyncio.get_running_loop().time() + seconds
    await asyncio.gather(*(play(player, until) for player in players))
    truths = [await truth(believer) for believer in believers]
    assert all(each == truths[0] for each in truths)
    for player in players:
        for state in player.states:
            await player.believer.select("Archive", state)
            assert player.believer.state().flags == truths[0], f"resynchronised from {state.modseq}"
    for believer in believers:
        await believer.client.close()


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("dialects", DIALECTS.values(), ids=DIALECTS.keys())
async def test_every_session_ends_with_the_truth(
    tmp_path_factory: pytest.TempPathFactory, dialects: list[tuple[str, ...]], seed: int
) -> None:
    with running_demo(tmp_path_factory.mktemp("agree") / "var", "--relaxed", "--plain-auth") as demo:
        await agree(demo, demo.users[0], dialects, seed, None)


@pytest.mark.soak
@pytest.mark.parametrize("dialects", DIALECTS.values(), ids=DIALECTS.keys())
async def test_sessions_agree_for_long(
    tmp_path_factory: pytest.TempPathFactory, dialects: list[tuple[str, ...]]
) -> None:
    """SESSIONS_SECONDS for each mixture; the seed of a failure is in its message."""
    seed = random.SystemRandom().getrandbits(32)
    with running_demo(tmp_path_factory.mktemp("agree") / "var", "--relaxed", "--plain-auth") as demo:
        try:
            await agree(demo, demo.users[0], dialects, seed, SOAK_SECONDS)
        except AssertionError as fault:
            raise AssertionError(f"seed {seed}") from fault
