"""The sample queries of the published schema, and beside each that can not run the one that can."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Sample:
    name: str
    sql: tuple[str, ...]  # statements of one transaction
    fault: str | None = None  # what SQLite says to the original
    corrected: str | None = None


PARAMS: dict[str, Any] = {
    "domain": "name-1",
    "local": "source-address-1",
    "mailbox": 1,
    "uid": 1,
    "user": 1,
    "now": "2026-01-02 04:00:00",
    "since": "2026-01-01 00:00:00",
    "id": 1,
    "attempts": 1,
    "error": "451 4.3.0",
    "token": "token-1",
    "calendar": 1,
    "sender": "sender-1",
    "prefix": "key-prefix-1",
    "device": "device-token-1",
    "pattern": "%name%",
}

_THREAD = """WITH RECURSIVE thread AS (
    SELECT id, message_id, subject, {more} 0 AS depth FROM messages
    WHERE mailbox_id = :mailbox AND (in_reply_to IS NULL OR in_reply_to = '')
    UNION
    SELECT m.id, m.message_id, m.subject, {m_more} t.depth + 1 FROM messages m JOIN thread t
    ON m.in_reply_to = t.message_id OR m.references_header LIKE '%' || t.message_id || '%'
    WHERE m.mailbox_id = :mailbox {stop}
) SELECT DISTINCT id, subject, depth FROM thread ORDER BY internal_date DESC"""

SAMPLES = (
    Sample(
        "001-a alias resolution",
        (
            """SELECT u.id, u.username, u.domain_id, u.display_name FROM aliases a
            JOIN domains d ON d.id = a.domain_id JOIN users u ON u.id = a.destination_user_id
            WHERE d.name = :domain AND a.source_address = :local AND a.is_active = TRUE""",
        ),
    ),
    Sample(
        "001-b UID assignment",
        (
            "SELECT uidnext FROM mailboxes WHERE id = :mailbox",
            """INSERT INTO messages (mailbox_id, uid, maildir_key, size, internal_date, flags)
            SELECT id, uidnext + 10, 'key', 100, :now, '' FROM mailboxes WHERE id = :mailbox""",
            "UPDATE mailboxes SET uidnext = uidnext + 1 WHERE id = :mailbox",
        ),
    ),
    Sample(
        "001-c STORE",
        (r"UPDATE messages SET flags = '\Seen,\Flagged' WHERE mailbox_id = :mailbox AND uid = :uid",),
    ),
    Sample(
        "001-d SEARCH by flag and date",
        (
            r"""SELECT uid, subject, from_address, internal_date FROM messages
            WHERE mailbox_id = :mailbox AND (flags LIKE '%\Seen%' OR flags = '') AND internal_date >= :since
            ORDER BY internal_date DESC LIMIT 50""",
        ),
    ),
    Sample(
        "001-e conversation threads",
        (_THREAD.format(more="", m_more="", stop=""),),
        fault="no such column: internal_date",
        # The order needs the column, and a pair of messages that cite each other needs an end.
        corrected=_THREAD.format(more="internal_date,", m_more="m.internal_date,", stop="AND t.depth < 10"),
    ),
    Sample(
        "001-f queue claim",
        (
            """SELECT id, sender, recipient, message_path, attempts FROM outbound_queue
            WHERE status = 'pending' AND next_attempt <= :now ORDER BY next_attempt LIMIT 100""",
            "UPDATE outbound_queue SET status = 'sending', last_attempt = :now WHERE id = :id",
        ),
    ),
    Sample(
        "001-g retry",
        (
            """UPDATE outbound_queue SET status = 'pending', attempts = attempts + 1,
            next_attempt = datetime(:now, '+' || (attempts * attempts) || ' minutes'), last_error = :error
            WHERE id = :id""",
        ),
    ),
    Sample(
        "001-h session",
        (
            """SELECT s.user_id, u.username, d.name FROM sessions s JOIN users u ON u.id = s.user_id
            JOIN domains d ON d.id = u.domain_id WHERE s.token = :token AND s.expires_at > :now""",
        ),
    ),
    Sample("001-i janitor", ("DELETE FROM sessions WHERE expires_at < datetime(:now, '-30 days')",)),
    Sample(
        "002-a calendar changes",
        ("SELECT uid, etag FROM calendars WHERE user_id = :user AND updated_at > :since",),
        fault="no such column: etag",
        # Events have etags; calendars have not.
        corrected="""SELECT e.uid, e.etag FROM calendar_events e JOIN calendars c ON c.id = e.calendar_id
            WHERE c.user_id = :user AND e.updated_at > :since""",
    ),
    Sample("002-b ctag", ("SELECT ctag, updated_at FROM calendars WHERE id = :calendar",)),
    Sample(
        "003-a vacation: should respond",
        (
            """SELECT count(*) = 0 FROM vacation_responses WHERE user_id = :user AND sender_address = :sender
            AND responded_at > datetime(:now, '-7 days')""",
        ),
    ),
    Sample(
        "003-b failed logins",
        (
            """SELECT username, remote_addr, count(*) AS attempts FROM auth_log
            WHERE success = FALSE AND created_at > datetime(:now, '-24 hours')
            GROUP BY username, remote_addr HAVING count(*) >= 5 ORDER BY attempts DESC""",
        ),
    ),
    Sample(
        "004-a API limit",
        (
            """SELECT k.rate_limit_per_hour, k.last_used_at, count(s.id) FROM api_keys k
            LEFT JOIN sent_emails s ON s.api_key_id = k.id AND s.created_at > datetime(:now, '-1 hour')
            WHERE k.key_prefix = :prefix GROUP BY k.id""",
        ),
    ),
    Sample(
        "004-b template statistics",
        (
            """SELECT template_slug, count(*) AS sent,
            sum(CASE WHEN opened_at IS NOT NULL THEN 1 ELSE 0 END) AS opened,
            sum(CASE WHEN clicked_at IS NOT NULL THEN 1 ELSE 0 END) AS clicked,
            round(100.0 * sum(CASE WHEN opened_at IS NOT NULL THEN 1 ELSE 0 END) / count(*), 2) AS open_rate,
            round(100.0 * sum(CASE WHEN clicked_at IS NOT NULL THEN 1 ELSE 0 END) / count(*), 2) AS click_rate
            FROM sent_emails WHERE domain_id = 1 AND created_at > datetime(:now, '-30 days')
            GROUP BY template_slug ORDER BY sent DESC""",
        ),
    ),
    Sample(
        "005 DKIM keys due for rotation",
        (
            """SELECT name, dkim_selector, dkim_key_created_at FROM domains
            WHERE is_active = TRUE AND dkim_key_created_at < datetime(:now, '-1 year') ORDER BY dkim_key_created_at""",
        ),
    ),
    Sample(
        "006 domains with DNS to mend",
        (
            """SELECT name, dns_mx_verified, dns_spf_verified, dns_dkim_verified, dns_dmarc_verified FROM domains
            WHERE is_active = TRUE AND (dns_mx_verified = 0 OR dns_spf_verified = 0 OR dns_dkim_verified = 0
            OR dns_dmarc_verified = 0) ORDER BY dns_last_checked""",
        ),
    ),
    Sample(
        "007 trusted devices",
        (
            """SELECT count(*) FROM totp_trusted_devices
            WHERE user_id = :user AND device_token = :device AND expires_at > :now""",
            "DELETE FROM totp_trusted_devices WHERE expires_at < :now",
        ),
    ),
    Sample(
        "008 log search",
        ("SELECT * FROM auth_log WHERE username LIKE :pattern ORDER BY created_at DESC LIMIT 100",),
    ),
    Sample(
        "newest 20",
        (
            """SELECT uid, subject, from_address, internal_date FROM messages WHERE mailbox_id = :mailbox
            ORDER BY internal_date DESC LIMIT 20""",
        ),
    ),
    Sample(
        "IMAP SELECT",
        (
            """SELECT uidvalidity, uidnext, (SELECT count(*) FROM messages WHERE mailbox_id = mailboxes.id)
            FROM mailboxes WHERE id = :mailbox""",
            "SELECT uid, size, internal_date, flags FROM messages WHERE mailbox_id = :mailbox ORDER BY uid",
        ),
    ),
    Sample(
        "IMAP SEARCH by sender and date",
        (
            """SELECT uid FROM messages WHERE mailbox_id = :mailbox AND from_address LIKE :pattern
            AND internal_date BETWEEN :since AND :now ORDER BY internal_date DESC LIMIT 100""",
        ),
    ),
    Sample(
        "queue cycle",
        (
            "UPDATE outbound_queue SET status = 'sending', last_attempt = :now WHERE id = :id",
            "UPDATE outbound_queue SET status = 'sent' WHERE id = :id",
        ),
    ),
    Sample(
        "dashboard",
        (
            """SELECT date(created_at) AS day, count(*),
            sum(CASE WHEN direction = 'inbound' THEN 1 ELSE 0 END),
            sum(CASE WHEN direction = 'outbound' THEN 1 ELSE 0 END)
            FROM delivery_log WHERE created_at > datetime(:now, '-30 days') GROUP BY day ORDER BY day""",
        ),
    ),
)
