"""Databases at any version, with a row in every table."""

from pathlib import Path
from typing import Any

from mailserver.store import migrate
from mailserver.store.database import connect
from mailserver.store.migration_files import Migration

BOOKS = {"schema_migrations", "migration_checksums"}
ROWS = 2  # in every table
TIME = "2026-01-02 03:04:05"

KNOWN: list[Migration] = migrate.find()
HEAD = KNOWN[-1].version

OWN = object()  # the row's own number
# What the schema demands beyond "not null", and references that may be empty.
SPECIAL: dict[str, dict[str, Any]] = {
    "aliases": {"destination_user_id": OWN},
    "alias_targets": {"address": "bob@example.org"},
    "delivery_log": {"status": "delivered"},
    "auth_log": {"user_id": OWN, "success": 1},
    "bounces": {"source": "queue"},
    "sent_emails": {"api_key_id": OWN},
    "dkim_keys": {"algorithm": "RSA-2048", "state": "active", "storage": "database"},
    "sent_copies": {"yields": 1, "all_queued": 0},
    "relays": {"tls": "starttls", "domain_id": OWN},
    "outbound_lanes": {"circuit": "open"},
    "dav_removed": {"family": "calendars", "collection_id": OWN},
    "dav_shares": {"family": "calendars", "collection_id": OWN},
    "dav_properties": {"kind": "calendar", "resource_id": OWN},
    "free_busy_settings": {"scope": "domain"},
    "dav_locks": {"family": "calendars", "collection_id": OWN},
}


def open_at(path: Path, version: int = HEAD) -> Any:
    """Migrated to `version`. What survives a power cut is tested elsewhere: here nothing waits for the disk."""
    connection = connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    migrate.up(connection, version)
    return connection


def tables(connection: Any) -> list[str]:
    sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY rowid"
    return [name for (name,) in connection.execute(sql) if name not in BOOKS]


def fill(connection: Any) -> None:
    """Rows in every table, whatever the version; each belongs to the parents of its own number."""
    connection.execute("BEGIN")
    connection.execute("PRAGMA defer_foreign_keys = ON")
    for table in tables(connection):
        for number in range(1, ROWS + 1):
            values = _row(connection, table, number)
            connection.execute(
                f"INSERT OR IGNORE INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
                list(values.values()),
            )
    connection.execute("COMMIT")


def _row(connection: Any, table: str, number: int) -> dict[str, Any]:
    special = SPECIAL.get(table, {})
    parents = {row[3] for row in connection.execute(f"PRAGMA foreign_key_list({table})")}
    values: dict[str, Any] = {}
    for _, name, kind, not_null, default, key, hidden in connection.execute(f"PRAGMA table_xinfo({table})"):
        if hidden:
            continue
        if name == "id":
            values[name] = number
        elif name in special:
            values[name] = number if special[name] is OWN else special[name]
        elif (not_null or key) and default is None:
            values[name] = number if name in parents else _value(name, kind, number)
    return values


def _value(name: str, kind: str, number: int) -> Any:
    match kind:
        case "DATETIME":
            return TIME
        case "REAL":
            return float(number)
        case "INTEGER":
            return number if not name.startswith(("has_", "is_")) else 1
        case "BLOB":
            return b"octets-%d" % number
        case _:
            return f"{name.replace('_', '-')}-{number}"


def rows(connection: Any) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, columns by name."""
    found = {}
    for table in tables(connection):
        cursor = connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")
        names = [column[0] for column in cursor.description]
        found[table] = [dict(zip(names, row, strict=True)) for row in cursor]
    return found
