"""A migration as text: its name, its statements, and what none may do. Pure but for reading the folder."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from itertools import pairwise

from pysqlite3 import dbapi2 as sqlite

from mailserver.errors import DatabaseUnusable

# The transaction is the runner's, and a pragma inside one is mostly ignored without a word.
NOT_IN_A_FILE = frozenset({
    "ATTACH", "BEGIN", "COMMIT", "DETACH", "END", "PRAGMA", "RELEASE", "ROLLBACK", "SAVEPOINT", "VACUUM",
})  # fmt: skip
FOUNDATION = 8  # 001 to 008 are the published schema: its tables hold people's mail
REBUILD = "-- rebuild"  # a line of its own: this file replaces a table on purpose

_NAME = re.compile(r"([0-9]{3})_([a-z][a-z0-9_]{0,59})\.sql")
_COMMENT_OR_QUOTED = re.compile(r"--[^\n]*|/\*.*?(?:\*/|$)|'[^']*'|\"[^\"]*\"", re.DOTALL)
_NAMED = r"(?:[\w\"'`\[\]]+\s*\.\s*)?[\"'`\[]?(\w+)"
_DROP_TABLE = re.compile(rf"DROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?{_NAMED}", re.IGNORECASE)
_CREATE_TABLE = re.compile(rf"CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?{_NAMED}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Migration:
    version: int  # from 1 on, the number in the file's name
    name: str  # "value_rules"
    text: str

    @property
    def label(self) -> str:
        return f"{self.version:03}_{self.name}"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def rebuilds(self) -> bool:
        return REBUILD in (line.strip() for line in self.text.splitlines())


def parse_name(file_name: str) -> tuple[int, str]:
    """'009_value_rules.sql' → (9, 'value_rules'). Raises DatabaseUnusable."""
    match = _NAME.fullmatch(file_name)
    if match is None or int(match[1]) == 0:
        raise DatabaseUnusable(f"Migration {file_name!r} is not named like 014_short_name.sql")
    return int(match[1]), match[2]


def load(folder: Traversable) -> list[Migration]:
    """All *.sql of the folder, by version. Raises DatabaseUnusable: none, misnamed, or a number twice."""
    files = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    migrations = sorted(
        (Migration(*parse_name(file.name), file.read_text("utf-8")) for file in files), key=lambda m: m.label
    )
    for earlier, later in pairwise(migrations):
        if earlier.version == later.version:
            raise DatabaseUnusable(f"Two migrations have one number: {earlier.label} and {later.label}; rename one")
    if not migrations:
        raise DatabaseUnusable(f"No migrations in {folder}: the installation is not complete")
    return migrations


def statements(migration: Migration) -> Iterator[str]:
    """Whole statements, each with its semicolon. A trigger's inner semicolons do not end it.

    Raises DatabaseUnusable where the file ends within a statement, and for one of NOT_IN_A_FILE.
    """
    statement = ""
    for piece in re.split(r"(?<=;)", migration.text):
        statement += piece
        if piece.endswith(";") and sqlite.complete_statement(statement):
            if (bare := without_comments(statement)) != ";":
                yield _allowed(migration, bare, statement)
            statement = ""
    if without_comments(statement):
        raise DatabaseUnusable(f"Migration {migration.label} ends within a statement: its last semicolon is missing")


def without_comments(sql: str) -> str:
    return _COMMENT_OR_QUOTED.sub(lambda m: m[0] if m[0][0] in "'\"" else " ", sql).strip()


def _allowed(migration: Migration, bare: str, statement: str) -> str:
    word = re.split(r"\W", bare, maxsplit=1)[0].upper()
    if word in NOT_IN_A_FILE:
        raise DatabaseUnusable(f"Migration {migration.label} may not use {word}: the runner does that")
    return statement.strip()


def check(migration: Migration, protected: frozenset[str]) -> None:
    """Refuse a file that could not run whole, or drops a protected table without saying that it rebuilds it.

    With foreign keys on, dropping a parent empties its children.
    """
    bare = [without_comments(statement) for statement in statements(migration)]
    if not bare:
        raise DatabaseUnusable(f"Migration {migration.label} has no statement yet")
    dropped = protected & {match[1].lower() for sql in bare if (match := _DROP_TABLE.match(sql))}
    if dropped and not migration.rebuilds:
        names = ", ".join(sorted(dropped))
        raise DatabaseUnusable(
            f"Migration {migration.label} drops {names}, and with it what refers to it: "
            f"if the file makes it anew with all its rows, put the line '{REBUILD}' at its top"
        )


def foundation_tables(migrations: Sequence[Migration]) -> frozenset[str]:
    """The tables of the published schema."""
    return frozenset(
        match[1].lower()
        for migration in migrations
        if migration.version <= FOUNDATION
        for statement in statements(migration)
        if (match := _CREATE_TABLE.match(without_comments(statement)))
    )
