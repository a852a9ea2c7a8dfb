"""What clients note is bounded for each account, whoever notes it and wherever."""

import pytest

from mailserver.errors import OverQuota
from mailserver.mail.rights import ALL
from mailserver.mailboxes.service import Mailboxes
from mailserver.mailboxes.sharing import Change
from mailserver.store import annotations, users
from mailserver.store.store import Store

ANN, BOB = "ann@example.test", "bob@example.test"
VALUE = b"x" * 1000


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotations, "MAX_OCTETS", 2500)


@pytest.fixture
async def bob_id(store: Store) -> int:
    return (await store.write(users.add, BOB, "$argon2id$unused")).id


async def noted(service: Mailboxes, user_id: int, name: str) -> set[str]:
    found = await service.annotations.get(user_id, name, ["/private", "/shared"], float("inf"))
    return {entry for entry, value in found.items() if value is not None}


@pytest.mark.usefixtures("narrow")
async def test_room_for_notes_is_that_of_the_account(service: Mailboxes, user_id: int) -> None:
    for name in ("A", "B", "C"):
        await service.create(user_id, name)
    await service.annotations.set(user_id, "A", [("/private/comment", VALUE)])
    await service.annotations.set(user_id, "B", [("/shared/comment", VALUE)])
    with pytest.raises(OverQuota, match="noted"):
        await service.annotations.set(user_id, "C", [("/private/comment", VALUE)])
    with pytest.raises(OverQuota):
        await service.annotations.set(user_id, "C", [("/shared/comment", VALUE)])
    assert not await noted(service, user_id, "C")
    await service.annotations.set(user_id, "A", [("/private/comment", None)])
    await service.annotations.set(user_id, "C", [("/private/comment", VALUE)])


@pytest.mark.usefixtures("narrow")
async def test_who_answers_for_a_note_on_a_shared_mailbox(service: Mailboxes, user_id: int, bob_id: int) -> None:
    """Shared entries are the owner's, private ones of who made them."""
    await service.create(user_id, "Work")
    await service.sharing.set(user_id, "Work", BOB, Change.REPLACE, ALL)
    work = f"Other Users/{ANN}/Work"
    await service.annotations.set(bob_id, work, [("/shared/one", VALUE), ("/shared/two", VALUE)])
    with pytest.raises(OverQuota):
        await service.annotations.set(bob_id, work, [("/shared/three", VALUE)])
    await service.annotations.set(bob_id, work, [("/private/one", VALUE), ("/private/two", VALUE)])
    with pytest.raises(OverQuota):
        await service.annotations.set(bob_id, "INBOX", [("/shared/comment", VALUE)])


@pytest.mark.usefixtures("narrow")
async def test_renaming_inbox_again_and_again_does_not_multiply_notes(
    service: Mailboxes, user_id: int, bob_id: int
) -> None:
    await service.sharing.set(user_id, "INBOX", BOB, Change.REPLACE, ALL)
    await service.annotations.set(bob_id, f"Other Users/{ANN}/INBOX", [("/private/comment", VALUE)])
    await service.annotations.set(user_id, "INBOX", [("/private/comment", VALUE)])
    await service.rename(user_id, "INBOX", "Old")
    assert "/private/comment" in await noted(service, user_id, "Old")
    with pytest.raises(OverQuota):
        await service.rename(user_id, "INBOX", "Older")
    assert await service.find(user_id, "Older") is None
