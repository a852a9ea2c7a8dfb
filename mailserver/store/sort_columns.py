"""What SORT and THREAD ask of messages, by UID: stored columns, no file is opened."""

import json
from collections.abc import Sequence

from mailserver.store.database import Row, Rx

_SENT = "coalesce(c.sent_at, unixepoch(m.internal_date))"
_FROM = """FROM messages m LEFT JOIN contents c ON c.id = m.content_id
    WHERE m.mailbox_id = ? AND m.uid IN (SELECT value FROM json_each(?))"""


def sent(rx: Rx, mailbox_id: int, uids: Sequence[int]) -> list[Row]:
    """(uid, Date field or else internal date in epoch seconds), RFC 5256 §2.2."""
    return rx.all(f"SELECT m.uid, {_SENT} {_FROM}", mailbox_id, json.dumps([*uids]))


def subjects(rx: Rx, mailbox_id: int, uids: Sequence[int]) -> list[Row]:
    """(uid, base subject)"""
    return rx.all(f"SELECT m.uid, coalesce(c.base_subject, '') {_FROM}", mailbox_id, json.dumps([*uids]))


def envelopes(rx: Rx, mailbox_id: int, uids: Sequence[int]) -> list[Row]:
    """(uid, ENVELOPE)"""
    return rx.all(f"SELECT m.uid, coalesce(c.envelope, x'') {_FROM}", mailbox_id, json.dumps([*uids]))


def relations(rx: Rx, mailbox_id: int, uids: Sequence[int]) -> list[Row]:
    """(uid, message id, ids of References with spaces between, id of In-Reply-To, subject, base subject, sent, arrived)

    NULL where there is none.
    """
    return rx.all(
        f"""SELECT m.uid, m.message_id, m.references_header, m.in_reply_to, m.subject, c.base_subject, {_SENT},
               unixepoch(m.internal_date) {_FROM}""",
        mailbox_id,
        json.dumps([*uids]),
    )
