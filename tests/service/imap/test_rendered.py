"""Kept FETCH lines are what would be made anew, whatever several sessions did to the mailbox in between."""

import random
import weakref
from array import array
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from mailserver.imap.rendered import (
    CHUNK,
    ENTRY_OCTETS,
    MAX_ANSWER_OCTETS,
    MAX_NAMES,
    MAX_OCTETS,
    Place,
    RenderedChunks,
    _Stamp,
)
from tests.dialogues.imap_world import ADDRESS, PASSWORD, Client, World, prepare

MESSAGES = 2 * CHUNK + 40
STEPS = 50
QUESTIONS = (
    "FETCH 1:* (FLAGS)",
    "FETCH 1:* (UID FLAGS MODSEQ)",
    "FETCH 1:* (UID ENVELOPE RFC822.SIZE INTERNALDATE)",
    f"FETCH {CHUNK + 1}:{2 * CHUNK} (FLAGS BODYSTRUCTURE)",
    f"UID FETCH {CHUNK // 2}:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])",
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    await prepare(tmp_path / "prepared")
    async with await World.open(tmp_path / "prepared", tmp_path / "data") as world:
        await world.deliver("INBOX", MESSAGES)
        yield world


async def ask(client: Client, text: str) -> list[bytes]:
    await client.send(f"t {text}\r\n".encode())
    lines = [await client.line()]
    while not lines[-1].startswith(b"t "):
        lines.append(await client.line())
    assert lines[-1].startswith(b"t OK"), lines[-1]
    return lines


async def selected(world: World) -> Client:
    client = world.connect(0)
    await client.line()
    await ask(client, f"LOGIN {ADDRESS} {PASSWORD}".replace(PASSWORD, f'"{PASSWORD}"'))
    await ask(client, "SELECT INBOX")
    return client


def change(rng: random.Random) -> str:
    first = rng.randrange(1, MESSAGES - 150)
    last = rng.choice((first, first + rng.randrange(100)))
    return rng.choice(
        (
            f"STORE {first}:{last} +FLAGS (\\Flagged k{rng.randrange(9)})",
            f"STORE {first}:{last} -FLAGS.SILENT (\\Flagged)",
            "STORE 1:* +FLAGS (\\Seen)",
            "STORE 1:* -FLAGS.SILENT (\\Seen)",
            f"UID STORE {first} FLAGS (\\Answered)",
            f"FETCH {first} (BODY[])",
        )
    )


def without_codes(lines: list[bytes]) -> list[bytes]:
    """The first MODSEQ that a session asks for switches CONDSTORE on, which is told once."""
    return [line for line in lines if not line.startswith(b"* OK")]


@pytest.mark.parametrize("seed", range(3))
async def test_kept_lines_are_as_fresh_ones(world: World, seed: int) -> None:
    rng = random.Random(seed)
    clients = [await selected(world) for _ in range(3)]
    removals = 0
    for _ in range(STEPS):
        client = rng.choice(clients)
        await ask(client, "NOOP")
        await ask(client, change(rng))
        if rng.random() < 0.1:
            await world.deliver("INBOX", rng.randrange(1, 4))
        if rng.random() < 0.05 and removals < 100:
            removals += 1
            await ask(client, "NOOP")
            await ask(client, f"STORE {rng.randrange(1, 100)} +FLAGS (\\Deleted)")
            await ask(client, "EXPUNGE")
        reader, question = rng.choice(clients), rng.choice(QUESTIONS)
        await ask(reader, "NOOP")
        kept = without_codes(await ask(reader, question))
        around = reader.session.around
        reader.session.around = replace(around, rendered=RenderedChunks())
        assert kept == without_codes(await ask(reader, question))
        reader.session.around = around
    assert world.around.rendered.octets > 0


async def test_two_sessions_share_the_lines(world: World) -> None:
    one, two = await selected(world), await selected(world)
    await ask(one, "STORE 1:* +FLAGS (\\Seen)")  # nobody's messages are \\Recent any more to the second
    await ask(two, "FETCH 1:* (ENVELOPE)")
    octets = world.around.rendered.octets
    await ask(one, "FETCH 1:* (ENVELOPE)")
    assert world.around.rendered.octets == octets > 0


async def test_a_question_with_thousands_of_names_is_not_kept(world: World) -> None:
    client = await selected(world)
    await ask(client, f"FETCH {CHUNK + 1}:* (BODY.PEEK[HEADER.FIELDS ({' '.join(['SUBJECT'] * (MAX_NAMES + 1))})])")
    assert world.around.rendered.octets == 0


UIDS = array("q", range(CHUNK))


def place(number: int, uids: "array[int]" = UIDS) -> Place:
    return Place((1, "FLAGS", number), _Stamp(weakref.ref(uids), CHUNK, 1))


def test_short_lines_are_bounded_too() -> None:
    kept = RenderedChunks()
    for number in range(MAX_OCTETS // ENTRY_OCTETS + 10):
        kept.keep(place(number), b"x", chunks=1)
    assert kept.find(place(0)) is None
    assert kept.octets <= MAX_OCTETS


def test_the_uids_of_a_mailbox_as_it_was_are_not_kept_alive() -> None:
    kept, uids = RenderedChunks(), array("q", range(100_000))
    kept.keep(place(1, uids), b"x", chunks=1)
    assert kept.find(place(1, uids)) == b"x"
    gone = weakref.ref(uids)
    del uids
    assert gone() is None
    assert kept.find(place(1, array("q", range(100_000)))) is None


def test_what_is_kept_is_bounded_and_the_oldest_goes() -> None:
    kept = RenderedChunks()
    for number in range(40):
        kept.keep(place(number), b"x" * (1 << 20), chunks=1)
    assert kept.octets <= MAX_OCTETS
    assert kept.find(place(0)) is None
    assert kept.find(place(39)) is not None


def test_an_answer_that_would_push_out_everything_is_not_kept() -> None:
    kept = RenderedChunks()
    kept.keep(place(1), b"x" * 1000, chunks=MAX_ANSWER_OCTETS // 1000 + 1)
    assert (kept.octets, kept.find(place(1))) == (0, None)
