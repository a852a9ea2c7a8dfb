"""The runner: whole files or nothing, no drift, no way back, a copy before an upgrade."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailserver.errors import BadValue, DatabaseUnusable, InUse
from mailserver.store import migrate
from mailserver.store.database import connect
from mailserver.store.migrate import State
from mailserver.store.migration_files import Migration
from tests.service.schema.databases import HEAD, KNOWN

VERSIONS = (
    "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, applied_at DATETIME DEFAULT CURRENT_TIMESTAMP);"
)
FIRST = Migration(1, "first", f"{VERSIONS} CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);")
SECOND = Migration(
    2, "second", "ALTER TABLE people ADD COLUMN age INTEGER; CREATE TABLE pets (id INTEGER PRIMARY KEY);"
)
THIRD = Migration(3, "third", "CREATE INDEX by_name ON people(name);")
ALL = [FIRST, SECOND, THIRD]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mail.db"


@pytest.fixture
def database(path: Path) -> Iterator[Any]:
    connection = connect(path)
    yield connection
    connection.close()


def tables(connection: Any) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def states(connection: Any, known: list[Migration]) -> list[str]:
    return [each.state for each in migrate.status(connection, known)]


def copies(path: Path) -> list[str]:
    return sorted(p.name for p in path.parent.iterdir() if ".schema-" in p.name)


def test_up_applies_all_once_and_says_which(database: Any) -> None:
    assert states(database, ALL) == [State.PENDING] * 3
    assert migrate.up(database, migrations=ALL) == ALL
    assert states(database, ALL) == [State.APPLIED] * 3
    assert migrate.up(database, migrations=ALL) == []
    migrate.require_current(database, ALL)


def test_up_to_a_number_stops_there(database: Any) -> None:
    assert migrate.up(database, 2, migrations=ALL) == [FIRST, SECOND]
    assert migrate.version(database) == 2
    with pytest.raises(DatabaseUnusable, match="at schema 002 and 003_third is needed: run 'mailserver migrate up'"):
        migrate.require_current(database, ALL)


@pytest.mark.parametrize(("to", "text"), [(1, "can not go back to 001"), (4, "no migration 4: the last is 003_third")])
def test_only_a_known_number_ahead_can_be_reached(database: Any, to: int, text: str) -> None:
    migrate.up(database, 2, migrations=ALL)
    with pytest.raises(BadValue, match=text):
        migrate.up(database, to, migrations=ALL)


def test_a_dry_run_tries_everything_and_leaves_nothing(database: Any, path: Path) -> None:
    migrate.up(database, 1, migrations=ALL)
    before = sorted(os.listdir(path.parent))
    assert migrate.up(database, dry_run=True, migrations=ALL) == [SECOND, THIRD]
    assert migrate.version(database) == 1
    assert sorted(os.listdir(path.parent)) == before


def test_a_dry_run_finds_data_that_a_migration_can_not_take(database: Any) -> None:
    migrate.up(database, 1, migrations=ALL)
    database.execute("INSERT INTO people (name) VALUES ('ann'), ('ann')")
    unique = Migration(2, "unique", "CREATE UNIQUE INDEX one_name ON people(name);")
    with pytest.raises(DatabaseUnusable, match=r"002_unique failed and nothing of it remains: UNIQUE constraint"):
        migrate.up(database, dry_run=True, migrations=[FIRST, unique])


def test_a_failing_file_leaves_nothing_and_later_runs_go_on_from_there(database: Any) -> None:
    broken = Migration(2, "second", f"{SECOND.text} INSERT INTO nowhere VALUES (1);")
    with pytest.raises(DatabaseUnusable, match=r"002_second failed .*: no such table: nowhere"):
        migrate.up(database, migrations=[FIRST, broken, THIRD])
    assert "pets" not in tables(database)
    assert not database.in_transaction
    assert migrate.up(database, migrations=ALL) == [SECOND, THIRD]


def test_a_changed_file_is_refused(database: Any) -> None:
    migrate.up(database, 2, migrations=ALL)
    edited = Migration(1, "first", FIRST.text + " ")
    assert states(database, [edited, SECOND, THIRD]) == [State.CHANGED, State.APPLIED, State.PENDING]
    with pytest.raises(DatabaseUnusable, match="001_first is not the one that was applied"):
        migrate.up(database, migrations=[edited, SECOND, THIRD])
    with pytest.raises(DatabaseUnusable, match="001_first"):
        migrate.require_current(database, [edited, SECOND])
    assert migrate.version(database) == 2


def test_a_newer_schema_is_refused(database: Any) -> None:
    migrate.up(database, migrations=ALL)
    assert states(database, [FIRST, SECOND]) == [State.APPLIED, State.APPLIED, State.UNKNOWN]
    for refuse in (migrate.up, migrate.require_current):
        with pytest.raises(DatabaseUnusable, match="has migration 003_third, which this mailserver does not know"):
            refuse(database, migrations=[FIRST, SECOND])


def test_a_number_before_the_last_applied_is_refused(database: Any) -> None:
    migrate.up(database, migrations=[FIRST, THIRD])
    assert states(database, ALL) == [State.APPLIED, State.SKIPPED, State.APPLIED]
    with pytest.raises(DatabaseUnusable, match="002_second was never applied although later ones were"):
        migrate.up(database, migrations=ALL)


def test_a_database_of_another_program_is_refused_and_left_alone(database: Any) -> None:
    database.execute("CREATE TABLE people (id INTEGER PRIMARY KEY)")
    with pytest.raises(DatabaseUnusable, match="choose another data folder"):
        migrate.up(database, migrations=ALL)
    assert tables(database) == {"people"}


def test_versions_that_another_program_wrote_are_drift(database: Any) -> None:
    database.execute(VERSIONS)
    database.execute("INSERT INTO schema_migrations (version) VALUES (1)")
    assert states(database, ALL) == [State.CHANGED, State.PENDING, State.PENDING]


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to look at: " * 50)
    with pytest.raises(DatabaseUnusable, match="damaged"):
        migrate.up(connect(path))


def test_an_upgrade_leaves_a_copy_of_what_was_there(database: Any, path: Path) -> None:
    migrate.up(database, 1, migrations=ALL)
    assert copies(path) == []
    database.execute("INSERT INTO people (name) VALUES ('ann')")
    migrate.up(database, migrations=ALL)
    assert copies(path) == ["mail.db.schema-001"]
    copy = path.with_name("mail.db.schema-001")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    old = connect(copy)
    assert migrate.version(old) == 1
    assert old.execute("SELECT * FROM people").fetchall() == [(1, "ann")]
    old.close()


def test_nothing_to_do_means_no_copy(database: Any, path: Path) -> None:
    migrate.up(database, migrations=ALL)
    migrate.up(database, migrations=ALL)
    assert copies(path) == []


def test_no_upgrade_without_its_copy(database: Any, path: Path) -> None:
    migrate.up(database, 1, migrations=ALL)
    path.with_name("mail.db.schema-001").mkdir()
    with pytest.raises(DatabaseUnusable, match=r"002_second failed and nothing of it remains: .*Is a directory"):
        migrate.up(database, migrations=ALL)
    assert migrate.version(database) == 1
    assert not list(path.parent.glob("*.part"))


PEOPLE_ANEW = """
CREATE TABLE people_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO people_new SELECT id, name FROM {source};
DROP TABLE people;
ALTER TABLE people_new RENAME TO people;
"""
PARENTS = Migration(
    1,
    "parents",
    f"""{VERSIONS}
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE letters (id INTEGER PRIMARY KEY, person INTEGER REFERENCES people(id) ON DELETE CASCADE);""",
)


@pytest.fixture
def parents(database: Any) -> Any:
    migrate.up(database, migrations=[PARENTS])
    database.execute("INSERT INTO people VALUES (1, 'ann'), (2, 'bob')")
    database.execute("INSERT INTO letters (person) VALUES (1), (2), (2)")
    return database


def test_dropping_a_table_of_the_foundation_is_refused(parents: Any) -> None:
    careless = Migration(9, "careless", PEOPLE_ANEW.format(source="people"))
    with pytest.raises(DatabaseUnusable, match=r"009_careless drops people, .* put the line '-- rebuild' at its top"):
        migrate.up(parents, migrations=[PARENTS, careless])
    assert parents.execute("SELECT count(*) FROM letters").fetchone() == (3,)


def test_a_rebuild_keeps_the_children(parents: Any) -> None:
    rebuild = Migration(9, "rebuild", "-- rebuild\n" + PEOPLE_ANEW.format(source="people"))
    assert migrate.up(parents, migrations=[PARENTS, rebuild]) == [rebuild]
    assert parents.execute("SELECT count(*) FROM letters").fetchone() == (3,)
    assert parents.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_a_rebuild_that_loses_parents_is_undone(parents: Any) -> None:
    rebuild = Migration(9, "rebuild", "-- rebuild\n" + PEOPLE_ANEW.format(source="people WHERE id = 1"))
    with pytest.raises(DatabaseUnusable, match="would leave rows of letters without theirs in people"):
        migrate.up(parents, migrations=[PARENTS, rebuild])
    assert parents.execute("SELECT count(*) FROM people").fetchone() == (2,)
    assert parents.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_who_holds_the_lock_is_waited_for_and_then_named(database: Any, path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(migrate, "TURN_MILLISECONDS", 50)
    other = connect(path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(InUse):
        migrate.up(database, migrations=ALL)
    other.execute("ROLLBACK")
    other.close()
    assert database.execute("PRAGMA busy_timeout").fetchone() == (5000,)
    assert migrate.up(database, migrations=ALL) == ALL


KILLED = """
import os, sys
from pathlib import Path
from mailserver.store import migrate
from mailserver.store.database import connect
from tests.service.schema.test_runner import FIRST, SECOND, Migration
connection = connect(Path(sys.argv[1]))
connection.create_function("die", 0, lambda: os.kill(os.getpid(), 9))
migrate.up(connection, migrations=[FIRST, Migration(2, "second", SECOND.text + "SELECT die();")])
"""


def test_kill_in_the_middle_of_a_file_leaves_a_whole_version(path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    connection = connect(path)
    assert migrate.version(connection) == 1
    assert "pets" not in tables(connection)
    assert migrate.up(connection, migrations=ALL) == [SECOND, THIRD]
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


TWO = """
import sys
from pathlib import Path
from mailserver.store import migrate
from mailserver.store.database import connect
connection = connect(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(*(m.version for m in migrate.up(connection)))
"""


def test_two_processes_take_turns_and_apply_each_file_once(path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TWO, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for each in processes:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in processes:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    said = [each.communicate(timeout=60)[0].splitlines()[-1] for each in processes]
    assert [each.returncode for each in processes] == [0, 0]
    assert sorted(int(v) for line in said for v in line.split()) == [m.version for m in KNOWN]
    connection = connect(path)
    migrate.require_current(connection)
    connection.close()


def test_the_shells_sqlite_reads_what_the_runner_wrote(path: Path, database: Any) -> None:
    migrate.up(database)
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT max(version) FROM schema_migrations").fetchone() == (HEAD,)
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    other.close()


def test_create_writes_the_next_file(tmp_path: Path) -> None:
    (tmp_path / "007_seven.sql").write_text("SELECT 1;")
    made = migrate.create(tmp_path, "eight_more")
    assert made == tmp_path / "008_eight_more.sql"
    assert made.read_text().startswith("--")
    with pytest.raises(BadValue, match="'Bad Name' is no name for a migration"):
        migrate.create(tmp_path, "Bad Name")
    assert migrate.create(tmp_path / ".", "nine").name == "009_nine.sql"
