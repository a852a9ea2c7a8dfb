"""The bench of the queue runs; what it measures is for `make bench` to say."""

from pathlib import Path

import pytest

from tests.bench import queue


def test_every_step_is_measured_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(queue, "RUNS", 2)
    monkeypatch.setattr(queue, "CYCLES", 1)
    rows = queue.measure(finished=1000, waiting=200)
    assert len(rows) == 14
    assert all(row["median_ms"] > 0 for row in rows)
    assert list(tmp_path.iterdir()) == []
