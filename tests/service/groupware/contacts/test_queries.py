"""What is stored of a card, and which cards a query finds."""

import json

import pytest

from mailserver.errors import InvalidAddressData, NoSuchCollection
from mailserver.groupware.contacts.accept import accept
from mailserver.groupware.contacts.queries import QUERY_PIECE, Queries
from mailserver.store import members
from mailserver.store.collections import Family
from mailserver.store.database import Rx
from mailserver.store.store import Store
from mailserver.vcard.filters import Filter, PropertyFilter, TextMatch
from tests.service.groupware.contacts.conftest import BOOKS, Put, book_of, card
from tests.unit.vcard import samples


def having(name: str, text: str, *, negated: bool = False) -> Filter:
    return Filter((PropertyFilter(name, texts=(TextMatch(text, is_negated=negated),)),))


async def found(store: Store, user_id: int, wanted: Filter) -> list[str]:
    queries, book = Queries(store), await book_of(store, user_id)
    seen, hrefs = await queries.begin(user_id, book.slug, wanted)
    return [member.href async for piece in queries.passing(seen, hrefs, wanted) for member, _ in piece]


async def test_the_columns_say_what_is_in_the_card(store: Store, put: Put) -> None:
    await put(samples.IOS)
    row = await store.read(
        Rx.one,
        """SELECT full_name, given_name, family_name, nickname, emails, phones, organization, birthday, anniversary
           FROM contacts""",
    )
    assert row is not None
    assert row[:4] == ("Dr. Jane Q. Doe", "Jane", "Doe", None)
    assert json.loads(row[4]) == ["jane@example.com", "jd@home.example"]
    assert json.loads(row[5]) == ["+1 (555) 010-0100"]
    assert row[6:] == ("Example, Inc., Sales", "--04-12", "2010-06-05")


@pytest.mark.parametrize("data", samples.ACCEPTED)
async def test_every_octet_comes_back(store: Store, put: Put, data: bytes) -> None:
    member = await put(data)
    assert await store.read(members.data, Family.ADDRESSBOOKS, member.id) == data


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "line 1: a vCard starts"),
        (samples.IOS + samples.GROUP_4, "one vCard only"),
        (samples.IOS.replace(b"END:VCARD", b""), "END:VCARD is missing"),
        (samples.IOS.replace(b"Sales", b"\0"), "a control character"),
        (samples.IOS.replace(b"Sales", b"\xff"), "not UTF-8"),
        (samples.GOOGLE.replace(b"\xc5\x81ukasz", b"\xc5\r\n \x81ukasz", 1), "not UTF-8 throughout"),
        (samples.OUTLOOK_21, "vCard 2.1 is not taken here"),
    ],
)
def test_what_is_no_card_is_refused_in_words(data: bytes, said: str) -> None:
    with pytest.raises(InvalidAddressData, match=said):
        accept(data)


@pytest.mark.parametrize(
    ("wanted", "hrefs"),
    [
        (having("FN", "ANN"), ["Ann.vcf", "Joann.vcf"]),
        (having("EMAIL", "@x.test"), ["Ann.vcf"]),
        (having("NOTE", "garden"), ["Joann.vcf"]),
        (having("FN", "ann", negated=True), ["Bob.vcf"]),
        (having("FN", "nobody"), []),
        (Filter(), ["Ann.vcf", "Bob.vcf", "Joann.vcf"]),
        (Filter((PropertyFilter("NOTE", is_not_defined=True),)), ["Ann.vcf", "Bob.vcf"]),
    ],
)
async def test_a_query_finds(store: Store, user_id: int, put: Put, wanted: Filter, hrefs: list[str]) -> None:
    await put(card("Ann", "item1.EMAIL:ann@x.test"))
    await put(card("Bob"))
    await put(card("Joann", "NOTE:in the gar\r\n den"))
    assert await found(store, user_id, wanted) == hrefs


async def test_a_card_of_another_program_is_found_by_what_is_in_it(store: Store, user_id: int) -> None:
    book = await book_of(store, user_id)
    draft = members.Draft(card("Old"), members.etag_of(b""), "old", "VCARD")  # without columns
    await store.write(members.add, book, "old.vcf", draft)
    broken = members.Draft(b"BEGIN:VCARD\r\nFN:Older\r\n", members.etag_of(b"x"), "older", "VCARD")
    await store.write(members.add, book, "older.vcf", broken)
    assert await found(store, user_id, having("FN", "old")) == ["old.vcf"]
    assert await found(store, user_id, Filter()) == ["old.vcf", "older.vcf"]


async def test_a_query_over_many_pieces_finds_all(store: Store, user_id: int, put: Put) -> None:
    for number in range(QUERY_PIECE + 20):
        await put(card(f"Name {number:03}", "NOTE:x"))
    assert len(await found(store, user_id, having("NOTE", "x"))) == QUERY_PIECE + 20


async def test_the_book_of_somebody_else_is_not_there(store: Store, user_id: int, bob: int) -> None:
    book = await book_of(store, user_id)
    with pytest.raises(NoSuchCollection):
        await Queries(store).begin(bob, book.slug + "x", Filter())
    assert book.family is BOOKS
