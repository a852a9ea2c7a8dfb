"""Domains that are ours: mail for them ends here. Deletion can be taken back until the purge."""

import builtins
from dataclasses import dataclass

from mailserver.errors import AlreadyThere, BadValue, NoSuchDomain
from mailserver.store import names, queue_orders, submissions, users
from mailserver.store.database import Row, Rx, Tx
from mailserver.store.events import AccountsChanged

SEPARATORS = "+-=#_"  # what may part a local part from its detail, RFC 5233 §1; "" for none
DOMAIN_GONE = "the domain it was sent for was removed"  # why mail in the queue was given up
DOMAIN_DELETED = "domain {} was deleted; restoring it releases this"  # why its scheduled mail is held


@dataclass(frozen=True, slots=True)
class Domain:
    id: int
    name: str  # A-label, lower case; of a deleted domain the name it had
    is_active: bool
    subaddress_separator: str  # one character, or "" where ann+anything is not ann
    created_at: str
    deleted_at: int | None  # epoch milliseconds


_SELECT = "SELECT id, name, is_active, subaddress_separator, created_at, deleted_at FROM domains"


def get(rx: Rx, name: str) -> Domain:
    domain = find(rx, name)
    if domain is None:
        raise NoSuchDomain(f"No such domain: {name}")
    return domain


def find(rx: Rx, name: str) -> Domain | None:
    row = rx.one(f"{_SELECT} WHERE name = ? AND deleted_at IS NULL", names.domain(name))
    return _domain(row) if row else None


def list(rx: Rx, *, deleted: bool = False) -> builtins.list[Domain]:
    """By name; `deleted` gives those instead that can be restored."""
    wanted = "NOT NULL" if deleted else "NULL"
    return [_domain(row) for row in rx.all(f"{_SELECT} WHERE deleted_at IS {wanted} ORDER BY name")]


def add(tx: Tx, name: str, subaddress_separator: str = "+") -> Domain:
    """Raises AlreadyThere, BadAddress, BadValue."""
    name = names.domain(name)
    if find(tx, name) is not None:
        raise AlreadyThere(f"The domain {name} exists")
    _check_separator(subaddress_separator)
    tx.insert(
        "INSERT INTO domains (name, subaddress_separator, created_at, updated_at) VALUES (?, ?, ?, ?)",
        name,
        subaddress_separator,
        tx.now,
        tx.now,
    )
    tx.tell(AccountsChanged())
    return get(tx, name)


def set_active(tx: Tx, name: str, active: bool) -> None:
    """Mail for a disabled domain is refused with 550 5.2.1 and nobody of it can log in; nothing is deleted."""
    _set(tx, get(tx, name), "is_active", int(active))


def set_separator(tx: Tx, name: str, subaddress_separator: str) -> None:
    _check_separator(subaddress_separator)
    _set(tx, get(tx, name), "subaddress_separator", subaddress_separator)


def set_submissions_per_hour(tx: Tx, name: str, recipients: int | None) -> None:
    """What all its users may send to together. 0: no limit; None: what the configuration says."""
    _set(tx, get(tx, name), "submissions_per_hour", submissions.checked(recipients))


def remove(tx: Tx, name: str) -> None:
    """Its users and aliases stay as they are and come back with it."""
    domain = get(tx, name)
    tx.run(
        "UPDATE domains SET name = ?, deleted_at = ?, updated_at = ? WHERE id = ?",
        names.deleted(domain.name, domain.id),
        tx.now_ms,
        tx.now,
        domain.id,
    )
    queue_orders.set_aside_domain(tx, domain.id, DOMAIN_DELETED.format(domain.id))
    tx.tell(AccountsChanged())


def restore(tx: Tx, name: str) -> Domain:
    """Bring back the one deleted last. Raises NoSuchDomain, or AlreadyThere where the name was given again."""
    name = names.domain(name)
    row = tx.one(
        f"{_SELECT} WHERE name = ? || ':' || id AND deleted_at IS NOT NULL ORDER BY deleted_at DESC, id DESC", name
    )
    if row is None:
        raise NoSuchDomain(f"No deleted domain of this name: {name}")
    if find(tx, name) is not None:
        raise AlreadyThere(f"The domain {name} exists: delete or rename it before restoring the older one")
    tx.run("UPDATE domains SET name = ?, deleted_at = NULL, updated_at = ? WHERE id = ?", name, tx.now, row[0])
    queue_orders.bring_back(tx, DOMAIN_DELETED.format(row[0]))
    tx.tell(AccountsChanged())
    return get(tx, name)


def purge(tx: Tx, before_ms: int) -> int:
    """Remove for good what was deleted before this moment, with all users and their mail; returns how many."""
    doomed = tx.all("SELECT id FROM domains WHERE deleted_at < ?", before_ms)
    for (domain_id,) in doomed:
        users.purge_domain(tx, domain_id)
        queue_orders.abandon_domain(tx, domain_id, DOMAIN_GONE)
        tx.run("DELETE FROM domains WHERE id = ?", domain_id)
    if doomed:
        tx.tell(AccountsChanged())
    return len(doomed)


def _set(tx: Tx, domain: Domain, column: str, value: int | str | None) -> None:
    tx.run(f"UPDATE domains SET {column} = ?, updated_at = ? WHERE id = ?", value, tx.now, domain.id)
    tx.tell(AccountsChanged())


def _check_separator(separator: str) -> None:
    if separator and (len(separator) != 1 or separator not in SEPARATORS):
        raise BadValue(f"The separator is one of {' '.join(SEPARATORS)} or empty, not {separator[:20]!a}")


def _domain(row: Row) -> Domain:
    domain_id, name, active, separator, created_at, deleted_at = row
    return Domain(
        domain_id,
        names.undeleted(name, domain_id) if deleted_at else name,
        bool(active),
        separator,
        created_at,
        deleted_at,
    )
