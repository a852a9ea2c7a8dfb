"""What goes with what, and that foreign keys are on wherever they must be."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailserver.store.database import Rx, connect
from mailserver.store.store import Store
from tests.service.schema.databases import HEAD, ROWS, fill, open_at
from tests.service.schema.published import EMPTIED_WITH, GONE_WITH, TABLES


@pytest.fixture(scope="module", params=[8, HEAD], ids=["008", "head"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    connection = open_at(tmp_path_factory.mktemp("cascades") / "mail.db", request.param)
    fill(connection)
    if request.param == HEAD:  # an alias with another destination outlives its user; here each has one
        connection.execute("DELETE FROM alias_targets")
    yield connection
    connection.close()


@pytest.fixture
def database(filled: Any) -> Iterator[Any]:
    filled.execute("BEGIN")
    yield filled
    assert filled.execute("PRAGMA foreign_key_check").fetchall() == []
    filled.execute("ROLLBACK")


def count(connection: Any, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@pytest.mark.parametrize("table", GONE_WITH)
def test_what_goes_with_a_row(database: Any, table: str) -> None:
    database.execute(f"DELETE FROM {table} WHERE id = 1")
    left = {each: count(database, each) for each in TABLES}
    assert left == {each: ROWS - (each in GONE_WITH[table] | {table}) for each in TABLES}


@pytest.mark.parametrize("table", EMPTIED_WITH)
def test_history_stays_and_only_its_reference_goes(database: Any, table: str) -> None:
    database.execute(f"DELETE FROM {table} WHERE id = 1")
    for reference in EMPTIED_WITH[table]:
        child, column = reference.split(".")
        assert count(database, child) == ROWS
        assert database.execute(f"SELECT {column} FROM {child} ORDER BY id").fetchall() == [(None,), (2,)]


def test_the_logs_and_the_queue_outlive_their_domain(database: Any) -> None:
    database.execute("DELETE FROM domains")
    left = {table for table in TABLES if count(database, table)}
    assert left == {"auth_log", "delivery_log", "outbound_queue"}


def test_a_row_without_its_parent_is_refused(database: Any) -> None:
    with pytest.raises(Exception, match="FOREIGN KEY constraint failed"):
        database.execute("INSERT INTO subscriptions (user_id, mailbox_name) VALUES (99, 'INBOX')")


@pytest.mark.parametrize("read_only", [False, True])
def test_foreign_keys_are_on_in_a_connection(tmp_path: Path, read_only: bool) -> None:
    connect(tmp_path / "mail.db").close()
    connection = connect(tmp_path / "mail.db", read_only=read_only)
    assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
    connection.close()


async def test_foreign_keys_are_on_in_every_connection_of_the_store(store: Store) -> None:
    def on(rx: Rx) -> int:
        row = rx.one("PRAGMA foreign_keys")
        return int(row[0]) if row else 0

    readers = asyncio.gather(*(store.read(on) for _ in range(store.config.readers * 4)))
    assert set(await readers) == {1}
    assert await store.write(on) == 1
