"""Message files: several opened at once, small ones kept, and never more than is allowed."""

import os

import pytest

from mailserver.errors import Refusal
from mailserver.mail.flags import FlagMode, FlagSet
from mailserver.mailboxes import files
from mailserver.mailboxes.files import Files
from mailserver.mailboxes.service import Mailboxes
from mailserver.mailboxes.values import MessageGone
from mailserver.store.store import Store
from tests.service.mailboxes.conftest import Put

LARGE = b"Subject: large\r\n\r\n" + b"x" * files.HEAD_OCTETS


def letter(number: int) -> bytes:
    return b"Subject: %d\r\n\r\nbody\r\n" % number


async def test_many_are_opened_at_once_and_read_as_they_came(service: Mailboxes, user_id: int, put: Put) -> None:
    texts = [LARGE if number == 2 else letter(number) for number in range(5)]
    uids = [await put(text) for text in texts]
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    for _ in range(2):  # from the disk, then from what is kept
        opened = await service.open_all(index, [*uids, 999])
        for uid, text in zip(uids, texts, strict=True):
            assert opened[uid].size == len(text)
            assert await opened[uid].read(0, len(text)) == text
            assert await opened[uid].read(5, 3) == text[5:8]
            assert await opened[uid].read(len(text), 9) == b""
            opened[uid].close()
        assert opened.keys() == {*uids}


async def test_a_removed_message_is_gone_although_it_was_read_before(
    service: Mailboxes, user_id: int, put: Put
) -> None:
    uid = await put(letter(1))
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    (await service.open(index, uid)).close()
    await service.set_flags(user_id, index, [uid], FlagMode.ADD, FlagSet.of(["\\Deleted"]))
    await service.expunge(user_id, index, None)
    with pytest.raises(MessageGone):
        await service.open(index, uid)


async def test_what_is_kept_is_bounded(
    store: Store, service: Mailboxes, user_id: int, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_KEPT_OCTETS", 3 * len(letter(1)))
    uids = [await put(letter(number)) for number in range(8)]
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    kept = Files(store)
    await kept.open(index.mailbox.id, uids)
    assert 0 < kept.kept_octets <= 3 * len(letter(1))


async def test_what_can_not_be_read_leaves_nothing_open(
    store: Store, service: Mailboxes, user_id: int, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    uids = [await put(LARGE) for _ in range(3)]
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    read, before = files._read, len(os.listdir("/proc/self/fd"))

    def failing(fd: int, offset: int, octets: int) -> bytes:
        failing.calls += 1  # type: ignore[attr-defined]
        if failing.calls == 3:  # type: ignore[attr-defined]
            raise OSError(5, "Input/output error")
        return read(fd, offset, octets)

    failing.calls = 0  # type: ignore[attr-defined]
    monkeypatch.setattr(files, "_read", failing)
    with pytest.raises((OSError, Refusal)):
        await service.open_all(index, uids)
    assert len(os.listdir("/proc/self/fd")) == before
