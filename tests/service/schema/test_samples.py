"""Every sample query of the published schema runs, at the published schema and at head."""

from collections.abc import Iterator
from typing import Any

import pytest
from pysqlite3 import dbapi2

from mailserver.store.migration_files import FOUNDATION
from tests.service.schema.databases import HEAD, fill, open_at
from tests.service.schema.samples import PARAMS, SAMPLES, Sample

# What the rows of `fill` must bring to light.
SOME_ROWS = {
    "001-a alias resolution": (1, "username-1", 1, None),
    "001-e conversation threads": (1, None, 0),
    "002-a calendar changes": ("uid-1", "etag-1"),
    "002-b ctag": ("ctag-1", "2026-01-02 03:04:05"),
    "004-a API limit": (1000, None, 1),
    "006 domains with DNS to mend": ("name-1", 0, 0, 0, 0),
}


@pytest.fixture(scope="module", params=[FOUNDATION, HEAD], ids=["008", "head"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    connection = open_at(tmp_path_factory.mktemp("samples") / "mail.db", request.param)
    fill(connection)
    connection.execute("UPDATE calendars SET updated_at = '2026-01-02 03:04:05'")
    connection.execute("UPDATE calendar_events SET updated_at = '2026-01-02 03:04:05'")
    yield connection
    connection.close()


@pytest.fixture
def database(filled: Any) -> Iterator[Any]:
    filled.execute("BEGIN")
    yield filled
    filled.execute("ROLLBACK")


def run(connection: Any, *statements: str) -> list[list[Any]]:
    return [connection.execute(sql, PARAMS).fetchall() for sql in statements]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_runs(database: Any, sample: Sample) -> None:
    if sample.fault is None:
        found = run(database, *sample.sql)
    else:
        assert sample.corrected is not None
        with pytest.raises(dbapi2.OperationalError, match=sample.fault):
            run(database, *sample.sql)
        found = run(database, sample.corrected)
    if sample.name in SOME_ROWS:
        assert SOME_ROWS[sample.name] in found[0]


def test_the_retry_as_published_starts_with_no_wait(database: Any) -> None:
    """It reads the old count: 0, 1, 4, 9 … minutes; the published text says 1, 4, 9 …, which the queue does."""
    retry = next(sample for sample in SAMPLES if sample.name == "001-g retry")
    due = []
    for _ in range(4):
        run(database, *retry.sql)
        due.append(
            database.execute("SELECT substr(next_attempt, 15, 2) FROM outbound_queue WHERE id = 1").fetchone()[0]
        )
    assert due == ["00", "01", "04", "09"]
