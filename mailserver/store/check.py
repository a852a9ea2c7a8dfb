"""What the database file is like, and whether it is sound: `mailserver db info` and `mailserver db check`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2 as sqlite

from mailserver.store import migrate, snapshot

MAX_FAULTS = 100  # of each kind; more would say nothing new


@dataclass(frozen=True, slots=True)
class TableRows:
    name: str
    rows: int


@dataclass(frozen=True, slots=True)
class Info:
    path: str  # "" for a database in memory
    sqlite_version: str
    schema_version: int
    journal_mode: str
    page_size: int  # octets
    page_count: int
    free_pages: int
    octets: int  # pages in use and free
    wal_octets: int  # the write-ahead log beside it
    tables: tuple[TableRows, ...]  # by name


@dataclass(frozen=True, slots=True)
class Orphan:
    """A row that refers to a row that is not there."""

    table: str
    row: int | None  # rowid; None for a table without
    parent: str


@dataclass(frozen=True, slots=True)
class Report:
    damage: tuple[str, ...]  # SQLite's words
    orphans: tuple[Orphan, ...]

    @property
    def sound(self) -> bool:
        return not self.damage and not self.orphans


def info(connection: Any) -> Info:
    path = snapshot.path_of(connection)
    page_size, page_count = _pragma(connection, "page_size"), _pragma(connection, "page_count")
    return Info(
        path=str(path or ""),
        sqlite_version=sqlite.sqlite_version,
        schema_version=migrate.version(connection),
        journal_mode=_pragma(connection, "journal_mode"),
        page_size=page_size,
        page_count=page_count,
        free_pages=_pragma(connection, "freelist_count"),
        octets=page_size * page_count,
        wal_octets=_octets(path.with_name(f"{path.name}-wal")) if path else 0,
        tables=_count_rows(connection),
    )


def check(connection: Any) -> Report:
    """Read the whole file: seconds for a gigabyte. Raises nothing for damage that SQLite can report."""
    try:
        found = connection.execute(f"PRAGMA integrity_check({MAX_FAULTS})").fetchall()
        missing = connection.execute("PRAGMA foreign_key_check").fetchmany(MAX_FAULTS)
    except sqlite.DatabaseError as fault:
        return Report((str(fault),), ())
    damage = tuple(text for (text,) in found if text != "ok")
    return Report(damage, tuple(Orphan(table, row, parent) for table, row, parent, _ in missing))


def _count_rows(connection: Any) -> tuple[TableRows, ...]:
    names = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
    ).fetchall()
    return tuple(TableRows(n, connection.execute(f'SELECT count(*) FROM "{n}"').fetchone()[0]) for (n,) in names)


def _pragma(connection: Any, name: str) -> Any:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def _octets(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
