"""The schema's versions: which migrations a database has, and how it gets the others.

One BEGIN IMMEDIATE transaction per file, statement by statement, with its version and checksum in the same
transaction: executescript would commit first and stop half-way. What a crash leaves is a database at some whole
version; the next start goes on from there. Two processes that migrate at once take turns, file by file.

States of a migration:  applied · pending · changed (drift) · skipped (a later one is applied) · unknown (newer program)
Only applied and pending may be worked with. There is no way down: before a database with data is upgraded, a copy
of it is put next to it, `mail.db.schema-NNN` with the version it has. To go back: stop the server, remove
`mail.db`, `mail.db-wal` and `mail.db-shm`, rename the copy to `mail.db`, start the older server.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog
from pysqlite3 import dbapi2 as sqlite

from mailserver.errors import BadValue, DatabaseUnusable, Unavailable
from mailserver.store import snapshot
from mailserver.store.database import as_refusal, connect
from mailserver.store.migration_files import Migration, check, foundation_tables, load, parse_name, statements

TURN_MILLISECONDS = 60_000  # how long to wait while another process applies a migration

ANALYSED_ROWS = 1000  # of each index: milliseconds however large the database

_CHECKSUMS = """CREATE TABLE IF NOT EXISTS migration_checksums (
    version INTEGER PRIMARY KEY REFERENCES schema_migrations(version),
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL
) STRICT"""

_log = structlog.get_logger("store")


class State(StrEnum):
    APPLIED = "applied"
    PENDING = "pending"
    CHANGED = "changed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class MigrationState:
    version: int
    name: str
    state: State
    applied_at: str | None  # YYYY-MM-DD HH:MM:SS UTC


@dataclass(frozen=True, slots=True)
class _Applied:
    version: int
    applied_at: str
    name: str | None  # None: written by another program
    sha256: str | None


FAULTS = {
    State.CHANGED: "Migration {} is not the one that was applied to this database: use the mailserver that made it, "
    "or put the file back as it was; a change belongs into a new migration",
    State.SKIPPED: "Migration {} was never applied although later ones were: give it a number after them",
    State.UNKNOWN: "The database has migration {}, which this mailserver does not know: install the newer mailserver, "
    "or restore the copy that its upgrade left next to the database",
}


def find() -> list[Migration]:
    """The program's own migrations: inside the installed package, or beside it in a checkout."""
    packaged = resources.files("mailserver") / "migrations"
    return load(packaged if packaged.is_dir() else Path(__file__).parents[2] / "migrations")


def create(folder: Path, name: str) -> Path:
    """A new file with the next number, for a developer to fill in. Raises BadValue."""
    version = max((parse_name(path.name)[0] for path in folder.glob("*.sql")), default=0) + 1
    path = folder / f"{version:03}_{name}.sql"
    try:
        parse_name(path.name)
    except DatabaseUnusable:
        raise BadValue(f"{name!r} is no name for a migration: lower-case letters, digits and _ are allowed") from None
    with path.open("x", encoding="utf-8") as file:
        file.write("-- What this adds, and why.\n\n")
    return path


def version(connection: Any) -> int:
    """The last migration applied; 0 for a new database."""
    return max((row.version for row in _applied(connection)), default=0)


def status(connection: Any, migrations: Sequence[Migration] | None = None) -> list[MigrationState]:
    """Every migration that is known or applied, by version. Raises DatabaseUnusable for a file of other programs."""
    known = {m.version: m for m in (find() if migrations is None else migrations)}
    applied = {row.version: row for row in _applied(connection)}
    last = max(applied, default=0)
    return [_state(v, known.get(v), applied.get(v), last) for v in sorted(known.keys() | applied.keys())]


def require_current(connection: Any, migrations: Sequence[Migration] | None = None) -> None:
    """Raises DatabaseUnusable unless every migration, and no other, is applied."""
    if pending := _pending(connection, find() if migrations is None else migrations):
        raise DatabaseUnusable(
            f"The database is at schema {version(connection):03} and {pending[-1].label} is needed: "
            "run 'mailserver migrate up'"
        )


def up(
    connection: Any,
    to: int | None = None,
    dry_run: bool = False,
    migrations: Sequence[Migration] | None = None,
) -> list[Migration]:
    """Apply what is pending, up to version `to`; returns what this call applied.

    The connection is one of database.connect's, outside a transaction. `dry_run` applies them to a copy that is thrown
    away. Raises DatabaseUnusable (nothing of the failed file remains), BadValue, InUse, InsufficientStorage.
    """
    known = find() if migrations is None else migrations
    _check_target(connection, known, to)
    if pending := _pending(connection, known, to):
        protected = foundation_tables(known)
        for migration in pending:
            check(migration, protected)
    return _rehearse(connection, known, to) if dry_run else _apply_all(connection, known, to, keep_copy=True)


def analyse(connection: Any) -> None:
    """Look at a part of the data: the plans of several queries depend on what is known of it.

    Without the samples of values that SQLite takes too (sqlite_stat4): with them it would plan a statement anew
    whenever another value is bound, which costs four times what a look-up does.
    """
    connection.execute(f"PRAGMA analysis_limit = {ANALYSED_ROWS}")
    connection.execute("ANALYZE")
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat4'").fetchone():
        connection.execute("DELETE FROM sqlite_stat4")
        connection.execute("ANALYZE sqlite_schema")  # forget the samples in memory as well


# ---- what there is ----


def _applied(connection: Any) -> list[_Applied]:
    with _refusing():
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        rows = _rows(connection, with_sums="migration_checksums" in tables) if "schema_migrations" in tables else []
    if not rows and any(not name.startswith("sqlite_") for name in tables):
        raise DatabaseUnusable("The file holds tables that no migration of ours made: choose another data folder")
    return rows


def _rows(connection: Any, *, with_sums: bool) -> list[_Applied]:
    sums = "migration_checksums" if with_sums else "(SELECT 0 AS version, NULL AS name, NULL AS sha256)"
    sql = "SELECT m.version, m.applied_at, c.name, c.sha256 FROM schema_migrations m"
    return [_Applied(*row) for row in connection.execute(f"{sql} LEFT JOIN {sums} c USING (version)")]


def _state(number: int, known: Migration | None, applied: _Applied | None, last: int) -> MigrationState:
    name = known.name if known else (applied and applied.name) or "unknown"
    if applied is None:
        state = State.PENDING if number > last else State.SKIPPED
    elif known is None:
        state = State.UNKNOWN
    else:
        state = State.APPLIED if known.sha256 == applied.sha256 else State.CHANGED
    return MigrationState(number, name, state, applied.applied_at if applied else None)


def _pending(connection: Any, known: Sequence[Migration], to: int | None = None) -> list[Migration]:
    """By version. Raises DatabaseUnusable for any state that should not be."""
    states = status(connection, known)
    for each in reversed(states):  # the newest first: what a newer program left explains the rest
        if each.state in FAULTS:
            raise DatabaseUnusable(FAULTS[each.state].format(f"{each.version:03}_{each.name}"))
    open_ = {each.version for each in states if each.state is State.PENDING}
    return [m for m in known if m.version in open_ and (to is None or m.version <= to)]


def _check_target(connection: Any, known: Sequence[Migration], to: int | None) -> None:
    if to is None:
        return
    if to not in {m.version for m in known}:
        raise BadValue(f"There is no migration {to}: the last is {known[-1].label}")
    if to < (now := version(connection)):
        raise BadValue(f"The schema is at {now:03} and can not go back to {to:03}: restore a copy from before")


# ---- going up ----


def _apply_all(connection: Any, known: Sequence[Migration], to: int | None, *, keep_copy: bool) -> list[Migration]:
    applied = list[Migration]()
    with _patient(connection):
        while pending := _pending(connection, known, to):
            if _apply(connection, pending[0], known, keep_copy=keep_copy and not applied):
                applied.append(pending[0])
        if applied:
            _log.info("schema migrated", to=applied[-1].label, migrations=len(applied))
            with _refusing():
                analyse(connection)
    return applied


def _apply(connection: Any, migration: Migration, known: Sequence[Migration], *, keep_copy: bool) -> bool:
    """False: another process applied it while we waited for our turn."""
    with _foreign_keys_off(connection, migration.rebuilds), _transaction(connection, migration):
        if migration not in _pending(connection, known):
            return False
        if keep_copy:
            _keep_copy(connection)
        for statement in statements(migration):
            connection.execute(statement)
        if migration.rebuilds and (orphan := connection.execute("PRAGMA foreign_key_check").fetchone()):
            raise DatabaseUnusable(
                f"Migration {migration.label} would leave rows of {orphan[0]} without theirs in {orphan[2]}"
            )
        connection.execute(_CHECKSUMS)
        connection.execute("INSERT INTO schema_migrations (version) VALUES (?)", (migration.version,))
        connection.execute(
            "INSERT INTO migration_checksums (version, name, sha256) VALUES (?, ?, ?)",
            (migration.version, migration.name, migration.sha256),
        )
    return True


def _keep_copy(connection: Any) -> None:
    path, now = snapshot.path_of(connection), version(connection)
    if path is not None and now:
        snapshot.take(path, path.with_name(f"{path.name}.schema-{now:03}"))


def _rehearse(connection: Any, known: Sequence[Migration], to: int | None) -> list[Migration]:
    path = snapshot.path_of(connection)
    with TemporaryDirectory(prefix="migrate-", dir=path and path.parent) as folder:
        copy = Path(folder) / "copy.db"
        if path is not None:
            with _refusing():
                snapshot.take(path, copy)
        with closing(connect(copy)) as rehearsal:
            return _apply_all(rehearsal, known, to, keep_copy=False)


# ---- around a transaction ----


@contextmanager
def _transaction(connection: Any, migration: Migration) -> Iterator[None]:
    try:
        with _refusing():
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("COMMIT")
    except Unavailable as fault:  # neither busy nor full nor damaged: the statement does not fit the data
        raise DatabaseUnusable(
            f"Migration {migration.label} failed and nothing of it remains: {fault.__cause__}"
        ) from fault.__cause__
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (sqlite.DatabaseError, OSError) as fault:
        raise as_refusal(fault) from fault


@contextmanager
def _foreign_keys_off(connection: Any, off: bool) -> Iterator[None]:
    """Outside the transaction, where the pragma works: a table can be replaced without its children being emptied."""
    if off:
        connection.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        connection.execute("PRAGMA foreign_keys = ON")


@contextmanager
def _patient(connection: Any) -> Iterator[None]:
    before = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    connection.execute(f"PRAGMA busy_timeout = {TURN_MILLISECONDS}")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout = {before}")
