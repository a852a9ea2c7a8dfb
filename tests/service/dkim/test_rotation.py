"""The life of keys over 13 months, by a moved clock and a zone that is published late."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailserver.config.tree import DkimConfig
from mailserver.dkim.key_record import parse
from mailserver.dkim.keyring import record_of
from mailserver.dkim.new_keys import generate
from mailserver.dkim.private_keys import Algorithm, to_pem
from mailserver.dkim.private_keys import generate as new_private
from mailserver.dkim.rotation import INTERVAL_SECONDS, Rotation
from mailserver.dkim.sign import Signer
from mailserver.errors import AlreadyThere, BadValue, NoSuchDomain, NoSuchKey, WrongState
from mailserver.store import dkim_keys, domains
from mailserver.store.database import Tx
from mailserver.store.dkim_keys import NewKey, Storage
from mailserver.store.dkim_states import NEXT, Change, State, after
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.service.dkim.test_sign import BODY, HEADER, selectors
from tests.unit.dkim.letters import Texts

DAY = 86_400
CONFIG = DkimConfig(algorithms=("RSA-2048", "Ed25519"), rotate_days=365, retire_days=14)


@pytest.fixture
def zone() -> dict[str, bytes | list[bytes] | None]:
    return {}


@pytest.fixture
async def rotation(store: Store, clock: FakeClock, zone: dict[str, bytes | list[bytes] | None]) -> Rotation:
    await store.write(domains.add, "example.test")
    return Rotation(store, clock, Texts(zone), CONFIG)


@pytest.fixture
async def signer(store: Store, clock: FakeClock) -> AsyncIterator[Signer]:
    signer = Signer(store, clock, CONFIG)
    yield signer
    signer.close()


async def states(store: Store) -> dict[str, str]:
    return {key.selector: str(key.state) for key in await store.read(dkim_keys.list)}


async def publish(store: Store, zone: dict[str, bytes | list[bytes] | None]) -> None:
    for key in await store.read(dkim_keys.list):
        zone[record_of(key).name] = record_of(key).value.encode()


async def signs(signer: Signer) -> list[str]:
    return [each.decode() for each in selectors(await signer.sign("example.test", HEADER, [BODY]))]


async def test_keys_over_thirteen_months(
    store: Store, clock: FakeClock, rotation: Rotation, signer: Signer, zone: dict[str, bytes | list[bytes] | None]
) -> None:
    first, second = ["rsa202603", "ed202603"], ["rsa202703", "ed202703"]

    async def day_by_day(days: int) -> None:
        for _ in range(days):
            await clock.advance(DAY)
            await rotation.look()

    await rotation.look()  # a domain without keys is due
    assert await states(store) == dict.fromkeys(first, "pending")
    await day_by_day(3)
    assert await states(store) == dict.fromkeys(first, "pending")
    assert await signs(signer) == []
    await publish(store, zone)
    await rotation.look()
    assert await states(store) == dict.fromkeys(first, "active")
    assert await signs(signer) == first
    await day_by_day(361)
    assert await states(store) == dict.fromkeys(first, "active")
    await day_by_day(1)  # a year
    assert await states(store) == dict.fromkeys(first, "active") | dict.fromkeys(second, "pending")
    assert await signs(signer) == first
    await day_by_day(10)  # nobody publishes them: the old ones go on
    assert await signs(signer) == first
    zone["ed202703._domainkey.example.test"] = None  # the DNS fails for one
    published: dict[str, bytes | list[bytes] | None] = {}
    await publish(store, published)
    zone["rsa202703._domainkey.example.test"] = published["rsa202703._domainkey.example.test"]
    await rotation.look()
    assert await signs(signer) == ["rsa202703", "ed202603"]
    zone.update(published)
    await rotation.look()
    assert await states(store) == dict.fromkeys(first, "retiring") | dict.fromkeys(second, "active")
    assert await signs(signer) == second
    await day_by_day(13)
    assert await states(store) == dict.fromkeys(first, "retiring") | dict.fromkeys(second, "active")
    await day_by_day(1)
    assert await states(store) == dict.fromkeys(first, "revoked") | dict.fromkeys(second, "active")
    assert await store.read(lambda rx: rx.one("SELECT count(private_key) FROM dkim_keys")) == (2,)
    assert clock.now().strftime("%Y-%m") == "2027-03"  # 13 months after 2026-02


async def test_a_key_of_unknown_age_is_due(store: Store, rotation: Rotation, zone: dict[str, bytes | None]) -> None:
    await rotation.look()
    for key in await store.read(dkim_keys.list):
        await rotation.activate(key, unseen=True)
    await rotation.look()
    assert list((await states(store)).values()) == ["active", "active"]

    def forget(tx: Tx) -> None:
        tx.run("UPDATE dkim_keys SET created_at = NULL WHERE algorithm = 'Ed25519'")

    await store.write(forget)
    await rotation.look()
    assert await states(store) == {"rsa202603": "active", "ed202603": "active", "ed202603b": "pending"}


@pytest.mark.parametrize(
    ("config", "active", "made"),
    [
        (CONFIG, True, 2),
        (DkimConfig(algorithms=("Ed25519",)), True, 1),
        (DkimConfig(rotate_days=0), True, 0),
        (CONFIG, False, 0),  # a disabled domain sends nothing
    ],
)
async def test_which_keys_are_made_by_themselves(
    store: Store, clock: FakeClock, config: DkimConfig, active: bool, made: int
) -> None:
    await store.write(domains.add, "example.test")
    await store.write(domains.set_active, "example.test", active)
    await Rotation(store, clock, Texts({}), config).look()
    assert len(await states(store)) == made


async def test_what_the_dns_says_in_words(
    store: Store, rotation: Rotation, zone: dict[str, bytes | list[bytes] | None]
) -> None:
    [key] = await generate(store, CONFIG, "example.test", [Algorithm.ED25519])
    name = "ed202603._domainkey.example.test"
    assert await rotation.what_dns_says(key) == f"{name}: there is no key record"
    with pytest.raises(WrongState, match=r"there is no key record\. Receivers would fail what it signs"):
        await rotation.activate(key)
    for record, said in (
        (None, f"the DNS could not be asked for {name}: SERVFAIL"),
        (b"v=DKIM1; p=", f"{name}: the key was revoked"),
        (
            b"v=DKIM1; k=ed25519; p=" + new_private(Algorithm.ED25519).public().encode(),
            f"{name}: the DNS has another key",
        ),
        ([b"v=DKIM1; p=AAAA", b"v=DKIM1; p=BBBB"], f"{name}: there are several key records"),
        (record_of(key).value.encode(), ""),
        (b" k=ed25519;p=" + key.public_key.encode() + b";", ""),
    ):
        zone[name] = record
        assert await rotation.what_dns_says(key) == said
    await rotation.activate(key)
    assert (await store.read(dkim_keys.get, "example.test", "ed202603")).seen_at is not None


async def test_one_pending_key_of_a_kind_and_selectors_of_their_own(store: Store, rotation: Rotation) -> None:
    await generate(store, CONFIG, "example.test")
    with pytest.raises(AlreadyThere, match="has a pending key already: publish ed202603, or revoke it"):
        await generate(store, CONFIG, "example.test", [Algorithm.ED25519], storage=Storage.FILE)
    assert not list((store.data / "dkim").rglob("*.pem"))  # nothing is left of what was refused
    for key in await store.read(dkim_keys.list):
        await rotation.activate(key, unseen=True)
    [again] = await generate(store, CONFIG, "example.test", [Algorithm.ED25519])
    assert again.selector == "ed202603b"
    for selector, refusal in (("ed202603", AlreadyThere), ("../x", BadValue), ("A", BadValue), ("", BadValue)):
        with pytest.raises(refusal):
            await generate(store, CONFIG, "example.test", [Algorithm.RSA_2048], selector)
    with pytest.raises(NoSuchDomain):
        await generate(store, CONFIG, "far.example")
    with pytest.raises(NoSuchKey):
        await store.read(dkim_keys.get, "example.test", "nope")


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("change", list(Change))
def test_the_state_machine_is_whole(state: State, change: Change) -> None:
    if (state, change) in NEXT:
        assert after(state, change) is NEXT[state, change]
        return
    with pytest.raises(WrongState, match=f"A key that is {state} can not be changed with '{change}'"):
        after(state, change)


async def test_a_revoked_key_is_gone_for_ever_with_its_file(store: Store, rotation: Rotation) -> None:
    [key] = await generate(store, CONFIG, "example.test", [Algorithm.ED25519], storage=Storage.HYBRID)
    path = store.data / "dkim/example.test/ed202603.pem"
    assert path.exists()
    assert await rotation.what_the_key_says(key) == "usable"
    await rotation.revoke(key)
    assert not path.exists()
    revoked = await store.read(dkim_keys.get, "example.test", "ed202603")
    assert (revoked.state, revoked.key_file, await rotation.what_the_key_says(revoked)) == (
        "revoked",
        None,
        "destroyed",
    )
    for change in (rotation.revoke(key), rotation.activate(key, unseen=True)):
        with pytest.raises(WrongState, match="A key that is revoked"):
            await change


async def test_one_goes_back_to_a_key_that_retires(store: Store, rotation: Rotation, signer: Signer) -> None:
    for selector in ("one", "two"):
        [key] = await generate(store, CONFIG, "example.test", [Algorithm.ED25519], selector)
        await rotation.activate(key, unseen=True)
    assert await states(store) == {"one": "retiring", "two": "active"}
    await rotation.activate(await store.read(dkim_keys.get, "example.test", "one"), unseen=True)
    assert await states(store) == {"one": "active", "two": "retiring"}
    assert await signs(signer) == ["one"]


async def test_key_files_that_nobody_names_are_removed_when_they_are_old(
    store: Store, clock: FakeClock, rotation: Rotation
) -> None:
    [named] = await generate(store, CONFIG, "example.test", [Algorithm.ED25519], storage=Storage.FILE)
    old, new = (store.data / f"dkim/example.test/{name}.pem" for name in ("old", "new"))
    for path, age in ((old, 2 * DAY), (new, 60), (store.data / (named.key_file or ""), 9 * DAY)):
        path.touch(0o600)
        os.utime(path, (clock.now().timestamp() - age,) * 2)
    await rotation.look()
    assert not old.exists()
    assert new.exists()
    assert (store.data / (named.key_file or "")).exists()


async def test_a_revoked_keys_file_that_a_crash_left_goes_with_the_next_look(store: Store, rotation: Rotation) -> None:
    [key] = await generate(store, CONFIG, "example.test", [Algorithm.ED25519], storage=Storage.FILE)
    await store.write(dkim_keys.revoke, key)  # and the process is killed
    path = store.data / (key.key_file or "")
    assert path.exists()
    await rotation.look()
    assert not path.exists()
    assert (await store.read(dkim_keys.get, "example.test", key.selector)).key_file is None


async def test_an_open_key_of_an_older_program_is_sealed_and_gets_its_public_half(
    store: Store, clock: FakeClock, rotation: Rotation, signer: Signer
) -> None:
    private = new_private(Algorithm.RSA_2048)
    await store.write(
        dkim_keys.add,
        "example.test",
        NewKey("mail", "RSA-2048", Storage.DATABASE, to_pem(private), None, ""),
    )
    key = await store.read(dkim_keys.get, "example.test", "mail")
    await store.write(dkim_keys.activate, key)
    assert await signs(signer) == ["mail"]  # at once, before it is sealed
    await rotation.look()
    sealed = await store.read(dkim_keys.sealed, key.id)
    assert sealed is not None
    assert b"PRIVATE" not in sealed
    assert (await store.read(dkim_keys.get, "example.test", "mail")).public_key == private.public()
    assert await store.read(lambda rx: rx.one("SELECT dkim_private_key, dkim_public_key FROM domains")) == (
        sealed,
        private.public(),
    )
    assert await signs(signer) == ["mail"]


async def test_it_looks_by_itself_every_hour_and_outlives_a_fault(
    store: Store, clock: FakeClock, zone: dict[str, bytes | list[bytes] | None]
) -> None:
    await store.write(domains.add, "example.test")
    looked = asyncio.Event()
    faults = [RuntimeError("once")]

    async def noted() -> None:
        looked.set()
        if faults:
            raise faults.pop()

    task = asyncio.create_task(Rotation(store, clock, Texts(zone), CONFIG).run(noted))
    async with asyncio.timeout(20):
        await looked.wait()
        assert len(await states(store)) == 2
        await publish(store, zone)
        while "pending" in (await states(store)).values():
            looked.clear()
            await clock.advance(INTERVAL_SECONDS)
            await looked.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


# ---- records ----


@pytest.mark.parametrize("algorithm", list(Algorithm))
async def test_the_record_is_what_receivers_read(store: Store, rotation: Rotation, algorithm: Algorithm) -> None:
    [key] = await generate(store, CONFIG, "example.test", [algorithm], "sel")
    record = record_of(key)
    strings = [part for at, part in enumerate(record.zone.split('"')) if at % 2]
    assert "".join(strings) == record.value
    assert max(map(len, strings)) <= 255
    assert len(strings) == (1 if algorithm is Algorithm.ED25519 else 2 if algorithm is Algorithm.RSA_2048 else 3)
    assert record.zone.startswith("sel._domainkey.example.test. 3600 IN TXT ")
    found = parse(record.value.encode())
    bits = {Algorithm.ED25519: 256, Algorithm.RSA_2048: 2048, Algorithm.RSA_4096: 4096}
    assert (found.k.decode(), found.bits) == (algorithm.k, bits[algorithm])
    import dns.zone

    zone = dns.zone.from_text(f"$ORIGIN example.test.\n@ 60 IN SOA a. b. 1 2 3 4 5\n@ 60 IN NS a.\n{record.zone}\n")
    [read] = zone.get_rdataset("sel._domainkey", "TXT")  # type: ignore[misc]
    assert b"".join(read.strings).decode() == record.value


def test_a_database_from_before_brings_its_keys_along(tmp_path: Path) -> None:
    """The columns of 001 and 005 become the active key."""
    from contextlib import closing

    from mailserver.store import migrate
    from tests.service.schema.databases import open_at

    with closing(open_at(tmp_path / "mail.db", 17)) as connection:
        connection.execute(
            """INSERT INTO domains (name, dkim_selector, dkim_private_key, dkim_public_key, dkim_key_created_at,
                   dkim_key_algorithm, dkim_storage_type, dkim_key_file) VALUES
               ('db.test', 's1', 'pem', 'AAAA', '2026-01-01 00:00:00', 'RSA-4096', 'file', NULL),
               ('file.test', 's2', NULL, NULL, NULL, NULL, NULL, '/etc/dkim/key.pem'),
               ('both.test', 's3', x'00', 'BBBB', '2025-01-01 00:00:00', 'Ed25519', 'hybrid', 'dkim/both.pem'),
               ('none.test', 's4', NULL, NULL, NULL, NULL, 'file', NULL)"""
        )
        migrate.up(connection)
        found = connection.execute(
            """SELECT selector, algorithm, state, storage, private_key, key_file, public_key, created_at
               FROM dkim_keys ORDER BY id"""
        ).fetchall()
    assert found == [
        ("s1", "RSA-4096", "active", "database", b"pem", None, "AAAA", 1_767_225_600_000),
        ("s2", "RSA-2048", "active", "file", None, "/etc/dkim/key.pem", "", None),
        ("s3", "Ed25519", "active", "hybrid", b"\x00", "dkim/both.pem", "BBBB", 1_735_689_600_000),
    ]


async def test_the_record_is_known_although_the_key_can_not_be_opened(store: Store, rotation: Rotation) -> None:
    [key] = await generate(store, CONFIG, "example.test", [Algorithm.ED25519], storage=Storage.HYBRID)
    (store.data / "sealing.key").unlink()
    (store.data / (key.key_file or "")).write_bytes(b"")
    again = await store.read(dkim_keys.get, "example.test", key.selector)
    assert record_of(again).value == record_of(key).value
    assert "can not be opened with sealing.key" in await Rotation(
        store, store.clock, Texts({}), CONFIG
    ).what_the_key_says(again)


async def missing(store: Store) -> list[bool]:
    return [key.missing_since is not None for key in await store.read(dkim_keys.list, state=State.ACTIVE)]


async def test_a_record_that_goes_away_is_noticed_and_the_key_goes_on_signing(
    store: Store, clock: FakeClock, rotation: Rotation, signer: Signer, zone: dict[str, bytes | list[bytes] | None]
) -> None:
    await rotation.look()
    await publish(store, zone)
    await rotation.look()
    signing = await signs(signer)
    rsa, ed = (record_of(key) for key in await store.read(dkim_keys.list, state=State.ACTIVE))
    zone[rsa.name] = ed.value.encode()  # another key
    del zone[ed.name]
    await rotation.look()
    assert await missing(store) == [False, False], "asked once a day"
    await clock.advance(DAY)
    await rotation.look()
    assert await missing(store) == [True, True]
    assert await store.read(dkim_keys.count_missing) == 2
    assert await signs(signer) == signing
    since = [key.missing_since for key in await store.read(dkim_keys.list, state=State.ACTIVE)]
    zone[rsa.name] = rsa.value.encode()
    await clock.advance(INTERVAL_SECONDS)
    await rotation.look()
    assert await missing(store) == [False, True], "what is missing is looked for each hour"
    assert [key.missing_since for key in await store.read(dkim_keys.list, state=State.ACTIVE)] == [None, since[1]]


async def test_a_dns_that_does_not_answer_changes_nothing(
    store: Store, clock: FakeClock, rotation: Rotation, zone: dict[str, bytes | list[bytes] | None]
) -> None:
    await rotation.look()
    await publish(store, zone)
    await rotation.look()
    rsa, ed = (record_of(key) for key in await store.read(dkim_keys.list, state=State.ACTIVE))
    zone[rsa.name] = None
    del zone[ed.name]
    await clock.advance(DAY)
    await rotation.look()
    assert await missing(store) == [False, True]
    zone[ed.name] = None
    await clock.advance(DAY)
    await rotation.look()
    assert await missing(store) == [False, True], "neither gone nor back"
