"""Access tokens: app passwords and bearer tokens of an account, each with a name, a scope and perhaps an end."""

import builtins
import json
from dataclasses import dataclass

from mailserver.errors import AlreadyThere, BadValue, LimitReached, NoSuchToken
from mailserver.store import users
from mailserver.store.database import Rx, Tx
from mailserver.store.events import AccountsChanged
from mailserver.store.scram_keys import ScramKeys

PROTOCOLS = ("imap", "smtp", "pop3", "dav")  # that a scope may name
MAX_NAME = 100  # characters
MAX_TOKENS = 100  # of one account: a SCRAM login looks at each
USED_EVERY = 60_000  # milliseconds: a use is noted so often at most


@dataclass(frozen=True, slots=True)
class Token:
    id: int
    user_id: int
    address: str
    name: str
    scope: tuple[str, ...]  # () for all protocols
    keys: ScramKeys
    created_at: int  # epoch milliseconds, as the next two
    expires_at: int | None  # None: never
    last_used_at: int | None
    last_used_from: str | None  # IP address

    def fault(self, protocol: str, now_ms: int) -> str | None:
        """Why it is not good for this; None where it is."""
        if self.has_expired(now_ms):
            return f"token {self.name!r} expired"
        return f"token {self.name!r} is not for {protocol}" if self.scope and protocol not in self.scope else None

    def has_expired(self, now_ms: int) -> bool:
        return self.expires_at is not None and self.expires_at <= now_ms


_SELECT = """SELECT t.id, t.user_id, u.username || '@' || d.name, t.name, t.scope, t.salt, t.iterations, t.stored_key,
    t.server_key, t.created_at, t.expires_at, t.last_used_at, t.last_used_from
    FROM access_tokens t JOIN users u ON u.id = t.user_id JOIN domains d ON d.id = u.domain_id"""
_HERE = "u.deleted_at IS NULL AND d.deleted_at IS NULL"


def find(rx: Rx, token_hash: bytes) -> Token | None:
    """By its SHA-256. Looked up by a hash that nobody can choose digits of, so the time it takes tells nothing."""
    row = rx.one(f"{_SELECT} WHERE t.token_hash = ? AND {_HERE}", token_hash)
    return _token(row) if row else None


def list(rx: Rx, address: str | None = None) -> builtins.list[Token]:
    """By account and name. Raises NoSuchUser."""
    user_id = users.get(rx, address).id if address is not None else None
    rows = rx.all(f"{_SELECT} WHERE {_HERE} AND (t.user_id = ?1 OR ?1 IS NULL) ORDER BY 3, t.name", user_id)
    return [_token(row) for row in rows]


def list_of(rx: Rx, user_id: int) -> builtins.list[Token]:
    return [_token(row) for row in rx.all(f"{_SELECT} WHERE t.user_id = ? ORDER BY t.id", user_id)]


def list_ends(rx: Rx, ids: frozenset[int]) -> dict[int, int | None]:
    """Which of these tokens are there, and when each expires."""
    rows = rx.all(
        "SELECT id, expires_at FROM access_tokens WHERE id IN (SELECT value FROM json_each(?))", json.dumps(sorted(ids))
    )
    return {row[0]: row[1] for row in rows}


def add(
    tx: Tx,
    address: str,
    name: str,
    token_hash: bytes,
    keys: ScramKeys,
    *,
    scope: tuple[str, ...] = (),
    expires_at: int | None = None,
) -> None:
    """Raises NoSuchUser, AlreadyThere, BadValue, LimitReached."""
    user = users.get(tx, address)
    name = _name(name)
    mine = [token.name for token in list_of(tx, user.id)]
    if name in mine:
        raise AlreadyThere(f"{user.address} has a token {name!r}; remove it first, or take another name")
    if len(mine) >= MAX_TOKENS:
        raise LimitReached(f"{user.address} has {MAX_TOKENS} tokens; remove some first")
    tx.insert(
        """INSERT INTO access_tokens (user_id, name, token_hash, scope, salt, iterations, stored_key, server_key,
               created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        user.id,
        name,
        token_hash,
        " ".join(_scope(scope)),
        keys.salt,
        keys.iterations,
        keys.stored_key,
        keys.server_key,
        tx.now_ms,
        expires_at,
    )


def remove(tx: Tx, address: str, name: str) -> None:
    """Sessions that were opened with it end. Raises NoSuchUser, NoSuchToken."""
    user = users.get(tx, address)
    if not tx.run("DELETE FROM access_tokens WHERE user_id = ? AND name = ?", user.id, name):
        raise NoSuchToken(f"{user.address} has no token {name!r}")
    tx.tell(AccountsChanged())


def remove_expired(tx: Tx, before_ms: int) -> int:
    return tx.run("DELETE FROM access_tokens WHERE expires_at < ?", before_ms)


def note_use(tx: Tx, token_id: int, peer: str) -> None:
    """Not more often than once a minute: clients log in for every folder."""
    tx.run(
        """UPDATE access_tokens SET last_used_at = ?, last_used_from = ?
           WHERE id = ? AND (last_used_at IS NULL OR last_used_at <= ?)""",
        tx.now_ms,
        peer,
        token_id,
        tx.now_ms - USED_EVERY,
    )


def _name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise BadValue(f"A token's name is one line of 1 to {MAX_NAME} characters")
    return name


def _scope(scope: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [word for word in scope if word not in PROTOCOLS]
    if unknown:
        raise BadValue(f"Unknown protocol {unknown[0]!r} in the scope; known are {', '.join(PROTOCOLS)}")
    return tuple(dict.fromkeys(scope))


def _token(row: tuple[object, ...]) -> Token:
    token_id, user_id, address, name, scope, salt, iterations, stored_key, server_key, *times = row
    keys = ScramKeys(salt, iterations, stored_key, server_key)  # type: ignore[arg-type]
    return Token(token_id, user_id, address, name, tuple(str(scope).split()), keys, *times)  # type: ignore[arg-type]
