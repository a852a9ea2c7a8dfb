"""Conversations: a message joins the thread of what it answers, whichever of them arrived first.

The references rule of RFC 5256 §2.2 decides who belongs together; the number is given at arrival and never
changes (RFC 8474 §5.2). Message ids in References are remembered too, so that a thread whose beginning arrives
last, or is not in the account at all, still is one thread.
"""

from dataclasses import dataclass
from typing import Protocol

from mailserver.store.database import Tx

MAX_REFERENCES = 20  # looked up and remembered for one message: its nearest ancestors


class Related(Protocol):
    """What a message says of those it belongs to; a MessageDetail, or what its row keeps of one."""

    @property
    def in_reply_to(self) -> str: ...
    @property
    def references(self) -> tuple[str, ...]: ...
    @property
    def message_id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Relatives:
    in_reply_to: str
    references: tuple[str, ...]
    message_id: str


def join(tx: Tx, user_id: int, detail: Related, fresh: int) -> int:
    """The message's thread id: that of its nearest known relative, else `fresh`."""
    relatives = _relatives(detail)
    thread_id = next((found for name in relatives if (found := _find(tx, user_id, name)) is not None), fresh)
    tx.many(
        "INSERT OR IGNORE INTO thread_references (user_id, message_id, thread_id) VALUES (?, ?, ?)",
        [(user_id, name, thread_id) for name in relatives],
    )
    return thread_id


def _relatives(detail: Related) -> list[str]:
    """Nearest first: the parent, its ancestors, then the message itself (an answer to it may be here already)."""
    ancestors = [detail.in_reply_to, *reversed(detail.references)] if detail.in_reply_to else detail.references[::-1]
    names = dict.fromkeys([*ancestors[:MAX_REFERENCES], detail.message_id])
    return [name for name in names if name]


def _find(tx: Tx, user_id: int, message_id: str) -> int | None:
    row = tx.one("SELECT thread_id FROM thread_references WHERE user_id = ? AND message_id = ?", user_id, message_id)
    return int(row[0]) if row else None
