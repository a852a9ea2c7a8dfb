"""Aliases: local parts that stand for one or many destinations, here or elsewhere; "*" takes what is left.

The first destination is in the alias's own row, further ones in alias_targets; readers see them as one list. A
destination that is a user is kept by id and follows it; anything else is kept as an address, another alias of ours
included.
"""

import builtins
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver import text
from mailserver.errors import AlreadyThere, BadAddress, BadValue, NoSuchAlias, NoSuchDomain, NoSuchUser
from mailserver.store import names, users
from mailserver.store.database import Row, Rx, Tx
from mailserver.store.events import AccountsChanged

MAX_TARGETS = 1000  # of one alias


@dataclass(frozen=True, slots=True)
class Alias:
    id: int
    domain_id: int
    source: str  # local part, or "*" for whatever nothing else takes
    domain: str
    targets: tuple[str, ...]  # addresses, in the order they were added
    is_active: bool
    created_at: str

    @property
    def address(self) -> str:
        return f"{self.source}@{self.domain}"


@dataclass(frozen=True, slots=True)
class Target:
    user_id: int | None  # exactly one of the two
    address: str | None


_SELECT = """SELECT a.id, a.domain_id, a.source_address, d.name, a.is_active IS TRUE, a.created_at
    FROM aliases a JOIN domains d ON d.id = a.domain_id"""
_TARGETS = """SELECT t.user_id, t.address FROM (
        SELECT destination_user_id AS user_id, NULL AS address, -2 AS place FROM aliases
            WHERE id = ?1 AND destination_user_id IS NOT NULL
        UNION ALL SELECT NULL, destination_external, -1 FROM aliases WHERE id = ?1 AND destination_external <> ''
        UNION ALL SELECT user_id, address, id FROM alias_targets WHERE alias_id = ?1) t ORDER BY t.place"""


def get(rx: Rx, address: str) -> Alias:
    alias = find(rx, address)
    if alias is None:
        raise NoSuchAlias(f"No such alias: {address}")
    return alias


def find(rx: Rx, address: str) -> Alias | None:
    source, domain = names.alias_address(address)
    row = rx.one(f"{_SELECT} WHERE d.name = ? AND d.deleted_at IS NULL AND a.source_address = ?", domain, source)
    return _alias(rx, row) if row else None


def list(rx: Rx, domain: str | None = None) -> builtins.list[Alias]:
    """By address."""
    named = names.domain(domain) if domain is not None else None
    rows = rx.all(
        f"""{_SELECT} WHERE d.deleted_at IS NULL AND (d.name = ?1 OR ?1 IS NULL)
            ORDER BY d.name, a.source_address""",
        named,
    )
    return [_alias(rx, row) for row in rows]


def list_of_user(rx: Rx, user_id: int) -> builtins.list[str]:
    """Addresses of the active aliases that have this user among their destinations, without catch-alls."""
    rows = rx.all(
        """SELECT a.source_address || '@' || d.name FROM aliases a JOIN domains d ON d.id = a.domain_id
           WHERE a.id IN (SELECT id FROM aliases WHERE destination_user_id = ?1
                          UNION SELECT alias_id FROM alias_targets WHERE user_id = ?1)
           AND a.is_active IS TRUE AND d.deleted_at IS NULL AND a.source_address <> '*' ORDER BY 1""",
        user_id,
    )
    return [row[0] for row in rows]


def targets(rx: Rx, alias_id: int) -> builtins.list[Target]:
    return [Target(*row) for row in rx.all(_TARGETS, alias_id)]


def add(tx: Tx, address: str, destinations: Sequence[str]) -> Alias:
    """Raises NoSuchDomain, AlreadyThere, BadAddress, BadValue; NoSuchUser where a destination of ours leads nowhere."""
    source, domain = names.alias_address(address)
    row = tx.one("SELECT id FROM domains WHERE name = ? AND deleted_at IS NULL", domain)
    if row is None:
        raise NoSuchDomain(f"No such domain: {domain}; add it first")
    if find(tx, address) is not None:
        raise AlreadyThere(f"The alias {source}@{domain} exists")
    if not destinations:
        raise BadValue("An alias has at least one destination")
    first = _target(tx, f"{source}@{domain}", destinations[0])
    tx.insert(
        """INSERT INTO aliases (domain_id, source_address, destination_user_id, destination_external, created_at)
           VALUES (?, ?, ?, ?, ?)""",
        row[0],
        source,
        first.user_id,
        first.address,
        tx.now,
    )
    add_targets(tx, address, destinations[1:])
    return get(tx, address)


def add_targets(tx: Tx, address: str, destinations: Sequence[str]) -> None:
    """Those it has already are left alone."""
    alias = get(tx, address)
    known = targets(tx, alias.id)
    for destination in destinations:
        target = _target(tx, alias.address, destination)
        if target not in known:
            known.append(target)
            tx.insert(
                "INSERT INTO alias_targets (alias_id, user_id, address) VALUES (?, ?, ?)",
                alias.id,
                target.user_id,
                target.address,
            )
    if len(known) > MAX_TARGETS:
        raise BadValue(f"An alias has at most {MAX_TARGETS} destinations")
    tx.tell(AccountsChanged())


def remove_target(tx: Tx, address: str, destination: str) -> None:
    """Raises BadValue for the last one: remove the alias instead."""
    alias = get(tx, address)
    user = _user_of(tx, destination)
    gone = Target(user.id, None) if user else Target(None, _external(destination))
    known = targets(tx, alias.id)
    if gone not in known:
        raise NoSuchAlias(f"{alias.address} has no destination {destination}")
    if len(known) == 1:
        raise BadValue(f"{destination} is the only destination of {alias.address}: delete the alias instead")
    rest = [target for target in known if target != gone]
    tx.run(
        "UPDATE aliases SET destination_user_id = ?, destination_external = ? WHERE id = ?",
        rest[0].user_id,
        rest[0].address,
        alias.id,
    )
    tx.run("DELETE FROM alias_targets WHERE alias_id = ?", alias.id)
    tx.many(
        "INSERT INTO alias_targets (alias_id, user_id, address) VALUES (?, ?, ?)",
        [(alias.id, target.user_id, target.address) for target in rest[1:]],
    )
    tx.tell(AccountsChanged())


def set_active(tx: Tx, address: str, active: bool) -> None:
    """Mail for a disabled alias is refused with 550 5.2.1."""
    tx.run("UPDATE aliases SET is_active = ? WHERE id = ?", int(active), get(tx, address).id)
    tx.tell(AccountsChanged())


def remove(tx: Tx, address: str) -> None:
    tx.run("DELETE FROM aliases WHERE id = ?", get(tx, address).id)
    tx.tell(AccountsChanged())


def _target(tx: Tx, alias: str, destination: str) -> Target:
    user = _user_of(tx, destination)
    if user is not None:
        return Target(user.id, None)
    address = _external(destination)
    local, domain = names.address(address)
    if text.join_address(local, domain) == alias:
        raise BadValue(f"{alias} can not be its own destination")
    if tx.one("SELECT 1 FROM domains WHERE name = ? AND deleted_at IS NULL", domain) and not _leads_somewhere(
        tx, local, domain
    ):
        raise NoSuchUser(f"No such user or alias here: {destination}")
    return Target(None, address)


def _leads_somewhere(tx: Tx, local: str, domain: str) -> bool:
    """An alias of ours, a catch-all, or a user or alias with a detail behind its separator."""
    row = tx.one(
        """SELECT 1 FROM domains d WHERE d.name = ?1 AND (
               EXISTS (SELECT 1 FROM aliases a WHERE a.domain_id = d.id AND (a.source_address IN (?2, '*')
                   OR (d.subaddress_separator <> '' AND
                       substr(?2, 1, length(a.source_address) + 1) = a.source_address || d.subaddress_separator)))
               OR EXISTS (SELECT 1 FROM users u WHERE u.domain_id = d.id AND u.deleted_at IS NULL
                   AND d.subaddress_separator <> ''
                   AND substr(?2, 1, length(u.username) + 1) = u.username || d.subaddress_separator))""",
        domain,
        local,
    )
    return row is not None


def _user_of(rx: Rx, destination: str) -> users.User | None:
    try:
        return users.find(rx, destination)
    except BadAddress:  # quoted, or an address literal: no account of ours, but perhaps somebody's elsewhere
        return None


def _external(destination: str) -> str:
    """Checked, the domain as it is compared; the local part is the other server's and keeps its case."""
    _, domain = names.address(destination)
    return f"{destination.rpartition('@')[0]}@{domain}"


def _alias(rx: Rx, row: Row) -> Alias:
    alias_id, domain_id, source, domain, active, created_at = row
    rows = rx.all(
        f"""SELECT coalesce(t.address, u.username || '@' || d.name) FROM ({_TARGETS}) t
            LEFT JOIN users u ON u.id = t.user_id LEFT JOIN domains d ON d.id = u.domain_id""",
        alias_id,
    )
    return Alias(alias_id, domain_id, source, domain, tuple(row[0] for row in rows), bool(active), created_at)
