"""Value rules hold for whoever writes: our SQLite, Python's own, the sqlite3 shell."""

import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pysqlite3 import dbapi2

from mailserver.store.migration_files import FOUNDATION
from tests.service.schema.databases import TIME, fill, open_at
from tests.service.schema.published import TABLES

UID_MAX = 4294967295
STATUS = {
    "outbound_queue.status": ("pending", "sending", "sent", "failed"),
    "delivery_log.status": ("delivered", "bounced", "deferred", "rejected"),
    "delivery_log.direction": ("inbound", "outbound"),
    "sent_emails.status": ("queued", "sent", "delivered", "deferred", "bounced", "failed"),
}
NUMBERS = {
    "users.used_bytes": ((0, 1, 2**40), (-1, None, "many", 1.5)),
    "users.quota_bytes": ((0, None, 2**40), (-1, "much", 0.5)),
    "mailboxes.uidnext": ((1, UID_MAX), (0, -9, UID_MAX + 1, "one", 1.5)),
    "mailboxes.uidvalidity": ((1, UID_MAX), (0, -9, UID_MAX + 1, "now")),
    "messages.uid": ((7, UID_MAX), (0, -9, UID_MAX + 1, "one")),
    "messages.size": ((0, 2**40), (-1, "big")),
}
FLAGS = ("dns_mx_verified", "dns_spf_verified", "dns_dkim_verified", "dns_dmarc_verified", "totp_enabled")
BOOLEANS = [
    f"{table}.{column.split()[0]}"
    for table, spec in TABLES.items()
    for column in spec.columns
    if " BOOLEAN" in column or column.startswith(FLAGS)
]
TIMES = [
    f"{table}.{column.split()[0]}" for table, spec in TABLES.items() for column in spec.columns if " DATETIME" in column
]
NOT_A_TIME = (
    "2026-01-02T03:04:05",
    "2026-01-02 03:04:05Z",
    "2026-01-02 03:04:05.678",
    "2026-01-02 03:04:05+02:00",
    "2026-01-02 03:04",
    "2026-01-02",
    "2026-02-30 00:00:00",
    "2026-01-02 24:00:00",
    "now",
    "",
    1767323045,
    1767323045123,
    2460000.5,
    b"2026-01-02 03:04:05",
)

GOOD: list[tuple[str, Any]] = [
    *((column, value) for column, values in STATUS.items() for value in values),
    *((column, value) for column, (values, _) in NUMBERS.items() for value in values),
    *((column, value) for column in BOOLEANS for value in (0, 1)),
    *((column, "2024-02-29 23:59:59") for column in TIMES),
    ("messages.flags", ""),
]
BAD: list[tuple[str, Any]] = [
    *((column, value) for column in STATUS for value in ("banana", None, "", 1)),
    *((column, value) for column, (_, values) in NUMBERS.items() for value in values),
    *((column, value) for column in BOOLEANS for value in ("yes", 2, -1, None, 0.5)),
    *((column, value) for column in TIMES for value in NOT_A_TIME),
    ("messages.flags", None),
]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rules") / "mail.db"
    with closing(open_at(path)) as connection:
        fill(connection)
        connection.execute("UPDATE users SET used_bytes = 100")  # so that a message of -1 octets is no quota below 0
    return path


@pytest.fixture(scope="module", params=[dbapi2, sqlite3], ids=["ours", "pythons"])
def connection(request: pytest.FixtureRequest, path: Path) -> Iterator[Any]:
    connection = request.param.connect(str(path), isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    yield connection
    connection.close()


@pytest.fixture
def database(connection: Any) -> Iterator[Any]:
    connection.execute("BEGIN")
    yield connection
    connection.execute("ROLLBACK")


def update(connection: Any, column: str, value: Any) -> None:
    table, name = column.split(".")
    connection.execute(f"UPDATE {table} SET {name} = ? WHERE id = 2", (value,))


def insert(connection: Any, column: str, value: Any) -> None:
    """The second row of the table again, with another value in one column."""
    table, name = column.split(".")
    hidden = {row[1] for row in connection.execute(f"PRAGMA table_xinfo({table})") if row[6]}
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[1] not in hidden]
    row = dict(
        zip(names, connection.execute(f"SELECT {', '.join(names)} FROM {table} WHERE id = 2").fetchone(), strict=True)
    )
    connection.execute(f"DELETE FROM {table} WHERE id = 2")
    row[name] = value
    connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", [*row.values()])


@pytest.mark.parametrize("write", [update, insert])
def test_good_values_are_taken(database: Any, write: Any) -> None:
    for column, value in GOOD:
        database.execute("SAVEPOINT one")
        write(database, column, value)
        table, name = column.split(".")
        stored = database.execute(f"SELECT {name} FROM {table} WHERE id = 2").fetchone()
        assert stored == (value,), column
        database.execute("ROLLBACK TO one")
        database.execute("RELEASE one")


def names_it(column: str) -> str:
    """What a refusal begins with: the rule's own words, with the table first, or the column."""
    table = re.escape(column.split(".", maxsplit=1)[0])
    return rf"(CHECK constraint failed: )?{table}: |NOT NULL constraint failed: {re.escape(column)}"


@pytest.mark.parametrize("write", [update, insert])
def test_bad_values_are_refused_with_the_name_of_the_table(database: Any, write: Any) -> None:
    for column, value in BAD:
        database.execute("SAVEPOINT one")
        try:
            write(database, column, value)
        except (sqlite3.IntegrityError, dbapi2.IntegrityError) as fault:
            said = str(fault)
        else:
            said = "taken"
        database.execute("ROLLBACK TO one")
        database.execute("RELEASE one")
        assert re.match(names_it(column), said), (column, value, said)


def test_every_boolean_and_every_time_is_looked_at() -> None:
    assert len(BOOLEANS) == 14 + 5
    assert len(TIMES) == 48


def test_a_bad_value_from_before_the_rules_does_not_hold_up_other_changes(tmp_path: Path) -> None:
    with closing(open_at(tmp_path / "mail.db", FOUNDATION)) as connection:
        fill(connection)
        connection.execute("UPDATE users SET created_at = 1767323045, is_admin = 'no', quota_bytes = -1")
        connection.execute("UPDATE sessions SET created_at = '2026-01-02T03:04:05Z'")
        open_at(tmp_path / "mail.db").close()
        connection.execute("UPDATE users SET is_active = 0, display_name = 'Ann', used_bytes = 5")
        connection.execute("UPDATE sessions SET expires_at = ?", (TIME,))
        with pytest.raises(Exception, match="users: times are YYYY-MM-DD"):
            connection.execute("UPDATE users SET created_at = 1767323046")


@pytest.mark.parametrize(
    "table",
    [table for table, spec in TABLES.items() if any(column.startswith("updated_at") for column in spec.columns)],
)
def test_a_change_stamps_updated_at(database: Any, table: str) -> None:
    column = next(c.split()[0] for c in TABLES[table].columns if (" TEXT" in c and "name" in c) or "data" in c)
    database.execute(f"UPDATE {table} SET updated_at = ?", (TIME,))
    database.execute(f"UPDATE {table} SET {column} = 'changed' WHERE id = 2")
    stamped = database.execute(f"SELECT updated_at, updated_at > datetime('now', '-1 minute') FROM {table} ORDER BY id")
    assert [(row[0] == TIME, row[1]) for row in stamped] == [(True, 0), (False, 1)]


def test_a_stamp_of_the_statement_itself_stays(database: Any) -> None:
    database.execute("UPDATE users SET display_name = 'Ann', updated_at = ? WHERE id = 1", (TIME,))
    assert database.execute("SELECT updated_at FROM users WHERE id = 1").fetchone() == (TIME,)


def test_mail_coming_and_going_is_no_change_of_the_account(database: Any) -> None:
    database.execute("UPDATE users SET updated_at = ?", (TIME,))
    database.execute("UPDATE users SET used_bytes = used_bytes + 100")
    database.execute("DELETE FROM messages")
    assert database.execute("SELECT DISTINCT updated_at FROM users").fetchall() == [(TIME,)]


def test_stamping_ends_with_recursive_triggers_too(database: Any) -> None:
    database.execute("PRAGMA recursive_triggers = ON")
    database.execute("UPDATE users SET display_name = 'Ann', updated_at = NULL")
    database.execute("UPDATE users SET display_name = 'Bob'")
    database.execute("PRAGMA recursive_triggers = OFF")
    assert database.execute("SELECT count(*) FROM users WHERE updated_at IS NOT NULL").fetchone() == (2,)


@pytest.mark.parametrize(
    ("table", "column"),
    [("sieve_scripts", "is_active"), ("calendars", "is_default"), ("addressbooks", "is_default")],
)
def test_only_one_of_a_users_is_active_or_the_default(database: Any, table: str, column: str) -> None:
    database.execute(f"UPDATE {table} SET {column} = 1")  # one of each user
    with pytest.raises(Exception, match=f"UNIQUE constraint failed: {table}.user_id"):
        database.execute(f"UPDATE {table} SET user_id = 1")
    database.execute(f"UPDATE {table} SET {column} = 0")
    database.execute(f"UPDATE {table} SET user_id = 1")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO domains (name) SELECT upper(name) FROM domains WHERE id = 1",
        "INSERT INTO users (domain_id, username, password_hash) SELECT 1, upper(username), '' FROM users WHERE id = 1",
    ],
)
def test_names_are_one_whatever_their_case(database: Any, statement: str) -> None:
    with pytest.raises(Exception, match="UNIQUE constraint failed"):
        database.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users SET used_bytes = -1",
        "UPDATE mailboxes SET uidnext = 0",
        "UPDATE messages SET uid = 4294967296",
        "UPDATE outbound_queue SET status = 'banana'",
        "UPDATE domains SET is_active = 'yes'",
        "UPDATE sessions SET expires_at = 4102444800",
    ],
)
def test_the_shell_is_refused(path: Path, statement: str) -> None:
    shell = subprocess.run(["sqlite3", str(path), statement], capture_output=True, text=True, check=False)
    assert shell.returncode != 0
    assert f"{statement.split()[1]}: " in shell.stderr
