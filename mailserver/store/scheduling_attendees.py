"""What an organizer's side remembers of each attendee, so that overtaken answers are known as such. RFC 5546 §2.1.5."""

from collections.abc import Iterable

from mailserver.store.database import Rx, Tx

_REFRESHED = "REFRESH"  # in place of an instance: when he was last sent the event because he asked, epoch milliseconds


def sent_sequence(rx: Rx, user_id: int, uid: str, attendee: str) -> int:
    """SEQUENCE of the last REQUEST he got."""
    row = rx.one(
        "SELECT sent_sequence FROM scheduling_attendees WHERE user_id = ? AND uid = ? AND attendee = ? "
        "AND recurrence = ''",
        user_id,
        uid,
        attendee,
    )
    return int(row[0]) if row else 0


def stamps(rx: Rx, user_id: int, uid: str, attendee: str) -> tuple[tuple[str, str], ...]:
    """Instance → DTSTAMP of his last answer."""
    rows = rx.all(
        "SELECT recurrence, stamp FROM scheduling_attendees WHERE user_id = ? AND uid = ? AND attendee = ?",
        user_id,
        uid,
        attendee,
    )
    return tuple((recurrence, stamp) for recurrence, stamp in rows)


def set_sent(tx: Tx, user_id: int, uid: str, attendee: str, sequence: int) -> None:
    tx.run(
        """INSERT INTO scheduling_attendees (user_id, uid, attendee, sent_sequence) VALUES (?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET sent_sequence = excluded.sent_sequence""",
        user_id,
        uid,
        attendee,
        sequence,
    )


def set_stamps(tx: Tx, user_id: int, uid: str, attendee: str, answered: Iterable[tuple[str, str]]) -> None:
    """Instances with the DTSTAMP of what he answered."""
    tx.many(
        """INSERT INTO scheduling_attendees (user_id, uid, attendee, recurrence, stamp) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET stamp = excluded.stamp""",
        [(user_id, uid, attendee, recurrence, stamp) for recurrence, stamp in answered],
    )


def claim_refresh(tx: Tx, user_id: int, uid: str, attendee: str, seconds: int) -> bool:
    """Note that he is sent the event again, now; False where he was within these seconds."""
    last = next((stamp for recurrence, stamp in stamps(tx, user_id, uid, attendee) if recurrence == _REFRESHED), "")
    if last and tx.now_ms - int(last) < seconds * 1000:
        return False
    set_stamps(tx, user_id, uid, attendee, [(_REFRESHED, str(tx.now_ms))])
    return True


def forget(tx: Tx, user_id: int, uid: str) -> None:
    tx.run("DELETE FROM scheduling_attendees WHERE user_id = ? AND uid = ?", user_id, uid)
