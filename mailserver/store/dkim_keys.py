"""DKIM keys of our domains, see dkim_states.py. The columns in `domains` mirror the one that signs."""

import builtins
from dataclasses import dataclass
from enum import StrEnum

from mailserver.errors import AlreadyThere, NoSuchKey
from mailserver.store import domains
from mailserver.store.database import Row, Rx, Tx
from mailserver.store.dkim_states import Change, State, after
from mailserver.store.events import DkimKeysChanged


class Storage(StrEnum):
    """Where the private key is kept."""

    FILE = "file"
    DATABASE = "database"
    HYBRID = "hybrid"  # both, and they must be the same


@dataclass(frozen=True, slots=True)
class DkimKey:
    id: int
    domain_id: int
    domain: str
    selector: str
    algorithm: str  # "RSA-2048", "RSA-4096" or "Ed25519"
    state: State
    storage: Storage
    key_file: str | None  # below the data folder
    public_key: str  # p= of the record
    created_at: int | None  # epoch milliseconds, as the next; None: unknown
    seen_at: int | None  # in the DNS, for the first time
    activated_at: int | None
    retired_at: int | None
    revoked_at: int | None
    missing_since: int | None  # its record was in the DNS and is not any more, or is another one

    @property
    def is_rsa(self) -> bool:
        return self.algorithm.startswith("RSA")


@dataclass(frozen=True, slots=True)
class NewKey:
    selector: str
    algorithm: str
    storage: Storage
    private_key: bytes | None  # sealed
    key_file: str | None
    public_key: str


_SELECT = """SELECT k.id, k.domain_id, d.name, k.selector, k.algorithm, k.state, k.storage, k.key_file, k.public_key,
    k.created_at, k.seen_at, k.activated_at, k.retired_at, k.revoked_at, k.missing_since
    FROM dkim_keys k JOIN domains d ON d.id = k.domain_id"""
_HERE = "d.deleted_at IS NULL"
_ORDER = "ORDER BY d.name, k.algorithm = 'Ed25519', k.id"
_STAMPS = {State.ACTIVE: "activated_at", State.RETIRING: "retired_at", State.REVOKED: "revoked_at"}


def list(rx: Rx, domain: str | None = None, state: State | None = None) -> builtins.list[DkimKey]:
    """By domain, RSA before Ed25519, the oldest first. Raises NoSuchDomain."""
    domain_id = domains.get(rx, domain).id if domain is not None else None
    where = f"WHERE {_HERE} AND (k.domain_id = ?1 OR ?1 IS NULL) AND (k.state = ?2 OR ?2 IS NULL)"
    return [_key(row) for row in rx.all(f"{_SELECT} {where} {_ORDER}", domain_id, state)]


def get(rx: Rx, domain: str, selector: str) -> DkimKey:
    """Raises NoSuchDomain, NoSuchKey."""
    found = domains.get(rx, domain)
    row = rx.one(f"{_SELECT} WHERE k.domain_id = ? AND k.selector = ?", found.id, selector)
    if row is None:
        raise NoSuchKey(f"{found.name} has no key with the selector {selector[:80]!a}")
    return _key(row)


def sealed(rx: Rx, key_id: int) -> bytes | None:
    """The private key as it is in the database; None where it is not there."""
    row = rx.one("SELECT private_key FROM dkim_keys WHERE id = ?", key_id)
    return row[0] if row else None


def list_domains(rx: Rx) -> builtins.list[str]:
    """Every domain that could have keys, by name."""
    return [row[0] for row in rx.all(f"SELECT d.name FROM domains d WHERE {_HERE} ORDER BY d.name")]


def domain_name(rx: Rx, domain_id: int) -> str | None:
    row = rx.one(f"SELECT d.name FROM domains d WHERE d.id = ? AND {_HERE}", domain_id)
    return row[0] if row else None


def list_unsealed(rx: Rx) -> builtins.list[tuple[DkimKey, bytes]]:
    """Private keys that lie in the database as PEM: an older program left them so."""
    wanted = rx.all("SELECT id, private_key FROM dkim_keys WHERE CAST(substr(private_key, 1, 5) AS TEXT) = '-----'")
    return [(_key(row), pem) for key_id, pem in wanted for row in rx.all(f"{_SELECT} WHERE k.id = ?", key_id)]


def add(tx: Tx, domain: str, new: NewKey) -> DkimKey:
    """A pending key. Raises NoSuchDomain, AlreadyThere."""
    found = domains.get(tx, domain)
    if tx.one("SELECT 1 FROM dkim_keys WHERE domain_id = ? AND selector = ?", found.id, new.selector):
        raise AlreadyThere(f"{found.name} has a key with the selector {new.selector}")
    for key in list(tx, domain, State.PENDING):
        if key.is_rsa == new.algorithm.startswith("RSA"):
            raise AlreadyThere(f"{found.name} has a pending key already: publish {key.selector}, or revoke it")
    tx.insert(
        """INSERT INTO dkim_keys (domain_id, selector, algorithm, state, storage, private_key, key_file, public_key,
               created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        found.id,
        new.selector,
        new.algorithm,
        State.PENDING,
        new.storage,
        new.private_key,
        new.key_file,
        new.public_key,
        tx.now_ms,
    )
    return get(tx, domain, new.selector)


def note_seen(tx: Tx, key_id: int) -> None:
    """Its record is in the DNS."""
    tx.run("UPDATE dkim_keys SET seen_at = coalesce(seen_at, ?), missing_since = NULL WHERE id = ?", tx.now_ms, key_id)


def note_missing(tx: Tx, key_id: int) -> None:
    """The DNS says that there is no such record, or another one."""
    tx.run("UPDATE dkim_keys SET missing_since = coalesce(missing_since, ?) WHERE id = ?", tx.now_ms, key_id)


def count_missing(rx: Rx) -> int:
    """Keys that sign although receivers do not find them."""
    row = rx.one(
        f"""SELECT count(*) FROM dkim_keys k JOIN domains d ON d.id = k.domain_id
            WHERE {_HERE} AND k.state = ? AND k.missing_since IS NOT NULL""",
        State.ACTIVE,
    )
    return int(row[0]) if row else 0


def activate(tx: Tx, key: DkimKey) -> None:
    """It signs from now on; the one of its kind that did retires. Raises WrongState."""
    current = get(tx, key.domain, key.selector)
    after(current.state, Change.ACTIVATE)
    for other in list(tx, key.domain, State.ACTIVE):
        if other.is_rsa == key.is_rsa:
            _change(tx, other, Change.RETIRE)
    _change(tx, current, Change.ACTIVATE)
    _mirror(tx, key.domain_id)


def revoke(tx: Tx, key: DkimKey) -> None:
    """It will never sign again: what the database has of the private key is destroyed. Raises WrongState."""
    _change(tx, get(tx, key.domain, key.selector), Change.REVOKE)
    tx.run("UPDATE dkim_keys SET private_key = NULL WHERE id = ?", key.id)
    _mirror(tx, key.domain_id)


def forget_file(tx: Tx, key: DkimKey) -> None:
    """The file of a revoked key is gone."""
    tx.run("UPDATE dkim_keys SET key_file = NULL WHERE id = ? AND state = ?", key.id, State.REVOKED)


def list_files(rx: Rx) -> set[str]:
    """Every key file that is named, also of domains that can be restored."""
    return {row[0] for row in rx.all("SELECT key_file FROM dkim_keys WHERE key_file IS NOT NULL")}


def set_private(tx: Tx, key: DkimKey, private_key: bytes | None, public_key: str) -> None:
    """The same key, sealed, with its public half."""
    tx.run("UPDATE dkim_keys SET private_key = ?, public_key = ? WHERE id = ?", private_key, public_key, key.id)
    _mirror(tx, key.domain_id)


def _change(tx: Tx, key: DkimKey, change: Change) -> None:
    state = after(key.state, change)
    tx.run(f"UPDATE dkim_keys SET state = ?, {_STAMPS[state]} = ? WHERE id = ?", state, tx.now_ms, key.id)
    tx.tell(DkimKeysChanged())


def _mirror(tx: Tx, domain_id: int) -> None:
    """The columns that other programs know. Without an active key they tell of none."""
    key = tx.one(
        """SELECT selector, private_key, public_key, datetime(created_at / 1000, 'unixepoch'), algorithm, storage,
               key_file FROM dkim_keys
           WHERE domain_id = ? AND state = 'active' ORDER BY algorithm = 'Ed25519'""",
        domain_id,
    )
    tx.run(
        """UPDATE domains SET dkim_selector = coalesce(?, dkim_selector), dkim_private_key = ?, dkim_public_key = ?,
               dkim_key_created_at = ?, dkim_key_algorithm = coalesce(?, dkim_key_algorithm),
               dkim_storage_type = coalesce(?, dkim_storage_type), dkim_key_file = ? WHERE id = ?""",
        *(key or (None,) * 7),
        domain_id,
    )


def _key(row: Row) -> DkimKey:
    key_id, domain_id, domain, selector, algorithm, state, storage, *rest = row
    return DkimKey(key_id, domain_id, domain, selector, algorithm, State(state), Storage(storage), *rest)
