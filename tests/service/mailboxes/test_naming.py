"""Creating, renaming and deleting mailboxes. RFC 9051 §6.3.4 to §6.3.8, RFC 6154."""

import asyncio

import pytest

from mailserver.errors import (
    CannotMailbox,
    LimitReached,
    MailboxExists,
    MailboxHasChildren,
    NoSuchMailbox,
    UseAttribute,
)
from mailserver.mailboxes import naming
from mailserver.mailboxes.names import MAX_MAILBOXES
from mailserver.mailboxes.service import Mailboxes
from mailserver.store import mailboxes
from mailserver.store.store import Store
from tests.service.mailboxes.conftest import Put

DEFAULTS = ["Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash"]


async def names_of(service: Mailboxes, user_id: int) -> list[str]:
    return [mailbox.name for mailbox in await service.list(user_id)]


async def test_create_makes_parents(service: Mailboxes, user_id: int) -> None:
    made = await service.create(user_id, "a/b/c/")
    assert made.name == "a/b/c"
    assert await names_of(service, user_id) == sorted([*DEFAULTS, "a", "a/b", "a/b/c"])


@pytest.mark.parametrize("name", ["Sent", "INBOX", "inbox", "InBox"])
async def test_an_existing_name_is_not_made_again(service: Mailboxes, user_id: int, name: str) -> None:
    with pytest.raises(MailboxExists):
        await service.create(user_id, name)


async def test_below_inbox_its_case_does_not_matter(service: Mailboxes, user_id: int) -> None:
    await service.create(user_id, "inbox/lists")
    assert "INBOX/lists" in await names_of(service, user_id)
    assert (await service.status(user_id, "Inbox/lists")).messages == 0


async def test_two_spellings_of_one_name_are_one_mailbox(service: Mailboxes, user_id: int) -> None:
    await service.create(user_id, "Entw\u00fcrfe")
    with pytest.raises(MailboxExists):
        await service.create(user_id, "Entwu\u0308rfe")


async def test_a_special_use_is_given_once(service: Mailboxes, user_id: int) -> None:
    for taken_or_unknown in ("\\Sent", "\\All", "\\Nonsense"):
        with pytest.raises(UseAttribute):
            await service.create(user_id, "New/Below", taken_or_unknown)
    assert await names_of(service, user_id) == DEFAULTS
    await service.delete(user_id, "Archive")
    assert (await service.create(user_id, "Old mail", "\\archive")).special_use == "\\Archive"


async def test_a_deleted_and_remade_mailbox_has_a_new_uidvalidity(service: Mailboxes, user_id: int) -> None:
    first = await service.create(user_id, "a")
    await service.delete(user_id, "a")
    second = await service.create(user_id, "a")
    assert second.uidvalidity > first.uidvalidity


async def test_rename_takes_everything_below_along(service: Mailboxes, user_id: int, put: Put) -> None:
    await service.create(user_id, "a/b/c")
    await service.create(user_id, "ab")
    await put(name="a/b/c")
    await service.rename(user_id, "a", "x/y")
    assert await names_of(service, user_id) == sorted([*DEFAULTS, "ab", "x", "x/y", "x/y/b", "x/y/b/c"])
    index, _ = await service.select(user_id, "x/y/b/c", claim_recent=False)
    async_file = await service.open(index, index.uids[0])
    assert await async_file.read(0, 7) == b"Subject"
    async_file.close()
    service.release(index)


async def test_rename_of_inbox_moves_its_messages_only(service: Mailboxes, user_id: int, put: Put) -> None:
    await service.create(user_id, "INBOX/below")
    for _ in range(3):
        await put(flags=("\\Seen", "$Work"))
    before = await service.status(user_id, "INBOX")
    await service.rename(user_id, "inbox", "Old/2025")
    after, moved = await service.status(user_id, "INBOX"), await service.status(user_id, "Old/2025")
    assert (after.messages, after.uidvalidity, after.uidnext) == (0, before.uidvalidity, before.uidnext)
    assert (moved.messages, moved.unseen, moved.uidnext) == (3, 0, 4)
    assert "INBOX/below" in await names_of(service, user_id)


@pytest.mark.parametrize(
    ("old", "new", "refusal"),
    [
        ("nowhere", "x", NoSuchMailbox),
        ("Sent", "Trash", MailboxExists),
        ("Sent", "Sent", MailboxExists),
        ("Sent", "inbox", MailboxExists),
        ("INBOX", "Sent", MailboxExists),
        ("Sent", "Sent/below", CannotMailbox),
        ("Sent", "a//b", CannotMailbox),
        ("deep", "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20", CannotMailbox),  # its child would be the 21st
    ],
)
async def test_refused_renames_change_nothing(
    service: Mailboxes, user_id: int, old: str, new: str, refusal: type[Exception]
) -> None:
    await service.create(user_id, "deep/child")
    before = await names_of(service, user_id)
    with pytest.raises(refusal):
        await service.rename(user_id, old, new)
    assert await names_of(service, user_id) == before


async def test_a_parent_and_inbox_can_not_be_deleted(service: Mailboxes, user_id: int) -> None:
    await service.create(user_id, "a/b")
    with pytest.raises(MailboxHasChildren):
        await service.delete(user_id, "a")
    with pytest.raises(CannotMailbox):
        await service.delete(user_id, "inbox")
    with pytest.raises(NoSuchMailbox):
        await service.delete(user_id, "nowhere")
    await service.delete(user_id, "a/b")
    await service.delete(user_id, "a")
    assert await names_of(service, user_id) == DEFAULTS


async def test_subscriptions_outlive_their_mailboxes(service: Mailboxes, user_id: int) -> None:
    await service.create(user_id, "a")
    await service.subscribe(user_id, "a")
    await service.subscribe(user_id, "never/was")
    await service.delete(user_id, "a")
    assert await service.subscriptions(user_id) == sorted([*DEFAULTS, "a", "never/was"])
    await service.unsubscribe(user_id, "a")
    await service.unsubscribe(user_id, "a")
    assert "a" not in await service.subscriptions(user_id)
    with pytest.raises(CannotMailbox):
        await service.subscribe(user_id, "a\nb")


async def test_mailboxes_and_subscriptions_are_bounded(
    service: Mailboxes, user_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(naming, "MAX_MAILBOXES", 8)
    monkeypatch.setattr(naming, "MAX_SUBSCRIPTIONS", 6)
    with pytest.raises(LimitReached):
        await service.create(user_id, "a/b/c")
    await service.create(user_id, "a/b")
    with pytest.raises(LimitReached):
        await service.create(user_id, "c")
    with pytest.raises(LimitReached):
        await service.rename(user_id, "a/b", "d/e")
    await service.rename(user_id, "a/b", "a/c")
    with pytest.raises(LimitReached):
        await service.subscribe(user_id, "x")
    assert MAX_MAILBOXES == 1000


async def test_ten_first_logins_at_once_make_the_default_mailboxes_once(
    service: Mailboxes, store: Store, user_id: int
) -> None:
    await asyncio.gather(*(store.write(mailboxes.add_defaults, user_id) for _ in range(10)))
    assert await names_of(service, user_id) == DEFAULTS
    assert await service.subscriptions(user_id) == DEFAULTS


async def test_one_users_names_are_nobody_elses(service: Mailboxes, user_id: int) -> None:
    with pytest.raises(NoSuchMailbox):
        await service.select(user_id + 1, "INBOX", claim_recent=True)
