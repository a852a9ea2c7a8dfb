"""Migrations 001 to 008 make the published schema: every table, column, key and index, and nothing else."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from mailserver.store import migrate
from mailserver.store.migration_files import statements
from tests.service.schema.databases import BOOKS, KNOWN, open_at, tables
from tests.service.schema.published import INDEXES, NO_OPS_OF_008, SCHEMA_MIGRATIONS, TABLES

_COLUMN = re.compile(r"(\w+) (\w+)( NOT NULL)?(?: DEFAULT (.*))?")
_KEY = re.compile(r"(\w+) > (\w+)\.(\w+) (.*)")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    connection = open_at(tmp_path_factory.mktemp("published") / "mail.db", 8)
    yield connection
    connection.close()


def columns(connection: Any, table: str) -> list[tuple[Any, ...]]:
    """(name, type, not null, default, place in the primary key, hidden)"""
    return [row[1:] for row in connection.execute(f"PRAGMA table_xinfo({table})")]


def expected_column(text: str) -> tuple[Any, ...]:
    match = _COLUMN.fullmatch(text)
    assert match is not None, text
    return match[1], match[2], 1 if match[3] else 0, match[4], 0, 0


def index(connection: Any, name: str, table: str) -> str:
    parts = [
        column + (" DESC" if descending else "")
        for _, _, column, descending, _, is_key in connection.execute(f"PRAGMA index_xinfo({name})")
        if is_key
    ]
    return f"{table}({', '.join(parts)})"


def named_indexes(connection: Any) -> dict[str, str]:
    sql = "SELECT name, tbl_name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
    return {name: index(connection, name, table) for name, table in connection.execute(sql)}


def test_the_tables_are_those_published(database: Any) -> None:
    assert set(tables(database)) == set(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_columns_have_their_order_type_default_and_key(database: Any, table: str) -> None:
    expected = [("id", "INTEGER", 0, None, 1, 0), *map(expected_column, TABLES[table].columns)]
    assert columns(database, table) == expected


@pytest.mark.parametrize("table", TABLES)
def test_ids_are_never_given_again(database: Any, table: str) -> None:
    (sql,) = database.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    assert "id INTEGER PRIMARY KEY AUTOINCREMENT" in sql


@pytest.mark.parametrize("table", TABLES)
def test_foreign_keys_have_their_action(database: Any, table: str) -> None:
    found = {
        (column, parent, to, on_delete, on_update)
        for _, _, parent, column, to, on_update, on_delete, _ in database.execute(f"PRAGMA foreign_key_list({table})")
    }
    matches = [_KEY.fullmatch(text) for text in TABLES[table].foreign_keys]
    assert found == {(*match.groups(), "NO ACTION") for match in matches if match}
    assert None not in matches


@pytest.mark.parametrize("table", TABLES)
def test_what_must_be_unique_is(database: Any, table: str) -> None:
    listed = database.execute(f"PRAGMA index_list({table})").fetchall()
    found = {index(database, name, "") for _, name, unique, origin, _ in listed if unique and origin == "u"}
    assert found == {f"({each})" for each in TABLES[table].unique}
    assert not [row for row in listed if row[4]], "no index of 001-008 is partial"


def test_indexes_have_their_names_columns_and_direction(database: Any) -> None:
    assert named_indexes(database) == {name: on for group in INDEXES.values() for name, on in group.items()}


def test_schema_migrations_has_its_two_columns_and_no_more(database: Any) -> None:
    version, applied_at = (expected_column(text) for text in SCHEMA_MIGRATIONS)
    assert columns(database, "schema_migrations") == [(*version[:4], 1, 0), applied_at]


def test_the_totals_are_the_published_ones_and_our_two_address_book_tables(database: Any) -> None:
    automatic = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'sqlite_autoindex%' AND tbl_name NOT IN (?, ?)"
    assert len(tables(database)) == 20 + 2
    assert len(named_indexes(database)) == 60 + 6
    assert database.execute(automatic, sorted(BOOKS)).fetchone() == (15 + 2,)


def test_an_alias_leads_somewhere(database: Any) -> None:
    with pytest.raises(Exception, match="CHECK constraint failed"):
        database.execute("INSERT INTO aliases (domain_id, source_address) VALUES (1, 'info')")


def test_each_migration_states_the_indexes_of_its_number() -> None:
    for migration in KNOWN[:8]:
        stated = re.findall(r"CREATE INDEX IF NOT EXISTS (\w+) ON (.*);", migration.text)
        assert dict(stated) == INDEXES[migration.version], migration.label


def test_exactly_four_lines_of_008_change_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    connection = open_at(tmp_path_factory.mktemp("no-ops") / "mail.db", 7)
    without_effect = set()
    for statement in statements(KNOWN[7]):
        before = named_indexes(connection)
        connection.execute(statement)
        if named_indexes(connection) == before:
            without_effect.add(re.search(r"EXISTS (\w+)", statement)[1])
    connection.close()
    assert without_effect == NO_OPS_OF_008


def test_the_versions_are_written_down(database: Any) -> None:
    assert [s.version for s in migrate.status(database) if s.state == "applied"] == list(range(1, 9))
