"""Who gets mail for an address: precedence, details behind the separator, aliases of aliases, what is disabled."""

import pytest

from mailserver.errors import LimitReached, MailboxDisabled, MailLoop, NoSuchUser, Refusal
from mailserver.store import aliases, domains, recipients, users
from mailserver.store.database import Tx
from mailserver.store.recipients import Resolved
from mailserver.store.store import Store

HASH = "$argon2id$unused"
HOST = "mail.example.test"


def household(tx: Tx) -> None:
    domains.add(tx, "example.test")
    domains.add(tx, "catch.test", subaddress_separator="-")
    domains.add(tx, "plain.test", subaddress_separator="")
    domains.add(tx, "closed.test")
    for address in (
        "ann@example.test",
        "bob@example.test",
        "off@example.test",
        "ann+exact@example.test",
        "ann@catch.test",
        "ann@plain.test",
        "ann@closed.test",
    ):
        users.add(tx, address, HASH)
    for address, targets in {
        "team@example.test": ["ann@example.test", "bob@example.test", "Someone.Else@Far.example"],
        "all@example.test": ["team@example.test", "bob@example.test", "ann+all@example.test"],
        "bob@example.test": ["ann@example.test"],
        "ann+alias@example.test": ["bob@example.test"],
        "away@example.test": ["someone@far.example"],
        "mixed@example.test": ["off@example.test", "ann@example.test"],
        "dead@example.test": ["off@example.test"],
        "quiet@example.test": ["ann@example.test"],
        "*@catch.test": ["bob@example.test"],
    }.items():
        aliases.add(tx, address, targets)
    users.set_active(tx, "off@example.test", False)
    aliases.set_active(tx, "quiet@example.test", False)
    domains.set_active(tx, "closed.test", False)


@pytest.fixture
async def house(store: Store) -> Store:
    await store.write(household)
    return store


async def ask(store: Store, address: str) -> Resolved | None:
    return await store.read(recipients.resolve, address, HOST)


ANN, BOB = "ann@example.test", "bob@example.test"
TABLE = [
    ("ann@example.test", [ANN], []),
    ("ANN@EXAMPLE.TEST", [ANN], []),
    ('"ann"@example.test', [ANN], []),  # quoting is no other name
    ("bob@example.test", [BOB], []),  # the user, not the alias of the same name
    ("ann+list@example.test", [ANN], []),
    ("ann+a+b@example.test", [ANN], []),  # the first separator counts
    ("ann+exact@example.test", ["ann+exact@example.test"], []),  # a user of exactly this name comes first
    ("ann+alias@example.test", [BOB], []),  # then the alias of exactly this name
    ("team@example.test", [ANN, BOB], ["Someone.Else@far.example"]),  # a local part elsewhere keeps its case
    ("team+x@example.test", [ANN, BOB], ["Someone.Else@far.example"]),
    ("all@example.test", [ANN, BOB], ["Someone.Else@far.example"]),  # each once
    ("away@example.test", [], ["someone@far.example"]),
    ("mixed@example.test", [ANN], []),  # what is disabled does not keep it from the others
    ("ann@catch.test", ["ann@catch.test"], []),
    ("ann-x@catch.test", ["ann@catch.test"], []),
    ("ann+x@catch.test", [BOB], []),  # another domain's separator: the catch-all
    ("anything@catch.test", [BOB], []),
    ("ann@plain.test", ["ann@plain.test"], []),
]


@pytest.mark.parametrize(("address", "local", "remote"), TABLE)
async def test_an_address_leads_to(house: Store, address: str, local: list[str], remote: list[str]) -> None:
    resolved = await ask(house, address)
    assert resolved is not None
    assert [recipient.address for recipient in resolved.local] == local
    assert [*resolved.remote] == remote


@pytest.mark.parametrize(
    ("address", "refusal"),
    [
        ("nobody@example.test", NoSuchUser),
        ("+ann@example.test", NoSuchUser),  # nothing before the separator
        ("../../etc/passwd@example.test", NoSuchUser),
        ("%2e%2e%2f@example.test", NoSuchUser),
        ('"ann@example.test"@example.test', NoSuchUser),  # no route
        ("bob%example.test@example.test", NoSuchUser),
        ("far.example!ann@example.test", NoSuchUser),
        ("ann+x@plain.test", NoSuchUser),
        ("off@example.test", MailboxDisabled),
        ("off+x@example.test", MailboxDisabled),
        ("dead@example.test", MailboxDisabled),
        ("quiet@example.test", MailboxDisabled),
        ("ann@closed.test", MailboxDisabled),
        ("nobody@closed.test", MailboxDisabled),  # says nothing about who is there
    ],
)
async def test_an_address_is_refused_with(house: Store, address: str, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        await ask(house, address)


@pytest.mark.parametrize("address", ["ann@far.example", "ann@[127.0.0.1]", "ann@sub.example.test", "ann@" + HOST])
async def test_other_domains_are_not_ours(house: Store, address: str) -> None:
    assert await ask(house, address) is None


async def test_the_detail_is_what_stands_behind_the_separator(house: Store) -> None:
    resolved = await ask(house, "ann+Lists+x@example.test")
    assert resolved is not None
    assert resolved.local[0].detail == "lists+x"


async def test_a_deleted_user_leaves_its_name_to_alias_and_catch_all(house: Store) -> None:
    await house.write(users.remove, BOB)
    resolved = await ask(house, BOB)
    assert resolved is not None
    assert [recipient.address for recipient in resolved.local] == [ANN]  # the alias of the same name
    with pytest.raises(NoSuchUser):  # whom the catch-all stood for
        await ask(house, "anything@catch.test")


async def test_a_ring_of_aliases_delivers_to_who_is_on_the_way(store: Store) -> None:
    def ring(tx: Tx) -> None:
        domains.add(tx, "example.test")
        users.add(tx, ANN, HASH)
        aliases.add(tx, "a@example.test", ["x@far.example"])
        aliases.add(tx, "b@example.test", ["a@example.test", ANN])
        aliases.add_targets(tx, "a@example.test", ["b@example.test"])
        aliases.remove_target(tx, "a@example.test", "x@far.example")

    await store.write(ring)
    resolved = await ask(store, "a@example.test")
    assert resolved is not None
    assert [recipient.address for recipient in resolved.local] == [ANN]
    await store.write(aliases.remove_target, "b@example.test", ANN)
    with pytest.raises(MailLoop):
        await ask(store, "a@example.test")


async def test_a_chain_of_aliases_ends_at_its_depth(store: Store) -> None:
    def chain(tx: Tx) -> None:
        domains.add(tx, "example.test")
        users.add(tx, ANN, HASH)
        aliases.add(tx, "a0@example.test", [ANN])
        for number in range(1, 13):
            aliases.add(tx, f"a{number}@example.test", [f"a{number - 1}@example.test"])

    await store.write(chain)
    assert await ask(store, "a10@example.test") is not None
    with pytest.raises(MailLoop):
        await ask(store, "a11@example.test")
    assert await store.read(recipients.resolve, "a2@example.test", HOST, 2) is not None
    with pytest.raises(MailLoop):
        await store.read(recipients.resolve, "a3@example.test", HOST, 2)


async def test_an_address_can_not_stand_for_endlessly_many(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipients, "MAX_EXPANDED", 3)

    def many(tx: Tx) -> None:
        domains.add(tx, "example.test")
        aliases.add(tx, "many@example.test", [f"a{number}@far.example" for number in range(4)])

    await store.write(many)
    with pytest.raises(LimitReached):
        await ask(store, "many@example.test")


async def test_postmaster_reaches_whoever_runs_the_server(house: Store) -> None:
    for address in ("postmaster@example.test", f"postmaster@{HOST}", f"PostMaster@{HOST}"):
        resolved = await ask(house, address)
        assert resolved is not None
        assert [recipient.address for recipient in resolved.local] == [ANN]  # the first user
    await house.write(users.set_admin, BOB, True)
    resolved = await ask(house, "postmaster@plain.test")
    assert resolved is not None
    assert [recipient.address for recipient in resolved.local] == [BOB]
    await house.write(aliases.add, "postmaster@plain.test", ["ann@plain.test"])
    resolved = await ask(house, "postmaster@plain.test")
    assert resolved is not None
    assert [recipient.address for recipient in resolved.local] == ["ann@plain.test"]


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("ann@example.test", True),
        ("Ann+shop@example.test", True),
        ("team@example.test", True),  # an alias that leads to ann
        ("all@example.test", True),  # by way of another
        ("bob@example.test", False),
        ("away@example.test", False),
        ("quiet@example.test", False),  # disabled
        ("ann@far.example", False),
        ("ann@catch.test", False),  # another account
        ("nobody@example.test", False),
        ("not an address", False),
    ],
)
async def test_an_account_may_send_as(house: Store, address: str, may: bool) -> None:
    ann = await house.read(users.get, ANN)
    assert await house.read(recipients.may_send_as, ann.id, address, HOST) is may
