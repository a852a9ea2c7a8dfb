"""Accounts of a database from before 012 come through it: names in one spelling, every Maildir below the root."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailserver.store import migrate
from mailserver.store.database import connect

HASH = "$argon2id$unused"


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Any]:
    connection = connect(tmp_path / "mail.db")
    migrate.up(connection, to=11)
    connection.execute("INSERT INTO domains (name) VALUES ('Example.TEST'), ('..'), ('a/b.test')")
    for domain, name in [
        (1, "Ann"),
        (1, "../../etc"),
        (1, ".."),
        (1, ""),
        (2, "bob"),
        (3, "cat"),
        (1, "jörg"),
        (1, "a.b"),
    ]:
        connection.execute(
            "INSERT INTO users (domain_id, username, password_hash) VALUES (?, ?, ?)", (domain, name, HASH)
        )
    connection.execute(
        """INSERT INTO aliases (domain_id, source_address, destination_user_id, destination_external)
           VALUES (1, 'Team', 1, NULL), (1, 'team', 2, NULL), (1, 'out', NULL, 'x@far.example'),
               (1, 'both', 1, 'y@far.example')"""
    )
    yield connection
    connection.close()


def test_nothing_is_lost_and_nothing_leaves_its_folder(old: Any) -> None:
    migrate.up(old, to=12)
    assert old.execute("SELECT count(*) FROM users").fetchone() == (8,)
    assert old.execute("SELECT name FROM domains ORDER BY id").fetchall() == [("example.test",), ("..",), ("a/b.test",)]
    folders = [row[0] for row in old.execute("SELECT maildir FROM users ORDER BY id")]
    assert folders == ["example.test/ann", *(f"~users/{number}" for number in range(2, 9))]
    assert old.execute("SELECT subaddress_separator FROM domains WHERE id = 1").fetchone() == ("+",)


def test_the_oldest_alias_keeps_the_name(old: Any) -> None:
    migrate.up(old, to=12)
    aliases = old.execute("SELECT source_address, is_active FROM aliases ORDER BY id").fetchall()
    assert aliases == [("team", 1), ("team~2", 0), ("out", 1), ("both", 1)]


def test_an_alias_outlives_one_of_its_destinations_whoever_deletes_it(old: Any) -> None:
    migrate.up(old, to=12)
    old.execute("INSERT INTO alias_targets (alias_id, user_id) VALUES (1, 2), (1, 5)")
    old.execute("INSERT INTO alias_targets (alias_id, address) VALUES (1, 'z@far.example')")
    old.execute("DELETE FROM users WHERE id = 1")
    row = "SELECT destination_user_id, destination_external FROM aliases WHERE id = ?"
    rest = "SELECT user_id, address FROM alias_targets WHERE alias_id = 1 ORDER BY id"
    assert old.execute(row, (1,)).fetchone() == (2, None)
    assert old.execute(rest).fetchall() == [(5, None), (None, "z@far.example")]
    assert old.execute(row, (4,)).fetchone() == (None, "y@far.example")  # it had both in its own row
    old.execute("DELETE FROM users WHERE id = 5")
    old.execute("DELETE FROM users WHERE id = 2")
    assert old.execute(row, (1,)).fetchone() == (None, "z@far.example")
    assert old.execute(rest).fetchall() == []
    assert old.execute("PRAGMA foreign_key_check").fetchall() == []
    old.execute("DELETE FROM domains WHERE id = 1")
    assert old.execute("SELECT count(*) FROM aliases").fetchone() == (0,)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO alias_targets (alias_id, user_id, address) VALUES (1, 1, 'x@far.example')",
        "INSERT INTO alias_targets (alias_id) VALUES (1)",
        "INSERT INTO alias_targets (alias_id, address) VALUES (1, '')",
        "INSERT INTO aliases (domain_id, source_address, destination_external) VALUES (1, 'new', '')",
        "INSERT INTO aliases (domain_id, source_address, destination_user_id) VALUES (1, 'TEAM', 1)",
        "UPDATE aliases SET destination_external = '' WHERE id = 3",
    ],
)
def test_what_can_not_be_is_refused_by_the_database(old: Any, statement: str) -> None:
    migrate.up(old, to=12)
    with pytest.raises(Exception, match=r"constraint failed|empty"):
        old.execute(statement)
