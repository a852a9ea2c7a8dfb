"""Domains, users and aliases: names, deletion that can be taken back, and what must be gone after the purge."""

import pytest

from mailserver.errors import (
    AlreadyThere,
    BadAddress,
    BadValue,
    NoSuchAlias,
    NoSuchDomain,
    NoSuchUser,
    Refusal,
)
from mailserver.mail.flags import EMPTY
from mailserver.store import aliases, domains, mailboxes, messages, recipients, users
from mailserver.store.database import Rx, Tx
from mailserver.store.events import AccountsChanged, Event
from mailserver.store.store import Store
from tests.fakes import FakeClock

HASH = "$argon2id$unused"
DAY_MS = 86_400_000


@pytest.fixture
async def house(store: Store) -> Store:
    def fill(tx: Tx) -> None:
        domains.add(tx, "example.test")
        users.add(tx, "ann@example.test", HASH, display_name="Ann")
        users.add(tx, "bob@example.test", HASH)
        aliases.add(tx, "team@example.test", ["ann@example.test", "bob@example.test"])

    await store.write(fill)
    return store


def now_ms(clock: FakeClock) -> int:
    return int(clock.now().timestamp() * 1000)


async def test_a_new_user_has_its_mailboxes_and_folders(house: Store) -> None:
    ann = await house.read(users.get, "Ann@Example.TEST")
    assert (ann.address, ann.maildir, ann.quota_bytes, ann.used_bytes) == (
        "ann@example.test",
        "example.test/ann",
        1_073_741_824,
        0,
    )
    names = [mailbox.name for mailbox in await house.read(mailboxes.list, ann.id)]
    assert names == ["Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash"]
    assert (house.maildir.root / "example.test/ann/cur").is_dir()


@pytest.mark.parametrize(
    ("address", "folder"),
    [
        ("ann.lee@example.test", "example.test/ann.lee"),
        ("a/b@example.test", "example.test/a&AC8-b"),
        ("jörg@example.test", "example.test/j&APY-rg"),
        ("x~1@example.test", "example.test/x&AH4-1"),
    ],
)
async def test_no_local_part_leaves_its_folder(house: Store, address: str, folder: str) -> None:
    assert (await house.write(users.add, address, HASH)).maildir == folder
    assert (house.maildir.root / folder / "cur").is_dir()


@pytest.mark.parametrize(
    "address",
    ["..@example.test", "a..b@example.test", '"a b"@example.test', "a\x00b@example.test", "ann", "*@example.test"],
)
async def test_names_that_can_not_be_typed_are_refused(house: Store, address: str) -> None:
    with pytest.raises(BadAddress):
        await house.write(users.add, address, HASH)


@pytest.mark.parametrize(
    ("add", "refusal"),
    [
        (lambda tx: domains.add(tx, "EXAMPLE.test"), AlreadyThere),
        (lambda tx: domains.add(tx, "exa mple.test"), BadAddress),
        (lambda tx: domains.add(tx, "other.test", "ab"), BadValue),
        (lambda tx: domains.add(tx, "other.test", "a"), BadValue),
        (lambda tx: users.add(tx, "ANN@example.test", HASH), AlreadyThere),
        (lambda tx: users.add(tx, "ann@other.test", HASH), NoSuchDomain),
        (lambda tx: users.add(tx, "new@example.test", HASH, quota_bytes=-1), BadValue),
        (lambda tx: users.add(tx, "new@example.test", HASH, display_name="a\r\nBcc: b"), BadValue),
        (lambda tx: aliases.add(tx, "TEAM@example.test", ["ann@example.test"]), AlreadyThere),
        (lambda tx: aliases.add(tx, "new@example.test", []), BadValue),
        (lambda tx: aliases.add(tx, "new@example.test", ["new@example.test"]), BadValue),
        (lambda tx: aliases.add(tx, "new@example.test", ["nobody@example.test"]), NoSuchUser),
        (lambda tx: aliases.add(tx, "new@example.test", ["not an address"]), BadAddress),
        (lambda tx: aliases.add(tx, "new@other.test", ["ann@example.test"]), NoSuchDomain),
    ],
)
async def test_what_can_not_be_added(house: Store, add: object, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        await house.write(add)  # type: ignore[arg-type]


async def test_every_change_of_accounts_is_told(house: Store) -> None:
    heard: list[Event] = []
    house.subscribe(heard.append)
    for change in (
        lambda tx: users.set_active(tx, "ann@example.test", False),
        lambda tx: users.set_password(tx, "ann@example.test", HASH),
        lambda tx: domains.set_active(tx, "example.test", False),
        lambda tx: aliases.remove(tx, "team@example.test"),
        lambda tx: users.remove(tx, "bob@example.test"),
        lambda tx: domains.remove(tx, "example.test"),
    ):
        heard.clear()
        await house.write(change)
        assert AccountsChanged() in heard


async def test_a_deleted_user_can_be_given_again_and_the_old_one_restored(house: Store) -> None:
    old = await house.read(users.get, "ann@example.test")
    await house.write(users.remove, "ann@example.test")
    with pytest.raises(NoSuchUser):
        await house.read(users.get, "ann@example.test")
    assert [user.address for user in await house.read(users.list, deleted=True)] == ["ann@example.test"]

    new = await house.write(users.add, "ann@example.test", HASH)
    assert new.id != old.id
    assert new.maildir != old.maildir  # the old mail is still where it was
    with pytest.raises(AlreadyThere):
        await house.write(users.restore, "ann@example.test")

    await house.write(users.remove, "ann@example.test")
    assert (await house.write(users.restore, "ann@example.test")).id == new.id  # the one deleted last
    with pytest.raises(NoSuchUser):
        await house.write(users.restore, "bob@example.test")  # never deleted


async def test_a_deleted_domain_takes_its_users_along_and_brings_them_back(house: Store) -> None:
    ann = await house.read(users.get, "ann@example.test")
    await house.write(domains.remove, "example.test")
    assert await house.read(recipients.resolve, "ann@example.test", "host.test") is None
    assert await house.read(users.find_by_id, ann.id) is None
    assert await house.read(domains.list) == []
    assert [domain.name for domain in await house.read(domains.list, deleted=True)] == ["example.test"]

    await house.write(domains.add, "example.test")
    with pytest.raises(AlreadyThere):
        await house.write(domains.restore, "example.test")
    with pytest.raises(NoSuchDomain):
        await house.write(domains.remove, "unknown.test")
    await house.write(domains.remove, "example.test")

    restored = await house.write(domains.restore, "example.test")
    assert restored.deleted_at is None
    await house.write(domains.remove, "example.test")
    await house.write(lambda tx: tx.run("DELETE FROM domains WHERE id = ?", restored.id))
    await house.write(domains.restore, "example.test")
    assert (await house.read(users.get, "ann@example.test")).id == ann.id


async def test_the_purge_takes_rows_and_files_after_its_days_only(house: Store, clock: FakeClock) -> None:
    ann = await house.read(users.get, "ann@example.test")
    inbox = await house.read(mailboxes.get, ann.id, "INBOX")
    staged = await house.stage_bytes(b"Subject: x\r\n\r\nx\r\n")
    await house.write(messages.add, inbox.id, staged, EMPTY, 0)
    folder = house.maildir.root / ann.maildir
    await house.write(users.remove, "ann@example.test")
    await clock.advance(29 * 86_400)
    assert await house.write(users.purge, now_ms(clock) - 30 * DAY_MS) == 0
    assert folder.is_dir()
    await clock.advance(2 * 86_400)
    assert await house.write(users.purge, now_ms(clock) - 30 * DAY_MS) == 1
    assert not folder.exists()
    assert await house.read(count, "messages") == 0
    assert await house.read(count, "contents") == 0
    assert (await house.read(aliases.get, "team@example.test")).targets == ("bob@example.test",)
    with pytest.raises(NoSuchUser):
        await house.write(users.restore, "ann@example.test")


async def test_a_folder_whose_removal_may_be_repeated_is_not_used_again(house: Store, clock: FakeClock) -> None:
    await house.write(users.remove, "ann@example.test")
    await house.write(users.purge, now_ms(clock) + 1)
    again = await house.write(users.add, "ann@example.test", HASH)
    assert again.maildir != "example.test/ann"


async def test_the_purge_of_a_domain_takes_its_users(house: Store, clock: FakeClock) -> None:
    await house.write(domains.remove, "example.test")
    assert await house.write(domains.purge, now_ms(clock) + 1) == 1
    for table in ("domains", "users", "mailboxes", "aliases", "alias_targets"):
        assert await house.read(count, table) == 0
    assert not (house.maildir.root / "example.test/ann").exists()
    assert await house.read(lambda rx: rx.all("PRAGMA foreign_key_check")) == []


async def test_ids_are_never_given_twice(house: Store, clock: FakeClock) -> None:
    bob = await house.read(users.get, "bob@example.test")
    await house.write(users.remove, "bob@example.test")
    await house.write(users.purge, now_ms(clock) + 1)
    assert (await house.write(users.add, "bob@example.test", HASH)).id > bob.id


async def test_an_alias_keeps_its_destinations_in_order(house: Store) -> None:
    await house.write(aliases.add_targets, "team@example.test", ["X@far.example", "ann@example.test"])
    assert (await house.read(aliases.get, "Team@Example.test")).targets == (
        "ann@example.test",
        "bob@example.test",
        "X@far.example",
    )
    await house.write(aliases.remove_target, "team@example.test", "ann@example.test")
    await house.write(aliases.remove_target, "team@example.test", "X@far.example")
    assert (await house.read(aliases.get, "team@example.test")).targets == ("bob@example.test",)
    with pytest.raises(BadValue):
        await house.write(aliases.remove_target, "team@example.test", "bob@example.test")
    with pytest.raises(NoSuchAlias):
        await house.write(aliases.remove_target, "team@example.test", "x@far.example")
    await house.write(aliases.remove, "team@example.test")
    with pytest.raises(NoSuchAlias):
        await house.read(aliases.get, "team@example.test")


async def test_an_alias_of_the_first_schema_is_understood(house: Store) -> None:
    def insert(tx: Tx) -> None:
        domain = domains.get(tx, "example.test")
        tx.insert(
            "INSERT INTO aliases (domain_id, source_address, destination_external) VALUES (?, 'old', 'x@far.example')",
            domain.id,
        )

    await house.write(insert)
    resolved = await house.read(recipients.resolve, "old@example.test", "host.test")
    assert resolved is not None
    assert resolved.remote == ("x@far.example",)


async def test_a_quota_of_nothing_is_no_limit(house: Store) -> None:
    await house.write(users.set_quota, "ann@example.test", 0)
    resolved = await house.read(recipients.resolve, "ann@example.test", "host.test")
    assert resolved is not None
    assert resolved.local[0].has_room(10**15)


def count(rx: Rx, table: str) -> int:
    row = rx.one(f"SELECT count(*) FROM {table}")
    assert row is not None
    return int(row[0])
