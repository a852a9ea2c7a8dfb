"""SEARCH against a brute-force oracle: random letters, random expressions, and the few rules worth a line."""

import asyncio
import random
import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest

from mailserver.mail import message_text
from mailserver.mail.flags import FlagSet
from mailserver.mail.search import (
    All,
    And,
    Body,
    DateTest,
    EmailId,
    Fuzzy,
    HasFlag,
    Header,
    InternalDate,
    Larger,
    ModSeq,
    Not,
    Numbers,
    Or,
    Recent,
    SaveDate,
    SearchKey,
    SentDate,
    Smaller,
    Text,
    ThreadId,
    Uids,
    Within,
)
from mailserver.mail.sequence import STAR, SequenceSet
from mailserver.mailboxes import file_search, kept_fields, search
from mailserver.mailboxes.index import MailboxIndex
from mailserver.mailboxes.service import Mailboxes
from mailserver.mailboxes.values import FlagMode, Found, SearchView
from mailserver.search.fuzzy import Ranked
from mailserver.search.text_index import TextIndex
from mailserver.store.database import Rx
from mailserver.store.store import Store
from tests.fakes import START
from tests.service.mailboxes.conftest import Put, sees
from tests.service.mailboxes.letters import WORDS, Letter, Writer

LETTERS = 300
EXPRESSIONS = 400
FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "$Work", "Later")
NAMES = ("Subject", "FROM", "to", "Cc", "Bcc", "x-odd-field", "Comments", "Date", "Nothing")
FIRST_DAY = date(2026, 1, 30)
SAVED = frozenset(range(3, 300, 7))  # "$"; some of them are gone


@dataclass(slots=True)
class Known:
    """One message as the oracle sees it."""

    number: int
    uid: int
    letter: Letter
    flags: set[str]
    arrived: datetime
    modseq: int
    recent: bool
    content_id: int = 0
    thread_id: int = 0


def same(text: str) -> str:
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())


def inside(needle: str, texts: Sequence[str]) -> bool:
    return any(same(needle) in same(text) for text in texts)


def passes(test: DateTest, day: date, moment: date) -> bool:
    return {DateTest.BEFORE: moment < day, DateTest.ON: moment == day, DateTest.SINCE: moment >= day}[test]


def in_set(numbers: SequenceSet, number: int, largest: int, *, saved: bool) -> bool:
    if numbers.saved:
        return saved
    ends = ((first or largest, last or largest) for first, last in numbers.ranges)
    return any(min(pair) <= number <= max(pair) for pair in ends)


def matches(key: SearchKey, m: Known, count: int, last_uid: int) -> bool:
    match key:
        case All():
            return True
        case And():
            return all(matches(each, m, count, last_uid) for each in key.keys)
        case Or():
            return matches(key.first, m, count, last_uid) or matches(key.second, m, count, last_uid)
        case Not():
            return not matches(key.key, m, count, last_uid)
        case HasFlag():
            return key.flag.lower() in m.flags
        case Recent():
            return m.recent
        case Numbers():
            return in_set(key.numbers, m.number, count, saved=m.uid in SAVED)
        case Uids():
            return in_set(key.uids, m.uid, last_uid, saved=m.uid in SAVED)
        case Larger():
            return len(m.letter.octets) > key.octets
        case Smaller():
            return len(m.letter.octets) < key.octets
        case InternalDate():
            return passes(key.test, key.day, m.arrived.date())
        case SentDate():
            return m.letter.sent is not None and passes(key.test, key.day, m.letter.sent)
        case Header():
            return inside(key.text, m.letter.values(key.name))
        case Body():
            return not key.text or inside(key.text, m.letter.texts)
        case Text():
            lines = [f"{name}: {value}" for name, value in m.letter.fields]
            return not key.text or inside(key.text, [*lines, *m.letter.texts])
        case ModSeq():
            return m.modseq >= key.modseq
        case Within():
            age = (START - m.arrived).total_seconds()
            return age >= key.seconds if key.older else age <= key.seconds
        case SaveDate():
            return passes(key.test, key.day, START.date())
        case EmailId():
            return key.content_id == m.content_id
        case ThreadId():
            return key.thread_id == m.thread_id
        case Fuzzy():
            words = re.findall(r"\w+", same(key.key.text))
            plain = [replace(key.key, text=word) for word in words] or [key.key]
            return all(matches(each, m, count, last_uid) for each in plain)


class Asker:
    """Makes expressions."""

    def __init__(self, random: random.Random, mailbox: list[Known]) -> None:
        self._random = random
        self._mailbox = mailbox
        self._kinds: tuple[Callable[[], SearchKey], ...] = (
            All,
            Recent,
            lambda: HasFlag(random.choice((*FLAGS, "$work", "$Absent"))),
            lambda: Numbers(self._set(len(mailbox) + 5)),
            lambda: Uids(self._set(mailbox[-1].uid + 5)),
            lambda: Larger(random.randint(0, 1500)),
            lambda: Smaller(random.randint(0, 1500)),
            lambda: InternalDate(random.choice([*DateTest]), self._day()),
            lambda: SentDate(random.choice([*DateTest]), self._day()),
            lambda: Header(random.choice(NAMES), self._needle()),
            lambda: Body(self._needle()),
            lambda: Text(self._needle()),
            lambda: ModSeq(random.choice(mailbox).modseq),
            lambda: Within(random.random() < 0.5, self._age()),
            lambda: SaveDate(random.choice([*DateTest]), START.date() + timedelta(days=random.randint(-1, 1))),
            lambda: EmailId(random.choice([None, random.choice(mailbox).content_id])),
            lambda: ThreadId(random.choice([None, random.choice(mailbox).thread_id])),
            lambda: Fuzzy(random.choice((Body, Text))(self._needle())),
            lambda: Fuzzy(Header("X-Odd-Field", self._needle())),
        )

    def key(self, depth: int = 3) -> SearchKey:
        kind = self._random.randrange(6) if depth else 5
        if kind == 0:
            return Or(self.key(depth - 1), self.key(depth - 1))
        if kind == 1:
            return Not(self.key(depth - 1))
        if kind == 2:
            return And(tuple(self.key(depth - 1) for _ in range(self._random.randint(0, 3))))
        return self._random.choice(self._kinds)()

    def _age(self) -> int:
        """Now and then exactly that of a message."""
        age = (START - self._random.choice(self._mailbox).arrived).total_seconds()
        return max(int(age) + self._random.choice((0, 0, 1, -1, 5000)), 1)

    def _set(self, largest: int) -> SequenceSet:
        if self._random.random() < 0.1:
            return SequenceSet((), saved=True)

        def number() -> int:
            return self._random.choice((STAR, *(self._random.randint(1, largest) for _ in range(5))))

        return SequenceSet(tuple((number(), number()) for _ in range(self._random.randint(1, 3))))

    def _day(self) -> date:
        return FIRST_DAY + timedelta(days=self._random.randint(0, 45))

    def _needle(self) -> str:
        word = self._random.choice(WORDS)
        start = self._random.randint(0, len(word) - 1)
        piece = word[start : self._random.randint(start, len(word))]
        return self._random.choice((str.upper, str.lower, str))(piece)


@pytest.fixture
async def mailbox(service: Mailboxes, store: Store, user_id: int, put: Put) -> tuple[MailboxIndex, list[Known]]:
    chance = random.Random(20260301)
    writer = Writer(chance)
    known: list[Known] = []
    for _ in range(LETTERS):
        letter = writer.letter()
        flags = tuple(chance.sample(FLAGS, chance.randint(0, 3)))
        arrived = datetime(2026, 2, 1, tzinfo=UTC) + timedelta(minutes=chance.randint(0, 40 * 1440))
        uid = await put(letter.octets, flags=flags, date=int(arrived.timestamp()))
        known.append(Known(0, uid, letter, {flag.lower() for flag in flags}, arrived, 0, False))
    gone = {m.uid for m in chance.sample(known, 20)}
    index, _ = await service.select(user_id, "INBOX", claim_recent=True)
    await service.set_flags(user_id, index, sorted(gone), FlagMode.REPLACE, FlagSet.of(["\\Deleted"]))
    await service.expunge(user_id, index, sorted(gone))
    known = [m for m in known if m.uid not in gone]
    for number, m in enumerate(known, start=1):
        place = index.position(m.uid)
        assert place is not None
        m.number, m.modseq, m.recent = number, index.modseqs[place], m.uid > 200
        m.content_id, m.thread_id = index.content_ids[place], index.thread_ids[place]
    return index, known


async def test_random_expressions_find_what_the_oracle_finds(
    service: Mailboxes, mailbox: tuple[MailboxIndex, list[Known]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "CHUNK", 70)
    monkeypatch.setattr(kept_fields, "CHUNK", 90)
    monkeypatch.setattr(message_text, "WINDOW_OCTETS", 37)  # every part comes in many pieces
    index, known = mailbox
    view = SearchView([m.uid for m in known], lambda uid: uid > 200, sorted(SAVED), int(START.timestamp()))
    asker = Asker(random.Random(7), known)
    hits = 0
    for _ in range(EXPRESSIONS):
        key = asker.key()
        expected = [m.uid for m in known if matches(key, m, len(known), known[-1].uid)]
        assert await service.search(index, key, view) == expected, key
        hits += 0 < len(expected) < len(known)
    assert hits > EXPRESSIONS // 3  # the expressions were worth asking


async def found(service: Mailboxes, user_id: int, key: SearchKey, view: SearchView) -> list[int]:
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    try:
        return await service.search(index, key, view)
    finally:
        service.release(index)


async def test_messages_the_session_does_not_know_yet_are_not_found(service: Mailboxes, user_id: int, put: Put) -> None:
    for _ in range(3):
        await put()
    assert await found(service, user_id, All(), sees(1, 2)) == [1, 2]
    assert await found(service, user_id, Uids(SequenceSet(((STAR, STAR),))), sees(1, 2)) == [2]


async def test_numbers_are_those_of_the_session_even_where_messages_are_gone(
    service: Mailboxes, user_id: int, put: Put
) -> None:
    for _ in range(4):
        await put(flags=("\\Deleted",))
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    await service.expunge(user_id, index, [2])
    second_to_fourth = Numbers(SequenceSet(((2, 4),)))
    assert await service.search(index, second_to_fourth, sees(1, 2, 3, 4)) == [3, 4]
    assert await service.search(index, All(), sees(1, 2, 3, 4)) == [1, 3, 4]


async def test_an_empty_mailbox_has_no_answer_to_anything(service: Mailboxes, user_id: int) -> None:
    for key in (All(), Numbers(SequenceSet(((1, STAR),))), Uids(SequenceSet(((STAR, 5),))), Text("x"), And(())):
        assert await found(service, user_id, key, sees()) == []


async def test_bodies_are_read_only_where_nothing_cheaper_decides(
    service: Mailboxes, user_id: int, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    whole = file_search.scan

    async def counting(store: Store, mailbox_id: int, uids: Sequence[int], key: Text) -> dict[int, bool]:
        read.extend(uids)
        return await whole(store, mailbox_id, uids, key)

    monkeypatch.setattr(file_search, "scan", counting)
    for flags in ((), ("\\Seen",), ("\\Seen",)):
        await put(flags=flags)
    key = And((Text("world"), Or(Body("world"), HasFlag("\\Answered")), Not(HasFlag("\\Seen"))))
    assert await found(service, user_id, key, sees(1, 2, 3)) == [1]
    assert set(read) == {1}


async def test_a_header_text_does_not_reach_across_two_fields(service: Mailboxes, user_id: int, put: Put) -> None:
    await put(b"To: ann\r\nTo: bob\r\n\r\n")
    assert await found(service, user_id, Header("To", "bob"), sees(1)) == [1]
    assert await found(service, user_id, Header("To", "ann\nbob"), sees(1)) == []
    assert await found(service, user_id, Header("To", "annbob"), sees(1)) == []


async def test_a_forgotten_field_is_decoded_again(
    service: Mailboxes, user_id: int, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_fields, "MAX_KEPT_OCTETS", 150)
    await put(b"Subject: one\r\nFrom: two\r\n\r\n")
    for _ in range(2):
        assert await found(service, user_id, Header("Subject", "ONE"), sees(1)) == [1]
        assert await found(service, user_id, Header("From", "TWO"), sees(1)) == [1]


async def test_columns_of_many_empty_mailboxes_are_bounded_too(store: Store) -> None:
    fields = kept_fields.KeptFields(store)
    fitting = kept_fields.MAX_KEPT_OCTETS // kept_fields.COLUMN_OCTETS
    for mailbox_id in range(fitting + 10):
        await fields.texts(mailbox_id, "subject", [])
    assert len(fields._texts._columns) <= fitting


async def test_a_word_across_the_edge_of_two_windows_is_found(service: Mailboxes, user_id: int, put: Put) -> None:
    text = b"x" * (message_text.WINDOW_OCTETS - 3) + b"needle"
    await put(b"Subject: long\r\n\r\n" + text + b"\r\n")
    assert await found(service, user_id, Body("NEEDLE"), sees(1)) == [1]
    assert await found(service, user_id, Body("needles"), sees(1)) == []


class Words(TextIndex):
    """What this index says of words is taken."""

    def __init__(self, store: Store, scores: dict[int, int]) -> None:
        super().__init__(store, store.clock)
        self.scores = scores
        self.asked: list[tuple[str, list[int]]] = []

    async def fuzzy(self, key: Body | Text, contents: Collection[int]) -> Ranked:
        self.asked.append((key.text, [*contents]))
        return Ranked(self.scores, set())


async def test_fuzzy_bodies_are_the_word_index_s_matter(
    service: Mailboxes, store: Store, user_id: int, put: Put
) -> None:
    for flags in ((), (), ("\\Seen",)):
        await put(flags=flags)
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    first, second, third = index.content_ids
    words = Words(store, {second: 70, third: 90})
    searcher = search.Searcher(store, words)
    key = And((Not(HasFlag("\\Seen")), Fuzzy(Body("any words"))))
    assert await searcher.search(index, key, sees(1, 2, 3)) == Found([2], {2: 70})
    assert words.asked == [("any words", [first, second])]
    twice = And((Fuzzy(Text("x")), Fuzzy(Header("Subject", "hello"))))
    assert await searcher.search(index, twice, sees(1, 2, 3)) == Found([2, 3], {2: 85, 3: 95})  # the mean
    service.release(index)


async def test_header_and_date_are_found_after_messages_came_and_went(
    service: Mailboxes, user_id: int, put: Put
) -> None:
    """What is kept of a field follows the mailbox."""

    async def put_numbered(number: int) -> int:
        return await put(
            b"Subject: letter %d\r\nDate: %d Mar 2026 10:00:00 +0000\r\n\r\n" % (number % 3, number % 28 + 1)
        )

    uids = [await put_numbered(number) for number in range(30)]
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    for round_ in range(4):
        there = [uid for uid in uids if index.position(uid) is not None]
        expected = [uid for uid in there if uids.index(uid) % 3 == 1]
        for key in (Header("Subject", "Letter 1"), And((Header("Subject", "letter 1"), Uids(SequenceSet(((1, 0),)))))):
            assert await service.search(index, key, sees(*there)) == expected
        sent = await service.search(index, SentDate(DateTest.BEFORE, date(2026, 3, 5)), sees(*there))
        assert sent == [uid for uid in there if uids.index(uid) % 28 < 4]
        gone = there[round_::5]
        await service.set_flags(user_id, index, gone, FlagMode.ADD, FlagSet.of(["\\Deleted"]))
        await service.expunge(user_id, index, None)
        uids += [await put_numbered(len(uids) + more) for more in range(3)]


async def test_flags_are_searched_as_they_are_now(service: Mailboxes, user_id: int, put: Put) -> None:
    uids = [await put() for _ in range(4)]
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    for uid in uids:
        await service.set_flags(user_id, index, [uid], FlagMode.ADD, FlagSet.of(["\\Flagged"]))
        assert await service.search(index, HasFlag("\\FLAGGED"), sees(*uids)) == uids[: uids.index(uid) + 1]
        assert await service.search(index, Not(HasFlag("\\Flagged")), sees(*uids)) == uids[uids.index(uid) + 1 :]


async def test_searches_at_the_same_time_decode_a_field_once(
    service: Mailboxes, user_id: int, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    decode = kept_fields._decode_field

    def counting(rx: Rx, mailbox_id: int, uids: list[int], name: str) -> dict[int, str | None]:
        decoded.extend(uids)
        return decode(rx, mailbox_id, uids, name)

    monkeypatch.setattr(kept_fields, "_decode_field", counting)
    uids = [await put(b"Subject: letter %d\r\n\r\n" % number) for number in range(9)]
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    searches = [service.search(index, Header("Subject", "letter"), sees(*uids)) for _ in range(8)]
    assert await asyncio.gather(*searches) == [uids] * 8
    assert decoded == uids
