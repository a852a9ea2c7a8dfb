"""The wish that the text index be built anew: written by a command, taken up by the server, gone when it is done."""

from mailserver.store.database import Rx, Tx

_NAME = "search_rebuild"


def ask(tx: Tx) -> int:
    """The wish's number: more than any before it."""
    tx.run(
        "INSERT INTO server_state (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = max(value + 1, ?)",
        _NAME,
        tx.now_ms,
        tx.now_ms,
    )
    return pending(tx)


def pending(rx: Rx) -> int:
    """The number of the latest wish that is not done; 0 where there is none."""
    row = rx.one("SELECT value FROM server_state WHERE name = ?", _NAME)
    return int(row[0]) if row else 0


def done(tx: Tx, number: int) -> None:
    """This wish and earlier ones."""
    tx.run("DELETE FROM server_state WHERE name = ? AND value <= ?", _NAME, number)
