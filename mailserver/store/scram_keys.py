"""What SCRAM-SHA-256 verifies passwords against: one row per account, good for one password. RFC 5802 §3."""

import builtins
from dataclasses import dataclass

from mailserver.store.database import Rx, Tx
from mailserver.store.events import AccountsChanged

SECRET = "scram_secret"  # noqa: S105 - its name in server_state

_MAY_LOG_IN = "u.is_active IS TRUE AND d.is_active IS TRUE AND u.deleted_at IS NULL AND d.deleted_at IS NULL"


@dataclass(frozen=True, slots=True)
class ScramKeys:
    salt: bytes
    iterations: int
    stored_key: bytes  # SHA-256 of the ClientKey
    server_key: bytes

    def __repr__(self) -> str:
        return "ScramKeys(...)"  # passwords can be guessed from them


@dataclass(frozen=True, slots=True)
class Kept:
    keys: ScramKeys
    former_key: bytes | None  # StoredKey of the password before this one


def find(rx: Rx, user_id: int) -> Kept | None:
    """Those of the password the account has now."""
    row = rx.one(
        """SELECT k.salt, k.iterations, k.stored_key, k.server_key, k.former_key FROM scram_keys k
           JOIN users u ON u.id = k.user_id WHERE k.user_id = ? AND k.epoch = u.password_epoch""",
        user_id,
    )
    return Kept(ScramKeys(*row[:4]), row[4]) if row else None


def put(tx: Tx, user_id: int, keys: ScramKeys) -> None:
    """Keys of the password the account has now; those of the one before are remembered as such."""
    tx.run(
        """INSERT INTO scram_keys (user_id, salt, iterations, stored_key, server_key, epoch)
           SELECT id, ?2, ?3, ?4, ?5, password_epoch FROM users WHERE id = ?1
           ON CONFLICT (user_id) DO UPDATE SET salt = ?2, iterations = ?3, stored_key = ?4, server_key = ?5,
               epoch = excluded.epoch,
               former_key = CASE WHEN epoch <> excluded.epoch THEN stored_key ELSE former_key END""",
        user_id,
        keys.salt,
        keys.iterations,
        keys.stored_key,
        keys.server_key,
    )


def complete(tx: Tx, user_id: int, password_hash: str, keys: ScramKeys) -> None:
    """Keys for an account that had none, unless its password was changed meanwhile."""
    if tx.one("SELECT 1 FROM users WHERE id = ? AND password_hash = ?", user_id, password_hash) is None:
        return
    put(tx, user_id, keys)
    tx.tell(AccountsChanged())


def list_without(rx: Rx, limit: int) -> builtins.list[str]:
    """Addresses of accounts that may log in and have no keys, `limit` at most."""
    rows = rx.all(
        f"""SELECT u.username || '@' || d.name FROM users u JOIN domains d ON d.id = u.domain_id
            LEFT JOIN scram_keys k ON k.user_id = u.id AND k.epoch = u.password_epoch
            WHERE k.user_id IS NULL AND {_MAY_LOG_IN} ORDER BY 1 LIMIT ?""",
        limit,
    )
    return [row[0] for row in rows]


def secret(tx: Tx, new: bytes) -> bytes:
    """The server's secret behind the salts; `new` becomes it where there is none."""
    tx.run("INSERT OR IGNORE INTO server_state (name, value) VALUES (?, ?)", SECRET, new)
    row = tx.one("SELECT value FROM server_state WHERE name = ?", SECRET)
    return bytes(row[0]) if row else new
