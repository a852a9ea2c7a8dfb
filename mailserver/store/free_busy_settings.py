"""Who may ask when a user is busy, and the secret of the address he gave to others."""

from dataclasses import dataclass
from enum import StrEnum

from mailserver.store.database import Rx, Tx


class Scope(StrEnum):
    """Each lets in whom the one before does."""

    OFF = "off"  # the user alone
    DOMAIN = "domain"  # users of the same domain, logged in
    SECRET = "secret"  # noqa: S105 - whoever has the address


@dataclass(frozen=True, slots=True)
class Setting:
    scope: Scope = Scope.OFF
    secret_hash: bytes | None = None  # SHA-256
    sealed: bytes | None = None


def get(rx: Rx, user_id: int) -> Setting:
    row = rx.one("SELECT scope, secret_hash, sealed FROM free_busy_settings WHERE user_id = ?", user_id)
    return Setting(Scope(row[0]), row[1], row[2]) if row else Setting()


def find_user(rx: Rx, secret_hash: bytes) -> int | None:
    """Whose address it is, of those who give it to others."""
    row = rx.one("SELECT user_id FROM free_busy_settings WHERE secret_hash = ? AND scope = 'secret'", secret_hash)
    return row[0] if row else None


def set(tx: Tx, user_id: int, setting: Setting) -> None:
    tx.run(
        """INSERT INTO free_busy_settings (user_id, scope, secret_hash, sealed) VALUES (?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET scope = excluded.scope, secret_hash = excluded.secret_hash,
               sealed = excluded.sealed""",
        user_id,
        setting.scope,
        setting.secret_hash,
        setting.sealed,
    )
