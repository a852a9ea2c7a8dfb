"""Whom a user writes to: collected, ranked, suggested, forgotten."""

from datetime import timedelta

import pytest

from mailserver.errors import NotPermitted
from mailserver.groupware import access
from mailserver.groupware.access import Privilege
from mailserver.groupware.contacts import collecting, suggestions
from mailserver.groupware.contacts.collecting import ANSWER, FIRST, Collecting, Written, written
from mailserver.mail.editing import HeaderBlock
from mailserver.store import collections, correspondents, members, profiles, shares
from mailserver.store.collections import Collection, Kind
from mailserver.store.database import Rx, Tx
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.service.groupware.contacts.conftest import BOOKS, Put, book_of, card

HEADER = (
    b'From: ann@example.test\r\nTo: "Jo Doe" <jo@x.test>, =?utf-8?q?Z=C3=B6e?= <zoe@x.test>\r\nCc: plain@x.test\r\n\r\n'
)


def block(header: bytes = HEADER) -> HeaderBlock:
    return HeaderBlock.parse(header)


async def write_to(store: Store, user_id: int, *people: str, weight: float = FIRST) -> None:
    await store.write(collecting.collect, user_id, Written(tuple((each, "") for each in people), weight))


async def collected(store: Store, user_id: int) -> Collection | None:
    own = await store.read(collections.list, BOOKS, user_id)
    return next((each for each in own if each.kind is Kind.COLLECTED), None)


async def names(store: Store, user_id: int) -> list[str]:
    return [each.address for each in await store.read(correspondents.list, user_id)]


async def suggested(store: Store, clock: FakeClock, user_id: int, prefix: str, limit: int = 10) -> list[str]:
    now_ms = int(clock.now().timestamp() * 1000)
    return [each.address for each in await store.read(suggestions.suggest, user_id, prefix, limit, now_ms)]


@pytest.mark.parametrize(
    ("header", "recipients", "people"),
    [
        (HEADER, ["Jo@X.test", "zoe@x.test"], (("jo@x.test", "Jo Doe"), ("zoe@x.test", "Zöe"))),
        (HEADER, ["plain@x.test", "hidden@x.test"], (("plain@x.test", ""), ("hidden@x.test", ""))),
        (HEADER, ["ann@example.test", "jo@x.test", "jo@x.test"], (("jo@x.test", "Jo Doe"),)),
        (HEADER, ["noreply@x.test", "list-request@x.test", "b+x=y@x.test", "jo@x.test"], (("jo@x.test", "Jo Doe"),)),
        (HEADER, ["ann@example.test"], None),
        (HEADER, [f"n{number}@x.test" for number in range(51)], None),
        (b"List-Id: <l.x.test>\r\n\r\n", ["jo@x.test"], None),
        (b"Auto-Submitted: auto-replied\r\n\r\n", ["jo@x.test"], None),
        (b"To: a@b@c\r\n\r\n", ["not an address"], None),
    ],
)
def test_who_is_written_to(header: bytes, recipients: list[str], people: tuple[tuple[str, str], ...] | None) -> None:
    found = written(block(header), recipients, ["ann@example.test"])
    assert (None if found is None else found.people) == people


def test_an_answer_counts_less() -> None:
    first = written(block(b"\r\n"), ["jo@x.test"], [])
    answer = written(block(b"In-Reply-To: <1@x>\r\n\r\n"), ["jo@x.test"], [])
    assert first is not None and answer is not None
    assert (first.weight, answer.weight) == (FIRST, ANSWER)


async def test_who_is_written_to_most_is_first(store: Store, user_id: int) -> None:
    for _ in range(5):
        await write_to(store, user_id, "often@x.test")
    await write_to(store, user_id, "once@x.test")
    await write_to(store, user_id, "twice@x.test")
    await write_to(store, user_id, "twice@x.test")
    assert await names(store, user_id) == ["often@x.test", "twice@x.test", "once@x.test"]


async def test_old_messages_count_less_and_less(store: Store, clock: FakeClock, user_id: int) -> None:
    for _ in range(3):
        await write_to(store, user_id, "old@x.test")
    await clock.advance(timedelta(days=60).total_seconds())  # two half-lives: three count as three quarters
    await write_to(store, user_id, "new@x.test")
    assert await names(store, user_id) == ["new@x.test", "old@x.test"]
    old = await store.read(correspondents.find, user_id, "old@x.test")
    assert old is not None
    assert correspondents.score(old.rank, int(clock.now().timestamp() * 1000)) == pytest.approx(0.75)


async def test_a_correspondent_has_a_card_in_the_collected_book(store: Store, user_id: int) -> None:
    await store.write(collecting.collect, user_id, Written((("jo@x.test", "Jo Doe"),), FIRST))
    book = await collected(store, user_id)
    assert book is not None
    [member] = await store.read(members.list, book)
    data = await store.read(members.data, BOOKS, member.id)
    assert b"FN:Jo Doe\r\nN:Doe;Jo;;;\r\nEMAIL;TYPE=INTERNET:jo@x.test\r\n" in data

    await write_to(store, user_id, "jo@x.test")
    assert await store.read(members.list, book) == [member]  # nothing for a client to fetch

    await store.write(collecting.collect, user_id, Written((("jo@x.test", "Joanna Doe"),), FIRST))
    [renamed] = await store.read(members.list, book)
    assert (renamed.href, renamed.uid) == (member.href, member.uid)
    assert renamed.modseq > member.modseq


async def test_a_client_deletes_the_card_and_the_person_is_forgotten(store: Store, user_id: int) -> None:
    await write_to(store, user_id, "jo@x.test", "zoe@x.test")
    book = await collected(store, user_id)
    assert book is not None
    [member] = [each for each in await store.read(members.list, book) if each.uid == (await uid_of(store, "jo@x.test"))]
    await store.write(members.remove, book, member)
    assert await names(store, user_id) == ["zoe@x.test"]


async def uid_of(store: Store, address: str) -> str:
    row = await store.read(
        Rx.one,
        "SELECT c.uid FROM contacts c JOIN correspondents o ON o.contact_id = c.id WHERE o.address = ?",
        address,
    )
    assert row is not None
    return str(row[0])


async def test_who_is_forgotten_leaves_the_book(store: Store, user_id: int) -> None:
    await write_to(store, user_id, "jo@x.test")
    known = await store.read(correspondents.find, user_id, "jo@x.test")
    assert known is not None
    await store.write(collecting.forget, known)
    book = await collected(store, user_id)
    assert book is not None
    assert await store.read(members.list, book) == []
    assert await names(store, user_id) == []


async def test_clients_read_the_book_and_delete_in_it(store: Store, user_id: int) -> None:
    await write_to(store, user_id, "jo@x.test")
    seen = await store.read(access.require, user_id, BOOKS, "collected", Privilege.UNBIND)
    for privilege in (Privilege.BIND, Privilege.WRITE_CONTENT):
        with pytest.raises(NotPermitted, match="only the server writes"):
            access.require_privilege(seen, privilege)


async def test_a_card_that_was_moved_is_the_users_own(store: Store, user_id: int) -> None:
    await write_to(store, user_id, "jo@x.test")
    source = await collected(store, user_id)
    assert source is not None
    own = await book_of(store, user_id)
    [member] = await store.read(members.list, source)
    await store.write(members.move, source, member, own, "jo.vcf")
    await store.write(collecting.collect, user_id, Written((("jo@x.test", "Jo Doe"),), FIRST))
    [moved] = await store.read(members.list, own)
    assert moved.etag == member.etag
    known = await store.read(correspondents.find, user_id, "jo@x.test")
    assert known is not None
    await store.write(collecting.forget, known)
    assert await store.read(members.list, own) == [moved]


async def test_only_so_many_are_kept(store: Store, user_id: int) -> None:
    def many(tx: Tx) -> None:
        for number in range(30):
            collecting.collect(tx, user_id, Written(((f"n{number}@x.test", ""),), FIRST), kept=20)

    await write_to(store, user_id, "often@x.test")
    await write_to(store, user_id, "often@x.test")
    await store.write(many)
    found = await names(store, user_id)
    assert len(found) == 20
    assert found[0] == "often@x.test"
    book = await collected(store, user_id)
    assert book is not None and book.members == 20


async def test_the_user_and_the_configuration_say_whether_it_is_done(store: Store, user_id: int) -> None:
    off, on = Collecting(False), Collecting(True)

    async def submit(collector: Collecting) -> None:
        work = collector.prepare(user_id, block(), ["jo@x.test"], ["ann@example.test"])
        assert work is not None
        await store.write(work)

    await submit(off)
    assert await names(store, user_id) == []
    await store.write(profiles.set_collects, user_id, False)
    await submit(on)
    assert await names(store, user_id) == []
    await store.write(profiles.set_collects, user_id, True)
    await submit(off)
    assert await names(store, user_id) == ["jo@x.test"]


async def test_a_book_of_that_name_is_left_alone(store: Store, user_id: int) -> None:
    await store.write(collections.add, BOOKS, user_id, collections.Draft("collected", "Mine"))
    await write_to(store, user_id, "jo@x.test")
    book = await collected(store, user_id)
    assert book is not None and book.slug == "collected-2"


async def test_completion_has_correspondents_before_contacts(
    store: Store, clock: FakeClock, user_id: int, put: Put
) -> None:
    await put(card("Jo Aardvark", "EMAIL:jo.a@x.test"))
    await put(card("Mary Jo Smith", "EMAIL:mary@x.test"))
    await put(card("Major", "EMAIL:major@x.test"))
    await write_to(store, user_id, "jo.z@x.test")
    assert await suggested(store, clock, user_id, "jo") == ["jo.z@x.test", "jo.a@x.test", "mary@x.test"]
    assert await suggested(store, clock, user_id, "JO sm") == ["mary@x.test"]
    assert await suggested(store, clock, user_id, "jo", limit=1) == ["jo.z@x.test"]
    assert await suggested(store, clock, user_id, " ") == []
    assert await suggested(store, clock, user_id, "nobody") == []


async def test_a_contact_that_was_written_to_is_named_once_and_by_the_contact(
    store: Store, clock: FakeClock, user_id: int, put: Put
) -> None:
    await put(card("Aaron Jones", "EMAIL:aa@x.test"))
    await put(card("Joanna Doe", "EMAIL:Jo@X.test"))
    await write_to(store, user_id, "jo@x.test")
    now_ms = int(clock.now().timestamp() * 1000)
    found = await store.read(suggestions.suggest, user_id, "jo", 10, now_ms)
    assert [(each.name, each.address) for each in found] == [("Joanna Doe", "Jo@X.test"), ("Aaron Jones", "aa@x.test")]
    assert [each.source for each in found] == ["correspondent", "contact"]


async def test_completion_reads_books_that_are_shared_and_no_others(
    store: Store, clock: FakeClock, user_id: int, bob: int, put: Put
) -> None:
    await put(card("Jo Doe", "EMAIL:jo@x.test"), owner=bob)
    assert await suggested(store, clock, user_id, "jo") == []
    book = await book_of(store, bob)
    await store.write(shares.add, book, user_id, "bobs", may_write=False)
    assert await suggested(store, clock, user_id, "jo") == ["jo@x.test"]


async def test_known_is_who_was_written_to_or_is_in_an_own_book(store: Store, user_id: int, bob: int, put: Put) -> None:
    await put(card("Jo Doe", "EMAIL:Jo@x.test"))
    await put(card("Kim", "EMAIL:kim@x.test"), owner=bob)
    await store.write(shares.add, await book_of(store, bob), user_id, "bobs", may_write=False)
    await write_to(store, user_id, "zoe@x.test")
    known = {
        each: await store.read(suggestions.is_known, user_id, each)
        for each in ("jo@X.test", "zoe@x.test", "kim@x.test", "o@x.test", "nobody@x.test")
    }
    assert known == {
        "jo@X.test": True,
        "zoe@x.test": True,
        "kim@x.test": False,  # in another's book: he may have written the card himself
        "o@x.test": False,
        "nobody@x.test": False,
    }
