"""Address books over a real store, and a hand that puts cards into them."""

from collections.abc import Awaitable, Callable

import pytest

from mailserver.groupware.contacts.accept import accept
from mailserver.store import collections, domains, members, users
from mailserver.store.collections import Collection, Family
from mailserver.store.database import Tx
from mailserver.store.members import Member
from mailserver.store.store import Store

Put = Callable[..., Awaitable[Member]]
BOOKS = Family.ADDRESSBOOKS


def card(name: str, *lines: str, uid: str | None = None) -> bytes:
    written = [
        "BEGIN:VCARD",
        "VERSION:3.0",
        f"UID:{uid or name}",
        f"FN:{name}",
        f"N:{name};;;;",
        *lines,
        "END:VCARD",
        "",
    ]
    return "\r\n".join(written).encode()


async def book_of(store: Store, user_id: int) -> Collection:
    return await store.write(default_book, user_id)


def default_book(tx: Tx, user_id: int) -> Collection:
    found = collections.default(tx, BOOKS, user_id)
    return found or collections.add(tx, BOOKS, user_id, collections.Draft("contacts", "Contacts", is_default=True))


@pytest.fixture
async def bob(store: Store, user_id: int) -> int:
    """bob@example.test, in ann's domain."""
    return (await store.write(users.add, "bob@example.test", "$argon2id$unused", display_name="Bob Builder")).id


@pytest.fixture
async def eve(store: Store, user_id: int) -> int:
    """eve@other.test, in another."""
    await store.write(domains.add, "other.test")
    return (await store.write(users.add, "eve@other.test", "$argon2id$unused")).id


@pytest.fixture
def put(store: Store, user_id: int) -> Put:
    """Store a card in ann's default book, as a PUT does once it is accepted."""

    async def put(data: bytes, href: str | None = None, owner: int = user_id) -> Member:
        def write(tx: Tx) -> Member:
            book = default_book(tx, owner)
            draft = accept(data).draft(data)
            name = href or f"{draft.uid}.vcf"
            there = members.find(tx, book, name)
            return members.add(tx, book, name, draft) if there is None else members.replace(tx, book, there, draft)

        return await store.write(write)

    return put
