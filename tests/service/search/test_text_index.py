"""Searches with the index find what searches without it find, whatever state it is in, and read little."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from mailserver.mail.search import And, Body, Fuzzy, HasFlag, Header, Not, SearchKey, Text
from mailserver.mailboxes import file_search
from mailserver.mailboxes.service import Mailboxes
from mailserver.search import documents, entries
from mailserver.search.text_index import TextIndex
from mailserver.store import content_files, search_requests, word_tables
from mailserver.store.content_files import Unread
from mailserver.store.database import Rx
from mailserver.store.store import Store
from tests.service.mailboxes.letters import WORDS, Letter, Writer
from tests.service.search.conftest import Find, Put

LETTERS = 120
NEEDLES = 150
EXTRA = ("ıI", "İstanbul", "q\u0323\u0307", "👍🏽 ok", "naïve", "ǅungla", "ﬁsh &", "1.299,00", "ann@example.test")

# A message each: header, charset and encoding of its own.
LETTER = "Subject: %s\r\nX-Ref: ref-%d\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>%s &amp; <b>bo</b>ld</p>\r\n"


def plain(text: str, subject: str = "plain") -> bytes:
    return f"Subject: {subject}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n".encode()


class Chooser:
    """Needles cut out of letters, across the borders of words too."""

    def __init__(self, chance: random.Random, letters: Sequence[Letter]) -> None:
        self._chance = chance
        self._texts = [text for letter in letters for text in (*letter.texts, *(value for _, value in letter.fields))]

    def key(self) -> SearchKey:
        kind = self._chance.choice((Body, Body, Text, Text, Header))
        if kind is Header:
            return Header(self._chance.choice(("X-Odd-Field", "Comments", "X-Ref", "Nothing")), self._needle())
        return kind(self._needle())

    def _needle(self) -> str:
        chance = self._chance
        text = chance.choice((*self._texts, *WORDS, *EXTRA)) or "x"
        start = chance.randrange(len(text))
        piece = text[start : start + chance.choice((1, 2, 3, 4, 6, 9, 15))]
        return chance.choice((str.upper, str.lower, str.title, str))(piece)


@pytest.fixture
async def letters(put: Put) -> list[Letter]:
    chance = random.Random(20260302)
    writer = Writer(chance)
    written = [writer.letter() for _ in range(LETTERS)]
    for letter in written:
        await put(letter.octets)
    for number, text in enumerate(EXTRA):
        await put((LETTER % (writer.phrase(2), number, text)).encode("utf-8", "xmlcharrefreplace"))
    return written


async def test_random_needles_find_the_same_with_and_without_the_index(
    letters: list[Letter], texts: TextIndex, find: Find, reading: Mailboxes, store: Store, put: Put
) -> None:
    chooser, hits = Chooser(random.Random(11), letters), 0

    async def compare(count: int) -> None:
        nonlocal hits
        for _ in range(count):
            key = chooser.key()
            expected = await find(key, by=reading)
            assert await find(key) == expected, key
            hits += 0 < len(expected) < LETTERS

    await compare(NEEDLES // 3)  # nothing is indexed yet
    await texts.indexer.settle()
    for letter in letters[:20]:
        await put(letter.octets)
    await compare(NEEDLES)  # some are not
    await store.write(search_requests.ask)
    await texts.indexer.settle()
    await compare(NEEDLES)
    assert hits > NEEDLES  # the needles were worth asking


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """UIDs whose files searches opened."""
    opened: list[int] = []
    whole = file_search.scan

    async def counting(store: Store, mailbox_id: int, uids: Sequence[int], key: file_search.FileKey) -> dict[int, bool]:
        opened.extend(uids)
        return await whole(store, mailbox_id, uids, key)

    monkeypatch.setattr(file_search, "scan", counting)
    return opened


async def test_a_word_or_a_piece_of_one_is_found_without_reading(
    texts: TextIndex, put: Put, find: Find, read: list[int]
) -> None:
    for text in ("the quarterly report", "Straße nach ISTANBUL", "会議資料 ann@mail.example.test"):
        await put(plain(text))
    await texts.indexer.settle()
    for needle, found in (
        ("PORT", [1]),
        ("strasse", [2]),
        ("İ", []),
        ("i", [2, 3]),
        ("会議", [3]),
        ("@mail.exam", [3]),
    ):
        assert await find(Body(needle)) == found, needle
    assert await find(Text("SUBJECT")) == [1, 2, 3]
    assert await find(Body("subject")) == []
    assert read == []


async def test_a_message_is_found_at_once_though_it_is_not_indexed(
    texts: TextIndex, put: Put, find: Find, read: list[int]
) -> None:
    await put(plain("indexed words"))
    await texts.indexer.settle()
    await put(plain("fresh words"))
    assert await find(Body("words")) == [1, 2]
    assert await find(Body("fresh")) == [2]
    assert read == [2, 2]


async def test_what_was_read_is_not_read_again_nor_for_a_longer_needle(
    texts: TextIndex, put: Put, find: Find, read: list[int]
) -> None:
    for text in ("blue sky", "sky blue", "a blue skyline", "green"):
        await put(plain(text))
    await texts.indexer.settle()
    assert await find(Body("blue sky")) == [1, 3]
    assert read == [1, 2, 3]
    assert await find(Body("BLUE SKY")) == [1, 3]
    assert read == [1, 2, 3]
    assert await find(Body("blue skyl")) == [3]
    assert read == [1, 2, 3, 3]  # of those that have "blue sky" the one that can have more
    assert await find(Text("blue sky")) == [1, 3]  # another question
    assert read == [1, 2, 3, 3, 1, 2, 3]


async def test_a_copy_needs_no_index_of_its_own(
    texts: TextIndex, put: Put, find: Find, service: Mailboxes, user_id: int, read: list[int]
) -> None:
    await put(plain("the quarterly report"))
    await texts.indexer.settle()
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    await service.copy(user_id, index, [1], "Archive")
    assert await find(Body("quarter"), "Archive") == [1]
    assert read == []


async def test_a_message_that_is_removed_is_not_found_and_leaves_the_index(
    texts: TextIndex, put: Put, find: Find, service: Mailboxes, user_id: int
) -> None:
    for number in range(5):
        await put(plain(f"report {number}"), flags=("\\Deleted",))
    await texts.indexer.settle()
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    await service.expunge(user_id, index, [2, 4])
    assert await find(Body("report")) == [1, 3, 5]
    assert await texts.indexer.sweep() == 2
    assert await texts._words.read(word_tables.find, '"report"', 0, 3) == [1, 3, 5]
    assert await texts.indexer.sweep() == 0
    assert await find(Body("report")) == [1, 3, 5]


async def test_a_text_over_the_limit_is_found_to_its_end(
    texts: TextIndex, put: Put, find: Find, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MAX_CHARACTERS", 1000)
    await put(plain("begin " + "x " * 1000 + "end of it"))
    await put(plain("short"))
    await texts.indexer.settle()
    assert await find(Body("end of")) == [1]
    assert await find(Body("nowhere")) == []
    assert {*read} == {1}
    assert await find(Body("short")) == [2]


async def test_a_message_that_can_not_be_read_stops_nobody(
    texts: TextIndex, put: Put, find: Find, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in ("first report", "second report", "third report"):
        await put(plain(text))
    whole = entries.document

    def faulty(cutter: object, message: object) -> object:
        found = whole(cutter, message)  # type: ignore[arg-type]
        if "second" in found.units[documents.Place.BODY]:
            raise LookupError("no such codec")
        return found

    monkeypatch.setattr(entries, "document", faulty)
    await texts.indexer.settle()
    assert await find(Body("report")) == [1, 2, 3]
    assert await find(Body("second")) == [2]
    assert {*read} == {2}


async def test_a_message_that_moves_while_it_is_read_is_looked_for_again(
    texts: TextIndex, put: Put, find: Find, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(plain("the report"))
    list_after = content_files.list_after

    def late(rx: Rx, content_id: int, limit: int) -> list[Unread]:
        found = list_after(rx, content_id, limit)
        return [replace(each, location=replace(each.location, folder="example.test/elsewhere")) for each in found]

    monkeypatch.setattr(content_files, "list_after", late)
    await texts.indexer.settle()
    assert await find(Body("report")) == [1]
    assert read == []


async def test_a_file_that_went_missing_matches_nothing_and_is_not_remembered(
    texts: TextIndex, put: Put, find: Find, store: Store
) -> None:
    await put(plain("blue sky"))
    [file] = (store.maildir.root / "example.test" / "ann" / "cur").iterdir()
    away = file.rename(file.with_name("." + file.name))
    await texts.indexer.settle()
    assert await find(Body("blue sky")) == []
    away.rename(file)
    assert await find(Body("blue sky")) == [1]


async def test_cheaper_keys_leave_little_to_ask_about(texts: TextIndex, put: Put, find: Find) -> None:
    await put(plain("report"), flags=("\\Seen",))
    await put(plain("report"))
    await texts.indexer.settle()
    assert await find(And((Body("report"), Not(HasFlag("\\Seen"))))) == [2]
    assert await find(Not(Body("report"))) == []
    assert await find(Body("")) == [1, 2]
    assert await find(Text("")) == [1, 2]


async def test_names_of_attachments_are_not_of_the_text(texts: TextIndex, put: Put, find: Find) -> None:
    attached = (
        b"Subject: hello\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n"
        b'Content-Type: application/pdf; name="offer.pdf"\r\n\r\nx\r\n--b--\r\n'
    )
    await put(attached)
    await texts.indexer.settle()
    assert await find(Body("offer")) == await find(Text("offer")) == []
    assert [*(await texts.fuzzy(Text("offer"), [1])).scores] == [1]


async def test_fuzzy_finds_what_is_not_indexed_yet_by_its_words(
    texts: TextIndex, put: Put, find: Find, service: Mailboxes, user_id: int
) -> None:
    await put(plain("the quarterly report"))
    await put(plain("no such thing"))
    await texts.indexer.settle()
    await put(plain("quarterly reports"))
    assert await find(Fuzzy(Body("report quarterly"))) == [1, 3]
    assert await find(Fuzzy(Body("reprot"))) == [1]
    await texts.indexer.settle()
    assert await find(Fuzzy(Body("repotr"))) == [1]
    assert await find(Fuzzy(Body("reprots quarterly"))) == [3]
