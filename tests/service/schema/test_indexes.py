"""After the clean-up no index is there twice, and every foreign key has one."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.service.schema.databases import BOOKS, open_at, tables


class Index(NamedTuple):
    name: str
    columns: tuple[tuple[str, str], ...]  # (name, collation); "" for an expression
    partial: bool
    unique: bool


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    connection = open_at(tmp_path_factory.mktemp("indexes") / "mail.db")
    yield connection
    connection.close()


def indexes(connection: Any, table: str) -> list[Index]:
    return [
        Index(
            name,
            tuple(
                (column or "", collation)
                for _, _, column, _, collation, is_key in connection.execute(f"PRAGMA index_xinfo({name})")
                if is_key
            ),
            bool(partial),
            bool(unique),
        )
        for _, name, unique, _, partial in connection.execute(f"PRAGMA index_list({table})")
    ]


def test_no_index_is_the_beginning_of_another(database: Any) -> None:
    twice = [
        (short.name, long.name)
        for table in tables(database)
        for short in indexes(database, table)
        for long in indexes(database, table)
        if short.name != long.name
        and not (short.partial or short.unique or long.partial)
        and long.columns[: len(short.columns)] == short.columns
    ]
    assert twice == []


def test_every_foreign_key_has_an_index(database: Any) -> None:
    without = []
    for table in (each for each in tables(database) if each not in BOOKS):
        leading = {index.columns[0][0] for index in indexes(database, table)}
        keys = {row[1] for row in database.execute(f"PRAGMA table_info({table})") if row[5] == 1}
        referring = {row[3] for row in database.execute(f"PRAGMA foreign_key_list({table})")}
        without += [f"{table}.{column}" for column in sorted(referring - leading - keys)]
    assert without == []


@pytest.mark.parametrize("column", ["status", "recipient"])
def test_a_log_page_is_read_from_an_index_without_sorting(database: Any, column: str) -> None:
    sql = f"SELECT * FROM delivery_log WHERE {column} = ? ORDER BY created_at DESC, id DESC LIMIT 100"
    plan = " ".join(row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}", ("x",)))
    assert f"idx_delivery_log_{column}_time" in plan
    assert "TEMP B-TREE" not in plan


def test_the_newest_log_rows_are_read_backwards(database: Any) -> None:
    for log in ("auth_log", "delivery_log"):
        sql = f"EXPLAIN QUERY PLAN SELECT * FROM {log} ORDER BY created_at DESC, id DESC LIMIT 100"
        assert [row[3] for row in database.execute(sql)] == [f"SCAN {log} USING INDEX idx_{log}_time"]
