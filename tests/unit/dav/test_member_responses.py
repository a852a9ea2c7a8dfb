"""Responses of many members: names that need no parsing, pieces that keep nobody waiting."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from mailserver.auth.account import Account
from mailserver.config.tree import DavConfig
from mailserver.dav import resources
from mailserver.dav.asked import Asked, Mode
from mailserver.dav.facts import Facts
from mailserver.dav.member_responses import AT_ONCE, PIECE_OCTETS, MemberResponses
from mailserver.dav.names import dav
from mailserver.dav.reports import calendar_data
from mailserver.dav.resources import CollectionRef, MemberRef
from mailserver.store.collections import Family
from mailserver.store.members import Member

HOST = "mail.example.org"
FOLDER = CollectionRef(Family.CALENDARS, "ann@example.test", "work + home")
VIEWER = Account(1, "ann@example.test", "", is_admin=False)

names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30)


def responses() -> MemberResponses:
    asked = Asked(Mode.NAMED, (dav("getetag"), calendar_data.NAME))
    words = {calendar_data.NAME: lambda _, data: data}
    return MemberResponses(asked, Facts(VIEWER, FOLDER, DavConfig(), 0), data=words)


def member(number: int) -> Member:
    return Member(number, 1, f"{number}.ics", str(number), "e", number, 1, "VEVENT", None, 0, 0)


@given(names | st.sampled_from([".", "..", "...", "a/b", "a%2Fb", "%41", "a?b", "a#b", "a//b", "", "x" * 1001]))
def test_a_name_that_is_taken_as_it_is_written_is_the_one_that_parsing_finds(name: str) -> None:
    made = responses()
    path = made.folder + name
    taken = made.name(path)
    assert taken is None or resources.find(path, HOST) == MemberRef(FOLDER.family, FOLDER.user, FOLDER.slug, taken)


def test_usual_names_are_taken_as_they_are_written() -> None:
    made = responses()
    assert made.name(made.folder + "20261121T101500Z-4711@example.test.ics") == "20261121T101500Z-4711@example.test.ics"
    assert made.name("/dav/calendars/ben@example.test/work/1.ics") is None


async def of_sizes(sizes: list[int]) -> tuple[list[bytes], int]:
    """(pieces, turns that somebody else had meanwhile)."""
    turns, done = 0, False

    async def other() -> None:
        nonlocal turns
        while not done:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(other())
    found = [(member(number), b"x" * size) for number, size in enumerate(sizes)]
    pieces = [piece async for piece in responses().pieces(found)]
    done = True
    await waiting
    return pieces, turns


async def test_large_objects_and_many_small_ones_let_others_have_their_turn() -> None:
    large, turns = await of_sizes([PIECE_OCTETS] * 10)
    assert len(large) >= 10 <= turns
    many, turns = await of_sizes([10] * AT_ONCE * 10)
    assert len(many) >= 10 <= turns
    assert b"".join(many).count(b"</D:response>") == AT_ONCE * 10
