"""Signing with the keys in the store: which key, which domain, and what happens without one."""

import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import dkim
import pytest

from mailserver.config.tree import DkimConfig
from mailserver.dkim.keyring import Keyring, record_of
from mailserver.dkim.private_keys import Algorithm
from mailserver.dkim.sign import Signer
from mailserver.errors import BadKey, Unavailable
from mailserver.store import dkim_keys, domains
from mailserver.store.dkim_keys import DkimKey, Storage
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.service.delivery.house import House, furnish

HEADER = b"From: Ann <ann@example.test>\r\nSubject: hello\r\n\r\n"
BODY = b"Hello.\r\n"


@pytest.fixture
async def signer(store: Store, clock: FakeClock) -> AsyncIterator[Signer]:
    await store.write(domains.add, "example.test")
    signer = Signer(store, clock, DkimConfig())
    yield signer
    signer.close()


async def new_key(
    store: Store, algorithm: Algorithm = Algorithm.ED25519, storage: Storage = Storage.DATABASE, selector: str = "one"
) -> DkimKey:
    made = await store.in_thread(Keyring(store).make, "example.test", selector, algorithm, storage)
    return await store.write(dkim_keys.add, "example.test", made)


async def active_key(
    store: Store, algorithm: Algorithm = Algorithm.ED25519, storage: Storage = Storage.DATABASE, selector: str = "one"
) -> DkimKey:
    key = await new_key(store, algorithm, storage, selector)
    await store.write(dkim_keys.activate, key)
    return await store.read(dkim_keys.get, "example.test", selector)


def verified(message: bytes, key: DkimKey, index: int = 0) -> bool:
    records = {record_of(key).name + ".": record_of(key).value.encode()}
    return bool(dkim.DKIM(message).verify(index, dnsfunc=lambda name, timeout: records.get(name.decode())))


def selectors(fields: bytes) -> list[bytes]:
    return re.findall(rb"[; ]s=([^;\s]+);", fields.replace(b"\r\n ", b" "))


@pytest.mark.parametrize("storage", list(Storage))
@pytest.mark.parametrize("algorithm", list(Algorithm))
async def test_every_kind_of_key_signs_from_every_storage(
    store: Store, signer: Signer, algorithm: Algorithm, storage: Storage
) -> None:
    key = await active_key(store, algorithm, storage)
    fields = await signer.sign("example.test", HEADER, [BODY], len(BODY))
    assert verified(fields + HEADER + BODY, key)
    database = (store.data / "mail.db").read_bytes() + (store.data / "mail.db-wal").read_bytes()
    assert b"PRIVATE KEY" not in database
    files = [path for path in (store.data / "dkim").rglob("*") if path.is_file()]
    assert [path.stat().st_mode & 0o777 for path in files] == ([] if storage is Storage.DATABASE else [0o600])


async def test_the_domain_shows_the_key_that_signs(store: Store, signer: Signer) -> None:
    """The columns of 001 and 005, for programs that read those; RSA before Ed25519."""
    columns = (
        "dkim_selector, dkim_public_key, dkim_key_algorithm, dkim_storage_type, dkim_key_created_at, dkim_key_file"
    )

    async def shown() -> tuple[object, ...] | None:
        return await store.read(lambda rx: rx.one(f"SELECT {columns} FROM domains"))

    await active_key(store, Algorithm.ED25519, selector="ed")
    rsa = await active_key(store, Algorithm.RSA_2048, Storage.HYBRID, selector="rsa")
    file = "dkim/example.test/rsa.pem"
    assert await shown() == ("rsa", rsa.public_key, "RSA-2048", "hybrid", "2026-03-01 12:00:00", file)
    kept = await store.read(lambda rx: rx.one("SELECT dkim_private_key FROM domains"))
    assert kept == (await store.read(dkim_keys.sealed, rsa.id),)
    await store.write(dkim_keys.revoke, rsa)
    assert (await shown() or ())[0] == "ed"
    await store.write(dkim_keys.revoke, await store.read(dkim_keys.get, "example.test", "ed"))
    assert await shown() == ("ed", None, "Ed25519", "database", None, None)
    assert await store.read(lambda rx: rx.all("SELECT private_key FROM dkim_keys")) == [(None,), (None,)]


async def test_a_pending_key_signs_nothing_and_an_active_one_at_once(store: Store, signer: Signer) -> None:
    assert await signer.sign("example.test", HEADER, [BODY]) == b""
    key = await new_key(store)
    assert await signer.sign("example.test", HEADER, [BODY]) == b""
    await store.write(dkim_keys.activate, key)
    assert selectors(await signer.sign("example.test", HEADER, [BODY])) == [b"one"]
    assert selectors(await signer.sign(key.domain_id, HEADER, [BODY])) == [b"one"]
    await store.write(dkim_keys.activate, await new_key(store, selector="two"))
    assert selectors(await signer.sign("example.test", HEADER, [BODY])) == [b"two"]
    assert signer.counts == {"unsigned": 2, "signed": 3}


@pytest.mark.parametrize(
    ("header", "reverse_path", "domain"),
    [
        (b"From: ann@example.test", "", "example.test"),
        (b"From: Ann <ann@EXAMPLE.test>, bob@far.example", "", "example.test"),
        (b"From: mailer-daemon@mail.example.test", "", "example.test"),  # aligned, RFC 7489 §3.1.1
        (b"From: x@far.example", "ann@example.test", "example.test"),
        (b"From: x@far.example", "", None),
        (b"From: x@notexample.test", "x@far.example", None),
        (b"From: broken", "broken", None),
        (b"Subject: no author", "ann@mail.example.test", "example.test"),
    ],
)
async def test_the_authors_domain_signs_else_the_senders(
    store: Store, signer: Signer, header: bytes, reverse_path: str, domain: str | None
) -> None:
    await active_key(store)
    assert await signer.domain_of(header + b"\r\n\r\n", reverse_path) == domain
    fields = await signer.sign_as_written(header + b"\r\n\r\n", reverse_path, [BODY], len(BODY))
    assert selectors(fields) == ([b"one"] if domain else [])


async def test_a_key_that_others_may_read_is_not_used_and_the_other_still_signs(store: Store, signer: Signer) -> None:
    rsa = await active_key(store, Algorithm.RSA_2048, Storage.FILE, "rsa")
    await active_key(store, Algorithm.ED25519, selector="ed")
    path = store.data / (rsa.key_file or "")
    path.chmod(0o640)
    assert selectors(await signer.sign("example.test", HEADER, [BODY])) == [b"ed"]
    path.chmod(0o600)
    signer.look_again()
    assert selectors(await signer.sign("example.test", HEADER, [BODY])) == [b"rsa", b"ed"]


@pytest.mark.parametrize(
    ("storage", "harm", "cure"),
    [
        (Storage.FILE, lambda path: path.chmod(0o604), "chmod 600"),
        (Storage.FILE, lambda path: path.unlink(), "restore it from a backup"),
        (Storage.FILE, lambda path: path.write_bytes(b"x"), "Not a private key"),
        (Storage.HYBRID, lambda path: path.unlink(), "restore it from a backup"),
        (Storage.HYBRID, lambda path: path.write_bytes(OTHER), "hold other keys"),
        (Storage.FILE, lambda path: path.write_bytes(OTHER), "not that of the published one"),
    ],
)
async def test_a_key_that_can_not_be_used_says_why(
    store: Store, signer: Signer, storage: Storage, harm: object, cure: str
) -> None:
    key = await active_key(store, storage=storage)
    harm(store.data / (key.key_file or ""))  # type: ignore[operator]
    sealed = await store.read(dkim_keys.sealed, key.id)
    with pytest.raises(BadKey, match=cure):
        Keyring(store).open(key, sealed)
    assert await signer.sign("example.test", HEADER, [BODY]) == b""
    assert record_of(key).value.endswith(key.public_key)  # the record is known without the private key


OTHER = b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
"""


class Large:
    """A body of a hundred megabytes that is never there as a whole."""

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 1_048_574 + b"\r\n"


async def test_a_large_message_is_signed_in_pieces(store: Store, signer: Signer) -> None:
    key = await active_key(store)
    import tracemalloc

    tracemalloc.start()
    try:
        fields = await signer.sign("example.test", HEADER, Large())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16_000_000
    assert verified(fields + HEADER + b"".join(Large()), key)


async def test_a_body_that_can_not_be_read_is_a_refusal(store: Store, signer: Signer) -> None:
    await active_key(store)

    def broken() -> Iterator[bytes]:
        yield b"begun"
        raise OSError(5, "Input/output error")

    with pytest.raises(Unavailable):
        await signer.sign("example.test", HEADER, broken())


# ---- at submission ----


@pytest.fixture
async def house(store: Store, clock: FakeClock) -> House:
    return await furnish(store, clock)


async def sent(house: House) -> bytes:
    (path,) = house.spool()
    return path.read_bytes()


@pytest.mark.parametrize("octets", [10, 100_000, 1_000_000])
async def test_what_leaves_is_signed_and_what_stays_is_not(house: House, octets: int) -> None:
    key = await active_key(house.store)
    body = b"x" * 70 + b"\r\n"
    message = HEADER + body * (octets // 72 + 1)
    await house.submit(message, ["bob@example.test", "x@far.example"])
    assert verified(await sent(house), key)
    assert b"DKIM-Signature" not in (await house.inbox("bob@example.test"))[0]


async def test_without_a_key_mail_leaves_unsigned(house: House) -> None:
    await house.submit(HEADER + BODY, ["x@far.example"])
    assert (await sent(house)).startswith(b"Received:")


async def test_a_file_key_needs_its_folder_to_be_ours(store: Store, signer: Signer) -> None:
    key = await active_key(store, storage=Storage.FILE)
    path = store.data / (key.key_file or "")
    assert path.parent.stat().st_mode & 0o077 == 0
    path.unlink()
    with suppress(FileExistsError):
        os.mkfifo(path, 0o600)  # nobody waits for what never comes
    with pytest.raises(BadKey, match="not a key file"):
        Keyring(store).open(key, None)
