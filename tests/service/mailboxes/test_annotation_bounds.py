"""Notes on mailboxes have bounds, and what goes beyond them leaves nothing."""

import pytest

from mailserver.errors import Refusal
from mailserver.mailboxes.annotations import MAX_ENTRIES, MAX_VALUE_OCTETS, TooManyEntries, ValueTooLong
from mailserver.mailboxes.service import Mailboxes


async def kept(service: Mailboxes, user_id: int) -> int:
    found = await service.annotations.get(user_id, "INBOX", ["/private", "/shared"], float("inf"))
    return sum(value is not None for value in found.values())


@pytest.mark.parametrize("kind", ["/private", "/shared"])
async def test_a_mailbox_has_so_many_entries(service: Mailboxes, user_id: int, kind: str) -> None:
    many = [(f"{kind}/vendor/x/{number}", b"x") for number in range(MAX_ENTRIES)]
    await service.annotations.set(user_id, "INBOX", many)
    with pytest.raises(TooManyEntries) as refused:
        await service.annotations.set(user_id, "INBOX", [(f"{kind}/comment", b"one more")])
    assert refused.value.imap == "METADATA TOOMANY"
    assert await kept(service, user_id) == MAX_ENTRIES
    await service.annotations.set(user_id, "INBOX", [(many[0][0], None), (f"{kind}/comment", b"in its place")])
    assert await kept(service, user_id) == MAX_ENTRIES


async def test_a_value_has_so_many_octets(service: Mailboxes, user_id: int) -> None:
    largest = b"x" * MAX_VALUE_OCTETS
    await service.annotations.set(user_id, "INBOX", [("/private/comment", largest)])
    with pytest.raises(ValueTooLong) as refused:
        await service.annotations.set(user_id, "INBOX", [("/private/a", b"y"), ("/shared/comment", largest + b"x")])
    assert isinstance(refused.value, Refusal)
    assert refused.value.imap == f"METADATA MAXSIZE {MAX_VALUE_OCTETS}"
    assert await kept(service, user_id) == 1
