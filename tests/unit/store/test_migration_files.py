"""Migration files: names, statements, and what none may do."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.errors import DatabaseUnusable
from mailserver.store.migrate import find
from mailserver.store.migration_files import (
    Migration,
    check,
    foundation_tables,
    load,
    parse_name,
    statements,
    without_comments,
)

TRIGGER = """CREATE TRIGGER t AFTER UPDATE ON a WHEN NEW.x > 1 BEGIN
    UPDATE a SET x = CASE WHEN y = ';' THEN 1 ELSE 2 END;
    DELETE FROM b;
END;"""


def migration(text: str) -> Migration:
    return Migration(9, "nine", text)


@pytest.mark.parametrize(
    ("name", "parsed"),
    [("001_foundation.sql", (1, "foundation")), ("012_a2.sql", (12, "a2")), ("999_x_y.sql", (999, "x_y"))],
)
def test_names(name: str, parsed: tuple[int, str]) -> None:
    assert parse_name(name) == parsed


@pytest.mark.parametrize(
    "name",
    [
        "000_zero.sql",
        "1_short.sql",
        "0001_long.sql",
        "001-dash.sql",
        "001_.sql",
        "001_Upper.sql",
        "٠٠١_x.sql",
        "001_x.sql\n",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(DatabaseUnusable, match=r"is not named like"):
        parse_name(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1;SELECT 2;", ["SELECT 1;", "SELECT 2;"]),
        ("-- why; because\nSELECT 1;\n-- end", ["-- why; because\nSELECT 1;"]),
        ("/* a; b */ SELECT ';', \"c;d\";", ["/* a; b */ SELECT ';', \"c;d\";"]),
        (TRIGGER + "SELECT 1;", [TRIGGER, "SELECT 1;"]),
        ("SELECT 'it''s; fine';", ["SELECT 'it''s; fine';"]),
        (" ; ;SELECT 1;;\n", ["SELECT 1;"]),
        ("", []),
        ("-- nothing", []),
    ],
)
def test_statements_end_at_their_own_semicolon(text: str, expected: list[str]) -> None:
    assert list(statements(migration(text))) == expected


@pytest.mark.parametrize("text", ["SELECT 1", "SELECT 1; SELECT 'a;", TRIGGER[:-4], "SELECT 1; /* open; */ x"])
def test_a_file_that_ends_within_a_statement_is_refused(text: str) -> None:
    with pytest.raises(DatabaseUnusable, match="last semicolon is missing"):
        list(statements(migration(text)))


@pytest.mark.parametrize(
    "text", ["BEGIN;", "commit;", "-- x\n  PRAGMA foreign_keys = OFF;", "SELECT 1; VACUUM;", "END;"]
)
def test_the_transaction_is_the_runners(text: str) -> None:
    with pytest.raises(DatabaseUnusable, match="the runner does that"):
        list(statements(migration(text)))


@given(st.lists(st.sampled_from(["SELECT 1;", TRIGGER, "-- c;\n", "/* ; */", "INSERT INTO a VALUES (';--');", "\n"])))
def test_every_statement_comes_out_once_and_in_order(pieces: list[str]) -> None:
    expected = [without_comments(p) for p in pieces if without_comments(p)]
    assert [without_comments(s) for s in statements(migration("".join(pieces)))] == expected


@pytest.mark.parametrize(
    "drop",
    [
        "DROP TABLE users;",
        "drop  table\nif exists Users ;",
        "DROP /* now */ TABLE main.users;",
        'DROP TABLE "users";',
        "DROP TABLE 'users';",
        "DROP TABLE [users];",
        'SELECT 1; DROP TABLE "main"."users"; SELECT 2;',
    ],
)
def test_dropping_a_protected_table_is_seen_however_it_is_written(drop: str) -> None:
    with pytest.raises(DatabaseUnusable, match="drops users"):
        check(migration(drop), frozenset({"users"}))
    check(migration("-- rebuild\n" + drop), frozenset({"users"}))


@pytest.mark.parametrize("harmless", ["DROP TABLE users_old;", "DROP INDEX users;", "SELECT 'DROP TABLE users;';"])
def test_other_drops_are_not(harmless: str) -> None:
    check(migration(harmless), frozenset({"users"}))


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(DatabaseUnusable, match="no statement yet"):
        check(migration("-- what this will do\n"), frozenset())


def test_the_foundation_is_protected() -> None:
    protected = foundation_tables(find())
    assert {"users", "messages", "contacts", "schema_migrations", "totp_trusted_devices"} <= protected
    assert len(protected) == 23


def test_our_own_files_pass() -> None:
    migrations = find()
    for each in migrations:
        check(each, foundation_tables(migrations))
        assert each.text.startswith("--"), f"{each.label} says at its top what it adds and why"


def test_a_folder_is_read_in_order(tmp_path: Path) -> None:
    for name in ("010_ten.sql", "002_two.sql", "001_one.sql", "README"):
        (tmp_path / name).write_text("SELECT 1;")
    assert [m.label for m in load(tmp_path)] == ["001_one", "002_two", "010_ten"]
    (tmp_path / "002_again.sql").write_text("SELECT 1;")
    with pytest.raises(DatabaseUnusable, match="002_again and 002_two"):
        load(tmp_path)


def test_an_empty_folder_is_an_incomplete_installation(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="not complete"):
        load(tmp_path)
