"""Events with many guests in whose copies others' answers are still to be shown."""

from dataclasses import dataclass

from mailserver.store.database import Rx, Tx
from mailserver.store.events import SchedulingWaits


@dataclass(frozen=True, slots=True)
class Unshown:
    user_id: int  # the organizer
    uid: str
    organizer: str  # his address in the event
    reached: str  # guests up to this address have them


def mark(tx: Tx, user_id: int, uid: str, organizer: str) -> None:
    """Another answer came; answers that come while it is gone through share one more round."""
    tx.run(
        """INSERT INTO scheduling_answers (user_id, uid, organizer) VALUES (?, ?, ?)
           ON CONFLICT DO UPDATE SET is_again = 1, organizer = excluded.organizer""",
        user_id,
        uid,
        organizer,
    )
    tx.tell(SchedulingWaits())


def find(rx: Rx) -> Unshown | None:
    """One of them, but none of an event whose own messages still wait."""
    row = rx.one(
        """SELECT user_id, uid, organizer, reached FROM scheduling_answers a WHERE NOT EXISTS
           (SELECT 1 FROM scheduling_deliveries d WHERE d.user_id = a.user_id AND d.uid = a.uid) LIMIT 1"""
    )
    return None if row is None else Unshown(*row)


def set_reached(tx: Tx, unshown: Unshown, reached: str) -> None:
    tx.run(
        "UPDATE scheduling_answers SET reached = ? WHERE user_id = ? AND uid = ?", reached, unshown.user_id, unshown.uid
    )


def finish(tx: Tx, unshown: Unshown) -> None:
    """A round is over: gone, or from the start where an answer came meanwhile."""
    key = unshown.user_id, unshown.uid
    tx.run("DELETE FROM scheduling_answers WHERE user_id = ? AND uid = ? AND is_again = 0", *key)
    tx.run("UPDATE scheduling_answers SET is_again = 0, reached = '' WHERE user_id = ? AND uid = ?", *key)
