"""People a user has written to, the most and latest written to first.

The rank is log2 of the sum, over all messages, of weight * 2^(time of the message / half-life). What an old message
counts halves with every half-life, and nothing has to be reckoned again as time goes by: all halve alike.
"""

import builtins
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log2

from mailserver.mail.casemap import fold
from mailserver.store import word_starts
from mailserver.store.database import Row, Rx, Tx

HALF_LIFE_MS = 30 * 86_400_000


@dataclass(frozen=True, slots=True)
class Correspondent:
    id: int
    user_id: int
    address: str  # as it is compared
    name: str  # "" where none was ever written
    rank: float
    messages: int
    last_at: int  # epoch milliseconds
    contact_id: int | None  # the card in the collected book


def rank_of(weight: float, at_ms: int) -> float:
    """Of one message."""
    return at_ms / HALF_LIFE_MS + log2(weight)


def added_rank(one: float, other: float) -> float:
    """log2(2^one + 2^other) without leaving what a float can hold."""
    low, high = sorted((one, other))
    return high + log2(1 + float(2.0 ** (low - high)))


def score(rank: float, now_ms: int) -> float:
    """How many messages of today the person counts as."""
    return float(2.0 ** min(rank - now_ms / HALF_LIFE_MS, 64.0))


_SELECT = "SELECT id, user_id, address, name, rank, messages, last_at, contact_id FROM correspondents"


def find(rx: Rx, user_id: int, address: str) -> Correspondent | None:
    row = rx.one(f"{_SELECT} WHERE user_id = ? AND address = ?", user_id, address)
    return _correspondent(row) if row else None


def list(rx: Rx, user_id: int, limit: int = -1) -> builtins.list[Correspondent]:
    """The best first."""
    rows = rx.all(f"{_SELECT} WHERE user_id = ? ORDER BY rank DESC, address LIMIT ?", user_id, limit)
    return [_correspondent(row) for row in rows]


def list_starting(rx: Rx, user_id: int, words: Sequence[str], limit: int) -> builtins.list[Correspondent]:
    """Those that have, for each of the folded words, a word that begins with it; the best first."""
    condition, params = word_starts.condition(words)
    rows = rx.all(f"{_SELECT} WHERE user_id = ? {condition} ORDER BY rank DESC LIMIT ?", user_id, *params, limit)
    return [_correspondent(row) for row in rows]


def list_of(rx: Rx, user_id: int, addresses: Iterable[str]) -> builtins.list[Correspondent]:
    """Those among these addresses, in no order."""
    named = json.dumps(builtins.list(addresses))
    rows = rx.all(f"{_SELECT} WHERE user_id = ? AND address IN (SELECT value FROM json_each(?))", user_id, named)
    return [_correspondent(row) for row in rows]


def add(tx: Tx, user_id: int, address: str, name: str, weight: float) -> Correspondent:
    """Somebody new, without a card yet."""
    rank = rank_of(weight, tx.now_ms)
    correspondent_id = tx.insert(
        "INSERT INTO correspondents (user_id, address, name, search_text, rank, last_at) VALUES (?, ?, ?, ?, ?, ?)",
        user_id,
        address,
        name,
        _searched(name, address),
        rank,
        tx.now_ms,
    )
    return Correspondent(correspondent_id, user_id, address, name, rank, 1, tx.now_ms, None)


def count_message(tx: Tx, known: Correspondent, name: str, weight: float) -> None:
    """One more message to somebody known; `name` "" keeps the one there is."""
    tx.run(
        """UPDATE correspondents SET name = ?, search_text = ?, rank = ?, messages = messages + 1, last_at = ?
           WHERE id = ?""",
        name or known.name,
        _searched(name or known.name, known.address),
        added_rank(known.rank, rank_of(weight, tx.now_ms)),
        tx.now_ms,
        known.id,
    )


def set_contact(tx: Tx, correspondent_id: int, contact_id: int) -> None:
    tx.run("UPDATE correspondents SET contact_id = ? WHERE id = ?", contact_id, correspondent_id)


def list_beyond(rx: Rx, user_id: int, kept: int) -> builtins.list[Correspondent]:
    """Those after the best `kept`."""
    rows = rx.all(f"{_SELECT} WHERE user_id = ? ORDER BY rank DESC, address LIMIT -1 OFFSET ?", user_id, kept)
    return [_correspondent(row) for row in rows]


def count(rx: Rx, user_id: int) -> int:
    row = rx.one("SELECT count(*) FROM correspondents WHERE user_id = ?", user_id)
    return int(row[0]) if row else 0


def remove(tx: Tx, correspondent_id: int) -> None:
    tx.run("DELETE FROM correspondents WHERE id = ?", correspondent_id)


def choice(rx: Rx, user_id: int) -> bool | None:
    """What the account has chosen; None: what the configuration says."""
    row = rx.one("SELECT collects FROM users WHERE id = ?", user_id)
    return None if row is None or row[0] is None else bool(row[0])


def _searched(name: str, address: str) -> str:
    return f"\n{fold(name)}\n{fold(address)}"


def _correspondent(row: Row) -> Correspondent:
    return Correspondent(*row)
