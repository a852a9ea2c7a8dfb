"""The bench of the queries runs; what it measures is for `make bench` to say."""

from pathlib import Path

import pytest

from tests.bench import queries


def test_every_query_is_measured_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(queries, "SECONDS_EACH", 0.001)
    rows = queries.main(0.001)
    timed = [row for row in rows if "median_ms" in row]
    assert [row["name"] for row in timed[: len(queries.QUERIES)]] == [query.name for query in queries.QUERIES]
    assert all(row["target_ms"] > 0 and ("ok" in row) != ("needs" in row) for row in timed)
    assert list(tmp_path.iterdir()) == []
