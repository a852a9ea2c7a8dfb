"""A user's own choices about invitations."""

from dataclasses import dataclass
from enum import StrEnum

from mailserver.config.tree import Invitations
from mailserver.store.database import Rx, Tx


class AutoReply(StrEnum):
    OFF = "off"
    ACCEPT = "accept"  # where he is free; else it stays open
    AUTOMATIC = "automatic"  # accepted where he is free, declined where he is busy: rooms and other resources


@dataclass(frozen=True, slots=True)
class Settings:
    invitations: Invitations | None = None  # None: as the server's configuration says
    auto_reply: AutoReply = AutoReply.OFF


def get(rx: Rx, user_id: int) -> Settings:
    row = rx.one("SELECT invitations, auto_reply FROM scheduling_settings WHERE user_id = ?", user_id)
    if row is None:
        return Settings()
    return Settings(None if row[0] is None else Invitations(row[0]), AutoReply(row[1]))


def set(tx: Tx, user_id: int, settings: Settings) -> None:
    tx.run(
        """INSERT INTO scheduling_settings (user_id, invitations, auto_reply) VALUES (?, ?, ?)
           ON CONFLICT DO UPDATE SET invitations = excluded.invitations, auto_reply = excluded.auto_reply""",
        user_id,
        settings.invitations,
        settings.auto_reply,
    )
