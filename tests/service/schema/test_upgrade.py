"""From every earlier version with data in every table to head: no row lost, no value changed."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mailserver.store import check, migrate
from mailserver.store.migration_files import FOUNDATION
from tests.service.schema.databases import HEAD, ROWS, fill, open_at, rows, tables


@pytest.mark.parametrize("version", range(1, HEAD))
def test_no_row_is_lost_on_the_way_to_head(tmp_path: Path, version: int) -> None:
    with closing(open_at(tmp_path / "mail.db", version)) as connection:
        fill(connection)
        before = rows(connection)
        assert {len(found) for table, found in before.items() if table != "server_state"} == {ROWS}
        migrate.up(connection)
        after = rows(connection)
        assert {table: kept(table, found, after[table]) for table, found in before.items()} == stored(before)
        assert check.check(connection).sound


CHANGES = {  # of every table: a migration that fills a new column is a change
    "updated_at",
    "calendars.is_default",  # somebody's only one becomes the default with 024
    "addressbooks.is_default",
    "change_counters.modseq",  # members of calendars and address books got numbers with 024
}
COMPUTED = {"is_seen", "is_deleted", "is_flagged", "flag_letters"}  # from flags, which stay; gone with 016


def kept(table: str, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of now in the columns of then."""
    return [
        {name: old if {name, f"{table}.{name}"} & CHANGES else row[name] for name, old in was.items()}
        for was, row in zip(stored_columns(before), after, strict=True)
    ]


def stored(found: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    return {table: stored_columns(those) for table, those in found.items()}


def stored_columns(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in COMPUTED} for row in found]


def test_an_upgraded_schema_equals_a_new_one(tmp_path: Path) -> None:
    sql = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' ORDER BY 1, 2"
    with closing(open_at(tmp_path / "old.db", FOUNDATION)) as old, closing(open_at(tmp_path / "new.db")) as new:
        fill(old)
        migrate.up(old)
        assert old.execute(sql).fetchall() == new.execute(sql).fetchall()


def test_several_active_scripts_and_defaults_of_old_become_the_last_changed(tmp_path: Path) -> None:
    with closing(open_at(tmp_path / "mail.db", FOUNDATION)) as connection:
        fill(connection)
        connection.execute("UPDATE sieve_scripts SET user_id = 1, is_active = 1, updated_at = '2026-01-0' || (5 - id)")
        connection.execute("UPDATE calendars SET user_id = 1, is_default = 1")
        connection.execute("UPDATE addressbooks SET is_default = 1, updated_at = NULL")
        migrate.up(connection)
        assert connection.execute("SELECT is_active FROM sieve_scripts ORDER BY id").fetchall() == [(1,), (0,)]
        first = connection.execute("SELECT is_default FROM calendars WHERE user_id = 1 ORDER BY id").fetchall()
        assert first == [(0,), (1,)]
        assert connection.execute("SELECT is_default FROM addressbooks").fetchall() == [(1,), (1,)]


def test_queue_rows_of_old_without_a_status_of_the_schema_are_listed_as_what_they_are(tmp_path: Path) -> None:
    with closing(open_at(tmp_path / "mail.db", FOUNDATION)) as connection:
        fill(connection)
        connection.execute("UPDATE outbound_queue SET status = 'pending'")
        connection.execute("UPDATE outbound_queue SET status = NULL WHERE id = 1")
        connection.execute("UPDATE outbound_queue SET status = 'frozen' WHERE id = 2")
        migrate.up(connection)
        found = connection.execute("SELECT status, ended_as FROM outbound_queue ORDER BY id").fetchall()
    assert found == [("pending", None), ("failed", "bounced")]


def test_names_of_old_that_differ_in_case_only_are_told_apart(tmp_path: Path) -> None:
    with closing(open_at(tmp_path / "mail.db", FOUNDATION)) as connection:
        connection.execute("INSERT INTO domains (name) VALUES ('example.com'), ('Example.com'), ('EXAMPLE.COM')")
        connection.execute(
            "INSERT INTO users (domain_id, username, password_hash) VALUES (1, 'Ann', ''), (1, 'ann', '')"
        )
        connection.execute("INSERT INTO users (domain_id, username, password_hash) VALUES (2, 'ANN', '')")
        migrate.up(connection)
        domains = connection.execute("SELECT name, is_active FROM domains ORDER BY id").fetchall()
        assert domains == [("example.com", 1), ("example.com:2", 0), ("example.com:3", 0)]
        users = connection.execute("SELECT username, is_active FROM users ORDER BY id").fetchall()
        assert users == [("ann", 1), ("ann:2", 0), ("ann", 1)]


def test_info_tells_version_and_rows(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    with closing(open_at(path)) as connection:
        fill(connection)
        info = check.info(connection)
        assert (info.path, info.schema_version, info.journal_mode) == (str(path), HEAD, "wal")
        assert info.octets == info.page_size * info.page_count
        assert info.wal_octets == path.with_name("mail.db-wal").stat().st_size > 0
        counted = {table.name: table.rows for table in info.tables}
        assert set(tables(connection)) < set(counted)
        assert counted["messages"] == ROWS
        assert counted["schema_migrations"] == HEAD


def test_check_names_rows_without_parents(tmp_path: Path) -> None:
    with closing(open_at(tmp_path / "mail.db")) as connection:
        fill(connection)
        assert check.check(connection).sound
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("DELETE FROM calendars WHERE id = 2")
        report = check.check(connection)
        assert not report.sound
        orphans = [
            check.Orphan(table, 2, "calendars") for table in ("calendar_events", "calendar_links", "calendar_sources")
        ]
        assert sorted(report.orphans, key=lambda each: each.table) == orphans


def test_check_reports_damage_instead_of_raising(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    with closing(open_at(path)) as connection:
        fill(connection)
        root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'idx_users_username'").fetchone()[0]
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    with closing(open_raw(path)) as connection:
        report = check.check(connection)
    assert not report.sound
    assert report.damage


def open_raw(path: Path) -> Any:
    return migrate.connect(path)


def test_messages_without_flags_get_the_text_for_none(tmp_path: Path) -> None:
    with closing(open_at(tmp_path / "mail.db", FOUNDATION)) as connection:
        fill(connection)
        connection.execute("UPDATE messages SET flags = NULL")
        migrate.up(connection)
        assert {flags for (flags,) in connection.execute("SELECT flags FROM messages")} == {""}


def test_calendars_and_contacts_of_old_get_names_and_numbers_of_their_own(tmp_path: Path) -> None:
    with closing(open_at(tmp_path / "mail.db", 23)) as connection:
        fill(connection)
        connection.execute("UPDATE calendar_events SET calendar_id = 1, icalendar_data = 'begin:vtodo é'")
        connection.execute("UPDATE contacts SET uid = 'a/b' WHERE id = 2")
        connection.execute("UPDATE calendars SET uid = 'inbox' WHERE id = 2")
        migrate.up(connection)
        events = connection.execute("SELECT href, component, size, modseq FROM calendar_events ORDER BY id").fetchall()
        assert events == [("uid-1.ics", "VTODO", 14, 2), ("uid-2.ics", "VTODO", 14, 3)]
        assert connection.execute("SELECT modseq FROM change_counters ORDER BY user_id").fetchall() == [(4,), (2,)]
        kept_name, made_name = connection.execute("SELECT href FROM contacts ORDER BY id").fetchall()
        assert kept_name == ("uid-1.vcf",)
        assert len(made_name[0]) == 36
        slugs = connection.execute("SELECT slug, member_count, octets, modseq FROM calendars ORDER BY id").fetchall()
        assert slugs[0] == ("uid-1", 2, 28, 3)
        assert len(slugs[1][0]) == 32


def test_everybody_of_old_gets_a_default_calendar_and_address_book(tmp_path: Path) -> None:
    with closing(open_at(tmp_path / "mail.db", 23)) as connection:
        fill(connection)
        connection.execute("DELETE FROM calendars WHERE user_id = 2")
        connection.execute("DELETE FROM addressbooks")
        migrate.up(connection)
        found = connection.execute("SELECT user_id, slug, is_default FROM calendars ORDER BY user_id, slug").fetchall()
        assert found == [(1, "uid-1", 1), (2, "calendar", 1), (2, "tasks", 0)]
        found = connection.execute("SELECT user_id, slug, is_default FROM addressbooks ORDER BY user_id").fetchall()
        assert found == [(1, "contacts", 1), (2, "contacts", 1)]


def test_members_and_collections_that_other_programs_add_get_names(tmp_path: Path) -> None:
    with closing(open_at(tmp_path / "mail.db")) as connection:
        fill(connection)
        named = "SELECT count(*) FROM {} WHERE {} <> ''"
        for table, column in (("calendars", "slug"), ("calendar_events", "href"), ("contacts", "href")):
            assert connection.execute(named.format(table, column)).fetchone() == (ROWS,), table


def test_what_dav_keeps_goes_with_its_resource(tmp_path: Path) -> None:
    with closing(open_at(tmp_path / "mail.db")) as connection:
        fill(connection)
        kinds = ("principal", "calendar-home", "addressbook-home", "calendar", "addressbook", "event", "contact")
        for kind in (*kinds, "share"):
            connection.execute("INSERT OR REPLACE INTO dav_properties VALUES (?, 1, 'n', x'00')", (kind,))
        connection.execute("DELETE FROM users")
        for table in ("dav_properties", "dav_removed", "dav_shares", "dav_locks"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
