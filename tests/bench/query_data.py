"""A database of the sizes that the published schema speaks of, filled in bulk; the same every time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mailserver.store import migrate
from mailserver.store.database import connect

NOW = "2026-03-01 12:00:00"
MAILBOXES = 5
LOADING_CACHE_KIB = 400_000

# At scale 1.
SIZES = {
    "domains": 10,
    "users": 1000,
    "messages": 50_000,  # in five mailboxes
    "queue": 10_000,
    "due": 100,  # of them
    "auth_log": 1_000_000,
    "failed": 20_000,  # of them, in the last day
    "delivery_log": 1_000_000,
    "aliases": 10_000,
    "sessions": 100_000,
    "sent_emails": 100_000,
}

_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
_YEAR = "datetime('{now}', (({count} - i) * -31536000 / {count}) || ' seconds')"  # evenly, the last row is now

SMALL = {
    "domains": "INSERT INTO domains (name) SELECT 'domain' || i || '.example' FROM n",
    "users": """INSERT INTO users (domain_id, username, password_hash, quota_bytes)
        SELECT 1 + i % {domains}, 'user' || i, 'x', 0 FROM n""",
    "aliases": """INSERT INTO aliases (domain_id, source_address, destination_user_id)
        SELECT 1 + i % {domains}, 'alias' || i, 1 + i % {users} FROM n""",
    "sessions": """INSERT INTO sessions (user_id, token, expires_at)
        SELECT 1 + i % {users}, 'token' || i, datetime('{now}', (i % 60 - 5) || ' days') FROM n""",
    "queue": """INSERT INTO outbound_queue (sender, recipient, message_path, status, next_attempt)
        SELECT 'user' || (i % {users}) || '@domain1.example', 'someone' || i || '@peer.example', 'spool' || i,
            'pending', datetime('{now}', (i - {due}) || ' seconds') FROM n""",
    "messages": """INSERT INTO messages (mailbox_id, uid, maildir_key, size, internal_date, flags, message_id, subject,
            from_address, to_addresses, thread_id)
        SELECT 1 + (i - 1) * 5 / {count}, 1 + (i - 1) % ({count} / 5), '1767323045.M' || i || 'P1.host',
            2000 + i % 9000, datetime('{now}', ((i - 1) % ({count} / 5) * 5 - {count}) || ' minutes'),
            CASE WHEN i % 100 = 0 THEN '\\Seen,\\Flagged' WHEN i % 20 = 1 THEN '' ELSE '\\Seen' END,
            '<' || i || '@peer.example>', 'Re: the report of week ' || (i % 700),
            'person' || (i % 300) || '@peer.example', '["user1@domain1.example"]', i % 3000 FROM n""",
    "sent_emails": """INSERT INTO sent_emails (domain_id, api_key_id, message_id, tracking_id, from_email, to_email,
            template_slug, status, opened_at, created_at)
        SELECT 1, 1, 'm' || i, 't' || i, 'shop@domain1.example', 'c' || i || '@peer.example', 'template' || (i % 12),
            'delivered', CASE WHEN i % 3 = 0 THEN '{now}' END, {year} FROM n""",
}

LOGS = {
    # One in 1,020 names is zelda's; all others but one in 50 hold "user".
    "auth_log": """INSERT INTO auth_log (user_id, username, remote_addr, protocol, success, created_at)
        SELECT NULL,
            CASE WHEN i % 1020 = 0 THEN 'zelda@domain2.example' WHEN i % 51 = 0 THEN 'admin@domain1.example'
                 ELSE 'user' || (i * 7919 % 5000) || '@domain1.example' END,
            '192.0.2.' || (i % 250), CASE i % 3 WHEN 0 THEN 'smtp' ELSE 'imap' END,
            i <= {count} - {failed} AND i % 50 <> 0,
            CASE WHEN i > {count} - {failed} THEN datetime('{now}', (({count} - i) * -86000 / {failed}) || ' seconds')
                 ELSE datetime('{now}', '-1 day', (({count} - {failed} - i) * -31449600 / {count}) || ' seconds') END
        FROM n""",
    "delivery_log": """INSERT INTO delivery_log
            (message_id, sender, recipient, status, direction, smtp_code, created_at)
        SELECT '<' || i || '@peer.example>', 'person' || (i % 3000) || '@peer.example',
            'user' || (i * 7919 % 2000) || '@domain1.example',
            CASE WHEN i % 200 = 0 THEN 'bounced' WHEN i % 50 = 0 THEN 'deferred' ELSE 'delivered' END,
            CASE i % 4 WHEN 0 THEN 'outbound' ELSE 'inbound' END, 250, {year} FROM n""",
}


def build(path: Path, scale: float) -> Any:
    """A new database at head with all rows, analysed; the connection is an ordinary one of the server's."""
    connection = connect(path)
    migrate.up(connection)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(f"PRAGMA cache_size = -{LOADING_CACHE_KIB}")
    for name, sql in SMALL.items():
        fill(connection, name, sql, scale)
        if name == "users":
            _add_places(connection)
    for name, sql in LOGS.items():
        with without_indexes(connection, name):
            fill(connection, name, sql, scale)
    migrate.analyse(connection)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return connect(path)


def size(name: str, scale: float) -> int:
    return max(1, round(SIZES[name] * scale))


def fill(connection: Any, name: str, sql: str, scale: float) -> None:
    sizes = {each: size(each, scale) for each in SIZES}
    year = _YEAR.format(now=NOW, count=sizes[name])
    insert, select = sql.split("SELECT", 1)
    text = f"{insert} {_NUMBERS} SELECT {select}"
    connection.execute(text.format(**sizes, count=sizes[name], now=NOW, year=year))


def _add_places(connection: Any) -> None:
    connection.execute(
        f"{_NUMBERS.format(count=MAILBOXES)} INSERT INTO mailboxes (user_id, name, uidvalidity, uidnext, directory) "
        "SELECT 1, 'Box' || i, i, 1000000, 'box' || i FROM n"
    )
    connection.execute("INSERT INTO api_keys (domain_id, key_hash, key_prefix, name) VALUES (1, 'x', 'sk_1', 'shop')")


@contextmanager
def without_indexes(connection: Any, table: str) -> Iterator[None]:
    """Building an index over all rows is quicker than keeping it while they come."""
    sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL"
    indexes = connection.execute(sql, (table,)).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    yield
    for _, create in indexes:
        connection.execute(create)
