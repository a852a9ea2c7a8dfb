"""SORT and THREAD over a real mailbox: against sorted() with plain keys, while messages come and go."""

import random
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from mailserver.mail.flags import FlagSet
from mailserver.mail.sorting import Criterion, SortKey
from mailserver.mail.subjects import base_subject
from mailserver.mail.threading import Algorithm, Letter
from mailserver.mail.threading import thread as threaded
from mailserver.mailboxes import sort_values, sorting
from mailserver.mailboxes.index import MailboxIndex
from mailserver.mailboxes.service import Mailboxes
from mailserver.mailboxes.values import FlagMode, Found
from mailserver.store.store import Store
from tests.service.mailboxes.conftest import Put

NAMES = ("Zoe", "ann", "Ärger", "bob", "")
ADDRESSES = ("carl@a.test", "Bob@b.test", "ann@z.test", "ann@b.test")
SUBJECTS = ("Re: Alpha", "alpha", "[x] beta (fwd)", "Beta", "Ωmega", "ωMEGA", "")
CRITERIA = [each for each in Criterion if each is not Criterion.RELEVANCY]
FIRST = datetime(2026, 2, 1, tzinfo=UTC)


@dataclass
class Known:
    uid: int
    values: dict[Criterion, int | str]


def same(text: str) -> str:
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())


class Sender:
    """Puts random letters into INBOX and knows what they are to be sorted by."""

    def __init__(self, put: Put, chance: random.Random) -> None:
        self._put = put
        self._chance = chance

    async def send(self) -> Known:
        chance = self._chance
        arrived = FIRST + timedelta(minutes=chance.randint(0, 30))
        values: dict[Criterion, int | str] = {Criterion.ARRIVAL: int(arrived.timestamp())}
        lines = [f"X: {'x' * chance.randint(0, 9)}"]
        for header, plain, shown in (
            ("From", Criterion.FROM, Criterion.DISPLAYFROM),
            ("To", Criterion.TO, Criterion.DISPLAYTO),
            ("Cc", Criterion.CC, None),
        ):
            name, address = chance.choice(NAMES), chance.choice((*ADDRESSES, ""))
            if address:
                lines.append(f'{header}: "{name}" <{address}>, other@o.test' if name else f"{header}: {address}")
            values[plain] = same(address.partition("@")[0])
            if shown is not None:
                values[shown] = same(name or address) if address else ""
        subject = chance.choice(SUBJECTS)
        lines.append(f"Subject: {subject}")
        values[Criterion.SUBJECT] = same(base_subject(subject))
        sent = FIRST + timedelta(minutes=chance.randint(0, 30))
        has_date = chance.random() < 0.7
        lines += [f"Date: {sent:%d %b %Y %H:%M:%S} +0000"] if has_date else []
        values[Criterion.DATE] = int((sent if has_date else arrived).timestamp())
        octets = "\r\n".join([*lines, "", ""]).encode()
        values[Criterion.SIZE] = len(octets)
        uid = await self._put(octets, date=int(arrived.timestamp()))
        return Known(uid, values)


def plainly(known: Sequence[Known], keys: Sequence[SortKey]) -> list[int]:
    found = sorted(known, key=lambda m: m.uid)
    for key in reversed(keys):
        found.sort(key=lambda m, criterion=key.criterion: m.values[criterion], reverse=key.reverse)  # type: ignore[misc]
    return [m.uid for m in found]


async def remove(service: Mailboxes, index: MailboxIndex, uid: int) -> None:
    await service.set_flags(index.mailbox.user_id, index, [uid], FlagMode.REPLACE, FlagSet.of(["\\Deleted"]))
    await service.expunge(index.mailbox.user_id, index, [uid])


async def test_random_orders_while_messages_come_and_go(
    service: Mailboxes, user_id: int, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sort_values, "CHUNK", 7)
    monkeypatch.setattr(sorting, "FEW", 3)
    monkeypatch.setattr(sorting, "LARGE", 60)
    monkeypatch.setattr(sorting, "MAX_ORDERS", 6)  # some are forgotten
    monkeypatch.setattr(sort_values, "MAX_KEPT", 300)
    chance = random.Random(11)
    sender = Sender(put, chance)
    known = [await sender.send() for _ in range(40)]
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    chosen = [
        tuple(SortKey(criterion, chance.random() < 0.4) for criterion in chance.sample(CRITERIA, chance.randint(1, 3)))
        for _ in range(10)
    ]
    for _ in range(150):
        match chance.randrange(6):
            case 0:
                known.append(await sender.send())
            case 1:
                known += [await sender.send() for _ in range(5)]
            case 2 if len(known) > 20:
                gone = known.pop(chance.randrange(len(known)))
                await remove(service, index, gone.uid)
        await service.settled(index)
        asked = known if chance.random() < 0.5 else chance.sample(known, chance.randint(0, len(known)))
        keys = chance.choice(chosen)
        found = Found(sorted(m.uid for m in asked))
        assert await service.sort(index, keys, found) == plainly(asked, keys), keys
    service.release(index)


async def test_a_message_that_is_gone_meanwhile_is_left_out(service: Mailboxes, user_id: int, put: Put) -> None:
    for subject in (b"c", b"b", b"a"):
        await put(b"Subject: " + subject + b"\r\n\r\n")
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    await remove(service, index, 2)
    assert await service.sort(index, (SortKey(Criterion.SUBJECT),), Found([1, 2, 3])) == [3, 1]
    assert (await service.thread(index, Algorithm.REFERENCES, [1, 2, 3])).uids == (1, 3)
    service.release(index)


async def test_relevancy_is_not_kept(service: Mailboxes, user_id: int, put: Put) -> None:
    for _ in range(3):
        await put()
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    keys = (SortKey(Criterion.RELEVANCY),)
    assert await service.sort(index, keys, Found([1, 2, 3], {1: 10, 2: 90, 3: 50})) == [2, 3, 1]
    assert await service.sort(index, keys, Found([1, 2, 3], {1: 50, 2: 10, 3: 90})) == [3, 1, 2]
    service.release(index)


THREAD: tuple[Mapping[str, str], ...] = (
    {"Message-ID": "<1@x>", "Subject": "plan"},
    {"Message-ID": "<2@x>", "Subject": "Re: plan", "In-Reply-To": "<1@x>"},
    {"Message-ID": "<3@x>", "Subject": "Re: plan", "References": "<1@x> <2@x>", "In-Reply-To": "<9@x>"},
    {"Subject": "PLAN (fwd)"},
    {"Message-ID": "<5@x>", "Subject": "other"},
)


async def test_threads_are_of_what_is_stored_and_follow_arrivals(service: Mailboxes, user_id: int, put: Put) -> None:
    for number, fields in enumerate(THREAD):
        await put("".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\n", date=number)
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    letters = [
        Letter(1, "1@x", (), "plan", False, 0, 0),
        Letter(2, "2@x", ("1@x",), "plan", True, 1, 1),
        Letter(3, "3@x", ("1@x", "2@x"), "plan", True, 2, 2),
        Letter(4, "", (), "plan", True, 3, 3),
        Letter(5, "5@x", (), "other", False, 4, 4),
    ]
    for algorithm in Algorithm:
        for _ in range(2):  # the second time it is remembered
            assert await service.thread(index, algorithm, [1, 2, 3, 4, 5]) == threaded(algorithm, letters)
        assert await service.thread(index, algorithm, [2, 4]) == threaded(algorithm, [letters[1], letters[3]])
    await put(b"Message-ID: <6@x>\r\nReferences: <5@x>\r\nSubject: Re: other\r\n\r\n", date=5)
    await service.settled(index)
    letters.append(Letter(6, "6@x", ("5@x",), "other", True, 5, 5))
    assert await service.thread(index, Algorithm.REFERENCES, [1, 2, 3, 4, 5, 6]) == threaded(
        Algorithm.REFERENCES, letters
    )
    service.release(index)


async def test_kept_values_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sort_values, "MAX_KEPT", 3)
    asked: list[list[int]] = []

    def decode(_rx: object, _mailbox_id: int, uids: list[int]) -> dict[int, int]:
        asked.append(uids)
        return dict.fromkeys(uids, 7)

    kept: sort_values.Kept[int] = sort_values.Kept(store)
    assert await kept.get(1, "a", decode, [1, 2]) == {1: 7, 2: 7}
    assert await kept.get(1, "a", decode, [2]) == {1: 7, 2: 7}
    assert await kept.get(1, "b", decode, [1, 2]) == {1: 7, 2: 7}  # the first is forgotten
    await kept.get(1, "a", decode, [2])
    assert asked == [[1, 2], [1, 2], [2]]
